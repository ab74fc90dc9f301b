"""What every answer carries: security headers, caching, cookies, CORS; and what a request's host cannot change."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import pytest

from authserver.errors import StoreUnavailable
from authserver.gate import Gate
from tests.journeys.house import (
    BASE,
    CALLBACK,
    ISSUER,
    PASSWORD,
    POOL,
    SECRET,
    SIGNED_OUT,
    Browser,
    House,
    Raw,
    answered,
    claims,
    each,
    house,
)

pytestmark = pytest.mark.anyio

HTTPS = "https://login.example.com"
FORM = (b"content-type", b"application/x-www-form-urlencoded")


class Breaks:
    """A role that fails on demand."""

    def __init__(self, role: Any) -> None:
        self._role = role
        self.fault: Exception | None = None

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._role, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            if self.fault is not None:
                raise self.fault
            return await method(*args, **kwargs)

        return call


@asynccontextmanager
async def breakable(base_url: str = BASE) -> AsyncIterator[tuple[House, list[Breaks]]]:
    """A server whose stores can be broken: registry reads apart, which are cached."""
    roles: list[Breaks] = []

    def decorate(stores: Any) -> Any:
        from dataclasses import replace

        broken = {name: Breaks(getattr(stores, name)) for name in ("directory", "grants", "sessions", "one_time")}
        roles.extend(broken.values())
        return replace(stores, **broken)

    async with house(decorate=decorate, base_url=base_url) as at:
        yield at, roles


def form(**fields: str) -> bytes:
    return urlencode(fields).encode()


async def every_answer(at: House, roles: list[Breaks]) -> dict[str, Raw]:
    """Every route with as many kinds of answer as it has."""
    browser = at.browser()
    tokens = await browser.tokens()
    code = await browser.code()
    pages = await browser.login_page(prompt="login")
    session = f"{browser.cookie('session')}"
    names = [at.services.cookie_name(POOL, kind) for kind in ("session", "browser")]
    cookie = f"{names[0]}={session}; {names[1]}={browser.cookie('browser')}".encode()
    csrf = re.findall(r'name="csrf" value="([^"]+)"', pages.text)[0]
    basic = (b"authorization", b"Basic d2ViOg==")
    web = httpx_basic("web", SECRET)
    bearer = (b"authorization", b"Bearer " + tokens["access_token"].encode())
    redeem = form(
        grant_type="authorization_code", code=code, redirect_uri=CALLBACK, code_verifier="v" * 20 + "-._~" + "V" * 40
    )
    ask = urlencode(browser.request()).encode()
    login = pages.url.query

    requests: dict[str, tuple[Any, ...]] = {
        "token 200": ("POST", "oauth2/token", b"", [FORM, web], redeem),
        "token 400": ("POST", "oauth2/token", b"", [FORM, web], form(grant_type="x")),
        "token 401": ("POST", "oauth2/token", b"", [FORM, basic], form(grant_type="x")),
        "token 405": ("GET", "oauth2/token"),
        "token 413": ("POST", "oauth2/token", b"", [FORM], b"x" * 70_000),
        "token preflight": ("OPTIONS", "oauth2/token"),
        "userinfo 200": ("GET", "oauth2/userInfo", b"", [bearer]),
        "userinfo 401": ("GET", "oauth2/userInfo"),
        "userinfo 400": ("GET", "oauth2/userInfo", b"", [bearer, bearer]),
        "revoke 200": ("POST", "oauth2/revoke", b"", [FORM, web], form(token="x")),
        "revoke 401": ("POST", "oauth2/revoke", b"", [FORM, basic], form(token="x")),
        "jwks 200": ("GET", ".well-known/jwks.json"),
        "jwks 405": ("POST", ".well-known/jwks.json"),
        "discovery 200": ("GET", ".well-known/openid-configuration"),
        "authorize 302": ("GET", "oauth2/authorize", ask),
        "authorize 303": ("POST", "oauth2/authorize", b"", [FORM], ask),
        "authorize error 302": ("GET", "oauth2/authorize", ask + b"&scope=x"),
        "authorize 400": ("GET", "oauth2/authorize"),
        "authorize 405": ("PUT", "oauth2/authorize"),
        "authorize 413": ("GET", "oauth2/authorize", b"x" * 40_000),
        "login 200": ("GET", "login", login, [(b"cookie", cookie)]),
        "login 303": ("POST", "login", login, [FORM, (b"cookie", cookie)], form(csrf=csrf, step="change_identifier")),
        "login 302": ("GET", "login", ask),
        "login 403": ("POST", "login", login, [FORM, (b"cookie", cookie)], form(step="password")),
        "login 410": ("GET", "login"),
        "logout 200": ("GET", "logout", b"", [(b"cookie", cookie)]),
        "logout alone 200": ("GET", "logout"),
        "logout 403": ("POST", "logout", b"", [FORM], form(step="sign_out")),
        "end session 302": ("GET", "oauth2/logout"),
        "end session 400": ("GET", "oauth2/logout", b"a=1&a=2"),
    }
    answers = {
        name: await at.raw(request[0], f"/{POOL}/{request[1]}", *request[2:]) for name, request in requests.items()
    }
    answers["inserted 200"] = await at.raw("GET", f"/.well-known/oauth-authorization-server/{POOL}")
    answers["inserted 404"] = await at.raw("GET", "/.well-known/oauth-authorization-server/none")
    answers["inserted 405"] = await at.raw("POST", f"/.well-known/openid-configuration/{POOL}")
    answers["unknown pool 404"] = await at.raw("GET", "/none/oauth2/authorize")
    answers["unknown pool's token 404"] = await at.raw("POST", "/none/oauth2/token", b"", [FORM], b"a=b")
    answers["unknown page 404"] = await at.raw("GET", f"/{POOL}/nothing")
    answers["root 404"] = await at.raw("GET", "/")
    answers["healthz 200"] = await at.raw("GET", "/healthz")
    answers["healthz 405"] = await at.raw("POST", "/healthz")
    answers["readyz 200"] = await at.raw("GET", "/readyz")
    asset = re.findall(r'href="(/static/[^"]+\.css)"', pages.text)[0]
    answers["static 200"] = await at.raw("GET", asset)
    answers["static 304"] = await at.raw(
        "GET", asset, b"", [(b"if-none-match", (answers["static 200"].header("etag") or "").encode())]
    )
    answers["static 404"] = await at.raw("GET", "/static/none.css")
    for fault, status in ((StoreUnavailable(), 503), (RuntimeError("broken"), 500)):
        for role in roles:
            role.fault = fault
        answers[f"authorize {status}"] = await at.raw("GET", f"/{POOL}/oauth2/authorize", ask, [(b"cookie", cookie)])
        answers[f"login {status}"] = await at.raw("GET", f"/{POOL}/login", login, [(b"cookie", cookie)])
        answers[f"token {status}"] = await at.raw("POST", f"/{POOL}/oauth2/token", b"", [FORM, web], redeem)
        answers[f"userinfo {status}"] = await at.raw("GET", f"/{POOL}/oauth2/userInfo", b"", [bearer])
    return answers


def httpx_basic(client_id: str, secret: str) -> tuple[bytes, bytes]:
    import base64

    return b"authorization", b"Basic " + base64.b64encode(f"{client_id}:{secret}".encode())


@each("base_url", {"http": BASE, "https": HTTPS})
async def test_every_answer_of_every_route_carries_its_headers(base_url: str) -> None:
    """W3 (ASVS V3.4, V14.3)."""
    async with breakable(base_url) as (at, roles):
        answers = await every_answer(at, roles)
        assert len(answers) > 45
        ids = set()
        for name, answer in answers.items():
            expected = re.findall(r"\b([1-5][0-9][0-9])\b", name)
            assert answer.status == int(expected[0] if expected else 204), (name, answer)
            assert answer.values("x-content-type-options") == ["nosniff"], name
            (policy,) = answer.values("content-security-policy")
            assert "default-src 'none'" in policy, name
            assert "frame-ancestors 'none'" in policy, name
            assert "unsafe" not in policy, name
            (ident,) = answer.values("x-request-id")
            ids.add(ident)
            hsts = answer.values("strict-transport-security")
            assert hsts == (["max-age=31536000; includeSubDomains"] if base_url == HTTPS else []), name
            assert not answer.values("server") + answer.values("x-powered-by"), name
            if "html" in (answer.header("content-type") or ""):
                assert answer.values("referrer-policy") == ["same-origin"], name
                assert answer.values("x-frame-options") == ["DENY"], name
                assert answer.values("cross-origin-opener-policy") == ["same-origin"], name
                assert answer.values("cross-origin-resource-policy") == ["same-origin"], name
                assert re.search(r"script-src 'nonce-[\w-]{22}';", policy), name
                assert "object-src 'none'" in policy, name
                assert "base-uri 'none'" in policy, name
                assert ident in answer.body.decode() or 'id="error"' not in answer.body.decode(), name
            public = name in {
                "jwks 200",
                "discovery 200",
                "inserted 200",
                "static 200",
                "static 304",
                "token preflight",
            }
            if not public:
                assert "no-store" in (answer.header("cache-control") or ""), name
            if answer.values("set-cookie"):
                assert "no-store" in (answer.header("cache-control") or ""), name  # W20
            assert (answer.status in {429, 503}) is bool(answer.values("retry-after")), name
        assert len(ids) == len(answers)


async def test_a_page_is_never_the_same_twice_in_what_must_be_unguessable() -> None:
    async with house() as at:
        browser = at.browser()
        page = await browser.login_page()
        policies = [(await browser.http.get(str(page.url))).headers["content-security-policy"] for _ in range(3)]
        nonces = {re.findall(r"'nonce-([^']+)'", policy)[0] for policy in policies}
        assert len(nonces) == 3
        assert all(len(nonce) == 22 for nonce in nonces)


# ---------------------------------------------------------------------------------------------------- cookies


def flags(header: str) -> set[str]:
    return {part.strip() for part in header.split(";")[1:]}


@each("base_url", {"http": BASE, "https": HTTPS})
async def test_every_cookie_is_held_as_tightly_as_the_origin_allows(base_url: str) -> None:
    """W4 (ASVS 3.3): prefix, Secure, HttpOnly, SameSite, Path, no Domain."""
    async with house(base_url=base_url) as at:
        browser = at.browser()
        secure = base_url == HTTPS
        prefix = "__Host-" if secure else ""
        tight = {"Path=/", "HttpOnly", "SameSite=Lax"} | ({"Secure"} if secure else set())
        started = await browser.authorize()
        header = started.headers["set-cookie"]
        assert header.startswith(f"{prefix}{POOL}-browser=")
        assert flags(header) == tight | {"Max-Age=34560000"}
        page = await browser.open(started)
        picked = (await browser.http.get(f"{page.url}&lang=ko")).headers["set-cookie"]
        assert picked.startswith(f"{prefix}poolgate-language=ko;")
        assert flags(picked) == tight | {"Max-Age=34560000"}
        assert (await browser.login_page()).headers["content-language"] == "ko"
        page = await browser.open(await browser.submit(page, step="identifier", username="ada"))
        done = await browser.submit(page, step="password", password=PASSWORD)
        assert done.headers["set-cookie"].startswith(f"{prefix}{POOL}-session=")
        assert flags(done.headers["set-cookie"]) == tight
        code = answered(done)["code"]
        hint = (await browser.redeem(code)).json()["id_token"]
        out = await browser.http.get(f"{browser.issuer}/oauth2/logout", params={"id_token_hint": hint})
        assert out.headers["set-cookie"].startswith(f"{prefix}{POOL}-session=;")
        assert flags(out.headers["set-cookie"]) == tight | {"Max-Age=0"}


async def test_on_https_a_cookie_without_the_prefix_is_not_looked_at() -> None:
    """A sibling domain or plain http can set the bare name, and must not reach us with it."""
    async with house(base_url=HTTPS) as at:
        browser = at.browser()
        secret = await browser.arrive()
        assert "code=" in (await browser.authorize()).headers["location"]
        tossed = at.browser()
        tossed.set_cookie(f"{POOL}-session", secret)
        assert "/login?" in (await tossed.authorize()).headers["location"]


@each("change", {"truncated": lambda v: v[:-1], "extended": lambda v: v + "A", "other case": str.swapcase})
async def test_a_session_cookie_is_its_exact_characters(change: Any) -> None:
    """W4."""
    async with house() as at:
        browser = at.browser()
        secret = await browser.arrive()
        browser.set_cookie(f"{POOL}-session", change(secret))
        assert "/login?" in (await browser.authorize()).headers["location"]
        browser.set_cookie(f"{POOL}-session", secret)
        assert "code=" in (await browser.authorize()).headers["location"]


async def test_only_a_digest_of_a_session_cookie_and_of_a_code_is_stored() -> None:
    """S14."""
    async with house() as at:
        browser = at.browser()
        secret, code = await browser.arrive(), await browser.code()
        tokens = await browser.tokens()
        page = await browser.login_page(prompt="login")
        stored = repr([vars(role) for role in (at.stores.sessions, at.stores.one_time, at.stores.grants)])
        assert claims(tokens["access_token"])["sid"] in stored
        for canary in (secret, code, tokens["refresh_token"], browser.cookie("browser") or ""):
            assert len(canary) >= 43
            assert canary not in stored
        assert str(page.url).rpartition("=")[2] in stored


# ---------------------------------------------------------------------------------------------------- hosts


HOSTS = {
    "no host": [],
    "in capitals": [(b"host", b"LocalHost:8000")],
    "another name of loopback": [(b"host", b"127.0.0.1:8000")],
    "forwarded host": [(b"host", b"localhost:8000"), (b"x-forwarded-host", b"evil.example")],
    "forwarded scheme": [(b"host", b"localhost:8000"), (b"x-forwarded-proto", b"https")],
    "forwarded": [(b"host", b"localhost:8000"), (b"forwarded", b"host=evil.example;proto=https")],
    "forwarded prefix": [(b"host", b"localhost:8000"), (b"x-forwarded-prefix", b"/evil")],
    "original address": [(b"host", b"localhost:8000"), (b"x-original-url", b"/evil"), (b"x-rewrite-url", b"/evil")],
}


@each("headers", HOSTS)
async def test_no_header_changes_who_we_are(headers: list[tuple[bytes, bytes]]) -> None:
    """W6: issuer, links and redirects come from the settings alone."""
    async with house() as at:
        browser = at.browser()
        ask = urlencode(browser.request()).encode()
        paths = {
            f"/{POOL}/.well-known/openid-configuration": b"",
            f"/.well-known/openid-configuration/{POOL}": b"",
            f"/{POOL}/oauth2/authorize": ask,
            f"/{POOL}/login": ask,
            f"/{POOL}/logout": b"",
            f"/{POOL}/oauth2/logout": b"",
            "/healthz/": b"",
            f"/{POOL}/login/": b"",
            f"/{POOL}": b"",
            "//evil.example/": b"",
            "/nothing": b"",
        }
        for path, query in paths.items():
            usual = await at.raw("GET", path, query, [(b"host", b"localhost:8000")])
            answer = await at.raw("GET", path, query, headers)
            assert answer.status == usual.status, path
            assert b"evil.example/cb" not in answer.body
            assert "evil" not in (answer.header("location") or "")
            location = answer.header("location")
            assert location is None or location.startswith(f"{ISSUER}/"), location
            assert answer.body.count(b"http://localhost:8000/") == usual.body.count(b"http://localhost:8000/")
        token = await at.raw(
            "POST",
            f"/{POOL}/oauth2/token",
            b"",
            [*headers, FORM, httpx_basic("machine", SECRET)],
            form(grant_type="client_credentials"),
        )
        import orjson

        assert claims(orjson.loads(token.body)["access_token"])["iss"] == ISSUER


OTHER_HOSTS = {
    "another host": [(b"host", b"evil.example")],
    "our name under another": [(b"host", b"localhost.evil.example:8000")],
    "another port": [(b"host", b"localhost:1")],
    "no port": [(b"host", b"localhost")],
    "two hosts": [(b"host", b"localhost:8000"), (b"host", b"evil.example")],
    "a path in the host": [(b"host", b"localhost:8000/evil?x=")],
    "an empty host": [(b"host", b"")],
}


@each("headers", OTHER_HOSTS)
async def test_another_host_is_refused_and_its_twin_is_not(headers: list[tuple[bytes, bytes]]) -> None:
    """DESIGN 4, DNS rebinding. Probes call us by address, and learn nothing."""
    async with house() as at:
        for path in (f"/{POOL}/.well-known/openid-configuration", f"/{POOL}/login", "/nothing"):
            refused = await at.raw("GET", path, b"", headers)
            assert refused.status == 400
            assert b"by that Host" in refused.body
            assert (await at.raw("GET", path, b"", [(b"host", b"localhost:8000")])).body != refused.body
        assert (await at.raw("GET", "/healthz", b"", headers)).status == 200


@each(
    "case",
    {
        "https": ("https://login.example", b"login.example", True),
        "https with its port": ("https://login.example", b"login.example:443", True),
        "https on another port": ("https://login.example:8443", b"login.example", False),
        "loopback means nothing there": ("https://login.example", b"localhost", False),
        "IPv6": ("http://[::1]:8000", b"[::1]:8000", True),
    },
)
async def test_the_host_is_that_of_the_base_url(case: tuple[str, bytes, bool]) -> None:
    base_url, host, ours = case
    async with house(base_url=base_url) as at:
        answer = await at.raw("GET", f"/{POOL}/.well-known/jwks.json", b"", [(b"host", host)])
        assert answer.status == (200 if ours else 400)


INJECTED = (
    "x\r\nSet-Cookie: evil=1",
    "x\nLocation: https://evil.example",
    "x%0d%0aX-Evil: 1",
    "x\0y",
    "\u2028",
    "\u560d\u560a",
)


@each("text", INJECTED)
@each("name", ("state", "nonce", "login_hint", "ui_locales", "foo"))
async def test_line_breaks_in_parameters_make_no_headers(name: str, text: str) -> None:
    """W5."""
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        for changes in ({}, {"prompt": "login"}, {"scope": "nonsense"}):
            query = urlencode(browser.request(**{name: text}) | changes).encode()
            answer = await at.raw(
                "GET",
                f"/{POOL}/oauth2/authorize",
                query,
                [(b"cookie", f"{POOL}-session={browser.cookie('session')}".encode())],
            )
            assert answer.status == 302
            for key, value in answer.headers:
                assert re.fullmatch(rb"[a-z0-9-]+", key)
                assert re.fullmatch(rb"[\x20-\x7e]*", value), (key, value)
            assert not answer.values("x-evil")
            assert all("evil" not in v for v in answer.values("set-cookie"))


# ---------------------------------------------------------------------------------------------------- CORS, methods

OPEN = {
    "oauth2/token": "POST",
    "oauth2/userInfo": "GET",
    "oauth2/revoke": "POST",
    ".well-known/jwks.json": "GET",
    ".well-known/openid-configuration": "GET",
}
CLOSED = {"oauth2/authorize": "GET", "oauth2/logout": "GET", "login": "GET", "logout": "GET"}


async def ask_across(at: House, method: str, path: str) -> Raw:
    headers = [
        (b"origin", b"https://spa.example"),
        (b"access-control-request-method", b"POST"),
        (b"access-control-request-headers", b"authorization,content-type"),
    ]
    return await at.raw(method, f"/{POOL}/{path}", b"", headers)


@each("path", tuple(OPEN))
async def test_pages_of_any_origin_may_call_the_machines_endpoints_without_credentials(path: str) -> None:
    """DESIGN 4: also when refused, or a single-page application could not read why."""
    async with house() as at:
        preflight = await ask_across(at, "OPTIONS", path)
        assert (preflight.status, preflight.body) == (204, b"")
        assert preflight.values("access-control-allow-origin") == ["*"]
        assert "POST" in (preflight.header("access-control-allow-methods") or "")
        assert "authorization" in (preflight.header("access-control-allow-headers") or "")
        for method in (OPEN[path], "DELETE"):
            answer = await ask_across(at, method, path)
            assert answer.values("access-control-allow-origin") == ["*"], (method, answer)
        assert not preflight.values("access-control-allow-credentials")


@each("path", tuple(CLOSED))
async def test_pages_of_other_origins_may_not_read_a_persons_pages(path: str) -> None:
    """O26."""
    async with house() as at:
        for method in ("OPTIONS", "GET", "POST", "DELETE"):
            answer = await ask_across(at, method, path)
            assert not [k for k, _ in answer.headers if k.startswith(b"access-control")], (method, answer)
        assert (await ask_across(at, "OPTIONS", path)).status == 405


async def test_a_refused_userinfo_lets_pages_read_the_challenge() -> None:
    async with house() as at:
        answer = await ask_across(at, "GET", "oauth2/userInfo")
        assert answer.values("access-control-expose-headers") == ["WWW-Authenticate"]


METHODS = {
    "oauth2/token": "POST",
    "oauth2/userInfo": "GET, POST, HEAD",
    "oauth2/revoke": "POST",
    ".well-known/jwks.json": "GET, HEAD",
    ".well-known/openid-configuration": "GET, HEAD",
    "oauth2/authorize": "GET, POST, HEAD",
    "oauth2/logout": "GET, POST, HEAD",
    "login": "GET, HEAD, POST",
    "logout": "GET, HEAD, POST",
}


@each("path", tuple(METHODS))
async def test_a_method_that_is_not_taken_says_which_are(path: str) -> None:
    """W23: TRACE included."""
    async with house() as at:
        allowed = METHODS[path]
        for method in (
            "GET",
            "HEAD",
            "POST",
            "PUT",
            "PATCH",
            "DELETE",
            "TRACE",
            "CONNECT",
            "PROPFIND",
            "get",
            "X" * 50,
        ):
            answer = await at.raw(method, f"/{POOL}/{path}")
            assert (answer.status == 405) is (method not in allowed.split(", ")), method
            assert answer.values("allow") == ([allowed] if answer.status == 405 else [])


async def test_the_servers_own_pages_take_get_alone() -> None:
    async with house() as at:
        for path in ("/healthz", "/readyz", f"/.well-known/openid-configuration/{POOL}"):
            answer = await at.raw("POST", path)
            assert answer.status == 405
            assert "GET" in (answer.header("allow") or "")
            assert (await at.raw("GET", path)).status == 200


@each("path", (".well-known/jwks.json", "oauth2/authorize", "login", "logout"))
async def test_head_answers_as_get_does(path: str) -> None:
    async with house() as at:
        query = urlencode(at.browser().request()).encode() if "authorize" in path else b""
        get, head = [await at.raw(method, f"/{POOL}/{path}", query) for method in ("GET", "HEAD")]
        assert head.status == get.status
        volatile = {b"x-request-id", b"content-security-policy", b"location", b"set-cookie"}
        assert [h for h in head.headers if h[0] not in volatile] == [h for h in get.headers if h[0] not in volatile]


async def test_a_post_to_a_persons_endpoint_is_sent_on_by_303_alone() -> None:
    """O26: 307 and 308 would send the form, and what secrets it holds, to another place."""
    async with house() as at:
        browser = at.browser()
        for path in ("oauth2/authorize", "oauth2/logout"):
            answer = await browser.http.post(f"{ISSUER}/{path}", data=browser.request())
            assert answer.status_code == 303
            assert answer.headers["location"].startswith(f"{ISSUER}/{path}?")


async def test_paths_are_what_they_are() -> None:
    """W6, O5: no spelling of a path leads anywhere else."""
    async with house() as at:
        for path in (
            f"/{POOL}/oauth2/token/",
            f"/{POOL}//oauth2/token",
            f"/{POOL}/OAUTH2/TOKEN",
            f"/{POOL.lower()}/oauth2/token",
            f"/{POOL}/oauth2/userinfo",
            f"/{POOL}/./oauth2/token",
            f"/x/../{POOL}/oauth2/token",
            f"/{POOL}%2Foauth2/token",
            f"/{POOL}\0/oauth2/token",
            "/.well-known/oauth2/token",
            "/../etc/passwd",
            "/static/../pages.css",
            "/static/..%2fsecrets",
            "/" + "x" * 5000,
            "",
        ):
            answer = await at.raw("GET", path)
            assert answer.status in {404, 405}, path
            assert "location" not in [k.decode() for k, _ in answer.headers]
        assert (await at.raw("POST", f"/{POOL}/oauth2/token")).status == 400


async def test_other_protocols_get_no_answer_from_the_endpoints() -> None:
    async with house() as at:
        app: Gate = at.app
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "websocket",
            "path": f"/{POOL}/oauth2/token",
            "headers": [],
            "query_string": b"",
            "subprotocols": [],
        }
        await app(scope, receive, send)
        assert [m["type"] for m in sent] == ["websocket.close"]


async def test_a_peer_that_hangs_up_gets_nothing() -> None:
    async with house() as at:
        gone = await at.raw("POST", f"/{POOL}/oauth2/token", b"", [FORM], [])
        assert gone == Raw(0, [], b"")
        half = Browser(at, at.browser().http, ISSUER)
        assert (await half.token("machine", grant_type="client_credentials")).status_code == 200


async def test_a_signed_out_page_without_a_session_needs_no_cookie() -> None:
    async with house() as at:
        answer = await at.browser().http.get(f"{ISSUER}/logout", params={"client_id": "web", "logout_uri": SIGNED_OUT})
        assert "set-cookie" not in answer.headers
