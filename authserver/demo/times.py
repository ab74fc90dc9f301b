"""Moments and spans in words: a token's numbers of seconds, made readable."""

from datetime import UTC, datetime

_LATEST = 253_402_300_799  # the last second of the year 9999
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def moment(seconds: float) -> str:
    """`2026-03-14 09:26:53 UTC`, for seconds since the epoch; empty for what is no moment."""
    if not 0 <= seconds <= _LATEST:
        return ""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def machine_moment(seconds: float) -> str:
    """The same as an RFC 3339 timestamp, for `<time datetime>`."""
    return moment(seconds).removesuffix(" UTC").replace(" ", "T") + "Z" if moment(seconds) else ""


def span(seconds: float) -> str:
    """`14 min 58 s`: the two largest units, rounded down."""
    rest = int(abs(seconds))
    for at, (size, name) in enumerate(_UNITS):
        if rest >= size:
            count, left = divmod(rest, size)
            smaller = _UNITS[at + 1 : at + 2]
            second = [f"{left // part} {unit}" for part, unit in smaller if left >= part]
            return " ".join([f"{count} {name}", *second])
    return "0 s"


def relative(seconds: float, now: float) -> str:
    """`in 14 min 58 s`, `3 s ago`, `now`."""
    distance = int(seconds) - int(now)
    if distance == 0:
        return "now"
    return f"in {span(distance)}" if distance > 0 else f"{span(distance)} ago"
