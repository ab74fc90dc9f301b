"""The browser cookie: a random value that binds sign-ins and forms to one browser, and later recognises it as known."""

import re

from authserver.crypto.secrets import b64url, mac, same
from authserver.services import Services
from authserver.web import Request, set_cookie

LIFETIME = 400 * 86400
"""Seconds; browsers keep no cookie longer (RFC 6265bis 5.5)."""

_FORM = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


def browser_cookie(services: Services, pool: str, request: Request) -> tuple[str, list[tuple[bytes, bytes]]]:
    """The browser's value, and the Set-Cookie header that gives it one if it has none yet."""
    value = known_browser(services, pool, request)
    if value is not None:
        return value, []
    value = services.random.token(32)
    name = services.cookie_name(pool, "browser")
    return value, [set_cookie(name, value, secure=services.secure, max_age=LIFETIME)]


def known_browser(services: Services, pool: str, request: Request) -> str | None:
    """The browser's value, if it sent one of our form."""
    value = request.cookie(services.cookie_name(pool, "browser"))
    return value if value is not None and _FORM.fullmatch(value) else None


def csrf_token(key: bytes, browser: str, purpose: str) -> str:
    """The anti-forgery token for one purpose (such as a sign-in's id) in one browser."""
    return b64url(mac(key, f"{purpose}\n{browser}".encode()))


def csrf_matches(key: bytes, browser: str | None, purpose: str, presented: str | None) -> bool:
    """Whether the form carries the browser's own token."""
    return browser is not None and presented is not None and same(csrf_token(key, browser, purpose), presented)
