// The controls leave after two quiet seconds and come back on any input; a tap of a finger calls or dismisses them.

const QUIET = 2000; // ms

export class Controls {
  #timer = 0;

  constructor(dialog) {
    this.dialog = dialog;
    dialog.addEventListener("pointermove", (event) => event.pointerType !== "touch" && this.wake());
    for (const name of ["keydown", "focusin"]) dialog.addEventListener(name, () => this.wake());
    this.#guardFingers();
  }

  /** A finger cannot know what it touches while the controls are away: that tap only brings them back. */
  #guardFingers() {
    let isBlind = false;
    const press = (event) => {
      isBlind = event.pointerType === "touch" && this.dialog.dataset.resting !== undefined;
    };
    const click = (event) => {
      if (!isBlind || !event.target.closest("[data-controls]")) return;
      isBlind = false;
      event.preventDefault();
      event.stopPropagation();
      this.wake();
    };
    this.dialog.addEventListener("pointerdown", press, true);
    this.dialog.addEventListener("click", click, true);
  }

  wake() {
    clearTimeout(this.#timer);
    delete this.dialog.dataset.resting;
    this.#timer = setTimeout(() => this.rest(), QUIET);
  }

  rest() {
    clearTimeout(this.#timer);
    const isBusy =
      this.dialog.dataset.facts !== undefined || this.dialog.querySelector("[data-controls]:hover, .toast");
    if (isBusy) this.wake();
    else this.dialog.dataset.resting = "";
  }

  toggle() {
    if (this.dialog.dataset.resting === undefined) this.rest();
    else this.wake();
  }

  stop() {
    clearTimeout(this.#timer);
    delete this.dialog.dataset.resting;
  }
}
