"""The queue alone, in Chromium: whose turn it is, and what is held, kept or let go at an end."""

from __future__ import annotations

import pytest

from tests.upload_js.conftest import Play

pytestmark = pytest.mark.browser


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
