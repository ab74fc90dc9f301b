"""Signing in on the pages: tabs, the back button, expiry, other browsers, and the session that comes of it."""

import asyncio
import html
import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from authserver.errors import WrongCredentials
from authserver.model.pools import SessionPolicy
from authserver.model.users import PasswordCredential
from authserver.pages.step_views import step_view
from authserver.signin.step_types import (
    Refuse,
)
from tests.journeys.house import (
    ADA,
    BOB,
    CALLBACK,
    CLIENTS,
    ISSUER,
    PASSWORD,
    POOL,
    Browser,
    answered,
    by_password,
    claims,
    client,
    each,
    error_code,
    hidden,
    house,
    pool,
)
from tests.journeys.people import link_of

pytestmark = pytest.mark.anyio


def restart_of(page: httpx.Response) -> str:
    found = re.search(r'id="restart" href="([^"]+)"', page.text)
    assert found is not None, page.text
    return html.unescape(found[1])


def reason_of(page: httpx.Response) -> str | None:
    assert page.status_code == 410, page.text
    assert error_code(page) == "expired"
    found = re.search(r'data-reason="([^"]+)"', page.text)
    return found[1] if found else None


async def named(browser: Browser, username: str = "ada", **changes: str | None) -> httpx.Response:
    """The password page."""
    page = await browser.login_page(**changes)
    return await browser.open(await browser.submit(page, step="identifier", username=username))


@each("name", ("Ada", "ada", "ADA", " ada ", "ada@example.com", "ADA@Example.Com", "\uff41da", "a\u200bda"))
async def test_a_person_signs_in_by_any_spelling_of_the_name(name: str) -> None:
    """W22: one canonical identity."""
    async with house() as at:
        browser = at.browser()
        if name.isprintable():
            tokens = (await browser.redeem(answered(await browser.sign_in(name))["code"])).json()
            assert claims(tokens["id_token"])["sub"] == ADA.id
        else:
            page = await browser.login_page()
            assert (await browser.submit(page, step="identifier", username=name)).status_code == 422


@each("name", ("\u0430da", "ada@example.com.", "adaa", "a da", "ada@example\u3002com x", "+821012345678"))
async def test_a_look_alike_is_somebody_else(name: str) -> None:
    """W22: a Cyrillic a is no Latin one, and a kind of name that the pool does not take is none."""
    async with house() as at:
        browser = at.browser()
        assert (await browser.sign_in(name)).status_code == 422
        assert "code" in answered(await browser.sign_in("ada"))


async def test_a_phone_number_signs_in_where_the_pool_takes_it() -> None:
    async with house(pool(sign_in_with=("phone_number",))) as at:
        assert "code" in answered(await at.browser().sign_in("+821012345678"))
        assert (await at.browser().sign_in("ada")).status_code == 422


async def test_an_unverified_address_names_nobody() -> None:
    async with house() as at:
        await at.change_user(ADA, email_verified=False)
        assert (await at.browser().sign_in("ada@example.com")).status_code == 422
        assert "code" in answered(await at.browser().sign_in("ada"))


@each("name", {"empty": "", "blank": "   ", "long": "x" * 321, "control": "ada\n", "bell": "a\x07da"})
async def test_a_name_must_be_one(name: str) -> None:
    async with house() as at:
        browser = at.browser()
        page = await browser.login_page()
        answer = await browser.submit(page, step="identifier", username=name)
        if name.strip() == "ada":
            assert answer.status_code == 303
            return
        assert answer.status_code == 422
        assert 'id="problem"' in answer.text
        assert (await browser.submit(answer, step="identifier", username="x" * 320)).status_code == 303


async def test_an_empty_password_is_asked_for_and_costs_no_try() -> None:
    async with house() as at:
        browser = at.browser()
        page = await named(browser)
        answer = await browser.submit(page, step="password", password="")
        assert answer.status_code == 422
        assert "sign_in.failed" not in at.kinds()
        assert "code" in answered(await browser.submit(answer, step="password", password=PASSWORD))


async def test_a_password_manager_may_send_both_at_once() -> None:
    async with house() as at:
        browser = at.browser()
        page = await browser.login_page()
        wrong = await browser.submit(page, step="identifier", username="ada", password="wrong")
        assert wrong.status_code == 422
        assert 'name="step" value="password"' in wrong.text
        page = await browser.login_page()
        assert "code" in answered(await browser.submit(page, step="identifier", username="ada", password=PASSWORD))


@each(
    "password",
    {
        "other case": PASSWORD.upper(),
        "space behind": f"{PASSWORD} ",
        "space before": f" {PASSWORD}",
        "truncated": PASSWORD[:-1],
        "extended": f"{PASSWORD}x",
        "NUL": f"{PASSWORD}\0",
        "oversized": PASSWORD + "x" * 2000,
        "the hash": "$argon2id$v=19$m=8,t=1,p=1$AAAA$AAAA",
    },
)
async def test_a_password_is_compared_as_it_is(password: str) -> None:
    async with house() as at:
        assert (await at.browser().sign_in(password=password)).status_code == 422
        assert "code" in answered(await at.browser().sign_in())


async def test_a_password_hashed_with_older_parameters_is_hashed_anew() -> None:
    from argon2 import PasswordHasher

    async with house() as at:
        old = PasswordHasher(time_cost=2, memory_cost=8, parallelism=1).hash(PASSWORD)
        await at.stores.directory.set_password(POOL, PasswordCredential(ADA.id, old, 7))
        assert (await at.browser().sign_in(password="wrong")).status_code == 422
        assert (await at.stores.directory.password(POOL, ADA.id)).hash == old
        assert "code" in answered(await at.browser().sign_in())
        fresh = await at.stores.directory.password(POOL, ADA.id)
        assert (fresh.hash != old, fresh.set_at) == (True, 7)
        assert "code" in answered(await at.browser().sign_in())
        assert (await at.stores.directory.password(POOL, ADA.id)).hash == fresh.hash


async def test_not_you_goes_back_to_the_name() -> None:
    async with house() as at:
        browser = at.browser()
        page = await named(browser, "bob")
        page = await browser.open(await browser.submit(page, step="change_identifier"))
        assert 'id="username"' in page.text
        page = await browser.open(await browser.submit(page, step="identifier", username="ada"))
        assert "code" in answered(await browser.submit(page, step="password", password=PASSWORD))


@each("step", {"none": None, "empty": "", "unknown": "admin", "consent": "consent", "account": "account"})
async def test_a_step_out_of_turn_changes_nothing(step: str | None) -> None:
    async with house() as at:
        browser = at.browser()
        page = await named(browser)
        form = {"csrf": hidden(page, "password")["csrf"], **({} if step is None else {"step": step})}
        again = await browser.open(await browser.http.post(str(page.url), data=form))
        assert 'id="password"' in again.text
        assert "code" in answered(await browser.submit(page, step="password", password=PASSWORD))


async def test_a_password_before_a_name_is_not_tried() -> None:
    async with house() as at:
        browser = at.browser()
        page = await browser.login_page()
        csrf = hidden(page, "identifier")
        answer = await browser.http.post(str(page.url), data=csrf | {"step": "password", "password": PASSWORD})
        assert answer.status_code == 422
        assert at.kinds() == []


async def test_fields_that_no_form_has_are_ignored() -> None:
    """W18: mass assignment."""
    extra = {
        "user_id": BOB.id, "sub": BOB.id, "role": "admin", "groups": "admin", "email_verified": "true", "pool": "other",
        "authenticated": "1", "status": "finished", "authentication": "{}", "consented": "openid", "amr": "mfa",
        "redirect_uri": "https://evil.example/cb", "state": "evil", "scope": "openid phone", "client_id": "other",
    }  # fmt: skip
    async with house() as at:
        browser = at.browser()
        page = await browser.login_page()
        page = await browser.open(await browser.submit(page, step="identifier", username="ada", **extra))
        answer = answered(await browser.submit(page, step="password", password=PASSWORD, **extra))
        assert answer["state"] == "the-state"
        tokens = (await browser.redeem(answer["code"])).json()
        assert claims(tokens["id_token"])["sub"] == ADA.id
        assert tokens["scope"] == "openid profile email"
        assert claims(tokens["access_token"])["amr"] == ["pwd"]
        assert await at.stores.directory.user(POOL, ADA.id) == ADA


async def test_a_finished_sign_in_is_gone_and_restarts_as_the_same_request() -> None:
    async with house() as at:
        browser = at.browser()
        page = await named(browser)
        first = answered(await browser.submit(page, step="password", password=PASSWORD))
        back = await browser.http.get(str(page.url))
        assert reason_of(back) == "finished"
        again = answered(await browser.http.get(restart_of(back)))
        assert again["state"] == "the-state"
        assert again["code"] != first["code"]
        assert (await browser.redeem(again["code"])).status_code == 200


async def test_a_form_sent_twice_signs_in_whichever_answer_arrives() -> None:
    """A double click: the browser drops the first answer with its cookie, so the second must do alone."""
    async with house() as at:
        browser = at.browser()
        page = await named(browser)
        both = await asyncio.gather(*(browser.submit(page, step="password", password=PASSWORD) for _ in range(2)))
        other, direct = sorted(both, key=lambda answer: "code=" in answer.headers["location"])
        assert answered(direct)["code"]
        assert other.headers["location"].startswith(f"{ISSUER}/oauth2/authorize?")
        assert at.kinds().count("grant.created") == 1, "the sign-in itself yields one code"

        secret = other.cookies[at.services.cookie_name(POOL, "session")]
        browser.set_cookie(at.services.cookie_name(POOL, "session"), secret)
        again = answered(await browser.http.get(other.headers["location"]))
        assert again["state"] == "the-state"
        assert (await browser.redeem(again["code"])).status_code == 200


@each("age", {"29 min": (29 * 60, True), "30 min": (30 * 60, False), "a day": (24 * 3600 - 1, False)})
async def test_a_sign_in_lives_for_half_an_hour_and_restarts_as_the_same_request(age: tuple[int, bool]) -> None:
    seconds, good = age
    async with house() as at:
        browser = at.browser()
        page = await browser.login_page(nonce="n 1&<2>", ui_locales="en")
        at.time.pass_(seconds)
        late = await browser.http.get(str(page.url))
        if good:
            assert late.status_code == 200
            return
        assert reason_of(late) is None
        assert (await browser.submit(page, step="identifier", username="ada")).status_code == 410
        restarted = await browser.open(await browser.http.get(restart_of(late)))
        page = await browser.open(await browser.submit(restarted, step="identifier", username="ada"))
        answer = answered(await browser.submit(page, step="password", password=PASSWORD))
        assert answer["state"] == "the-state"
        assert claims((await browser.redeem(answer["code"])).json()["id_token"])["nonce"] == "n 1&<2>"


async def test_a_forgotten_sign_in_is_gone_without_a_way_back() -> None:
    async with house() as at:
        browser = at.browser()
        page = await browser.login_page()
        at.time.pass_(24 * 3600)
        late = await browser.http.get(str(page.url))
        assert late.status_code == 410
        assert 'id="restart"' not in late.text


@each("odd", {"a bar": "a|b", "braces": "{a}", "quotes": "\"a'", "spaces": "a b", "unicode": "\u00e9\u4e2d"})
async def test_a_restart_keeps_odd_characters(odd: str) -> None:
    """Whatever spelling the client chose, the page can link to the request."""
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        query = "&".join(f"{k}={v}" for k, v in browser.request(state=None, prompt="login").items())
        raw = await at.raw(
            "GET",
            f"/{POOL}/oauth2/authorize",
            f"{query.replace(' ', '%20')}&state=".encode() + (odd.encode() if odd.isascii() else b"%C3%A9%E4%B8%AD"),
        )
        location = raw.header("location")
        assert location is not None
        stranger = await at.browser().http.get(location)
        restarted = parse_qs(urlsplit(restart_of(stranger)).query)
        assert restarted["state"] == [odd]


@each("signin", {"unknown": "x" * 22, "long": "x" * 65, "empty": "", "none": None, "odd": "../../x", "nul": "\0"})
async def test_an_address_without_a_sign_in_is_gone(signin: str | None) -> None:
    async with house() as at:
        browser = at.browser()
        page = await browser.login_page()
        params = {} if signin is None else {"signin": signin}
        gone = await browser.http.get(f"{ISSUER}/login", params=params)
        assert reason_of(gone) == ("unnamed" if not signin or len(signin) > 64 else None)
        assert link_of(gone, "account") == f"{ISSUER}/account"
        assert (await browser.http.get(str(page.url))).status_code == 200


@each("moment", ("name", "password", "consent"))
async def test_another_browser_cannot_go_on_with_a_sign_in(moment: str) -> None:
    """O10: an interaction belongs to the browser that began it; the other may begin its own."""
    async with house() as at:
        ours = at.browser()
        if moment == "name":
            page = await ours.login_page()
        elif moment == "password":
            page = await named(ours)
        else:
            page = await ours.open(await ours.sign_in(client_id="asks"))
        stranger = at.browser()
        assert reason_of(await stranger.http.get(str(page.url))) == "foreign"
        await stranger.arrive(BOB)
        await stranger.login_page(prompt="login")  # now it has a browser cookie of its own
        taken = await stranger.http.get(str(page.url))
        assert reason_of(taken) == "foreign"
        forged = hidden(page) | {"step": "consent", "decision": "approve"}
        assert (await stranger.http.post(str(page.url), data=forged)).status_code == 403
        assert "grant.created" not in at.kinds()
        assert "location" in (await stranger.http.get(restart_of(taken))).headers
        assert (await ours.http.get(str(page.url))).status_code == 200


async def test_an_attackers_sign_in_cannot_be_finished_by_a_victim() -> None:
    """O10, login CSRF: the attacker's half-done sign-in, link sent to the victim, yields nobody's code."""
    async with house() as at:
        attacker, victim = at.browser(), at.browser()
        page = await attacker.open(await attacker.sign_in("bob", client_id="asks"))
        await victim.arrive(ADA)
        await victim.login_page(prompt="login")
        assert (await victim.http.get(str(page.url))).status_code == 410
        assert (await victim.submit(page, step="consent", decision="approve")).status_code == 403
        assert "code" in answered(await attacker.submit(page, step="consent", decision="approve"))


async def test_two_tabs_are_two_sign_ins() -> None:
    async with house() as at:
        browser = at.browser()
        first = await named(browser, state="first")
        second = await named(browser, "bob", state="second")
        third = await named(browser, "ada@example.com", state="third")
        one = answered(await browser.submit(first, step="password", password=PASSWORD))
        assert one["state"] == "first"
        hers = answered(await browser.http.get(str(third.url)))  # she is signed in by now
        assert hers["state"] == "third"
        page = await browser.http.get(str(second.url))  # but whoever says to be bob must prove to be him
        assert 'id="password"' in page.text
        assert "Confirm it" not in page.text
        two = answered(await browser.submit(second, step="password", password=PASSWORD))
        assert two["state"] == "second"
        assert claims((await browser.redeem(two["code"])).json()["id_token"])["sub"] == BOB.id


@each("kinds", {"address": ("email",), "number": ("phone_number",), "address before name": ("email", "username")})
async def test_a_person_is_asked_again_under_a_name_that_the_pool_takes(kinds: tuple[str, ...]) -> None:
    async with house(pool(sign_in_with=kinds)) as at:
        browser = at.browser()
        await browser.arrive()
        for prompt in ("login", "select_account login"):
            page = await browser.login_page(prompt=prompt)
            if prompt != "login":
                page = await browser.open(await browser.submit(page, step="account"))
            assert "code" in answered(await browser.submit(page, step="password", password=PASSWORD))


async def test_a_person_without_any_name_that_the_pool_takes_is_asked_for_one() -> None:
    async with house(pool(sign_in_with=("email",))) as at:
        await at.change_user(ADA, email_verified=False)
        browser = at.browser()
        await browser.arrive()
        assert 'id="username"' in (await browser.login_page(prompt="login")).text


async def test_a_session_cookie_is_new_at_each_sign_in_and_the_old_one_dies() -> None:
    """W2."""
    async with house() as at:
        browser = at.browser()
        await browser.sign_in()
        old = browser.cookie("session")
        page = await browser.login_page(prompt="login")
        await browser.submit(page, step="password", password=PASSWORD)
        assert browser.cookie("session") != old
        thief = at.browser()
        thief.set_cookie(f"{POOL}-session", old or "")
        assert "/login?" in (await thief.authorize()).headers["location"]
        assert "code" in answered(await browser.authorize())


@each("value", {"chosen": "A" * 43, "empty": "", "long": "A" * 5000, "odd": "a/b=c"})
async def test_a_session_cookie_cannot_be_chosen(value: str) -> None:
    """W2: fixation, also from a sibling domain."""
    async with house() as at:
        browser = at.browser()
        browser.set_cookie(f"{POOL}-session", value)
        await browser.sign_in()
        assert browser.cookie("session") != value
        thief = at.browser()
        thief.set_cookie(f"{POOL}-session", value)
        assert "/login?" in (await thief.authorize()).headers["location"]


@each("value", {"short": "A" * 42, "long": "A" * 44, "odd": "A" * 42 + "!", "empty": ""})
async def test_a_browser_cookie_of_another_form_is_replaced(value: str) -> None:
    """W4."""
    async with house() as at:
        browser = at.browser()
        browser.set_cookie(f"{POOL}-browser", value)
        await browser.login_page()
        assert browser.cookie("browser") != value
        kept = browser.cookie("browser")
        await browser.login_page()
        assert browser.cookie("browser") == kept


async def test_the_same_person_again_keeps_the_session_id_that_tokens_carry() -> None:
    async with house() as at:
        browser = at.browser()
        before = claims((await browser.tokens())["id_token"])["sid"]
        page = await browser.login_page(prompt="login")
        code = answered(await browser.submit(page, step="password", password=PASSWORD))["code"]
        assert claims((await browser.redeem(code)).json()["id_token"])["sid"] == before


async def test_signing_in_as_another_person_ends_the_first_ones_session() -> None:
    async with house() as at:
        browser = at.browser()
        hers = await browser.tokens()
        offline = await browser.tokens(scope="openid offline_access")
        page = await browser.login_page(prompt="login")
        page = await browser.open(await browser.submit(page, step="change_identifier"))
        page = await browser.open(await browser.submit(page, step="identifier", username="bob"))
        code = answered(await browser.submit(page, step="password", password=PASSWORD))["code"]
        his = (await browser.redeem(code)).json()
        assert claims(his["id_token"])["sid"] != claims(hers["id_token"])["sid"]
        assert (await browser.userinfo(hers["access_token"])).status_code == 401
        assert (await browser.refresh(hers["refresh_token"])).json()["error"] == "invalid_grant"
        assert (await browser.refresh(offline["refresh_token"])).status_code == 200
        assert (await browser.userinfo(his["access_token"])).status_code == 200
        assert await at.stores.sessions.sessions_of_user(POOL, ADA.id) == []


POLICY = SessionPolicy(idle=600, absolute=2000)


@each(
    "case",
    {
        "awake": ((599, 599), True),
        "idle": ((600,), False),
        "idle after use": ((599, 600), False),
        "absolute in spite of use": ((500, 500, 500, 500), False),
        "just before": ((500, 500, 500, 499), True),
        "touched too seldom to count": ((30, 580), False),
    },
)
async def test_a_session_ends_by_idleness_and_by_age(case: tuple[tuple[int, ...], bool]) -> None:
    waits, alive = case
    async with house(replace(pool(), session=POLICY)) as at:
        browser = at.browser()
        await browser.arrive()
        for wait in waits[:-1]:
            at.time.pass_(wait)
            assert "code" in answered(await browser.authorize())
        at.time.pass_(waits[-1])
        assert ("/login?" in (await browser.authorize()).headers["location"]) is not alive


@each("fate", {"disabled": {"state": "disabled"}, "must change": {"state": "must_change"}, "well": {}})
async def test_a_session_does_not_outlive_the_right_to_sign_in(fate: dict[str, Any]) -> None:
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        page = await browser.login_page(prompt="login")
        await at.change_user(ADA, **fate)
        answer = await browser.authorize()
        assert ("/login?" in answer.headers["location"]) is bool(fate)
        answer = await browser.submit(page, step="password", password=PASSWORD)
        if fate.get("state") == "must_change":  # the password is right, and its time is over
            assert 'id="new_password"' in (await browser.open(answer)).text
        else:
            assert answer.status_code == (422 if fate else 303)


async def test_a_deleted_user_is_nobody() -> None:
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        await at.stores.directory.delete_user(POOL, ADA.id)
        page = await browser.login_page(prompt="login")
        assert 'id="username"' in page.text
        assert (await browser.sign_in()).status_code == 422
        assert "code" in answered(await browser.sign_in("bob"))


async def test_sessions_of_two_pools_are_strangers() -> None:
    """I5."""
    other = "other_Pool2"
    async with house(pool(), pool(other), clients=(*CLIENTS, client("twin", pool=other))) as at:
        browser = at.browser()
        secret = await browser.arrive()
        foreign = at.browser(pool_id=other)
        foreign.set_cookie(f"{other}-session", secret)
        assert "/login?" in (await foreign.authorize(client_id="twin")).headers["location"]
        page = await browser.login_page(prompt="login")
        foreign.set_cookie(f"{other}-browser", browser.cookie("browser") or "")
        assert (await foreign.http.get(str(page.url).replace(POOL, other))).status_code == 410
        assert "code" in answered(await browser.authorize(), CALLBACK)


@each("fate", ("disabled", "deleted"))
async def test_a_client_that_is_gone_meanwhile_ends_its_sign_ins(fate: str) -> None:
    async with house() as at:
        browser = at.browser()
        page = await named(browser)
        if fate == "disabled":
            await at.change_client("web", enabled=False)
        else:
            await at.stores.registry.delete_client(POOL, "web")
        assert (await browser.http.get(str(page.url))).status_code == 404
        assert (await browser.submit(page, step="password", password=PASSWORD)).status_code == 404
        assert at.kinds() == []
        assert "/login?" in (await browser.authorize(client_id="lax")).headers["location"]


async def test_two_forms_at_once_on_one_page_lead_to_one_place() -> None:
    async with house() as at:
        browser = at.browser()
        page = await browser.login_page()
        names = ("ada", "bob")
        both = await asyncio.gather(*(browser.submit(page, step="identifier", username=name) for name in names))
        assert {answer.headers["location"] for answer in both} == {str(page.url)}
        shown = (await browser.http.get(str(page.url))).text
        assert sum(f"<bdi>{name}</bdi>" in shown for name in names) == 1


@each("fate", ("moved on", "forgotten"))
async def test_a_form_that_comes_second_shows_where_the_first_has_led(fate: str) -> None:
    async with house() as at:
        browser = at.browser()
        page = await browser.login_page()
        sign_ins = at.services.sign_ins
        identify = sign_ins.identify

        async def second(sign_in: Any, identifier: str, *_: Any) -> None:
            await identify(sign_in, "bob")
            if fate == "forgotten":
                at.stores.sessions._sign_ins.clear()
            await identify(sign_in, identifier)

        sign_ins.identify = second
        answer = await browser.submit(page, step="identifier", username="ada")
        if fate == "forgotten":
            assert answer.status_code == 410
        else:
            assert "<bdi>bob</bdi>" in (await browser.open(answer)).text


async def test_a_wrong_password_beside_a_right_one_goes_on_with_the_right_one() -> None:
    """The same page in two windows: what one of them proved counts, whatever the other typed."""
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        page = await browser.login_page(prompt="login")
        proving = at.services.proving

        async def wrong_meanwhile(pool: Any, situation: Any, *_: Any) -> None:
            await proving._keeping.change(situation.sign_in, authentication=by_password(ADA.id, int(at.time())))
            raise WrongCredentials

        proving.password = wrong_meanwhile
        answer = await browser.submit(page, step="password", password="wrong")
        assert "code" in answered(await browser.open(answer))


@each(
    "fields",
    {"a password": {"step": "password", "password": PASSWORD}, "no name": {"step": "identifier", "username": ""}},
)
async def test_a_form_of_an_earlier_page_leaves_consent_unanswered(fields: dict[str, str]) -> None:
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        page = await browser.login_page(client_id="asks")
        answer = await browser.http.post(str(page.url), data={"csrf": hidden(page)["csrf"], **fields})
        again = answer if answer.status_code == 422 else await browser.open(answer)
        assert 'id="approve"' in again.text
        assert at.kinds() == []


def test_there_is_no_page_for_an_end() -> None:
    sign_in = SimpleNamespace(request=None, id="x", trouble=None, joining_by=None)
    situation: Any = SimpleNamespace(step=Refuse("x", "y"), sign_in=sign_in)
    issuer: Any = SimpleNamespace(pool=pool(), url=ISSUER)
    with pytest.raises(AssertionError):
        step_view(issuer, situation, now=0)
