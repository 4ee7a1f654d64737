"""The life of an image as an explicit-state model: the rules that the embedded site implements, explored in full.

A state holds a gallery with at most two images, a clock, and actors half-way through their acts. Each step is one
transaction, one write of an object, or one tick. Whoever acts may die between any two of its steps, for good; workers
may also be two. ``explore`` visits every state that can be reached, breadth first, so that the first violation has the
shortest schedule. A change of design is made here first: change the rule, run the tests, then write the code.

Times are small numbers, NEVER is later than all of them. Checked in every state:

P1  what was acknowledged is visible until the expiry last acknowledged, unless it was hidden; never two visible copies
P2  a lengthening that began before a later hiding does not undo it; what has expired does not come back; nobody brings
    back what somebody else hid
P3  what is visible, or may be brought back, has its object; no sweep takes what may be brought back
P4  when everybody stops and the sweeps run on, nothing is left that should not be
Q   the usage counts what is pending, ready or being deleted, each once
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.lifecycle_model.explorer import explore_from
from tests.lifecycle_model.state import (
    DELETING,
    EARLY,
    EMPTIED,
    FORGOTTEN,
    LINGER,
    NEVER,
    NONE,
    PENDING,
    READY,
    TAKEN,
    WRONG,
    Act,
    Actor,
    Image,
    Rules,
    Scenario,
    Step,
    World,
    begin,
    visible,
)


class Model:
    """A scenario under rules."""

    def __init__(self, scenario: Scenario, rules: Rules) -> None:
        self.scenario, self.rules = scenario, rules

    # --- steps

    def steps(self, world: World) -> Iterator[Step]:
        """Everything that can happen next."""
        if world.now < self.scenario.last:
            yield "a tick", world._replace(now=world.now + 1)
        for place, (act, actor) in enumerate(zip(self.scenario.acts, world.actors, strict=True)):
            if actor.at:
                gone = Actor(left=0)
                yield f"{act.verb} dies", self._act(world, place, gone)
            elif not actor.left:
                continue
            for words, after in getattr(self, f"_{act.verb}")(world, place, act, actor):
                yield f"{act.verb}: {words}", after

    def _act(self, world: World, place: int, actor: Actor) -> World:
        return world._replace(actors=(*world.actors[:place], actor, *world.actors[place + 1 :]))

    def _set(self, world: World, number: int, image: Image) -> World:
        return world._replace(images=(*world.images[:number], image, *world.images[number + 1 :]))

    def _done(self, world: World, place: int) -> World:
        return self._act(world, place, Actor(left=world.actors[place].left - 1))

    def _hide(self, world: World, number: int, **changes: Any) -> World:
        """A change that hides or shortens: a new version; whoever is lengthening was overtaken."""
        image = world.images[number]
        version = image.version + 1 if self.rules.hiding_bumps else image.version
        world = self._set(world, number, image._replace(version=version, **changes))
        actors = tuple(
            actor._replace(overtaken=True) if actor.at and actor.image == number and self._lengthens(place) else actor
            for place, actor in enumerate(world.actors)
        )
        return world._replace(actors=actors)

    def _lengthens(self, place: int) -> bool:
        return self.scenario.acts[place].verb in {"extend", "restore", "reinstate", "bring_back"}

    def _twins(self, world: World, number: int) -> list[int]:
        return [other for other in range(len(world.images)) if self.scenario.copies and other != number]

    def _free(self, world: World, number: int) -> World:
        """Rows that are not visible give up the key that ``number`` is about to take."""
        for other in self._twins(world, number):
            if not visible(world.images[other], world):
                world = self._set(world, other, world.images[other]._replace(key=False))
        return world

    def _upload(self, world: World, place: int, act: Act, actor: Actor) -> Iterator[Step]:
        number = act.image
        image = world.images[number]
        if actor.at == 0:
            if world.gallery_removed != NEVER or image.state != NONE or act.expires <= world.now:
                return
            twins = [world.images[other] for other in self._twins(world, number)]
            if any(visible(twin, world) for twin in twins):
                return  # answered with the twin, which is visible now
            if not self.rules.visible_twin and any(twin.state == READY for twin in twins):
                yield "answered with a hidden twin", self._done(self._lie(world, number), place)
                return
            if not self.rules.row_first:
                world = self._set(world, number, image._replace(object=True))
            else:
                world = self._pending(world, number, act)
            yield "begins", self._act(world, place, actor._replace(at=1, begun=world.now))
        elif world.now - actor.begun >= LINGER and self.rules.row_first:
            return  # a request ends long before anything of it is forgotten
        elif actor.at == 1:
            if not self.rules.row_first:
                yield "writes the row", self._act(self._pending(world, number, act), place, actor._replace(at=2))
            else:
                world = self._set(world, number, image._replace(object=True))
                yield "writes the object", self._act(world, place, actor._replace(at=2))
        else:
            yield from self._publish(world, place, number)

    def _lie(self, world: World, number: int) -> World:
        """Acknowledged, and there is nothing."""
        return self._set(world, number, world.images[number]._replace(promised=NEVER))

    def _pending(self, world: World, number: int, act: Act) -> World:
        pending = world.images[number]._replace(state=PENDING, expires=act.expires, touched=world.now)
        return self._set(world, number, pending)._replace(usage=world.usage + 1)

    def _publish(self, world: World, place: int, number: int) -> Iterator[Step]:
        world = self._free(world, number)
        image = world.images[number]
        taken = self.rules.unique_at_end and any(world.images[other].key for other in self._twins(world, number))
        there = world.gallery_removed == NEVER or not self.rules.gallery_at_end
        if image.state == PENDING and image.removed == NEVER and there and not taken:
            ready = image._replace(state=READY, version=1, key=True, touched=world.now)
            ready = ready._replace(promised=image.expires if world.gallery_removed == NEVER else -1)
            yield "acknowledged", self._done(self._set(world, number, ready), place)
            return
        if image.state == PENDING:
            world = self._set(world, number, image._replace(state=DELETING, touched=world.now))
        yield "retires its row", self._done(world, place)

    def _extend(self, world: World, place: int, act: Act, actor: Actor) -> Iterator[Step]:
        def open_now(image: Image) -> bool:
            return not image.hidden and image.expires > world.now and image.expires < act.expires

        yield from self._lengthen(world, place, act.image, open_now(world.images[act.image]), {"expires": act.expires})

    def _restore(self, world: World, place: int, act: Act, actor: Actor) -> Iterator[Step]:
        image = world.images[act.image]
        there = world.gallery_removed == NEVER or not self.rules.restore_asks_gallery
        changes = {"removed": NEVER, "with_gallery": False, "key": True}
        yield from self._lengthen(world, place, act.image, self._restorable(world, image) and there, changes)

    def _bring_back(self, world: World, place: int, act: Act, actor: Actor) -> Iterator[Step]:
        """An image of a gallery that was restored."""
        image = world.images[act.image]
        there = world.gallery_removed == NEVER if self.rules.flag_first else world.gallery_removed != NEVER
        own = image.with_gallery or not self.rules.gallery_brings_own
        open_now = self._restorable(world, image) and there and own
        changes = {"removed": NEVER, "with_gallery": False, "key": True}
        yield from self._lengthen(world, place, act.image, open_now, changes)

    def _reinstate(self, world: World, place: int, act: Act, actor: Actor) -> Iterator[Step]:
        image = world.images[act.image]
        inside = image.taken_down != NEVER and image.taken_down > world.now - self.rules.window
        open_now = image.state == READY and inside and image.expires > world.now
        yield from self._lengthen(world, place, act.image, open_now, {"taken_down": NEVER})

    def _restorable(self, world: World, image: Image) -> bool:
        inside = image.removed != NEVER and image.removed > world.now - self.rules.window
        shown = image.taken_down == NEVER
        return image.state == READY and inside and shown and image.expires > world.now

    def _lengthen(
        self, world: World, place: int, number: int, open_now: bool, changes: dict[str, Any]
    ) -> Iterator[Step]:
        actor, image = world.actors[place], world.images[number]
        if actor.at == 0:
            if open_now:
                world = self._set(world, number, image._replace(version=image.version + 1))
                holding = actor._replace(at=1, image=number, version=image.version + 1)
                yield "reserves a version", self._act(world, place, holding)
            return
        mine = actor.version == image.version or not self.rules.version_at_end
        possible = image.state == READY if not self.rules.clock_at_end else open_now
        if "key" in changes:
            world = self._free(world, number)
            taken = any(world.images[other].key for other in self._twins(world, number))
            possible = possible and not (taken and self.rules.restore_asks_twin)
        if not (mine and possible):
            yield "refused", self._done(world, place)
            return
        after = world.images[number]._replace(**changes)
        seen = not after.hidden and world.gallery_removed == NEVER
        not_own = self.scenario.acts[place].verb == "bring_back" and not image.with_gallery
        wrong = actor.overtaken or image.expires <= world.now or image.promised == TAKEN or not_own
        after = after._replace(promised=WRONG if wrong else after.expires if seen else after.promised)
        yield "acknowledged", self._done(self._set(world, number, after), place)

    def _remove(self, world: World, place: int, act: Act, actor: Actor) -> Iterator[Step]:
        image = world.images[act.image]
        if image.state == READY and image.removed == NEVER:
            changes = {"removed": world.now, "with_gallery": False, "key": False, "promised": -1}
            yield "acknowledged", self._done(self._hide(world, act.image, **changes), place)

    def _take_down(self, world: World, place: int, act: Act, actor: Actor) -> Iterator[Step]:
        image = world.images[act.image]
        if self.rules.two_columns:
            if image.state == READY and image.taken_down == NEVER:
                hidden = self._hide(world, act.image, taken_down=world.now, key=False, promised=-1)
                yield "acknowledged", self._done(hidden, place)
        elif image.state == READY:  # one column: what the owner removed counts as hidden already, and is theirs
            hidden = self._hide(world, act.image, removed=min(image.removed, world.now), key=False, promised=TAKEN)
            yield "acknowledged", self._done(hidden, place)

    def _shorten(self, world: World, place: int, act: Act, actor: Actor) -> Iterator[Step]:
        image = world.images[act.image]
        if visible(image, world) and world.now < act.expires < image.expires:
            shorter = self._hide(world, act.image, expires=act.expires, promised=act.expires)
            yield "acknowledged", self._done(shorter, place)

    def _delete_now(self, world: World, place: int, act: Act, actor: Actor) -> Iterator[Step]:
        """From a page of the bin that was opened before."""
        image = world.images[act.image]
        if actor.at == 0:
            if image.state == READY and image.removed != NEVER:
                yield "opens the bin", self._act(world, place, actor._replace(at=1))
        elif image.state == READY and (image.removed != NEVER or not self.rules.bin_asks_again):
            deleting = self._hide(world, act.image, state=DELETING, key=False, touched=world.now)
            yield "acknowledged", self._done(deleting, place)

    def _remove_gallery(self, world: World, place: int, act: Act, actor: Actor) -> Iterator[Step]:
        if world.gallery_removed != NEVER:
            return
        states = {PENDING, READY} if self.rules.gallery_takes_pending else {READY}
        after = world._replace(gallery_removed=world.now)
        for number, image in enumerate(world.images):
            if image.state in states and image.removed == NEVER:
                changes = {"removed": world.now, "with_gallery": True, "key": False, "promised": -1}
                after = self._hide(after, number, **changes)
        yield "acknowledged", self._done(after, place)

    def _restore_gallery(self, world: World, place: int, act: Act, actor: Actor) -> Iterator[Step]:
        """Its flag; the images are brought back by ``bring_back``, each alone."""
        if world.gallery_removed == NEVER or world.gallery_removed <= world.now - self.rules.window:
            return
        if not self.rules.flag_first and any(image.with_gallery for image in world.images):
            return
        yield "clears the flag", self._done(world._replace(gallery_removed=NEVER), place)

    def _sweep(self, world: World, place: int, act: Act, actor: Actor) -> Iterator[Step]:
        """Any number of runs: lists, claims, deletes the object, empties the row. Forgetting is a run of its own."""
        image = world.images[actor.image]
        if actor.at == 0:
            for number, image in enumerate(world.images):
                if image.state == READY and self._is_due(world, image):
                    yield f"lists {number}", self._act(world, place, actor._replace(at=1, image=number))
                if image.state in {DELETING, PENDING}:  # a reaper that may come early
                    deleting = image._replace(state=DELETING)
                    taken = self._act(self._set(world, number, deleting), place, actor._replace(at=2, image=number))
                    yield f"takes up {number}", taken
                if image.state == EMPTIED and (image.touched <= world.now - LINGER or not self.rules.lingers):
                    forgotten = image._replace(state=FORGOTTEN, object=image.object and not self.rules.lingers)
                    yield f"forgets {number}", self._set(world, number, forgotten)
        elif actor.at == 1:
            asked = self._is_due(world, image) or not self.rules.claim_asks_again
            if image.state == READY and asked:
                early = self._restorable(world, image) and self.rules.grace >= self.rules.window
                promised = EARLY if early else image.promised
                claimed = self._hide(world, actor.image, state=DELETING, key=False, promised=promised)
                yield "claims", self._act(claimed, place, claimed.actors[place]._replace(at=2))
            else:
                yield "skips", self._act(world, place, Actor(left=actor.left))
        elif (actor.at == 2) == self.rules.objects_first:
            emptied = self._act(self._set(world, actor.image, image._replace(object=False)), place, actor)
            yield "deletes the object", self._next(emptied, place)
        else:
            yield "empties the row", self._next(self._empty(world, actor.image), place)

    def _next(self, world: World, place: int) -> World:
        actor = world.actors[place]
        return self._act(world, place, actor._replace(at=3) if actor.at == 2 else Actor(left=actor.left))

    def _empty(self, world: World, number: int) -> World:
        image = world.images[number]
        if image.state == DELETING:
            world = self._set(world, number, image._replace(state=EMPTIED, touched=world.now))
        elif self.rules.counts_rows:
            return world
        return world._replace(usage=world.usage - 1)

    def _is_due(self, world: World, image: Image) -> bool:
        return image.due + self.rules.grace <= world.now + self.rules.skew

    # --- the judge

    def violation(self, world: World) -> str:
        """What does not hold, or ""."""
        for image in world.images:
            if image.promised == WRONG:
                return "P2"
            if image.promised == EARLY:
                return "P3"
            if image.promised > world.now and not visible(image, world):
                return "P1"
            restorable = self._restorable(world, image) and self.rules.grace >= self.rules.window
            if (visible(image, world) or restorable) and not image.object:
                return "P3"
        if self.scenario.copies and sum(visible(image, world) for image in world.images) > 1:
            return "P1"
        counted = sum(image.state in {PENDING, READY, DELETING} for image in world.images)
        if world.usage != counted:
            return "Q"
        return self._left_behind(world)

    def _left_behind(self, world: World) -> str:
        """Everybody stops; every sweep that is still to come has run."""
        for image in world.images:
            stays = image.state == READY and image.due == NEVER
            lost = image.state in {NONE, FORGOTTEN} and image.object
            if lost or (stays and world.gallery_removed != NEVER):
                return "P4"
        return ""


def explore(scenario: Scenario, rules: Rules | None = None) -> tuple[str, int, list[str]]:
    """See ``explore_from``."""
    return explore_from(begin(scenario), Model(scenario, rules or Rules()))
