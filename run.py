#!/usr/bin/env python3
"""The one way in: sets up what it needs in .venv, then starts the site, its tests or its checks.

``python3 run.py --help`` lists the commands; what they do is in gallery_site/runner/ (standard library only). This file
keeps to syntax that any Python can parse, so that an old one prints a sentence and not a SyntaxError.
"""

import os
import sys

if sys.version_info < (3, 11):
    sys.exit("Image Gallery needs Python 3.11 or newer; this is %d.%d." % sys.version_info[:2])
if os.name != "posix":
    sys.exit("Image Gallery runs on Linux and macOS; on Windows use WSL.")

from gallery_site.runner.commands import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
