"""Passkeys and the show button in a real Chromium with a virtual authenticator."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.live import PASSWORD, LiveSite, running_site

HOME = re.compile(r"^http://localhost:\d+/$")

pytestmark = pytest.mark.browser

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSite]:
    with running_site(tmp_path_factory.mktemp("passkeys"), "alice") as live:
        yield live


@pytest.fixture
def page(site: LiveSite, browser: Browser) -> Iterator[Page]:
    """A window at ``localhost``: browsers allow passkeys there without https, and at no IP address."""
    context = browser.new_context(base_url=f"http://localhost:{site.port}")
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


def _fill_sign_in(page: Page, name: str) -> None:
    page.goto("/accounts/login/")
    page.get_by_label("Name or e-mail").fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def _sign_in(page: Page, name: str = "alice") -> None:
    _fill_sign_in(page, name)
    page.wait_for_url(HOME)


def test_passkey_is_added_and_signs_in_alone(page: Page) -> None:
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    _sign_in(page)

    page.goto("/accounts/2fa/webauthn/add/")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Name of this passkey").fill("My phone")
    page.get_by_role("button", name="Add passkey").click()
    page.wait_for_url("**/2fa/recovery-codes/")
    page.goto("/accounts/2fa/webauthn/")
    assert page.get_by_text("My phone").is_visible()
    for act in ("Rename", "Remove"):
        assert page.get_by_role("link", name=f"{act} My phone", exact=True).is_visible()

    page.goto("/accounts/2fa/webauthn/add/")
    page.get_by_role("button", name="Add passkey").click()
    page.get_by_text("This device has a passkey for this account already.").wait_for()

    page.goto("/accounts/logout/")
    page.locator("main").get_by_role("button", name="Sign out").click()
    page.wait_for_url(HOME)
    page.goto("/accounts/login/")
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url(HOME)
    page.goto("/accounts/")
    assert page.get_by_role("heading", name="alice").is_visible()


def test_password_is_shown_and_hidden(page: Page) -> None:
    page.goto("/accounts/signup/")
    field = page.get_by_label("Password", exact=True)
    field.fill("correct horse")
    for name, kind in (("Show", "text"), ("Hide", "password")):
        button = page.get_by_role("button", name=name)
        assert button.get_attribute("aria-pressed") is None  # "Hide, pressed" says the contrary of what a press does
        button.click()
        assert field.get_attribute("type") == kind


def test_pages_work_without_scripts(site: LiveSite, browser: Browser) -> None:
    context = browser.new_context(base_url=f"http://localhost:{site.port}", java_script_enabled=False)
    page = context.new_page()
    page.goto("/accounts/signup/")
    page.get_by_label("Name").fill("plain")
    page.get_by_label("E-mail").fill("plain@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.goto("/accounts/")
    assert page.get_by_role("heading", name="plain").is_visible()
    page.goto("/accounts/login/")
    assert not page.get_by_role("button", name="Use a passkey").is_visible()
    context.close()


def test_passkey_as_second_step(page: Page, site: LiveSite) -> None:
    site.add_person("bob")
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    _sign_in(page, "bob")
    page.goto("/accounts/2fa/webauthn/add/")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Sign in with it alone").uncheck()
    page.get_by_role("button", name="Add passkey").click()
    page.wait_for_url("**/2fa/recovery-codes/")
    page.goto("/accounts/logout/")
    page.locator("main").get_by_role("button", name="Sign out").click()
    page.wait_for_url(HOME)

    _fill_sign_in(page, "bob")
    page.wait_for_url("**/2fa/authenticate/")
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url(HOME)
    page.goto("/accounts/")
    assert page.get_by_role("heading", name="bob").is_visible()


def test_address_without_a_name_offers_no_passkey(browser: Browser, site: LiveSite) -> None:
    context = browser.new_context()
    page = context.new_page()
    for host, is_offered in (("localhost", True), ("127.0.0.1", False)):
        page.goto(f"http://{host}:{site.port}/accounts/login/")
        page.wait_for_load_state()
        assert page.get_by_role("button", name="Use a passkey").is_visible() == is_offered
    context.close()
