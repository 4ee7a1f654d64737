"""Reports and links in the admin."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from galleries.models import Gallery, Link, Report
from gallery_site.accounts.models import User
from tests.links.conftest import MakeLink
from tests.pictures import store_image


@pytest.fixture
def desk(bob: User, client: Client) -> Client:
    """Bob moderates."""
    bob.is_staff = True
    bob.save()
    bob.groups.add(Group.objects.get(name="Moderators"))
    client.force_login(bob)
    return client


def test_moderator_reads_and_handles_reports(desk: Client, gallery: Gallery, make_link: MakeLink) -> None:
    image = store_image(gallery)
    report = Report.objects.create(
        gallery=gallery, link=make_link(), image=image.id, reason="me", words="<b>mine</b>", created_at=timezone.now()
    )
    html = desk.get(reverse("admin:galleries_report_changelist")).content.decode()
    assert "&lt;b&gt;mine" in html
    assert "Summer" in html
    found = desk.get(reverse("admin:galleries_image_changelist"), {"id__exact": str(image.id)})
    assert "photo.jpg" in found.content.decode()
    form = {"action": "mark_handled", "_selected_action": [str(report.pk)]}
    desk.post(reverse("admin:galleries_report_changelist"), form)
    report.refresh_from_db()
    assert report.handled_at is not None


def test_admin_shows_nothing_that_opens_a_link(admin_client: Client, make_link: MakeLink) -> None:
    link = make_link(passcode="sea side 22")
    for address in (
        reverse("admin:galleries_link_changelist"),
        reverse("admin:galleries_link_change", args=[link.pk]),
    ):
        html = admin_client.get(address).content.decode()
        for secret in (link.token, link.seed, link.token_hash, link.passcode):
            assert secret not in html
    form = {"action": "switch_off", "_selected_action": [str(link.pk)]}
    admin_client.post(reverse("admin:galleries_link_changelist"), form)
    assert not Link.objects.get().is_on
