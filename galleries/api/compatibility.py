"""Which differences between two descriptions of the API break programs that were written for the older one.

New paths, optional parameters and fields in answers break nobody, and programs must expect codes and kinds that are
new. A refusal that is told by another status or code breaks those that act on it, and so does a header that is gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
# A limit of what may be sent -> whether a larger value is the narrower one.
LIMITS = {"minLength": True, "minimum": True, "minItems": True, "maxLength": False, "maximum": False, "maxItems": False}


def breaking_changes(old: Json, new: Json) -> list[str]:
    """What a program for ``old`` may stumble over in ``new``, one line each."""
    return list(dict.fromkeys(_Comparison(old, new).everything()))


class _Comparison:
    def __init__(self, old: Json, new: Json) -> None:
        self.old, self.new = old, new

    def everything(self) -> Iterator[str]:
        for path, operations in self.old["paths"].items():
            for method, operation in operations.items():
                where = f"{method.upper()} {path}"
                found = self.new["paths"].get(path, {}).get(method)
                if found is None:
                    yield f"{where}: is gone"
                else:
                    yield from self._operation(where, operation, found)

    def _operation(self, where: str, old: Json, new: Json) -> Iterator[str]:
        if old["operationId"] != new["operationId"]:
            yield f"{where}: has another operationId, {new['operationId']}"
        yield from self._parameters(where, _by_name(old), _by_name(new))
        body, new_body = old.get("requestBody"), new.get("requestBody")
        if new_body and not body:
            yield f"{where}: wants a body"
        if body and new_body:
            yield from self._contents(f"{where} body", body, new_body, sent=True)
        for status, answer in old["responses"].items():
            found = new["responses"].get(status)
            if found is None:
                yield f"{where}: answers {status} no more"
                continue
            yield from self._contents(f"{where} {status}", answer, found, sent=False)
            yield from self._headers(f"{where} {status}", answer.get("headers", {}), found.get("headers", {}))
            codes, new_codes = _codes(answer), _codes(found)
            yield from (f"{where} {status}: is {code} no more" for code in sorted(codes - new_codes))

    def _headers(self, where: str, old: Json, new: Json) -> Iterator[str]:
        for name, header in old.items():
            if name not in new:
                yield f"{where} {name}: is gone"
                continue
            if header.get("required") and not new[name].get("required"):
                yield f"{where} {name}: may be missing"
            yield from self._values(f"{where} {name}", header["schema"], new[name]["schema"], sent=False)

    def _parameters(self, where: str, old: Json, new: Json) -> Iterator[str]:
        for name, parameter in old.items():
            if name not in new:
                yield f"{where}: takes {name} no more"
                continue
            if new[name].get("required") and not parameter.get("required"):
                yield f"{where}: wants {name}"
            yield from self._values(f"{where} {name}", parameter["schema"], new[name]["schema"], sent=True)
        yield from (f"{where}: wants {name}" for name in new if name not in old and new[name].get("required"))

    def _contents(self, where: str, old: Json, new: Json, *, sent: bool) -> Iterator[str]:
        for kind, content in old.get("content", {}).items():
            found = new.get("content", {}).get(kind)
            if found is None:
                yield f"{where}: is {kind} no more"
            elif "schema" in content:
                yield from self._values(where, content["schema"], found["schema"], sent=sent)

    def _values(self, where: str, old: Json, new: Json, *, sent: bool) -> Iterator[str]:
        old, new = _resolved(old, self.old), _resolved(new, self.new)
        types, new_types = _types(old, self.old), _types(new, self.new)
        if sent:
            yield from (f"{where}: takes {kind} no more" for kind in sorted(types - new_types))
            yield from self._narrower(where, old, new)
        else:
            yield from (f"{where}: may be {kind}" for kind in sorted(new_types - types))
        old, new = _main_variant(old, self.old), _main_variant(new, self.new)
        fields, new_fields = old.get("properties", {}), new.get("properties", {})
        required, new_required = set(old.get("required", ())), set(new.get("required", ()))
        yield from (f"{where}.{name}: is gone" for name in fields if name not in new_fields)
        if sent:
            yield from (f"{where}.{name}: is required" for name in sorted(new_required - required))
        else:
            missing = sorted((required - new_required) & set(new_fields))
            yield from (f"{where}.{name}: may be missing" for name in missing)
        for name in fields.keys() & new_fields.keys():
            yield from self._values(f"{where}.{name}", fields[name], new_fields[name], sent=sent)
        if "items" in old and "items" in new:
            yield from self._values(f"{where}[]", old["items"], new["items"], sent=sent)

    def _narrower(self, where: str, old: Json, new: Json) -> Iterator[str]:
        if "enum" in old and "enum" in new:
            gone = [value for value in old["enum"] if value not in new["enum"]]
            yield from (f"{where}: takes {value!r} no more" for value in gone)
        for name, larger_is_narrower in LIMITS.items():
            before, after = old.get(name), new.get(name)
            if after is not None and (before is None or (after > before if larger_is_narrower else after < before)):
                yield f"{where}: {name} is {after}, was {before}"
        if new.get("pattern") not in {None, old.get("pattern")}:
            yield f"{where}: has another pattern"


def _by_name(operation: Json) -> Json:
    return {f"{each['in']} {each['name']}": each for each in operation.get("parameters", [])}


def _codes(answer: Json) -> set[str]:
    """The codes that the problems of this answer may have."""
    found: set[str] = set()
    for content in answer.get("content", {}).values():
        for part in content.get("schema", {}).get("allOf", []):
            if "$ref" not in part:
                found |= set(part.get("properties", {}).get("code", {}).get("enum", ()))
    return found


def _resolved(schema: Json, root: Json) -> Json:
    while "$ref" in schema or "allOf" in schema:
        schema = schema["allOf"][0] if "allOf" in schema else root["components"]["schemas"][_name(schema["$ref"])]
    return schema


def _name(reference: str) -> str:
    return reference.rpartition("/")[2]


def _variants(schema: Json, root: Json) -> list[Json]:
    schema = _resolved(schema, root)
    if "anyOf" not in schema:
        return [schema]
    return [variant for each in schema["anyOf"] for variant in _variants(each, root)]


def _types(schema: Json, root: Json) -> set[str]:
    """The JSON types that a value may have; {"any"} when nothing is said."""
    found: set[str] = set()
    for variant in _variants(schema, root):
        kind = variant.get("type") or ("string" if "enum" in variant or "const" in variant else "any")
        found |= {kind} if isinstance(kind, str) else set(kind)
    return found


def _main_variant(schema: Json, root: Json) -> Json:
    """What is not null."""
    return next((each for each in _variants(schema, root) if each.get("type") != "null"), {})
