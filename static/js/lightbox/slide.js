// One picture on the stage: its placeholder or thumbnail at once, the preview when it is there, the original when the
// person zooms beyond what the preview holds.
import { fit, mostZoom, WHOLE } from "./fit.js";

const PREVIEW = 1600; // px, long edge

function image(className, source) {
  const element = document.createElement("img");
  element.className = className;
  element.alt = "";
  element.draggable = false;
  if (source) element.src = source;
  return element;
}

export class Slide {
  constructor(link) {
    this.link = link;
    this.id = link.dataset.id;
    this.width = Number(link.dataset.w) || 1;
    this.height = Number(link.dataset.h) || 1;
    this.view = WHOLE;
    this.element = document.createElement("figure");
    this.element.className = "slide";
    this.frame = document.createElement("div");
    this.frame.className = "slide-frame";
    const thumbnail = link.querySelector(".tile-over");
    const isThere = thumbnail?.complete && thumbnail.naturalWidth > 0;
    this.frame.append(
      image("slide-under", isThere ? thumbnail.currentSrc : link.querySelector(".tile-under")?.src),
    );
    this.element.append(this.frame);
    this.#loadPreview();
  }

  #loadPreview() {
    const preview = image("slide-preview");
    preview.dataset.loading = "";
    preview.addEventListener("load", () => {
      delete preview.dataset.loading;
      this.element.querySelector(".slide-problem")?.remove();
    });
    preview.addEventListener("error", () => this.#say("This photo did not load."));
    preview.src = this.link.dataset.preview;
    this.preview = preview;
    this.frame.append(preview);
  }

  #say(sentence) {
    if (this.element.querySelector(".slide-problem")) return;
    const words = document.createElement("figcaption");
    words.className = "slide-problem";
    words.textContent = sentence;
    this.element.append(words);
  }

  /** Lays the picture out on a stage of this size, whole. */
  layout(stage) {
    this.stage = stage;
    this.box = fit(this.width, this.height, stage);
    this.most = mostZoom(this.width, this.box);
    this.frame.style.width = `${this.box.width}px`;
    this.frame.style.height = `${this.box.height}px`;
    this.show(WHOLE);
  }

  show(view, settling = false) {
    this.view = view;
    this.frame.toggleAttribute("data-settling", settling);
    this.frame.style.transform =
      view.scale === 1 && !view.x && !view.y
        ? ""
        : `translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
    const shown = Math.max(this.box.width, this.box.height) * view.scale * devicePixelRatio;
    if (shown > PREVIEW * 1.25 && Math.max(this.width, this.height) > PREVIEW) this.#loadOriginal();
  }

  #loadOriginal() {
    // Where downloads are counted, looking closely is not one.
    if (this.original || !this.link.dataset.original || this.link.closest("[data-counted]")) return;
    this.original = image("slide-preview");
    this.original.dataset.loading = "";
    this.original.addEventListener("load", () => delete this.original.dataset.loading);
    this.original.addEventListener("error", () => this.original.remove()); // A format that this browser cannot show.
    this.original.src = this.link.dataset.original;
    this.frame.append(this.original);
  }

  get isZoomed() {
    return this.view.scale > 1.01;
  }

  /** Puts the whole slide `offset` px beside its place: 0 is the middle. */
  shift(offsetX, offsetY = 0, settling = false) {
    this.element.toggleAttribute("data-settling", settling);
    this.element.style.transform = offsetX || offsetY ? `translate(${offsetX}px, ${offsetY}px)` : "";
  }

  /** Only the slide in the middle is there for readers and fingers. */
  setCurrent(isCurrent, name) {
    this.element.inert = !isCurrent;
    this.preview.alt = isCurrent ? name : "";
  }
}
