from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from galleries.links import create_link
from galleries.models import ApiToken, Gallery, Image, Link
from galleries.models.tokens import LAST_USED_STEP, LIFETIME, hash_token
from galleries.passes import Addresses
from gallery_site.accounts.models import User
from tests.api.program import ROOT, Program, is_problem, program_of
from tests.pictures import jpeg

# operation -> the scopes that it needs
OPERATIONS: dict[tuple[str, str], str] = {
    ("GET", "/galleries"): "read",
    ("POST", "/galleries"): "write",
    ("GET", "/galleries/{gallery}"): "read",
    ("PATCH", "/galleries/{gallery}"): "write",
    ("DELETE", "/galleries/{gallery}"): "delete",
    ("GET", "/galleries/{gallery}/images"): "read",
    ("POST", "/galleries/{gallery}/images"): "write",
    ("POST", "/galleries/{gallery}/images/check"): "read",
    ("GET", "/galleries/{gallery}/zip"): "read",
    ("GET", "/galleries/{gallery}/links"): "read",
    ("POST", "/galleries/{gallery}/links"): "read write",  # its address shows every photo
    ("GET", "/links/{link}"): "read",
    ("PATCH", "/links/{link}"): "read write",
    ("DELETE", "/links/{link}"): "delete",
    ("GET", "/images/{image}"): "read",
    ("PATCH", "/images/{image}"): "write",
    ("DELETE", "/images/{image}"): "delete",
    ("POST", "/images/{image}/restore"): "write",
    ("GET", "/images/{image}/original"): "read",
    ("POST", "/images/bulk"): "delete",  # each of its actions: test_bulk_needs_the_scope_of_its_action
    ("GET", "/me"): "read",
    ("GET", "/receipts"): "read",
}


def link_of(image: Image) -> Link:
    """A link of the image's gallery."""
    now = timezone.now()
    found = Link.objects.filter(gallery=image.gallery).first()
    return found or create_link(image.gallery, kind="look", ends_at=now + timedelta(days=1), now=now)


def call(program: Program, operation: tuple[str, str], image: Image) -> Any:
    method, path = operation
    path = path.format(gallery=image.gallery_id.hex, image=image.hex, link=link_of(image).hex)
    if operation == ("POST", "/galleries/{gallery}/images"):
        return program.upload(image.gallery, jpeg(7))
    body: dict[str, Any] = {"title": "x"} if path.startswith("/galleries") else {"filename": "x.jpg"}
    if "links" in path:
        body = {"name": "x"}
    if path.endswith("/check"):
        body = {"hashes": ["0" * 64]}
    if path.endswith("/bulk"):
        body = {"action": "delete", "ids": [image.hex]}
    return program.send(method, path, body if method in {"POST", "PATCH"} else None)


def test_every_operation_is_in_the_table() -> None:
    from galleries.api.v1 import api

    paths = api.get_openapi_schema()["paths"]
    described = {
        (method.upper(), path.removeprefix(ROOT).replace("_id}", "}"))
        for path, operations in paths.items()
        for method in operations
    }
    assert described == set(OPERATIONS)


@pytest.mark.parametrize("operation", OPERATIONS, ids=" ".join)
def test_each_operation_needs_its_scope(operation: tuple[str, str], alice: User, image: Image) -> None:
    needed = tuple(OPERATIONS[operation].split())
    for missing in needed:
        others = tuple({"read", "write", "delete"} - {missing})
        refused = call(program_of(alice, scopes=others), operation, image)
        assert is_problem(refused, "forbidden")
        assert refused.json()["detail"] == f"This token may not {missing}."
    assert call(program_of(alice, scopes=needed), operation, image).status_code < 400


def test_a_token_that_may_not_read_is_shown_no_cover(alice: User, program: Program, image: Image) -> None:
    """Its address shows a photo, and its pass all those whose ids are known."""
    path = f"/galleries/{image.gallery_id.hex}"
    writer = program_of(alice, scopes=("write",))
    assert program.patch(path, {"title": "A"}).json()["cover"]
    changed = writer.patch(path, {"title": "B"})
    assert (changed.status_code, changed.json()["cover"]) == (200, None)
    assert changed["ETag"] == program.get(path)["ETag"]
    assert writer.patch(path, {"title": "C"}, headers={"If-Match": changed["ETag"]}).status_code == 200


@pytest.mark.parametrize("operation", OPERATIONS, ids=" ".join)
def test_without_a_token_nothing_opens(operation: tuple[str, str], image: Image) -> None:
    response = call(Program(""), operation, image)
    assert is_problem(response, "unauthorized")
    assert response["WWW-Authenticate"].startswith("Bearer realm=")


@pytest.mark.parametrize("operation", OPERATIONS, ids=" ".join)
def test_a_session_does_not_authorise(operation: tuple[str, str], alice_client: Client, image: Image) -> None:
    assert is_problem(call(Program("", alice_client), operation, image), "unauthorized")


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer   ",
        "Bearer {token} {token}",
        "Basic {token}",
        "{token}",
        "Bearer {token}x",
        "Bearer {hash}",
    ],
)
def test_only_the_token_itself_opens(header: str, alice: User) -> None:
    row, token = ApiToken.issue(alice, "x", now=timezone.now())
    value = header.format(token=token, hash=row.hash)
    response = Client().get(f"{ROOT}/galleries", headers={"Authorization": value})
    assert is_problem(response, "unauthorized")
    for right in (f"bearer {token}", f"BEARER   {token}"):  # RFC 9110, section 11.4
        assert Client().get(f"{ROOT}/galleries", headers={"Authorization": right}).status_code == 200
    assert Client().get(f"{ROOT}/galleries?token={token}&access_token={token}").status_code == 401


def test_revoked_and_ended_tokens_do_not_open(alice: User, program: Program) -> None:
    with time_machine.travel(timezone.now() + LIFETIME + timedelta(seconds=1), tick=False):
        assert is_problem(program.get("/galleries"), "unauthorized")
    assert program.get("/galleries").status_code == 200
    ApiToken.objects.update(revoked_at=timezone.now())
    assert is_problem(program.get("/galleries"), "unauthorized")


def test_a_token_opens_no_pages(program: Program, gallery: Gallery, alice: User) -> None:
    User.objects.filter(id=alice.id).update(is_staff=True, is_superuser=True)
    for path in (f"/g/{gallery.hex}/", "/admin/", "/accounts/email/"):
        assert program.client.get(path, headers=program.headers).status_code == 302


def test_no_csrf_token_is_needed(program: Program) -> None:
    assert program.client.handler.enforce_csrf_checks
    assert program.post("/galleries", {"title": "x"}).status_code == 201


def test_last_use_is_noted_by_the_step(program: Program) -> None:
    start = timezone.now()

    def noted_after(delay: timedelta) -> Any:
        with time_machine.travel(start + delay, tick=False):
            program.get("/galleries")
        return ApiToken.objects.get().last_used_at

    assert noted_after(timedelta()) == start
    assert noted_after(LAST_USED_STEP) == start
    later = LAST_USED_STEP + timedelta(seconds=1)
    assert noted_after(later) == start + later


def test_create_api_token_prints_the_token_alone(alice: User) -> None:
    out = io.StringIO()
    call_command("create_api_token", "alice", stdout=out)
    token = out.getvalue().removesuffix("\n")
    assert token.split() == [token]
    row = ApiToken.objects.get()
    assert (row.owner, row.hash, row.gallery) == (alice, hash_token(token), None)
    assert token not in str(row.__dict__)
    assert Program(token).get("/galleries").status_code == 200


@pytest.mark.parametrize("name", ["nobody", "", "ALICE", "charlie"])
def test_create_api_token_for_an_unknown_name_is_wrong_use(alice: User, charlie: User, name: str) -> None:
    User.objects.filter(id=charlie.id).update(is_active=False)
    with pytest.raises(CommandError) as refused:
        call_command("create_api_token", name)
    assert refused.value.returncode == 2
    assert not ApiToken.objects.exists()


def test_other_secrets_are_no_tokens(alice: User, alice_client: Client, image: Image) -> None:
    """Of a session, of a link, of a picture's address, of the person."""
    link = link_of(image)
    passed = image_pass(image)
    secrets = [alice_client.session.session_key, link.token, link.token_hash, passed, "correct horse battery", "alice"]
    for secret in secrets:
        assert secret
        response = Client().get(f"{ROOT}/galleries", headers={"Authorization": f"Bearer {secret}"})
        assert is_problem(response, "unauthorized"), secret


def image_pass(image: Image) -> str:
    """The signature in the address of a picture."""
    address = Addresses(image.gallery, timezone.now(), image.expires_at).original(image)
    return address.partition("?")[2]
