"""The one error of this package."""


class CorruptContainer(ValueError):
    """Bytes of the container cannot be accounted for; nothing has been written to the target."""
