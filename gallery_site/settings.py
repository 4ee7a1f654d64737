"""Django settings: one file, three shapes of the same site, chosen by environment variables alone
(docs/architecture.md)."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from csp.constants import NONE, SELF

from gallery_site.environment import GIB, MIB, generated_secret, make_data_dir, read_environment
from gallery_site.gunicorn import threads
from gallery_site.network import local_hosts

BASE_DIR = Path(__file__).resolve().parent.parent
ENVIRONMENT = read_environment(dict(os.environ), BASE_DIR)
DATA_DIR = ENVIRONMENT.data_dir

DEBUG = ENVIRONMENT.debug
SECRET_KEY = ENVIRONMENT.secret_key or generated_secret(DATA_DIR)
SECRET_KEY_FALLBACKS = [*ENVIRONMENT.secret_key_fallbacks]
SITE_URL = ENVIRONMENT.site_url
ALLOWED_HOSTS = [*ENVIRONMENT.allowed_hosts] or [
    *dict.fromkeys([*local_hosts(ENVIRONMENT.bind), urlsplit(SITE_URL).hostname or "localhost"])
]
if ENVIRONMENT.https:
    CSRF_TRUSTED_ORIGINS = [SITE_URL]

# --- the gallery ------------------------------------------------------------------------------------------------------

GALLERY_MAX_UPLOAD_BYTES = ENVIRONMENT.max_upload_bytes
GALLERY_MAX_PIXELS = ENVIRONMENT.max_pixels
GALLERY_QUOTA_BYTES = ENVIRONMENT.quota_bytes
GALLERY_QUOTA_IMAGES = 20_000
GALLERY_DEFAULT_RETENTION = ENVIRONMENT.default_retention
GALLERY_MAX_RETENTION = ENVIRONMENT.max_retention
GALLERY_SIGNUP = ENVIRONMENT.signup
# Records in DynamoDB, for a deleter that cannot see rows; no table: the rows alone (galleries/metadata.py).
GALLERY_TABLE = ENVIRONMENT.table
AWS_REGION = ENVIRONMENT.aws_region
AWS_ENDPOINT_URL = ENVIRONMENT.aws_endpoint_url
GRACE = timedelta(seconds=ENVIRONMENT.grace_seconds)
# LIFECYCLE rule 5: restore window + largest difference between two clocks <= grace. A day keeps 15 minutes for it;
# a grace of less than an hour is only allowed with one clock (no record store) and keeps a quarter.
RESTORE_WINDOW = GRACE - min(timedelta(minutes=15), GRACE / 4)
# An upload is refused when less than this would stay free on the disk (SAFETY 5.4: max(1 GiB, 5 %)).
GALLERY_MIN_FREE_BYTES = GIB
GALLERY_MIN_FREE_SHARE = 0.05
# nginx sends files of its own disk itself and asks about passes (galleries/admission.py, deploy/nginx).
MEDIA_BY_NGINX = ENVIRONMENT.media_by_nginx and not ENVIRONMENT.bucket
CLOUDFRONT_BASE = ENVIRONMENT.cloudfront_base
CLOUDFRONT_KEY_ID = ENVIRONMENT.cloudfront_key_id
CLOUDFRONT_PRIVATE_KEY = ENVIRONMENT.cloudfront_private_key
CLOUDFRONT_DISTRIBUTION_ID = ENVIRONMENT.cloudfront_distribution_id
UPLOAD_DIR = DATA_DIR / "incoming"
# Sweep and drain beside the requests of each process; "0" for a process that is only tried (deploy/install.sh).
RUN_TIMERS = ENVIRONMENT.timers

# --- applications -----------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "gallery_site.accounts",
    "galleries",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "django.forms",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "csp",
    "django_htmx",
    "ninja",
]

MIDDLEWARE = [
    "gallery_site.middleware.RequestIdMiddleware",
    "gallery_site.middleware.HealthCheckMiddleware",
    "gallery_site.middleware.MetricsMiddleware",
    "gallery_site.middleware.SiteHeadersMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "gallery_site.content_types.ContentTypeMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "gallery_site.accounts.sessions.SessionLifeMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "gallery_site.errors.ProblemMiddleware",
]

ROOT_URLCONF = "gallery_site.urls"
WSGI_APPLICATION = "gallery_site.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "gallery_site.context.site",
            ],
            "builtins": ["galleries.templatetags.icons", "galleries.templatetags.routes"],
        },
    },
]

# --- database, cache, files -------------------------------------------------------------------------------------------

# Of PostgreSQL, in each process: for the sweep, the drain, the first look at its start, and one to spare.
CONNECTIONS_BESIDE_THREADS = 4

SQLITE: dict[str, Any] = {
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": DATA_DIR / "gallery.sqlite3",
    "CONN_MAX_AGE": 600,
    "OPTIONS": {
        # IMMEDIATE: a deferred transaction that reads and then writes fails at once when another one writes.
        "transaction_mode": "IMMEDIATE",
        # Seconds to wait for the one writer; 64 threads may all be storing a photo.
        "timeout": 20,
        # synchronous=FULL: an acknowledgement is a promise, also after a power cut.
        "init_command": (
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA cache_size=-16000;"
        ),
    },
}


def _database() -> dict[str, Any]:
    if not ENVIRONMENT.database_url:
        make_data_dir(DATA_DIR)  # SQLite makes its file and no folder
        return SQLITE
    database: dict[str, Any] = environ.Env.db_url_config(ENVIRONMENT.database_url)
    if database["ENGINE"].endswith("sqlite3"):
        return SQLITE | {"NAME": database["NAME"]}
    most = threads + CONNECTIONS_BESIDE_THREADS
    database.setdefault("OPTIONS", {})["pool"] = {"min_size": 1, "max_size": most, "timeout": 10}
    return database


DATABASES = {"default": _database()}

# The default cache is a table of the database, so that rate limits survive a restart and are shared by all processes.
CACHES: dict[str, dict[str, Any]] = {
    "default": (
        environ.Env.cache_url_config(ENVIRONMENT.cache_url)
        if ENVIRONMENT.cache_url
        else {
            "BACKEND": "django.core.cache.backends.db.DatabaseCache",
            "LOCATION": "site_cache",
            "OPTIONS": {"MAX_ENTRIES": 100_000},
        }
    )
}

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = DATA_DIR / "static"
LOCAL_STORAGE: dict[str, Any] = {
    "BACKEND": "galleries.storage.LocalMediaStorage",
    "OPTIONS": {"location": DATA_DIR},
}
BUCKET_STORAGE: dict[str, Any] = {
    "BACKEND": "galleries.bucket.BucketMediaStorage",
    "OPTIONS": {
        "bucket_name": ENVIRONMENT.bucket,
        "region_name": ENVIRONMENT.aws_region,
        "endpoint_url": ENVIRONMENT.aws_endpoint_url or None,
    },
}
STORAGES: dict[str, dict[str, Any]] = {
    "default": BUCKET_STORAGE if ENVIRONMENT.bucket else LOCAL_STORAGE,
    "staticfiles": {"BACKEND": "gallery_site.static.HashedStaticStorage"},
}
WHITENOISE_ALLOW_ALL_ORIGINS = False
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = ("jpg", "jpeg", "png", "gif", "webp", "woff", "woff2", "gz", "br", "map")

# --- uploads ----------------------------------------------------------------------------------------------------------

DATA_UPLOAD_MAX_MEMORY_SIZE = MIB
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2_000  # a selection of 1,000 pictures is one field each, and some beside them
DATA_UPLOAD_MAX_NUMBER_FILES = 50
FILE_UPLOAD_HANDLERS = ["galleries.receiving.HashingUploadHandler"]

# --- accounts ---------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "gallery_site.accounts.passwords.MaximumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_RESET_TIMEOUT = 3600
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "galleries:home"

ACCOUNT_ADAPTER = "gallery_site.accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory" if ENVIRONMENT.email_url else "optional"
ACCOUNT_UNIQUE_EMAIL = True
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_USERNAME_MIN_LENGTH = 2
ACCOUNT_LOGOUT_REDIRECT_URL = "galleries:home"
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = "Image Gallery: "
ACCOUNT_REAUTHENTICATION_TIMEOUT = 15 * 60
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if ENVIRONMENT.https else "http"
ACCOUNT_PREVENT_ENUMERATION = "strict"  # without verification: a known address signs up like an unknown one
ACCOUNT_FORMS = {
    "login": "gallery_site.accounts.forms.LoginForm",
    "signup": "gallery_site.accounts.forms.SignupForm",
    "add_email": "gallery_site.accounts.forms.AddEmailForm",
    "change_password": "gallery_site.accounts.forms.ChangePasswordForm",
    "set_password": "gallery_site.accounts.forms.SetPasswordForm",
    "reset_password": "gallery_site.accounts.forms.ResetPasswordForm",
    "reset_password_from_key": "gallery_site.accounts.forms.ResetPasswordKeyForm",
    "reauthenticate": "gallery_site.accounts.forms.ReauthenticateForm",
}
# SAFETY 5.3. "login" only bounds how often the form is posted; what counts is a failed try (accounts/limits.py).
ACCOUNT_RATE_LIMITS = {
    "login": "60/m/ip",
    "login_failed": "5/m/ip,20/h/ip,10/h/key,20/d/key",  # one-time codes
    "signup": "10/h/ip",
    "reset_password": "10/h/ip,3/h/key",
    "reset_password_from_key": "20/m/ip",
    "reauthenticate": "10/m/user",
    "change_password": "5/m/user",
    "manage_email": "10/m/user",
    "confirm_email": "1/3m/key",
}
MFA_ADAPTER = "gallery_site.accounts.adapter.MfaAdapter"
MFA_FORMS = {
    "add_webauthn": "gallery_site.accounts.passkeys.AddForm",
    "authenticate_webauthn": "gallery_site.accounts.passkeys.AuthenticateForm",
    "login_webauthn": "gallery_site.accounts.passkeys.LoginForm",
    "reauthenticate_webauthn": "gallery_site.accounts.passkeys.ReauthenticateForm",
}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_ALLOW_UNVERIFIED_EMAIL = not ENVIRONMENT.email_url
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not ENVIRONMENT.https
MFA_TOTP_ISSUER = "Image Gallery"
# How many proxies in front append to X-Forwarded-For; 0: the address of the connection counts, and nothing else.
ALLAUTH_TRUSTED_PROXY_COUNT = int(os.environ.get("GALLERY_TRUSTED_PROXIES", "0"))
USERSESSIONS_TRACK_ACTIVITY = False

EMAIL_CONFIG = environ.Env.email_url_config(ENVIRONMENT.email_url or "consolemail://")
EMAIL_BACKEND = EMAIL_CONFIG["EMAIL_BACKEND"]
EMAIL_HOST = EMAIL_CONFIG.get("EMAIL_HOST") or "localhost"
EMAIL_PORT = EMAIL_CONFIG.get("EMAIL_PORT") or 25
EMAIL_HOST_USER = EMAIL_CONFIG.get("EMAIL_HOST_USER") or ""
EMAIL_HOST_PASSWORD = EMAIL_CONFIG.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS = bool(EMAIL_CONFIG.get("EMAIL_USE_TLS"))
EMAIL_USE_SSL = bool(EMAIL_CONFIG.get("EMAIL_USE_SSL"))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = os.environ.get("DEFAULT_FROM_EMAIL", f"Image Gallery <noreply@{urlsplit(SITE_URL).hostname}>")

# --- sessions, cookies, headers ---------------------------------------------------------------------------------------

_PREFIX = "__Host-" if ENVIRONMENT.https else ""
SESSION_COOKIE_NAME = f"{_PREFIX}session"
SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_COOKIE_SECURE = ENVIRONMENT.https
SESSION_SAVE_EVERY_REQUEST = False  # a Set-Cookie on every page would make cached pages carry sessions
# In the session: a cookie of their own would have no prefix, and would be deleted without "Secure".
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
CSRF_COOKIE_NAME = f"{_PREFIX}csrf"
CSRF_COOKIE_SECURE = ENVIRONMENT.https
CSRF_COOKIE_HTTPONLY = True  # the page's script reads the token from a meta element
CSRF_FAILURE_VIEW = "gallery_site.errors.csrf_failure"
SECURE_SSL_REDIRECT = ENVIRONMENT.https and ENVIRONMENT.ssl_redirect
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]  # a load balancer asks by plain HTTP and follows nothing
SECURE_HSTS_SECONDS = 63_072_000 if ENVIRONMENT.https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = ENVIRONMENT.https
SECURE_HSTS_PRELOAD = ENVIRONMENT.https
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if ENVIRONMENT.https else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SILENCED_SYSTEM_CHECKS: list[str] = []

_MEDIA_HOSTS = [CLOUDFRONT_BASE] if CLOUDFRONT_BASE else []
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:", "blob:", *_MEDIA_HOSTS],
        "worker-src": [SELF],
        "connect-src": [SELF, *_MEDIA_HOSTS],
        "font-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
    }
}

# --- language, time, logs ---------------------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"request_id": {"()": "gallery_site.logs.RequestIdFilter"}},
    "formatters": {"json": {"()": "gallery_site.logs.JsonFormatter"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "json", "filters": ["request_id"]},
    },
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "django.server": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        "django.security.DisallowedHost": {"handlers": ["console"], "level": "CRITICAL", "propagate": False},
        "galleries": {"level": "INFO"},
        "gallery_site": {"level": "INFO"},
    },
}
