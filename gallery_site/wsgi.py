"""The WSGI application that gunicorn serves: media first, the site behind it."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gallery_site.settings")

site = get_wsgi_application()

from galleries.media import MediaApplication  # noqa: E402 (models need the applications to be loaded)
from gallery_site.content_types import try_content_type  # noqa: E402 (likewise)

application = MediaApplication(try_content_type(site))
