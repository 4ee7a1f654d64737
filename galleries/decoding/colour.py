"""Pixels of any mode into 8-bit sRGB on white: before the down-scale only what it needs, then the rest."""

from __future__ import annotations

import io

from PIL import Image, ImageCms

_SRGB = ImageCms.createProfile("sRGB")
_SRGB_PROFILE = ImageCms.ImageCmsProfile(_SRGB)

# Colour space that a profile must be made for, by the mode of the pixels it is applied to.
_PROFILE_SPACES = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK"}

# A larger profile than this is not a camera's (a CMYK press profile has 0.5 to 2.7 MB).
_MAX_PROFILE_BYTES = 4 * 1024 * 1024

# What littlecms and Pillow's wrapper raise over broken profiles.
_PROFILE_ERRORS = (ImageCms.PyCMSError, OSError, ValueError, TypeError, AttributeError, RuntimeError)

_WHITE = (255, 255, 255)


def make_scalable(image: Image.Image) -> Image.Image:
    """The image as L, LA, RGB, RGBA or CMYK, the modes that can be resized with a filter.

    Ink of palettes and one transparent colour (tRNS) become alpha. 16-bit grey is scaled, not clipped.
    """
    mode, transparent = image.mode, image.info.get("transparency")
    if mode.startswith("I;16"):
        # convert() would clip at 255, and a picture would be white. 65535 / 257 = 255.
        grey = image if mode == "I;16" else image.convert("I")
        scaled = grey.point(lambda value: value * (1 / 257) + 0.5).convert("L")
        if not isinstance(transparent, int):
            return scaled
        scaled.info["transparency"] = int(transparent / 257 + 0.5)
        return scaled.convert("LA")
    has_transparency = transparent is not None
    if mode in ("L", "1"):
        return image.convert("LA") if has_transparency else image.convert("L")
    if mode == "RGB":
        if isinstance(transparent, tuple) and max(transparent) > 255:  # of 16 bits, which Pillow leaves at that
            image.info["transparency"] = tuple(part >> 8 for part in transparent)
        return image.convert("RGBA") if has_transparency else image
    if mode in ("LA", "RGBA", "CMYK"):
        return image
    if mode == "P":
        return image.convert("RGBA" if has_transparency else "RGB")
    if mode in ("PA", "La", "RGBa"):
        return image.convert("RGBA")
    return image.convert("RGB")


def clear_outside(image: Image.Image, box: tuple[int, int, int, int]) -> Image.Image:
    """An image of `make_scalable` with nothing outside of `box`."""
    if box == (0, 0, *image.size) or image.mode == "CMYK":
        return image
    cleared = Image.new("RGBA", image.size)
    cleared.paste(image.crop(box).convert("RGBA"), box[:2])
    return cleared


def flatten_to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """An image of `make_scalable` in sRGB, on white where it is transparent, with no `info` left. The argument
    is given away: it may be what is answered.

    `profile` is the embedded ICC profile; one that is broken, or made for another colour space, is ignored.
    """
    alpha = image.getchannel("A") if image.mode in ("LA", "RGBA") else None
    if alpha is not None:
        image = image.convert(image.mode[:-1])
    flat = _convert_profile(image, profile)
    if alpha is not None:
        background = Image.new("RGB", flat.size, _WHITE)
        background.paste(flat, mask=alpha)
        flat = background
    # Pillow writes comments that it finds here into the next file.
    flat.info.clear()
    return flat


def _convert_profile(image: Image.Image, data: bytes | None) -> Image.Image:
    if data and len(data) <= _MAX_PROFILE_BYTES:
        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
            space = profile.profile.xcolor_space.strip()
            if image.mode == "L" and space == "RGB":
                image = image.convert("RGB")
            if space == _PROFILE_SPACES[image.mode] and not _is_srgb(profile):
                transform = ImageCms.ImageCmsTransform(
                    profile,
                    _SRGB_PROFILE,
                    image.mode,
                    "RGB",
                    ImageCms.Intent.RELATIVE_COLORIMETRIC,
                    flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
                )
                return transform.apply(image)
        except _PROFILE_ERRORS:
            pass
    return image if image.mode == "RGB" else image.convert("RGB")


def _is_srgb(profile: ImageCms.ImageCmsProfile) -> bool:
    """True for one of the many sRGB profiles: named so, with the same primaries (littlecms: 60 ms saved)."""
    core = profile.profile
    if not (core.profile_description or "").startswith("sRGB"):
        return False
    for ours, theirs in (
        (_SRGB.red_colorant, core.red_colorant),
        (_SRGB.green_colorant, core.green_colorant),
        (_SRGB.blue_colorant, core.blue_colorant),
    ):
        if ours is None or theirs is None:
            return False
        if any(abs(a - b) > 0.002 for a, b in zip(ours[0], theirs[0], strict=True)):
            return False
    return True


def find_dominant_colour(image: Image.Image) -> str:
    """The commonest of eight colours of a small RGB image, as "#rrggbb"."""
    reduced = image.quantize(8, method=Image.Quantize.MEDIANCUT)
    index = max(range(8), key=reduced.histogram().__getitem__)
    palette = reduced.getpalette() or [0] * 768
    red, green, blue = palette[3 * index : 3 * index + 3]
    return f"#{red:02x}{green:02x}{blue:02x}"
