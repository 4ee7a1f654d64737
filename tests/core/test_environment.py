"""The operator's variables: parsed once, checked together, never half."""

from __future__ import annotations

import os
import re
import secrets
import stat
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from gallery_site.environment import generated_secret, read_environment
from gallery_site.network import local_hosts
from gallery_site.settings import CONNECTIONS_BESIDE_THREADS
from tests.aws.keys import key_pair
from tests.live import ROOT

AWS = {
    "GALLERY_BUCKET": "photos",
    "GALLERY_TABLE": "images",
    "AWS_REGION": "eu-central-1",
    "GALLERY_GRACE_SECONDS": "86400",
}
KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
CLOUDFRONT = {
    "CLOUDFRONT_DOMAIN": "media.example.org",
    "CLOUDFRONT_KEY_ID": "K1",
    "CLOUDFRONT_PRIVATE_KEY": key_pair()[0],
}


def _refusal(environ: dict[str, str], root: Path) -> str:
    with pytest.raises(ImproperlyConfigured) as caught:
        read_environment(environ, root)
    return str(caught.value)


def test_readme_names_every_variable() -> None:
    """But for those that the units of a server set themselves."""
    sources = "".join(
        (ROOT / "gallery_site" / name).read_text() for name in ("environment.py", "settings.py", "gunicorn.py")
    )
    names = set(re.findall(r'(?:get\.\w+|environ\.get)\("([A-Z_]+)"', sources))
    assert {"PORT", "GALLERY_SIGNUP", "DEFAULT_FROM_EMAIL"} <= names
    names -= {"GALLERY_MEDIA_BY_NGINX", "GALLERY_TIMERS", "FORWARDED_ALLOW_IPS", "CREDENTIALS_DIRECTORY"}
    assert names - set(re.findall(r"`([A-Z_]+)`", (ROOT / "README.md").read_text())) == set()


@pytest.mark.parametrize(("threads", "connections"), [(None, 68), ("32", 36), ("3", 7)])
def test_each_thread_has_a_connection_of_postgresql(tmp_path: Path, threads: str | None, connections: int) -> None:
    """And so have the timers beside them."""
    environ = {"DATABASE_URL": "postgres://nobody@127.0.0.1/nothing", "GALLERY_DATA_DIR": str(tmp_path)}
    environ |= {"GALLERY_THREADS": threads} if threads else {}
    ask = "from gallery_site.settings import DATABASES; print(DATABASES['default']['OPTIONS']['pool']['max_size'])"
    done = subprocess.run(
        [sys.executable, "-c", ask], cwd=ROOT, env=environ, check=True, capture_output=True, text=True
    )
    assert int(done.stdout) == connections


def test_install_gives_postgresql_as_many_connections() -> None:
    text = (ROOT / "deploy" / "install.sh").read_text()
    assert f"* (threads + {CONNECTIONS_BESIDE_THREADS}) + 40))" in text


def test_no_variables_are_the_embedded_site(tmp_path: Path) -> None:
    site = read_environment({}, tmp_path)
    assert (site.bind, site.port, site.site_url) == ("127.0.0.1", 8000, "http://127.0.0.1:8000")
    assert site.data_dir == tmp_path / "var"
    assert (site.default_retention, site.max_retention, site.grace_seconds) == ("7d", "forever", 86_400)
    assert (site.signup, site.debug, site.bucket, site.table) == ("open", False, "", "")


@pytest.mark.parametrize(
    ("bind", "lan", "address"),
    [
        ("0.0.0.0", "192.168.1.5", "http://192.168.1.5:8001"),  # noqa: S104 (nothing is bound)
        ("0.0.0.0", None, "http://127.0.0.1:8001"),  # noqa: S104 (nothing is bound)
        ("[::]", "192.168.1.5", "http://192.168.1.5:8001"),
        ("10.0.0.7", "192.168.1.5", "http://10.0.0.7:8001"),
        ("fd00::7", None, "http://[fd00::7]:8001"),
        ("localhost", "192.168.1.5", "http://127.0.0.1:8001"),
    ],
)
def test_links_name_an_address_that_phones_reach(tmp_path: Path, bind: str, lan: str | None, address: str) -> None:
    """What a link, its QR code and a mail begin with when nobody has named the site."""
    environ = {"GALLERY_BIND": bind, "PORT": "8001"}
    assert read_environment(environ, tmp_path, lambda: lan).site_url == address
    named = environ | {"SITE_URL": "http://photos.lan/"}
    assert read_environment(named, tmp_path, lambda: lan).site_url == "http://photos.lan"


@pytest.mark.parametrize("missing", ["GALLERY_BUCKET", "AWS_REGION"])
def test_half_an_aws_names_what_is_missing(tmp_path: Path, missing: str) -> None:
    given = {name: value for name, value in AWS.items() if name != missing}
    assert _refusal(given, tmp_path).startswith(f"{missing} is missing")
    assert read_environment(AWS, tmp_path).bucket == "photos"


def test_records_go_by_the_usual_grace_when_no_other_is_said(tmp_path: Path) -> None:
    given = {name: value for name, value in AWS.items() if name != "GALLERY_GRACE_SECONDS"}
    assert read_environment(given, tmp_path).grace_seconds == 86_400


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_REGION", "eu central 1"),
        ("AWS_REGION", "eu-central-1/"),
        ("AWS_ENDPOINT_URL", "localhost:9000"),
        ("AWS_ENDPOINT_URL", "ftp://localhost"),
        ("AWS_ENDPOINT_URL", "http://localhost:port"),
        ("AWS_ENDPOINT_URL", "https://"),
    ],
)
def test_what_the_sdk_could_not_use_is_named_at_the_start(tmp_path: Path, name: str, value: str) -> None:
    assert _refusal(AWS | {name: value}, tmp_path).startswith(f"{name} must be")
    assert read_environment({name: value}, tmp_path).bucket == "", "without a bucket nobody asks for it"


def test_a_bucket_without_a_table_is_one_server_with_its_files_in_s3(tmp_path: Path) -> None:
    site = read_environment({"GALLERY_BUCKET": "photos", "AWS_REGION": "eu-central-1"}, tmp_path)
    assert (site.bucket, site.table) == ("photos", "")
    assert _refusal({"GALLERY_BUCKET": "photos"}, tmp_path).startswith("AWS_REGION is missing")


def test_a_region_alone_is_what_many_machines_have(tmp_path: Path) -> None:
    assert read_environment({"AWS_REGION": "eu-west-1"}, tmp_path).bucket == ""


@pytest.mark.parametrize("missing", KEYS)
def test_half_a_key_names_its_other_half(tmp_path: Path, missing: str) -> None:
    half = {name: "AKIAEXAMPLE" for name in KEYS if name != missing}
    assert _refusal(AWS | half, tmp_path).startswith(f"{missing} is missing")
    assert read_environment(half, tmp_path).bucket == "", "without a bucket it is nobody's business"


@pytest.mark.parametrize("missing", CLOUDFRONT)
def test_half_a_cloudfront_names_what_is_missing(tmp_path: Path, missing: str) -> None:
    given = AWS | {name: value for name, value in CLOUDFRONT.items() if name != missing}
    assert _refusal(given, tmp_path).startswith(f"{missing} is missing")
    assert read_environment(AWS | CLOUDFRONT, tmp_path).cloudfront_key_id == "K1"


def test_a_cloudfront_needs_a_bucket(tmp_path: Path) -> None:
    assert _refusal(CLOUDFRONT, tmp_path).startswith("GALLERY_BUCKET is missing")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CLOUDFRONT_PRIVATE_KEY", "-----BEGIN"),
        ("CLOUDFRONT_PRIVATE_KEY", key_pair()[1]),
        ("CLOUDFRONT_DOMAIN", "https://media.example.org"),
        ("CLOUDFRONT_DOMAIN", "http://media.example.org"),
        ("CLOUDFRONT_DOMAIN", "media.example.org/path"),
    ],
)
def test_what_cloudfront_could_not_use_is_named_and_not_shown(tmp_path: Path, name: str, value: str) -> None:
    refusal = _refusal(AWS | CLOUDFRONT | {name: value}, tmp_path)
    assert refusal.startswith(f"{name} ")
    assert value not in refusal


def test_a_distribution_needs_its_domain(tmp_path: Path) -> None:
    assert _refusal({"CLOUDFRONT_DISTRIBUTION_ID": "E1"}, tmp_path).startswith("CLOUDFRONT_DOMAIN is missing")


def test_https_needs_a_secret_of_its_own(tmp_path: Path) -> None:
    site = {"SITE_URL": "https://photos.example.org"}
    assert _refusal(site, tmp_path).startswith("DJANGO_SECRET_KEY is missing")
    assert read_environment(site | {"DJANGO_SECRET_KEY": "x"}, tmp_path).https


@pytest.mark.parametrize("name", ["DJANGO_SECRET_KEY", "DATABASE_URL", "CACHE_URL", "EMAIL_URL"])
def test_a_secret_may_be_a_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text(" of://a.file\n")
    field = name.removeprefix("DJANGO_").lower()
    site = read_environment({f"{name}_FILE": str(tmp_path / "secret"), name: "of a variable"}, tmp_path)
    assert getattr(site, field) == "of://a.file"


@pytest.mark.parametrize("name", ["DATABASE_URL", "CACHE_URL", "EMAIL_URL"])
def test_what_is_no_address_is_named_and_not_shown(tmp_path: Path, name: str) -> None:
    refusal = _refusal({name: "user:secret@host/name"}, tmp_path)
    assert refusal.startswith(f"{name} must be an address")
    assert "secret" not in refusal


def test_secrets_of_before_are_a_list(tmp_path: Path) -> None:
    assert read_environment({}, tmp_path).secret_key_fallbacks == ()
    given = {"DJANGO_SECRET_KEY_FALLBACKS": "last year's, one before"}
    assert read_environment(given, tmp_path).secret_key_fallbacks == ("last year's", "one before")
    (tmp_path / "old").write_text("last year's\n")
    given = {"DJANGO_SECRET_KEY_FALLBACKS_FILE": str(tmp_path / "old")}
    assert read_environment(given, tmp_path).secret_key_fallbacks == ("last year's",)


def test_the_site_knows_secrets_of_before(tmp_path: Path) -> None:
    environ = {"DJANGO_SECRET_KEY_FALLBACKS": "one,two", "GALLERY_DATA_DIR": str(tmp_path)}
    ask = "from gallery_site.settings import SECRET_KEY_FALLBACKS; print(SECRET_KEY_FALLBACKS)"
    done = subprocess.run(
        [sys.executable, "-c", ask], cwd=ROOT, env=environ, check=True, capture_output=True, text=True
    )
    assert done.stdout == "['one', 'two']\n"


def test_a_secret_of_root_is_read_where_systemd_hands_it_over(tmp_path: Path) -> None:
    (tmp_path / "image-gallery_secret-key").write_text("handed over\n")
    given = {"DJANGO_SECRET_KEY_FILE": "/etc/image-gallery/secret-key", "CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert read_environment(given, tmp_path).secret_key == "handed over"
    (tmp_path / "own").write_text("own\n")
    given["DJANGO_SECRET_KEY_FILE"] = str(tmp_path / "own")
    assert read_environment(given, tmp_path).secret_key == "own"


def test_a_private_key_may_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text(key_pair()[0])
    given = AWS | {n: v for n, v in CLOUDFRONT.items() if n != "CLOUDFRONT_PRIVATE_KEY"}
    site = read_environment(given | {"CLOUDFRONT_PRIVATE_KEY_FILE": str(tmp_path / "key.pem")}, tmp_path)
    assert site.cloudfront_private_key == key_pair()[0].strip()


def test_a_file_that_is_not_there_or_empty_is_named(tmp_path: Path) -> None:
    assert "DATABASE_URL_FILE" in _refusal({"DATABASE_URL_FILE": str(tmp_path / "none")}, tmp_path)
    (tmp_path / "empty").write_text("\n")
    assert "DATABASE_URL_FILE" in _refusal({"DATABASE_URL_FILE": str(tmp_path / "empty")}, tmp_path)
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    assert "DATABASE_URL_FILE" in _refusal({"DATABASE_URL_FILE": str(tmp_path / "bytes")}, tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "70000"),
        ("PORT", "-1"),
        ("DJANGO_DEBUG", "maybe"),
        ("GALLERY_SSL_REDIRECT", "maybe"),
        ("GALLERY_TIMERS", "2"),
        ("SITE_URL", "photos.example.org"),
        ("SITE_URL", "ftp://example.org"),
        ("SITE_URL", "http://example.org/photos"),
        ("SITE_URL", "http://example.org?"),
        ("SITE_URL", "http://me@example.org"),
        ("SITE_URL", "HTTPS://example.org"),
        ("GALLERY_SIGNUP", "everybody"),
        ("GALLERY_DEFAULT_RETENTION", "2d"),
        ("GALLERY_MAX_RETENTION", "1w"),
        ("GALLERY_GRACE_SECONDS", "-1"),
        ("GALLERY_MAX_UPLOAD_BYTES", "10 MB"),
        ("GALLERY_MAX_UPLOAD_BYTES", "0"),
        ("GALLERY_MAX_UPLOAD_BYTES", str(4 * 1024**3)),
        ("GALLERY_MAX_PIXELS", "0"),
        ("GALLERY_QUOTA_BYTES", "-5"),
    ],
)
def test_a_value_that_cannot_be_is_named(tmp_path: Path, name: str, value: str) -> None:
    assert name in _refusal({name: value}, tmp_path)


@pytest.mark.parametrize("name", ["DJANGO_DEBUG", "GALLERY_SSL_REDIRECT", "GALLERY_MEDIA_BY_NGINX", "GALLERY_TIMERS"])
def test_every_flag_is_read_alike(tmp_path: Path, name: str) -> None:
    field = re.sub("^(DJANGO|GALLERY)_", "", name).lower()
    usual = field in {"ssl_redirect", "timers"}
    for value, meant in {"": usual, **dict.fromkeys(["1", "true", "Yes", "ON"], True), "0": False, "No": False}.items():
        assert getattr(read_environment({name: value}, tmp_path), field) is meant, value


def test_the_default_cannot_exceed_the_maximum(tmp_path: Path) -> None:
    given = {"GALLERY_DEFAULT_RETENTION": "30d", "GALLERY_MAX_RETENTION": "7d"}
    assert "GALLERY_DEFAULT_RETENTION" in _refusal(given, tmp_path)
    assert "GALLERY_DEFAULT_RETENTION" in _refusal(given | {"GALLERY_DEFAULT_RETENTION": "forever"}, tmp_path)


@pytest.mark.parametrize(("longest", "default"), [("1h", "1h"), ("1d", "1d"), ("7d", "7d"), ("forever", "7d")])
def test_the_default_that_nobody_set_is_cut_to_the_maximum(tmp_path: Path, longest: str, default: str) -> None:
    environment = read_environment({"GALLERY_MAX_RETENTION": longest}, tmp_path)
    assert (environment.default_retention, environment.max_retention) == (default, longest)


def test_with_records_the_grace_is_an_hour_at_least(tmp_path: Path) -> None:
    assert "GALLERY_GRACE_SECONDS" in _refusal(AWS | {"GALLERY_GRACE_SECONDS": "3599"}, tmp_path)
    assert read_environment(AWS | {"GALLERY_GRACE_SECONDS": "3600"}, tmp_path).grace_seconds == 3600
    assert read_environment({"GALLERY_GRACE_SECONDS": "0"}, tmp_path).grace_seconds == 0


def test_the_generated_secret_is_kept_and_private(tmp_path: Path) -> None:
    secret = generated_secret(tmp_path / "new")
    assert len(secret) >= 50
    assert generated_secret(tmp_path / "new") == secret
    assert stat.S_IMODE((tmp_path / "new" / "secret-key").stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["secret-key"]


def test_a_folder_that_the_site_makes_is_closed_to_others(tmp_path: Path) -> None:
    """Also where the secret is given; one that is there stays as its owner made it."""
    given = {"DJANGO_SECRET_KEY": "given", "DATABASE_URL": ""}
    for name, environ, mode in (("own", {}, 0o700), ("given", given, 0o700), ("open", given, 0o711)):
        folder = tmp_path / name
        if name == "open":
            folder.mkdir()
            folder.chmod(mode)
        own = {**os.environ, "GALLERY_DATA_DIR": str(folder), **environ}
        subprocess.run([sys.executable, "-c", "import gallery_site.settings"], env=own, cwd=ROOT, check=True)
        assert stat.S_IMODE(folder.stat().st_mode) == mode


def test_processes_that_start_together_agree_on_one_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when the second looks while the first has the file open but has not written it yet."""
    made = secrets.token_urlsafe
    barrier = threading.Barrier(2, timeout=0.3)

    def slowly(size: int) -> str:
        with suppress(threading.BrokenBarrierError):
            barrier.wait()
        return made(size)

    monkeypatch.setattr(secrets, "token_urlsafe", slowly)
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(generated_secret(tmp_path))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    assert found[0] == found[1]
    assert len(found[0]) >= 50


@pytest.mark.parametrize(("bind", "host"), [("10.0.0.7", "10.0.0.7"), ("fd00::7", "[fd00::7]")])
def test_the_address_it_listens_on_is_a_host_of_the_site(bind: str, host: str) -> None:
    assert host in local_hosts(bind)
