"""The workers that the queue's photos are given to: one that fails, cannot start or slept."""

from __future__ import annotations

import pytest

from tests.upload_js.conftest import Play

pytestmark = pytest.mark.browser

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
