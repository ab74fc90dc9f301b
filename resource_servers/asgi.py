"""Protect an ASGI application: no framework needed, none excluded.

    validator = Validator(issuer="https://login.example/acme_Pool1", audience="https://orders.example")
    app = Protect(app, validator)                                     # or Starlette's add_middleware(Protect, validator=...)

    @requires("https://orders.example/read", groups=["staff"])
    async def orders(request): ...                                    # Starlette, FastAPI, or a raw ASGI application

    token = access_token(request)                                     # the validated token, wherever there is a request

`Protect` lets in only requests with a valid token, and answers the others as RFC 6750 section 3 says. `requires`, and
`token.require(...)` inside an endpoint, raise `InsufficientScope`; `Protect` answers that as well.
"""

import json
import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from functools import wraps
from inspect import iscoroutinefunction, signature
from typing import Any, Final, Protocol, TypeVar, cast
from urllib.parse import unquote_plus

from resource_servers.errors import (
    InsufficientScope,
    InvalidToken,
    KeysUnavailable,
    MalformedRequest,
    MissingToken,
    Refused,
)
from resource_servers.scopes import Requirement, format_scope
from resource_servers.tokens import AccessToken

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])

TOKEN_KEY: Final = "poolgate.token"
"""Where the validated token stands in the ASGI scope."""

STATUS: Final[Mapping[type[Refused], int]] = {
    MissingToken: 401,
    MalformedRequest: 400,
    InvalidToken: 401,
    InsufficientScope: 403,
    KeysUnavailable: 503,
}
"""The HTTP status of each refusal; a subclass has that of its base."""

_CONNECTIONS = ("request", "websocket", "connection", "scope")
_B64TOKEN = re.compile(rb"[A-Za-z0-9\-._~+/]+=*")  # RFC 6750 section 2.1
_QUOTABLE = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]*")  # what needs no escape in a quoted-string
_log = logging.getLogger(__name__)


class Validates(Protocol):
    """What `Protect` needs of a `validator.Validator`."""

    async def validate(self, token: str) -> AccessToken: ...


class Protect:
    """ASGI middleware that asks for an access token.

    Put CORS middleware and public pages in front of it: a preflight request carries no token.

    Args:
        app: what to protect; requests and WebSockets are, the lifespan passes.
        validator: says whether a token is good.
        scopes: scopes that every request needs, all of them.
        groups: groups of which the user must be in at least one.
        realm: the `realm` of the challenge.
        resource_metadata: URL of the protected resource metadata (RFC 9728 section 5.1), sent with each challenge;
            `metadata.ResourceMetadata` serves it.

    Raises ValueError for a scope that no token can have, and for quotes, backslashes or control characters in the others.
    """

    def __init__(
        self,
        app: App,
        validator: Validates,
        *,
        scopes: Iterable[str] = (),
        groups: Iterable[str] = (),
        realm: str = "api",
        resource_metadata: str | None = None,
    ) -> None:
        self._app = app
        self._validator = validator
        self._requirement = Requirement.of(scopes, groups)
        self._challenge = f"Bearer realm={_quoted(realm)}"
        if resource_metadata is not None:
            self._challenge += f", resource_metadata={_quoted(resource_metadata)}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One ASGI connection. A refusal raised inside the application is answered if nothing has been sent yet."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        answering = False

        async def note(message: Message) -> None:
            nonlocal answering
            answering = True
            await send(message)

        try:
            token = await self._validator.validate(bearer_token(scope))
            self._requirement.check(token)
            await self._app({**scope, TOKEN_KEY: token}, receive, note)
        except Refused as refusal:
            if answering:
                raise
            _log.info("refused: %s (%s)", refusal.code or "no token", refusal.reason)
            await self._refuse(refusal, scope, receive, send)

    async def _refuse(self, refusal: Refused, scope: Scope, receive: Receive, send: Send) -> None:
        status, headers, body = self._answer(refusal)
        prefix = "http.response"
        if scope["type"] != "http":
            await receive()  # websocket.connect
            if "websocket.http.response" not in scope.get("extensions", {}):
                await send({"type": "websocket.close", "code": 1008, "reason": refusal.sentence})
                return
            prefix = "websocket.http.response"
        await send({"type": f"{prefix}.start", "status": status, "headers": headers})
        await send({"type": f"{prefix}.body", "body": body})

    def _answer(self, refusal: Refused) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        status = next(code for kind, code in STATUS.items() if isinstance(refusal, kind))
        body = {"error": refusal.code or "unauthorized", "error_description": refusal.sentence}
        headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
        if isinstance(refusal, KeysUnavailable):
            headers.append((b"retry-after", str(refusal.retry_after).encode()))
        else:
            headers.append((b"www-authenticate", self._challenge_for(refusal).encode()))
        text = json.dumps(body).encode()
        return status, [*headers, (b"content-length", str(len(text)).encode())], text

    def _challenge_for(self, refusal: Refused) -> str:
        challenge = self._challenge
        if refusal.code:  # RFC 6750 section 3.1: no code where no token was sent
            challenge += f', error="{refusal.code}", error_description="{refusal.sentence}"'
        needed = refusal.needed if isinstance(refusal, InsufficientScope) else self._requirement.scopes
        if needed:
            challenge += f', scope="{format_scope(needed)}"'
        return challenge


def bearer_token(scope: Mapping[str, Any]) -> str:
    """The access token of a request: the Authorization header only, never the query (RFC 9700 section 4.3.2) or the body.

    Raises MissingToken if there is none or the scheme is another one, MalformedRequest if it is sent twice or is not in
    the form of RFC 6750 section 2.1.
    """
    values = [value for name, value in scope["headers"] if name.lower() == b"authorization"]
    if not values:
        raise MissingToken
    scheme, _, credentials = values[0].partition(b" ")
    if len(values) > 1 or _token_in_query(scope):
        raise MalformedRequest("more than one token, or more than one place for it")
    if scheme.lower() != b"bearer":
        raise MissingToken("another authentication scheme")
    token = credentials.strip(b" ")
    if _B64TOKEN.fullmatch(token) is None:
        raise MalformedRequest("the token is empty or has characters that no token has")
    return str(token, "ascii")


def _token_in_query(scope: Mapping[str, Any]) -> bool:
    fields = scope.get("query_string", b"").decode("latin-1").split("&")
    return any(unquote_plus(field.partition("=")[0]) == "access_token" for field in fields)


def access_token(connection: Any) -> AccessToken:
    """The validated token of an ASGI scope, or of a Starlette, FastAPI or other request that has a `scope`.

    Raises LookupError if the connection did not come through `Protect`.
    """
    scope = connection if isinstance(connection, Mapping) else connection.scope
    token: AccessToken | None = scope.get(TOKEN_KEY)
    if token is None:
        raise LookupError("no access token here: put resource_servers.asgi.Protect in front of the application")
    return token


def requires(*scopes: str, groups: Iterable[str] = ()) -> Callable[[Endpoint], Endpoint]:
    """A decorator: the endpoint needs all `scopes`, and the user must be in one of `groups` if any are named.

    The endpoint, plain or async, must have a parameter `request`, `websocket` or `connection`, as Starlette and FastAPI
    hand it over, or be a raw ASGI application with its `scope`. Of the latter only the lifespan passes unasked.

    Raises ValueError for a scope that no token can have, TypeError for an endpoint without such a parameter, and, when
    the endpoint is called, InsufficientScope, or LookupError without `Protect` in front.
    """
    requirement = Requirement.of(scopes, groups)

    def decorate(endpoint: Endpoint) -> Endpoint:
        parameters = list(signature(endpoint).parameters)
        name = next((name for name in _CONNECTIONS if name in parameters), None)
        if name is None:
            raise TypeError(f"{endpoint!r} has none of the parameters {', '.join(_CONNECTIONS)}")
        place = parameters.index(name)

        def check(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            connection = kwargs[name] if name in kwargs else args[place]
            if name != "scope" or connection["type"] != "lifespan":
                requirement.check(access_token(connection))

        @wraps(endpoint)
        async def ask_first(*args: Any, **kwargs: Any) -> Any:
            check(args, kwargs)
            return await endpoint(*args, **kwargs)

        @wraps(endpoint)
        def ask_first_plainly(*args: Any, **kwargs: Any) -> Any:
            check(args, kwargs)
            return endpoint(*args, **kwargs)

        asynchronous = iscoroutinefunction(endpoint) or iscoroutinefunction(type(endpoint).__call__)
        return cast("Endpoint", ask_first if asynchronous else ask_first_plainly)

    return decorate


def _quoted(text: str) -> str:
    if _QUOTABLE.fullmatch(text) is None:
        raise ValueError(f"{text!r} does not fit into a header as it is")
    return f'"{text}"'
