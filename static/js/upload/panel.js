// The panel: head, lines, what is finished, the pill. Draws what the queue says; decides nothing about uploads.

import { Announcer } from "./announce.js";
import { isSafe } from "./item.js";
import { Rows } from "./rows.js";
import { describe, headline, lighterWords, lostWords, NOTES, offerWords, progressWords } from "./words.js";

/** Least time between two drawings, in milliseconds, unless a person pressed something. */
const PAUSE = 500;
/** While something counts down or lingers, the panel draws itself again after this long. */
const TICK = 1_000;
const MOST_FINISHED = 500;

export class Panel {
  #drawnAt = 0;
  #listed = 0; // how many were safe when their list was drawn
  #soon = 0; // timer of what changed
  #tick = 0; // timer of what changes with time alone

  /** @param actions {read(), act(item, what), pause(), resume(), retryFailed(), cancelAll(), clear(), sendLighter(),
   *   close(), takeUp(), forget()}; `what` was pressed on the item's line: "retry", "hold" or "drop" */
  constructor(root, actions) {
    this.root = root;
    this.actions = actions;
    this.part = (name) => root.querySelector(`[data-part="${name}"]`);
    this.rows = new Rows(this.part("rows"), this.part("row"), {
      onAct: (item, act) => this.#press(() => actions.act(item, act)),
      onLost: () => this.part("head").focus(),
    });
    this.announcer = new Announcer(this.part("live"));
    const on = (name, act) => this.part(name).addEventListener("click", () => this.#press(act));
    on("pause", () => (actions.read().summary.isPaused ? actions.resume() : actions.pause()));
    on("continue", actions.resume);
    on("retry", actions.retryFailed);
    on("cancel", actions.cancelAll);
    on("clear", actions.clear);
    on("send-lighter", actions.sendLighter);
    on("close", () => this.close());
    on("take-up", actions.takeUp);
    on("forget", actions.forget);
    on("fold", () => this.fold(true));
    on("pill", () => this.fold(false));
    this.part("finished").addEventListener("toggle", () => this.draw());
    this.part("panel").addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation(); // to the page it means its selection
      this.#press(() => (this.part("close").hidden ? this.fold(true) : this.close()));
    });
  }

  open() {
    const wasOnPill = document.activeElement === this.part("pill");
    this.part("panel").hidden = false;
    this.part("pill").hidden = true;
    this.draw();
    if (wasOnPill) this.part("head").focus();
  }

  fold(isFolded) {
    this.part("panel").hidden = isFolded;
    this.part("pill").hidden = !isFolded;
    this.part(isFolded ? "pill" : "head").focus();
  }

  /** What a press did is shown at once: who sees nothing presses again, and takes it back. */
  #press(act) {
    act();
    this.draw();
  }

  /** Draw soon; many calls make one drawing. */
  invalidate() {
    this.#soon ||= setTimeout(() => this.draw(), Math.max(0, PAUSE - (performance.now() - this.#drawnAt)));
  }

  draw() {
    clearTimeout(this.#soon);
    clearTimeout(this.#tick);
    this.#soon = 0;
    const now = performance.now();
    this.#drawnAt = now;
    const state = this.actions.read();
    const focused = document.activeElement;
    const isOurs = this.part("panel").contains(focused);
    this.#drawHead(state);
    this.#drawPill(state.summary);
    this.#drawLists(state, now);
    this.announcer.update(state.summary, now, this.#news(state));
    // A button that had the focus and went: the head is where one reads what has become of it.
    if (isOurs && (!focused.isConnected || focused.closest("[hidden]"))) this.part("head").focus();
    if (
      state.summary.left > 0 ||
      this.part("rows").querySelector('[data-state="done"],[data-state="duplicate"]')
    ) {
      this.#tick = setTimeout(() => this.draw(), TICK);
    }
  }

  /** What is shown outside the lists and the head: sentences, "" for what is not. */
  #news({ summary, halted, hold, unread, offer }) {
    const isPaused = summary.isPaused && summary.left > 0 && !halted;
    const short = this.part("short");
    return [
      halted,
      hold,
      unread,
      summary.left > 0 ? "" : lighterWords(summary.lighter),
      offer ? `${offerWords(offer)}. ${lostWords(offer.missing)}`.trim() : "",
      isPaused ? "Paused." : "",
      short.hidden ? "" : short.textContent,
    ];
  }

  #drawHead({
    summary,
    estimate,
    speed,
    halted,
    hold,
    unread,
    offer,
    isShort,
    isGuess,
    wouldLose,
    elsewhere,
    retryable,
  }) {
    const isBusy = summary.left > 0;
    const idle = offer ? offerWords(offer) : "Add photos";
    write(this.part("head"), summary.total > 0 ? headline(summary, estimate, isGuess) : idle);
    write(this.part("progress"), isBusy ? hold || progressWords(summary, speed) : "");
    const bar = this.part("all");
    bar.hidden = !isBusy;
    bar.value = estimate.fraction;
    this.part("pause").hidden = !isBusy || halted !== "";
    write(this.part("pause"), summary.isPaused ? "Resume" : "Pause");
    this.part("close").hidden = isBusy;
    this.part("fold").hidden = !isBusy;
    this.part("cancel").hidden = !isBusy;
    this.part("ways").hidden = isBusy; // room for the list; dropping and the page's own button still add
    this.part("retry").hidden = retryable < 2;
    this.part("halt").hidden = halted === "";
    write(this.part("halted"), halted);
    this.part("sign-in").target = wouldLose ? "_blank" : "";
    this.#drawOffer(offer, summary.total > 0);
    this.part("clear").hidden = isBusy || summary.failed < 2;
    this.#drawElsewhere(elsewhere);
    this.part("unread").hidden = unread === "";
    write(this.part("unread"), unread);
    this.part("lighter").hidden = isBusy || summary.lighter === 0;
    write(this.part("lighter-words"), lighterWords(summary.lighter));
    this.part("short").hidden = !isShort || !isBusy;
  }

  /** @param isHeadTaken whether the head speaks of something else */
  #drawOffer(offer, isHeadTaken) {
    this.part("offer").hidden = !offer;
    if (!offer) return;
    const what = isHeadTaken ? `${offerWords(offer)}.` : "From an earlier visit.";
    write(this.part("offered"), `${what} ${lostWords(offer.missing)}`.trim());
    this.part("take-up").hidden = offer.left === 0;
    write(this.part("forget"), offer.left + offer.lost === 1 ? "Forget it" : "Forget them");
  }

  /** Photos that go to another gallery than this page's: the way there. */
  #drawElsewhere(target) {
    this.part("elsewhere").hidden = !target;
    if (!target) return;
    const link = this.part("elsewhere").querySelector("a");
    link.href = target.galleryUrl;
    write(link, target.title);
  }

  #drawPill(summary) {
    const safe = summary.done + summary.duplicate;
    const words = summary.left > 0 ? `${summary.left} left` : `${safe} safe`;
    write(this.part("left"), summary.left + safe > 0 ? words : "");
    write(this.part("need"), summary.failed > 0 ? needWords(summary.failed) : "");
  }

  #drawLists({ items, summary }, now) {
    const hidden = this.rows.update(items, now);
    write(this.part("more"), hidden > 0 ? `${hidden} more wait` : "");
    const safe = summary.done + summary.duplicate;
    const finished = this.part("finished");
    finished.hidden = safe === 0;
    write(this.part("safe"), `${safe} safe`);
    const listed = finished.open ? safe : 0;
    if (listed === this.#listed) return;
    this.#listed = listed;
    const last = finished.open ? items.filter(isSafe).slice(-MOST_FINISHED) : [];
    this.part("finished-list").replaceChildren(...last.map(finishedLine));
  }

  /** What still needs the person leaves the pill. */
  close() {
    const hadFocus = this.part("panel").contains(document.activeElement);
    this.actions.close();
    if (this.actions.read().summary.failed > 0) return this.fold(true);
    this.part("panel").hidden = true;
    if (!hadFocus) return;
    const choosers = [...document.querySelectorAll("[data-upload-choose]")]; // in an empty gallery one is hidden
    choosers.find((each) => each.getClientRects().length > 0)?.focus();
  }
}

function finishedLine(item) {
  const line = document.createElement("li");
  const name = document.createElement("span");
  name.textContent = item.name;
  const words = document.createElement("span");
  words.textContent = [describe(item, 0), NOTES[item.reason]].filter(Boolean).join(" \u00b7 ");
  line.append(name, words);
  return line;
}

function needWords(count) {
  return count === 1 ? "1 needs you" : `${count} need you`;
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
