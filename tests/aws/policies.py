"""The inline policies that the template gave its roles, and one permission less; and those of a shape that no emulator
starts, with what CloudFormation would fill in."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deploy.emulator.cloud import Cloud


@dataclass(frozen=True)
class Policy:
    """The policy ``name`` of the role with the logical name ``role`` (or with that name)."""

    cloud: Cloud
    role: str
    name: str

    @property
    def document(self) -> dict[str, Any]:
        role = self.cloud.stack.resources.get(self.role, self.role)
        document: Any = self.cloud.emulator.root("iam").get_role_policy(RoleName=role, PolicyName=self.name)
        found = document["PolicyDocument"]
        parsed: dict[str, Any] = json.loads(found) if isinstance(found, str) else found
        return parsed

    @property
    def actions(self) -> set[str]:
        return {action for statement in self.document["Statement"] for action in _actions(statement)}

    @contextmanager
    def without(self, action: str) -> Iterator[None]:
        """The role may not do this meanwhile."""
        whole = self.document
        smaller = copy.deepcopy(whole)
        for statement in smaller["Statement"]:
            statement["Action"] = [each for each in _actions(statement) if each != action]
        smaller["Statement"] = [statement for statement in smaller["Statement"] if statement["Action"]]
        self._put(smaller)
        try:
            yield
        finally:
            self._put(whole)

    def _put(self, document: dict[str, Any]) -> None:
        role = self.cloud.stack.resources.get(self.role, self.role)
        put = self.cloud.emulator.root("iam").put_role_policy
        put(RoleName=role, PolicyName=self.name, PolicyDocument=json.dumps(document))


def _actions(statement: dict[str, Any]) -> list[str]:
    return [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]


def resolved(value: Any, arns: Mapping[str, str], values: Mapping[str, str]) -> Any:
    """A document of the template with ``arns`` for its resources and ``values`` for the rest; conditions hold."""
    if isinstance(value, list):
        return [resolved(each, arns, values) for each in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"Fn::Sub"}:
        text = value["Fn::Sub"]
        for name, arn in arns.items():
            text = text.replace(f"${{{name}.Arn}}", arn)
        for name, plain in values.items():
            text = text.replace(f"${{{name}}}", plain)
        assert "$" not in text
        return text
    if set(value) == {"Fn::GetAtt"}:
        return arns[value["Fn::GetAtt"][0]]
    if set(value) == {"Ref"}:
        return arns.get(value["Ref"]) or values[value["Ref"]]
    if set(value) == {"Fn::If"}:
        return resolved(value["Fn::If"][1], arns, values)
    return {name: resolved(each, arns, values) for name, each in value.items()}
