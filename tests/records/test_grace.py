"""Site and sweep wait for the same time before they delete, or nothing that depends on it is done: with a shorter grace
the Lambda would delete the objects of what its owner may still bring back."""

from __future__ import annotations

import json
import re
import shlex
from datetime import timedelta
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from cleanup_lambda.records import STATE_KEY
from cleanup_lambda.visits import GraceDiffers
from galleries.expiry import set_expiry
from galleries.models import Gallery, State
from galleries.outbox import Drain
from galleries.removal import remove_images, restore_image
from galleries.table import TableRecords
from tests.core.world import DAY, add, problem_of, reload
from tests.live import ROOT
from tests.records.due import GRACE, LIVE, Run, keep, make_record, place, said
from tests.records.service import Service
from tests.records.table import Item, Table

if TYPE_CHECKING:
    from pytest_django import Settings

STATE = place(STATE_KEY)


def _agreed(table: Table) -> Item | None:
    return table.items.get(STATE, {}).get("grace")


def _say(table: Table, grace: Item) -> None:
    table.items[STATE] = STATE_KEY | {"grace": grace}


# --- the Lambda -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("grace", [{"N": "3600"}, {"N": "86401"}, {"S": "86400"}, {"N": "-1"}, {"N": "86400.5"}])
def test_a_sweep_with_another_grace_than_the_sites_deletes_nothing(
    sweep: Run, table: Table, capsys: pytest.CaptureFixture[str], grace: Item
) -> None:
    keep(table, make_record())
    _say(table, grace)
    with pytest.raises(GraceDiffers, match="86400 here"):
        sweep(allow_mass=True)
    assert len(table.records) == 1
    assert said(capsys)["message"] == "sweep refused"


def test_records_of_which_no_site_said_the_grace_are_swept_by_the_sweeps_own(sweep: Run, table: Table) -> None:
    keep(table, make_record(), make_record(LIVE))
    del table.items[STATE]
    assert sweep()["deleted"] == 1
    assert len(table.records) == 1


def test_a_held_mass_leaves_the_grace_where_it_is(
    sweep: Run, service: Service, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("sweep", "visits"):
        monkeypatch.setattr(f"cleanup_lambda.{module}.MASS_FLOOR", 2)
    keep(table, *(make_record() for _ in range(3)))
    assert sweep()["deleted"] == 0
    assert table.items[STATE].keys() > {"grace", "first_seen_at"}
    assert sweep(allow_mass=True)["deleted"] == 3
    sweep()
    assert table.items[STATE] == STATE_KEY | {"grace": {"N": str(GRACE)}}


# --- the site ---------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_first_site_says_it_and_others_must_agree(client: Client, store: TableRecords, table: Table) -> None:
    assert client.get("/readyz").status_code == 200
    assert _agreed(table) == {"N": str(store.grace)}
    store.check()
    _say(table, {"N": "3600"})
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["down"]) == (503, ["metadata"])
    reason = answer.json()["reasons"]["metadata"]
    assert reason.startswith(f"GALLERY_GRACE_SECONDS is {store.grace} here and 3600 in GALLERY_TABLE")
    assert _agreed(table) == {"N": "3600"}, "only an operator changes what was agreed"


@pytest.mark.django_db
def test_a_site_says_its_grace_before_its_first_record(
    gallery: Gallery, store: TableRecords, drain: Drain, service: Service, table: Table
) -> None:
    store.introduced = False
    order: list[str] = []
    service.before = lambda operation, request: order.append(operation)
    add(gallery, 1)
    add(gallery, 2)
    drain.round(timezone.now(), 100)
    assert order[0] == "UpdateItem"
    assert order.count("UpdateItem") == 1, "once in a process"
    assert _agreed(table) == {"N": str(store.grace)}


@pytest.mark.django_db
def test_a_table_with_other_keys_is_named(client: Client, store: TableRecords, service: Service) -> None:
    service.fail("GetItem", "ValidationException")
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["down"]) == (503, ["metadata"])
    assert answer.json()["reasons"]["metadata"] == "GALLERY_TABLE names no table with the keys pk and sk."


@pytest.mark.django_db
def test_a_profile_that_is_not_there_is_named(
    client: Client, store: TableRecords, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    settings.GALLERY_TABLE = "another"  # so that its clients are made now
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["down"]) == (503, ["metadata"])
    assert answer.json()["reasons"]["metadata"] == "AWS_PROFILE names no profile of this machine."


@pytest.mark.django_db
def test_of_two_sites_that_start_at_once_one_says_it(store: TableRecords, table: Table, service: Service) -> None:
    def first(operation: str, request: object) -> None:
        if operation == "UpdateItem":
            _say(table, {"N": "7200"})

    service.before = first
    with pytest.raises(Exception, match="7200 in GALLERY_TABLE"):
        store.check()
    assert _agreed(table) == {"N": "7200"}


@pytest.mark.django_db
def test_nothing_lives_longer_while_the_sweep_may_wait_for_a_shorter_time(
    gallery: Gallery, store: TableRecords, drain: Drain, table: Table
) -> None:
    kept, removed = add(gallery, 1), add(gallery, 2)
    remove_images(gallery, [removed.id], timezone.now())
    drain.round(timezone.now(), 100)
    _say(table, {"N": "3600"})
    for change in (
        lambda: restore_image(reload(removed)),
        lambda: set_expiry(reload(kept), timezone.now() + 30 * DAY, timezone.now()),
    ):
        refused = problem_of(change)
        assert (refused.code, refused.status) == ("unavailable", 503)
    assert reload(removed).removed_at is not None
    add(gallery, 3)  # what shortens, and what is new, needs no agreement
    set_expiry(reload(kept), timezone.now() + timedelta(hours=1), timezone.now())
    _say(table, {"N": str(store.grace)})
    drain.round(timezone.now() + timedelta(minutes=2), 100)
    restore_image(reload(removed))
    assert reload(removed).state == State.READY
    assert reload(removed).removed_at is None


@pytest.mark.django_db
def test_what_was_agreed_is_asked_for_once_a_minute(
    gallery: Gallery, store: TableRecords, drain: Drain, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(store, "clock", lambda: now[0])
    image = add(gallery, 1)
    drain.round(timezone.now(), 100)
    service.calls.clear()
    for days, moment in ((20, 0.0), (30, 59.0), (40, 61.0)):
        now[0] = moment
        set_expiry(reload(image), timezone.now() + days * DAY, timezone.now())
    assert service.calls["GetItem"] == 2


@pytest.mark.django_db
def test_an_operator_changes_what_was_agreed(store: TableRecords, table: Table) -> None:
    _say(table, {"N": "3600"})
    output = StringIO()
    call_command("sync_metadata", "--set-grace", stdout=output)
    assert _agreed(table) == {"N": str(store.grace)}
    assert f"GALLERY_GRACE_SECONDS={store.grace}" in output.getvalue()
    store.check()


@pytest.mark.django_db
def test_the_table_is_changed_first_and_whoever_has_the_new_value_then_serves(
    client: Client, store: TableRecords, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """docs/records.md, to the letter: an installation waits for /readyz, so nobody could say it afterwards."""
    assert client.get("/readyz").status_code == 200
    monkeypatch.setattr(store, "grace", 172_800)  # as a new release is told
    assert client.get("/readyz").status_code == 503
    text = (ROOT / "docs" / "records.md").read_text()
    (command,) = re.findall(r"aws dynamodb update-item.*?(?=```)", text, re.DOTALL)
    words = shlex.split(command.replace("\\\n", " "))
    option = dict(zip(words[3::2], words[4::2], strict=True))
    store.hurried.update_item(
        TableName=store.table,
        Key=json.loads(option["--key"]),
        UpdateExpression=option["--update-expression"],
        ExpressionAttributeValues=json.loads(option["--expression-attribute-values"]),
    )
    assert _agreed(table) == {"N": "172800"}
    assert client.get("/readyz").status_code == 200


@pytest.mark.django_db
def test_a_table_that_is_rebuilt_says_it_again(gallery: Gallery, store: TableRecords, table: Table) -> None:
    add(gallery, 1)
    call_command("sync_metadata", "--apply", "--json", stdout=(output := StringIO()))
    assert json.loads(output.getvalue())["left"] == 0
    assert _agreed(table) == {"N": str(store.grace)}
    _say(table, {"N": "3600"})
    with pytest.raises(CommandError, match="GALLERY_GRACE_SECONDS"):
        call_command("sync_metadata", "--apply")
