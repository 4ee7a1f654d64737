"""The template's text: what the emulators drop without a word, and that nobody may do more than is needed."""

from __future__ import annotations

import json
import re
import subprocess
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from cleanup_lambda.handler import METRICS, NAMESPACE
from deploy.emulator.template import read_template
from tests.live import ROOT

with warnings.catch_warnings(action="ignore"):  # it leaves its own files open
    import parliament

ARNS = {
    "MediaBucket": "arn:aws:s3:::photos",
    "Table": "arn:aws:dynamodb:eu-central-1:123456789012:table/images",
    "SweepLog": "arn:aws:logs:eu-central-1:123456789012:log-group:sweep:*",
    "SweepDeadLetters": "arn:aws:sqs:eu-central-1:123456789012:letters",
    "SweepFunction": "arn:aws:lambda:eu-central-1:123456789012:function:sweep",
    "SiteDatabase": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:database-abcdef",
    "PrivateKeySecret": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:key-abcdef",
    "SiteSecret": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:site-abcdef",
}
VALUES = {
    "AWS::Partition": "aws",
    "AWS::AccountId": "123456789012",
    "Distribution": "E1",
    "AWS::Region": "eu-central-1",
}
VALUES |= {"ArtifactBucket": "artifacts", "SiteKey": "site.tar.gz"}
# Each with its comment in the template: a denial of everything that is not TLS, and an action without resources.
STARS = {"s3:*", "cloudfront:GetPublicKey"}


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return read_template(ROOT / "deploy" / "template.yaml")


def _properties(template: dict[str, Any], name: str) -> dict[str, Any]:
    properties: dict[str, Any] = template["Resources"][name]["Properties"]
    return properties


def _policies(template: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        if resource["Type"] in {"AWS::IAM::Policy", "AWS::S3::BucketPolicy"}:
            yield name, properties["PolicyDocument"]
        for policy in properties.get("Policies", []) if resource["Type"] == "AWS::IAM::Role" else []:
            yield name, policy["PolicyDocument"]


def _resolved(value: Any) -> Any:
    """The document with made-up values for what CloudFormation fills in."""
    if isinstance(value, list):
        return [_resolved(each) for each in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"Fn::Sub"}:
        text = value["Fn::Sub"]
        for name, arn in ARNS.items():
            text = text.replace(f"${{{name}.Arn}}", arn)
        for name, plain in VALUES.items():
            text = text.replace(f"${{{name}}}", plain)
        assert "$" not in text
        return text
    if set(value) == {"Fn::GetAtt"}:
        return ARNS[value["Fn::GetAtt"][0]]
    if set(value) == {"Ref"}:
        return ARNS.get(value["Ref"]) or VALUES[value["Ref"]]
    if set(value) == {"Fn::If"}:
        return _resolved(value["Fn::If"][1])
    return {name: _resolved(each) for name, each in value.items()}


def test_the_bucket_is_private_encrypted_and_forgets(template: dict[str, Any]) -> None:
    bucket = _properties(template, "MediaBucket")
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    rules = {name: value for rule in bucket["LifecycleConfiguration"]["Rules"] for name, value in rule.items()}
    assert rules["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}
    assert rules["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    assert {rule["Status"] for rule in bucket["LifecycleConfiguration"]["Rules"]} == {"Enabled"}
    deny = _properties(template, "MediaBucketPolicy")["PolicyDocument"]["Statement"][0]
    assert (deny["Effect"], deny["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_the_table_can_be_brought_back_and_not_be_dropped(template: dict[str, Any]) -> None:
    table = _properties(template, "Table")
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["DeletionProtectionEnabled"] is True
    assert table["SSESpecification"] == {"SSEEnabled": True}
    (index,) = table["GlobalSecondaryIndexes"]
    assert index["IndexName"] == "by_due"
    assert [key["AttributeName"] for key in index["KeySchema"]] == ["shard", "due_at"]


@pytest.mark.parametrize("name", ["MediaBucket", "Table", "SiteDatabase", "SiteSecret"])
def test_deleting_the_stack_deletes_nobodys_photos(template: dict[str, Any], name: str) -> None:
    resource = template["Resources"][name]
    assert {resource["DeletionPolicy"], resource["UpdateReplacePolicy"]} <= {"Retain", "Snapshot"}


def test_a_sweep_that_fails_is_retried_kept_and_heard_of(template: dict[str, Any]) -> None:
    function = _properties(template, "SweepFunction")
    assert function["DeadLetterConfig"] == {"TargetArn": {"Fn::GetAtt": ["SweepDeadLetters", "Arn"]}}
    assert (function["Timeout"], function["ReservedConcurrentExecutions"]) == (300, 1)
    assert _properties(template, "SweepRetries")["MaximumRetryAttempts"] == 2
    target = _properties(template, "SweepTimer")["Target"]
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["SweepDeadLetters", "Arn"]}}
    assert template["Parameters"]["LateAfterSeconds"]["Default"] == 26 * 3600
    for alarm, metric in (
        ("SweepLateAlarm", "OldestDueAge"),
        ("SweepLeavesAlarm", "Failed"),
        ("SweepHeldAlarm", "Held"),
    ):
        watched = _properties(template, alarm)
        assert (watched["Namespace"], watched["MetricName"]) == (NAMESPACE, metric)
        assert metric in METRICS, "the sweep reports it"
    assert _properties(template, "SweepLateAlarm")["TreatMissingData"] == "breaching"
    assert template["Parameters"]["SweepSchedule"]["Default"] == "rate(1 hour)"


def test_an_instance_begins_with_a_script_that_a_shell_can_read(template: dict[str, Any]) -> None:
    data = _properties(template, "WebTemplate")["LaunchTemplateData"]["UserData"]
    text, values = data["Fn::Base64"]["Fn::Sub"]
    script = re.sub(r"\$\{[A-Za-z:.]+\}", "value", text)
    assert script.startswith("#!/bin/bash\nset -euo pipefail\n")
    assert "${" not in script
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    assert set(values) == {"Domain", "KeyId", "DatabaseSecret", "DatabaseHost"}
    assert "deploy/install.sh" in script
    program = script[script.index("-c '") + 4 : script.index("' >database-url")]
    compile(program, "user data", "exec")


def test_pictures_are_served_to_passes_alone_and_pages_are_never_kept(template: dict[str, Any]) -> None:
    distribution = _properties(template, "Distribution")["DistributionConfig"]
    media, static = distribution["CacheBehaviors"]
    assert (media["PathPattern"], media["TrustedKeyGroups"]) == ("/media/*", [{"Ref": "TrustedKeys"}])
    assert static["PathPattern"] == "/static/*"
    assert distribution["DefaultCacheBehavior"]["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
    assert {each["ErrorCachingMinTTL"] for each in distribution["CustomErrorResponses"]} == {0}
    assert len(_properties(template, "TrustedKeys")["KeyGroupConfig"]["Items"]) == 2


def test_nobody_but_cloudfront_reaches_nginx(template: dict[str, Any]) -> None:
    (rule,) = _properties(template, "WebSecurityGroup")["SecurityGroupIngress"]
    _, behind, alone = rule["Fn::If"]
    assert alone["SourcePrefixListId"] == {"Ref": "CloudFrontPrefixList"}
    assert behind["SourceSecurityGroupId"] == {"Ref": "LoadBalancerSecurityGroup"}
    (front,) = _properties(template, "LoadBalancerSecurityGroup")["SecurityGroupIngress"]
    assert front["SourcePrefixListId"] == {"Ref": "CloudFrontPrefixList"}
    assert "0.0.0.0" not in json.dumps(template)


def test_no_policy_allows_more_than_it_names(template: dict[str, Any]) -> None:
    for name, policy in _policies(template):
        document = _resolved(policy)
        for statement in document["Statement"]:
            actions = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
            resources = statement["Resource"]
            if "*" in "".join(actions) or resources == "*":
                assert set(actions) <= STARS, name
        if "Principal" not in document["Statement"][0]:
            analysis = parliament.analyze_policy_string(json.dumps(document))
            assert [(found.issue, found.detail) for found in analysis.findings] == [], name


def test_the_sweep_deletes_pictures_and_can_neither_list_nor_read_them(template: dict[str, Any]) -> None:
    document = _resolved(_properties(template, "SweepPolicy")["PolicyDocument"])
    allowed = {
        (action, statement["Resource"])
        for statement in document["Statement"]
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }
    on_objects = {pair for pair in allowed if pair[0].startswith("s3:")}
    assert on_objects == {("s3:DeleteObject", "arn:aws:s3:::photos/media/*")}
    assert ("dynamodb:Scan", ARNS["Table"]) not in allowed


def test_parameters_are_described_and_outputs_are_the_sites_environment(template: dict[str, Any]) -> None:
    assert all(parameter["Description"] for parameter in template["Parameters"].values())
    said = {output["Description"].split(",")[0] for output in template["Outputs"].values()}
    assert said >= {
        "SITE_URL", "GALLERY_BUCKET", "GALLERY_TABLE", "AWS_REGION", "GALLERY_GRACE_SECONDS", "CLOUDFRONT_DOMAIN",
        "CLOUDFRONT_KEY_ID", "CLOUDFRONT_DISTRIBUTION_ID",
    }  # fmt: skip
