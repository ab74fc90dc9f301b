"""The authorization endpoint under attack: redirect URIs, response types, repeated and misplaced parameters."""

from urllib.parse import urlencode

import pytest

from authserver.model.clients import redirect_uri_fault
from authserver.pages.security import form_target
from tests.journeys.house import CALLBACK, CLIENTS, ISSUER, POOL, Browser, answered, client, each, error_code, house

pytestmark = pytest.mark.anyio


async def stays(browser: Browser, code: str = "invalid_request", **changes: str | None) -> None:
    """The request ends on our own page: nothing is sent anywhere."""
    answer = await browser.authorize(**changes)
    assert answer.status_code == 400, (answer.status_code, answer.headers)
    assert "location" not in answer.headers
    assert error_code(answer) == code


async def passes(browser: Browser, **changes: str | None) -> None:
    """The twin: the same request of a person who is signed in gets a code."""
    answer = await browser.authorize(**changes)
    assert answered(answer, changes.get("redirect_uri") or CALLBACK)["code"]


OFF_BY_ONE_THING = {
    "extra slash": f"{CALLBACK}/",
    "path beneath": f"{CALLBACK}/more",
    "missing path": "https://app.example.com",
    "missing name": "https://app.example.com/",
    "sibling": "https://app.example.com/callback2",
    "prefix": "https://app.example.com/callbac",
    "dots": "https://app.example.com/x/../callback",
    "dots out": f"{CALLBACK}/../evil",
    "semicolon dots": f"{CALLBACK}/..;/evil",
    "escaped dots": f"{CALLBACK}/%2e%2e/evil",
    "escaped letter": "https://app.example.com/c%61llback",
    "double slash": "https://app.example.com//callback",
    "upper host": "https://APP.example.com/callback",
    "upper path": "https://app.example.com/Callback",
    "upper scheme": "HTTPS://app.example.com/callback",
    "plain http": "http://app.example.com/callback",
    "default port": "https://app.example.com:443/callback",
    "other port": "https://app.example.com:8443/callback",
    "trailing dot": "https://app.example.com./callback",
    "homograph": "https://\u0430pp.example.com/callback",
    "punycode": "https://xn--pp-6kc.example.com/callback",
    "full width": "https://app\uff0eexample.com/callback",
    "backslash": "https://app.example.com\\callback",
    "backslash host": "https://evil.example\\@app.example.com/callback",
    "tab": f"{CALLBACK}\t",
    "newline": f"{CALLBACK}\n",
    "return": f"{CALLBACK}\r\nX-Evil: 1",
    "nul": f"{CALLBACK}\0",
    "space": f" {CALLBACK}",
    "query": f"{CALLBACK}?x=1",
    "empty query": f"{CALLBACK}?",
    "fragment": f"{CALLBACK}#f",
    "user": "https://user@app.example.com/callback",
    "user of ours": "https://app.example.com@evil.example/callback",
    "several users": "https://a@app.example.com@evil.example/callback",
    "ours as a name": "https://app.example.com.evil.example/callback",
    "dot as a wildcard": "https://appxexample.com/callback",
    "scheme relative": "//app.example.com/callback",
    "relative": "/callback",
    "javascript": "javascript:alert(1)//app.example.com/callback",
    "mixed javascript": "JaVaScRiPt:alert(1)",
    "data": "data:text/html,app.example.com/callback",
    "file": "file:///callback",
    "blob": "blob:https://app.example.com/callback",
    "localhost with a user": "http://localhost:80@evil.example/callback",
    "of another client": "https://other.example.com/cb",
    "oversized": CALLBACK + "x" * 4000,
}


@each("uri", OFF_BY_ONE_THING)
async def test_a_redirect_uri_that_differs_in_anything_gets_nothing(uri: str) -> None:
    """O1, O2."""
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        await stays(browser, redirect_uri=uri)
        assert "grant.created" not in at.kinds()
        await passes(browser, redirect_uri=CALLBACK)


LOOPBACK = {
    "port of IPv4": ("http://127.0.0.1:49152/cb", True),
    "port of IPv6": ("http://[::1]:49152/cb", True),
    "no port": ("http://127.0.0.1/cb", True),
    "other path": ("http://127.0.0.1:49152/cb2", False),
    "query": ("http://127.0.0.1:49152/cb?x=1", False),
    "name": ("http://localhost:49152/cb", False),
    "short": ("http://127.1:49152/cb", False),
    "decimal": ("http://2130706433:49152/cb", False),
    "octal": ("http://0177.0.0.1:49152/cb", False),
    "any": ("http://0.0.0.0:49152/cb", False),
    "other loopback": ("http://127.0.0.2:49152/cb", False),
    "ours as a name": ("http://127.0.0.1.evil.example:49152/cb", False),
    "long IPv6": ("http://[0:0:0:0:0:0:0:1]:49152/cb", False),
    "mapped": ("http://[::ffff:127.0.0.1]:49152/cb", False),
    "https": ("https://127.0.0.1:49152/cb", False),
    "user": ("http://127.0.0.1:1@evil.example/cb", False),
    "impossible port": ("http://127.0.0.1:70000/cb", False),
    "empty port": ("http://127.0.0.1:/cb", False),
    "fragment": ("http://127.0.0.1:49152/cb#f", False),
}


@each("case", LOOPBACK)
async def test_a_loopback_redirect_uri_may_differ_in_its_port_alone(case: tuple[str, bool]) -> None:
    """O3 (RFC 8252 7.3 and 8.3)."""
    uri, allowed = case
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        if allowed:
            await passes(browser, client_id="spa", redirect_uri=uri)
        else:
            await stays(browser, client_id="spa", redirect_uri=uri)


@each(
    "uri",
    (
        "javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "file:///etc/passwd", "blob:https://a.example/x",
        "http://app.example.com/cb", "https://app.example.com/cb#f", "https://*.example.com/cb", "https://u@app.example.com/cb",
        "http://localhost:80@evil.example", "custom:/cb", "https:///cb", "", "https://app.example.com/c b", "vbscript:x",
        "http://127.0.0.1.evil.example/cb", "https://app.example.com:99999/cb",
    ),
)  # fmt: skip
def test_a_dangerous_uri_cannot_be_registered(uri: str) -> None:
    """O2, at registration."""
    assert redirect_uri_fault(uri) is not None


@each("uri", ("https://app.example.com/cb", "http://localhost:3000/cb", "http://[::1]/cb", "com.example.app:/cb"))
async def test_what_can_be_registered_can_be_signed_in_to(uri: str) -> None:
    """The twins: such a URI passes registration, the endpoint, and the page's policy."""
    assert redirect_uri_fault(uri) is None
    async with house(clients=(client(redirect_uris=(uri,)),)) as at:
        page = await at.browser().login_page(redirect_uri=uri)
        assert form_target(uri) in page.headers["content-security-policy"]


SINGLE = (
    "response_type",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "prompt",
    "max_age",
    "foo",
)


@each("name", SINGLE)
async def test_a_repeated_parameter_is_an_error_for_the_client(name: str) -> None:
    """O4 (RFC 6749 3.1). A repeated state is nobody's, so it does not come back."""
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        query = urlencode([*browser.request(**{name: "1"} if name == "foo" else {}).items(), (name, "second")])
        answer = answered(await browser.http.get(f"{ISSUER}/oauth2/authorize?{query}"))
        assert answer["error"] == "invalid_request"
        assert answer.get("state") == (None if name == "state" else "the-state")
        assert "code" not in answer
        await passes(browser)


@each("name", ("redirect_uri", "client_id"))
async def test_a_repeated_redirect_uri_or_client_is_never_redirected(name: str) -> None:
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        for second in (browser.request()[name], "other", "https://evil.example/cb"):
            query = urlencode([*browser.request().items(), (name, second)])
            answer = await browser.http.get(f"{ISSUER}/oauth2/authorize?{query}")
            assert answer.status_code == 400
            assert error_code(answer) == "invalid_request"
        await passes(browser)


async def test_one_half_of_a_request_in_the_query_of_a_post_does_not_count() -> None:
    """O4: what a POST says, its body says; the query beside it cannot double or complete it."""
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        params = browser.request()
        evil = urlencode({"redirect_uri": "https://evil.example/cb"})
        sent_on = await browser.http.post(f"{ISSUER}/oauth2/authorize?{evil}", data=params)
        assert sent_on.status_code == 303
        assert "evil" not in sent_on.headers["location"]
        assert answered(await browser.open(sent_on))["code"]


@each(
    "fault",
    {
        "response type": {"response_type": "token"},
        "no response type": {"response_type": None},
        "scope": {"scope": "nonsense"},
        "prompt": {"prompt": "none login"},
        "no challenge": {"code_challenge": None, "code_challenge_method": None},
        "request object": {"request": "e30."},
        "request uri": {"request_uri": "https://evil.example/r"},
        "max age": {"max_age": "-1"},
        "claims": {"claims": "{"},
        "hint": {"id_token_hint": "x"},
        "response mode": {"response_mode": "form_post"},
        "resource": {"resource": "https://evil.example"},
    },
)
async def test_an_error_travels_only_to_a_proven_uri(fault: dict[str, str | None]) -> None:
    """O5: each fault with a foreign redirect URI, with a foreign client, and with both in order."""
    async with house() as at:
        browser = at.browser()
        await stays(browser, redirect_uri="https://evil.example/cb", **fault)
        await stays(browser, "invalid_client", client_id="nobody", **fault)
        answer = answered(await browser.authorize(**fault))
        assert answer["error"]
        assert answer["state"] == "the-state"
        assert answer["iss"] == ISSUER


@each(
    "case",
    {
        "token": ({"response_type": "token"}, "unsupported_response_type"),
        "id_token": ({"response_type": "id_token"}, "unsupported_response_type"),
        "both": ({"response_type": "id_token token"}, "unsupported_response_type"),
        "hybrid": ({"response_type": "code id_token"}, "unsupported_response_type"),
        "hybrid without openid": ({"response_type": "code token", "scope": "profile"}, "unsupported_response_type"),
        "none": ({"response_type": "none"}, "unsupported_response_type"),
        "unknown": ({"response_type": "bogus"}, "unsupported_response_type"),
        "case": ({"response_type": "Code"}, "unsupported_response_type"),
        "id_token by query": ({"response_type": "id_token", "response_mode": "query"}, "unsupported_response_type"),
        "fragment": ({"response_mode": "fragment"}, "invalid_request"),
        "form_post": ({"response_mode": "form_post"}, "invalid_request"),
        "web_message": ({"response_mode": "web_message"}, "invalid_request"),
        "jwt": ({"response_mode": "query.jwt"}, "invalid_request"),
        "request": ({"request": "eyJhbGciOiJub25lIn0.e30."}, "request_not_supported"),
        "request_uri": ({"request_uri": "urn:x"}, "request_uri_not_supported"),
        "registration": ({"registration": "{}"}, "registration_not_supported"),
    },
)
async def test_a_way_to_answer_that_is_not_offered_has_its_own_error(case: tuple[dict[str, str], str]) -> None:
    """O6."""
    changes, code = case
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        answer = await browser.authorize(**changes)
        assert answered(answer)["error"] == code
        assert "#" not in answer.headers["location"]
        assert "code" not in answered(answer)
        await passes(browser, response_mode="query")


@each(
    "case",
    {
        "plain": ({"code_challenge_method": "plain"}, False),
        "no method": ({"code_challenge_method": None}, False),
        "no challenge": ({"code_challenge": None}, False),
        "neither": ({"code_challenge": None, "code_challenge_method": None}, False),
        "empty": ({"code_challenge": ""}, False),
        "42 characters": ({"code_challenge": "x" * 42}, False),
        "44 characters": ({"code_challenge": "x" * 44}, False),
        "128 characters": ({"code_challenge": "x" * 128}, False),
        "bad alphabet": ({"code_challenge": "x" * 42 + "="}, False),
        "newline": ({"code_challenge": "x" * 42 + "\n"}, False),
        "method in lower case": ({"code_challenge_method": "s256"}, False),
        "S512": ({"code_challenge_method": "S512"}, False),
        "in order": ({}, True),
    },
)
@each("client_id", ("web", "spa"))
async def test_pkce_is_s256_or_nothing(case: tuple[dict[str, str | None], bool], client_id: str) -> None:
    """O9, the request's half."""
    changes, fine = case
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        answer = answered(await browser.authorize(client_id=client_id, **changes))
        assert answer.get("error") == (None if fine else "invalid_request")
        assert ("code" in answer) is fine


async def test_a_client_without_pkce_must_send_a_nonce_and_a_challenge_it_sends_counts() -> None:
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        bare = {"client_id": "lax", "code_challenge": None, "code_challenge_method": None}
        assert answered(await browser.authorize(nonce=None, **bare))["error"] == "invalid_request"
        assert answered(await browser.authorize(**bare))["code"]
        half = answered(await browser.authorize(client_id="lax", code_challenge_method=None))
        assert half["error"] == "invalid_request"
        assert answered(await browser.authorize(client_id="lax"))["code"]


@each("outcome", {"code": {}, "error": {"scope": "nonsense"}, "silent": {"prompt": "none", "max_age": "0"}})
async def test_every_answer_says_who_it_is_from(outcome: dict[str, str]) -> None:
    """O11 (RFC 9207), per pool."""
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        assert answered(await browser.authorize(**outcome))["iss"] == f"http://localhost:8000/{POOL}"


async def test_a_redirect_uri_with_a_query_keeps_it() -> None:
    uri = f"{CALLBACK}?tenant=7"
    async with house(clients=(client(redirect_uris=(uri,)),)) as at:
        browser = at.browser()
        await browser.arrive()
        location = (await browser.authorize(redirect_uri=uri)).headers["location"]
        assert location.startswith(f"{uri}&code=")


async def test_a_missing_redirect_uri_is_the_only_registered_one_but_openid_must_name_it() -> None:
    """RFC 6749 3.1.2.3 against OpenID Connect Core 3.1.2.1."""
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        plain = answered(await browser.authorize(redirect_uri=None, scope="profile"))
        assert "code" in plain
        assert (await browser.redeem(plain["code"], redirect_uri=None)).status_code == 200
        assert answered(await browser.authorize(redirect_uri=None))["error"] == "invalid_request"
        await stays(browser, client_id="spa", redirect_uri=None, scope="profile")


@each(
    "client_id",
    {
        "unknown": "nobody",
        "missing": None,
        "disabled": "off",
        "of another pool": "foreign",
        "without redirect URIs": "machine",
    },
)
async def test_a_client_that_cannot_be_answered_leads_nowhere(client_id: str | None) -> None:
    from tests.journeys.house import pool

    clients = (*CLIENTS, client("off", enabled=False), client("foreign", pool="other_Pool2"))
    async with house(pool(), pool("other_Pool2"), clients=clients) as at:
        browser = at.browser()
        await stays(browser, "invalid_request" if client_id == "machine" else "invalid_client", client_id=client_id)
        foreign = at.browser(pool_id="other_Pool2")
        assert (await foreign.authorize(client_id="foreign")).status_code == 302


async def test_a_client_without_the_response_type_hears_so() -> None:
    clients = (client(response_types=()), client("twin"))
    async with house(clients=clients) as at:
        browser = at.browser()
        await browser.arrive()
        assert answered(await browser.authorize())["error"] == "unauthorized_client"
        assert "code" in answered(await browser.authorize(client_id="twin"))
