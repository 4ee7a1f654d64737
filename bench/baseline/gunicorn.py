"""The site's own configuration of gunicorn, with another application and without a timer."""

from gallery_site.gunicorn import *  # noqa: F403
from gallery_site.gunicorn import bound_quick_stop as post_worker_init  # noqa: F401

wsgi_app = "bench.baseline.wsgi:application"
