"""What the operator said: every environment variable of the site is read here, once, and checked together.

A secret may also be given as a file: ``NAME_FILE`` holds the path. Half-set configuration is an error that names
the missing variable; nothing falls back in silence.
"""

from __future__ import annotations

import os
import re
import secrets
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from gallery_site.network import lan_address, own_address

GIB = 1024**3
CREDENTIAL = "image-gallery"  # the name before "_" of what systemd hands over
MIB = 1024**2

Signup = Literal["open", "invite", "closed"]
RETENTIONS = ("1h", "1d", "7d", "30d", "1y", "forever")

MIN_GRACE_WITH_RECORDS = 3600  # LIFECYCLE rule 5: must exceed R plus the largest difference between two clocks
MAX_UPLOAD = 4 * GIB - 1  # an entry of a zip is written without zip64 sizes (galleries/zips.py)
DEFAULT_GRACE = 24 * 3600

ON, OFF = ("1", "true", "yes", "on"), ("0", "false", "no", "off")

_REGION = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_DOMAIN = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+|http://(127\.0\.0\.1|localhost):\d{1,5}")


@dataclass(frozen=True)
class Environment:
    """The site's configuration, already parsed; sizes in bytes, durations in seconds."""

    secret_key: str
    secret_key_fallbacks: tuple[str, ...]
    debug: bool
    allowed_hosts: tuple[str, ...]
    site_url: str
    data_dir: Path
    bind: str
    port: int
    database_url: str
    cache_url: str
    email_url: str
    bucket: str
    table: str
    aws_region: str
    aws_endpoint_url: str
    cloudfront_domain: str
    cloudfront_key_id: str
    cloudfront_private_key: str
    cloudfront_distribution_id: str
    max_upload_bytes: int
    max_pixels: int
    quota_bytes: int
    default_retention: str
    max_retention: str
    grace_seconds: int
    signup: Signup
    ssl_redirect: bool
    media_by_nginx: bool
    timers: bool

    @property
    def https(self) -> bool:
        """Whether people reach the site over TLS: secure-only cookies and HSTS follow from it."""
        return self.site_url.startswith("https://")

    @property
    def cloudfront_base(self) -> str:
        """The address of the distribution; "" without one. Always https, but for one that stands in on this machine."""
        domain = self.cloudfront_domain
        return domain if not domain or "://" in domain else f"https://{domain}"


def read_environment(environ: dict[str, str], root: Path, lan: Callable[[], str | None] = lan_address) -> Environment:
    """Parse ``environ``; relative paths are taken from ``root``. ``lan`` finds this machine's address on its network.

    Raises:
        ImproperlyConfigured: a value cannot be read, or a group of variables is only half set.
    """
    get = _Reader(environ)
    data_dir = (root / get.text("GALLERY_DATA_DIR", "var")).resolve()
    port = get.number("PORT", 8000, most=65_535)
    bind = get.text("GALLERY_BIND", "127.0.0.1").strip("[]")
    site_url = (get.text("SITE_URL") or own_address(bind, port, lan())).rstrip("/")
    if not _is_site(site_url):
        raise ImproperlyConfigured(
            f"SITE_URL must be like https://photos.example.org (or http), with nothing behind it, not {site_url!r}."
        )
    max_retention = get.choice("GALLERY_MAX_RETENTION", RETENTIONS, "forever")
    usual_retention = min("7d", max_retention, key=RETENTIONS.index)
    environment = Environment(
        secret_key=get.secret("DJANGO_SECRET_KEY"),
        secret_key_fallbacks=_words(get.secret("DJANGO_SECRET_KEY_FALLBACKS")),
        debug=get.flag("DJANGO_DEBUG"),
        allowed_hosts=_words(get.text("DJANGO_ALLOWED_HOSTS")),
        site_url=site_url,
        data_dir=data_dir,
        bind=bind,
        port=port,
        database_url=get.address("DATABASE_URL", "postgres://user:password@host/name"),
        cache_url=get.address("CACHE_URL", "redis://host:6379/0"),
        email_url=get.address("EMAIL_URL", "smtp+tls://user:password@host:587"),
        bucket=get.text("GALLERY_BUCKET"),
        table=get.text("GALLERY_TABLE"),
        aws_region=get.text("AWS_REGION"),
        aws_endpoint_url=get.text("AWS_ENDPOINT_URL"),
        cloudfront_domain=get.text("CLOUDFRONT_DOMAIN"),
        cloudfront_key_id=get.text("CLOUDFRONT_KEY_ID"),
        cloudfront_private_key=get.secret("CLOUDFRONT_PRIVATE_KEY"),
        cloudfront_distribution_id=get.text("CLOUDFRONT_DISTRIBUTION_ID"),
        max_upload_bytes=get.number("GALLERY_MAX_UPLOAD_BYTES", 64 * MIB, least=1, most=MAX_UPLOAD),
        max_pixels=get.number("GALLERY_MAX_PIXELS", 220_000_000, least=1),
        quota_bytes=get.number("GALLERY_QUOTA_BYTES", 10 * GIB),
        default_retention=get.choice("GALLERY_DEFAULT_RETENTION", RETENTIONS, usual_retention),
        max_retention=max_retention,
        grace_seconds=get.number("GALLERY_GRACE_SECONDS", DEFAULT_GRACE),
        signup=get.choice("GALLERY_SIGNUP", ("open", "invite", "closed"), "open"),  # type: ignore[arg-type]
        ssl_redirect=get.flag("GALLERY_SSL_REDIRECT", default=True),
        media_by_nginx=get.flag("GALLERY_MEDIA_BY_NGINX"),
        timers=get.flag("GALLERY_TIMERS", default=True),
    )
    _check_groups(environment, get)
    return environment


def make_data_dir(data_dir: Path) -> None:
    """Where everything is kept, closed to other accounts of this machine; one that is there stays as it is: on a server
    nginx reads in it (deploy/install.sh)."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)


def generated_secret(data_dir: Path) -> str:
    """The secret key kept beside the data, made on first use (0600; two starting processes agree on one)."""
    path = data_dir / "secret-key"
    make_data_dir(data_dir)
    if not path.exists():
        descriptor, name = tempfile.mkstemp(prefix=".secret-key-", dir=data_dir)  # 0600
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(50))
        with suppress(FileExistsError):  # the name appears with its content; who comes second takes the first one's
            os.link(name, path)
        os.unlink(name)
    return path.read_text().strip()


def _check_groups(environment: Environment, get: _Reader) -> None:
    if environment.https and not environment.secret_key:
        raise ImproperlyConfigured("DJANGO_SECRET_KEY is missing: it must be set when SITE_URL is https.")
    if RETENTIONS.index(environment.default_retention) > RETENTIONS.index(environment.max_retention):
        raise ImproperlyConfigured("GALLERY_DEFAULT_RETENTION is longer than GALLERY_MAX_RETENTION.")
    if environment.table and environment.grace_seconds < MIN_GRACE_WITH_RECORDS:
        raise ImproperlyConfigured("GALLERY_GRACE_SECONDS must be at least 3600 when GALLERY_TABLE is set.")
    # A bucket alone is one server with its files in S3; a table is what the Lambda reads, and it deletes in a bucket.
    aws = {"GALLERY_BUCKET": environment.bucket, "AWS_REGION": environment.aws_region}
    _all_or_none(aws, needed_by=("GALLERY_BUCKET",))
    _all_or_none({"GALLERY_TABLE": environment.table, **aws}, needed_by=("GALLERY_TABLE",))
    if environment.bucket:
        _check_aws(environment)
        keys = {name: get.text(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        _all_or_none(keys, needed_by=tuple(keys))
    cloudfront = {
        "CLOUDFRONT_DOMAIN": environment.cloudfront_domain,
        "CLOUDFRONT_KEY_ID": environment.cloudfront_key_id,
        "CLOUDFRONT_PRIVATE_KEY": environment.cloudfront_private_key,
    }
    _all_or_none(cloudfront, needed_by=tuple(cloudfront))
    if environment.cloudfront_distribution_id and not environment.cloudfront_domain:
        raise ImproperlyConfigured("CLOUDFRONT_DOMAIN is missing: CLOUDFRONT_DISTRIBUTION_ID is set and needs it.")
    if environment.cloudfront_domain:
        _check_cloudfront(environment)


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _is_site(text: str) -> bool:
    """Whether the site can be there: it begins at the root of its host, and every link is made by adding its path."""
    if not _is_address(text):
        return False
    parts = urlsplit(text)
    return text == f"{parts.scheme}://{parts.netloc}" and "@" not in parts.netloc


def _check_aws(environment: Environment) -> None:
    """What the SDK would only refuse when it is first asked for something."""
    if not _REGION.fullmatch(environment.aws_region):
        raise ImproperlyConfigured("AWS_REGION must be a region such as eu-central-1.")
    endpoint = environment.aws_endpoint_url
    if endpoint and not _is_address(endpoint):
        raise ImproperlyConfigured(f"AWS_ENDPOINT_URL must be an http or https address, not {endpoint!r}.")


def _check_cloudfront(environment: Environment) -> None:
    if not environment.bucket:
        raise ImproperlyConfigured("GALLERY_BUCKET is missing: CLOUDFRONT_DOMAIN delivers from it.")
    if not _DOMAIN.fullmatch(environment.cloudfront_domain):
        raise ImproperlyConfigured("CLOUDFRONT_DOMAIN must be a domain alone, such as d111111abcdef8.cloudfront.net.")
    from galleries.cloudfront import load_private_key

    try:
        load_private_key(environment.cloudfront_private_key)
    except ValueError as error:
        raise ImproperlyConfigured(f"CLOUDFRONT_PRIVATE_KEY {error}.") from None


def _all_or_none(group: dict[str, str], *, needed_by: tuple[str, ...]) -> None:
    asked_by = [name for name in needed_by if group[name]]
    missing = [name for name, value in group.items() if not value]
    if asked_by and missing:
        raise ImproperlyConfigured(f"{missing[0]} is missing: {asked_by[0]} is set and needs it.")


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


class _Reader:
    def __init__(self, environ: dict[str, str]) -> None:
        self.environ = environ

    def text(self, name: str, default: str = "") -> str:
        return self.environ.get(name, "").strip() or default

    def secret(self, name: str) -> str:
        path = self.text(f"{name}_FILE")
        if not path:
            return self.text(name)
        try:
            secret = self._readable(Path(path)).read_text().strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE cannot be read: {error.strerror}.") from None
        except UnicodeDecodeError:
            raise ImproperlyConfigured(f"{name}_FILE cannot be read: it is not text.") from None
        if not secret:
            raise ImproperlyConfigured(f"{name}_FILE names a file that is empty.")
        return secret

    def address(self, name: str, example: str) -> str:
        """A secret that is an address; not shown when it is none, since a password may be in it."""
        address = self.secret(name)
        if address and "://" not in address:
            raise ImproperlyConfigured(f"{name} must be an address like {example}.")
        return address

    def _readable(self, path: Path) -> Path:
        """Where this process may read ``path``: systemd hands root's own files over under other names
        (LoadCredential in deploy/systemd)."""
        credentials = self.text("CREDENTIALS_DIRECTORY")
        handed = Path(credentials, f"{CREDENTIAL}_{path.name}")
        return handed if credentials and handed.exists() else path

    def flag(self, name: str, *, default: bool = False) -> bool:
        value = self.text(name).lower()
        if value not in {"", *ON, *OFF}:
            raise ImproperlyConfigured(f"{name} must be 1 or 0, not {value!r}.")
        return value in ON if value else default

    def number(self, name: str, default: int, *, least: int = 0, most: int | None = None) -> int:
        value = self.text(name)
        try:
            number = int(value) if value else default
        except ValueError:
            raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from None
        if number < least or (most is not None and number > most):
            bounds = f"at least {least}" if most is None else f"between {least} and {most}"
            raise ImproperlyConfigured(f"{name} must be {bounds}, not {value}.")
        return number

    def choice(self, name: str, choices: tuple[str, ...], default: str) -> str:
        value = self.text(name, default)
        if value not in choices:
            raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}, not {value!r}.")
        return value
