"""The template's stack in the emulator. What the emulator refuses in a template is made by API calls: ``MADE_BY_HAND``
is the whole list."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.emulator.ministack import Emulator, EmulatorFailed
from gallery_site.runner.packaging import pack_lambda

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "deploy" / "template.yaml"
STACK = "image-gallery"
ARTIFACTS = "image-gallery-artifacts"
IMAGE = "/image-gallery/image"
CREATE_SECONDS = 120.0


@dataclass(frozen=True)
class Stack:
    """A created stack: its outputs and what its logical names became."""

    outputs: dict[str, str]
    resources: dict[str, str]


def create_stack(emulator: Emulator, public_key: str, parameters: Mapping[str, str]) -> Stack:
    """Create the template's stack; ``parameters`` go over the ones that the emulator needs.

    Raises:
        EmulatorFailed: it was not created; the message names the resource and the reason.
    """
    template = read_template(emulator.python)
    for logical, make in MADE_BY_HAND.items():
        _replace(template, logical, make(emulator, public_key, template))
    for statement in template["Resources"]["SitePolicy"]["Properties"]["PolicyDocument"]["Statement"]:
        if statement["Sid"] in UNKNOWN_CONDITIONS:
            del statement["Condition"]
    _upload_artifacts(emulator)
    given = {
        "PublicKeyA": public_key,
        "ArtifactBucket": ARTIFACTS,
        "OriginDomain": "localhost",
        "ImageId": IMAGE,
        **parameters,
    }
    client = emulator.root("cloudformation")
    client.create_stack(
        StackName=STACK,
        TemplateBody=json.dumps(template),
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    deadline = time.monotonic() + CREATE_SECONDS
    while True:
        (stack,) = client.describe_stacks(StackName=STACK)["Stacks"]
        if stack["StackStatus"] != "CREATE_IN_PROGRESS" or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    if stack["StackStatus"] != "CREATE_COMPLETE":
        raise EmulatorFailed(f"The stack was not created: {_first_failure(client) or stack['StackStatus']}")
    resources = client.describe_stack_resources(StackName=STACK)["StackResources"]
    return Stack(
        {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])},
        {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in resources},
    )


def read_template(python: Path) -> dict[str, Any]:
    """deploy/template.yaml, read by ``python``, whose environment has PyYAML."""
    command = [str(python), str(Path(__file__).with_name("template.py")), str(TEMPLATE)]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    template: dict[str, Any] = json.loads(result.stdout)
    return template


def _first_failure(client: Any) -> str:
    events = client.describe_stack_events(StackName=STACK)["StackEvents"]
    failed = [each for each in events if each["ResourceStatus"].endswith("FAILED")]
    return "; ".join(f"{each['LogicalResourceId']}: {each.get('ResourceStatusReason', '')}" for each in failed)


# --- what the emulator refuses in a template --------------------------------------------------------------------------


def _public_key(emulator: Emulator, public_key: str, template: dict[str, Any]) -> str:
    config = {"Name": f"{STACK}-a", "CallerReference": f"{STACK}-a", "EncodedKey": public_key}
    answer = emulator.root("cloudfront").create_public_key(PublicKeyConfig=config)
    return str(answer["PublicKey"]["Id"])


def _key_group(emulator: Emulator, public_key: str, template: dict[str, Any]) -> str:
    """After ``_public_key``, whose id has taken the place of its reference."""
    first, _ = template["Resources"]["TrustedKeys"]["Properties"]["KeyGroupConfig"]["Items"]
    config = {"Name": STACK, "Items": [first["Fn::If"][1]]}
    answer = emulator.root("cloudfront").create_key_group(KeyGroupConfig=config)
    return str(answer["KeyGroup"]["Id"])


def _nothing(emulator: Emulator, public_key: str, template: dict[str, Any]) -> str:
    """Belongs to a shape that is not started here."""
    return "none"


# Logical name -> what makes it, in this order. Its resource leaves the template, references to it become what is
# returned.
MADE_BY_HAND: dict[str, Callable[[Emulator, str, dict[str, Any]], str]] = {
    "PublicKeySlotA": _public_key,
    "PublicKeySlotB": _nothing,
    "TrustedKeys": _key_group,
    "SiteAddress": _nothing,
    "DatabaseIngress": _nothing,
}


# Statements of the site's policy whose condition the emulator knows nothing of, and so takes for unmet.
UNKNOWN_CONDITIONS = {"SayHowFarRecordsAreBehind"}


def _replace(template: dict[str, Any], logical: str, made: str) -> None:
    del template["Resources"][logical]

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            if value == {"Ref": logical} or (len(value) == 1 and value.get("Fn::GetAtt", [""])[0] == logical):
                return made
            return {name: walk(each) for name, each in value.items()}
        return [walk(each) for each in value] if isinstance(value, list) else value

    for part in ("Resources", "Outputs"):
        template[part] = walk(template[part])


def _upload_artifacts(emulator: Emulator) -> None:
    """What an operator uploads before deploying, and a parameter that AWS has."""
    s3 = emulator.root("s3")
    s3.create_bucket(Bucket=ARTIFACTS, CreateBucketConfiguration={"LocationConstraint": s3.meta.region_name})
    s3.put_object(Bucket=ARTIFACTS, Key="cleanup_lambda.zip", Body=pack_lambda(ROOT))
    # AWS's own names are reserved here too, and the emulator has none of them.
    emulator.root("ssm").put_parameter(Name=IMAGE, Value="ami-00000000000000000", Type="String")
