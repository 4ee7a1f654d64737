"""Reads deploy/template.yaml, short forms (``!Ref``, ``!GetAtt``) spelled out.

Runs where PyYAML is: the emulator's environment and the development environment have it, the site has not.

``python template.py FILE`` prints it as JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's tags."""


def _spelled_out(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> dict[str, Any]:
    name = tag if tag in {"Ref", "Condition"} else f"Fn::{tag}"
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        if tag == "GetAtt":
            value = str(value).split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        raise yaml.YAMLError(f"!{tag} takes text or a list")
    return {name: value}


_Loader.add_multi_constructor("!", _spelled_out)


def read_template(path: Path) -> dict[str, Any]:
    """The template as CloudFormation's JSON form."""
    template: dict[str, Any] = yaml.load(path.read_text(), _Loader)  # noqa: S506 (a SafeLoader)
    return template


if __name__ == "__main__":
    json.dump(read_template(Path(sys.argv[1])), sys.stdout)
