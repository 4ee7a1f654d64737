"""The queue and what is there already: hashes, photos that an earlier visit left, and what is called safe."""

from __future__ import annotations

import pytest

from tests.upload_js.conftest import Play

pytestmark = pytest.mark.browser


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
