"""``{% url %}`` as Django has it, without working out again and again what does not change.

An address without arguments is written when its template is read, one of ids is filled in (galleries/routes.py);
everything else is left to Django.
"""

from __future__ import annotations

from typing import Any

from django import template
from django.template.base import Node, Parser, TextNode, Token
from django.template.defaulttags import URLNode
from django.template.defaulttags import url as read_url
from django.urls import NoReverseMatch, reverse
from django.utils.html import conditional_escape

from cleanup_lambda.keys import is_id
from galleries.routes import address_of

register = template.Library()


class AddressNode(URLNode):
    """The address of a route that is named in the template."""

    def render(self, context: Any) -> str:
        ids = [argument.resolve(context) for argument in self.args]
        if all(isinstance(each, str) and is_id(each) for each in ids):
            return address_of(self.view_name.var, *ids)
        return super().render(context)


@register.tag
def url(parser: Parser, token: Token) -> Node:
    """Django's tag; see the module."""
    node = read_url(parser, token)
    if node.kwargs or node.asvar or not isinstance(node.view_name.var, str):
        return node
    if node.args:
        return AddressNode(node.view_name, node.args, {}, None)
    try:
        return TextNode(conditional_escape(reverse(node.view_name.var)))
    except NoReverseMatch:  # said when the page is written, if it gets there
        return node
