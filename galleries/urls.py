"""The pages of the site and its media."""

from __future__ import annotations

from django.urls import include, path, register_converter

from galleries import converters
from galleries.views import bins, gallery, home, images, media, uploads

register_converter(converters.HexId, "hex")

app_name = "galleries"

urlpatterns = [
    path("", home.home, name="home"),
    path("deleted/", bins.deleted, name="deleted"),
    path("receipts/", bins.receipts, name="receipts"),
    path("g/new/", home.create_gallery, name="gallery-create"),
    path("g/<hex:gallery_id>/", gallery.detail, name="gallery-detail"),
    path("g/<hex:gallery_id>/edit/", gallery.edit, name="gallery-edit"),
    path("g/<hex:gallery_id>/delete/", gallery.delete, name="gallery-delete"),
    path("g/<hex:gallery_id>/restore/", gallery.restore, name="gallery-restore"),
    path("g/<hex:gallery_id>/pass/", gallery.fresh_pass, name="gallery-pass"),
    path("g/<hex:gallery_id>/zip/", gallery.download_zip, name="gallery-zip"),
    path("g/<hex:gallery_id>/bin/", bins.gallery_bin, name="gallery-bin"),
    path("g/<hex:gallery_id>/upload/", uploads.upload, name="image-upload"),
    path("g/<hex:gallery_id>/images/", images.act, name="images-action"),
    path("g/<hex:gallery_id>/i/<hex:image_id>/", images.detail, name="image-detail"),
    path("g/<hex:gallery_id>/i/<hex:image_id>/original/", images.original, name="image-original"),
    path("api/", include("galleries.api.urls")),
    path("media/<path:rest>", media.media_object, name="media-object"),
]
