"""``gallery``: the command-line client of the REST API. Standard library only, and nothing of the site: it runs on the
machine where the photos are (``python3 run.py gallery``, ``python3 -m galleries.cli``, or installed as ``gallery``)."""
