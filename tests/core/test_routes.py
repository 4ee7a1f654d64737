"""Addresses that are worked out once are those that Django works out each time."""

from __future__ import annotations

import pytest
from django.template import Context, Engine
from django.template.base import TextNode
from django.urls import NoReverseMatch, reverse

from galleries.routes import address_of

ONE, OTHER = "0" * 31 + "1", "f" * 32
TOKEN = "a_token-of-A-link"


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("galleries:home", []),
        ("galleries:gallery-detail", [ONE]),
        ("galleries:image-detail", [OTHER, ONE]),
        ("galleries:visit-image", [TOKEN, OTHER]),
    ],
)
def test_an_address_is_what_reverse_answers(name: str, ids: list[str]) -> None:
    assert address_of(name, *ids) == address_of(name, *ids) == reverse(name, args=ids)


def test_a_route_that_takes_other_ids_is_refused() -> None:
    for name, ids in (("galleries:nowhere", ()), ("galleries:home", (ONE,)), ("galleries:image-detail", (ONE,))):
        with pytest.raises(NoReverseMatch):
            address_of(name, *ids)


@pytest.mark.parametrize(
    ("tag", "context", "written"),
    [
        ("{% url 'galleries:home' %}", {}, reverse("galleries:home")),
        ("{% url 'galleries:gallery-edit' id %}", {"id": ONE}, reverse("galleries:gallery-edit", args=[ONE])),
        ("{% url 'galleries:ending' text %}", {"text": "a b&c"}, "/ending/a%20b&amp;c/"),
        (
            "{% url name id %}",
            {"name": "galleries:gallery-bin", "id": ONE},
            reverse("galleries:gallery-bin", args=[ONE]),
        ),
        ("{% url 'galleries:gallery-edit' gallery_id=id %}", {"id": ONE}, f"/g/{ONE}/edit/"),
        ("{% url 'galleries:home' as there %}<{{ there }}>", {}, "</>"),
        ("{% url 'galleries:nowhere' as there %}<{{ there }}>", {}, "<>"),
        ("{% if no %}{% url 'galleries:nowhere' %}{% endif %}", {}, ""),
    ],
)
def test_the_tag_writes_what_djangos_tag_writes(tag: str, context: dict[str, str], written: str) -> None:
    ours = Engine(builtins=["galleries.templatetags.routes"]).from_string(tag)
    for engine_template in (ours, Engine().from_string(tag)):
        assert engine_template.render(Context(context)) == written


def test_an_address_without_ids_is_text_of_the_template() -> None:
    [node] = Engine(builtins=["galleries.templatetags.routes"]).from_string("{% url 'galleries:home' %}").nodelist
    assert isinstance(node, TextNode)


@pytest.mark.parametrize("tag", ["{% url 'galleries:nowhere' %}", "{% url 'galleries:gallery-edit' %}"])
def test_a_route_that_is_not_there_is_an_error_where_it_is_written(tag: str) -> None:
    template = Engine(builtins=["galleries.templatetags.routes"]).from_string(tag)
    with pytest.raises(NoReverseMatch):
        template.render(Context())
