"""The admin: look, take down, bring back, and a log of who did what; never a second path of deletion."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from galleries.admin import UsageAdmin
from galleries.models import ApiToken, Gallery, Image, Report, Usage
from galleries.moderation import take_down
from galleries.storage import LocalMediaStorage
from gallery_site.accounts.models import User
from tests.pictures import store_image

CHANGELISTS = ("image", "gallery", "usage", "receipt", "apitoken", "outboxentry", "sweephold")


@pytest.fixture
def moderator(bob: User) -> User:
    """Bob, of the group that may moderate and nothing else."""
    bob.is_staff = True
    bob.save()
    bob.groups.add(Group.objects.get(name="Moderators"))
    return bob


@pytest.fixture
def desk(moderator: User) -> Client:
    """The moderator's browser."""
    client = Client()
    client.force_login(moderator)
    return client


def act(client: Client, model: str, action: str, *objects: Image | Gallery | ApiToken | Report) -> str:
    """Carry out an action of the list; returns the page that follows."""
    data = {"action": action, "_selected_action": [str(each.pk) for each in objects]}
    response = client.post(reverse(f"admin:galleries_{model}_changelist"), data, follow=True)
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("model", ["image", "gallery"])
def test_a_take_down_is_logged_though_it_dies_among_the_files(
    desk: Client, gallery: Gallery, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    """The files of many take longer than a request may."""
    image = store_image(gallery)
    down: Image | Gallery = image if model == "image" else gallery

    def die(*images: Image) -> dict[str, str]:
        raise KeyboardInterrupt

    monkeypatch.setattr("galleries.renditions.drop_renditions", die)
    with pytest.raises(KeyboardInterrupt):
        act(desk, model, {"image": "take_down_images", "gallery": "take_down_galleries"}[model], down)
    assert LogEntry.objects.count() == 1


@pytest.mark.django_db
def test_renditions_of_many_are_deleted_together(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    images = [store_image(gallery, seed) for seed in range(3)]
    asked: list[int] = []

    def delete(store: LocalMediaStorage, keys: list[str]) -> dict[str, str]:
        asked.append(len(keys))
        return {}

    monkeypatch.setattr(LocalMediaStorage, "delete_objects", delete)
    take_down(images, timezone.now())
    assert asked == [6]


@pytest.mark.django_db
def test_take_down_hides_at_once_and_is_logged(
    desk: Client, moderator: User, gallery: Gallery, alice: User, data_dir: Path
) -> None:
    image = store_image(gallery)
    assert "1 of 1 taken down" in act(desk, "image", "take_down_images", image)
    image.refresh_from_db()
    assert image.taken_down_at is not None
    assert not any((data_dir / key).exists() for key in image.rendition_keys)
    owner = Client()
    owner.force_login(alice)
    assert owner.get(image.get_absolute_url()).status_code == 404
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id, entry.change_message) == (moderator, str(image.pk), "Taken down.")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("action", "done"), [("take_down_images", "taken down"), ("remove_for_owner", "deleted for the owner")]
)
def test_only_what_changed_is_logged(desk: Client, gallery: Gallery, action: str, done: str) -> None:
    before, fresh = (store_image(gallery, seed) for seed in range(2))
    act(desk, "image", action, before)
    assert f"1 of 2 {done}." in act(desk, "image", action, before, fresh)
    assert {entry.object_id for entry in LogEntry.objects.all()} == {str(before.pk), str(fresh.pk)}
    assert LogEntry.objects.count() == 2
    act(desk, "gallery", "take_down_galleries", gallery)
    act(desk, "gallery", "take_down_galleries", gallery)
    assert LogEntry.objects.filter(object_id=str(gallery.pk)).count() == (action == "remove_for_owner")


@pytest.mark.django_db(transaction=True)
def test_what_was_taken_down_comes_back(desk: Client, gallery: Gallery, data_dir: Path) -> None:
    image = store_image(gallery)
    act(desk, "image", "take_down_images", image)
    assert "1 of 1 brought back" in act(desk, "image", "reinstate_images", image)
    image.refresh_from_db()
    assert image.is_live(timezone.now())
    assert all((data_dir / key).exists() for key in image.keys)
    assert LogEntry.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_owner_deletion_and_restore_by_the_site_s_own_verbs(desk: Client, gallery: Gallery) -> None:
    image = store_image(gallery)
    act(desk, "image", "remove_for_owner", image)
    assert Image.objects.get().removed_at is not None
    act(desk, "image", "restore_for_owner", image)
    assert Image.objects.get().removed_at is None
    gallery.refresh_from_db()
    assert gallery.image_count == 1


@pytest.mark.django_db(transaction=True)
def test_whole_gallery_is_taken_down_removed_and_restored(desk: Client, gallery: Gallery) -> None:
    images = [store_image(gallery, seed) for seed in range(3)]
    assert "3 images taken down" in act(desk, "gallery", "take_down_galleries", gallery)
    assert not Image.objects.live(timezone.now()).exists()
    act(desk, "image", "reinstate_images", *images)
    act(desk, "gallery", "remove_galleries", gallery)
    gallery.refresh_from_db()
    assert gallery.removed_at is not None
    act(desk, "gallery", "restore_removed", gallery)
    assert Image.objects.live(timezone.now()).count() == 3


@pytest.mark.django_db
def test_moderators_have_exactly_their_permissions(moderator: User) -> None:
    assert moderator.get_all_permissions() == {
        "galleries.view_gallery",
        "galleries.change_gallery",
        "galleries.view_image",
        "galleries.change_image",
        "galleries.view_report",
        "galleries.change_report",
    }


@pytest.mark.django_db
def test_nothing_is_added_edited_or_deleted_by_hand(admin_client: Client, gallery: Gallery) -> None:
    image = store_image(gallery)
    for model, each in (("image", image), ("gallery", gallery)):
        assert admin_client.get(reverse(f"admin:galleries_{model}_add")).status_code == 403
        assert admin_client.post(reverse(f"admin:galleries_{model}_delete", args=[each.pk])).status_code == 403
    address = reverse("admin:galleries_image_change", args=[image.pk])
    admin_client.post(address, {"filename": "other.jpg", "state": "deleting"})
    image.refresh_from_db()
    assert (image.filename, image.state) == ("photo.jpg", "ready")


@pytest.mark.django_db
@pytest.mark.parametrize("model", CHANGELISTS)
def test_lists_and_searches_answer(admin_client: Client, gallery: Gallery, model: str) -> None:
    store_image(gallery)
    address = reverse(f"admin:galleries_{model}_changelist")
    assert admin_client.get(address).status_code == 200
    assert admin_client.get(address, {"q": "photo"}).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("life", ["live", "expired", "removed", "down"])
def test_lives_are_filtered(admin_client: Client, gallery: Gallery, life: str) -> None:
    store_image(gallery)
    page = admin_client.get(reverse("admin:galleries_image_changelist"), {"life": life}).content.decode()
    assert ("photo.jpg" in page) == (life == "live")


@pytest.mark.django_db
def test_hostile_names_stand_escaped(admin_client: Client, gallery: Gallery) -> None:
    image = store_image(gallery)
    attack = '"><img src=x onerror=alert(1)>.jpg'
    Image.objects.filter(id=image.id).update(filename=attack)
    Gallery.objects.filter(id=gallery.id).update(title="<script>alert(1)</script>")
    for name in ("galleries_image_changelist", "galleries_gallery_changelist"):
        page = admin_client.get(reverse(f"admin:{name}")).content.decode()
        assert "<img src=x" not in page
        assert "<script>alert" not in page


@pytest.mark.django_db
def test_tokens_are_revoked_and_their_hashes_not_shown(admin_client: Client, alice: User) -> None:
    row, token = ApiToken.issue(alice, "camera", now=timezone.now())
    page = admin_client.get(reverse("admin:galleries_apitoken_change", args=[row.pk])).content.decode()
    assert row.hash not in page
    act(admin_client, "apitoken", "revoke", row)
    row.refresh_from_db()
    assert row.revoked_at is not None
    api = Client(headers={"authorization": f"Bearer {token}"})
    assert api.get("/api/v1/galleries").status_code == 401


@pytest.mark.django_db
def test_only_what_can_be_written_can_be_saved(admin_client: Client, gallery: Gallery, alice: User) -> None:
    image = store_image(gallery)
    page = admin_client.get(reverse("admin:galleries_image_change", args=[image.pk])).content.decode()
    assert 'name="_save"' not in page
    assert "closelink" in page
    address = reverse("admin:galleries_usage_change", args=[alice.pk])
    assert 'name="_save"' in admin_client.get(address).content.decode()
    admin_client.post(address, {"max_bytes": "1000", "max_images": "", "images": "7"})
    usage = Usage.objects.get(owner=alice)
    assert (usage.max_bytes, usage.max_images, usage.images) == (1000, None, 1)


@pytest.mark.django_db
def test_a_limit_that_is_saved_takes_back_no_upload(
    admin_client: Client, gallery: Gallery, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that ends between reading the row and writing it: a usage that is too low stops the sweep in the end."""
    read = UsageAdmin.get_object

    def read_before_an_upload(*args: Any) -> Usage | None:
        found = read(*args)
        store_image(gallery)
        return found

    monkeypatch.setattr(UsageAdmin, "get_object", read_before_an_upload)
    Usage.objects.create(owner=alice)
    admin_client.post(reverse("admin:galleries_usage_change", args=[alice.pk]), {"max_bytes": "10000"})
    usage = Usage.objects.get(owner=alice)
    assert (usage.max_bytes, usage.images) == (10_000, 1)


@pytest.mark.django_db
def test_waiting_reports_are_told_on_every_page(desk: Client, gallery: Gallery) -> None:
    assert "waiting" not in desk.get(reverse("admin:index")).content.decode()
    report = Report.objects.create(gallery=gallery, reason="other", created_at=timezone.now())
    page = desk.get(reverse("admin:index")).content.decode()
    assert "1 report waiting" in page
    [address] = re.findall(r'href="([^"]+)">1 report waiting', page)
    assert str(report.pk) in desk.get(address).content.decode()
    act(desk, "report", "mark_handled", report)
    assert "waiting" not in desk.get(reverse("admin:index")).content.decode()


@pytest.mark.django_db
def test_who_may_moderate_finds_the_way_there(desk: Client, gallery: Gallery, alice: User) -> None:
    way = f'href="{reverse("admin:index")}"'
    assert way in desk.get("/").content.decode()
    person = Client()
    person.force_login(alice)
    assert way not in person.get("/").content.decode()
