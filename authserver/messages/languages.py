"""The languages that messages are written in: gettext catalogues, with a pool's own texts on top.

English is the source language. Any other is a file `locale/<language>/LC_MESSAGES/poolgate.po`, read as it is when the
first message in that language goes out: a language is added by dropping in a file. A pool may also bring all the texts
of a language that has no catalogue.
"""

import gettext
import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from authserver.messages.texts import TEXTS
from authserver.model.pools import MessagePolicy

if TYPE_CHECKING:
    from babel import Locale

SOURCE_LANGUAGE = "en"

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}", re.ASCII)
_HALF_OF_DAY = re.compile(r"\ba\b")
"""The short form of "AM" in a pattern of CLDR."""
_MAX_SUBTAGS = 8


class Words:
    """One language with one pool's own texts on top. What comes out is plain text: whoever writes HTML escapes it.

    Placeholders are plain names: unlike `str.format`, a text written by others reaches no attribute of a value.
    """

    def __init__(
        self, language: str, direction: str, catalogue: gettext.NullTranslations, texts: Mapping[str, str]
    ) -> None:
        self.language = language
        self.direction = direction
        self._catalogue = catalogue
        self._texts = texts

    def text(self, key: str, values: Mapping[str, str]) -> str:
        """The text of a key, filled. Raises KeyError for an unknown key or a placeholder without a value."""
        text = self._texts.get(key) or self._catalogue.gettext(TEXTS[key])
        return _PLACEHOLDER.sub(lambda found: values[found[1]], text)

    def word(self, message: str) -> str:
        """A message that no pool replaces, such as the name of a factor."""
        return self._catalogue.gettext(message)

    def duration(self, seconds: float) -> str:
        """A length of time in words, rounded as people say it: "10 minutes", "24 hours", "7 days"."""
        minutes = max(1, math.ceil(seconds / 60))
        hours = round(minutes / 60)
        days = round(hours / 24)
        forms = self._catalogue
        if minutes < 60:
            return forms.ngettext("{n} minute", "{n} minutes", minutes).replace("{n}", str(minutes))
        if hours < 48:
            return forms.ngettext("{n} hour", "{n} hours", hours).replace("{n}", str(hours))
        return forms.ngettext("{n} day", "{n} days", days).replace("{n}", str(days))

    def moment(self, at: int, zone: str) -> str:
        """A time of day with its zone."""
        from babel import Locale
        from babel.dates import format_date, format_time

        known, name = _zone(zone)
        there, locale = datetime.fromtimestamp(at, known), Locale.parse(self._locale)
        time = format_time(there, time_pattern(locale, "short"), known, locale)
        return f"{format_date(there, 'long', locale)} {time} ({name})"

    def date(self, at: int, zone: str) -> str:
        """A day."""
        from babel.dates import format_date

        return format_date(datetime.fromtimestamp(at, _zone(zone)[0]).date(), "long", self._locale)

    @property
    def _locale(self) -> str:
        return self.language.replace("-", "_")


def time_pattern(locale: "Locale", length: str) -> str:
    """How a language writes a time of day ("short", "medium"). Where it has half days, by their word: CLDR has "AM" for
    short in Korean, where people write the word.
    """
    return _HALF_OF_DAY.sub("aaaa", locale.time_formats[length].pattern)


class Catalogues:
    """The languages there are, each read once."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or Path(__file__).parent / "locale"
        found = sorted(path.parts[-3] for path in self._folder.glob("*/LC_MESSAGES/poolgate.po"))
        self.languages: tuple[str, ...] = (SOURCE_LANGUAGE, *(tag for tag in found if tag != SOURCE_LANGUAGE))
        self._read: dict[str, gettext.NullTranslations] = {}
        self._directions: dict[str, str] = {}

    def words(self, wish: str, pool_languages: Sequence[str], policy: MessagePolicy) -> Words:
        """The words for a person who reads `wish`, among the pool's languages that are spoken here or by the pool's
        own texts; else in the first of those, else in English.
        """
        offered = [tag for tag in pool_languages if tag in self.languages or policy.texts.get(tag)]
        language = matching(wish, offered) or (offered[0] if offered else SOURCE_LANGUAGE)
        return Words(language, self._direction(language), self._catalogue(language), policy.texts.get(language, {}))

    def _catalogue(self, tag: str) -> gettext.NullTranslations:
        if tag not in self._read:
            path = self._folder / tag / "LC_MESSAGES" / "poolgate.po"
            self._read[tag] = _read_catalogue(path) if tag in self.languages else gettext.NullTranslations()
        return self._read[tag]

    def _direction(self, tag: str) -> str:
        if tag not in self._directions:
            from babel import Locale
            from babel.core import UnknownLocaleError

            try:
                self._directions[tag] = Locale.parse(tag, sep="-").text_direction
            except (UnknownLocaleError, ValueError):
                self._directions[tag] = "ltr"
        return self._directions[tag]


def matching(wish: str, offered: Sequence[str]) -> str | None:
    """The offered tag that meets the wish (RFC 4647 3.4): cut from its end until it fits. "ko_KR" counts as "ko-KR"."""
    by_folded = {tag.lower(): tag for tag in offered}
    subtags = wish.lower().replace("_", "-").split("-")[:_MAX_SUBTAGS]
    for length in range(len(subtags), 0, -1):
        if tag := by_folded.get("-".join(subtags[:length])):
            return tag
    return next((tag for folded, tag in by_folded.items() if folded.split("-")[0] == subtags[0]), None)


def _zone(name: str) -> tuple[ZoneInfo, str]:
    """The zone and the name to show; UTC for one that is not known: the person's own attribute says it."""
    try:
        return ZoneInfo(name), name
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC"), "UTC"


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
