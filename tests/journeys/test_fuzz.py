"""Anything at all, at every address: there is an answer, it is no server error, and it leads nowhere foreign (D6)."""

import asyncio
import re
from typing import Any
from urllib.parse import urlencode

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.journeys.house import CALLBACK, ISSUER, ORDERS, POOL, SECRET, SIGNED_OUT, VERIFIER, House, Raw, each, house

PATHS = (
    "oauth2/token", "oauth2/userInfo", "oauth2/revoke", "oauth2/authorize", "oauth2/logout", "login", "logout",
    ".well-known/jwks.json", ".well-known/openid-configuration", "", "nothing",
)  # fmt: skip

NAMES = (
    "response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge", "code_challenge_method",
    "prompt", "max_age", "login_hint", "id_token_hint", "ui_locales", "acr_values", "claims", "resource", "response_mode",
    "request", "request_uri", "grant_type", "code", "code_verifier", "client_secret", "refresh_token", "token",
    "token_type_hint", "post_logout_redirect_uri", "logout_uri", "signin", "csrf", "step", "username", "password",
    "account", "decision", "lang", "error",
)  # fmt: skip

PLAUSIBLE = (
    "code", "web", "spa", "machine", "post", CALLBACK, "http://127.0.0.1:1/cb", "openid", f"openid {ORDERS}/read", "S256",
    "none", "login", "consent", "select_account", "0", "-1", "ada", "en", "{}", '{"id_token": {"sub": {"value": 1}}}',
    ORDERS, "query", "authorization_code", "refresh_token", "client_credentials", VERIFIER, SECRET, SIGNED_OUT, "identifier",
    "password", "switch_account", "account", "deny", "approve", "A" * 43, "A" * 80, "a.b.c", "https://evil.example/cb", "\0", "\r\n",
)  # fmt: skip

texts = st.one_of(st.sampled_from(PLAUSIBLE), st.text(max_size=40))
pairs = st.lists(st.tuples(st.one_of(st.sampled_from(NAMES), st.text(max_size=8)), texts), max_size=14)
encoded = st.one_of(
    pairs.map(lambda p: urlencode(p, errors="replace").encode()),
    st.binary(max_size=200),
    st.text(alphabet="=&+%;0aF\x00", max_size=60).map(lambda t: t.encode()),
)
whole_requests = st.fixed_dictionaries(
    {},
    optional={
        name: st.one_of(st.just(value), texts)
        for name, value in {
            "response_type": "code",
            "client_id": "web",
            "redirect_uri": CALLBACK,
            "scope": "openid",
            "code_challenge": "A" * 43,
            "code_challenge_method": "S256",
            "prompt": "none",
            "claims": "{}",
            "max_age": "0",
            "grant_type": "client_credentials",
            "client_secret": SECRET,
        }.items()
    },
).map(lambda fields: urlencode(fields, errors="replace").encode())

headers = st.lists(
    st.one_of(
        st.tuples(st.just(b"authorization"), st.one_of(st.binary(max_size=60), st.sampled_from((b"Basic ", b"Bearer", b"Basic d2ViOng=", b"Bearer a.b.c", b"bAsIc =", b"Bearer \xff")))),
        st.tuples(st.just(b"cookie"), st.one_of(st.binary(max_size=80), st.builds(lambda k, v: f"{POOL}-{k}=".encode() + v, st.sampled_from(("session", "browser")), st.binary(max_size=50)))),
        st.tuples(st.just(b"content-type"), st.sampled_from((b"application/x-www-form-urlencoded", b"application/json", b"", b"\xff"))),
        st.tuples(st.sampled_from((b"content-length", b"content-encoding", b"origin", b"sec-fetch-site", b"accept-language", b"host", b"if-none-match")), st.binary(max_size=30)),
    ),
    max_size=5,
)  # fmt: skip

methods = st.sampled_from(("GET", "POST", "POST", "HEAD", "OPTIONS", "PUT", "\x00"))

# A house for each example costs milliseconds, so there are fewer than elsewhere; `make fuzz` has its thousands.
some = settings(
    max_examples=settings.default.max_examples * 3 // 10,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


def sound(answer: Raw) -> None:
    assert answer.status < 500, answer
    assert answer.status >= 200
    assert len(answer.values("x-request-id")) == 1
    assert answer.values("x-content-type-options") == ["nosniff"]
    for name, value in answer.headers:
        assert re.fullmatch(rb"[a-z0-9-]+", name)
        assert re.fullmatch(rb"[\x20-\x7e]*", value), (name, value)
    location = answer.header("location")
    if location is not None:
        place = location.partition("?")[0]
        ours = place.startswith(f"{ISSUER}/")
        assert ours or place in {CALLBACK, SIGNED_OUT} or re.fullmatch(r"http://127\.0\.0\.1:[0-9]+/cb", place), (
            location
        )


def at_home(ask: Any) -> None:
    """Run one example's request in a house of its own: nothing of one example is there for the next."""

    async def run() -> None:
        async with house() as at:
            await ask(at)

    asyncio.run(run())


FORM = (b"content-type", b"application/x-www-form-urlencoded")


@each("path", PATHS)
@some
@given(method=methods, query=encoded, fields=st.one_of(encoded, whole_requests), extra=headers)
def test_any_request_is_answered(
    path: str, method: str, query: bytes, fields: bytes, extra: list[tuple[bytes, bytes]]
) -> None:
    async def ask(at: House) -> None:
        sound(await at.raw(method, f"/{POOL}/{path}", query, extra, fields))
        sound(await at.raw(method, f"/{POOL}/{path}", fields, [FORM, *extra], query))

    at_home(ask)


@some
@given(path=st.text(max_size=60), method=methods, query=encoded)
def test_any_path_is_answered(path: str, method: str, query: bytes) -> None:
    async def ask(at: House) -> None:
        for prefix in ("", "/", f"/{POOL}/", "/static/", "/.well-known/openid-configuration/"):
            sound(await at.raw(method, prefix + path, query, [FORM], query))

    at_home(ask)


@some
@given(query=whole_requests, cookie=st.booleans())
def test_any_authorization_request_of_a_person_signed_in_is_answered(query: bytes, cookie: bool) -> None:
    async def ask(at: House) -> None:
        browser = at.browser()
        secret = await browser.arrive()
        header = [(b"cookie", f"{POOL}-session={secret}".encode())] if cookie else []
        answer = await at.raw("GET", f"/{POOL}/oauth2/authorize", query, header)
        sound(answer)
        location = answer.header("location") or ""
        if "code=" in location:
            assert cookie
            assert b"code_challenge=AAAA" in query
        if location.startswith(f"{ISSUER}/login"):
            page = await at.raw("GET", f"/{POOL}/login", location.partition("?")[2].encode(), header)
            assert page.status == 410  # a browser without the cookie it was given just now

    at_home(ask)


@some
@given(
    fields=pairs,
    step=st.sampled_from(("identifier", "password", "account", "consent", "switch_account", "change_identifier")),
)
def test_any_form_of_a_genuine_page_is_answered(fields: list[tuple[str, str]], step: str) -> None:
    async def ask(at: House) -> None:
        browser = at.browser()
        await browser.arrive()
        page = await browser.login_page(prompt="select_account")
        csrf = re.findall(r'name="csrf" value="([^"]+)"', page.text)[0]
        cookie = f"{POOL}-session={browser.cookie('session')}; {POOL}-browser={browser.cookie('browser')}".encode()
        body = urlencode([("csrf", csrf), ("step", step), *fields], errors="replace").encode()
        sound(await at.raw("POST", f"/{POOL}/login", page.url.query, [FORM, (b"cookie", cookie)], body))

    at_home(ask)


basic = (b"authorization", b"Basic d2ViOmEtc2VjcmV0LW9mLXRoZS13ZWItY2xpZW50LTAxMjM0NTY3ODk=")


@some
@given(fields=pairs, grant=st.sampled_from(("authorization_code", "refresh_token", "client_credentials")))
def test_any_request_of_a_genuine_client_is_answered(fields: list[tuple[str, str]], grant: str) -> None:
    async def ask(at: House) -> None:
        for path in ("oauth2/token", "oauth2/revoke"):
            body = urlencode([("grant_type", grant), *fields], errors="replace").encode()
            answer = await at.raw("POST", f"/{POOL}/{path}", b"", [FORM, basic], body)
            sound(answer)
            assert b"access_token" not in answer.body

    at_home(ask)
