"""Where everything is. Each route has a row in the identity table of tests/test_access_walk.py."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from gallery_site import health
from gallery_site.status import status

handler400 = "gallery_site.errors.bad_request"
handler403 = "gallery_site.errors.permission_denied"
handler404 = "gallery_site.errors.not_found"
handler429 = "gallery_site.accounts.views.too_many_requests"
handler500 = "gallery_site.errors.server_error"

urlpatterns = [
    path("", include("galleries.urls")),
    path("accounts/", include("gallery_site.accounts.urls")),
    path("accounts/", include("allauth.urls")),
    path("admin/status/", admin.site.admin_view(status), name="status"),
    path("admin/", admin.site.urls),
    path("healthz", health.alive),
    path("readyz", health.ready),
]
