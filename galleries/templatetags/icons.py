"""``{% icon "bin" %}``: a symbol of the one sheet of icons, in every template without loading anything."""

from __future__ import annotations

from functools import cache

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

SHEET = "icons/ui.svg"


@register.simple_tag
@cache  # a gallery's page has forty of them, of a dozen kinds
def icon(name: str) -> SafeString:
    """The icon ``name``. A tag and not an included template."""
    return format_html(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>', static(SHEET), name
    )
