"""The template's text: what the emulators drop without a word, and that nobody may do more than is needed."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from cleanup_lambda.handler import DIMENSION, METRICS, NAMESPACE
from deploy.emulator.edge import HEADERS as EDGE_HEADERS
from deploy.emulator.edge import MOST_SECONDS
from deploy.emulator.template import read_template
from galleries import reporting
from gallery_site.middleware import HEALTH_CHECK
from gallery_site.timers import REPORT_EVERY, SWEEP_EVERY
from tests.aws.policies import resolved
from tests.live import ROOT

with warnings.catch_warnings(action="ignore"):  # it leaves its own files open
    import parliament

ARNS = {
    "MediaBucket": "arn:aws:s3:::photos",
    "Table": "arn:aws:dynamodb:eu-central-1:123456789012:table/images",
    "SweepLog": "arn:aws:logs:eu-central-1:123456789012:log-group:sweep:*",
    "SweepDeadLetters": "arn:aws:sqs:eu-central-1:123456789012:letters",
    "SweepFunction": "arn:aws:lambda:eu-central-1:123456789012:function:sweep",
    "DatabasePassword": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:database-abcdef",
    "DatabaseUrlSecret": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:url-abcdef",
    "PrivateKeySecret": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:key-abcdef",
    "SettingsSecret": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:settings-abcdef",
    "SiteSecret": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:site-abcdef",
}
VALUES = {
    "AWS::Partition": "aws",
    "AWS::AccountId": "123456789012",
    "Distribution": "E1",
    "AWS::Region": "eu-central-1",
    "AWS::StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/image-gallery/1",
    "AWS::StackName": "image-gallery",
    "SiteAddress.AllocationId": "eipalloc-1",
}
VALUES |= {"ArtifactBucket": "artifacts", "SiteKey": "site.tar.gz"}
# Each with its comment in the template: a denial of everything that is not TLS, and actions without resources.
STARS = {"s3:*", "cloudfront:GetPublicKey", "cloudwatch:PutMetricData", "ssm:UpdateInstanceInformation"}
STARS |= {f"ssmmessages:{act}{channel}Channel" for act in ("Create", "Open") for channel in ("Control", "Data")}


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
    return resolved(value, ARNS, VALUES)


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


@pytest.mark.parametrize("name", ["MediaBucket", "Table", "SiteDatabase", "SiteSecret", "DatabasePassword"])
def test_deleting_the_stack_deletes_nobodys_photos(template: dict[str, Any], name: str) -> None:
    resource = template["Resources"][name]
    assert {resource["DeletionPolicy"], resource["UpdateReplacePolicy"]} <= {"Retain", "Snapshot"}


def test_a_sweep_that_fails_is_retried_kept_and_heard_of(template: dict[str, Any]) -> None:
    function = _properties(template, "SweepFunction")
    assert function["DeadLetterConfig"] == {"TargetArn": {"Fn::GetAtt": ["SweepDeadLetters", "Arn"]}}
    assert function["Timeout"] == 300
    assert _properties(template, "SweepRetries")["MaximumRetryAttempts"] == 2
    target = _properties(template, "SweepTimer")["Target"]
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["SweepDeadLetters", "Arn"]}}
    assert template["Parameters"]["LateAfterSeconds"]["Default"] == 2 * 3600, "26 hours with the grace of a day"
    for alarm, metric in (
        ("SweepLateAlarm", "OldestDueAge"),
        ("SweepLeavesAlarm", "Failed"),
        ("SweepHeldAlarm", "Held"),
    ):
        watched = _properties(template, alarm)
        assert (watched["Namespace"], watched["MetricName"]) == (NAMESPACE, metric)
        assert metric in METRICS, "the sweep reports it"
        assert watched["Dimensions"] == [{"Name": DIMENSION, "Value": {"Ref": "Table"}}], "of this stack"
    assert _properties(template, "SweepLateAlarm")["TreatMissingData"] == "breaching"
    assert template["Parameters"]["SweepSchedule"]["Default"] == "rate(1 hour)"


def test_an_outbox_that_stays_full_is_heard_of(template: dict[str, Any]) -> None:
    for alarm, metric, most in (("OutboxLateAlarm", "OutboxAge", 15 * 60), ("OutboxStuckAlarm", "OutboxAttempts", 20)):
        watched = _properties(template, alarm)
        assert (watched["Namespace"], watched["MetricName"], watched["Threshold"]) == (NAMESPACE, metric, most)
        assert watched["Dimensions"] == [{"Name": reporting.DIMENSION, "Value": {"Ref": "Table"}}]
        assert watched["Period"] == REPORT_EVERY * SWEEP_EVERY, "each period hears of it"
        assert metric in reporting.METRICS, "the site reports it"


def test_every_alarm_reaches_whoever_is_named(template: dict[str, Any]) -> None:
    alarms = [each for each in template["Resources"].values() if each["Type"] == "AWS::CloudWatch::Alarm"]
    told = {"Fn::If": ["HasAlarmEmail", [{"Ref": "AlarmTopic"}], {"Ref": "AWS::NoValue"}]}
    assert [each["Properties"]["AlarmActions"] for each in alarms] == [told] * 7


def test_a_new_account_can_have_the_sweep(template: dict[str, Any]) -> None:
    """Ten executions are its limit, and ten must stay unreserved."""
    reserved = _properties(template, "SweepFunction")["ReservedConcurrentExecutions"]
    assert reserved == {"Fn::If": ["ReservesConcurrency", 1, {"Ref": "AWS::NoValue"}]}
    assert template["Parameters"]["ReserveConcurrency"]["Default"] == "no"


def test_pictures_are_served_to_passes_alone_and_pages_are_never_kept(template: dict[str, Any]) -> None:
    distribution = _properties(template, "Distribution")["DistributionConfig"]
    media, static = distribution["CacheBehaviors"]
    assert (media["PathPattern"], media["TrustedKeyGroups"]) == ("/media/*", [{"Ref": "TrustedKeys"}])
    assert static["PathPattern"] == "/static/*"
    assert distribution["DefaultCacheBehavior"]["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
    assert {each["ErrorCachingMinTTL"] for each in distribution["CustomErrorResponses"]} == {0}
    assert len(_properties(template, "TrustedKeys")["KeyGroupConfig"]["Items"]) == 2
    default = distribution["DefaultCacheBehavior"]
    for behaviour in (media, static, default):
        assert behaviour["ViewerProtocolPolicy"] in {"https-only", "redirect-to-https"}
    assert {*media["AllowedMethods"]} == {*static["AllowedMethods"]} == {"GET", "HEAD"}
    assert {*default["AllowedMethods"]} > {"POST", "PATCH", "DELETE"}


def test_the_bucket_lets_this_distribution_read_and_nobody_else(template: dict[str, Any]) -> None:
    distribution = _properties(template, "Distribution")["DistributionConfig"]
    media, site = distribution["Origins"]
    assert media["OriginAccessControlId"] == {"Fn::GetAtt": ["MediaAccess", "Id"]}
    assert media["S3OriginConfig"] == {"OriginAccessIdentity": ""}, "not the older way beside it"
    assert "OriginAccessControlId" not in site
    access = _properties(template, "MediaAccess")["OriginAccessControlConfig"]
    kind = (access["OriginAccessControlOriginType"], access["SigningBehavior"], access["SigningProtocol"])
    assert kind == ("s3", "always", "sigv4")
    _, read = _resolved(_properties(template, "MediaBucketPolicy")["PolicyDocument"])["Statement"]
    assert (read["Effect"], read["Action"]) == ("Allow", "s3:GetObject")
    assert read["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert read["Resource"] == "arn:aws:s3:::photos/media/*"
    ours = "arn:aws:cloudfront::123456789012:distribution/E1"
    assert read["Condition"] == {"StringEquals": {"AWS:SourceArn": ours}}


def test_the_edge_keeps_pictures_as_long_as_they_say_and_under_their_path_alone(template: dict[str, Any]) -> None:
    """Not under their signature: everybody who may look shares what the edge has."""
    policy = _properties(template, "MediaCaching")["CachePolicyConfig"]
    assert (policy["MinTTL"], policy["MaxTTL"]) == (0, MOST_SECONDS)
    parts = policy["ParametersInCacheKeyAndForwardedToOrigin"]
    assert parts["QueryStringsConfig"]["QueryStringBehavior"] == "whitelist"
    assert parts["QueryStringsConfig"]["QueryStrings"] == ["response-content-disposition"]
    assert parts["CookiesConfig"] == {"CookieBehavior": "none"}
    assert parts["HeadersConfig"] == {"HeaderBehavior": "none"}
    headers = _properties(template, "MediaHeaders")["ResponseHeadersPolicyConfig"]
    security = headers["SecurityHeadersConfig"]
    said = {
        "X-Content-Type-Options": "nosniff" if security["ContentTypeOptions"]["Override"] else "",
        "Content-Security-Policy": security["ContentSecurityPolicy"]["ContentSecurityPolicy"],
        "Referrer-Policy": security["ReferrerPolicy"]["ReferrerPolicy"],
        **{each["Header"]: each["Value"] for each in headers["CustomHeadersConfig"]["Items"]},
    }
    by_the_edge = EDGE_HEADERS | {"Cross-Origin-Resource-Policy": "same-site"}
    assert said == {name: value for name, value in by_the_edge.items() if name != "Accept-Ranges"}
    assert security["StrictTransportSecurity"]["AccessControlMaxAgeSec"] == 63_072_000


def test_nginx_hears_which_name_was_asked_for_and_how_and_by_whom(template: dict[str, Any]) -> None:
    distribution = _properties(template, "Distribution")["DistributionConfig"]
    _, static = distribution["CacheBehaviors"]
    assert distribution["DefaultCacheBehavior"]["OriginRequestPolicyId"] == {"Ref": "PageRequests"}
    assert static["OriginRequestPolicyId"] == {"Ref": "StaticRequests"}
    pages = _properties(template, "PageRequests")["OriginRequestPolicyConfig"]
    assert pages["HeadersConfig"]["HeaderBehavior"] == "allViewerAndWhitelistCloudFront"
    assert pages["HeadersConfig"]["Headers"] == ["CloudFront-Forwarded-Proto"]
    assert pages["CookiesConfig"] == {"CookieBehavior": "all"}
    assert pages["QueryStringsConfig"] == {"QueryStringBehavior": "all"}
    files = _properties(template, "StaticRequests")["OriginRequestPolicyConfig"]
    assert "Host" in files["HeadersConfig"]["Headers"]
    assert files["CookiesConfig"] == {"CookieBehavior": "none"}
    # What CloudFront wrote into X-Forwarded-For arrives as it is, and of that nginx believes the last address.
    (mode,) = _properties(template, "LoadBalancer")["LoadBalancerAttributes"]
    assert mode == {"Key": "routing.http.xff_header_processing.mode", "Value": "preserve"}
    assert _properties(template, "WebTargets")["HealthCheckPath"] == HEALTH_CHECK


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


def test_what_has_no_resources_is_bound_by_a_condition(template: dict[str, Any]) -> None:
    statements = _properties(template, "SitePolicy")["PolicyDocument"]["Statement"]
    (report,) = [each for each in statements if each["Action"] == "cloudwatch:PutMetricData"]
    assert report["Condition"] == {"StringEquals": {"cloudwatch:namespace": reporting.NAMESPACE}}
    (log,) = [
        each for each in _properties(template, "SweepPolicy")["PolicyDocument"]["Statement"] if each["Sid"] == "Log"
    ]
    assert log["Resource"] == {"Fn::GetAtt": ["SweepLog", "Arn"]}, "with its streams"


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
        "CLOUDFRONT_KEY_ID", "CLOUDFRONT_DISTRIBUTION_ID", "GALLERY_SSL_REDIRECT",
    }  # fmt: skip
