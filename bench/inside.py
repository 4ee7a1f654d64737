"""``python -m bench.inside MODULE:FUNCTION JSON``: one function with the Django of the site that the environment names.

Its keyword arguments come as JSON, and its answer is the last line that it prints.
"""

from __future__ import annotations

import importlib
import json
import os
import sys


def main() -> None:
    function, arguments = sys.argv[1:]
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gallery_site.settings")
    import django

    django.setup()
    module, _, name = function.partition(":")
    answer = getattr(importlib.import_module(module), name)(**json.loads(arguments))
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
