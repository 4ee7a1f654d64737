"""What the OpenAPI description says beyond what ninja finds in the operations: conditions, headers of answers, links
between operations, examples."""

from __future__ import annotations

from typing import Any

from galleries.api.errors import PROBLEM_SCHEMA
from galleries.api.examples import EXAMPLES, UPLOAD

Json = dict[str, Any]
_TEXT: Json = {"type": "string"}
_ETAG: Json = {"description": "For `If-None-Match` and `If-Match`.", "required": True, "schema": _TEXT}
# What has an ETag wherever it is answered.
_THINGS = {"GalleryOut", "GalleryChanged", "ImageOut", "ImageUploaded", "LinkOut"}
_IF_NONE_MATCH: Json = {
    "in": "header",
    "name": "If-None-Match",
    "required": False,
    "description": "The `ETag` of an answer that you have: 304 when it still holds.",
    "schema": _TEXT,
}
_IF_MATCH: Json = {
    "in": "header",
    "name": "If-Match",
    "required": False,
    "description": "The `ETag` of what you saw: 412 when somebody changed it since.",
    "schema": _TEXT,
}
_WAIT: Json = {
    "Retry-After": {"description": "Seconds to wait.", "required": True, "schema": {"type": "integer", "minimum": 1}}
}
_PLACE: Json = {"Location": {"description": "Where it is.", "required": True, "schema": _TEXT}}
_HEADERS_OF_STATUS: dict[str, Json] = {
    "201": _PLACE,
    "302": {"Location": {"description": "The signed address.", "required": True, "schema": _TEXT}},
    "401": {"WWW-Authenticate": {"description": "`Bearer`.", "required": True, "schema": _TEXT}},
    "429": _WAIT,
    "503": _WAIT,
}
_ZIP: Json = {
    "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
    "headers": {
        "Content-Length": {"description": "In bytes.", "required": True, "schema": {"type": "integer"}},
        "Content-Disposition": {"description": "The gallery's title as a file name.", "schema": _TEXT},
    },
}
# Answers of which ninja knows less than we do.
_MORE: dict[tuple[str, str], Json] = {
    ("download_zip", "200"): _ZIP,
    ("upload_image", "200"): {"headers": _PLACE},
}
_GALLERY = {"gallery_id": "$response.body#/id"}
_IMAGE = {"image_id": "$response.body#/id"}
_LINK = {"link_id": "$response.body#/id"}
_SAME_IMAGE = {"image_id": "$request.path.image_id"}
_NEXT = {"cursor": "$response.body#/next"}
# What can be done next with what an operation answered.
LINKS: dict[tuple[str, str], dict[str, Json]] = {
    ("create_gallery", "201"): {
        "get_gallery": _GALLERY,
        "patch_gallery": _GALLERY,
        "delete_gallery": _GALLERY,
        "list_images": _GALLERY,
        "upload_image": _GALLERY,
        "check_images": _GALLERY,
        "list_links": _GALLERY,
        "add_link": _GALLERY,
        "download_zip": _GALLERY,
    },
    ("upload_image", "201"): {
        "get_image": _IMAGE,
        "patch_image": _IMAGE,
        "delete_image": _IMAGE,
        "restore_image": _IMAGE,
        "get_original": _IMAGE,
    },
    ("delete_image", "204"): {"restore_image": _SAME_IMAGE, "get_image": _SAME_IMAGE},
    ("add_link", "201"): {"get_link": _LINK, "patch_link": _LINK, "remove_link": _LINK},
    ("list_galleries", "200"): {"list_galleries": _NEXT},
    ("list_images", "200"): {"list_images": _NEXT | {"gallery_id": "$request.path.gallery_id"}},
    ("list_links", "200"): {"list_links": _NEXT | {"gallery_id": "$request.path.gallery_id"}},
    ("list_receipts", "200"): {"list_receipts": _NEXT},
}


def complete(schema: Json) -> None:
    """Add to the description ``schema``, in place."""
    schema["components"]["schemas"]["Problem"] = PROBLEM_SCHEMA
    for operations in schema["paths"].values():
        operations.pop("head", None)  # as GET, without the body
        for method, operation in operations.items():
            responses = {str(status): answer for status, answer in operation["responses"].items()}
            operation["responses"] = responses
            _add_conditions(method, operation)
            for body in (operation.get("requestBody", {}), *responses.values()):
                _add_example(body)
            for status, answer in responses.items():
                _add_headers(operation["operationId"], status, answer)
                links = LINKS.get((operation["operationId"], status), {})
                if links:
                    answer["links"] = {
                        name: {"operationId": name, "parameters": given} for name, given in links.items()
                    }


def _add_example(body: Json) -> None:
    for kind, content in body.get("content", {}).items():
        name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
        if kind == "multipart/form-data":
            content["example"] = UPLOAD
        elif name in EXAMPLES:
            content["example"] = EXAMPLES[name]


def _add_conditions(method: str, operation: Json) -> None:
    responses = operation["responses"]
    if method == "get" and "application/json" in responses.get("200", {}).get("content", {}):
        operation["parameters"].append(_IF_NONE_MATCH)
        responses["304"] = {"description": "You have it already", "headers": {"ETag": _ETAG}}
        responses["200"]["headers"] = {"ETag": _ETAG}
    if "412" in responses:
        operation["parameters"].append(_IF_MATCH)


def _add_headers(operation: str, status: str, answer: Json) -> None:
    kind = answer.get("content", {}).get("application/json", {}).get("schema", {}).get("$ref", "").rpartition("/")[2]
    more = _MORE.get((operation, status), {})
    headers = (
        answer.get("headers", {})
        | ({"ETag": _ETAG} if kind in _THINGS else {})
        | _HEADERS_OF_STATUS.get(status, {})
        | more.get("headers", {})
    )
    answer.update(more)
    if headers:
        answer["headers"] = headers
