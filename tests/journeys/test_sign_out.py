"""Signing out: who is asked, where it leads, and what ends with the session."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.journeys.house import (
    BOB,
    CALLBACK,
    CLIENTS,
    ISSUER,
    POOL,
    SIGNED_OUT,
    Browser,
    client,
    each,
    error_code,
    house,
    pool,
)

pytestmark = pytest.mark.anyio

WITH_OTHER = (*CLIENTS, client("two", post_logout_redirect_uris=("https://two.example.com/out",)))


async def logout(browser: Browser, **params: str | None) -> httpx.Response:
    kept = {k: v for k, v in params.items() if v is not None}
    return await browser.http.get(f"{browser.issuer}/oauth2/logout", params=kept)


async def signed_in(browser: Browser) -> bool:
    return "code=" in (await browser.authorize()).headers["location"]


async def asks(browser: Browser, answer: httpx.Response) -> httpx.Response:
    """The answer leads to the question on our own page, and nothing has happened yet."""
    page = await browser.open(answer)
    page = page if page.status_code == 200 else await browser.open(page)
    assert 'id="sign-out"' in page.text, page.text
    assert await signed_in(browser)
    return page


async def test_the_sessions_own_id_token_signs_out_without_a_question() -> None:
    async with house() as at:
        browser = at.browser()
        tokens = await browser.tokens()
        at.time.pass_(7200)  # an expired hint is a good hint
        answer = await logout(
            browser, id_token_hint=tokens["id_token"], post_logout_redirect_uri=SIGNED_OUT, state="a b&c"
        )
        assert answer.status_code == 302
        assert urlsplit(answer.headers["location"])._replace(query="").geturl() == SIGNED_OUT
        assert parse_qs(urlsplit(answer.headers["location"]).query) == {"state": ["a b&c"]}
        assert "Max-Age=0" in answer.headers["set-cookie"]
        assert browser.cookie("session") is None
        assert not await signed_in(browser)
        assert at.kinds().count("session.ended") == 1


async def test_the_cookie_of_a_session_that_ended_is_dead_wherever_it_was_copied() -> None:
    async with house() as at:
        browser, thief = at.browser(), at.browser()
        stolen = await browser.arrive()
        thief.set_cookie(f"{POOL}-session", stolen)
        assert await signed_in(thief)
        tokens = await browser.tokens()
        await logout(browser, id_token_hint=tokens["id_token"])
        assert not await signed_in(thief)


@each(
    "hint",
    {
        "none": lambda own, others, access: None,
        "another person's": lambda own, others, access: others,
        "an access token": lambda own, others, access: access,
        "cut": lambda own, others, access: own[:-4],
        "unsigned": lambda own, others, access: ".".join((*own.split(".")[:2], "")),
        "nonsense": lambda own, others, access: "x.y.z",
        "oversized": lambda own, others, access: own + "A" * 20_000,
    },
)
async def test_any_other_hint_asks_the_person(hint: Any) -> None:
    """O23."""
    async with house() as at:
        browser, other = at.browser(), at.browser()
        await other.arrive(BOB)
        others = (await other.tokens())["id_token"]
        own = await browser.tokens()
        given = hint(own["id_token"], others, own["access_token"])
        await asks(browser, await logout(browser, id_token_hint=given, post_logout_redirect_uri=SIGNED_OUT))
        answer = await logout(browser, id_token_hint=own["id_token"], post_logout_redirect_uri=SIGNED_OUT)
        assert answer.headers["location"] == SIGNED_OUT
        assert not await signed_in(browser)


async def test_a_hint_of_an_earlier_session_of_the_same_person_asks() -> None:
    async with house() as at:
        browser = at.browser()
        old = (await browser.tokens())["id_token"]
        await logout(browser, id_token_hint=old)
        new = (await browser.tokens())["id_token"]
        await asks(browser, await logout(browser, id_token_hint=old))
        await logout(browser, id_token_hint=new)
        assert not await signed_in(browser)


async def test_a_hint_from_another_pool_asks() -> None:
    async with house(pool(), pool("other_Pool2"), clients=(*CLIENTS, client("twin", pool="other_Pool2"))) as at:
        browser = at.browser()
        hint = (await browser.tokens())["id_token"]
        foreign = at.browser(pool_id="other_Pool2")
        answer = await logout(foreign, id_token_hint=hint, post_logout_redirect_uri=SIGNED_OUT)
        assert answer.headers["location"].startswith("http://localhost:8000/other_Pool2/logout?")
        assert await signed_in(browser)


BAD_URIS = {
    "extra slash": f"{SIGNED_OUT}/",
    "query": f"{SIGNED_OUT}?x=1",
    "fragment": f"{SIGNED_OUT}#f",
    "prefix": SIGNED_OUT[:-1],
    "dots": f"{SIGNED_OUT}/../evil",
    "upper host": SIGNED_OUT.replace("app", "APP"),
    "port": SIGNED_OUT.replace(".com", ".com:443"),
    "user": SIGNED_OUT.replace("app.", "app.example.com@"),
    "ours as a name": SIGNED_OUT.replace(".com", ".com.evil.example"),
    "backslash": SIGNED_OUT.replace("/signed", "\\signed"),
    "newline": f"{SIGNED_OUT}\r\nSet-Cookie: a=b",
    "scheme relative": "//evil.example",
    "javascript": "javascript:alert(1)",
    "data": "data:text/html,x",
    "a redirect URI": CALLBACK,
    "another client's": "https://two.example.com/out",
}


@each("uri", BAD_URIS)
async def test_a_return_address_that_is_not_registered_leads_nowhere(uri: str) -> None:
    """O23: with a perfect hint it asks; and after the answer the person stays with us."""
    async with house(clients=WITH_OTHER) as at:
        browser = at.browser()
        hint = (await browser.tokens())["id_token"]
        page = await asks(browser, await logout(browser, id_token_hint=hint, post_logout_redirect_uri=uri))
        done = await browser.submit(page, step="sign_out")
        assert done.headers["location"] == f"{ISSUER}/logout"
        twin = at.browser()
        hint = (await twin.tokens())["id_token"]
        answer = await logout(twin, id_token_hint=hint, post_logout_redirect_uri=SIGNED_OUT)
        assert answer.headers["location"] == SIGNED_OUT


@each("uri", BAD_URIS)
async def test_without_a_session_a_bad_return_address_leads_nowhere_either(uri: str) -> None:
    async with house(clients=WITH_OTHER) as at:
        browser = at.browser()
        answer = await logout(browser, client_id="web", post_logout_redirect_uri=uri)
        page = await browser.open(answer)
        assert page.status_code == 200
        assert "location" not in page.headers
        good = await logout(browser, client_id="web", post_logout_redirect_uri=SIGNED_OUT)
        assert good.headers["location"] == SIGNED_OUT


@each(
    "case",
    {
        "another client than the hint's": {"client_id": "two"},
        "unknown client": {"client_id": "nobody"},
    },
)
async def test_client_id_and_hint_must_agree(case: dict[str, str]) -> None:
    async with house(clients=WITH_OTHER) as at:
        browser = at.browser()
        hint = (await browser.tokens())["id_token"]
        await asks(browser, await logout(browser, id_token_hint=hint, post_logout_redirect_uri=SIGNED_OUT, **case))
        answer = await logout(browser, id_token_hint=hint, post_logout_redirect_uri=SIGNED_OUT, client_id="web")
        assert answer.headers["location"] == SIGNED_OUT


@each("fate", {"disabled": {"enabled": False}, "well": {}})
async def test_a_disabled_client_is_nowhere_to_return_to(fate: dict[str, Any]) -> None:
    async with house() as at:
        browser = at.browser()
        hint = (await browser.tokens())["id_token"]
        await at.change_client("web", **fate)
        answer = await logout(browser, id_token_hint=hint, post_logout_redirect_uri=SIGNED_OUT)
        assert (answer.headers["location"] == SIGNED_OUT) is not bool(fate)


@each("name", ("post_logout_redirect_uri", "state", "client_id", "id_token_hint", "foo"))
@each("path", ("oauth2/logout", "logout"))
async def test_a_repeated_parameter_is_an_error(name: str, path: str) -> None:
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        query = [("client_id", "web"), ("post_logout_redirect_uri", SIGNED_OUT), ("state", "s")]
        query += [(name, "https://evil.example")] * (1 if name in dict(query) else 2)
        answer = await browser.http.get(f"{ISSUER}/{path}", params=query)  # type: ignore[arg-type]
        assert (answer.status_code, error_code(answer)) == (400, "invalid_request")
        assert await signed_in(browser)


async def test_the_person_is_asked_and_comes_back_to_the_client() -> None:
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        page = await asks(
            browser, await logout(browser, client_id="web", post_logout_redirect_uri=SIGNED_OUT, state="s")
        )
        assert "ada@<wbr>example.com" in page.text
        done = await browser.submit(page, step="sign_out")
        assert (done.status_code, done.headers["location"]) == (303, f"{SIGNED_OUT}?state=s")
        assert browser.cookie("session") is None
        assert not await signed_in(browser)


async def test_cognitos_parameters_do_the_same() -> None:
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        start = await browser.http.get(f"{ISSUER}/logout", params={"client_id": "web", "logout_uri": SIGNED_OUT})
        page = await browser.open(start)
        assert (await browser.submit(page, step="sign_out")).headers["location"] == SIGNED_OUT
        again = await browser.http.get(f"{ISSUER}/logout", params={"client_id": "web", "logout_uri": SIGNED_OUT})
        assert again.headers["location"] == SIGNED_OUT
        evil = await browser.http.get(
            f"{ISSUER}/logout", params={"client_id": "web", "logout_uri": "https://evil.example"}
        )
        assert (evil.status_code, "location" in evil.headers) == (200, False)


async def test_signing_out_twice_says_the_same() -> None:
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        page = await browser.open(await browser.http.get(f"{ISSUER}/logout"))
        for _ in range(2):
            done = await browser.submit(page, step="sign_out")
            assert "You are signed out" in (await browser.open(done)).text
        assert at.kinds().count("session.ended") == 1


async def test_a_deleted_person_can_still_sign_out() -> None:
    from tests.journeys.house import ADA

    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        await at.stores.directory.delete_user(POOL, ADA.id)
        page = await browser.open(await browser.http.get(f"{ISSUER}/logout"))
        assert (await browser.submit(page, step="sign_out")).status_code == 303


@each("method", ("GET", "POST"))
async def test_the_endpoint_takes_both_methods(method: str) -> None:
    async with house() as at:
        browser = at.browser()
        hint = (await browser.tokens())["id_token"]
        params = {"id_token_hint": hint, "post_logout_redirect_uri": SIGNED_OUT}
        if method == "GET":
            answer = await browser.http.get(f"{ISSUER}/oauth2/logout", params=params)
        else:
            answer = await browser.open(await browser.http.post(f"{ISSUER}/oauth2/logout", data=params))
        assert answer.headers["location"] == SIGNED_OUT
        assert not await signed_in(browser)


async def test_signing_out_ends_the_sessions_tokens_but_those_for_offline_use() -> None:
    """OpenID Connect Core 11."""
    async with house() as at:
        browser = at.browser()
        online, offline = await browser.tokens(), await browser.tokens(scope="openid offline_access")
        elsewhere = await at.browser().tokens()
        await logout(browser, id_token_hint=online["id_token"])
        assert (await browser.refresh(online["refresh_token"])).json()["error"] == "invalid_grant"
        assert (await browser.userinfo(online["access_token"])).status_code == 401
        assert (await browser.userinfo(offline["access_token"])).status_code == 200
        fresh = await browser.refresh(offline["refresh_token"])
        assert fresh.status_code == 200
        assert (await browser.userinfo(fresh.json()["access_token"])).status_code == 200
        assert (await browser.userinfo(elsewhere["access_token"])).status_code == 200  # her other session lives on


async def test_a_code_of_a_session_that_ended_buys_nothing() -> None:
    async with house() as at:
        browser = at.browser()
        hint = (await browser.tokens())["id_token"]
        codes = [await browser.code() for _ in range(2)]
        before = (await browser.redeem(codes[0])).json()
        assert (await browser.userinfo(before["access_token"])).status_code == 200
        await logout(browser, id_token_hint=hint)
        assert (await browser.redeem(codes[1])).json()["error"] == "invalid_grant"
        assert (await browser.userinfo(before["access_token"])).status_code == 401
