"""A pool's look in a mail: its accent colour with a readable label, its logo, its name.

Mail programs know no custom properties and no `light-dark()`, so the pool's design token is taken apart here.
"""

import colorsys
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from authserver.model.pools import Branding

Rgb = tuple[int, int, int]

ACCENT: Rgb = (0x24, 0x57, 0xD6)
ACCENT_DARK: Rgb = (0x3A, 0x6B, 0xE6)
WHITE: Rgb = (255, 255, 255)
BLACK: Rgb = (0, 0, 0)

_HEX = re.compile(r"#([0-9a-f]{3}|[0-9a-f]{6})", re.ASCII | re.IGNORECASE)
_CHANNELS = re.compile(
    r"(rgb|hsl)\(\s*(\d{1,3})(?:deg)?[\s,]+(\d{1,3})%?[\s,]+(\d{1,3})%?\s*\)", re.ASCII | re.IGNORECASE
)
_COMMA = re.compile(r",(?![^(]*\))")
_URL = re.compile(r"https?://[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Look:
    """Colours as `#rrggbb`: the accent and what is read on it, by day and by night; and the address of the logo."""

    accent: str
    on_accent: str
    accent_dark: str
    on_accent_dark: str
    logo: str | None


def look_of(branding: Branding, origin: str) -> Look:
    """The look of a pool's mails.

    Args:
        branding: what the pool file says; a colour that cannot be read is passed over.
        origin: where the pool's pages are, for a logo that is a path there.
    """
    light, dark = _accent(branding.tokens.get("color-accent", ""))
    return Look(
        accent=_css(light),
        on_accent=_css(_ink_on(light)),
        accent_dark=_css(dark),
        on_accent_dark=_css(_ink_on(dark)),
        logo=logo_address(branding.logo, origin),
    )


def logo_address(logo: str | None, origin: str) -> str | None:
    """Where a mail program may fetch the logo from: https anywhere, or a path of ours. None for anything else: mail
    programs show no `data:` URL, and plain http would tell everybody on the way who read what.
    """
    if not logo or logo.startswith("//"):
        return None
    url = f"{origin}{logo}" if logo.startswith("/") else logo
    if _URL.fullmatch(url) is None:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if "@" in parts.netloc or not parts.hostname:
        return None
    return url if parts.scheme == "https" or url.startswith(f"{origin}/") else None


def _accent(token: str) -> tuple[Rgb, Rgb]:
    text = token.strip()
    if text.startswith("light-dark(") and text.endswith(")"):
        both = [_colour(part) for part in _COMMA.split(text[11:-1])]
        if len(both) == 2 and both[0] is not None and both[1] is not None:
            return both[0], both[1]
    one = _colour(text)
    return (one, one) if one is not None else (ACCENT, ACCENT_DARK)


def _colour(text: str) -> Rgb | None:
    text = text.strip()
    if match := _HEX.fullmatch(text):
        digits = match[1] if len(match[1]) == 6 else "".join(2 * digit for digit in match[1])
        red, green, blue = bytes.fromhex(digits)
        return red, green, blue
    match = _CHANNELS.fullmatch(text)
    if match is None:
        return None
    one, two, three = int(match[2]), int(match[3]), int(match[4])
    if match[1].lower() == "rgb":
        return (one, two, three) if max(one, two, three) <= 255 else None
    if one > 360 or two > 100 or three > 100:
        return None
    channels = colorsys.hls_to_rgb(one / 360, three / 100, two / 100)
    red, green, blue = (round(channel * 255) for channel in channels)
    return red, green, blue


def _ink_on(ground: Rgb) -> Rgb:
    """White where it can be read (WCAG 2.2 1.4.3), else black."""
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (x / 255 for x in ground))
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return WHITE if 1.05 / (luminance + 0.05) >= 4.5 else BLACK


def _css(colour: Rgb) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
