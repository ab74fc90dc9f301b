"""Languages: gettext catalogues, translation with a pool's own texts, and the choice of a language.

English is the source language. Any other is a file `locale/<language>/LC_MESSAGES/poolgate.po`, read as it is when a
page in that language is first drawn: no compile step, and a language is added by dropping in a file.
"""

import gettext
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from markupsafe import Markup, escape

from authserver.model.pools import Branding
from authserver.pages.texts import REPLACEABLE, SLOTS
from authserver.pages.views import LanguageLink

SOURCE_LANGUAGE = "en"

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}", re.ASCII)
_WORD_JOINER = "\u2060"
_RANGE = re.compile(
    r"\s*(\*|[a-z]{1,8}(?:-[a-z0-9]{1,8}){0,8})\s*(?:;\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*)?", re.ASCII
)
_MAX_RANGES = 20


def placeholders(message: str) -> frozenset[str]:
    """The names in braces of a message: "Sign in to {name}" has one."""
    return frozenset(_PLACEHOLDER.findall(message))


class Translator:
    """One language, with one pool's own texts on top.

    What comes out is markup: message and values are escaped, but for values that are markup already. Placeholders are
    plain names: unlike `str.format`, a text written by others reaches no attribute of a value.

    Args:
        language: its tag (BCP 47).
        direction: "ltr" or "rtl".
        catalogue: the translations.
        texts: replaced texts and slots by key. A key that is not known and a text with a placeholder that its original
            lacks are passed over: the original is the safe choice.
    """

    def __init__(
        self,
        language: str,
        direction: str,
        catalogue: gettext.NullTranslations,
        texts: Mapping[str, str] | None = None,
    ) -> None:
        self.language = language
        self.direction = direction
        self._catalogue = catalogue
        self._replaced: dict[str, str] = {}
        self._slots: dict[str, str] = {}
        for key, text in (texts or {}).items():
            original = REPLACEABLE.get(key)
            if original is not None and placeholders(text) <= placeholders(original):
                self._replaced[original] = text
            elif key in SLOTS:
                self._slots[key] = text

    def gettext(self, message: str, /, **values: object) -> Markup:
        """`message` in this language, its placeholders filled.

        Raises:
            KeyError: a placeholder without a value, a fault of the caller.
        """
        text = self._replaced.get(message) or self._catalogue.gettext(message)
        return _filled(text, values) if values else _plain(text)

    def ngettext(self, singular: str, plural: str, n: int, /, **values: object) -> Markup:
        """The form for `n`, which also fills `{n}`."""
        return _filled(self._catalogue.ngettext(singular, plural, n), {"n": n, **values})

    def slot(self, key: str) -> str:
        """What the pool wrote for a slot, unescaped; empty if it wrote nothing."""
        return self._slots.get(key, "")


class Catalogues:
    """The languages there are, each read once."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or Path(__file__).parent / "locale"
        found = sorted(path.parts[-3] for path in self._folder.glob("*/LC_MESSAGES/poolgate.po"))
        self.languages: tuple[str, ...] = (SOURCE_LANGUAGE, *(tag for tag in found if tag != SOURCE_LANGUAGE))
        self._read: dict[str, gettext.NullTranslations] = {}
        self._traits: dict[str, tuple[str, str]] = {}

    def translator(self, language: str, branding: Branding | None = None) -> Translator:
        """A translator into `language`; into English if there is no such catalogue."""
        tag = language if language in self.languages else SOURCE_LANGUAGE
        texts = branding.texts.get(tag) if branding else None
        return Translator(tag, self._trait(tag)[1], self._catalogue(tag), texts)

    def offered(self, pool_languages: Sequence[str]) -> tuple[str, ...]:
        """Those of the pool's languages that we speak, in the pool's order; English if there is none."""
        return tuple(tag for tag in pool_languages if tag in self.languages) or (SOURCE_LANGUAGE,)

    def menu(self, pool_languages: Sequence[str], url: Callable[[str], str]) -> tuple[LanguageLink, ...]:
        """The language menu of a page; `url` makes the address that switches to a tag."""
        return tuple(
            LanguageLink(tag=tag, name=self._trait(tag)[0], url=url(tag)) for tag in self.offered(pool_languages)
        )

    def _catalogue(self, tag: str) -> gettext.NullTranslations:
        if tag not in self._read:
            self._read[tag] = _read_catalogue(self._folder / tag / "LC_MESSAGES" / "poolgate.po")
        return self._read[tag]

    def _trait(self, tag: str) -> tuple[str, str]:
        """A language's name in itself, and its direction of writing."""
        if tag not in self._traits:
            from babel import Locale

            locale = Locale.parse(tag, sep="-")
            self._traits[tag] = (locale.get_display_name() or tag, locale.text_direction)
        return self._traits[tag]


def choose_language(
    offered: Sequence[str],
    *,
    picked: str | None = None,
    ui_locales: Sequence[str] = (),
    lang: str | None = None,
    cookie: str | None = None,
    accept_language: str | None = None,
) -> str:
    """The language to answer in: the first wish that can be met (RFC 4647 3.4), else the pool's own.

    Args:
        offered: from `Catalogues.offered`, the pool's default first.
        picked: what the person took from the menu during this very sign-in. It comes before the client's wish, or
            the menu would do nothing for clients that send `ui_locales`.
        ui_locales: of the authorization request (OpenID Connect Core 3.1.2.1).
        lang: of the authorization request (Cognito's parameter).
        cookie: what the person took from the menu some other time.
        accept_language: the header (RFC 9110 12.5.4).
    """
    wishes = (picked, *ui_locales, lang, cookie, *_accepted(accept_language or ""))
    for wish in wishes:
        if wish and (match := _lookup(wish, offered)):
            return match
    return offered[0]


def _accepted(header: str) -> list[str]:
    """The ranges of an Accept-Language header, best first. `*` stands for the default, which is what remains anyway."""
    weighted: list[tuple[float, str]] = []
    for part in header.lower().split(",")[:_MAX_RANGES]:
        match = _RANGE.fullmatch(part)
        if match and match[1] != "*" and (quality := float(match[2] or 1)) > 0:
            weighted.append((-quality, match[1]))
    return [tag for _, tag in sorted(weighted, key=lambda pair: pair[0])]


def _lookup(wish: str, offered: Iterable[str]) -> str | None:
    """RFC 4647 3.4: cut the wish from its end until it fits; then let a bare language stand for its regional form."""
    by_folded = {tag.lower(): tag for tag in offered}
    subtags = wish.lower().replace("_", "-").split("-")[:_MAX_RANGES]
    for length in range(len(subtags), 0, -1):
        if tag := by_folded.get("-".join(subtags[:length])):
            return tag
    return next((tag for folded, tag in by_folded.items() if folded.split("-")[0] == "-".join(subtags)), None)


def _read_catalogue(path: Path) -> gettext.NullTranslations:
    if not path.exists():
        return gettext.NullTranslations()
    import io

    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    compiled = io.BytesIO()
    with path.open("rb") as source:
        write_mo(compiled, read_po(source))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


@lru_cache(1024)
def _plain(message: str) -> Markup:
    return _filled(message, {})


def _filled(message: str, values: Mapping[str, object]) -> Markup:
    """A letter behind a placeholder ends its word, as a Korean particle does. Where the value is an element of its own,
    browsers would see two words there and break the line between them (UAX 14, WJ).
    """
    text = str(escape(message))

    def fill(found: re.Match[str]) -> str:
        value = values[found[1]]
        ends_word = hasattr(value, "__html__") and text[found.end() : found.end() + 1].isalpha()
        return f"{escape(value)}{_WORD_JOINER if ends_word else ''}"

    return Markup(_PLACEHOLDER.sub(fill, text))  # noqa: S704 - message and values are escaped on the lines above
