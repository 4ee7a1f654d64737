"""The two answers to a notice: from the mail, with its signature and without signing in, or from the gallery's page."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from galleries.access import own_gallery
from galleries.endings import (
    EXTEND,
    LET_GO,
    Answer,
    carry_out,
    find_ending,
    find_left,
    longest_until,
    read_answer,
    signed_path,
)
from galleries.outcomes import Outcome
from galleries.views.requests import PersonRequest


@require_http_methods(["GET", "HEAD", "POST"])
def ending(request: HttpRequest, signed: str) -> HttpResponse:
    """Ask once more; only the button decides. What could not be kept longer this time is asked about again."""
    now = timezone.now()
    answer = read_answer(signed, now)
    if request.method != "POST":
        return render(request, "links/ending.html", {"ending": answer.ending, "act": answer.act})
    outcome = carry_out(answer.ending, answer.act, now)
    context = {"ending": answer.ending, "act": answer.act, "sentence": sentence(answer, outcome, now)}
    if outcome.problems:
        context["ending"] = find_left(answer.ending.gallery, answer.ending.ends_at, now) or answer.ending
        return render(request, "links/ending.html", context)
    return render(request, "links/ending_done.html", context)


@login_required
@require_POST
def decide(request: PersonRequest, gallery_id: UUID) -> HttpResponse:
    """The same from the banner of the gallery's page."""
    now = timezone.now()
    gallery = own_gallery(request.user, gallery_id, now)
    near, act = find_ending(gallery, now), request.POST.get("act", "")
    if act not in {EXTEND, LET_GO}:
        messages.warning(request, "Choose one of the two.")
    elif near is None:
        messages.warning(request, "This gallery does not end soon any more.")
    else:
        outcome = carry_out(near, act, now)
        if outcome.problems:  # with some of them kept, the gallery has another end and no banner
            messages.warning(request, sentence(Answer(near, act), outcome, now))
            return redirect(signed_path(near, act))
        messages.success(request, sentence(Answer(near, act), outcome, now))
    return redirect(gallery)


def sentence(answer: Answer, outcome: Outcome, now: datetime) -> str:
    """What was done."""
    if answer.act == LET_GO:
        return "All right. The photos go when their time is up."
    if outcome.problems:
        return f"{len(outcome.done):,} of {outcome.asked:,} photos are kept longer. Try again for the others."
    if longest_until(answer.ending, now) < answer.ending.longer_until:
        return "Kept for as long as this site keeps photos."
    return "Kept for 7 days more."
