"""Views into HTML: one template a page, compiled once, everything escaped."""

import re
import unicodedata
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from authserver.errors import Invalid
from authserver.pages import texts
from authserver.pages.assets import load_assets
from authserver.pages.branding import style_of
from authserver.pages.i18n import Catalogues, Translator
from authserver.pages.links import image_source, link_target
from authserver.pages.moments import Moments, clock
from authserver.pages.texts import JUST_NOW
from authserver.pages.views import PageContext, View

MAX_SHOWN = 80
"""Characters of a name or identifier that are shown; registered names may be far longer."""

_REMEMBERED = 512
"""Results kept of each pure function of a name: pools and clients recur on every page."""

_NOT_IN_ID = re.compile(r"[^A-Za-z0-9_-]")
_ATTRIBUTE = r' (?:viewBox|class|role|aria-label|width|height|stroke|fill|d|transform|xmlns|version)="[^"<>]*"'
_DRAWING = re.compile(
    rf"<svg(?:{_ATTRIBUTE})*>(?:<title>[^<>]*</title>)?(?:<(?:path|rect|g)(?:{_ATTRIBUTE})*/?>|</(?:path|g)>)*</svg>\s*",
    re.ASCII,
)
_NAMED = re.compile(r' (?:class|role|aria-label)="[^"]*"|<title>[^<>]*</title>')
_OTPAUTH = re.compile(r"otpauth://totp/[A-Za-z0-9\-._~:/?@!$'()*+,;=%&]{1,1000}", re.ASCII)

_JOINERS = "\u200c\u200d"  # hold emoji and some scripts together; the other format characters only deceive


@lru_cache(_REMEMBERED)
def shown(text: str, limit: int = MAX_SHOWN) -> str:
    """A name fit to be read in a sentence: one line, no control, formatting or direction characters, not too long."""
    kept = "".join(
        " " if character.isspace() else character
        for character in text
        if character.isspace() or character in _JOINERS or unicodedata.category(character) not in {"Cc", "Cf", "Cs"}
    )
    line = " ".join(kept.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "\u2026"


@lru_cache(_REMEMBERED)
def isolated(text: str, limit: int = MAX_SHOWN) -> Markup:
    """`text` as shown, kept from changing the direction of what stands around it; an address breaks behind its @."""
    return Markup("<bdi>{}</bdi>").format(Markup("@<wbr>").join(shown(text, limit).split("@")))


def grouped(secret: str) -> str:
    """A secret to be typed, in groups of four."""
    return " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))


def plain_number(value: object) -> str:
    """A bound without a needless fraction: 3.0 is 3."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def element_id(name: str) -> str:
    """The id of the field `name`: `custom:department` is `custom-department`."""
    return _NOT_IN_ID.sub("-", name)


def qr_drawing(svg: Markup) -> Markup:
    """A QR drawing that is one: a handler hands it over as markup, and what else it might hold stays out."""
    if _DRAWING.fullmatch(svg) is None:
        return Markup()
    # Our style sheet gives every drawing a line, which the plate must not have.
    plain = _NAMED.sub("", svg).replace('<path fill="#fff" ', '<path fill="#fff" stroke="none" ', 1)
    return Markup(plain)  # noqa: S704 - looked at above; the box around it has the name and class


def otpauth(uri: str) -> str | None:
    """`uri` if it sets up a TOTP app (Key Uri Format) and is spelled in plain characters."""
    return uri if _OTPAUTH.fullmatch(uri) else None


@lru_cache(_REMEMBERED)
def initial(text: str) -> str:
    """The letter that stands for somebody without a picture."""
    return next((character.upper() for character in shown(text) if character.isalnum()), "?")


_DRAWN_FOR: ContextVar[Translator] = ContextVar("translator of the page being drawn")
"""So that macros are made once for all pages: an import with context would make them anew for each."""


def _gettext(message: str, /, **values: object) -> Markup:
    return _DRAWN_FOR.get().gettext(message, **values)


def _ngettext(singular: str, plural: str, n: int, /, **values: object) -> Markup:
    return _DRAWN_FOR.get().ngettext(singular, plural, n, **values)


def _slot(key: str) -> str:
    return _DRAWN_FOR.get().slot(key)


class Renderer:
    """Draws pages.

    Args:
        static_path: where the assets are served: the page links `{static_path}/pages.<hash>.css`.
        catalogues: the languages; those of this package by default.
    """

    def __init__(self, static_path: str, catalogues: Catalogues | None = None) -> None:
        self.assets = load_assets()
        self.catalogues = catalogues or Catalogues()
        base = static_path.rstrip("/")
        urls = {asset.source: f"{base}/{asset.name}" for asset in self.assets.values()}
        self._environment = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            cache_size=-1,
        )
        self._environment.filters.update(
            clock=clock,
            shown=shown,
            isolated=isolated,
            initial=initial,
            link_target=link_target,
            image_source=image_source,
            grouped=grouped,
            element_id=element_id,
            plain_number=plain_number,
            qr_drawing=qr_drawing,
            otpauth=otpauth,
        )
        # Few, and not Jinja's own: each import of a template goes through all of them.
        self._environment.globals = {
            "_": _gettext,
            "ngettext": _ngettext,
            "slot": _slot,
            "asset": urls.__getitem__,
            "texts": texts,
        }

    def warm(self) -> None:
        """Compile every template and read every catalogue now (about 0.2 s) rather than at somebody's first page."""
        for name in self._environment.list_templates():
            self._environment.get_template(name)
        for language in self.catalogues.languages:
            self.catalogues.translator(language)

    def render(self, view: View, context: PageContext) -> str:
        """The whole HTML document of `view`. Send it with `security.html_headers(context)`."""
        translator = self.catalogues.translator(context.language, context.branding)
        drawing = _DRAWN_FOR.set(translator)
        try:
            return self._environment.get_template(view.template).render(
                view=view,
                page=context,
                style=self._style(view, context),
                language=translator.language,
                direction=translator.direction,
                moments=Moments(translator.language, context.now, str(translator.gettext(JUST_NOW))),
            )
        finally:
            _DRAWN_FOR.reset(drawing)

    @staticmethod
    def _style(view: View, context: PageContext) -> str:
        """What the page's one `<style>` element holds. A pool whose tokens turn out bad keeps its pages, unbranded."""
        try:
            css = style_of(context.branding)
        except Invalid:
            css = ""
        seconds = getattr(view, "retry_after", None)
        if seconds is not None:
            css += f":root{{--pg-wait:{max(1, int(seconds))}s}}"
        resend = getattr(view, "resend", None)
        if resend is not None and resend.after > 0:
            css += f":root{{--pg-resend:{int(resend.after)}s}}"
        return css
