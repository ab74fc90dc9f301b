"""Views into HTML: one template a page, compiled once, everything escaped."""

import unicodedata
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from authserver.errors import Invalid
from authserver.pages.assets import load_assets
from authserver.pages.branding import style_of
from authserver.pages.i18n import Catalogues
from authserver.pages.links import link_target
from authserver.pages.texts import SCOPES, error_words, sign_in_name
from authserver.pages.views import PageContext, View

MAX_SHOWN = 80
"""Characters of a name or identifier that are shown; registered names may be far longer."""

_REMEMBERED = 512
"""Results kept of each pure function of a name: pools and clients recur on every page."""

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
def isolated(text: str) -> Markup:
    """`text` as shown, kept from changing the direction of what stands around it; an address breaks behind its @."""
    return Markup("<bdi>{}</bdi>").format(Markup("@<wbr>").join(shown(text).split("@")))


@lru_cache(_REMEMBERED)
def initial(text: str) -> str:
    """The letter that stands for somebody without a picture."""
    return next((character.upper() for character in shown(text) if character.isalnum()), "?")


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
        self._environment.filters.update(shown=shown, isolated=isolated, initial=initial, link_target=link_target)
        self._environment.globals.update(
            asset=urls.__getitem__,
            sign_in_name=sign_in_name,
            error_words=error_words,
            standard_scopes=SCOPES,
        )

    def warm(self) -> None:
        """Compile every template and read every catalogue now (about 0.2 s) rather than at somebody's first page."""
        for name in self._environment.list_templates():
            self._environment.get_template(name)
        for language in self.catalogues.languages:
            self.catalogues.translator(language)

    def render(self, view: View, context: PageContext) -> str:
        """The whole HTML document of `view`. Send it with `security.html_headers(context)`."""
        translator = self.catalogues.translator(context.language, context.branding)
        return self._environment.get_template(view.template).render(
            view=view,
            page=context,
            style=self._style(view, context),
            language=translator.language,
            direction=translator.direction,
            _=translator.gettext,
            ngettext=translator.ngettext,
            slot=translator.slot,
        )

    @staticmethod
    def _style(view: View, context: PageContext) -> str:
        """What the page's one `<style>` element holds. A pool whose tokens turn out bad keeps its pages, unbranded."""
        try:
            css = style_of(context.branding)
        except Invalid:
            css = ""
        seconds = getattr(view, "retry_after", None)
        return css if seconds is None else css + f":root{{--pg-wait:{max(1, int(seconds))}s}}"
