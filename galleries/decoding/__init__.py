"""Decoding of pictures that strangers send: in processes of their own, with limits, without Django."""

from __future__ import annotations

from galleries.decoding.client import Decoder
from galleries.decoding.limits import Limits
from galleries.decoding.results import DecodedImage, DecoderUnavailable, ImageRejected, Rendition

__all__ = ["DecodedImage", "Decoder", "DecoderUnavailable", "ImageRejected", "Limits", "Rendition"]
