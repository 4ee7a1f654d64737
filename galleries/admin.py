"""Moderation: look, take down, bring back. Nothing is edited or deleted here by hand; every action is one of the
site's own verbs and is written to the log of who did what."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.db.models import F, Model, QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.timesince import timesince

from galleries.links import switch_link
from galleries.models import (
    ApiToken,
    Gallery,
    GalleryOutboxEntry,
    Image,
    Link,
    OutboxEntry,
    Receipt,
    Report,
    SweepHold,
    Usage,
)
from galleries.moderation import reinstate, take_down
from galleries.outbox import measure_backlog
from galleries.outcomes import Outcome
from galleries.passes import Addresses
from galleries.removal import remove_gallery, remove_images, restore_galleries, restore_images


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows to look at. Whether actions are offered is decided by the "change" permission."""

    editable: tuple[str, ...] = ()  # the fields that may be written all the same

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return [
            field.name for field in self.model._meta.fields if field.name not in (*(self.exclude or ()), *self.editable)
        ]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Where nothing can be written nothing can be saved: what can be done are the actions of the list."""
        saving = dict.fromkeys(("show_save", "show_save_and_continue"), bool(self.editable))
        return super().changeform_view(request, object_id, form_url, (extra_context or {}) | saving)

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:
        """What was written here, and nothing else of the row: uploads and sweeps change it meanwhile."""
        obj.save(update_fields=form.changed_data)

    def log_each(self, request: HttpRequest, objects: list[Any], message: str) -> None:
        """One log entry an object."""
        for each in objects:
            self.log_change(request, each, message)

    def tell(self, request: HttpRequest, outcome: Outcome, done: str) -> None:
        """Say what worked and, once each, why something did not."""
        self.message_user(request, f"{len(outcome.done)} of {outcome.asked} {done}.")
        for sentence in dict.fromkeys(problem.sentence for problem in outcome.problems.values()):
            self.message_user(request, sentence, messages.WARNING)


NAME_SHOWN = 24  # letters of a name in a list


def _minute(time: datetime) -> str:
    local = timezone.localtime(time)
    return str(date_format(local, "j M, H:i" if local.year == timezone.localtime().year else "j M Y, H:i"))


def _gallery_and_owner(gallery: Gallery) -> SafeString:
    url = reverse("admin:galleries_gallery_change", args=[gallery.id])
    return format_html('<a href="{}">{}</a><br>{}', url, Truncator(gallery.title).chars(NAME_SHOWN), gallery.owner)


class LifeFilter(admin.SimpleListFilter):
    title = "life"
    parameter_name = "life"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("live", "live"), ("expired", "expired"), ("removed", "removed by owner"), ("down", "taken down")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Image]) -> QuerySet[Image]:
        now = timezone.now()
        if self.value() == "live":
            return Image.objects.live(now) & queryset
        if self.value() == "expired":
            return queryset.filter(expires_at__lte=now)
        if self.value() == "removed":
            return queryset.filter(removed_at__isnull=False)
        return queryset.filter(taken_down_at__isnull=False) if self.value() == "down" else queryset


@admin.register(Image)
class ImageAdmin(ReadOnlyAdmin):
    # As much as fits beside the filters on a laptop: what a moderator decides by must not need scrolling.
    list_display = ("picture", "file", "gallery_link", "life")
    list_display_links = ("picture", "file")
    list_filter = (LifeFilter, "state", "created_at", "content_type")
    search_fields = ("filename", "sha256", "stored_sha256", "gallery__title", "gallery__owner__username")
    search_help_text = "File name, SHA-256, gallery or owner"
    list_select_related = ("gallery__owner",)
    list_per_page = 50
    show_full_result_count = False
    ordering = ("-id",)
    exclude = ("placeholder", "dedup_key", "upload_key", "renditions")
    actions = ("take_down_images", "reinstate_images", "remove_for_owner", "restore_for_owner")

    @admin.display(description="")
    def picture(self, image: Image) -> SafeString | str:
        """The thumbnail while it may be seen; afterwards only the blur that the row keeps."""
        now = timezone.now()
        if image.is_live(now) and image.gallery.removed_at is None:
            source = Addresses(image.gallery, now, now).rendition(image, "thumbnail")
        else:
            source = image.placeholder
        return format_html('<img src="{}" alt="" width="80" height="80" loading="lazy">', source) if source else "-"

    @admin.display(description="file", ordering="filename")
    def file(self, image: Image) -> SafeString:
        """So much of the name that the columns beside it stay in sight; its page says the whole."""
        name, size = Truncator(image.filename).chars(NAME_SHOWN), filesizeformat(image.bytes)
        return format_html("{}<br>{}\u00d7{}, {}", name, image.width, image.height, size)

    @admin.display(description="gallery and owner")
    def gallery_link(self, image: Image) -> SafeString:
        return _gallery_and_owner(image.gallery)

    @admin.display(description="life", ordering="expires_at")
    def life(self, image: Image) -> SafeString:
        """Whether it is there, until when its owner keeps it, and since when it is here."""
        end = _minute(image.expires_at) if image.expires_at else "for ever"
        return format_html("{}<br>until {}<br>added {}", self._state(image), end, _minute(image.created_at))

    def _state(self, image: Image) -> str:
        if image.taken_down_at:
            return "taken down"
        if image.removed_at:
            return "removed"
        return "live" if image.is_live(timezone.now()) else image.get_state_display().replace("ready", "expired")

    @admin.action(description="Take down (hide from everybody)", permissions=["change"])
    def take_down_images(self, request: HttpRequest, queryset: QuerySet[Image]) -> None:
        images = list(queryset.select_related("gallery"))
        now = timezone.now()
        take_down(images, now, lambda _: self._tell_changed(request, images, "taken down", taken_down_at=now))

    @admin.action(description="Bring back what was taken down", permissions=["change"])
    def reinstate_images(self, request: HttpRequest, queryset: QuerySet[Image]) -> None:
        images = list(queryset.select_related("gallery"))
        outcome = reinstate(images)
        self.log_each(
            request, [image for image in images if image.hex in outcome.done], "Brought back after take-down."
        )
        self.tell(request, outcome, "brought back")

    @admin.action(description="Delete for the owner (restorable)", permissions=["change"])
    def remove_for_owner(self, request: HttpRequest, queryset: QuerySet[Image]) -> None:
        images = list(queryset.select_related("gallery"))
        now = timezone.now()
        remove_images({image.gallery for image in images}, [image.id for image in images], now)
        self._tell_changed(request, images, "deleted for the owner", removed_at=now)

    @admin.action(description="Restore what its owner deleted", permissions=["change"])
    def restore_for_owner(self, request: HttpRequest, queryset: QuerySet[Image]) -> None:
        images = list(queryset.select_related("gallery"))
        outcome = restore_images(images)
        self.log_each(request, [image for image in images if image.hex in outcome.done], "Restored for the owner.")
        self.tell(request, outcome, "restored")

    def _tell_changed(self, request: HttpRequest, images: list[Image], done: str, **at: datetime) -> None:
        """Log those of ``images`` that changed ``at`` this moment: the others had been like that before."""
        changed = list(Image.objects.filter(id__in=[image.id for image in images], **at))
        self.log_each(request, changed, f"{done.capitalize()}.")
        self.message_user(request, f"{len(changed)} of {len(images)} {done}.")


@admin.register(Gallery)
class GalleryAdmin(ReadOnlyAdmin):
    list_display = ("title", "owner", "image_count", "size", "retention", "created_at", "removed_at", "pictures")
    list_filter = ("retention", "created_at", ("removed_at", admin.EmptyFieldListFilter))
    search_fields = ("title", "owner__username", "owner__email")
    list_select_related = ("owner",)
    show_full_result_count = False
    ordering = ("-id",)
    actions = ("take_down_galleries", "remove_galleries", "restore_removed")

    @admin.display(description="size", ordering="bytes")
    def size(self, gallery: Gallery) -> str:
        return filesizeformat(gallery.bytes)

    @admin.display(description="images")
    def pictures(self, gallery: Gallery) -> SafeString:
        url = reverse("admin:galleries_image_changelist")
        return format_html('<a href="{}?gallery__id__exact={}">look</a>', url, gallery.id)

    @admin.action(description="Take down every image in it", permissions=["change"])
    def take_down_galleries(self, request: HttpRequest, queryset: QuerySet[Gallery]) -> None:
        total = sum(self._take_down(request, gallery) for gallery in queryset)
        self.message_user(request, f"{total} images taken down.")

    def _take_down(self, request: HttpRequest, gallery: Gallery) -> int:
        def log(hit: int) -> None:
            if hit:
                self.log_change(request, gallery, "Every image taken down.")

        images = Image.objects.filter(gallery=gallery, taken_down_at=None).select_related("gallery")
        return take_down(images, timezone.now(), log)

    @admin.action(description="Delete for the owner (restorable)", permissions=["change"])
    def remove_galleries(self, request: HttpRequest, queryset: QuerySet[Gallery]) -> None:
        done = [gallery for gallery in queryset if remove_gallery(gallery, timezone.now())]
        self.log_each(request, done, "Deleted for the owner.")
        self.message_user(request, f"{len(done)} deleted.")

    @admin.action(description="Restore what was deleted", permissions=["change"])
    def restore_removed(self, request: HttpRequest, queryset: QuerySet[Gallery]) -> None:
        galleries = list(queryset)
        outcome = restore_galleries(galleries, timezone.now())
        self.log_each(request, [g for g in galleries if g.hex in outcome.done], "Restored for the owner.")
        self.tell(request, outcome, "restored")


@admin.register(Usage)
class UsageAdmin(ReadOnlyAdmin):
    list_display = ("owner", "used", "images", "max_bytes", "max_images")
    search_fields = ("owner__username",)
    editable = ("max_bytes", "max_images")

    @admin.display(description="used", ordering="bytes")
    def used(self, usage: Usage) -> str:
        return filesizeformat(usage.bytes)


@admin.register(Receipt)
class ReceiptAdmin(ReadOnlyAdmin):
    list_display = ("filename", "gallery_title", "owner", "reason", "bytes", "swept_at")
    list_filter = ("reason", "swept_at")
    search_fields = ("filename", "owner__username")
    show_full_result_count = False


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    list_display = ("name", "owner", "hint", "scopes", "expires_at", "last_used_at", "revoked_at")
    exclude = ("hash",)
    actions = ("revoke",)

    @admin.action(description="Revoke", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        tokens = list(queryset.filter(revoked_at=None))
        count = queryset.filter(revoked_at=None).update(revoked_at=timezone.now())
        self.log_each(request, tokens, "Revoked.")
        self.message_user(request, f"{count} revoked.")


@admin.register(Link)
class LinkAdmin(ReadOnlyAdmin):
    """What a link is, never what it is opened with."""

    list_display = ("name_or_kind", "gallery_link", "kind", "ends", "is_on", "opens", "downloads")
    list_filter = ("kind", "is_on", "ends_at")
    search_fields = ("gallery__title", "gallery__owner__username")
    list_select_related = ("gallery__owner",)
    show_full_result_count = False
    ordering = ("-id",)
    exclude = ("seed", "token_hash", "passcode")
    actions = ("switch_off",)

    @admin.display(description="link")
    def name_or_kind(self, link: Link) -> str:
        return Truncator(str(link)).chars(NAME_SHOWN)

    @admin.display(description="gallery and owner")
    def gallery_link(self, link: Link) -> SafeString:
        return _gallery_and_owner(link.gallery)

    @admin.display(description="ends", ordering="ends_at")
    def ends(self, link: Link) -> str:
        return _minute(link.ends_at)

    @admin.action(description="Revoke", permissions=["change"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[Link]) -> None:
        links, now = list(queryset.filter(is_on=True)), timezone.now()
        for link in links:
            switch_link(link, False, now)
        self.log_each(request, links, "Revoked.")
        self.message_user(request, f"{len(links)} revoked.")


@admin.register(Report)
class ReportAdmin(ReadOnlyAdmin):
    """What visitors told; the newest open one first."""

    list_display = ("created_at", "reason", "gallery_link", "picture", "short_words", "handled_at")
    list_filter = (("handled_at", admin.EmptyFieldListFilter), "reason", "created_at")
    search_fields = ("gallery__title", "gallery__owner__username", "words")
    list_select_related = ("gallery__owner",)
    show_full_result_count = False
    ordering = (F("handled_at").asc(nulls_first=True), "-id")
    actions = ("mark_handled",)

    @admin.display(description="gallery")
    def gallery_link(self, report: Report) -> SafeString:
        url = reverse("admin:galleries_gallery_change", args=[report.gallery_id])
        return format_html('<a href="{}">{}</a>', url, report.gallery.title)

    @admin.display(description="picture")
    def picture(self, report: Report) -> SafeString | str:
        if report.image is None:
            return "the gallery"
        url = reverse("admin:galleries_image_changelist")
        return format_html('<a href="{}?id__exact={}">look</a>', url, report.image)

    @admin.display(description="words")
    def short_words(self, report: Report) -> str:
        return report.words[:80]

    @admin.action(description="Mark as handled", permissions=["change"])
    def mark_handled(self, request: HttpRequest, queryset: QuerySet[Report]) -> None:
        reports = list(queryset.filter(handled_at=None))
        queryset.filter(handled_at=None).update(handled_at=timezone.now())
        self.log_each(request, reports, "Handled.")
        self.message_user(request, f"{len(reports)} marked as handled.")


@admin.register(SweepHold)
class LedgerAdmin(ReadOnlyAdmin):
    pass


@admin.register(OutboxEntry, GalleryOutboxEntry)
class OutboxAdmin(ReadOnlyAdmin):
    """What the records do not know yet; the title says how much that is in all, and since when."""

    list_display = ("__str__", "since", "attempts", "next_try")
    ordering = ("since",)
    show_full_result_count = False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        backlog = measure_backlog(timezone.now())
        title = f"Outbox: {backlog.depth} waiting"
        if backlog.since is not None:
            title += f", the oldest for {timesince(backlog.since)}, tried up to {backlog.attempts} times"
        return super().changelist_view(request, {"title": title, **(extra_context or {})})


@admin.register(LogEntry)
class LogAdmin(ReadOnlyAdmin):
    """Who did what."""

    list_display = ("action_time", "user", "content_type", "object_repr", "change_message")
    list_filter = ("action_time", "content_type")
    search_fields = ("object_repr", "user__username", "change_message")
    list_select_related = ("user", "content_type")

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
