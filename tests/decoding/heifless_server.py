"""The decoding server on a machine without pillow_heif."""

import sys

from galleries.decoding import server

if __name__ == "__main__":
    sys.modules["pillow_heif"] = None  # type: ignore[assignment]  # what makes an import raise ImportError
    server.main()
