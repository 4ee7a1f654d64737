// The facts of the picture at hand: a panel that htmx fills from the picture's own address.

export class Facts {
  #shown = {}; // {address, expires}: an end is what may change while they are shown

  constructor(dialog) {
    this.dialog = dialog;
    this.panel = dialog.querySelector(".lightbox-facts");
    this.button = dialog.querySelector("[data-facts-toggle]");
    this.panel.addEventListener("htmx:afterRequest", ({ target, detail }) => {
      if (target === this.panel && !detail.successful) this.#shown = {}; // They are asked for again.
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

  /** Shows the facts of this tile's picture, if the panel is open and they are others than it shows. What was chosen for the
   *  same picture stays chosen, and a control that had the focus has it again. */
  async load(link) {
    if (!this.isOpen) return;
    const { address, expires } = this.#shown;
    const wanted = { address: link.href, expires: link.parentElement.dataset.expires };
    if (wanted.address === address && wanted.expires === expires) return;
    this.#shown = wanted;
    const chosen = wanted.address === address ? this.#choice?.value : undefined;
    const held = this.panel.contains(document.activeElement) ? document.activeElement : null;
    try {
      await window.htmx.ajax("GET", link.href, { source: this.panel, target: this.panel, swap: "innerHTML" });
    } catch {
      return; // no line: toasts.js says so
    }
    if (chosen && this.#choice) this.#choice.value = chosen;
    if (held && !held.isConnected) this.#twinOf(held)?.focus();
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
