"""Times and durations as XML Schema writes them."""

import re
from datetime import UTC, datetime

from federation.errors import BadAnswer

_DURATION = re.compile(
    r"P(?:(\d{1,4})Y)?(?:(\d{1,4})M)?(?:(\d{1,5})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,8})M)?(?:(\d{1,9})(?:\.\d*)?S)?)?",
    re.ASCII,
)
_SECONDS = (365 * 86400, 30 * 86400, 86400, 3600, 60, 1)


def written(at: int) -> str:
    """A moment as SAML writes it (Core 1.3.3): in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: str | None) -> int | None:
    """Seconds since the epoch; None for none. Raises BadAnswer for what is no time, or says no zone."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text.strip())
        if at.tzinfo is None:
            raise BadAnswer("a time has no zone")
        return int(at.timestamp() // 1)
    except (ValueError, OverflowError):
        raise BadAnswer("a time is not written as one") from None


def duration(text: str | None) -> int | None:
    """Seconds; None for none, and for what is no duration. Years and months are taken as 365 and 30 days."""
    found = _DURATION.fullmatch(text.strip()) if text else None
    if found is None or not any(found.groups()):
        return None
    return sum(int(n or 0) * seconds for n, seconds in zip(found.groups(), _SECONDS, strict=True))
