"""Requests and answers as the front ends see them: parsed once, sized, and free of any framework's cost.

Starlette routes; on the hot endpoints its `Request.form()` alone would cost more than signing a token (performance
reference 1), so bodies are parsed here. Every limit on what strangers may send stands in this file.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

import orjson

from authserver.errors import ProtocolRefusal, Refusal

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

MOST_BODY = 64 * 1024
MOST_QUERY = 32 * 1024
MOST_FIELDS = 100
BODY_WITHIN = 30.0
"""Seconds for a body that comes in pieces."""
_LONGEST_LENGTH = 12  # digits of a Content-Length

NO_STORE: Headers = [(b"cache-control", b"no-store"), (b"pragma", b"no-cache")]
JSON: Headers = [(b"content-type", b"application/json")]
HTML = (b"content-type", b"text/html; charset=utf-8")
"""Of a page, which brings a policy and the other headers of pages with it."""
ANY_ORIGIN: Headers = [(b"access-control-allow-origin", b"*")]


class TooLarge(Refusal):
    code = "too_large"
    sentence = "The request is too large."


class MethodNotAllowed(Refusal):
    """`allowed` are the methods that the address takes, as the Allow header spells them."""

    code = "invalid_request"
    sentence = "This address does not take that method."

    def __init__(self, allowed: str) -> None:
        super().__init__()
        self.allowed = allowed


class Gone(Exception):  # noqa: N818 - not an error: nobody is there to hear of it
    """The peer hung up before its request was read."""


@dataclass(slots=True)
class Answer:
    """A response: status, headers, whole body."""

    status: int
    headers: Headers
    body: bytes = b""


def json_answer(status: int, value: object, *headers: tuple[bytes, bytes]) -> Answer:
    """A JSON answer that nobody stores."""
    return Answer(status, [*JSON, *NO_STORE, *headers], orjson.dumps(value))


def redirect(status: int, location: str, *headers: tuple[bytes, bytes]) -> Answer:
    """A redirect. `location` must be made of URI characters, which validated URIs and urlencoded parameters are."""
    return Answer(status, [(b"location", location.encode("ascii")), *NO_STORE, *headers])


class Params:
    """Parameters of a form or query: single values, repeated names known.

    A parameter without a value counts as left out (RFC 6749 3.1).
    """

    __slots__ = ("_all", "repeated", "values")

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self.values: dict[str, str] = {}
        self._all: dict[str, list[str]] = {}
        self.repeated: set[str] = set()
        for name, value in pairs:
            if name in self._all:
                self.repeated.add(name)
                self._all[name].append(value)
            else:
                self._all[name] = [value]
            if value and name not in self.values:
                self.values[name] = value

    def get(self, name: str) -> str | None:
        return self.values.get(name)

    def all(self, name: str) -> list[str]:
        """Every non-empty value of the parameter, for those that may be repeated (RFC 8707 2)."""
        return [v for v in self._all.get(name, ()) if v]

    def pairs(self) -> list[tuple[str, str]]:
        """Everything as it was sent."""
        return [(name, value) for name, values in self._all.items() for value in values]


def parse_params(text: bytes) -> Params:
    """Parameters in the form encoding. Raises ProtocolRefusal invalid_request if they are not in it, or too many.

    By hand, since `urllib.parse.parse_qsl` costs a third of signing a token.
    """
    if not text:
        return Params(())
    if text.count(b"&") >= MOST_FIELDS:
        raise ProtocolRefusal("invalid_request", "There are too many parameters.")
    try:
        return Params(_pairs(text.decode("ascii")))
    except ValueError:
        raise ProtocolRefusal("invalid_request", "The parameters are not encoded as a form.") from None


def _pairs(text: str) -> Iterable[tuple[str, str]]:
    for part in text.split("&"):
        if not part:
            continue
        name, _, value = part.partition("=")
        if "%" in part or "+" in part:
            name, value = _decoded(name), _decoded(value)
        yield name, value


def _decoded(text: str) -> str:
    return unquote_to_bytes(text.replace("+", " ")).decode("utf-8")


@dataclass(slots=True)
class Request:
    """One HTTP request. `path` is what follows the pool in the URL."""

    scope: Scope
    receive: Receive
    id: str
    path: str = ""
    _cookies: dict[str, str] | None = None

    @property
    def method(self) -> str:
        return str(self.scope["method"])

    def header(self, name: bytes) -> str | None:
        """The header's one value; of several, the first. Bytes beyond ASCII are read as Latin-1."""
        for key, value in self.scope["headers"]:
            if key == name:
                return str(value, "latin-1")
        return None

    def headers(self, name: bytes) -> list[str]:
        return [str(value, "latin-1") for key, value in self.scope["headers"] if key == name]

    @property
    def address(self) -> str:
        """The peer's address; a trusted proxy's word for it has been taken already."""
        client = self.scope.get("client")
        return str(client[0]) if client else ""

    def cookie(self, name: str) -> str | None:
        """A cookie's value. Of several with one name the first, which is the most specific (RFC 6265 5.4)."""
        if self._cookies is None:
            cookies: dict[str, str] = {}
            for header in self.headers(b"cookie"):
                for part in header.split(";"):
                    key, found, value = part.strip().partition("=")
                    if found:
                        cookies.setdefault(key, value)
            self._cookies = cookies
        return self._cookies.get(name)

    def query(self) -> Params:
        """The query's parameters. Raises TooLarge, ProtocolRefusal."""
        raw: bytes = self.scope["query_string"]
        if len(raw) > MOST_QUERY:
            raise TooLarge
        return parse_params(raw)

    async def form(self, most: int = MOST_BODY) -> Params:
        """The body's parameters, of at most so many bytes. Raises TooLarge, Gone, ProtocolRefusal if it is not a form."""
        content_type = self.header(b"content-type")
        if (
            content_type is None
            or content_type.partition(";")[0].strip().lower() != "application/x-www-form-urlencoded"
        ):
            raise ProtocolRefusal("invalid_request", "Send the parameters as application/x-www-form-urlencoded.")
        if self.header(b"content-encoding") is not None:
            raise ProtocolRefusal("invalid_request", "Send the parameters without a content encoding.")
        return parse_params(await self.body(most))

    async def body(self, most: int = MOST_BODY) -> bytes:
        """The whole body, of at most so many bytes. Raises TooLarge as soon as it is seen to be, Gone."""
        length = self.header(b"content-length")
        # Whoever reads numbers of any length from strangers spends time on them, and Python refuses the longest.
        if length is not None and length.isdecimal() and (len(length) > _LONGEST_LENGTH or int(length) > most):
            raise TooLarge
        body, more = self._take(await self.receive(), b"", most)
        if more:  # few bodies come in pieces, and a clock for each would cost the others
            try:
                async with asyncio.timeout(BODY_WITHIN):
                    while more:
                        body, more = self._take(await self.receive(), body, most)
            except TimeoutError:
                raise Gone from None
        return body

    @staticmethod
    def _take(message: Message, body: bytes, most: int) -> tuple[bytes, bool]:
        if message["type"] == "http.disconnect":
            raise Gone
        body += message.get("body", b"")
        if len(body) > most:
            raise TooLarge
        return body, bool(message.get("more_body"))


def set_cookie(name: str, value: str, *, secure: bool, max_age: int | None = None) -> tuple[bytes, bytes]:
    """A Set-Cookie header: HttpOnly, Lax, Path=/ (DESIGN 4). `max_age` None makes it a session cookie."""
    parts = [f"{name}={value}", "Path=/", "HttpOnly", "SameSite=Lax"]
    if max_age is not None:
        parts.append(f"Max-Age={max_age}")
    if secure:
        parts.append("Secure")
    return b"set-cookie", "; ".join(parts).encode("ascii")


def clear_cookie(name: str, *, secure: bool) -> tuple[bytes, bytes]:
    """A Set-Cookie header that ends the cookie."""
    return set_cookie(name, "", secure=secure, max_age=0)
