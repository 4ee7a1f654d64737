"""The pages of the site and its media."""

from __future__ import annotations

from django.urls import include, path, register_converter

from galleries import converters
from galleries.views import app, bins, endings, gallery, home, images, links, media, uploads, visits

register_converter(converters.HexId, "hex")
register_converter(converters.LinkToken, "link")

app_name = "galleries"

urlpatterns = [
    path("", home.home, name="home"),
    path("sw.js", app.service_worker, name="service-worker"),
    path("offline/", app.offline, name="offline"),
    path("share/", app.share, name="share"),
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
    path("g/<hex:gallery_id>/bin/<hex:image_id>/", bins.bin_picture, name="bin-picture"),
    path("g/<hex:gallery_id>/upload/", uploads.upload, name="image-upload"),
    path("g/<hex:gallery_id>/check/", uploads.check, name="image-check"),
    path("g/<hex:gallery_id>/images/", images.act, name="images-action"),
    path("g/<hex:gallery_id>/i/<hex:image_id>/", images.detail, name="image-detail"),
    path("g/<hex:gallery_id>/i/<hex:image_id>/original/", images.original, name="image-original"),
    path("g/<hex:gallery_id>/links/", links.of_gallery, name="gallery-links"),
    path("g/<hex:gallery_id>/ending/", endings.decide, name="gallery-ending"),
    path("ending/<str:signed>/", endings.ending, name="ending"),
    path("links/", links.mine, name="links"),
    path("links/<hex:link_id>/", links.detail, name="link-detail"),
    path("links/<hex:link_id>/switch/", links.switch, name="link-switch"),
    path("links/<hex:link_id>/delete/", links.delete, name="link-delete"),
    path("links/<hex:link_id>/qr.svg", links.qr_code, name="link-qr"),
    path("links/<hex:link_id>/card/", links.card, name="link-card"),
    path("s/<link:token>/", visits.visit, name="visit"),
    path("s/<link:token>/unlock/", visits.unlock, name="visit-unlock"),
    path("s/<link:token>/pass/", visits.fresh_pass, name="visit-pass"),
    path("s/<link:token>/left/", visits.downloads_left, name="visit-left"),
    path("s/<link:token>/zip/", visits.download_zip, name="visit-zip"),
    path("s/<link:token>/report/", visits.report, name="visit-report"),
    path("s/<link:token>/i/<hex:image_id>/", visits.image, name="visit-image"),
    path("s/<link:token>/i/<hex:image_id>/original/", visits.original, name="visit-original"),
    path("api/", include("galleries.api.urls")),
    path("media-admission/", media.media_admission, name="media-admission"),
    path("media/<path:rest>", media.media_object, name="media-object"),
]
