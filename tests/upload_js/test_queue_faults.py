"""The queue when line, site or file fail: what is tried again, when, and how many go at once."""

from __future__ import annotations

import pytest

from tests.upload_js.conftest import Play

pytestmark = pytest.mark.browser


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
