"""Words for the account pages."""

from __future__ import annotations

from django import template

register = template.Library()

# The first that is found counts: Edge and Opera also say Chrome, Chrome also says Safari.
BROWSERS = {"Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "FxiOS": "Firefox", "CriOS": "Chrome"} | {
    "Chromium": "Chromium",
    "Chrome": "Chrome",
    "Safari": "Safari",
}
SYSTEMS = {"iPhone": "iPhone", "iPad": "iPad", "Android": "Android", "Windows": "Windows", "Mac OS": "Mac"} | {
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}


@register.filter
def browser_name(user_agent: str) -> str:
    """A browser in words, "Firefox on Android"; good enough to recognise one's own."""
    browser = next((name for mark, name in BROWSERS.items() if mark in user_agent), "A browser")
    system = next((name for mark, name in SYSTEMS.items() if mark in user_agent), "")
    return f"{browser} on {system}" if system else browser
