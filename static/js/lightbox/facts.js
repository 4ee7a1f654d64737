// The facts of the picture at hand: a panel that htmx fills from the picture's own address.

export class Facts {
  constructor(dialog) {
    this.dialog = dialog;
    this.panel = dialog.querySelector(".lightbox-facts");
    this.button = dialog.querySelector("[data-facts-toggle]");
  }

  get isOpen() {
    return !this.panel.hidden;
  }

  toggle(address) {
    this.panel.hidden = this.isOpen;
    this.dialog.toggleAttribute("data-facts", this.isOpen);
    this.button.setAttribute("aria-expanded", String(this.isOpen));
    this.load(address);
  }

  /** Shows the facts of another picture, if the panel is open; a control in it that had the focus has it again. */
  async load(address) {
    if (!this.isOpen || !address) return;
    const held = this.panel.contains(document.activeElement) ? document.activeElement : null;
    await window.htmx.ajax("GET", address, { source: this.panel, target: this.panel, swap: "innerHTML" });
    if (held && !held.isConnected) this.#twinOf(held)?.focus();
  }

  #twinOf(control) {
    const named = this.panel.querySelectorAll(`[name="${control.name}"]`);
    return [...named].find((other) => other.value === control.value) ?? named[0];
  }

  close() {
    if (this.isOpen) this.toggle("");
    this.panel.replaceChildren();
  }
}
