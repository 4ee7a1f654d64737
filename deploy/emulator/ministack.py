"""MiniStack as a child process: signatures verified, permissions enforced, TLS, and this machine alone.

It is started through its server and not its own command, which would also take port 443.
"""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

REGION = "eu-central-1"
START_SECONDS = 30.0
# Whoever uses this key is the account's root, whatever the secret.
ROOT_KEY = "test"


class EmulatorFailed(Exception):
    """The emulator did not start or refused what it was asked; the message is for the person at the terminal."""


@dataclass
class Emulator:
    """One emulated AWS. ``python`` is the interpreter of the environment that MiniStack is installed in; ``folder``
    takes its certificate, its log and its data."""

    python: Path
    folder: Path
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    _clients: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = self.port or free_port()

    @property
    def endpoint(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def certificate(self) -> Path:
        """The certificate, which is also what clients have to trust (AWS_CA_BUNDLE)."""
        return self.folder / "certificate.pem"

    @property
    def log(self) -> Path:
        return self.folder / "emulator.log"

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            EmulatorFailed: it ended, or did not answer in time.
        """
        key = self.folder / "certificate-key.pem"
        _write_certificate(self.certificate, key)
        command = [str(self.python), "-m", "hypercorn", "ministack.app:app", "--workers", "0"]
        command += ["--bind", f"127.0.0.1:{self.port}", "--certfile", str(self.certificate), "--keyfile", str(key)]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, env=self._environ(key), cwd=self.folder, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        end = self.log.read_text(errors="replace")[-2_000:]
        self.stop()
        raise EmulatorFailed(f"The AWS emulator did not start:\n{end}")

    def stop(self) -> None:
        """End it and whatever it started (Lambdas)."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)  # nothing of it is kept, and its own way out takes seconds
        self.process.wait()
        self.process = None

    def root(self, service: str) -> Any:
        """A client with all rights, for what an operator or AWS itself would do."""
        if service not in self._clients:
            self._clients[service] = self.client(service, {"AccessKeyId": ROOT_KEY, "SecretAccessKey": "test"})
        return self._clients[service]

    def client(self, service: str, credentials: dict[str, str]) -> Any:
        """A client with these credentials (as STS names their parts)."""
        session: Any = boto3.session.Session(  # its overloads want literal names
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials.get("SessionToken"),
            region_name=REGION,
        )
        config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 2}, read_timeout=30)
        return session.client(service, endpoint_url=self.endpoint, verify=str(self.certificate), config=config)

    def _environ(self, key: Path) -> dict[str, str]:
        """Nothing of AWS's variables around us reaches it, nor what would make it listen elsewhere."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL") if name in os.environ}
        temporary = self.folder / "tmp"
        temporary.mkdir(exist_ok=True)
        return kept | {
            "AUTH": "true",
            "AWS_CA_BUNDLE": str(self.certificate),
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "IOT_MTLS_ENABLED": "0",
            "LOG_LEVEL": "WARNING",
            "MINISTACK_HOST": "127.0.0.1",
            "MINISTACK_REGION": REGION,
            "MINISTACK_SSL_CERT": str(self.certificate),
            "MINISTACK_SSL_KEY": str(key),
            "PYTHONDONTWRITEBYTECODE": "1",
            "S3_DATA_DIR": str(temporary / "s3"),
            "SFTP_ENABLED": "0",
            "TMPDIR": str(temporary),
            "USE_SSL": "1",
        }


def free_port() -> int:
    """A port of this machine that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _write_certificate(certificate: Path, key_file: Path) -> None:
    """A certificate for 127.0.0.1, its own authority, for as long as an emulator is left running."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Image Gallery, emulated AWS")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    key_file.touch(mode=0o600)
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
