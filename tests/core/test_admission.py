"""What nginx is told about a pass: which images under it are kept back, and for how long the answer holds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from urllib.parse import parse_qsl

import pytest

from galleries import admission
from galleries.admission import KEPT_FOR, Admission, admit
from galleries.expiry import set_expiry
from galleries.models import Gallery, Image
from galleries.passes import WINDOW, Addresses
from galleries.problems import Problem
from galleries.removal import remove_images
from gallery_site.accounts.models import User
from tests.core.hidings import HIDINGS, Hide
from tests.core.world import HOUR, SECOND, START, add, clock, problem_of, reload

pytestmark = pytest.mark.django_db


def _ask(image: Image, now: datetime) -> Admission:
    """What nginx hears when ``image`` is the first that is asked for under a pass of ``now``."""
    measured = Gallery.objects.measured(now).get(id=image.gallery_id)
    address = Addresses(measured, now, measured.first_gone).rendition(image, "preview")
    assert "?p=r&" in address, "one pass for the gallery"
    return _admit(address, now)


def _admit(address: str, now: datetime) -> Admission:
    path, _, query = address.partition("?")
    return admit(path.removeprefix("/"), dict(parse_qsl(query)), now)


@pytest.mark.parametrize("hide", HIDINGS.values(), ids=HIDINGS)
def test_what_was_hidden_before_the_pass_was_made_is_kept_back(gallery: Gallery, hide: Hide) -> None:
    with clock(START) as time_:
        hidden, shown = add(gallery, 1), add(gallery, 2, has_expiry=True)
        assert _ask(shown, START).hidden == ()
        hide(reload(hidden), START)
        time_.move_to(START + HOUR)
        assert _ask(shown, START + HOUR).hidden == (hidden.hex,)


@pytest.mark.parametrize("end", ["removed", "suspended"])
@pytest.mark.parametrize("scope", ["r", "i", "o"])
def test_a_pass_of_a_gallery_that_is_closed_opens_nothing(gallery: Gallery, scope: str, end: str) -> None:
    with clock(START):
        image = reload(add(gallery, 1))
        address = {"r": _by_gallery_pass, "i": _by_image_pass, "o": _by_original_pass}[scope](image)
        assert _admit(address, START).until > START.timestamp()
        if end == "removed":
            Gallery.objects.update(removed_at=START)
        else:
            User.objects.update(is_active=False)
        assert problem_of(lambda: _admit(address, START)).code == "not_found"


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


def _by_gallery_pass(image: Image) -> str:
    return Addresses(image.gallery, START, None).rendition(image, "preview")


def _by_image_pass(image: Image) -> str:
    return Addresses(image.gallery, START, START + SECOND).rendition(image, "preview")


def _by_original_pass(image: Image) -> str:
    return Addresses(image.gallery, START, None).original(image)


@pytest.mark.parametrize(
    ("scope", "address_of"), [("r", _by_gallery_pass), ("i", _by_image_pass), ("o", _by_original_pass)]
)
def test_no_answer_is_kept_beyond_an_end_that_was_set_after_the_pass(
    gallery: Gallery, scope: str, address_of: Callable[[Image], str]
) -> None:
    with clock(START) as time_:
        image, other = add(gallery, 1), add(gallery, 2)
        address = address_of(reload(image))
        assert f"?p={scope}&" in address
        end = START + 70 * SECOND
        set_expiry(image, end, START)
        assert _admit(address, START).until == int(START.timestamp()) + KEPT_FOR
        time_.move_to(end - 5 * SECOND)
        assert _admit(address, end - 5 * SECOND).until == int(end.timestamp())
        time_.move_to(end)
        if scope == "r":
            assert _admit(address_of(reload(other)), end).hidden == (image.hex,)
        else:
            assert problem_of(lambda: _admit(address, end)).code == "not_found"


def _kept_by_browsers(answer: Admission) -> int:
    """Seconds."""
    return int(answer.cache_control.removeprefix("max-age=").partition(",")[0])


def test_an_end_that_was_set_after_the_pass_ends_what_browsers_may_keep(gallery: Gallery) -> None:
    with clock(START):
        image = add(gallery, 1)
        least = WINDOW - KEPT_FOR  # how much more depends on the gallery, whose pass lives up to twice the window
        assert least <= _kept_by_browsers(_admit(_by_gallery_pass(reload(image)), START)) <= WINDOW
        set_expiry(image, START + 2 * KEPT_FOR * SECOND, START)
        assert _kept_by_browsers(_admit(_by_gallery_pass(reload(image)), START)) == KEPT_FOR


def test_however_many_end_within_a_second_the_answer_is_kept_until_the_next(gallery: Gallery) -> None:
    with clock(START):
        shown, *ending = (add(gallery, number) for number in range(4))
        address = _by_gallery_pass(reload(shown))
        for number, image in enumerate(ending):
            set_expiry(image, START + 10 * SECOND + timedelta(milliseconds=300 * number + 1), START)
        set_expiry(shown, START + 12 * SECOND, START)
        answer = _admit(address, START + 10 * SECOND)
        assert sorted(answer.hidden) == sorted(image.hex for image in ending)
        assert answer.until == int(START.timestamp()) + 12
