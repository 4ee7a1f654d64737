"""The rules of records hold in every state that can be reached; what is tempting and wrong loses something."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.lifecycle_model.record_model import GRACE, NEVER, WINDOW, Act, Rules, Scenario, explore

DRAIN, SWEEP = Act("drain"), Act("sweep")
SCENARIOS = {
    "remove and restore": Scenario(NEVER, (Act("remove"), Act("restore"), Act("drain", times=2), SWEEP), last=3),
    "remove and restore twice": Scenario(
        NEVER, (Act("remove", times=2), Act("restore", times=2), DRAIN, SWEEP), last=3, faults=0
    ),
    "extend and shorten": Scenario(2, (Act("extend"), Act("shorten", 1), DRAIN, SWEEP), last=4),
    "two extensions": Scenario(1, (Act("extend", 3), Act("extend"), DRAIN, SWEEP), last=4, faults=0),
    "delete now against restore": Scenario(
        NEVER, (Act("remove"), Act("restore"), Act("delete_now"), DRAIN, SWEEP), last=3
    ),
    "two Lambdas": Scenario(NEVER, (Act("remove"), Act("restore"), DRAIN, SWEEP, SWEEP), last=3, faults=0),
}

# What is changed, where it shows, and which invariant it breaks.
MUTANTS = {
    "restore: the row first, the record later": ("record_first", "remove and restore", "P3"),
    "no version guard": ("version_guard", "remove and restore", "P3"),
    "the drain publishes a reserved version": ("retires", "remove and restore", "P3"),
    "a reservation leaves no entry": ("reservation_enters", "remove and restore", "P4"),
    "the last step without the version": ("version_at_end", "extend and shorten", "P2"),
    "the last step without the clock": ("clock_at_end", "remove and restore", "P3"),
    "hiding without a new version": ("hiding_bumps", "extend and shorten", "P2"),
    "no outbox": ("outbox", "remove and restore", "P4"),
    "an entry goes though its version was not published": ("forgets_own", "remove and restore", "P4"),
    "the Lambda decides on the index": ("claim_asks_again", "remove and restore", "P3"),
    "the row is dropped at once": ("lingers", "remove and restore", "P4"),
    "nobody removes from SQL": ("purges", "remove and restore", "P4"),
    "delete now is the Lambda's way without grace": ("deletes_in_sql", "delete now against restore", "P3"),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_rules_hold(name: str) -> None:
    broken, states, schedule = explore(SCENARIOS[name])
    assert broken == "", "\n".join([broken, *schedule])
    assert states > 1_000, "not vacuous"


@pytest.mark.parametrize("name", MUTANTS)
def test_a_tempting_variant_is_caught(name: str) -> None:
    rule, where, wanted = MUTANTS[name]
    rules = replace(Rules(), **{rule: not getattr(Rules(), rule)})
    broken, _, schedule = explore(SCENARIOS[where], rules, only=wanted)
    assert broken == wanted, "\n".join([broken, *schedule])


def test_a_lengthening_that_makes_records_needs_rows_that_are_remembered() -> None:
    scenario = SCENARIOS["remove and restore"]
    assert explore(scenario, Rules(creates=True))[0] == ""
    assert explore(scenario, Rules(creates=True, lingers=False), only="P4")[0] == "P4"


def test_window_and_difference_of_clocks_fit_into_the_grace() -> None:
    scenario = SCENARIOS["remove and restore"]
    assert WINDOW + Rules().skew <= GRACE
    assert explore(scenario, Rules(window=GRACE, skew=0))[0] == ""
    assert explore(scenario, Rules(window=GRACE), only="P3")[0] == "P3"
    assert explore(scenario, Rules(skew=2), only="P3")[0] == "P3"


def test_claims_are_a_second_net_inside_the_difference_of_clocks() -> None:
    assert explore(SCENARIOS["remove and restore"], Rules(claim_guard=False))[0] == ""
