"""The guard in front of an ASGI application: who gets in, and what the others are told (RFC 6750)."""

import json
import logging
from dataclasses import dataclass, field
from typing import Any

import pytest

from resource_servers import errors
from resource_servers.asgi import STATUS, TOKEN_KEY, Protect, access_token, bearer_token, requires
from resource_servers.errors import InsufficientScope, KeysUnavailable, MalformedRequest, MissingToken, Refused
from resource_servers.jwks import FixedKeys
from resource_servers.testing import ToyIssuer
from resource_servers.tokens import AccessToken
from resource_servers.validator import Validator
from tests.resource_servers.forge import AUDIENCE, ISSUER, NOW, READ, keys, token

pytestmark = pytest.mark.anyio

WRITE = f"{AUDIENCE}/write"
VALIDATOR = Validator(issuer=ISSUER, audience=AUDIENCE, keys=FixedKeys(keys()), clock=lambda: NOW)


@dataclass
class Exchange:
    """What an ASGI application sent."""

    sent: list[dict[str, Any]] = field(default_factory=list)

    @property
    def status(self) -> int:
        return self.sent[0]["status"]

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}

    @property
    def challenge(self) -> str:
        return self.headers["www-authenticate"]

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)


async def call(app: Any, *authorization: str | bytes, kind: str = "http", query: bytes = b"", **more: Any) -> Exchange:
    exchange = Exchange()
    values = [value.encode() if isinstance(value, str) else value for value in authorization]
    scope = {
        "type": kind,
        "method": "GET",
        "path": "/",
        "query_string": query,
        "headers": [(b"host", b"orders.example"), *((b"authorization", value) for value in values)],
        **more,
    }

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect" if kind == "websocket" else "http.request"}

    async def send(message: Any) -> None:
        exchange.sent.append(message)

    await app(scope, receive, send)
    return exchange


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": access_token(scope).subject.encode()})


APP = Protect(hello, VALIDATOR)


def bearer(**claims: Any) -> str:
    return "Bearer " + token(**claims)


# ------------------------------------------------------------------------------------------------ who gets in


async def test_a_good_token_gets_in_and_can_be_read() -> None:
    exchange = await call(APP, bearer(sub="ada"))
    assert exchange.status == 200
    assert exchange.body == b"ada"


@pytest.mark.parametrize("scheme", ["bearer ", "BEARER ", "bEaReR ", "Bearer   "])
async def test_the_scheme_has_no_case(scheme: str) -> None:
    assert (await call(APP, scheme + token())).status == 200


async def test_a_header_name_has_no_case_either() -> None:
    scope = {"type": "http", "headers": [(b"Authorization", b"Bearer a.b.c")]}
    assert bearer_token(scope) == "a.b.c"


async def test_without_a_token_the_challenge_has_no_error() -> None:
    exchange = await call(APP)
    assert exchange.status == 401
    assert exchange.challenge == 'Bearer realm="api"'
    assert exchange.headers["cache-control"] == "no-store"
    assert exchange.headers["content-type"] == "application/json"
    assert int(exchange.headers["content-length"]) == len(exchange.body)
    assert json.loads(exchange.body) == {"error": "unauthorized", "error_description": "An access token is needed."}


@pytest.mark.parametrize(
    "other", ["Basic YTpi", "DPoP " + "a.b.c", "Bearertoken", "", "Digest x=y", "Basic a, Bearer b"]
)
async def test_another_scheme_is_no_token(other: str) -> None:
    exchange = await call(APP, other)
    assert exchange.status == 401
    assert "error" not in exchange.challenge


async def test_a_bad_token_is_named_invalid_and_no_more() -> None:
    for attack in (bearer(aud="other"), bearer(iss="other"), "Bearer a.b.c", bearer(header={"alg": "none"})):
        exchange = await call(APP, attack)
        assert exchange.status == 401
        assert exchange.challenge == (
            'Bearer realm="api", error="invalid_token", error_description="The access token is not valid."'
        )
        assert json.loads(exchange.body)["error"] == "invalid_token"
    expired = await call(APP, bearer(exp=NOW))
    assert expired.status == 401
    assert 'error_description="The access token has expired."' in expired.challenge


@pytest.mark.parametrize(
    "malformed",
    [
        "Bearer",
        "Bearer ",
        "Bearer a b",
        "Bearer a, Bearer b",
        "Bearer a,b",
        'Bearer "a.b.c"',
        "Bearer a=b",
        "Bearer a\tb",
        b"Bearer \xff",
        "Bearer é",
        "bearer {}",
    ],
)
async def test_a_token_in_another_form_is_a_malformed_request(malformed: str | bytes) -> None:
    exchange = await call(APP, malformed)
    assert exchange.status == 400
    assert 'error="invalid_request"' in exchange.challenge
    assert exchange.headers["cache-control"] == "no-store"


async def test_two_tokens_are_one_too_many() -> None:
    good = bearer()
    assert (await call(APP, good)).status == 200
    assert (await call(APP, good, good)).status == 400
    assert (await call(APP, good, "Basic YTpi")).status == 400
    assert (await call(APP, "Basic YTpi", good)).status == 400


@pytest.mark.parametrize(
    "query", [b"access_token=%s", b"a=b&access_token=%s", b"access%%5Ftoken=%s", b"&&access_token=%s"]
)
async def test_a_token_in_the_query_is_never_taken(query: bytes) -> None:
    """RFC 9700 section 4.3.2."""
    good = token()
    query %= good.encode()
    alone = await call(APP, query=query)
    assert alone.status == 401
    assert "error" not in alone.challenge
    assert (await call(APP, f"Bearer {good}", query=query)).status == 400
    assert (await call(APP, f"Bearer {good}", query=b"a=access_token&my_access_token=x&\xff=\xff")).status == 200


async def test_the_body_is_never_read_for_a_token() -> None:
    async def receive() -> dict[str, Any]:
        raise AssertionError("nobody asked")

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    form = (b"content-type", b"application/x-www-form-urlencoded")
    await APP({"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": [form]}, receive, send)
    assert sent[0]["status"] == 401


async def test_while_keys_cannot_be_had_nobody_gets_in() -> None:
    class Unavailable:
        async def validate(self, bearer: str) -> AccessToken:
            raise KeysUnavailable("nobody there", retry_after=7)

    exchange = await call(Protect(hello, Unavailable()), bearer())
    assert exchange.status == 503
    assert exchange.headers["retry-after"] == "7"
    assert "www-authenticate" not in exchange.headers
    assert json.loads(exchange.body)["error"] == "temporarily_unavailable"
    assert "nobody there" not in exchange.body.decode()


# ------------------------------------------------------------------------------------------------ how far


async def test_a_whole_application_can_need_scopes_and_groups() -> None:
    app = Protect(hello, VALIDATOR, scopes=[READ], groups=["staff", "boss"])
    assert (await call(app, bearer())).status == 200
    poor = await call(app, bearer(scope="openid"))
    assert poor.status == 403
    assert poor.challenge == (
        'Bearer realm="api", error="insufficient_scope", '
        f'error_description="The access token does not reach this far.", scope="{READ}"'
    )
    assert poor.headers["cache-control"] == "no-store"
    outsider = await call(app, bearer(groups=["guests"]))
    assert outsider.status == 403
    assert "scope=" not in outsider.challenge
    assert "staff" not in outsider.challenge + outsider.body.decode()


async def test_the_challenge_says_which_scopes_to_ask_for() -> None:
    app = Protect(hello, VALIDATOR, scopes=[WRITE, READ])
    assert (await call(app)).challenge == f'Bearer realm="api", scope="{READ} {WRITE}"'


async def test_an_endpoint_can_need_scopes_of_its_own() -> None:
    app = Protect(requires(WRITE, READ)(hello), VALIDATOR)
    refused = await call(app, bearer())
    assert refused.status == 403
    assert f'scope="{READ} {WRITE}"' in refused.challenge
    assert (await call(app, bearer(scope=f"{READ} {WRITE}"))).status == 200


async def test_an_endpoint_can_ask_inside() -> None:
    async def inside(scope: Any, receive: Any, send: Any) -> None:
        access_token(scope).require(READ, groups=["boss"])
        await hello(scope, receive, send)

    app = Protect(inside, VALIDATOR)
    assert (await call(app, bearer())).status == 403
    assert (await call(app, bearer(groups=["boss"]))).status == 200


async def test_an_answer_under_way_is_not_answered_again() -> None:
    async def too_late(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        access_token(scope).require(WRITE)

    with pytest.raises(InsufficientScope):
        await call(Protect(too_late, VALIDATOR), bearer())


async def test_other_failures_pass_through() -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await call(Protect(broken, VALIDATOR), bearer())


# ------------------------------------------------------------------------------------------------ requires


@dataclass
class Request:
    """As a framework hands it over: an object with a scope."""

    scope: dict[str, Any]


def request(*scopes: str, groups: tuple[str, ...] = ()) -> Request:
    return Request({"type": "http", TOKEN_KEY: AccessToken({}, frozenset(scopes), frozenset(groups))})


async def test_an_async_endpoint_stays_one() -> None:
    @requires("read")
    async def endpoint(request: Request, *, times: int = 1) -> str:
        """Reads."""
        return "read" * times

    assert endpoint.__doc__ == "Reads."
    assert await endpoint(request("read"), times=2) == "readread"
    assert await endpoint(request=request("read")) == "read"
    with pytest.raises(InsufficientScope):
        await endpoint(request("write"))


async def test_a_plain_endpoint_stays_one() -> None:
    @requires("read", groups=["staff"])
    def endpoint(number: int, request: Request) -> int:
        return number

    assert endpoint(7, request("read", groups=("staff",))) == 7
    with pytest.raises(InsufficientScope):
        endpoint(number=7, request=request("read"))


async def test_a_method_and_a_websocket_endpoint_can_be_decorated() -> None:
    class Resource:
        @requires("read")
        async def get(self, request: Request) -> str:
            return "read"

    @requires("read")
    async def chat(websocket: Request) -> str:
        return "hello"

    assert await Resource().get(request("read")) == "read"
    assert await chat(request("read")) == "hello"
    with pytest.raises(InsufficientScope):
        await Resource().get(request())
    with pytest.raises(InsufficientScope):
        await chat(request())


async def test_an_application_object_can_be_wrapped() -> None:
    class Application:
        def __init__(self) -> None:
            self.seen: list[str] = []

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            self.seen.append(scope["type"])
            if scope["type"] == "http":
                await hello(scope, receive, send)

    inner = Application()
    app = Protect(requires(READ)(inner), VALIDATOR)
    assert (await call(app, bearer())).status == 200
    assert (await call(app, bearer(scope="openid"))).status == 403
    await call(app, kind="lifespan")
    assert inner.seen == ["http", "lifespan"]


async def test_an_endpoint_without_request_cannot_be_decorated() -> None:
    with pytest.raises(TypeError, match="request, websocket, connection, scope"):

        @requires("read")
        async def endpoint(number: int) -> int:
            return number


@pytest.mark.parametrize("scope", ["a b", "", 'a"b', "é"])
async def test_a_scope_that_no_token_can_have_is_noticed_at_once(scope: str) -> None:
    with pytest.raises(ValueError):
        requires(scope)
    with pytest.raises(ValueError):
        Protect(hello, VALIDATOR, scopes=[scope])
    with pytest.raises(ValueError):
        Protect(hello, VALIDATOR, scopes=READ)


async def test_without_protect_in_front_there_is_no_token() -> None:
    with pytest.raises(LookupError, match="Protect"):
        await call(hello)
    with pytest.raises(LookupError, match="Protect"):
        await call(requires(READ)(hello), bearer())
    assert access_token({TOKEN_KEY: AccessToken({"sub": "ada"})}).subject == "ada"


# ------------------------------------------------------------------------------------------------ other connections


async def test_the_lifespan_passes() -> None:
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    await call(Protect(app, VALIDATOR), kind="lifespan")
    assert seen == ["lifespan"]


async def test_a_websocket_needs_a_token_too() -> None:
    async def chat(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})

    app = Protect(chat, VALIDATOR)
    assert (await call(app, bearer(), kind="websocket")).sent == [{"type": "websocket.accept"}]
    (closed,) = (await call(app, kind="websocket")).sent
    assert closed == {"type": "websocket.close", "code": 1008, "reason": "An access token is needed."}


async def test_a_server_that_can_answers_a_websocket_as_it_answers_a_request() -> None:
    extensions: dict[str, Any] = {"websocket.http.response": {}}
    exchange = await call(APP, kind="websocket", extensions=extensions)
    assert [message["type"] for message in exchange.sent] == [
        "websocket.http.response.start",
        "websocket.http.response.body",
    ]
    assert exchange.status == 401
    assert exchange.challenge == 'Bearer realm="api"'


async def test_the_server_s_own_scope_is_left_alone() -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)

    outer = {"type": "http", "headers": [(b"authorization", bearer().encode())]}

    async def never(*_: Any) -> Any:
        raise AssertionError

    await Protect(app, VALIDATOR)(outer, never, never)
    assert TOKEN_KEY not in outer
    assert access_token(seen[0]).client_id == "web"


# ------------------------------------------------------------------------------------------------ the wire form


async def test_realm_and_metadata_stand_in_every_challenge() -> None:
    url = "https://orders.example/.well-known/oauth-protected-resource"
    app = Protect(hello, VALIDATOR, realm="orders", resource_metadata=url)
    for attempt in ([], ["Bearer a.b.c"], ["Bearer"]):
        assert (await call(app, *attempt)).challenge.startswith(f'Bearer realm="orders", resource_metadata="{url}"')


@pytest.mark.parametrize("text", ['a"b', "a\\b", "a\r\nSet-Cookie: x=y", "é", "\0"])
async def test_a_header_cannot_be_split(text: str) -> None:
    with pytest.raises(ValueError, match="header"):
        Protect(hello, VALIDATOR, realm=text)
    with pytest.raises(ValueError, match="header"):
        Protect(hello, VALIDATOR, resource_metadata=text)


REFUSALS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, Refused) and kind is not Refused
]


@pytest.mark.parametrize("kind", REFUSALS)
async def test_every_refusal_has_a_wire_form(kind: type[Refused]) -> None:
    made: dict[type[Refused], Refused] = {
        errors.UnknownKey: errors.UnknownKey('"evil\r\n'),
        InsufficientScope: InsufficientScope(["b", "a"], ["staff"]),
    }
    refusal = made.get(kind) or kind("the \r\n reason")

    class Refusing:
        async def validate(self, bearer: str) -> AccessToken:
            raise refusal

    exchange = await call(Protect(hello, Refusing()), bearer())
    assert exchange.status == next(code for base, code in STATUS.items() if issubclass(kind, base))
    assert exchange.status in {400, 401, 403, 503}
    text = exchange.body.decode() + "".join(exchange.headers.values())
    assert "reason" not in text
    assert "evil" not in text
    assert "\n" not in text
    assert json.loads(exchange.body)["error_description"] == refusal.sentence
    assert refusal.sentence.isascii()
    assert not set(refusal.sentence) & {'"', "\\"}


async def test_the_log_has_the_reason_and_no_token(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "resource_servers")
    foreign = bearer(aud="https://other.example")
    await call(APP, foreign)
    await call(APP)
    assert "refused: invalid_token (the audience is 'https://other.example')" in caplog.text
    assert "refused: no token" in caplog.text
    assert foreign.rpartition(".")[2] not in caplog.text


async def test_the_toy_issuer_opens_the_door() -> None:
    issuer = ToyIssuer(audience=AUDIENCE)
    app = Protect(hello, issuer.validator(), scopes=[READ])
    assert (await call(app, f"Bearer {issuer.token('ada', scope=READ)}")).body == b"ada"
    assert (await call(app, f"Bearer {issuer.token(scope='openid')}")).status == 403
    assert (await call(app, f"Bearer {ToyIssuer().token(scope=READ)}")).status == 401


async def test_reading_the_header_refuses_by_name() -> None:
    with pytest.raises(MissingToken):
        bearer_token({"headers": []})
    with pytest.raises(MalformedRequest):
        bearer_token({"headers": [(b"authorization", b"Bearer")]})
