// One line of the panel. Built from the template's own markup; writes only what changed.

import { isSettled } from "./item.js";
import { describe, NOTES } from "./words.js";

export class Row {
  #shown = {};
  #hasThumb = false;

  constructor(template, item, { onAct }) {
    this.item = item;
    this.element = template.content.firstElementChild.cloneNode(true);
    this.part = (name) => this.element.querySelector(`[data-part="${name}"]`);
    this.part("name").textContent = item.name;
    this.part("name").title = item.name;
    this.part("bar").setAttribute("aria-label", item.name);
    this.part("act").setAttribute("aria-label", `Try again: ${item.name}`);
    for (const [part, act] of Object.entries({ act: "retry", hold: "hold", drop: "drop" })) {
      this.part(part).addEventListener("click", () => onAct(item, act));
    }
  }

  update(now) {
    const { item } = this;
    this.#showThumb(item);
    if (isSettled(item) && !item.canRetry) item.thumb = null;
    this.#set("state", item.state, (state) => {
      this.element.dataset.state = state;
      this.part("bar").hidden = isSettled(item);
    });
    this.#set("words", describe(item, now), (words) => {
      this.part("state").textContent = words;
    });
    this.#set("bar", this.#progress(item), (value) => {
      if (value === null) this.part("bar").removeAttribute("value");
      else this.part("bar").value = value;
    });
    this.#set("act", item.state === "failed" && item.canRetry, (isOffered) => {
      this.part("act").hidden = !isOffered;
    });
    this.#set("hold", this.#holdLabel(item), (label) => {
      this.part("hold").hidden = !label;
      this.part("hold").setAttribute("aria-label", `${label} ${item.name}`);
      this.element.toggleAttribute("data-held", item.isHeld);
    });
    this.#set("drop", this.#dropLabel(item), (label) => {
      this.part("drop").hidden = !label;
      this.part("drop").setAttribute("aria-label", `${label} ${item.name}`);
    });
    const note = item.state === "sending" ? (NOTES[item.reason] ?? "") : "";
    this.#set("note", note, (words) => {
      this.part("note").textContent = words;
    });
  }

  #set(name, value, write) {
    if (this.#shown[name] === value) return;
    this.#shown[name] = value;
    write(value);
  }

  /** null: busy for an unknown time. */
  #progress(item) {
    if (item.state === "waiting") return 0;
    if (item.state === "sending") return Math.round((item.sent / item.blobSize) * 100);
    return null;
  }

  #holdLabel(item) {
    if (isSettled(item) || item.state === "checking" || item.state === "compressing") return "";
    return item.isHeld ? "Go on with" : "Pause";
  }

  #dropLabel(item) {
    if (item.state === "failed") return "Remove from the list:";
    return isSettled(item) || item.state === "checking" ? "" : "Cancel";
  }

  /** The object URL lives only until the small picture is decoded; the picture stays, for a line that goes and comes back. */
  #showThumb(item) {
    if (!item.thumb || this.#hasThumb) return;
    this.#hasThumb = true;
    const image = this.part("thumb");
    const url = URL.createObjectURL(item.thumb);
    const forget = () => URL.revokeObjectURL(url);
    image.addEventListener("load", forget, { once: true });
    image.addEventListener("error", forget, { once: true });
    image.src = url;
  }
}
