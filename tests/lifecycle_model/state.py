"""What the model of an image's life is made of: states, acts, scenarios, and the rules that a mutant may change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

NEVER = 99
GRACE, WINDOW, LINGER = 2, 1, 1  # ticks; a day, a day less 15 minutes, 15 minutes
# Of ``promised``: what must stay was undone; a moderator hid it in the owner's column; it is swept while it may return.
WRONG, TAKEN, EARLY = -2, -3, -4
NONE, PENDING, READY, DELETING, EMPTIED, FORGOTTEN = range(6)


class Image(NamedTuple):
    """A row, ``object`` (whether its bytes are stored), and ``promised``, which only the judge reads: the expiry last
    acknowledged, -1 when nothing is, or one of the words above."""

    state: int = NONE
    expires: int = NEVER
    removed: int = NEVER
    with_gallery: bool = False
    taken_down: int = NEVER
    version: int = 0
    key: bool = False
    touched: int = 0
    object: bool = False
    promised: int = -1

    @property
    def due(self) -> int:
        return min(self.expires, self.removed, self.taken_down)

    @property
    def hidden(self) -> bool:
        return self.state != READY or self.removed != NEVER or self.taken_down != NEVER


class Actor(NamedTuple):
    """Somebody: the step at which they stand, the image and version they hold, when they began, what happened since
    (``overtaken``: hidden by an act acknowledged later), and how many acts they may still begin."""

    at: int = 0
    image: int = 0
    version: int = 0
    begun: int = 0
    overtaken: bool = False
    left: int = 1


class World(NamedTuple):
    """One state."""

    now: int
    gallery_removed: int
    usage: int
    images: tuple[Image, ...]
    actors: tuple[Actor, ...]


@dataclass(frozen=True)
class Rules:
    """The rules as they are; each mutant changes one."""

    row_first: bool = True  # upload: the row before its object
    gallery_at_end: bool = True  # upload: the last transaction asks whether the gallery is there
    gallery_takes_pending: bool = True  # removing a gallery hides what is being uploaded, too
    unique_at_end: bool = True  # upload: the last transaction takes the picture's key
    visible_twin: bool = True  # a duplicate is a visible row (False: any ready row)
    version_at_end: bool = True  # lengthen: the last transaction asks for the version that was reserved
    clock_at_end: bool = True  # lengthen: ... and whether the window is still open
    hiding_bumps: bool = True  # whatever hides or shortens takes a new version
    claim_asks_again: bool = True  # sweep: due is asked inside the update that claims
    objects_first: bool = True  # sweep: objects before the row says emptied
    counts_rows: bool = True  # sweep: quota is released by the rows that the update hit
    lingers: bool = True  # an emptied row is forgotten later, after a second delete
    two_columns: bool = True  # the owner's removal and the moderator's are two columns
    bin_asks_again: bool = True  # delete now: only what is still removed
    restore_asks_twin: bool = True  # restore: refused when a visible twin holds the key
    restore_asks_gallery: bool = True  # restore of one image: its gallery must be there
    gallery_brings_own: bool = True  # restore of a gallery: only what went with it
    flag_first: bool = True  # restore of a gallery: the flag, then the images
    grace: int = GRACE
    window: int = WINDOW
    skew: int = 1  # how fast the sweep's clock is


class Act(NamedTuple):
    """What an actor does: ``verb`` on image ``image`` (-1: any), with the expiry ``expires`` where one is meant."""

    verb: str
    image: int = -1
    expires: int = NEVER
    times: int = 1


@dataclass(frozen=True)
class Scenario:
    """Images at the start (their expiry, None: not yet uploaded), who acts, and how far the clock runs."""

    images: tuple[int | None, ...]
    acts: tuple[Act, ...]
    last: int = 4
    copies: bool = False  # all images are the same picture


Step = tuple[str, World]


def visible(image: Image, world: World) -> bool:
    return not image.hidden and image.expires > world.now and world.gallery_removed == NEVER


def begin(scenario: Scenario) -> World:
    """The first state."""
    there = [expires is not None for expires in scenario.images]
    images = tuple(
        Image(READY, expires, version=1, key=True, object=True, promised=expires) if expires is not None else Image()
        for expires in scenario.images
    )
    return World(0, NEVER, sum(there), images, tuple(Actor(left=act.times) for act in scenario.acts))
