"""One image, its record, and everybody who writes either: LIFECYCLE 1b as an explicit-state model, explored in full.

Each step is atomic at one store. A write of a record is a message: it arrives once, late or never, also after its
sender gave up or died; its answer may be lost, and then it is sent again. Whoever acts may die between any two steps.
Beside the requests run drains, Lambdas with a fast clock, and the site's own purge, which empties the row, remembers it
for a while and deletes a second time.

Times are small numbers, NEVER is later than all of them. Checked in every state: P1 to P4 as in ``model``; P4 here
also: once everybody stops and the drain has run, a row that lives or may come back has its equal, unclaimed record.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from tests.lifecycle_model.explorer import explore_from

NEVER = 99
GRACE, WINDOW = 2, 1  # ticks: a day, a day less 15 minutes
READY, DELETING, EMPTIED, GONE = range(4)
WRONG = -2  # of ``promised``: what was hidden later was undone


class Actor(NamedTuple):
    """At which step, with which version of the row, whether overtaken by a later hiding, how many acts are left."""

    at: int = 0
    version: int = 0
    overtaken: bool = False
    left: int = 1


class Message(NamedTuple):
    """A record write under way; ``sender`` is the actor that waits for its answer, -1 nobody."""

    due: int
    version: int
    creates: bool
    sender: int


class World(NamedTuple):
    """Row, object, record (``held`` 0: none), what the index says, messages, actors. ``entry``: the outbox entry's
    version, 0: none. ``promised``: only for the judge."""

    now: int = 0
    state: int = READY
    expires: int = NEVER
    removed: int = NEVER
    version: int = 1
    reserved: bool = False
    entry: int = 0
    object: bool = True
    due: int = NEVER
    held: int = 1
    claim: bool = False
    listed: int = NEVER
    promised: int = NEVER
    faults: int = 1
    flying: tuple[Message, ...] = ()
    actors: tuple[Actor, ...] = ()

    @property
    def row_due(self) -> int:
        return min(self.expires, self.removed)

    @property
    def visible(self) -> bool:
        return self.state == READY and self.removed == NEVER and self.expires > self.now


@dataclass(frozen=True)
class Rules:
    """The rules as they are; each mutant changes one."""

    record_first: bool = True  # lengthen: the record before the row
    version_guard: bool = True  # a record is written over an older version only
    retires: bool = True  # the drain publishes no reserved version, it retires it first
    reservation_enters: bool = True  # a reservation leaves an outbox entry
    version_at_end: bool = True  # lengthen: the last step asks for the version that was reserved
    clock_at_end: bool = True  # ... and whether the window is still open
    creates: bool = False  # R-LEN may make a record
    claim_guard: bool = True  # nothing is written over a claim
    hiding_bumps: bool = True  # hiding and shortening take a new version
    outbox: bool = True  # ... and leave an entry in the same transaction
    forgets_own: bool = True  # an entry goes only when its version was published
    claim_asks_again: bool = True  # the Lambda decides on the base table
    lingers: bool = True  # the emptied row is remembered until nothing is under way
    purges: bool = True  # the site removes from SQL, too
    deletes_in_sql: bool = True  # delete now changes the row; False: it is the Lambda's way without grace
    window: int = WINDOW
    skew: int = 1  # how fast the Lambda's clock is


class Act(NamedTuple):
    verb: str
    expires: int = NEVER
    times: int = 1


@dataclass(frozen=True)
class Scenario:
    """The expiry at the start, who acts, how far the clock runs, and how many answers get lost."""

    expires: int
    acts: tuple[Act, ...]
    last: int = 4
    faults: int = 1


Step = tuple[str, World]


def begin(scenario: Scenario) -> World:
    """The first state: row and record are in line."""
    end = scenario.expires
    actors = tuple(Actor(left=act.times) for act in scenario.acts)
    return World(expires=end, due=end, listed=end, promised=end, faults=scenario.faults, actors=actors)


class Model:
    """A scenario under rules."""

    def __init__(self, scenario: Scenario, rules: Rules) -> None:
        self.scenario, self.rules = scenario, rules

    def steps(self, world: World) -> Iterator[Step]:
        """Everything that can happen next."""
        if world.now < self.scenario.last:
            yield "a tick", world._replace(now=world.now + 1)
        yield from self._arrivals(world)
        if self.rules.purges:
            yield from self._purge(world)
        for place, (act, actor) in enumerate(zip(self.scenario.acts, world.actors, strict=True)):
            if actor.at:
                yield f"{act.verb} dies", self._silent(self._act(world, place, Actor(left=0)), place)
            elif not actor.left:
                continue
            for words, after in getattr(self, f"_{act.verb}")(world, place, act, actor):
                yield f"{act.verb}: {words}", after

    def _act(self, world: World, place: int, actor: Actor) -> World:
        return world._replace(actors=(*world.actors[:place], actor, *world.actors[place + 1 :]))

    def _done(self, world: World, place: int) -> World:
        return self._act(world, place, Actor(left=world.actors[place].left - 1))

    @staticmethod
    def _silent(world: World, place: int) -> World:
        """Nobody waits for what ``place`` sent; it may still arrive."""
        flying = (message._replace(sender=-1) if message.sender == place else message for message in world.flying)
        return world._replace(flying=tuple(sorted(flying)))

    def _send(self, world: World, place: int, due: int, version: int, *, creates: bool) -> World:
        message = Message(due, version, creates, place)
        return world._replace(flying=tuple(sorted((*world.flying, message))))

    def _hide(self, world: World, **changes: Any) -> World:
        version = world.version + self.rules.hiding_bumps
        entry = version if self.rules.outbox and world.state == READY else world.entry
        actors = tuple(
            actor._replace(overtaken=True) if actor.at and act.verb in {"extend", "restore"} else actor
            for act, actor in zip(self.scenario.acts, world.actors, strict=True)
        )
        return world._replace(version=version, reserved=False, actors=actors)._replace(**{"entry": entry} | changes)

    # --- messages

    def _arrivals(self, world: World) -> Iterator[Step]:
        for message in dict.fromkeys(world.flying):
            rest = list(world.flying)
            rest.remove(message)
            after, answer = self._write(world._replace(flying=tuple(rest)), message)
            if message.sender < 0:
                yield f"a late write arrives: {answer}", after
                continue
            actor = after.actors[message.sender]
            drains = self.scenario.acts[message.sender].verb == "drain"
            if answer == "written" and world.faults and not drains:
                again = self._send(after, message.sender, message.due, message.version, creates=message.creates)
                yield "written, its answer is lost, it is sent again", again._replace(faults=world.faults - 1)
            if drains or answer in {"written", "its own version"}:
                yield f"a write arrives: {answer}", self._act(after, message.sender, actor._replace(at=2))
            else:
                yield f"a write arrives: {answer}", self._done(after, message.sender)

    def _write(self, world: World, message: Message) -> tuple[World, str]:
        """The conditional write; what came of it."""
        if not world.held:
            if not message.creates:
                return world, "no record"
            written = world._replace(due=message.due, held=message.version, claim=False, listed=message.due)
            return written, "written"
        if world.claim and self.rules.claim_guard:
            return world, "claimed"
        if self.rules.version_guard and not world.held < message.version:
            return world, "its own version" if world.held == message.version else "newer"
        listed = min(world.listed, message.due)  # the index may be behind: it may say the earliest it ever heard
        return world._replace(due=message.due, held=message.version, listed=listed), "written"

    # --- requests

    def _extend(self, world: World, place: int, act: Act, actor: Actor) -> Iterator[Step]:
        def open_now(seen: World) -> bool:
            return seen.visible and seen.expires < act.expires

        yield from self._lengthen(world, place, open_now(world), {"expires": act.expires})

    def _restore(self, world: World, place: int, act: Act, actor: Actor) -> Iterator[Step]:
        yield from self._lengthen(world, place, self._restorable(world), {"removed": NEVER})

    def _restorable(self, world: World) -> bool:
        inside = world.removed != NEVER and world.now < world.removed + self.rules.window
        return world.state == READY and inside and world.expires > world.now

    def _lengthen(self, world: World, place: int, open_now: bool, changes: dict[str, Any]) -> Iterator[Step]:
        actor = world.actors[place]
        target = world._replace(**changes)
        if actor.at == 0 and open_now:
            version = world.version + 1
            if not self.rules.record_first:
                changed = target._replace(version=version, entry=version, promised=target.expires)
                yield "changes the row, acknowledged", self._done(changed, place)
                return
            entry = version if self.rules.reservation_enters else world.entry
            reserved = world._replace(version=version, reserved=True, entry=entry)
            sent = self._send(reserved, place, target.row_due, version, creates=self.rules.creates)
            yield "reserves a version, writes the record", self._act(sent, place, actor._replace(at=1, version=version))
        elif actor.at == 1:
            yield "gives up waiting", self._silent(self._done(world, place), place)
        elif actor.at == 2:
            mine = world.version == actor.version or not self.rules.version_at_end
            possible = open_now if self.rules.clock_at_end else world.state == READY
            if not (mine and possible):
                yield "refused", self._done(world, place)
                return
            entry = 0 if world.entry == actor.version else world.entry
            promised = WRONG if actor.overtaken else target.expires if target.removed == NEVER else -1
            acked = target._replace(version=max(world.version, actor.version), reserved=False, entry=entry)
            yield "acknowledged", self._done(acked._replace(promised=promised), place)

    def _remove(self, world: World, place: int, act: Act, actor: Actor) -> Iterator[Step]:
        if world.state == READY and world.removed == NEVER:
            yield "acknowledged", self._done(self._hide(world, removed=world.now, promised=-1), place)

    def _shorten(self, world: World, place: int, act: Act, actor: Actor) -> Iterator[Step]:
        if world.visible and world.now < act.expires < world.expires:
            shorter = self._hide(world, expires=act.expires, promised=act.expires)
            yield "acknowledged", self._done(shorter, place)

    def _delete_now(self, world: World, place: int, act: Act, actor: Actor) -> Iterator[Step]:
        if self.rules.deletes_in_sql:
            if world.state == READY and world.removed != NEVER:
                yield "acknowledged", self._done(self._hide(world, state=DELETING, entry=0), place)
        elif actor.at == 0:
            if world.held and world.due <= world.now:
                yield "claims", self._act(world._replace(claim=True), place, actor._replace(at=2))
        else:
            yield from self._finish(world, place, actor)

    # --- workers

    def _drain(self, world: World, place: int, act: Act, actor: Actor) -> Iterator[Step]:
        if actor.at == 0 and world.entry:
            if world.state != READY:
                yield "forgets, the row is on its way out", world._replace(entry=0)
            elif world.reserved and self.rules.retires:
                yield "retires", world._replace(version=world.version + 1, reserved=False)
            else:
                sent = self._send(world, place, world.row_due, world.version, creates=True)
                yield "publishes", self._act(sent, place, actor._replace(at=1, version=world.version))
        elif actor.at == 1:
            yield "gets no answer", self._silent(self._done(world, place), place)
        elif actor.at == 2:
            own = world.entry <= actor.version or not self.rules.forgets_own
            yield "forgets the entry", self._done(world._replace(entry=0) if own else world, place)

    def _sweep(self, world: World, place: int, act: Act, actor: Actor) -> Iterator[Step]:
        """A Lambda: it lists by the index, which may be behind, and claims by the table."""
        said = world.listed if not self.rules.claim_asks_again else min(world.listed, world.due)
        if actor.at == 0:
            if world.held and said + GRACE <= world.now + self.rules.skew:
                yield "lists", self._act(world, place, actor._replace(at=1))
        elif actor.at == 1:
            due = world.due + GRACE <= world.now + self.rules.skew or not self.rules.claim_asks_again
            if world.held and due:
                yield "claims", self._act(world._replace(claim=True), place, actor._replace(at=2))
            else:
                yield "skips", self._done(world, place)
        else:
            yield from self._finish(world, place, actor)

    def _finish(self, world: World, place: int, actor: Actor) -> Iterator[Step]:
        if actor.at == 2:
            yield "deletes the object", self._act(world._replace(object=False), place, actor._replace(at=3))
        else:
            dropped = world._replace(held=0, due=NEVER, claim=False, listed=NEVER) if world.claim else world
            yield "deletes the record", self._done(dropped, place)

    def _purge(self, world: World) -> Iterator[Step]:
        """The site's own sweep, in whole steps: its parts are explored in ``model``."""
        gone: dict[str, Any] = {"object": False, "held": 0, "due": NEVER, "claim": False, "listed": NEVER}
        if world.state == READY and world.row_due + GRACE <= world.now:
            yield "purge: row deleting", self._hide(world, state=DELETING, entry=0)
        elif world.state == DELETING:
            after = world._replace(**gone)
            yield "purge: empties", after._replace(state=EMPTIED if self.rules.lingers else GONE)
        elif world.state == EMPTIED and not world.flying and not any(actor.at for actor in world.actors):
            yield "purge: forgets", world._replace(**gone)._replace(state=GONE)

    # --- the judge

    def violation(self, world: World) -> str:
        """What does not hold, or ""."""
        if world.promised == WRONG:
            return "P2"
        if world.promised > world.now and not world.visible:
            return "P1"
        if (world.visible or self._restorable(world)) and not world.object:
            return "P3"
        return self._left_behind(world)

    def _left_behind(self, world: World) -> str:
        """Everybody stops; what is under way arrives, or is lost; the drain runs; then time passes."""
        arrived = world
        for message in world.flying:
            arrived, _ = self._write(arrived, message)
        for end in {arrived._replace(flying=()), world._replace(flying=())}:
            settled = self._settle(end)
            stays = world.visible or self._restorable(world)
            if stays and (settled.held == 0 or settled.claim or settled.due != settled.row_due):
                return "P4"
            if settled.state == READY and settled.row_due != NEVER and not self.rules.purges:
                return "P4"
            if settled.state == GONE and (settled.held or settled.object):
                return "P4"
        return ""

    def _settle(self, world: World) -> World:
        if world.state == READY and world.entry:
            if world.reserved and self.rules.retires:
                world = world._replace(version=world.version + 1, reserved=False)
            world, _ = self._write(world, Message(world.row_due, world.version, True, -1))
        return world


def explore(scenario: Scenario, rules: Rules | None = None, *, only: str = "") -> tuple[str, int, list[str]]:
    """See ``explore_from``."""
    return explore_from(begin(scenario), Model(scenario, rules or Rules()), only=only)
