"""Colour profiles (ICC.1:2022, 7.2): whole ones stay as they are, and nothing can travel in their name."""

_SIGNATURE_AT = 36
_SIGNATURE = b"acsp"
_LEAST_BYTES = 132  # the header, and how many tags there are


def profile_length(profile: bytes) -> int:
    """How many of these bytes are a profile: none of what no reader takes for one, and none behind its end.

    One that is cut off counts in full; readers look for what they need in what is there.
    """
    if len(profile) < _LEAST_BYTES or profile[_SIGNATURE_AT : _SIGNATURE_AT + 4] != _SIGNATURE:
        return 0
    said = int.from_bytes(profile[:4], "big")
    return min(said, len(profile)) if said >= _LEAST_BYTES else 0
