"""Times in words: "2 hours ago" while it is recent, a date after that.

The server does not know the person's time zone, so hours are told only as a distance from now; the exact time stands
behind it in UTC (`title`, `datetime`).
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from markupsafe import Markup

from authserver.messages.languages import time_pattern

_RECENT = 7 * 86400
_TIME = Markup('<time datetime="{}" title="{}">{}</time>')


class Moments:
    """Times in one language.

    Args:
        language: a tag (BCP 47).
        now: seconds since the epoch; 0 tells every time as a date.
        just_now: what is said of the last minute.
    """

    def __init__(self, language: str, now: int, just_now: str) -> None:
        self._language = language
        self._now = now
        self._just_now = just_now

    def when(self, at: int) -> Markup:
        """A time as people say it."""
        distance = at - self._now
        if not self._now or abs(distance) >= _RECENT:
            return self.day(at)
        if -60 < distance <= 0:
            return _TIME.format(_iso(at), _full(self._language, at), self._just_now)
        return _TIME.format(_iso(at), _full(self._language, at), _distance(self._language, distance))

    def day(self, at: int) -> Markup:
        """The day, in UTC."""
        return _TIME.format(_iso(at), _full(self._language, at), _day(self._language, at))


def clock(seconds: int) -> str:
    """A duration as m:ss."""
    return f"{max(0, seconds) // 60}:{max(0, seconds) % 60:02}"


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@lru_cache(512)
def _day(language: str, at: int) -> str:
    from babel.dates import format_date

    return format_date(datetime.fromtimestamp(at, UTC).date(), "long", locale=_locale(language))


@lru_cache(512)
def _full(language: str, at: int) -> str:
    from babel import Locale
    from babel.dates import format_date, format_time

    there, locale = datetime.fromtimestamp(at, UTC), Locale.parse(_locale(language))
    time = format_time(there, time_pattern(locale, "medium"), UTC, locale)
    return f"{format_date(there, 'medium', locale)} {time} UTC"


def _distance(language: str, seconds: int) -> str:
    from babel.dates import format_timedelta

    return format_timedelta(timedelta(seconds=seconds), add_direction=True, locale=_locale(language), threshold=1)


def _locale(language: str) -> str:
    return language.replace("-", "_")
