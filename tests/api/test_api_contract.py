"""The API's description: valid, committed, and not changed in a way that breaks programs."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from galleries.api.compatibility import breaking_changes
from galleries.management.commands.export_openapi import PATH, described
from galleries.problems import PROBLEMS
from tests.api.program import ROOT

Json = dict[str, Any]


@pytest.fixture(scope="module")
def schema() -> Json:
    return dict(json.loads(described()))


def test_the_description_is_valid(schema: Json) -> None:
    OpenAPIV31SpecValidator(schema).validate()


def test_what_is_served_is_what_is_described(schema: Json, client: Client) -> None:
    assert json.loads(client.get(f"{ROOT}/openapi.json").content) == schema


def test_what_is_committed_is_what_is_described(schema: Json) -> None:
    committed = json.loads(PATH.read_text())
    assert breaking_changes(committed, schema) == [], "this breaks programs"
    assert PATH.read_text() == described(), "run: python3 run.py manage export_openapi"


def test_every_answer_is_described_with_all_that_belongs_to_it(schema: Json) -> None:
    ids = [operation["operationId"] for operations in schema["paths"].values() for operation in operations.values()]
    assert len(ids) == len(set(ids))
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation["description"], where
            for status, answer in operation["responses"].items():
                assert answer["description"], where
                if int(status) >= 400:
                    examples = answer["content"]["application/problem+json"]["examples"]
                    assert {PROBLEMS[code][0] for code in examples} == {int(status)}, where
                if status in {"429", "503"}:
                    assert answer["headers"]["Retry-After"]["required"], where
                for link in answer.get("links", {}).values():
                    assert link["operationId"] in ids, where
                    target = _operation(schema, link["operationId"])
                    names = {parameter["name"] for parameter in target["parameters"]}
                    assert set(link["parameters"]) <= names, (where, link)
            if method == "get" and "application/json" in operation["responses"].get("200", {}).get("content", {}):
                assert "ETag" in operation["responses"]["200"]["headers"], where
                assert "304" in operation["responses"], where


THINGS = {"GalleryOut", "GalleryChanged", "ImageOut", "ImageUploaded", "LinkOut"}


def test_every_header_that_programs_need_is_described(schema: Json) -> None:
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            for status, answer in operation["responses"].items():
                where, headers = f"{method} {path} {status}", answer.get("headers", {})
                body = answer.get("content", {}).get("application/json", {}).get("schema", {}).get("$ref", "")
                if body.rpartition("/")[2] in THINGS:
                    assert headers["ETag"]["required"], where
                if status in {"201", "302"}:
                    assert headers["Location"]["required"], where
                if status == "401":
                    assert headers["WWW-Authenticate"]["required"], where
    archive = _operation(schema, "download_zip")["responses"]["200"]
    assert set(archive["content"]) == {"application/zip"}
    assert archive["headers"]["Content-Length"]["required"]
    assert "Location" in _operation(schema, "upload_image")["responses"]["200"]["headers"]


def test_every_body_has_an_example_that_is_one(schema: Json) -> None:
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
            contents = [content for body in bodies for content in body.get("content", {}).items()]
            for kind, content in contents:
                if kind in {"application/json", "multipart/form-data"}:
                    judge = Draft202012Validator(content["schema"] | {"components": schema["components"]})
                    assert not [error.message for error in judge.iter_errors(content["example"])], (method, path)


def _operation(schema: Json, identifier: str) -> Json:
    found = [
        operation
        for operations in schema["paths"].values()
        for operation in operations.values()
        if operation["operationId"] == identifier
    ]
    return dict(found[0])


LIST = "/api/v1/galleries"
ONE = "/api/v1/galleries/{gallery_id}"


def _body(schema: Json, name: str) -> Json:
    return dict(schema["components"]["schemas"])[name]  # type: ignore[no-any-return]


BREAKING: dict[str, tuple[Callable[[Json], object], str]] = {
    "path removed": (lambda s: s["paths"].pop(ONE), f"GET {ONE}: is gone"),
    "method removed": (lambda s: s["paths"][ONE].pop("patch"), f"PATCH {ONE}: is gone"),
    "operation renamed": (
        lambda s: s["paths"][LIST]["get"].update(operationId="x"), f"GET {LIST}: has another operationId, x"
    ),
    "parameter removed": (
        lambda s: s["paths"][LIST]["get"]["parameters"].clear(), f"GET {LIST}: takes query limit no more"
    ),
    "parameter required": (
        lambda s: [each.update(required=True) for each in s["paths"][LIST]["get"]["parameters"]],
        f"GET {LIST}: wants query limit",
    ),
    "new parameter required": (
        lambda s: s["paths"][LIST]["get"]["parameters"].append(
            {"in": "query", "name": "x", "required": True, "schema": {}}
        ),
        f"GET {LIST}: wants query x",
    ),
    "smaller limit": (
        lambda s: [each["schema"].update(maximum=5) for each in s["paths"][LIST]["get"]["parameters"]],
        f"GET {LIST} query limit: maximum is 5, was 200",
    ),
    "field of an answer removed": (
        lambda s: _body(s, "GalleryOut")["properties"].pop("cover"), f"GET {LIST} 200.items[].cover: is gone"
    ),
    "field of an answer optional": (
        lambda s: _body(s, "GalleryOut")["required"].remove("bytes"), f"GET {ONE} 200.bytes: may be missing"
    ),
    "type of an answer changed": (
        lambda s: _body(s, "GalleryOut")["properties"]["bytes"].update(type="string"),
        f"GET {ONE} 200.bytes: may be string",
    ),
    "answer may be null": (
        lambda s: _body(s, "GalleryOut")["properties"].update(id={"anyOf": [{"type": "string"}, {"type": "null"}]}),
        f"GET {ONE} 200.id: may be null",
    ),
    "status removed": (
        lambda s: s["paths"][LIST]["post"]["responses"].pop("201"), f"POST {LIST}: answers 201 no more"
    ),
    "refusal by another status": (
        lambda s: s["paths"][ONE]["patch"]["responses"].pop("412"), f"PATCH {ONE}: answers 412 no more"
    ),
    "refusal by another code": (
        lambda s: s["paths"][LIST]["post"]["responses"]["422"]["content"]["application/problem+json"]["schema"][
            "allOf"
        ][1]["properties"]["code"]["enum"].remove("expiry_too_late"),
        f"POST {LIST} 422: is expiry_too_late no more",
    ),
    "field of a refusal removed": (
        lambda s: _body(s, "Problem")["properties"].pop("fields"), f"POST {LIST} 422.fields: is gone"
    ),
    "refusal of another kind": (
        lambda s: s["paths"][ONE]["get"]["responses"]["404"].update(content={"text/html": {}}),
        f"GET {ONE} 404: is application/problem+json no more",
    ),
    "header removed": (
        lambda s: s["paths"][LIST]["post"]["responses"]["201"]["headers"].pop("Location"),
        f"POST {LIST} 201 Location: is gone",
    ),
    "header optional": (
        lambda s: s["paths"][LIST]["get"]["responses"]["429"]["headers"]["Retry-After"].pop("required"),
        f"GET {LIST} 429 Retry-After: may be missing",
    ),
    "header of another type": (
        lambda s: s["paths"][LIST]["get"]["responses"]["429"]["headers"]["Retry-After"].update(
            schema={"type": "string"}
        ),
        f"GET {LIST} 429 Retry-After: may be string",
    ),
    "field of a body removed": (
        lambda s: _body(s, "GalleryCreate")["properties"].pop("retention"), f"POST {LIST} body.retention: is gone"
    ),
    "field of a body required": (
        lambda s: _body(s, "GalleryCreate")["required"].append("retention"), f"POST {LIST} body.retention: is required"
    ),
    "null taken no more": (
        lambda s: _body(s, "ImageChange")["properties"].update(expires_at={"type": "string"}),
        "PATCH /api/v1/images/{image_id} body.expires_at: takes null no more",
    ),
    "choice taken no more": (
        lambda s: _body(s, "Retention")["enum"].remove("1h"), f"POST {LIST} body.retention: takes '1h' no more"
    ),
    "other content type": (
        lambda s: s["paths"][LIST]["post"]["requestBody"].update(content={"text/plain": {}}),
        f"POST {LIST} body: is application/json no more",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKING)
def test_what_breaks_programs_is_named(name: str, schema: Json) -> None:
    change, expected = BREAKING[name]
    changed = copy.deepcopy(schema)
    change(changed)
    assert expected in breaking_changes(schema, changed)


def test_what_breaks_nobody_is_not(schema: Json) -> None:
    changed = copy.deepcopy(schema)
    changed["paths"]["/api/v1/new"] = changed["paths"][LIST]
    changed["paths"][LIST]["get"]["parameters"].append(
        {"in": "query", "name": "x", "required": False, "schema": {"type": "string"}}
    )
    _body(changed, "GalleryOut")["properties"]["more"] = {"type": "string"}
    _body(changed, "GalleryCreate")["properties"]["more"] = {"type": "string"}
    _body(changed, "Retention")["enum"].append("2y")
    _body(changed, "Problem")["properties"]["code"]["enum"].append("new_code")
    changed["info"]["description"] = "Other words."
    assert breaking_changes(schema, changed) == []
