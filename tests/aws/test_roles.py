"""The roles that no code of ours runs under by itself: the schedule's, Lambda's own use of the sweep's, and a web
instance's while it begins. Each may do what it is there for, and nothing beyond the resources that are named."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from deploy.emulator.ministack import REGION
from deploy.emulator.stack import ARTIFACTS, STACK, TEMPLATE
from deploy.emulator.template import read_template
from tests.aws.policies import Policy, resolved

if TYPE_CHECKING:
    from deploy.emulator.cloud import Cloud

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cloud")]

ACCOUNT = "000000000000"
ANYBODY: Any = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}


@dataclass
class Actor:
    """Somebody with the credentials of the role that is called ``role`` in IAM."""

    cloud: Cloud
    role: str
    clients: dict[str, Any] = field(default_factory=dict)

    def __getattr__(self, service: str) -> Any:
        if service not in self.clients:
            arn = f"arn:aws:iam::{ACCOUNT}:role/{self.role}"
            answer = self.cloud.emulator.root("sts").assume_role(RoleArn=arn, RoleSessionName="test")
            self.clients[service] = self.cloud.emulator.client(service, answer["Credentials"])
        return self.clients[service]


def _refused(act: Callable[..., object], **request: Any) -> bool:
    """Whether it is refused for lack of a permission, and for nothing else."""
    try:
        act(**request)
    except ClientError as error:
        assert "AccessDenied" in error.response["Error"]["Code"], error  # noqa: PT017 (a refusal of another kind)
        return True
    return False


def _stand_in(cloud: Cloud, role: str, policy: str, document: Any) -> Actor:
    """A role with this policy that we may take on: AWS's services alone may take on the template's."""
    iam = cloud.emulator.root("iam")
    trust = {"Version": "2012-10-17", "Statement": [ANYBODY]}
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(trust))
    iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(document))
    return Actor(cloud, role)


@pytest.fixture(scope="module")
def others(cloud: Cloud) -> Iterator[None]:
    """What belongs to somebody else in the same account, and what of ours is not for the site."""
    root = cloud.emulator.root
    place: Any = {"LocationConstraint": REGION}
    root("s3").create_bucket(Bucket="others", CreateBucketConfiguration=place)
    key: Any = [{"AttributeName": name, "KeyType": kind} for name, kind in (("pk", "HASH"), ("sk", "RANGE"))]
    types: Any = [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")]
    root("dynamodb").create_table(
        TableName="others", KeySchema=key, AttributeDefinitions=types, BillingMode="PAY_PER_REQUEST"
    )
    for bucket, name in (("others", "media/x"), (cloud.stack.outputs["GalleryBucket"], "backups/x")):
        root("s3").put_object(Bucket=bucket, Key=name, Body=b"x")
    root("sqs").create_queue(QueueName="others")
    root("logs").create_log_group(logGroupName="others")
    yield
    root("s3").delete_object(Bucket=cloud.stack.outputs["GalleryBucket"], Key="backups/x")


ITEM: Any = {"pk": {"S": "GALLERY#x"}, "sk": {"S": "IMAGE#x"}}


@pytest.mark.usefixtures("others")
@pytest.mark.parametrize("role", ["SiteRole", "SweepRole"])
def test_what_is_not_the_sites_is_out_of_reach(cloud: Cloud, role: str) -> None:
    outputs = cloud.stack.outputs
    actor, ours = Actor(cloud, cloud.stack.resources[role]), outputs["GalleryBucket"]
    for bucket, key in (("others", "media/x"), (ours, "backups/x")):
        assert _refused(actor.s3.delete_object, Bucket=bucket, Key=key)
        assert _refused(actor.s3.get_object, Bucket=bucket, Key=key)
        assert _refused(actor.s3.put_object, Bucket=bucket, Key=key, Body=b"y")
        assert cloud.emulator.root("s3").get_object(Bucket=bucket, Key=key)["Body"].read() == b"x"
    assert _refused(actor.s3.list_objects_v2, Bucket="others")
    assert _refused(actor.s3.delete_bucket, Bucket=ours)
    assert _refused(actor.s3.delete_object, Bucket=ours, Key="media/x", VersionId="null")
    assert _refused(actor.dynamodb.get_item, TableName="others", Key=ITEM)
    assert _refused(actor.dynamodb.delete_item, TableName="others", Key=ITEM)
    assert _refused(actor.dynamodb.put_item, TableName="others", Item=ITEM)
    assert _refused(actor.dynamodb.delete_table, TableName=outputs["GalleryTable"])


# --- what Lambda and Scheduler do in the roles' names -----------------------------------------------------------------


def _queue(cloud: Cloud, name: str) -> str:
    address: str = cloud.emulator.root("sqs").get_queue_url(QueueName=name)["QueueUrl"]
    return address


def _dead_letters(cloud: Cloud) -> str:
    return cloud.stack.resources["SweepDeadLetters"].rpartition("/")[2]


def _log(actor: Actor, group: str, stream: str) -> None:
    actor.logs.create_log_stream(logGroupName=group, logStreamName=stream)
    events = [{"timestamp": 1_800_000_000_000, "message": "a line"}]
    actor.logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


@pytest.mark.usefixtures("others")
def test_lambda_may_log_and_give_up_for_the_sweep(cloud: Cloud) -> None:
    group = cloud.stack.resources["SweepLog"]
    document = Policy(cloud, "SweepRole", "sweep").document
    for statement in document["Statement"]:  # to the emulator a group's streams are the group
        statement["Resource"] = statement["Resource"].removesuffix(":*")
    actor, policy = _stand_in(cloud, "logging", "sweep", document), Policy(cloud, "logging", "sweep")
    for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
        with policy.without(action):
            assert _refused(_log, actor=actor, group=group, stream=action[5:])
    assert not _refused(_log, actor=actor, group=group, stream="allowed")
    assert _refused(_log, actor=actor, group="others", stream="stream")
    letters = _queue(cloud, _dead_letters(cloud))
    send = actor.sqs.send_message
    with policy.without("sqs:SendMessage"):
        assert _refused(send, QueueUrl=letters, MessageBody="{}")
    assert not _refused(send, QueueUrl=letters, MessageBody="{}")
    assert _refused(send, QueueUrl=_queue(cloud, "others"), MessageBody="{}")


@pytest.mark.usefixtures("others")
def test_the_schedule_may_start_the_sweep_and_give_up(cloud: Cloud) -> None:
    name = cloud.stack.outputs["SweepFunctionName"]
    assert _refused(lambda: Actor(cloud, cloud.stack.resources["SweepTimerRole"]).sqs), "Scheduler's, and nobody else's"
    actor = _stand_in(cloud, "scheduling", "invoke", Policy(cloud, "SweepTimerRole", "invoke").document)
    policy = Policy(cloud, "scheduling", "invoke")
    assert policy.actions == {"lambda:InvokeFunction", "sqs:SendMessage"}
    start, send = getattr(actor, "lambda").invoke, actor.sqs.send_message
    letters = _queue(cloud, _dead_letters(cloud))
    with policy.without("lambda:InvokeFunction"):
        assert _refused(start, FunctionName=name, Payload=b"{}")
    assert not _refused(start, FunctionName=name, Payload=b"{}")
    assert _refused(start, FunctionName="others", Payload=b"{}")
    with policy.without("sqs:SendMessage"):
        assert _refused(send, QueueUrl=letters, MessageBody="{}")
    assert not _refused(send, QueueUrl=letters, MessageBody="{}")
    assert _refused(send, QueueUrl=_queue(cloud, "others"), MessageBody="{}")


# --- an instance that begins ------------------------------------------------------------------------------------------

SECRETS = ("PrivateKeySecret", "SiteSecret", "SettingsSecret", "DatabasePassword", "DatabaseUrlSecret")


@pytest.fixture(scope="module")
def booting(cloud: Cloud) -> Actor:
    """A role with the template's boot policy, which is not in a stack without a web tier, and what it is about."""
    root = cloud.emulator.root
    arns = {name: root("secretsmanager").create_secret(Name=name, SecretString=name)["ARN"] for name in SECRETS}
    root("secretsmanager").create_secret(Name="others", SecretString="not ours")  # noqa: S106
    for key in ("site.tar.gz", "others.tar.gz"):
        root("s3").put_object(Bucket=ARTIFACTS, Key=key, Body=b"archive")
    (stack,) = root("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    values = {
        "AWS::Partition": "aws",
        "AWS::Region": REGION,
        "AWS::AccountId": ACCOUNT,
        "AWS::StackId": stack["StackId"],
        "AWS::StackName": STACK,
        "ArtifactBucket": ARTIFACTS,
        "SiteKey": "site.tar.gz",
        "SiteAddress.AllocationId": "eipalloc-1",
    }
    template = read_template(TEMPLATE)
    document = resolved(template["Resources"]["SiteBootPolicy"]["Properties"]["PolicyDocument"], arns, values)
    return _stand_in(cloud, "booting", "boot", document)


def test_an_instance_reads_its_secrets_and_its_archive_and_no_others(booting: Actor) -> None:
    read, fetch = booting.secretsmanager.get_secret_value, booting.s3.get_object
    assert [name for name in SECRETS if _refused(read, SecretId=name)] == []
    assert _refused(read, SecretId="others")
    assert not _refused(fetch, Bucket=ARTIFACTS, Key="site.tar.gz")
    assert _refused(fetch, Bucket=ARTIFACTS, Key="others.tar.gz")
    assert _refused(booting.s3.put_object, Bucket=ARTIFACTS, Key="site.tar.gz", Body=b"another")


@pytest.mark.parametrize("action", ["secretsmanager:GetSecretValue", "s3:GetObject"])
def test_without_either_it_cannot_begin(cloud: Cloud, booting: Actor, action: str) -> None:
    acts = {
        "secretsmanager:GetSecretValue": lambda: booting.secretsmanager.get_secret_value(SecretId="SiteSecret"),
        "s3:GetObject": lambda: booting.s3.get_object(Bucket=ARTIFACTS, Key="site.tar.gz"),
    }
    with Policy(cloud, "booting", "boot").without(action):
        assert _refused(acts[action])
    assert not _refused(acts[action])
