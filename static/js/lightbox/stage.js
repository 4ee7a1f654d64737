// The stage: the slide in the middle and its neighbours beside it, already loading.
import { WHOLE, clamp, zoomAt } from "./fit.js";
import { Slide } from "./slide.js";

const GAP = 24; // px between two slides
const STEP = 2.5; // of a double tap

export class Stage {
  constructor(element) {
    this.element = element;
    this.slides = []; // [previous, current, next]; ends are null
    new ResizeObserver(() => this.layout()).observe(element);
  }

  get size() {
    return { width: this.element.clientWidth, height: this.element.clientHeight };
  }

  get current() {
    return this.slides[1] ?? null;
  }

  /** Shows these tiles (null where there is none); slides that are there already are kept, and so is the view of the one
   *  that stays in the middle. */
  show(previous, current, next) {
    const view = this.current?.link === current ? this.current.view : WHOLE;
    const known = new Map(this.slides.filter(Boolean).map((slide) => [slide.link, slide]));
    this.slides = [previous, current, next].map((link) => link && (known.get(link) ?? new Slide(link)));
    this.element.replaceChildren(...this.slides.filter(Boolean).map((slide) => slide.element));
    this.slides.forEach((slide, index) => {
      slide?.setCurrent(index === 1, slide.link.dataset.name);
    });
    this.layout(view);
  }

  layout(view = WHOLE) {
    const size = this.size;
    if (!size.width || !this.current) return;
    for (const slide of this.slides) slide?.layout(size);
    this.current.show(view);
    this.slide(0);
  }

  /** Moves all slides by `dx` px from their places. */
  slide(dx, settling = false) {
    const width = this.size.width + GAP;
    this.slides.forEach((slide, index) => {
      slide?.shift((index - 1) * width + dx, 0, settling);
    });
  }

  /** Pulls the middle slide down by `dy` px. */
  pull(dy, settling = false) {
    this.current.shift(0, dy, settling);
  }

  zoom(factor, point = { x: this.size.width / 2, y: this.size.height / 2 }, settling = false) {
    const { current } = this;
    current.show(zoomAt(current.view, factor, point, current.box, this.size, current.most), settling);
  }

  pan(dx, dy) {
    const { view, box } = this.current;
    this.current.show(clamp({ scale: view.scale, x: view.x + dx, y: view.y + dy }, box, this.size));
  }

  toggleZoom(point) {
    if (this.current.isZoomed) this.current.show(WHOLE, true);
    else this.zoom(STEP, point, true);
  }

  whole() {
    this.current.show(WHOLE, true);
  }

  clear() {
    this.slides = [];
    this.element.replaceChildren();
  }
}
