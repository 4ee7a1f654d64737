"""The rules hold in every state that can be reached; each tempting variant is caught, in a scenario that says why."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.lifecycle_model.model import explore
from tests.lifecycle_model.state import GRACE, NEVER, WINDOW, Act, Rules, Scenario

SWEEP = Act("sweep")
SCENARIOS = {
    "remove and restore twice": Scenario(
        (NEVER,), (Act("remove", 0, times=2), Act("restore", 0, times=2), SWEEP, SWEEP), last=5
    ),
    "extend, shorten, expire": Scenario(
        (2,), (Act("extend", 0, 3), Act("extend", 0, NEVER), Act("shorten", 0, 1), SWEEP, SWEEP), last=6
    ),
    "remove, restore and extend near the end": Scenario(
        (2,), (Act("remove", 0), Act("restore", 0), Act("extend", 0, NEVER), SWEEP, SWEEP), last=5
    ),
    "take down and remove": Scenario(
        (NEVER,), (Act("remove", 0), Act("restore", 0), Act("take_down", 0), Act("reinstate", 0), SWEEP)
    ),
    "delete now against restore": Scenario(
        (NEVER,), (Act("remove", 0), Act("restore", 0), Act("delete_now", 0), SWEEP, SWEEP)
    ),
    "an upload against the reaper": Scenario((None,), (Act("upload", 0), SWEEP, SWEEP), last=3),
    "the same picture twice at once": Scenario(
        (None, None), (Act("upload", 0, 2), Act("upload", 1), SWEEP), last=3, copies=True
    ),
    "the same picture again after a removal": Scenario(
        (2, None), (Act("remove", 0), Act("restore", 0), Act("upload", 1), SWEEP), copies=True
    ),
    "a gallery against an upload": Scenario(
        (NEVER, None),
        (Act("remove_gallery"), Act("restore_gallery"), Act("bring_back", 0), Act("upload", 1), SWEEP),
        last=3,
    ),
    "an image and then its gallery": Scenario(
        (NEVER,),
        (
            Act("remove", 0),
            Act("restore", 0),
            Act("remove_gallery"),
            Act("restore_gallery"),
            Act("bring_back", 0),
            SWEEP,
        ),
        last=3,
    ),
}

# What is changed, where it shows, and which invariant it breaks.
MUTANTS = {
    "object before row": ("row_first", "an upload against the reaper", "P4"),
    "quota released without counting rows": ("counts_rows", "delete now against restore", "Q"),
    "row dropped at once": ("lingers", "an upload against the reaper", "P4"),
    "last step of a lengthening without the version": ("version_at_end", "extend, shorten, expire", "P2"),
    "hiding without a new version": ("hiding_bumps", "extend, shorten, expire", "P2"),
    "last step of a lengthening without the clock": ("clock_at_end", "extend, shorten, expire", "P2"),
    "one column for two removals": ("two_columns", "take down and remove", "P2"),
    "delete now from an old page": ("bin_asks_again", "delete now against restore", "P1"),
    "no uniqueness at the end": ("unique_at_end", "the same picture twice at once", "P1"),
    "a hidden twin answers": ("visible_twin", "the same picture again after a removal", "P1"),
    "restore beside a twin": ("restore_asks_twin", "the same picture again after a removal", "P1"),
    "restore into a removed gallery": ("restore_asks_gallery", "an image and then its gallery", "P4"),
    "a gallery brings back what went before it": ("gallery_brings_own", "an image and then its gallery", "P2"),
    "images before the flag": ("flag_first", "a gallery against an upload", "P4"),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_rules_hold(name: str) -> None:
    broken, states, schedule = explore(SCENARIOS[name])
    assert broken == "", "\n".join([broken, *schedule])
    assert states > 100, "not vacuous"


@pytest.mark.parametrize("name", MUTANTS)
def test_a_tempting_variant_is_caught(name: str) -> None:
    rule, where, wanted = MUTANTS[name]
    broken, _, schedule = explore(SCENARIOS[where], replace(Rules(), **{rule: False}))
    assert broken == wanted, "\n".join([broken, *schedule])


def test_the_upload_needs_one_of_two_looks_at_the_gallery() -> None:
    scenario = SCENARIOS["a gallery against an upload"]
    assert explore(scenario, Rules(gallery_at_end=False))[0] == ""
    assert explore(scenario, Rules(gallery_takes_pending=False))[0] == ""
    assert explore(scenario, Rules(gallery_at_end=False, gallery_takes_pending=False))[0] == "P4"


def test_a_sweep_without_grace_asks_again_when_it_claims() -> None:
    """``--older-than 0s``: what may still be restored is given up, what was restored is not."""
    scenario = SCENARIOS["remove and restore twice"]
    no_grace = Rules(grace=0, skew=0)
    assert explore(scenario, no_grace)[0] == ""
    assert explore(scenario, replace(no_grace, claim_asks_again=False))[0] == "P1"


def test_the_row_is_emptied_after_its_objects_unless_it_lingers() -> None:
    scenario = SCENARIOS["delete now against restore"]
    assert explore(scenario, Rules(objects_first=False))[0] == ""
    assert explore(scenario, Rules(lingers=False))[0] == ""
    assert explore(scenario, Rules(lingers=False, objects_first=False))[0] == "P4"


def test_window_and_difference_of_clocks_fit_into_the_grace() -> None:
    scenario = SCENARIOS["remove and restore twice"]
    assert WINDOW + Rules().skew <= GRACE
    assert explore(scenario, Rules(window=GRACE, skew=0))[0] == ""
    assert explore(scenario, Rules(window=GRACE, skew=1))[0] == "P3"
    assert explore(scenario, Rules(skew=2))[0] == "P3"
