"""A pool's look: its design tokens as CSS.

The custom properties of the style sheet are the branding API: a pool sets `color-accent` and the page gets
`--pg-color-accent`. Values are parsed and written anew in one canonical form, never passed through, so that nothing but
a colour, a length or a list of fonts can come out.

A colour is `#rgb`, `#rrggbb`, `rgb()`, `hsl()`, or `light-dark(one, other)` for the two themes.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from authserver.errors import Invalid
from authserver.model.pools import Branding
from authserver.pages.colours import Colour, colour, contrast, ink_on, mixed, readable
from authserver.pages.i18n import placeholders
from authserver.pages.links import image_source
from authserver.pages.texts import REPLACEABLE, SLOTS

STYLE_SHEET = Path(__file__).parent / "static" / "pages.css"

Pair = tuple[Colour, Colour]
"""A colour in the light theme and in the dark one."""

COLOURS = frozenset(
    {
        "color-background",
        "color-surface",
        "color-text",
        "color-muted",
        "color-border",
        "color-control",
        "color-accent",
        "color-on-accent",
        "color-link",
        "color-danger",
        "color-success",
    }
)
LENGTHS: Mapping[str, tuple[float, float]] = {
    "radius": (0, 24),
    "button-radius": (0, 32),
    "card-width": (304, 640),
    "page-width": (640, 1440),
    "logo-size": (16, 96),
}
"""Lengths and their bounds in px (1rem is 16px)."""
FONTS = frozenset({"font", "font-heading"})
SCHEMES = frozenset({"light dark", "light", "dark"})

_DEFAULT = re.compile(r"--pg-(color-[a-z-]+):\s*light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", re.ASCII)
_COMMA = re.compile(r",(?![^(]*\))")
_LENGTH = re.compile(r"(\d{1,3}(?:\.\d{1,3})?)(px|rem)", re.ASCII)
_FONT = re.compile(r"[A-Za-z-][A-Za-z0-9-]*(?: [A-Za-z-][A-Za-z0-9-]*){0,5}", re.ASCII)
_MAX_FONTS = 12
_MAX_TEXT = 300
_TINTED = 5.4  # links also stand on a ground tinted with their own colour, which costs them nearly one
_WIDE_KEYWORDS = frozenset({"inherit", "initial", "unset", "revert", "revert-layer", "default"})


@cache
def default_colours() -> Mapping[str, Pair]:
    """The colours of the style sheet itself, which is the one place that names them."""
    found = _DEFAULT.findall(STYLE_SHEET.read_text("utf-8"))
    return {name: (_hex(light), _hex(dark)) for name, light, dark in found}


def check_branding(branding: Branding) -> None:
    """Whether every token, the logo and every text may be used.

    Raises:
        Invalid: with the offending key as `field`, e.g. "tokens.color-accent" or "texts.ko.sign_in.heading".
    """
    style_of(branding)
    for field, logo in (("logo", branding.logo), ("logo_dark", branding.logo_dark)):
        if logo is not None and image_source(logo) is None:
            raise Invalid("A logo is an https URL, a path on this server, or a small base64 data URL.", field=field)
    for language, texts in branding.texts.items():
        for key, text in texts.items():
            field = f"texts.{language}.{key}"
            if key not in REPLACEABLE and key not in SLOTS:
                raise Invalid("There is no text of this name.", field=field)
            if not text.strip() or len(text) > _MAX_TEXT:
                raise Invalid(f"A text has 1 to {_MAX_TEXT} characters.", field=field)
            if extra := placeholders(text) - placeholders(REPLACEABLE.get(key, "")):
                raise Invalid(f"This text has no placeholder {{{min(extra)}}}.", field=field)


def merge(pool: Branding, client: Branding | None) -> Branding:
    """The client's branding over the pool's: token by token, text by text.

    A logo comes with its dark twin or without one, and an accent with what is read on it: the pool's own ink for its
    own accent says nothing of another.
    """
    if client is None:
        return pool
    below = dict(pool.tokens)
    if "color-accent" in client.tokens:
        below.pop("color-on-accent", None)
        below.pop("color-link", None)
    texts = {
        language: {**pool.texts.get(language, {}), **client.texts.get(language, {})}
        for language in (*pool.texts, *client.texts)
    }
    logos = client if client.logo is not None else pool
    return Branding(
        tokens={**below, **client.tokens},
        logo=logos.logo,
        logo_dark=client.logo_dark or logos.logo_dark,
        texts=texts,
    )


def contrast_faults(branding: Branding) -> tuple[str, ...]:
    """In words, where the pool's colours are too close to read (WCAG 2.2 1.4.3 and 1.4.11).

    Raises:
        Invalid: as `check_branding`.
    """
    colours = {**default_colours(), **_with_derived(_colours(branding.tokens))}
    faults = []
    for ink, ground, wanted in CONTRASTS:
        for theme, (one, other) in enumerate(zip(colours[ink], colours[ground], strict=True)):
            ratio = contrast(one, other)
            if ratio < wanted:
                faults.append(_fault(ink, ground, ratio, theme, wanted))
    for ink in TINTED:
        for theme, (one, surface) in enumerate(zip(colours[ink], colours["color-surface"], strict=True)):
            ratio = contrast(one, mixed(surface, one, TINT))
            if ratio < 4.5:
                faults.append(_fault(ink, "a ground tinted with it", ratio, theme, 4.5))
    return tuple(faults)


def _fault(ink: str, ground: str, ratio: float, theme: int, wanted: float) -> str:
    name = ("light", "dark")[theme]
    return f"{ink} on {ground} has a contrast of {ratio:.1f} in the {name} theme; {wanted} is needed"


CONTRASTS = (
    ("color-text", "color-surface", 4.5),
    ("color-text", "color-background", 4.5),
    ("color-muted", "color-surface", 4.5),
    ("color-muted", "color-background", 4.5),
    ("color-link", "color-surface", 4.5),
    ("color-link", "color-background", 4.5),
    ("color-danger", "color-surface", 4.5),
    ("color-success", "color-surface", 4.5),
    ("color-on-accent", "color-accent", 4.5),
    ("color-control", "color-surface", 3.0),
)
"""Which colour is read on which, and the ratio it needs. A button that deletes has the two of danger on surface."""

TINTED = ("color-link", "color-danger", "color-success")
"""Colours that are also read on the surface with a share of themselves in it: badges, notices."""

TINT = 0.1
"""That share, as `--tint` of the style sheet has it."""


def style_of(branding: Branding) -> str:
    """The CSS that sets the pool's tokens; empty if it has none. Holds no `<`, `>`, `&` or quotes.

    Raises:
        Invalid: a token is unknown or its value is not of its kind; `field` is "tokens.<name>".
    """
    colours = _with_derived(_colours(branding.tokens))
    plain = [f"--pg-{name}:{light.css}" for name, (light, _) in colours.items()]
    paired = [f"--pg-{name}:light-dark({light.css},{dark.css})" for name, (light, dark) in colours.items()]
    others = [f"--pg-{name}:{_other(name, value)}" for name, value in branding.tokens.items() if name not in COLOURS]
    css = f":root{{{';'.join((*plain, *others))}}}" if plain or others else ""
    if paired:
        css += f"@supports (color:light-dark(#000,#fff)){{:root{{{';'.join(paired)}}}}}"
    return css


def _colours(tokens: Mapping[str, str]) -> dict[str, Pair]:
    pairs: dict[str, Pair] = {}
    for name, value in tokens.items():
        if name in COLOURS:
            text = value.strip()
            themed = text.startswith("light-dark(") and text.endswith(")")
            parsed = [colour(part) for part in (_COMMA.split(text[11:-1]) if themed else (text, text))]
            found = [one for one in parsed if one is not None]
            if len(parsed) != 2 or len(found) != 2:
                raise Invalid(
                    "A colour is #rgb, #rrggbb, rgb(), hsl(), or light-dark() of two of these.", field=f"tokens.{name}"
                )
            pairs[name] = (found[0], found[1])
    return pairs


def _with_derived(colours: dict[str, Pair]) -> dict[str, Pair]:
    """A pool that sets its accent alone still gets a button label and links that can be read."""
    accent = colours.get("color-accent")
    if accent is None:
        return colours
    derived = dict(colours)
    if "color-on-accent" not in colours:
        derived["color-on-accent"] = (ink_on(accent[0]), ink_on(accent[1]))
    if "color-link" not in colours:
        link = accent
        for ground in ("color-surface", "color-background"):
            grounds = colours.get(ground) or default_colours()[ground]
            link = (readable(link[0], grounds[0], _TINTED), readable(link[1], grounds[1], _TINTED))
        derived["color-link"] = link
    return derived


def _other(name: str, value: str) -> str:
    field = f"tokens.{name}"
    text = value.strip()
    if name in LENGTHS:
        least, most = LENGTHS[name]
        match = _LENGTH.fullmatch(text)
        if text == "0" and least == 0:
            return "0px"
        if match is None or not least <= float(match[1]) * (16 if match[2] == "rem" else 1) <= most:
            raise Invalid(f"A length in px or rem, from {least:g}px to {most:g}px.", field=field)
        return f"{match[1]}{match[2]}"
    if name in FONTS:
        families = [family.strip().strip("\"'").strip() for family in text.split(",")]
        fit = all(_FONT.fullmatch(family) and family.lower() not in _WIDE_KEYWORDS for family in families)
        if not fit or len(families) > _MAX_FONTS:
            raise Invalid("A list of font names: letters, digits, spaces and hyphens, between commas.", field=field)
        return ",".join(families)
    if name == "scheme":
        if text not in SCHEMES:
            raise Invalid('The scheme is "light dark", "light" or "dark".', field=field)
        return text
    known = ", ".join(sorted((*COLOURS, *LENGTHS, *FONTS, "scheme")))
    raise Invalid(f"There is no design token of this name. There are: {known}.", field=field)


def _hex(text: str) -> Colour:
    return Colour(*bytes.fromhex(text[1:]))
