"""``python3 -m galleries.cli``."""

from __future__ import annotations

import sys

from galleries.cli.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
