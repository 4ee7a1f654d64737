"""``{% icon "bin" %}``: a symbol of the one sheet of icons, in every template without loading anything."""

from __future__ import annotations

from django import template
from django.template.base import Parser, TextNode, Token
from django.templatetags.static import static
from django.utils.html import format_html

register = template.Library()

SHEET = "icons/ui.svg"
USAGE = 'icon takes one name in quotes, as in {% icon "bin" %}'


@register.tag
def icon(parser: Parser, token: Token) -> TextNode:
    """The icon of that name, written when the template is read: a gallery's page has forty of them.

    Raises:
        TemplateSyntaxError: the name is no text in quotes.
    """
    name = token.split_contents()[1:]
    if len(name) != 1 or name[0][0] not in "\"'" or name[0][-1] != name[0][0]:
        raise template.TemplateSyntaxError(USAGE)
    return TextNode(
        format_html(
            '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
            static(SHEET),
            name[0][1:-1],
        )
    )
