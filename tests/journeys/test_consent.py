"""The consent page: what is asked, what is remembered, and who answers."""

import re

import httpx
import pytest

from tests.journeys.house import (
    ADA,
    BOB,
    ISSUER,
    ORDERS,
    PASSWORD,
    POOL,
    Browser,
    answered,
    claims,
    each,
    house,
)

pytestmark = pytest.mark.anyio

READ, WRITE = f"{ORDERS}/read", f"{ORDERS}/write"


async def asked(browser: Browser, **changes: str | None) -> httpx.Response:
    """The consent page."""
    page = await browser.login_page(client_id="asks", **changes)
    assert 'id="approve"' in page.text, page.text
    return page


def new_ones(page: httpx.Response) -> list[str]:
    lines = re.findall(r"<li>.*?<span>(.*?)</span>(<em class=\"badge\">)?", page.text)
    return [words for words, badge in lines if badge]


async def test_consent_is_asked_once() -> None:
    async with house() as at:
        browser = at.browser()
        answer = await browser.sign_in(client_id="asks")
        page = await browser.open(answer)
        code = answered(await browser.submit(page, step="consent", decision="approve"))["code"]
        assert (await browser.redeem(code, "asks")).status_code == 200
        assert "code" in answered(await browser.authorize(client_id="asks"))
        stored = await at.stores.grants.consent(POOL, ADA.id, "asks")
        assert stored is not None
        assert stored.scope == ("openid", "profile", "email")


async def test_only_what_is_new_is_marked_when_more_is_asked() -> None:
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        page = await asked(browser, scope=f"openid {READ}")
        assert new_ones(page) == []
        await browser.submit(page, step="consent", decision="approve")
        fewer = await browser.authorize(client_id="asks", scope="openid")
        assert "code" in answered(fewer)
        more = await asked(browser, scope=f"openid {READ} {WRITE}")
        assert new_ones(more) == ["Change orders"]
        await browser.submit(more, step="consent", decision="approve")
        assert "code" in answered(await browser.authorize(client_id="asks", scope=f"{WRITE} {READ}"))


async def test_a_no_is_told_to_the_client_and_not_remembered() -> None:
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        page = await asked(browser)
        answer = answered(await browser.submit(page, step="consent", decision="deny"))
        assert (answer["error"], answer["state"], answer["iss"]) == ("access_denied", "the-state", ISSUER)
        assert "grant.created" not in at.kinds()
        assert "consent.denied" in at.kinds()
        assert (await browser.submit(page, step="consent", decision="approve")).status_code == 410
        await asked(browser)
        assert await at.stores.grants.consent(POOL, ADA.id, "asks") is None


@each("decision", {"none": None, "empty": "", "maybe": "maybe", "other case": "APPROVE"})
async def test_anything_but_a_yes_is_no_yes(decision: str | None) -> None:
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        page = await asked(browser)
        fields = {} if decision is None else {"decision": decision}
        again = await browser.open(await browser.submit(page, step="consent", **fields))
        assert 'id="approve"' in again.text
        assert "consent.given" not in at.kinds()
        assert "code" in answered(await browser.submit(page, step="consent", decision="approve"))


async def test_nobody_consents_without_having_signed_in() -> None:
    async with house() as at:
        browser = at.browser()
        page = await browser.login_page(client_id="asks")
        sent = await browser.submit(page, step="identifier", username="ada")
        for fields in ({"account": ADA.id}, {"account": ""}, {}):
            form = {"csrf": re.findall(r'name="csrf" value="([^"]+)"', page.text)[0], "step": "consent"}
            answer = await browser.http.post(str(page.url), data=form | {"decision": "approve"} | fields)
            assert 'id="password"' in (await browser.open(answer)).text
        assert "consent.given" not in at.kinds()
        page = await browser.open(await browser.submit(await browser.open(sent), step="password", password=PASSWORD))
        assert "code" in answered(await browser.submit(page, step="consent", decision="approve"))


async def test_prompt_consent_asks_again_and_of_every_client() -> None:
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        await browser.submit(await asked(browser), step="consent", decision="approve")
        for client_id in ("asks", "web"):
            page = await browser.login_page(client_id=client_id, prompt="consent")
            assert 'id="approve"' in page.text
            assert "code" in answered(await browser.submit(page, step="consent", decision="approve"))


async def test_the_page_says_who_is_asked_by_whom_for_what_and_where_it_leads() -> None:
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        page = await asked(browser, scope=f"openid email offline_access {READ}")
        for words in ("Web shop", "Ada Lovelace", "Read orders", "Orders", "app.example.com"):
            assert words in page.text


async def test_another_account_can_be_used_from_the_consent_page() -> None:
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        page = await asked(browser)
        page = await browser.open(await browser.submit(page, step="switch_account"))
        assert 'id="username"' in page.text
        page = await browser.open(await browser.submit(page, step="identifier", username="bob"))
        assert "Confirm it" not in page.text
        page = await browser.open(await browser.submit(page, step="password", password=PASSWORD))
        code = answered(await browser.submit(page, step="consent", decision="approve"))["code"]
        assert claims((await browser.redeem(code, "asks")).json()["id_token"])["sub"] == BOB.id


async def test_a_yes_counts_for_the_account_that_was_on_the_page() -> None:
    """Another tab signs somebody else in while the page is open: what ada was asked, bob has not answered."""
    async with house() as at:
        browser = at.browser()
        await browser.arrive(ADA)
        page = await asked(browser)
        await browser.arrive(BOB)
        again = await browser.open(await browser.submit(page, step="consent", decision="approve"))
        assert "bob" in again.text
        assert "consent.given" not in at.kinds()
        code = answered(await browser.submit(again, step="consent", decision="approve"))["code"]
        assert claims((await browser.redeem(code, "asks")).json()["id_token"])["sub"] == BOB.id


async def test_a_yes_after_signing_out_elsewhere_asks_for_the_password_again() -> None:
    async with house() as at:
        browser = at.browser()
        page = await browser.open(await browser.sign_in(client_id="asks"))
        out = await browser.http.get(f"{ISSUER}/logout")
        assert (await browser.submit(out, step="sign_out")).status_code == 303
        again = await browser.open(await browser.submit(page, step="consent", decision="approve"))
        assert 'id="password"' in again.text
        page = await browser.open(await browser.submit(again, step="password", password=PASSWORD))
        assert "code" in answered(await browser.submit(page, step="consent", decision="approve"))


async def test_a_proof_of_one_person_does_not_ride_on_the_session_of_another() -> None:
    """Ada proves herself here, then bob signs in in another tab: the first sign-in asks for ada's password again."""
    async with house() as at:
        browser = at.browser()
        page = await browser.open(await browser.sign_in(client_id="asks"))
        await browser.arrive(BOB)
        again = await browser.open(await browser.submit(page, step="consent", decision="approve"))
        assert 'id="password"' in again.text
        assert "Confirm it" not in again.text
        assert "grant.created" not in at.kinds()
        page = await browser.open(await browser.submit(again, step="password", password=PASSWORD))
        code = answered(await browser.submit(page, step="consent", decision="approve"))["code"]
        said = claims((await browser.redeem(code, "asks")).json()["id_token"])
        assert said["sub"] == ADA.id
        session = await at.services.sessions.find(await at.stores.registry.pool(POOL), browser.cookie("session"))
        assert session is not None
        assert said["sid"] == session.sid


async def test_a_user_disabled_on_the_consent_page_gets_no_code() -> None:
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        page = await asked(browser)
        await at.change_user(ADA, state="disabled")
        again = await browser.open(await browser.submit(page, step="consent", decision="approve"))
        assert 'id="username"' in again.text
        assert "grant.created" not in at.kinds()
        await at.change_user(ADA, state="confirmed")
        assert "code" in answered(await browser.submit(page, step="consent", decision="approve"))


@each("fate", ("disabled", "deleted"))
async def test_a_client_that_is_gone_meanwhile_gets_no_code(fate: str) -> None:
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        page = await asked(browser)
        if fate == "disabled":
            await at.change_client("asks", enabled=False)
        else:
            await at.stores.registry.delete_client(POOL, "asks")
        answer = await browser.submit(page, step="consent", decision="approve")
        assert answer.status_code == 404
        assert "grant.created" not in at.kinds()
