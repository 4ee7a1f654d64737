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

  /** Shows the facts of another picture, if the panel is open. */
  load(address) {
    if (!this.isOpen || !address) return;
    window.htmx.ajax("GET", address, { source: this.panel, target: this.panel, swap: "innerHTML" });
  }

  close() {
    if (this.isOpen) this.toggle("");
    this.panel.replaceChildren();
  }
}
