// The facts of the picture at hand: a panel that htmx fills from the picture's own address.

export class Facts {
  #shown = {}; // {address, expires}: an end is what may change while they are shown
  #before = null; // what a swap would lose: {picture, choice, control}

  constructor(dialog) {
    this.dialog = dialog;
    this.panel = dialog.querySelector(".lightbox-facts");
    this.button = dialog.querySelector("[data-facts-toggle]");
    this.panel.addEventListener("htmx:beforeSwap", (event) => this.#prepare(event));
    this.panel.addEventListener("htmx:afterSwap", () => this.#restore());
    this.panel.addEventListener("htmx:afterRequest", ({ target, detail }) => {
      if (target === this.panel && !detail.successful && this.#isWanted(detail)) this.#shown = {}; // They are asked for again.
    });
  }

  get isOpen() {
    return !this.panel.hidden;
  }

  /** Opens the panel for this tile's picture, or closes it. */
  toggle(link) {
    this.panel.hidden = this.isOpen;
    this.dialog.toggleAttribute("data-facts", this.isOpen);
    this.button.setAttribute("aria-expanded", String(this.isOpen));
    this.#shown = {};
    this.load(link);
  }

  /** Shows the facts of this tile's picture, if the panel is open and they are others than it shows. */
  async load(link) {
    if (!this.isOpen) return;
    const { address, expires } = this.#shown;
    const wanted = { address: link.href, expires: link.parentElement.dataset.expires };
    if (wanted.address === address && wanted.expires === expires) return;
    this.#shown = wanted;
    try {
      await window.htmx.ajax("GET", link.href, { source: this.panel, target: this.panel, swap: "innerHTML" });
    } catch {
      // no line: toasts.js says so
    }
  }

  /** Pictures that pass by quickly are left out: htmx asks for one at a time, and then for the last. */
  #prepare(event) {
    if (event.target !== this.panel) return;
    if (!this.#isWanted(event.detail)) {
      event.detail.shouldSwap = false;
      return;
    }
    const control = document.activeElement;
    this.#before = {
      picture: this.#picture,
      choice: this.#choice?.value,
      control: this.panel.contains(control) ? control : null,
    };
  }

  /** What was chosen for the same picture stays chosen, and a control that had the focus has it again. */
  #restore() {
    if (!this.#before) return;
    const { picture, choice, control } = this.#before;
    this.#before = null;
    if (choice && this.#choice && picture === this.#picture) this.#choice.value = choice;
    if (control && !control.isConnected) this.#twinOf(control)?.focus();
  }

  #isWanted({ pathInfo }) {
    return pathInfo.requestPath === this.#shown.address;
  }

  get #picture() {
    return this.panel.querySelector("[data-facts]")?.dataset.facts;
  }

  get #choice() {
    return this.panel.querySelector("select");
  }

  #twinOf(control) {
    const named = this.panel.querySelectorAll(`[name="${control.name}"]`);
    return [...named].find((other) => other.value === control.value) ?? named[0];
  }

  close() {
    if (this.isOpen) this.toggle(null);
    this.panel.replaceChildren();
  }
}
