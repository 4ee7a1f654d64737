"""The API against its own description, with requests that schemathesis makes up: right ones and wrong ones."""

from __future__ import annotations

import pytest
import schemathesis.openapi
from django.core.handlers.wsgi import WSGIHandler
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi import checks

from galleries.api.v1 import api
from galleries.models import Gallery, Image
from galleries.removal import restore_gallery, restore_image
from tests.api.program import Program

EXAMPLES = 5  # for each operation and each kind of data; the long run is another one
CHECKED = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.filterwarnings("ignore")  # not ours
def test_every_answer_is_as_described(program: Program, gallery: Gallery, image: Image) -> None:
    described = api.get_openapi_schema()
    schema = schemathesis.openapi.from_dict({**described, "servers": []})
    schema.app = WSGIHandler()
    ids = {"gallery_id": gallery.hex, "image_id": image.hex}
    seen: set[int] = set()
    for result in schema.get_all_operations():
        assert isinstance(result, Ok)
        for mode in GenerationMode:
            seen |= statuses(result.ok(), mode, ids, program)
    assert {200, 201, 204, 302, 404, 415, 422} <= seen  # it has seen more than refusals


def bring_back(ids: dict[str, str]) -> None:
    """What an example before this one has deleted."""
    for gallery in Gallery.objects.filter(id=ids["gallery_id"], removed_at__isnull=False):
        restore_gallery(gallery, timezone.now())
    for image in Image.objects.filter(id=ids["image_id"], removed_at__isnull=False).select_related("gallery"):
        restore_image(image)


def statuses(operation: APIOperation, mode: GenerationMode, ids: dict[str, str], program: Program) -> set[int]:
    """Try ``operation``; returns the statuses of the answers, all of which were as described."""
    seen: set[int] = set()

    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(mode))
    def run(case: Case) -> None:
        bring_back(ids)
        if mode is GenerationMode.POSITIVE:
            case.path_parameters = {name: ids[name] for name in case.path_parameters}
        response = case.call(headers=program.headers)
        case.validate_response(response, checks=CHECKED)
        seen.add(response.status_code)

    run()
    return seen
