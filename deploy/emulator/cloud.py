"""Everything that the site meets on AWS, started together: the emulator with the stack, the edge, the instance's
credentials; and the environment in which the site then runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from deploy.emulator.credentials import InstanceMetadata
from deploy.emulator.edge import Edge
from deploy.emulator.ministack import REGION, Emulator
from deploy.emulator.signed_urls import load_public_key
from deploy.emulator.stack import STACK, Stack, create_stack

# Variables of ours and of the SDK that must not reach the site from around us.
FOREIGN = ("AWS_", "CLOUDFRONT_", "GALLERY_BUCKET", "GALLERY_TABLE")


@dataclass
class Cloud:
    """One running cloud. ``python`` has MiniStack; ``folder`` is emptied of nothing and belongs to this cloud."""

    python: Path
    folder: Path
    parameters: Mapping[str, str]
    edge_port: int = 0

    def __post_init__(self) -> None:
        self.emulator = Emulator(self.python, self.folder)
        self.private_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._running: list[Any] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Raises EmulatorFailed when a part cannot be had; nothing is left running then."""
        try:
            self.emulator.start()
            self._running.append(self.emulator)
            public = self.private_key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
            self.stack = create_stack(self.emulator, public.decode(), self.parameters)
            self.metadata = InstanceMetadata(self.assume_site_role)
            self.edge = self._edge(self.stack, public.decode())
            for part in (self.metadata, self.edge):
                part.start()
                self._running.append(part)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        while self._running:
            self._running.pop().stop()

    def assume_site_role(self) -> dict[str, Any]:
        """Credentials that may do what the template lets the site do, and nothing else."""
        answer = self.emulator.root("sts").assume_role(
            RoleArn=self.stack.outputs["SiteRoleArn"], RoleSessionName="site"
        )
        credentials: dict[str, Any] = answer["Credentials"]
        return credentials

    def environment(self) -> dict[str, str]:
        """The site's variables: the stack's outputs, and where the emulated parts are."""
        key = self.folder / "cloudfront-key.pem"
        if not key.exists():
            key.touch(mode=0o600)
            key.write_bytes(
                self.private_key.private_bytes(
                    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
                )
            )
        outputs = self.stack.outputs
        return {
            "AWS_CA_BUNDLE": str(self.emulator.certificate),
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": self.metadata.endpoint,
            "AWS_ENDPOINT_URL": self.emulator.endpoint,
            "AWS_METADATA_SERVICE_NUM_ATTEMPTS": "3",
            "AWS_METADATA_SERVICE_TIMEOUT": "10",  # seconds: emulated on a machine that has other things to do
            "AWS_REGION": REGION,
            "CLOUDFRONT_DISTRIBUTION_ID": outputs["CloudfrontDistributionId"],
            "CLOUDFRONT_DOMAIN": self.edge.base,
            "CLOUDFRONT_KEY_ID": outputs["CloudfrontKeyId"],
            "CLOUDFRONT_PRIVATE_KEY_FILE": str(key),
            "GALLERY_BUCKET": outputs["GalleryBucket"],
            "GALLERY_GRACE_SECONDS": outputs["GraceSeconds"],
            "GALLERY_TABLE": outputs["GalleryTable"],
        }

    def _edge(self, stack: Stack, public: str) -> Edge:
        """With a user that may read pictures: nobody can act as CloudFront's service here."""
        bucket = stack.outputs["GalleryBucket"]
        iam = self.emulator.root("iam")
        name = f"{STACK}-edge"
        iam.create_user(UserName=name)
        statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/media/*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName=name, PolicyName="read", PolicyDocument=document)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return Edge(
            bucket=bucket,
            origin=self.emulator.client("s3", key),
            distribution=stack.outputs["CloudfrontDistributionId"],
            control=self.emulator.root("cloudfront"),
            trusted={stack.outputs["CloudfrontKeyId"]: load_public_key(public)},
            port=self.edge_port,
        )
