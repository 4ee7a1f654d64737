"""The template's web tier: what an instance is told when it begins, where its data is, and how it comes into use. No
emulator starts instances, so the script itself is run, with stand-ins for what AWS and install.sh do."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deploy.emulator.template import read_template
from deploy.nginx_files import fronts_file, server_names
from gallery_site.environment import read_environment
from tests.aws.keys import key_pair
from tests.live import ROOT

SECRETS = {"key": key_pair()[0], "site": "s" * 64, "password": "p" * 48, "url": "postgres://me:mine@db.example.org/g"}
SECRETS["settings"] = "EMAIL_URL=smtp+tls://me:sesame@mail.example.org\nGALLERY_SIGNUP=invite"
VALUES = {
    "AWS::Region": "eu-central-1",
    "AWS::StackName": "image-gallery",
    "ArtifactBucket": "artifacts",
    "SiteKey": "site.tar.gz",
    "PrivateKeySecret": "key",
    "SiteSecret": "site",
    "DatabaseUrlSecret": "url",
    "SettingsSecret": "",
    "MediaBucket": "photos",
    "Table": "images",
    "GraceSeconds": "86400",
    "Distribution": "E1",
    "Distribution.DomainName": "d1.cloudfront.net",
    "Domain": "photos.example.org",
    "KeyId": "K1",
    "DatabaseHost": "db.internal",
    "DatabasePassword": "password",
    "Address": "eipalloc-1",
}

# Everything that the script calls, in front of the real ones in PATH; what was called is written down.
STAND_INS = {
    "apt-get": "exit 0",
    "cloud-init": "echo i-1",
    "dpkg": "echo arm64",
    "aws": r"""
case "$*" in
  *get-secret-value*) cat "$SECRETS/$(sed 's/.*--secret-id \([^ ]*\).*/\1/' <<<"$*")" ;;
  *"s3 cp"*.tar.gz*) cat "$ARCHIVE" ;;
  *"s3 cp"*amazon-ssm-agent*) [ -z "$NO_AGENT" ] ;;
esac
""",
}


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return read_template(ROOT / "deploy" / "template.yaml")


def _script(template: dict[str, Any], values: dict[str, str]) -> str:
    data = template["Resources"]["WebTemplate"]["Properties"]["LaunchTemplateData"]["UserData"]
    text, named = data["Fn::Base64"]["Fn::Sub"]
    assert named.keys() <= values.keys()
    script: str = re.sub(r"\$\{([A-Za-z:.]+)\}", lambda match: values[match[1]], text)
    assert "${" not in script
    return script


@dataclass
class Machine:
    """A machine of our own below ``root``."""

    root: Path

    def __post_init__(self) -> None:
        for folder in ("bin", "secrets", "archive/deploy"):
            (self.root / folder).mkdir(parents=True)
        for name, value in SECRETS.items():
            (self.root / "secrets" / name).write_text(value + "\n")
        for name, text in STAND_INS.items():
            self._program(self.root / "bin" / name, f'echo "{name} $*" >>"{self.calls}"\n{text}')

    @property
    def calls(self) -> Path:
        return self.root / "calls"

    @property
    def etc(self) -> Path:
        return self.root / "etc" / "image-gallery"

    @staticmethod
    def _program(path: Path, text: str) -> None:
        path.write_text(f"#!/bin/bash\n{text}\n")
        path.chmod(0o755)

    def begin(self, script: str, install: str = "exit 0", *, no_agent: str = "") -> subprocess.CompletedProcess[str]:
        """Run the script with its absolute paths below ``root``."""
        self._program(self.root / "archive" / "deploy" / "install.sh", f'echo install.sh >>"{self.calls}"\n{install}')
        archive = self.root / "site.tar.gz"
        subprocess.run(["tar", "-czf", archive, "-C", self.root / "archive", "."], check=True)
        moved = script.replace("mkdir -p /etc/", f"mkdir -p {self.root}/etc/")
        moved = moved.replace("cd /etc/", f"cd {self.root}/etc/").replace("/srv/", f"{self.root}/srv/")
        environ = {"PATH": f"{self.root}/bin:{os.environ['PATH']}", "ARCHIVE": str(archive)}
        environ |= {"SECRETS": str(self.root / "secrets"), "NO_AGENT": no_agent}
        return subprocess.run(["bash"], input=moved, text=True, capture_output=True, env=environ, check=False)

    def environment(self) -> dict[str, str]:
        lines = (self.etc / "environment").read_text().splitlines()
        return {name: value for name, _, value in (line.partition("=") for line in lines)}

    def said(self) -> list[str]:
        return self.calls.read_text().splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def _place(said: list[str], word: str) -> int:
    (place,) = [number for number, line in enumerate(said) if word in line]
    return place


def test_an_instance_learns_what_the_site_needs_and_then_takes_the_address(
    template: dict[str, Any], machine: Machine
) -> None:
    ended = machine.begin(_script(template, VALUES))
    assert ended.returncode == 0, ended.stderr
    environment = machine.environment()
    address = f"postgres://gallery:{SECRETS['password']}@db.internal:5432/gallery?sslmode=require"
    assert environment["DATABASE_URL"] == address
    for name in ("cloudfront-key.pem", "secret-key", "environment"):
        assert (machine.etc / name).stat().st_mode & 0o777 == 0o600
    ours = {name: value.replace("/etc/image-gallery", str(machine.etc)) for name, value in environment.items()}
    site = read_environment(ours, machine.root)
    assert (site.site_url, site.bucket, site.table) == ("https://photos.example.org", "photos", "images")
    assert site.allowed_hosts == ("photos.example.org", "d1.cloudfront.net")
    assert site.cloudfront_private_key == SECRETS["key"].strip()
    assert environment["GALLERY_SSL_REDIRECT"] == "0"
    fronts = fronts_file(environment["GALLERY_FRONT_PROXIES"])
    assert "real_ip_header X-Forwarded-For;\nreal_ip_recursive off;" in fronts, (
        "the last address, which CloudFront wrote"
    )
    names = server_names(environment["SITE_URL"], environment["DJANGO_ALLOWED_HOSTS"])
    assert names == ["photos.example.org", "d1.cloudfront.net"], "both names under which CloudFront asks"
    said = machine.said()
    installed, taken, told = (_place(said, word) for word in ("install.sh", "associate-address", "SUCCESS"))
    assert installed < taken < told, "visitors come when it serves, and the one before goes after that"
    assert "--allocation-id eipalloc-1 --instance-id i-1" in said[taken]
    assert "--logical-resource-id WebInstances --unique-id i-1" in said[told]
    printed = ended.stdout + ended.stderr + "".join(said)
    assert not [name for name, value in SECRETS.items() if value.strip() in printed]


def test_a_database_of_ones_own_is_known_by_its_address(template: dict[str, Any], machine: Machine) -> None:
    ended = machine.begin(_script(template, VALUES | {"DatabasePassword": "", "Address": ""}))
    assert ended.returncode == 0, ended.stderr
    assert machine.environment()["DATABASE_URL"] == SECRETS["url"]
    assert not any("associate-address" in line for line in machine.said()), "behind a load balancer nobody needs it"


@pytest.mark.parametrize("missing", ["key", "site", "password", ""])
def test_an_instance_that_does_not_come_to_serve_says_so_and_takes_nothing(
    template: dict[str, Any], machine: Machine, missing: str
) -> None:
    if missing:
        (machine.root / "secrets" / missing).unlink()
    ended = machine.begin(_script(template, VALUES), install="exit 0" if missing else "exit 1")
    assert ended.returncode != 0
    said = machine.said()
    assert said[-1].endswith("--status FAILURE")
    assert not any("associate-address" in line for line in said)
    assert any("install.sh" in line for line in said) == (not missing)


def test_a_deployment_waits_until_an_instance_serves(template: dict[str, Any]) -> None:
    group = template["Resources"]["WebInstances"]
    assert group["CreationPolicy"]["ResourceSignal"] == {"Count": 1, "Timeout": "PT20M"}
    rolling = group["UpdatePolicy"]["AutoScalingRollingUpdate"]
    assert (rolling["WaitOnResourceSignals"], rolling["MinInstancesInService"]) == (True, 1)
    assert {*group["DependsOn"]} == {"SitePolicy", "SiteBootPolicy"}, "it may do what it begins with"
    most = group["Properties"]["MaxSize"]["Fn::If"]
    assert int(most[2]) > rolling["MinInstancesInService"] < template["Parameters"]["MaxInstances"]["MinValue"]
    (interface,) = template["Resources"]["WebTemplate"]["Properties"]["LaunchTemplateData"]["NetworkInterfaces"]
    assert interface["AssociatePublicIpAddress"] is True, "it has a network before it has the site's address"


def test_nothing_of_the_site_is_kept_on_an_instance(template: dict[str, Any]) -> None:
    """Instances are replaced; rows and the secret are elsewhere, and a web tier without a database cannot be made."""
    assert not any(each["Type"] == "AWS::EC2::Instance" for each in template["Resources"].values())
    rule = template["Rules"]["AnInstanceKeepsNothing"]
    (assertion,) = rule["Assertions"]
    without = "Fn::Not"
    assert assertion["Assert"] == {without: [{"Fn::Equals": [{"Ref": "Database"}, "none"]}]}
    assert rule["RuleCondition"] == {without: [{"Fn::Equals": [{"Ref": "WebTier"}, "none"]}]}


def test_the_databases_password_is_one_that_nobody_changes(template: dict[str, Any]) -> None:
    """It is read when an instance begins; one that AWS rotates would be wrong within a week."""
    database = template["Resources"]["SiteDatabase"]["Properties"]
    assert "ManageMasterUserPassword" not in database
    assert database["MasterUserPassword"] == {"Fn::Sub": "{{resolve:secretsmanager:${DatabasePassword}}}"}
    secret = template["Resources"]["DatabasePassword"]["Properties"]["GenerateSecretString"]
    assert secret["ExcludePunctuation"] is True, "it stands in an address"
    assert not any("Rotation" in each["Type"] for each in template["Resources"].values())


def test_an_operator_can_say_more_than_the_template_does(template: dict[str, Any], machine: Machine) -> None:
    ended = machine.begin(_script(template, VALUES | {"SettingsSecret": "settings"}))
    assert ended.returncode == 0, ended.stderr
    environment = machine.environment()
    assert environment["EMAIL_URL"] == "smtp+tls://me:sesame@mail.example.org"
    assert (environment["GALLERY_SIGNUP"], environment["GALLERY_BUCKET"]) == ("invite", "photos")
    assert "sesame" not in ended.stdout + ended.stderr + "".join(machine.said())


def test_settings_that_cannot_be_read_are_not_left_out_in_silence(template: dict[str, Any], machine: Machine) -> None:
    (machine.root / "secrets" / "settings").unlink()
    assert machine.begin(_script(template, VALUES | {"SettingsSecret": "settings"})).returncode != 0
    assert machine.said()[-1].endswith("--status FAILURE")


@pytest.mark.parametrize("no_agent", ["", "yes"])
def test_an_operator_has_a_way_in_and_the_site_does_not_depend_on_it(
    template: dict[str, Any], machine: Machine, no_agent: str
) -> None:
    ended = machine.begin(_script(template, VALUES), no_agent=no_agent)
    assert ended.returncode == 0, ended.stderr
    said = machine.said()
    (fetched,) = [line for line in said if "amazon-ssm-agent" in line]
    assert "s3://amazon-ssm-eu-central-1/latest/debian_arm64/amazon-ssm-agent.deb" in fetched
    assert any(line.startswith("apt-get install") and line.endswith("agent.deb") for line in said) == (not no_agent)
    assert ("There is no way in" in ended.stdout) == bool(no_agent)
    assert said[-1].endswith("--status SUCCESS")
    for group in ("WebSecurityGroup", "LoadBalancerSecurityGroup"):
        rules = template["Resources"][group]["Properties"]["SecurityGroupIngress"]
        assert "22" not in re.findall(r"'ToPort': '?(\d+)", str(rules)), "no port for it"


def test_the_database_has_room_for_all_instances_that_may_be_started(template: dict[str, Any]) -> None:
    """PostgreSQL at RDS allows one connection for 9,531,392 bytes of what it has of the memory, which is some 0.85 of a
    small instance's. Two cores: two processes, each with its 32 threads and four more connections."""
    defaults = {name: parameter.get("Default") for name, parameter in template["Parameters"].items()}
    assert (defaults["InstanceType"], defaults["DatabaseClass"]) == ("t4g.small", "db.t4g.small")
    allowed = 0.85 * 2 * 1024**3 / 9_531_392
    assert defaults["MaxInstances"] * 2 * (32 + 4) < allowed
