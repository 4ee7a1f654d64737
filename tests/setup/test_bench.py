"""The bench's table says what the numbers say, and every figure that is listed can be made. No timings here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image as Pillow
from PIL import ImageFilter

from bench.__main__ import main
from bench.client import percentile
from bench.context import alternate
from bench.figures import FIGURES, Figure
from bench.figures.uploads import lost_or_doubled
from bench.photo import multipart, numbered, upload_of
from bench.site import cpu_seconds, family
from bench.ssim import similarity
from bench.table import MET, NOT_MET, Row, Wanted, write_markdown, write_text


def test_ratio_is_the_median_of_the_pairs() -> None:
    """The second pair was made in a busy moment: it moves neither the ratio nor the verdict."""
    row = Row("page", "ms", [12, 120, 12], [10, 100, 10], "plain", Wanted(1.25, of="ratio"))
    assert row.ratio == pytest.approx(1.2)
    assert row.cells() == ("page", "12 (12-120) ms", "10 (10-100) ms plain", "1.2 x", "<= 1.25 x", MET)


def test_limits_made_apart_are_compared_by_their_medians() -> None:
    assert Row("rate", "/s", [8, 9, 10], [10], wanted=Wanted(0.75, "high", "ratio")).ratio == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("wanted", "samples", "met"),
    [
        (Wanted(0.4), [0.4], True),
        (Wanted(0.4), [0.3, 0.5, 0.6], False),
        (Wanted(2_000, "high"), [1_999], False),
        (Wanted(0), [0], True),
        (None, [1], None),
    ],
)
def test_wanted_is_judged_by_the_median(wanted: Wanted | None, samples: list[float], met: bool | None) -> None:
    assert Row("figure", "", samples, wanted=wanted).met is met


def test_a_ratio_without_a_limit_is_never_met() -> None:
    assert Row("figure", "", [1], wanted=Wanted(1.25, of="ratio")).cells()[-1] == NOT_MET


def test_tables_have_a_line_for_each_row() -> None:
    rows = [Row("one", "ms", [1.234]), Row("two", "images/s", [12_345, 2_000])]
    assert "1.23 ms" in write_text(rows)
    assert write_markdown(rows).splitlines()[-1] == "| two | 7,172 (2,000-12,345) images/s |  |  |  |  |"


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_every_figure_is_there(figure: Figure) -> None:
    assert callable(figure.measure)


def test_an_unknown_figure_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["pages"])
    assert "no figure is called pages" in capsys.readouterr().err


def test_turns_are_taken_and_the_first_does_not_count() -> None:
    order: list[str] = []
    ours, limit = alternate(2, lambda: order.append("ours"), lambda: order.append("limit"))
    assert order == ["ours", "limit"] * 3
    assert len(ours) == len(limit) == 2


def test_percentiles_are_values_that_were_seen() -> None:
    assert [percentile(range(1, 101), share) for share in (0.5, 0.99, 1)] == [50, 99, 100]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the bench runs on Linux alone")
@pytest.mark.parametrize(
    ("listed", "wrong"), [("abc", 0), ("cba", 0), ("ab", 1), ("abcc", 1), ("abcd", 1), ("abb", 2), ("abd", 2)]
)
def test_what_is_lost_does_not_make_up_for_what_is_doubled(listed: str, wrong: int) -> None:
    assert lost_or_doubled("abc", listed) == wrong


def test_cpu_of_children_that_ended_is_counted() -> None:
    before = cpu_seconds(os.getpid())
    subprocess.run([sys.executable, "-c", "sum(range(3_000_000))"], check=True)
    assert cpu_seconds(os.getpid()) - before >= 0.02
    assert os.getpid() in family(os.getpid())


def test_similarity_falls_with_what_is_lost() -> None:
    picture = Pillow.effect_noise((64, 48), 60)
    soft = picture.filter(ImageFilter.GaussianBlur(0.6))
    assert similarity(picture, picture) == pytest.approx(1)
    assert 0 < similarity(picture, picture.filter(ImageFilter.GaussianBlur(2))) < similarity(picture, soft) < 1
    assert similarity(Pillow.new("L", (64, 48), 90), Pillow.new("L", (64, 48), 110)) == pytest.approx(0.98, abs=0.01)


def test_pieces_of_an_upload_are_its_body() -> None:
    pieces, headers = upload_of(7)
    body, others = multipart("photo.jpg", numbered(7))
    assert b"".join(pieces) == body
    assert headers == others | {"Content-Length": str(len(body))}
