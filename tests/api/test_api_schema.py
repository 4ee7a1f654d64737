"""The API against its own description, with requests that schemathesis makes up: right ones, wrong ones, and chains of
them that follow the description's links."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any, cast

import pytest
import schemathesis.openapi
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.core.transport import Response
from schemathesis.generation import GenerationMode
from schemathesis.schemas import APIOperation, BaseSchema
from schemathesis.specs.openapi import checks

from galleries.links import create_link
from galleries.management.commands.export_openapi import PATH
from galleries.models import Gallery, Image, Link
from galleries.removal import restore_gallery, restore_image
from tests.api.program import Program
from tests.pictures import jpeg

CASES = 2_000  # requests in all; that they are so many is counted below
EXAMPLES = 40  # of each operation with right data, and as many with wrong
CHAINS, STEPS, CHAINED = 25, 16, 240  # chains, the most steps of each, the fewest requests of all
DESCRIPTION: dict[str, Any] = json.loads(PATH.read_text())
OPERATIONS = {
    operation["operationId"]: (path, method)
    for path, operations in DESCRIPTION["paths"].items()
    for method, operation in operations.items()
}
CHECKED = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
NO_PHOTO = "upload_image"  # made-up bytes are no picture; the chains send real ones


def described() -> BaseSchema:
    schema = schemathesis.openapi.from_dict({**DESCRIPTION, "servers": []})
    schema.app = WSGIHandler()
    return schema


def how(examples: int, **more: Any) -> settings:
    return settings(
        max_examples=examples,
        database=None,
        deadline=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
        **more,
    )


@pytest.fixture(autouse=True)
def _keep_the_connection() -> Iterator[None]:
    """As Django's test client does: the end of a request does not close the connection of this test's transaction."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@dataclass(frozen=True)
class World:
    """What is there."""

    gallery: Gallery
    image: Image
    link: Link

    @property
    def ids(self) -> dict[str, str]:
        """By the name of the parameter."""
        return {"gallery_id": self.gallery.hex, "image_id": self.image.hex, "link_id": self.link.hex}

    def bring_back(self) -> None:
        """What a request before has deleted."""
        for gallery in Gallery.objects.filter(id=self.gallery.id, removed_at__isnull=False):
            restore_gallery(gallery, timezone.now())
        for image in Image.objects.filter(id=self.image.id, removed_at__isnull=False).select_related("gallery"):
            restore_image(image)
        if not Link.objects.filter(id=self.link.id).exists():
            self.link.save(force_insert=True)


@pytest.fixture
def world(gallery: Gallery, image: Image) -> World:
    now = timezone.now()
    return World(gallery, image, create_link(gallery, kind="look", ends_at=now + timedelta(days=1), now=now))


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.filterwarnings("ignore")  # not ours
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_answer_is_as_described(name: str, world: World, program: Program) -> None:
    path, method = OPERATIONS[name]
    operation = described()[path][method]
    right = statuses(operation, GenerationMode.POSITIVE, world, program)
    wrong = statuses(operation, GenerationMode.NEGATIVE, world, program)
    assert (right.total(), wrong.total()) == (EXAMPLES, EXAMPLES)
    assert any(status < 400 for status in right) or name == NO_PHOTO, right  # it has seen more than refusals
    assert any(status >= 400 for status in wrong), wrong


def test_there_are_two_thousand_cases() -> None:
    """Each part is counted where it runs: a process of its own may run each."""
    assert len(OPERATIONS) * 2 * EXAMPLES + CHAINED >= CASES


def statuses(operation: APIOperation, mode: GenerationMode, world: World, program: Program) -> Counter[int]:
    """Try ``operation``; returns how often each status was answered, each time as described."""
    seen: Counter[int] = Counter()

    @how(EXAMPLES)
    @given(case=operation.as_strategy(mode))
    def run(case: Case) -> None:
        world.bring_back()
        if mode is GenerationMode.POSITIVE:
            case.path_parameters = {name: world.ids[name] for name in case.path_parameters}
        response = case.call(headers=program.headers)
        # Lists alone have query parameters, and one that is not known is ignored; the others refuse what is wrong.
        refusing = [] if operation.method == "get" else [checks.negative_data_rejection]
        case.validate_response(response, checks=[*CHECKED, *refusing])
        seen[response.status_code] += 1

    run()
    return seen


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.filterwarnings("ignore")
def test_chains_of_requests_are_answered_as_described(program: Program, world: World) -> None:
    """What is made is read, changed and deleted by its id, page follows page; photos are real ones. An id that is made
    up would end a chain: what is there, or was, takes its place."""
    seen: Counter[str] = Counter()
    named_by = {"GalleryOut": "gallery_id", "ImageUploaded": "image_id", "LinkOut": "link_id"}

    schema = described()
    schema.config.generation.update(modes=[GenerationMode.POSITIVE])  # wrong requests would end most chains at once

    class Chain(schema.as_state_machine()):  # type: ignore[misc]
        def setup(self) -> None:
            """Each chain begins in the same world: what one chain did must not change what another meets."""
            self.savepoint = transaction.savepoint()
            self.numbers = count()
            self.known = {name: [identifier] for name, identifier in world.ids.items()}

        def teardown(self) -> None:
            transaction.savepoint_rollback(self.savepoint)

        def before_call(self, case: Case) -> None:
            for name, value in case.path_parameters.items():
                ids = self.known[name]
                case.path_parameters[name] = value if value in ids else ids[next(self.numbers) % len(ids)]
            if case.operation.label.endswith("/images") and isinstance(case.body, dict) and "file" in case.body:
                case.body["file"] = cast(Any, jpeg(1_000 + next(self.numbers)))
                for time in ("expires_at", "taken_at"):  # most made-up times are in the past, or far ahead
                    case.body.pop(time, None)

        def get_call_kwargs(self, case: Case) -> dict[str, Any]:
            return {"headers": program.headers}

        def validate_response(self, response: Response, case: Case, **more: Any) -> None:
            case.validate_response(response, checks=CHECKED)
            seen[f"{case.operation.label} {response.status_code}"] += 1
            if response.status_code == 201:
                content = DESCRIPTION["paths"][case.operation.path]["post"]["responses"]["201"]["content"]
                kind = content["application/json"]["schema"]["$ref"].rpartition("/")[2]
                self.known[named_by[kind]].append(response.json()["id"])

    Chain.run(settings=how(CHAINS, stateful_step_count=STEPS))
    assert seen["POST /api/v1/galleries/{gallery_id}/images 201"], seen  # a photo was added
    assert seen["POST /api/v1/galleries/{gallery_id}/links 201"], seen
    assert seen.total() >= CHAINED, seen
