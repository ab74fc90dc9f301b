"""Every parameter of every endpoint: missing, empty, repeated, oversized, of the wrong type, in the wrong encoding.

Each row names what is expected; whatever it is, there is an answer, never a server error, and never a redirect to an
address that is not the client's registered one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlencode, urlsplit

import orjson
import pytest

from tests.journeys.house import (
    CALLBACK,
    ISSUER,
    ORDERS,
    PASSWORD,
    POOL,
    SECRET,
    SIGNED_OUT,
    VERIFIER,
    Browser,
    House,
    Raw,
    each,
    hidden,
    house,
)

pytestmark = pytest.mark.anyio

FORM = (b"content-type", b"application/x-www-form-urlencoded")

Pairs = list[tuple[str, str]]


@dataclass
class Case:
    """One endpoint, ready to be asked: the good parameters, and how they are sent."""

    at: House
    browser: Browser
    method: str
    path: str
    good: dict[str, str]
    headers: list[tuple[bytes, bytes]]
    query: bytes = b""

    async def send(self, pairs: Pairs | bytes) -> Raw:
        text = pairs if isinstance(pairs, bytes) else urlencode(pairs).encode()
        headers = [*self.headers, (b"cookie", self.cookies())]
        if self.method == "GET":
            return await self.at.raw("GET", self.path, text, headers)
        return await self.at.raw("POST", self.path, self.query, [FORM, *headers], text)

    def cookies(self) -> bytes:
        kinds = {kind: self.browser.cookie(kind) for kind in ("session", "browser")}
        return "; ".join(f"{POOL}-{kind}={value}" for kind, value in kinds.items() if value).encode()


def outcome(answer: Raw) -> str:
    """What an answer says, in a word: the error's code, or what was given."""
    assert answer.status < 500, answer
    assert answer.header("x-request-id")
    location = answer.header("location")
    if location is not None:
        place, _, _ = location.partition("?")
        assert place in {CALLBACK, SIGNED_OUT, f"{ISSUER}/login", f"{ISSUER}/logout", f"{ISSUER}/oauth2/authorize"}, (
            location
        )
        said = parse_qs(urlsplit(location).query)
        if place == CALLBACK:
            return said["error"][0] if "error" in said else "code"
        return {SIGNED_OUT: "returned", f"{ISSUER}/logout": "asked"}.get(place, "page")
    if answer.body.startswith(b"{"):
        body = orjson.loads(answer.body)
        assert "error" not in body or set(body) == {"error", "error_description"}
        return f"{answer.status} {body['error']}" if "error" in body else "given"
    if b'id="error"' in answer.body:
        return f"{answer.status} " + answer.body.decode().split('data-code="')[1].split('"')[0]
    return f"{answer.status}"


async def authorize(at: House) -> Case:
    browser = at.browser()
    await browser.arrive()
    good = browser.request(max_age="1000", prompt="consent", login_hint="ada", ui_locales="en", acr_values="x")
    good |= {"claims": "{}", "resource": ORDERS, "display": "page", "response_mode": "query"}
    del good["prompt"]
    return Case(at, browser, "GET", f"/{POOL}/oauth2/authorize", good, [])


async def code_grant(at: House) -> Case:
    browser = at.browser()
    good = {
        "grant_type": "authorization_code",
        "code": await browser.code(client_id="post"),
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
        "client_id": "post",
        "client_secret": SECRET,
    }
    return Case(at, browser, "POST", f"/{POOL}/oauth2/token", good, [])


async def refresh_grant(at: House) -> Case:
    browser = at.browser()
    first = await browser.redeem(await browser.code(client_id="post"), "post", None, client_secret=SECRET)
    good = {
        "grant_type": "refresh_token",
        "refresh_token": first.json()["refresh_token"],
        "scope": "openid",
        "client_id": "post",
        "client_secret": SECRET,
    }
    return Case(at, browser, "POST", f"/{POOL}/oauth2/token", good, [])


async def machine_grant(at: House) -> Case:
    await at.change_client("machine", token_endpoint_auth_method="client_secret_post")
    good = {
        "grant_type": "client_credentials",
        "scope": f"{ORDERS}/read",
        "resource": ORDERS,
        "client_id": "machine",
        "client_secret": SECRET,
    }
    return Case(at, at.browser(), "POST", f"/{POOL}/oauth2/token", good, [])


async def revoke(at: House) -> Case:
    browser = at.browser()
    first = await browser.redeem(await browser.code(client_id="post"), "post", None, client_secret=SECRET)
    good = {
        "token": first.json()["refresh_token"],
        "token_type_hint": "refresh_token",
        "client_id": "post",
        "client_secret": SECRET,
    }
    return Case(at, browser, "POST", f"/{POOL}/oauth2/revoke", good, [])


async def end_session(at: House) -> Case:
    browser = at.browser()
    tokens = await browser.tokens()
    good = {
        "id_token_hint": tokens["id_token"],
        "client_id": "web",
        "post_logout_redirect_uri": SIGNED_OUT,
        "state": "bye",
    }
    return Case(at, browser, "GET", f"/{POOL}/oauth2/logout", good, [])


async def user_info(at: House) -> Case:
    browser = at.browser()
    tokens = await browser.tokens()
    bearer = (b"authorization", b"Bearer " + tokens["access_token"].encode())
    return Case(at, browser, "GET", f"/{POOL}/oauth2/userInfo", {"ignored": "x"}, [bearer])


async def login(at: House) -> Case:
    browser = at.browser()
    page = await browser.login_page()
    good = hidden(page, "identifier") | {"username": "ada", "password": PASSWORD}
    return Case(at, browser, "POST", f"/{POOL}/login", good, [], page.url.query)


MAKERS: Mapping[str, Any] = {
    "authorize": authorize,
    "code": code_grant,
    "refresh": refresh_grant,
    "machine": machine_grant,
    "revoke": revoke,
    "logout": end_session,
    "userinfo": user_info,
    "login": login,
}

GOOD = {
    "authorize": "code", "code": "given", "refresh": "given", "machine": "given", "revoke": "200", "logout": "returned",
    "userinfo": "given", "login": "code",
}  # fmt: skip

TWICE = "400 invalid_request"
CLIENT = "401 invalid_client"
GRANT = "400 invalid_grant"
BAD = "400 invalid_request"

# endpoint, parameter: missing or empty, repeated, oversized, of the wrong kind
TABLE: dict[tuple[str, str], tuple[str, str, str, str]] = {
    ("authorize", "response_type"): ("invalid_request", "invalid_request", "unsupported_response_type", "unsupported_response_type"),
    ("authorize", "client_id"): ("400 invalid_client", BAD, "400 invalid_client", "400 invalid_client"),
    ("authorize", "redirect_uri"): ("invalid_request", BAD, BAD, BAD),
    ("authorize", "scope"): ("code", "invalid_request", "invalid_scope", "invalid_scope"),
    ("authorize", "state"): ("code", "invalid_request", "invalid_request", "code"),
    ("authorize", "nonce"): ("code", "invalid_request", "invalid_request", "code"),
    ("authorize", "code_challenge"): ("invalid_request", "invalid_request", "invalid_request", "invalid_request"),
    ("authorize", "code_challenge_method"): ("invalid_request", "invalid_request", "invalid_request", "invalid_request"),
    ("authorize", "max_age"): ("code", "invalid_request", "invalid_request", "invalid_request"),
    ("authorize", "login_hint"): ("code", "invalid_request", "invalid_request", "code"),
    ("authorize", "ui_locales"): ("code", "invalid_request", "invalid_request", "code"),
    ("authorize", "acr_values"): ("code", "invalid_request", "invalid_request", "code"),
    ("authorize", "claims"): ("code", "invalid_request", "invalid_request", "invalid_request"),
    ("authorize", "resource"): ("code", "invalid_target", "invalid_target", "invalid_target"),
    ("authorize", "response_mode"): ("code", "invalid_request", "invalid_request", "invalid_request"),
    ("authorize", "display"): ("code", "invalid_request", "code", "code"),
    ("code", "grant_type"): (BAD, TWICE, "400 unsupported_grant_type", "400 unsupported_grant_type"),
    ("code", "code"): (BAD, TWICE, GRANT, GRANT),
    ("code", "redirect_uri"): (GRANT, TWICE, GRANT, GRANT),
    ("code", "code_verifier"): (BAD, TWICE, BAD, BAD),
    ("code", "client_id"): (CLIENT, TWICE, CLIENT, CLIENT),
    ("code", "client_secret"): (CLIENT, TWICE, CLIENT, CLIENT),
    ("refresh", "grant_type"): (BAD, TWICE, "400 unsupported_grant_type", "400 unsupported_grant_type"),
    ("refresh", "refresh_token"): (BAD, TWICE, GRANT, GRANT),
    ("refresh", "scope"): ("given", TWICE, "400 invalid_scope", "400 invalid_scope"),
    ("refresh", "client_id"): (CLIENT, TWICE, CLIENT, CLIENT),
    ("refresh", "client_secret"): (CLIENT, TWICE, CLIENT, CLIENT),
    ("machine", "grant_type"): (BAD, TWICE, "400 unsupported_grant_type", "400 unsupported_grant_type"),
    ("machine", "scope"): ("given", TWICE, "400 invalid_scope", "400 invalid_scope"),
    ("machine", "resource"): ("given", "400 invalid_target", "400 invalid_target", "400 invalid_target"),
    ("machine", "client_id"): (CLIENT, TWICE, CLIENT, CLIENT),
    ("machine", "client_secret"): (CLIENT, TWICE, CLIENT, CLIENT),
    ("revoke", "token"): (BAD, TWICE, "200", "200"),
    ("revoke", "token_type_hint"): ("200", TWICE, "200", "200"),
    ("revoke", "client_id"): (CLIENT, TWICE, CLIENT, CLIENT),
    ("revoke", "client_secret"): (CLIENT, TWICE, CLIENT, CLIENT),
    ("logout", "id_token_hint"): ("asked", TWICE, "asked", "asked"),
    ("logout", "client_id"): ("returned", TWICE, "asked", "asked"),
    ("logout", "post_logout_redirect_uri"): ("asked", TWICE, "asked", "asked"),
    ("logout", "state"): ("returned", TWICE, "returned", "returned"),
    ("userinfo", "ignored"): ("given", "given", "given", "given"),
    ("login", "csrf"): ("403 csrf", "code", "403 csrf", "403 csrf"),
    ("login", "step"): ("page", "code", "page", "page"),
    ("login", "username"): ("422", "code", "422", "422"),
    ("login", "password"): ("page", "code", "422", "422"),
}  # fmt: skip

WRONG = "\u00e9\u4e2d\0'\"<>|{}"


@each("row", {f"{endpoint} {name}": (endpoint, name) for endpoint, name in TABLE})
async def test_a_bad_parameter_has_the_answer_that_the_specification_names(row: tuple[str, str]) -> None:
    endpoint, name = row
    missing, repeated, oversized, wrong = TABLE[row]
    async with house() as at:
        make = MAKERS[endpoint]
        case: Case = await make(at)
        rest = [(k, v) for k, v in case.good.items() if k != name]
        own = case.good[name]
        variants: list[tuple[str, Pairs, str]] = [
            ("missing", rest, missing),
            ("empty", [*rest, (name, "")], missing),
            # The one parameter that may repeat may also be empty once (RFC 8707 2).
            ("empty and given", [*rest, (name, ""), (name, own)], GOOD[endpoint] if name == "resource" else repeated),
            ("repeated", [*rest, (name, own), (name, own)], repeated),
            ("repeated with another", [*rest, (name, own), (name, "other")], repeated),
            ("oversized", [*rest, (name, "x" * 9000)], oversized),
            ("wrong", [*rest, (name, WRONG)], wrong),
        ]
        for kind, pairs, expected in variants:
            fresh = expected in {"code", "given", "200", "returned"}
            asked: Case = await make(at) if fresh else case
            sent = [(k, asked.good.get(k, v) if v == case.good.get(k) else v) for k, v in pairs]
            assert outcome(await asked.send(sent)) == expected, kind
        last: Case = await make(at)
        assert outcome(await last.send(list(last.good.items()))) == GOOD[endpoint]


ENCODINGS = {
    "not UTF-8": b"%ff%fe",
    "raw bytes": b"\xff\xfe",
    "overlong": b"%c0%af",
    "surrogate": b"%ed%a0%80",
    "UTF-16": "x".encode("utf-16"),
    "half an escape": b"%c3",
}


@each("encoding", ENCODINGS)
@each("endpoint", tuple(MAKERS))
async def test_a_parameter_in_the_wrong_encoding_is_an_invalid_request(endpoint: str, encoding: bytes) -> None:
    """Nothing can be read from such a request, so nothing is redirected either."""
    async with house() as at:
        case: Case = await MAKERS[endpoint](at)
        good = urlencode(case.good).encode()
        expected = "given" if endpoint == "userinfo" else BAD
        for sent in (good + b"&x=" + encoding, good + b"&" + encoding + b"=x", b"x=" + encoding + b"&" + good):
            assert outcome(await case.send(sent)) == expected
        assert outcome(await case.send(good + b"&x=%C3%A9%zz+%20")) == GOOD[endpoint]


@each("endpoint", tuple(MAKERS))
async def test_too_many_parameters_are_an_invalid_request(endpoint: str) -> None:
    """D2."""
    async with house() as at:
        case: Case = await MAKERS[endpoint](at)
        good = list(case.good.items())
        many = [(f"p{n}", "x") for n in range(101 - len(good))]
        expected = "given" if endpoint == "userinfo" else BAD
        assert outcome(await case.send([*good, *many])) == expected
        assert outcome(await case.send(b"&" * 10_000 + urlencode(good).encode())) == expected
        assert outcome(await case.send([*good, *many[1:]])) == GOOD[endpoint]


BODIES = ("code", "refresh", "machine", "revoke", "login")


@each("endpoint", BODIES)
async def test_a_body_has_at_most_64_kilobytes(endpoint: str) -> None:
    """D2: refused as soon as it is seen, whatever the length header says, and in whatever pieces it comes."""
    async with house() as at:
        case: Case = await MAKERS[endpoint](at)
        good = urlencode(case.good).encode()
        most = 64 * 1024
        full = good + b"&x=" + b"x" * (most - len(good) - 3)
        large = full + b"x"
        headers = [FORM, *case.headers, (b"cookie", case.cookies())]
        for body in (large, [large], [large[:40_000], large[40_000:]], [b"x" * 1000] * 66):
            answer = await at.raw("POST", case.path, case.query, headers, body)
            assert answer.status == 413
            assert outcome(answer) == ("413 too_large" if endpoint == "login" else BAD.replace("400", "413"))
        for length in (b"65537", b"9" * 5000, b"00000000000000065537"):
            sized = [*headers, (b"content-length", length)]
            assert (await at.raw("POST", case.path, case.query, sized, good)).status == 413
        for length in (b"", b"-1", b"x", b"\xb2", b"1e9"):
            sized = [*headers, (b"content-length", length)]
            assert (await at.raw("POST", case.path, case.query, sized, [])).status == 0
        assert (
            outcome(await at.raw("POST", case.path, case.query, headers, [full[:30_000], full[30_000:]]))
            == GOOD[endpoint]
        )


TYPES: dict[str, list[tuple[bytes, bytes]]] = {
    "none": [],
    "empty": [(b"content-type", b"")],
    "JSON": [(b"content-type", b"application/json")],
    "text": [(b"content-type", b"text/plain")],
    "multipart": [(b"content-type", b"multipart/form-data; boundary=x")],
    "UTF-7": [(b"content-type", b"text/plain; charset=utf-7")],
    "alike": [(b"content-type", b"application/x-www-form-urlencodedx")],
    "listed": [(b"content-type", b"text/plain, application/x-www-form-urlencoded")],
    "gzip": [FORM, (b"content-encoding", b"gzip")],
    "identity": [FORM, (b"content-encoding", b"identity")],
}


@each("headers", TYPES)
@each("endpoint", BODIES)
async def test_a_body_of_another_kind_is_an_invalid_request(endpoint: str, headers: list[tuple[bytes, bytes]]) -> None:
    """D2, W23."""
    async with house() as at:
        case: Case = await MAKERS[endpoint](at)
        body = urlencode(case.good).encode()
        cookie = (b"cookie", case.cookies())
        assert outcome(await at.raw("POST", case.path, case.query, [*headers, cookie], body)) == BAD
        kind = (b"content-type", b"Application/X-WWW-Form-Urlencoded; charset=UTF-8")
        assert outcome(await at.raw("POST", case.path, case.query, [kind, cookie], body)) == GOOD[endpoint]


@each("endpoint", ("authorize", "logout", "userinfo", "login"))
async def test_a_query_has_at_most_32_kilobytes(endpoint: str) -> None:
    async with house() as at:
        case: Case = await MAKERS[endpoint](at)
        path = case.path
        answer = await at.raw("GET", path, b"x=" + b"y" * 33_000, [*case.headers, (b"cookie", case.cookies())])
        assert answer.status == (200 if endpoint == "userinfo" else 413)
        assert (await at.raw("GET", path, b"x=" + b"y" * 32_000, case.headers)).status != 413


async def test_a_posted_authorization_request_that_is_too_long_for_an_address_is_too_large() -> None:
    async with house() as at:
        browser = at.browser()
        good = urlencode(browser.request()).encode()
        sent_on = await at.raw("POST", f"/{POOL}/oauth2/authorize", b"", [FORM], good + b"&x=" + b"x" * 40_000)
        assert sent_on.status == 303
        query = (sent_on.header("location") or "").partition("?")[2].encode()
        assert (await at.raw("GET", f"/{POOL}/oauth2/authorize", query)).status == 413


def test_the_table_names_every_parameter() -> None:
    """A parameter that is added to an endpoint's good request must get its row."""
    for endpoint, name in TABLE:
        assert endpoint in MAKERS
        assert quote_plus(name) == name
    assert {endpoint for endpoint, _ in TABLE} == set(MAKERS)
