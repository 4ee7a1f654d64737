"""One file on its way to a site that does not answer as it should: the request alone, in Chromium."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.upload_js.conftest import wait_until
from tests.upload_js.fake_site import FakeSite

pytestmark = pytest.mark.browser

SEND = """async ({ url, token, size, stall, patience, stopsAfter }) => {
  const { send } = await import("/static/js/upload/transport.js");
  const controller = new AbortController();
  const { signal } = controller;
  let listeners = 0;
  for (const [name, step] of [["addEventListener", 1], ["removeEventListener", -1]]) {
    const plain = signal[name].bind(signal);
    signal[name] = (...given) => { listeners += step; plain(...given); };
  }
  let isSent = false, progressed = 0;
  const hooks = {
    signal, stall, patience,
    onProgress: () => {
      progressed += 1;
      if (stopsAfter === progressed) controller.abort();
    },
    onSent: () => { isSent = true; },
  };
  const blob = new Blob([new Uint8Array(size)]);
  const parcel = { url, token, key: "k", blob, filename: "a.jpg", fields: { taken_at: "" } };
  const { kind, cause, sentence } = await send(parcel, hooks).catch(({ name }) => ({ kind: name }));
  await new Promise((go) => setTimeout(go)); // the request says "loadend" after "load"
  return { kind, cause, sentence, isSent, listeners, hasProgressed: progressed > 0 };
}"""
NEVER = 600_000  # milliseconds
STALLED = {"kind": "retry", "cause": "network", "sentence": "The connection stands still.", "hasProgressed": True}


def send(page: Page, site: FakeSite, **options: Any) -> dict[str, Any]:
    given = {"url": f"{site.path}upload/", "token": site.token, "size": 1000, "stall": NEVER, "patience": NEVER}
    found: dict[str, Any] = page.evaluate(SEND, given | options)
    return found


def test_line_on_which_nothing_moves_is_given_up(blank_page: Page, site: FakeSite) -> None:
    """The site reads nothing: once the system's buffers are full, no byte leaves the browser any more."""
    site.plan("a.jpg", "deaf")
    found = send(blank_page, site, size=64_000_000, stall=1_500)
    assert found == {**STALLED, "isSent": False, "listeners": found["listeners"]}
    site.go_on.set()


def test_answer_that_does_not_come_is_given_up(blank_page: Page, site: FakeSite) -> None:
    """The stall's time is not the answer's: a site may work on a photo for longer than a line may stand still."""
    site.plan("a.jpg", "wait")
    found = send(blank_page, site, patience=300)
    assert found == {**STALLED, "isSent": True, "listeners": found["listeners"]}
    site.go_on.set()
    wait_until(lambda: len(site.stored) == 1)


def test_what_is_over_listens_no_more(blank_page: Page, site: FakeSite) -> None:
    """A listener that stays holds on to the photo."""
    assert send(blank_page, site)["listeners"] == 0
    site.plan("a.jpg", 500)
    assert send(blank_page, site)["listeners"] == 0


def test_cancelled_is_neither_stored_nor_tried_again(blank_page: Page, site: FakeSite) -> None:
    site.plan("a.jpg", "deaf")
    assert send(blank_page, site, size=64_000_000, stopsAfter=1)["kind"] == "AbortError"
    site.go_on.set()


ABORTED = """async ({ url, token }) => {
  const { send } = await import("/static/js/upload/transport.js");
  const { send: leave } = XMLHttpRequest.prototype;
  XMLHttpRequest.prototype.send = function (...given) {
    leave.apply(this, given);
    this.upload.addEventListener("load", () => this.abort());
  };
  const { signal } = new AbortController();
  const parcel = { url, token, key: "k", blob: new Blob(["a"]), filename: "a.jpg", fields: {} };
  try {
    const { kind, cause } = await send(parcel, { signal, onProgress() {}, onSent() {} });
    return [kind, cause];
  } finally {
    XMLHttpRequest.prototype.send = leave;
  }
}"""


def test_request_that_the_browser_ends_is_a_line_that_broke(blank_page: Page, site: FakeSite) -> None:
    """Some end all requests as soon as a navigation begins, also when that turns out to be a download."""
    site.plan("a.jpg", "wait")
    given = {"url": f"{site.path}upload/", "token": site.token}
    assert blank_page.evaluate(ABORTED, given) == ["retry", "network"]
    site.go_on.set()


ENDED_WITHOUT_A_WORD = """async ({ url, token }) => {
  const { send } = await import("/static/js/upload/transport.js");
  const { send: leave } = XMLHttpRequest.prototype;
  XMLHttpRequest.prototype.send = function (...given) {
    leave.apply(this, given);
    this.onload = this.onerror = this.onabort = null; // none of them is told
    this.upload.addEventListener("load", () => this.abort());
  };
  const { signal } = new AbortController();
  const parcel = { url, token, key: "k", blob: new Blob(["a"]), filename: "a.jpg", fields: {} };
  try {
    const sent = send(parcel, { signal, onProgress() {}, onSent() {} });
    const never = new Promise((resolve) => setTimeout(resolve, 5_000, { kind: "never" }));
    const { kind, cause } = await Promise.race([sent, never]);
    return [kind, cause];
  } finally {
    XMLHttpRequest.prototype.send = leave;
  }
}"""


def test_request_that_ends_without_a_word_is_a_line_that_broke(blank_page: Page, site: FakeSite) -> None:
    """Firefox, when a navigation that becomes a download ends a request, says "loadend" and nothing before it."""
    site.plan("a.jpg", "wait")
    given = {"url": f"{site.path}upload/", "token": site.token}
    assert blank_page.evaluate(ENDED_WITHOUT_A_WORD, given) == ["retry", "network"]
    site.go_on.set()


def test_everything_is_sent_when_the_last_byte_has_left(blank_page: Page, site: FakeSite) -> None:
    """Firefox says "load" of what was sent only when the answer begins: a stall's time would be the answer's."""
    blank_page.evaluate(
        """() => {
          const { send } = XMLHttpRequest.prototype;
          XMLHttpRequest.prototype.send = function (...given) {
            this.upload.onload = null; // not told
            send.apply(this, given);
          };
        }"""
    )
    site.plan("a.jpg", "wait")
    found = send(blank_page, site, stall=5_000, patience=300)
    assert found == {**STALLED, "isSent": True, "listeners": found["listeners"]}
    site.go_on.set()
