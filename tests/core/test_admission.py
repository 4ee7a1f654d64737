"""What nginx is told about a pass: which images under it are kept back, and for how long the answer holds."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import parse_qsl

import pytest

from galleries import admission
from galleries.admission import KEPT_FOR, Admission, admit
from galleries.models import Gallery, Image
from galleries.passes import Addresses
from galleries.problems import Problem
from galleries.removal import remove_images
from tests.core.hidings import HIDINGS, Hide
from tests.core.world import HOUR, START, add, clock, reload

pytestmark = pytest.mark.django_db


def _ask(image: Image, now: datetime) -> Admission:
    """What nginx hears when ``image`` is the first that is asked for under a pass of ``now``."""
    measured = Gallery.objects.measured(now).get(id=image.gallery_id)
    path, _, query = Addresses(measured, now, measured.first_gone).rendition(image, "preview").partition("?")
    assert "p=r&" in query, "one pass for the gallery"
    return admit(path.removeprefix("/"), dict(parse_qsl(query)), now)


@pytest.mark.parametrize("hide", HIDINGS.values(), ids=HIDINGS)
def test_what_was_hidden_before_the_pass_was_made_is_kept_back(gallery: Gallery, hide: Hide) -> None:
    with clock(START) as time_:
        hidden, shown = add(gallery, 1), add(gallery, 2, has_expiry=True)
        assert _ask(shown, START).hidden == ()
        hide(reload(hidden), START)
        time_.move_to(START + HOUR)
        assert _ask(shown, START + HOUR).hidden == (hidden.hex,)


def test_too_many_to_name_are_asked_about_one_by_one(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "MOST_NAMED", 2)
    with clock(START):
        images = [add(gallery, number) for number in range(4)]
        remove_images(gallery, [image.id for image in images[:2]], START)
        second = int(START.timestamp())
        assert (named := _ask(images[3], START)).until == second + KEPT_FOR
        assert sorted(named.hidden) == sorted(image.hex for image in images[:2])
        remove_images(gallery, [images[2].id], START)
        assert _ask(images[3], START).until == second, "such an answer is not kept"
        with pytest.raises(Problem, match="not_found"):
            _ask(images[0], START)
