"""Forms and where they come from: anti-forgery tokens, Fetch Metadata, Origin, and methods that change nothing."""

import re
from typing import Any

import httpx
import pytest

from tests.journeys.house import (
    ADA,
    BASE,
    ISSUER,
    PASSWORD,
    POOL,
    SIGNED_OUT,
    Browser,
    House,
    answered,
    each,
    error_code,
    hidden,
    house,
)

pytestmark = pytest.mark.anyio


class Form:
    """One of our forms, ready to be sent."""

    def __init__(self, browser: Browser, page: httpx.Response, fields: dict[str, str]) -> None:
        self.browser = browser
        self.url = str(page.url)
        self.fields = hidden(page, fields["step"]) | fields

    async def send(self, headers: dict[str, str] | None = None, **changes: str | None) -> httpx.Response:
        fields = {k: v for k, v in (self.fields | changes).items() if v is not None}
        return await self.browser.http.post(self.url, data=fields, headers=headers or {})


async def form(at: House, kind: str) -> Form:
    """The form of that kind, in a browser that has it on its screen."""
    browser = at.browser()
    if kind in {"account", "consent", "switch_account", "sign_out"}:
        await browser.arrive()
    if kind == "sign_out":
        page = await browser.open(await browser.http.get(f"{ISSUER}/logout"))
    elif kind in {"consent", "switch_account"}:
        page = await browser.login_page(client_id="asks")
    elif kind == "account":
        page = await browser.login_page(prompt="select_account")
    else:
        page = await browser.login_page()
    if kind in {"password", "change_identifier"}:
        page = await browser.open(await browser.submit(page, step="identifier", username="ada"))
    fields = {
        "identifier": {"username": "ada"},
        "password": {"password": PASSWORD},
        "consent": {"decision": "approve"},
    }
    return Form(browser, page, {"step": kind, **fields.get(kind, {})})


KINDS = ("identifier", "password", "change_identifier", "account", "consent", "switch_account", "sign_out")

FORGED: dict[str, Any] = {
    "no token": {"csrf": None},
    "empty token": {"csrf": ""},
    "invented token": {"csrf": "A" * 43},
    "token not ASCII": {"csrf": "\u00e9" * 43},
    "cross-site": {"headers": {"sec-fetch-site": "cross-site"}},
    "same-site": {"headers": {"sec-fetch-site": "same-site"}},
    "unknown site": {"headers": {"sec-fetch-site": "x"}},
    "foreign origin": {"headers": {"origin": "https://evil.example"}},
    "null origin": {"headers": {"origin": "null"}},
    "origin with a port": {"headers": {"origin": f"{BASE}1"}},
    "origin of another scheme": {"headers": {"origin": BASE.replace("http", "https")}},
    "cross-site beside our origin": {"headers": {"sec-fetch-site": "cross-site", "origin": BASE}},
}

GENUINE: dict[str, Any] = {
    "old browser": {},
    "same origin": {"headers": {"sec-fetch-site": "same-origin", "origin": BASE}},
    "typed": {"headers": {"sec-fetch-site": "none"}},
    "origin alone": {"headers": {"origin": BASE}},
}


async def snapshot(at: House) -> object:
    sessions = at.stores.sessions
    return dict(sessions._sign_ins), dict(sessions._sessions), dict(at.stores.grants._consents), list(at.kinds())


@each("forgery", FORGED)
@each("kind", KINDS)
async def test_a_forged_form_is_refused_and_changes_nothing(kind: str, forgery: dict[str, Any]) -> None:
    """W1."""
    async with house() as at:
        ready = await form(at, kind)
        before = await snapshot(at)
        answer = await ready.send(**forgery)
        assert (answer.status_code, error_code(answer)) == (403, "csrf")
        assert "set-cookie" not in answer.headers
        assert await snapshot(at) == before
        assert (await ready.send()).status_code == 303


@each("genuine", GENUINE)
@each("kind", KINDS)
async def test_a_genuine_form_changes_something(kind: str, genuine: dict[str, Any]) -> None:
    """The twins."""
    async with house() as at:
        ready = await form(at, kind)
        before = await snapshot(at)
        assert (await ready.send(**genuine)).status_code == 303
        assert await snapshot(at) != before


@each("kind", KINDS)
async def test_a_token_of_another_browser_or_another_form_is_forged(kind: str) -> None:
    async with house() as at:
        ready, foreign = await form(at, kind), await form(at, kind)
        other_purpose = await form(at, "sign_out" if kind != "sign_out" else "password")
        for csrf in (foreign.fields["csrf"], other_purpose.fields["csrf"]):
            assert (await ready.send(csrf=csrf)).status_code == 403
        assert (await ready.send()).status_code == 303


@each("kind", KINDS)
async def test_a_token_without_its_browsers_cookie_is_forged(kind: str) -> None:
    async with house() as at:
        ready = await form(at, kind)
        value = ready.browser.cookie("browser") or ""
        for cookie in ("B" * 43, value + "x", ""):
            ready.browser.set_cookie(f"{POOL}-browser", cookie)
            assert (await ready.send()).status_code == 403
        ready.browser.http.cookies.delete(f"{POOL}-browser")
        assert (await ready.send()).status_code == 403
        ready.browser.set_cookie(f"{POOL}-browser", value)
        assert (await ready.send()).status_code == 303


async def test_a_stale_token_is_of_a_sign_in_that_is_over() -> None:
    async with house() as at:
        browser = at.browser()
        old = await form(at, "password")
        new = await old.browser.login_page()
        stale = await old.browser.http.post(str(new.url), data={"csrf": old.fields["csrf"], "step": "identifier"})
        assert stale.status_code == 403
        assert (await old.browser.submit(new, step="identifier", username="ada")).status_code == 303
        assert browser.cookie("browser") is None


@each("content_type", ("application/json", "text/plain", "multipart/form-data; boundary=x", ""))
async def test_a_form_in_another_encoding_is_no_form(content_type: str) -> None:
    async with house() as at:
        ready = await form(at, "identifier")
        before = await snapshot(at)
        body = '{"csrf": "' + ready.fields["csrf"] + '", "step": "identifier", "username": "ada"}'
        answer = await ready.browser.http.post(ready.url, content=body, headers={"content-type": content_type})
        assert (answer.status_code, error_code(answer)) == (400, "invalid_request")
        assert await snapshot(at) == before
        assert (await ready.send()).status_code == 303


@each("method", ("GET", "HEAD"))
@each("kind", KINDS)
async def test_a_safe_method_changes_nothing(kind: str, method: str) -> None:
    """W1: what a form says in a query is not heard."""
    async with house() as at:
        ready = await form(at, kind)
        before = await snapshot(at)
        answer = await ready.browser.http.request(method, ready.url, params=ready.fields)
        assert answer.status_code in {200, 302, 410}
        assert await snapshot(at) == before


async def test_a_link_alone_signs_nobody_out() -> None:
    """W1, O23: GET without a hint asks, whatever else it carries."""
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        for params in ({}, {"client_id": "web"}, {"client_id": "web", "post_logout_redirect_uri": SIGNED_OUT}):
            for method in ("GET", "POST"):
                arguments: Any = {"params": params} if method == "GET" else {"data": params or {"x": "y"}}
                answer = await browser.http.request(method, f"{ISSUER}/oauth2/logout", **arguments)
                page = await browser.open(answer)
                page = page if page.status_code == 200 else await browser.open(page)
                assert 'id="sign-out"' in page.text
        assert "code" in answered(await browser.authorize())


async def test_pages_are_bound_to_browser_and_purpose_by_different_tokens() -> None:
    async with house() as at:
        browser = at.browser()
        pages = [await browser.login_page() for _ in range(2)]
        tokens = {re.findall(r'name="csrf" value="([^"]+)"', page.text)[0] for page in pages}
        assert len(tokens) == 2
        assert all(len(token) == 43 for token in tokens)
        assert ADA.id not in pages[0].text
