"""The queue alone, in Chromium: its outside world is made up, its clock is turned by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

pytestmark = pytest.mark.browser
Play = Callable[..., Any]

# `world(plan)` is a queue of small files. plan.answers: for a file's name the outcomes in turn, then it is stored;
# plan.more: what else the queue is given.
WORLD = """
const { UploadQueue } = await import("/static/js/upload/queue.js");
const target = { galleryId: "g", uploadUrl: "/g/g/upload/", checkUrl: "/g/g/check/", title: "Summer" };
const lost = { kind: "retry", cause: "network", wait: null, sentence: "Connection lost." };

async function until(holds) {
  for (let turn = 0; turn < 2000 && !holds(); turn += 1) await new Promise((go) => setTimeout(go));
  if (!holds()) throw new Error(`never: ${holds}`);
}

class World {
  now = 0;
  sent = [];
  kept = new Map();
  changes = 0;
  timers = new Set();

  constructor({ answers = {}, more = {} } = {}) {
    let keys = 0;
    const keeper = {
      take: (items) => items.forEach((item) => this.kept.set(item.key, item.name)),
      keep: async () => {},
      drop: (items) => items.forEach((item) => this.kept.delete(item.key)),
    };
    this.queue = new UploadQueue({
      hash: async (file) => file.name,
      ask: async () => ({}),
      prepare: async (file) => ({ blob: file, reason: "", renditions: {} }),
      send: async (item, hooks) => {
        this.sent.push(item.name);
        const answer = answers[item.name]?.shift() ?? { kind: "stored", duplicate: false };
        return typeof answer === "function" ? answer(item, hooks) : answer;
      },
      newKey: () => `key-${(keys += 1)}`,
      keeper,
      onChange: () => (this.changes += 1),
      isOnline: () => true,
      now: () => this.now,
      random: () => 0.5,
      later: (act, milliseconds) => {
        const timer = { act, at: this.now + milliseconds };
        this.timers.add(timer);
        return () => this.timers.delete(timer);
      },
      ...more,
    });
  }

  add(...names) {
    this.queue.add(names.map((name) => new File([name], name)), target);
  }

  pass(seconds) {
    this.now += seconds * 1000;
    for (const timer of [...this.timers]) {
      if (timer.at <= this.now && this.timers.delete(timer)) timer.act();
    }
  }

  get states() {
    return Object.fromEntries(this.queue.items.map((item) => [item.name, item.state]));
  }

  item(name) {
    return this.queue.items.find((each) => each.name === name);
  }

  ended(left = 0) {
    return until(() => this.queue.summary().left === left);
  }
}
"""


@pytest.fixture
def play(blank_page: Page) -> Play:
    """Run a scene: the body of an async function that sees WORLD."""

    def run(scene: str, argument: Any = None) -> Any:
        return blank_page.evaluate(f"async (given) => {{ {WORLD} {scene} }}", argument)

    return run


def test_what_is_at_its_end_holds_on_to_nothing(play: Play) -> None:
    held = play(
        """
        const refused = { kind: "refused", sentence: "No.", isFinal: true };
        const world = new World({ answers: { b: [refused], c: [lost] } });
        world.add("a", "b", "c");
        await until(() => world.item("c").retryAt > 0);
        world.queue.cancel(world.item("c"));
        await world.ended();
        const held = ({ state, file, blob, controller, line }) => [state, file, blob, controller, line];
        return world.queue.items.map(held);
        """
    )
    assert held == [[state, None, None, None, None] for state in ("done", "failed", "cancelled")]


def test_what_is_released_is_told_in_bytes(play: Play) -> None:
    """The collector does not see how large a blob is; a chosen file lies on the disk and holds no memory."""
    released = play(
        """
        const released = [];
        const prepare = async (file) => ({
          blob: file.name === "as it is" ? file : new Blob(["x".repeat(100)]),
          reason: "",
          renditions: { preview: new Blob(["y".repeat(10)]) },
        });
        const full = { kind: "refused", sentence: "Full.", isFinal: false };
        const more = { prepare, onReleased: (bytes) => released.push(bytes) };
        const world = new World({ answers: { full: [full] }, more });
        world.add("lighter", "as it is", "full");
        await world.ended();
        const before = [...released].sort((one, other) => one - other);
        world.queue.retryFailed();
        await world.ended();
        return [before, released.length];
        """
    )
    assert released == [[10, 110], 3]


def test_closing_keeps_what_can_be_tried_again(play: Play) -> None:
    kept, states, later = play(
        """
        const broken = { kind: "refused", sentence: "Full.", isFinal: false };
        const final = { kind: "refused", sentence: "No.", isFinal: true };
        const world = new World({ answers: { b: [broken], c: [final] } });
        world.add("a", "b", "c");
        await world.ended();
        world.queue.forgetSettled((item) => !item.canRetry); // as the panel's close button
        const seen = [[...world.kept.values()], world.states];
        world.queue.retryFailed();
        await world.ended();
        return [...seen, world.states];
        """
    )
    assert kept == ["b"]
    assert states == {"b": "failed"}
    assert later == {"b": "done"}


def test_dismissed_failure_is_forgotten(play: Play) -> None:
    assert (
        play(
            """
            const world = new World({ answers: { a: [{ kind: "refused", sentence: "Full.", isFinal: false }] } });
            world.add("a");
            await world.ended();
            world.queue.dismiss(world.item("a"));
            return [...world.kept.values(), ...Object.keys(world.states)];
            """
        )
        == []
    )


def test_cancelling_thousands_is_one_step(play: Play) -> None:
    changes, states = play(
        """
        const world = new World();
        world.queue.pause();
        world.add(...Array.from({ length: 3000 }, (_, index) => `${index}`));
        const before = world.changes;
        world.queue.cancelAll();
        return [world.changes - before, Object.values(world.states).filter((state) => state === "cancelled").length];
        """
    )
    assert (changes < 10, states) == (True, 3000)


def test_no_line_uses_up_no_tries(play: Play) -> None:
    state, sent = play(
        """
        let isOnline = false;
        const answers = { a: Array.from({ length: 100 }, () => lost) };
        const world = new World({ answers, more: { isOnline: () => isOnline } });
        world.add("a");
        for (let night = 1; night <= 100; night += 1) {
          await until(() => world.item("a").retryAt > 0 && world.sent.length === night);
          if (night < 100) world.pass(25);
        }
        isOnline = true;
        world.queue.goOnline();
        await world.ended();
        return [world.item("a").state, world.sent.length];
        """
    )
    assert (state, sent) == ("done", 101)


def test_line_that_is_back_wakes_what_had_given_up(play: Play) -> None:
    given_up, states = play(
        """
        const full = { kind: "refused", sentence: "Full.", isFinal: false };
        const answers = { a: Array.from({ length: 16 }, () => lost), b: [full] };
        const world = new World({ answers });
        world.add("a", "b");
        for (let tries = 1; world.item("a").state !== "failed"; tries += 1) {
          await until(() => world.item("a").retryAt > world.now || world.item("a").state === "failed");
          world.pass(25);
        }
        const seen = world.states;
        world.queue.goOnline();
        await world.ended();
        return [seen, world.states];
        """
    )
    assert given_up == {"a": "failed", "b": "failed"}
    assert states == {"a": "done", "b": "failed"}  # another cause: the person's turn


def test_slow_line_carries_one_and_what_waits_for_its_answer_is_no_load(play: Play) -> None:
    """A site that is long about one photo must not hold the others back, however slow the line seems."""
    before, after, left = play(
        """
        const gates = new Map();
        const gate = (name) => new Promise((open) => gates.set(name, open));
        const hangs = async (item, hooks) => {
          await gate(`${item.name} left`);
          hooks.onSent();
          await gate(`${item.name} answered`);
          return { kind: "stored", duplicate: false };
        };
        const names = ["a", "b", "c", "d"];
        const answers = Object.fromEntries(names.map((name) => [name, [hangs]]));
        const world = new World({ answers, more: { speed: () => 1000 } });
        world.add(...names);
        const leaves = (name) => until(() => gates.has(`${name} left`));
        await leaves("a");
        await until(() => names.every((name) => world.item(name).blob));
        const before = [...world.sent];
        gates.get("a left")();
        await leaves("b");
        gates.get("b left")();
        await leaves("c");
        gates.get("c left")();
        await until(() => gates.has("c answered"));
        const after = [...world.sent];
        gates.get("b answered")();
        await leaves("d");
        return [before, after, world.queue.summary().left];
        """
    )
    assert before == ["a"]
    assert after == ["a", "b", "c"]  # three at once at most, all of them with the site
    assert left == 3


def test_session_that_ended_narrows_nothing(play: Play) -> None:
    """The site answers well; only errors and slow lines make it fewer at once."""
    widths = play(
        """
        const ended = { kind: "signed-out", sentence: "You are no longer signed in." };
        const broken = { kind: "retry", cause: "server", wait: null, sentence: "No." };
        const world = new World({ answers: { a: [ended], b: [ended], c: [ended, broken] } });
        world.add("a", "b", "c");
        await until(() => world.queue.halted && world.sent.length === 3);
        await until(() => Object.values(world.states).every((state) => state === "waiting"));
        const widths = [world.queue.pace.width];
        world.queue.resume();
        await until(() => world.item("c").retryAt > 0);
        return [...widths, world.queue.pace.width];
        """
    )
    assert widths == [3, 2]


def test_session_that_is_back_lifts_no_pause(play: Play) -> None:
    """The token is renewed without asking; who paused has not said "go on"."""
    seen = play(
        """
        const ended = { kind: "signed-out", sentence: "You are no longer signed in." };
        const world = new World({ answers: { a: [ended] } });
        world.add("a", "b", "c");
        await until(() => world.item("c").state === "done" && world.queue.halted);
        await until(() => world.item("a").state === "waiting");
        world.queue.pauseOne(world.item("a"));
        world.queue.pause();
        world.queue.lift();
        const { halted, isPaused } = world.queue;
        const seen = [halted, isPaused, world.item("a").isHeld, world.item("a").state];
        world.queue.resume();
        await world.ended();
        return [...seen, world.item("a").state];
        """
    )
    assert seen == ["", True, True, "waiting", "done"]


def test_long_retry_after_holds_all_and_fails_nothing(play: Play) -> None:
    seen, hold, sent, states = play(
        """
        const wait = { kind: "retry", cause: "busy", wait: 3600, sentence: "Too many photos this hour." };
        const world = new World({ answers: { a: [wait] } });
        world.add("a");
        await until(() => world.item("a").retryAt > 0);
        world.add("b", "c");
        await until(() => world.item("c").blob);
        const seen = world.states;
        const hold = [Math.round(world.queue.holdsFor / 1000), world.queue.holdSentence];
        world.queue.wake();
        world.pass(3000);
        const sent = [...world.sent];
        world.pass(700);
        await world.ended();
        return [seen, hold, sent, world.states];
        """
    )
    assert set(seen.values()) == {"waiting"}
    assert hold == [3600, "Too many photos this hour."]
    assert sent == ["a"]
    assert set(states.values()) == {"done"}


def test_file_that_changed_has_its_own_sentence(play: Play) -> None:
    """A request whose file cannot be read fails as one whose line breaks does."""
    state, sentence, can_retry, sent = play(
        """
        class Gone extends File {
          slice() {
            return { arrayBuffer: () => Promise.reject(new DOMException("gone", "NotReadableError")) };
          }
        }
        const world = new World({ answers: { a: [lost] }, more: {
          prepare: async (file) => ({ blob: new Gone(["a"], "a"), reason: "", renditions: {} }),
        } });
        world.add("a");
        await world.ended();
        const { state, sentence, canRetry } = world.item("a");
        return [state, sentence, canRetry, world.sent.length];
        """
    )
    assert (state, can_retry, sent) == ("failed", False, 1)
    assert sentence == "This file was changed or moved after you chose it. Choose it again."


def test_photo_tried_again_while_its_drop_is_being_asked_about_is_sent_once(play: Play) -> None:
    """It could not be read, and the others of its drop are hashed still."""
    sent, states = play(
        """
        let goOn;
        const asked = new Promise((go) => (goOn = go));
        const hash = async (file) => {
          if (file.name === "a") throw new DOMException("in the cloud", "NotReadableError");
          return asked.then(() => file.name);
        };
        const world = new World({ more: { hash } });
        world.add("a", "b");
        await until(() => world.item("a").state === "failed");
        world.queue.retryFailed();
        world.queue.pauseOne(world.item("a"));
        await until(() => world.item("a").blob && world.item("a").state === "waiting");
        goOn();
        await until(() => world.item("b").state === "done");
        world.queue.resumeOne(world.item("a"));
        await world.ended();
        return [world.sent, world.states];
        """
    )
    assert sent == ["b", "a"]
    assert states == {"a": "done", "b": "done"}


def test_kept_photo_whose_file_is_gone_is_sent_without_a_hash(play: Play) -> None:
    """Hashing it took too long on the earlier visit; what it became is all that there is."""
    sent, states = play(
        """
        const hash = async (file) => file.name; // as of nothing: TypeError
        const world = new World({ more: { hash } });
        const batch = { id: "b", total: 1 };
        const blob = new Blob(["a"]);
        const record = { target, batch, key: "k", name: "a", size: 9, sourceSha256: "", blob, fields: {} };
        world.queue.restore([record]);
        await world.ended();
        return [world.sent, world.states];
        """
    )
    assert (sent, states) == (["a"], {"a": "done"})


RESTORED = """
const ask = async (to, hashes) => {
  return Object.fromEntries(hashes.map((hash) => [hash, { image: "i", width: 1, height: 1, exact: hash === "same" }]));
};
const world = new World({ more: { ask } });
world.queue.options.quality = "original";
const batch = { id: "b", total: 1 };
const photo = new File(["a"], "a");
const record = (name, held) => ({ target, batch, key: name, name, size: 1, sourceSha256: name, ...held });
"""


def test_photo_that_was_never_sent_is_not_called_safe_for_what_was_there(play: Play) -> None:
    """Of another app, or left by an earlier visit before it was compressed: a lighter form, or the same, is here."""
    states, can_be_sent = play(
        RESTORED
        + """
        world.queue.restore([record("same", { file: photo }), record("other", { file: photo })]);
        await world.ended();
        const canBeSent = world.queue.items.map(({ isLighter, file }) => isLighter && file === photo);
        const states = world.states;
        world.queue.sendLighter();
        await world.ended();
        return [[states, world.states], canBeSent];
        """
    )
    assert states[0] == {"same": "duplicate", "other": "duplicate"}
    assert states[1] == {"same": "duplicate", "other": "done"}
    assert can_be_sent == [False, True]


def test_photo_that_may_have_been_sent_is_safe_when_it_is_there_and_only_then(play: Play) -> None:
    """A lighter form of it that is there is another upload: the person wanted this one beside it."""
    states, sent = play(
        RESTORED
        + """
        const made = { blob: new Blob(["a"]), fields: {}, quality: "original" };
        world.queue.restore([record("same", made), record("other", made)]);
        await world.ended();
        return [world.states, world.sent];
        """
    )
    assert states == {"same": "done", "other": "done"}
    assert sent == ["other"]


def test_cancelled_while_it_waits_for_another_try_takes_nobodys_turn(play: Play) -> None:
    """Also when as many as are allowed are being compressed."""
    states, sent = play(
        """
        const prepare = async (file) => {
          if (file.name === "b") await new Promise(() => {});
          return { blob: file, reason: "", renditions: {} };
        };
        const world = new World({ answers: { a: [lost] }, more: { prepare, limits: { prepare: 1 } } });
        world.add("a", "b");
        await until(() => world.item("a").retryAt > 0 && world.item("b").state === "compressing");
        world.queue.cancel(world.item("a"));
        world.queue.wake();
        return [world.states, world.sent];
        """
    )
    assert states == {"a": "cancelled", "b": "compressing"}
    assert sent == ["a"]


def test_photos_that_stand_aside_stop_no_other(play: Play) -> None:
    """However many were paused one by one, once they were ready."""
    states = play(
        """
        const world = new World({ more: { limits: { ahead: 2 } } });
        world.queue.pause();
        world.add("a", "b", "c", "d", "e");
        await until(() => world.queue.items.every((item) => item.sourceSha256));
        for (const name of ["a", "b", "c"]) world.queue.pauseOne(world.item(name));
        world.queue.isPaused = false;
        world.queue.wake();
        await world.ended(3);
        for (const name of ["a", "b", "c"]) {
          world.queue.resumeOne(world.item(name));
          world.queue.pauseOne(world.item(name));
        }
        await until(() => ["a", "b", "c"].every((name) => world.item(name).blob));
        world.add("f", "g");
        await world.ended(3);
        return world.states;
        """
    )
    assert states == {"a": "waiting", "b": "waiting", "c": "waiting", "f": "done", "g": "done"} | {
        "d": "done",
        "e": "done",
    }


def test_person_who_left_leaves_nothing(play: Play) -> None:
    kept, states, halted = play(
        """
        const answers = { a: [{ kind: "refused", sentence: "Full.", isFinal: false }], b: [lost] };
        const world = new World({ answers });
        world.add("a", "b");
        await until(() => world.item("b").retryAt > 0);
        world.queue.abandon("You signed out in another tab.");
        return [world.kept.size, world.states, world.queue.halted];
        """
    )
    assert (kept, states, halted) == (0, {}, "You signed out in another tab.")


# --- the workers ----------------------------------------------------------------------------------------------------

POOL = """
const { WorkerPool } = await import("/static/js/upload/pool.js");
let listeners = 0;
const watched = () => {
  const controller = new AbortController();
  const { signal } = controller;
  const add = signal.addEventListener.bind(signal), remove = signal.removeEventListener.bind(signal);
  const live = new Set();
  signal.addEventListener = (type, act, ...more) => { live.add(act); add(type, act, ...more); };
  signal.removeEventListener = (type, act, ...more) => { live.delete(act); remove(type, act, ...more); };
  return { controller, signal, live };
};
// Workers that answer as `answers` say, in turn.
const spawner = (answers) => () => {
  const worker = {
    terminate() {},
    postMessage(message) {
      const answer = answers.shift();
      setTimeout(() => answer(worker, message));
    },
  };
  setTimeout(() => worker.onmessage({ data: { ready: true } }));
  return worker;
};
const says = (data) => (worker) => worker.onmessage({ data });
const dies = (worker) => worker.onerror();
"""


def test_settled_work_leaves_no_listener(play: Play) -> None:
    """A listener that stays holds on to the blob that was made."""
    assert play(
        POOL
        + """
        const spawn = spawner([says({ result: { blob: 1 } }), says({ error: "NotReadableError" }), dies]);
        const pool = new WorkerPool({ url: "", size: 1, spawn });
        const seen = [];
        for (let turn = 0; turn < 3; turn += 1) {
          const { signal, live } = watched();
          const work = pool.prepare(new File(["x"], "x"), {}, signal);
          seen.push(live.size);
          await work.catch(() => {});
          seen.push(live.size);
        }
        return seen;
        """
    ) == [1, 0, 1, 0, 1, 0]


def test_worker_that_did_not_start_has_another_chance(play: Play) -> None:
    """No line, or no memory, at that moment: the page does the work, and not for good."""
    assert play(
        POOL
        + """
        let now = 0, starts = 0;
        const failing = () => {
          starts += 1;
          const worker = { terminate() {} };
          setTimeout(() => worker.onerror());
          return worker;
        };
        const good = spawner([says({ result: "by a worker" })]);
        const spawn = (url) => (now === 0 ? failing() : good(url));
        const pool = new WorkerPool({ url: "", size: 2, spawn, now: () => now });
        const seen = [await pool.hash(new File(["x"], "x")), await pool.hash(new File(["y"], "y")), starts];
        now = 60_000;
        seen.push(await pool.hash(new File(["z"], "z")));
        return seen.map((each) => (typeof each === "string" ? each.length : each));
        """
    ) == [64, 64, 1, len("by a worker")]


def test_workers_that_cannot_draw_are_not_asked_again(play: Play) -> None:
    assert (
        play(
            POOL
            + """
        let now = 0, starts = 0;
        const spawn = () => {
          starts += 1;
          const worker = { terminate() {} };
          setTimeout(() => worker.onmessage({ data: { ready: false } }));
          return worker;
        };
        const pool = new WorkerPool({ url: "", size: 2, spawn, now: () => now });
        await pool.hash(new File(["x"], "x"));
        now = 60_000;
        await pool.hash(new File(["y"], "y"));
        return starts;
        """
        )
        == 1
    )


def test_device_that_slept_has_its_time_once_more(play: Play) -> None:
    """What was to be ended after so long slept too, and has not been at work for so long."""
    assert play(
        """
        const { startPatience } = await import("/static/js/upload/lines.js");
        const seen = [];
        for (const asleep of [0, 40_000]) {
          let now = 0, ends = 0, others = 0;
          startPatience(() => (ends += 1), 30, () => now);
          const stop = startPatience(() => (others += asleep), 30, () => now);
          now = 30 + asleep;
          await new Promise((go) => setTimeout(go, 45));
          seen.push(ends);
          stop();
          await until(() => ends === 1);
          await new Promise((go) => setTimeout(go, 45));
          seen.push(ends, others);
        }
        return seen;
        """
    ) == [1, 1, 0, 0, 1, 0]


def test_worker_that_slept_is_not_ended_for_that(play: Play) -> None:
    assert (
        play(
            POOL
            + """
        let now = 0, worker;
        const begins = (each) => { worker = each; };
        const pool = new WorkerPool({ url: "", size: 1, watchdog: 30, spawn: spawner([begins]), now: () => now });
        const work = pool.prepare(new File(["x"], "x"), {}, new AbortController().signal);
        await until(() => worker);
        now = 60_000;
        await new Promise((go) => setTimeout(go, 45));
        worker.onmessage({ data: { result: "by a worker" } });
        return work;
        """
        )
        == "by a worker"
    )
