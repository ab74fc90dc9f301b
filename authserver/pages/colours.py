"""Colours as numbers: reading CSS colours, and the contrast of WCAG 2.2 between two of them."""

import colorsys
import re
from typing import NamedTuple

_HEX = re.compile(r"#([0-9a-f]{3}|[0-9a-f]{6})", re.ASCII | re.IGNORECASE)
_SEPARATOR = r"(?:\s*,\s*|\s+)"
_RGB = re.compile(rf"rgb\(\s*(\d{{1,3}}){_SEPARATOR}(\d{{1,3}}){_SEPARATOR}(\d{{1,3}})\s*\)", re.ASCII | re.IGNORECASE)
_HSL = re.compile(
    rf"hsl\(\s*(\d{{1,3}})(?:deg)?{_SEPARATOR}(\d{{1,3}})%{_SEPARATOR}(\d{{1,3}})%\s*\)", re.ASCII | re.IGNORECASE
)


class Colour(NamedTuple):
    """Red, green and blue, each 0 to 255."""

    red: int
    green: int
    blue: int

    @property
    def css(self) -> str:
        """Six lower-case hexadecimal digits behind a `#`."""
        return f"#{self.red:02x}{self.green:02x}{self.blue:02x}"

    @property
    def luminance(self) -> float:
        """Relative luminance, 0 for black to 1 for white (WCAG 2.2, definition of relative luminance)."""
        red, green, blue = (_linear(channel / 255) for channel in self)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue


BLACK = Colour(0, 0, 0)
WHITE = Colour(255, 255, 255)


def colour(text: str) -> Colour | None:
    """The opaque colour that `text` writes as `#rgb`, `#rrggbb`, `rgb()` or `hsl()`; None if it is none of these.

    Transparency is left out on purpose: the contrast of a see-through colour depends on what lies under it.
    """
    text = text.strip()
    if match := _HEX.fullmatch(text):
        digits = match[1] if len(match[1]) == 6 else "".join(2 * digit for digit in match[1])
        return Colour(*bytes.fromhex(digits))
    if match := _RGB.fullmatch(text):
        channels = tuple(int(group) for group in match.groups())
        return Colour(*channels) if max(channels) <= 255 else None
    if match := _HSL.fullmatch(text):
        hue, saturation, lightness = (int(group) for group in match.groups())
        if hue > 360 or saturation > 100 or lightness > 100:
            return None
        rgb = colorsys.hls_to_rgb(hue / 360, lightness / 100, saturation / 100)
        return Colour(*(round(channel * 255) for channel in rgb))
    return None


def contrast(one: Colour, other: Colour) -> float:
    """The contrast ratio, 1 to 21 (WCAG 2.2, definition of contrast ratio)."""
    darker, lighter = sorted((one.luminance, other.luminance))
    return (lighter + 0.05) / (darker + 0.05)


def mixed(one: Colour, other: Colour, share: float) -> Colour:
    """`one` with the share `share` (0 to 1) of `other` in it."""
    return Colour(*(round(a + (b - a) * share) for a, b in zip(one, other, strict=True)))


def readable(wanted: Colour, on: Colour, ratio: float = 4.5) -> Colour:
    """The colour nearest to `wanted` that has the contrast `ratio` on the ground `on`: darker on a light ground,
    lighter on a dark one.
    """
    towards = BLACK if contrast(BLACK, on) > contrast(WHITE, on) else WHITE
    for percent in range(0, 101, 2):
        candidate = mixed(wanted, towards, percent / 100)
        if contrast(candidate, on) >= ratio:
            return candidate
    return towards


def ink_on(ground: Colour) -> Colour:
    """Black or white, whichever is easier to read on `ground`; white where both are readable."""
    return WHITE if contrast(WHITE, ground) >= 4.5 else BLACK


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
