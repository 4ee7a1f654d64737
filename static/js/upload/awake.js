// While photos are on their way: the screen stays on, and closing the page asks when that would lose something.

/** Screen wake lock (https only). `update(isWanted)` as often as you like. */
export class ScreenLock {
  #lock = null;
  #isWanted = false;

  constructor(wakeLock = navigator.wakeLock) {
    this.wakeLock = wakeLock;
    // The system takes the lock away when the page is hidden.
    document.addEventListener("visibilitychange", () => this.#follow());
  }

  update(isWanted) {
    if (isWanted === this.#isWanted) return;
    this.#isWanted = isWanted;
    this.#follow();
  }

  async #follow() {
    if (!this.wakeLock) return;
    if (!this.#isWanted) {
      this.#lock?.release().catch(() => {});
      this.#lock = null;
    } else if (!document.hidden && (!this.#lock || this.#lock.released)) {
      this.#lock = await this.wakeLock.request("screen").catch(() => null); // saving battery: it may
      if (!this.#isWanted) this.#lock?.release().catch(() => {});
    }
  }
}

/** @param wouldLose whether leaving now loses something */
export function guardLeaving(wouldLose) {
  window.addEventListener("beforeunload", (event) => {
    if (!wouldLose()) return;
    event.preventDefault();
    event.returnValue = true; // what Chrome and Edge before 119 ask for
  });
}
