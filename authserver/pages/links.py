"""Which addresses a page may point at: links a person follows, images a browser loads.

Client metadata and pool settings come from others, so every address is judged at the place where it is written into a
page; one that is not fit is left out (ASVS 3.2.2, and no `javascript:` anywhere).
"""

import re
from urllib.parse import urlsplit

_PRIVATE_SCHEME = re.compile(r"[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+:.*", re.ASCII)
_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%#]+", re.ASCII)
_DATA_IMAGE = re.compile(r"data:image/(?:png|jpeg|gif|webp|avif|svg\+xml);base64,[A-Za-z0-9+/]+={0,2}", re.ASCII)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

MAX_LINK = 8192
"""Characters of an address: one that starts a sign-in again carries a whole authorization request."""

MAX_DATA_IMAGE = 64 * 1024
"""Characters of an inlined logo: it is sent with every page."""


def link_target(url: str | None) -> str | None:
    """`url` if a page may link to it: a path or query of our own, http(s), or a private-use scheme with a dot."""
    if not url:
        return None
    if url.startswith(("/", "?")):
        return url if _own(url) else None
    if _PRIVATE_SCHEME.fullmatch(url):
        return url if _spelled(url) else None
    return url if _web(url, ("https", "http")) else None


def image_source(url: str | None) -> str | None:
    """`url` if a page may load an image from it: a path of our own, https, http on loopback, or inlined base64."""
    if not url:
        return None
    if url.startswith("data:"):
        return url if len(url) <= MAX_DATA_IMAGE and _DATA_IMAGE.fullmatch(url) else None
    if url.startswith("/"):
        return url if _own(url) else None
    if _web(url, ("https",)):
        return url
    return url if _web(url, ("http",)) and urlsplit(url).hostname in _LOOPBACK else None


def _own(url: str) -> bool:
    return not url.startswith("//") and _spelled(url)


def _spelled(url: str) -> bool:
    """Made of the characters of RFC 3986 alone."""
    return len(url) <= MAX_LINK and _CHARACTERS.fullmatch(url) is not None


def _web(url: str, schemes: tuple[str, ...]) -> bool:
    if not _spelled(url):
        return False
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in schemes and bool(parts.hostname) and "@" not in parts.netloc
