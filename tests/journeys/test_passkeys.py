"""Passkeys: as the first factor, as the second, invited to, and what is none (security reference W17)."""

import json
from typing import Any

import httpx
import pytest

from authserver.messages.kinds import Kind
from authserver.model.pools import MfaPolicy
from tests.authenticator import FLAG, SoftAuthenticator
from tests.journeys.house import ADA, BOB, PASSWORD, POOL, Browser, House, answered, each, hidden, house, pool
from tests.journeys.people import authenticator, kinds_to, mfa_pool, options_of, step_of, steps_on, tokens_of
from tests.journeys.test_second_factors import after_password, enrolled

pytestmark = pytest.mark.anyio

ADA_MAIL = "ada@example.com"
FIRST = ("passkey", "password")


async def created(at: House, username: str = "ada", **changes: Any) -> SoftAuthenticator:
    """The user adds a passkey, where a sign-in demands one; an hour passes."""
    stored = await at.stores.registry.pool(POOL)
    await at.change_pool(mfa=MfaPolicy(mode="required", factors=("passkey",), first_factors=stored.mfa.first_factors))
    browser, key = at.browser(), authenticator(**changes)
    page = await browser.login_page()
    page = await browser.open(await browser.submit(page, step="identifier", username=username))
    if "password" not in steps_on(page):
        page = await browser.open(await browser.submit(page, step="method", method="password"))
    page = await browser.open(await browser.submit(page, step="password", password=PASSWORD))
    page = await browser.open(await browser.submit(page, step="enrol", method="passkey"))
    done = await browser.submit(page, step="enrol_passkey", credential=key.create(options_of(page)))
    assert "code" in answered(done), done.text
    await at.change_pool(mfa=stored.mfa)
    await at.mail()
    at.post.envelopes.clear()
    user = ADA if username == "ada" else BOB
    await at.stores.credentials.delete_devices(POOL, user.id)
    at.time.pass_(3600)
    return key


async def chosen(browser: Browser, username: str = "ada") -> httpx.Response:
    """The page that asks for a passkey, after the name."""
    page = await browser.login_page()
    return await browser.open(await browser.submit(page, step="identifier", username=username))


# ----------------------------------------------------------------------------------------------- as the first factor


async def test_from_the_very_first_page_without_a_name() -> None:
    """What autofill, and the button beside it, do."""
    async with house(mfa_pool("off", (), first_factors=FIRST)) as at:
        key = await created(at)
        browser = at.browser()
        page = await browser.login_page()
        asked = json.loads(options_of(page))
        assert asked["allowCredentials"] == []
        assert asked["userVerification"] == "required"
        assert asked["rpId"] == "localhost"
        assert 'autocomplete="username webauthn"' in page.text
        tokens = await tokens_of(
            browser, await browser.submit(page, step="passkey", credential=key.get(options_of(page)))
        )
        assert tokens["id"]["sub"] == ADA.id
        assert tokens["id"]["amr"] == ["hwk", "user", "mfa"]
        assert tokens["id"]["acr"] == "urn:poolgate:acr:3"


async def test_after_the_name() -> None:
    async with house(mfa_pool("off", (), first_factors=FIRST)) as at:
        key = await created(at)
        browser = at.browser()
        page = await chosen(browser)
        assert "passkey" in steps_on(page)
        assert "code" in answered(await browser.submit(page, step="passkey", credential=key.get(options_of(page))))


async def test_the_password_may_be_chosen_instead() -> None:
    async with house(mfa_pool("off", (), first_factors=FIRST)) as at:
        await created(at)
        browser = at.browser()
        page = await chosen(browser)
        page = await browser.open(await browser.submit(page, step="method", method="password"))
        answer = await browser.submit(page, step="password", password=PASSWORD)
        assert "code" in answered(answer)


async def test_the_first_page_offers_it_again_after_not_you() -> None:
    async with house(mfa_pool("off", (), first_factors=FIRST)) as at:
        key = await created(at)
        browser = at.browser()
        page = await chosen(browser, "bob")
        page = await browser.open(await browser.submit(page, step="change_identifier"))
        assert "code" in answered(await browser.submit(page, step="passkey", credential=key.get(options_of(page))))


async def test_a_synced_passkey_says_so() -> None:
    async with house(mfa_pool("off", (), first_factors=FIRST)) as at:
        key = await created(at, synced=True)
        browser = at.browser()
        page = await browser.login_page()
        tokens = await tokens_of(
            browser, await browser.submit(page, step="passkey", credential=key.get(options_of(page)))
        )
        assert tokens["id"]["amr"] == ["swk", "user", "mfa"]


async def test_it_does_for_required_factors_alone() -> None:
    async with house(mfa_pool("required", ("totp",), first_factors=FIRST)) as at:
        key = await created(at)
        browser = at.browser()
        page = await browser.login_page()
        assert "code" in answered(await browser.submit(page, step="passkey", credential=key.get(options_of(page))))


async def test_it_steps_up_nobody_else_s_session() -> None:
    """Bob is signed in; Ada's passkey signs Ada in, and his session ends."""
    async with house(mfa_pool("off", (), first_factors=FIRST)) as at:
        key = await created(at)
        browser = at.browser()
        await browser.arrive(BOB)
        page = await browser.login_page(prompt="select_account")
        tokens = await tokens_of(
            browser, await browser.submit(page, step="passkey", credential=key.get(options_of(page)))
        )
        assert tokens["id"]["sub"] == ADA.id


FORGED: dict[str, dict[str, Any]] = {
    "another origin": {"origin": "https://login.example.org"},
    "another port": {"origin": "http://localhost:8001"},
    "another relying party": {"rp_id": "example.org"},
    "another challenge": {"challenge": b"x" * 32},
    "a registration": {"type": "webauthn.create"},
    "nobody present": {"flags": FLAG.UV},
    "nobody verified": {"flags": FLAG.UP},
    "another user's handle": {"user_handle": BOB.id.encode()},
    "no handle": {"user_handle": None},
    "another credential": {"credential_id": b"y" * 32},
    "a broken signature": {"signature": b"\x30\x06\x02\x01\x01\x02\x01\x01"},
    "framed by another site": {"cross_origin": True},
    "a counter that went back": {"counter": 0},
}


@each("forged", FORGED)
async def test_a_forged_answer_signs_nobody_in(forged: dict[str, Any]) -> None:
    """W17."""
    async with house(mfa_pool("off", (), first_factors=FIRST)) as at:
        key = await created(at)
        browser = at.browser()
        page = await chosen(browser)
        bad = await browser.submit(page, step="passkey", credential=key.get(options_of(page), **forged))
        assert bad.status_code == 422
        assert browser.cookie("session") is None
        assert 'role="alert"' in bad.text
        fresh = options_of(bad)
        assert json.loads(fresh)["challenge"] != json.loads(options_of(page))["challenge"], "it may be answered once"
        assert "code" in answered(await browser.submit(bad, step="passkey", credential=key.get(fresh)))


@each(
    "text",
    {
        "empty": "",
        "no JSON": "x",
        "a list": "[]",
        "null": "null",
        "an empty object": "{}",
        "deep": "[" * 5000,
        "huge": '{"id": "' + "A" * 30_000 + '"}',
        "numbers": '{"id": 1, "rawId": 2, "type": 3, "response": 4}',
    },
)
async def test_what_is_no_answer_at_all_loses_nothing(text: str) -> None:
    async with house(mfa_pool("off", (), first_factors=FIRST)) as at:
        key = await created(at)
        browser = at.browser()
        page = await chosen(browser)
        bad = await browser.submit(page, step="passkey", credential=text)
        assert bad.status_code == 422
        assert "code" in answered(await browser.submit(bad, step="passkey", credential=key.get(options_of(bad))))


async def test_an_answer_is_good_once() -> None:
    async with house(mfa_pool("off", (), first_factors=FIRST)) as at:
        key = await created(at, step=0)
        browser = at.browser()
        page = await chosen(browser)
        answer = key.get(options_of(page))
        other = at.browser()
        theirs = await chosen(other)
        assert "code" in answered(await browser.submit(page, step="passkey", credential=answer))
        assert (await other.submit(theirs, step="passkey", credential=answer)).status_code == 422, "another sign-in"
        assert other.cookie("session") is None


async def test_a_removed_passkey_is_none() -> None:
    async with house(mfa_pool("off", (), first_factors=FIRST)) as at:
        key = await created(at)
        [credential] = await at.stores.credentials.credentials(POOL, ADA.id)
        await at.stores.credentials.delete_credential(POOL, ADA.id, credential.id)
        browser = at.browser()
        page = await browser.login_page()
        bad = await browser.submit(page, step="passkey", credential=key.get(options_of(page)))
        assert bad.status_code == 422
        assert step_of(bad) in {"identifier", "passkey"}
        assert browser.cookie("session") is None


@each("state", ("disabled", "external"))
async def test_who_may_not_sign_in_cannot_by_passkey(state: str) -> None:
    async with house(mfa_pool("off", (), first_factors=FIRST)) as at:
        key = await created(at)
        await at.change_user(ADA, state=state)
        browser = at.browser()
        page = await browser.login_page()
        assert (await browser.submit(page, step="passkey", credential=key.get(options_of(page)))).status_code == 422
        assert browser.cookie("session") is None
        await at.change_user(ADA, state="confirmed")
        page = await browser.login_page()
        assert "code" in answered(await browser.submit(page, step="passkey", credential=key.get(options_of(page))))


async def test_where_it_is_only_the_second_factor_it_is_no_first_one() -> None:
    """Neither on the first page, nor with a challenge that was made for something else."""
    async with house(mfa_pool("optional", ("passkey",))) as at:
        key = await created(at)
        browser = at.browser()
        page = await browser.login_page()
        assert "data-options" not in page.text
        page = await browser.open(await browser.submit(page, step="identifier", username="ada"))
        page = await browser.open(await browser.submit(page, step="password", password=PASSWORD))
        answer = key.get(options_of(page))
        page = await browser.open(await browser.submit(page, step="change_identifier"))
        forged = {"csrf": hidden(page)["csrf"], "step": "passkey", "credential": answer}
        assert (await browser.http.post(str(page.url), data=forged)).status_code == 422
        assert browser.cookie("session") is None


# ---------------------------------------------------------------------------------------------- as the second factor


@each("verifies", {"with the person": True, "with a touch": False})
async def test_after_the_password(verifies: bool) -> None:
    async with house(mfa_pool("optional", ("passkey",))) as at:
        key = await created(at, verifies=verifies)
        browser = at.browser()
        page = await after_password(browser)
        assert browser.cookie("session") is None
        assert len(json.loads(options_of(page))["allowCredentials"]) == 1
        tokens = await tokens_of(
            browser, await browser.submit(page, step="passkey", credential=key.get(options_of(page)))
        )
        assert tokens["id"]["amr"] == ["pwd", "hwk", "user", "mfa"]
        assert tokens["id"]["acr"] == "urn:poolgate:acr:4"


async def test_somebody_else_s_does_not_do() -> None:
    """W13: Mallory knows Ada's password and has a passkey of his own."""
    async with house(mfa_pool("optional", ("passkey",))) as at:
        mallory = await created(at, "bob")
        ada = await created(at)
        browser = at.browser()
        page = await after_password(browser)
        theirs = mallory.get(options_of(page), user_handle=BOB.id.encode())
        bad = await browser.submit(page, step="passkey", credential=theirs)
        assert bad.status_code == 422
        assert browser.cookie("session") is None
        assert "code" in answered(await browser.submit(bad, step="passkey", credential=ada.get(options_of(bad))))


async def test_another_way_may_be_taken() -> None:
    async with house(mfa_pool("optional", ("passkey", "totp"))) as at:
        app = await enrolled(at, "totp")
        key = await created(at)
        browser = at.browser()
        page = await after_password(browser)
        if "passkey" in steps_on(page):
            page = await browser.open(await browser.submit(page, step="method", method="totp"))
        other = await browser.open(await browser.submit(page, step="method", method="passkey"))
        bad = await browser.submit(other, step="passkey", credential=key.get(options_of(other), flags=FLAG(0)))
        assert bad.status_code == 422
        page = await browser.open(await browser.submit(bad, step="method", method="totp"))
        assert "code" in answered(await browser.submit(page, step="code", code=app.code))


# ----------------------------------------------------------------------------------------------------- setting one up


async def test_a_required_passkey_is_made_in_the_sign_in_and_its_owner_told() -> None:
    async with house(mfa_pool("required", ("passkey",))) as at:
        browser, key = at.browser(), authenticator()
        page = await after_password(browser)
        page = await browser.open(await browser.submit(page, step="enrol", method="passkey"))
        assert browser.cookie("session") is None
        done = await browser.submit(page, step="enrol_passkey", credential=key.create(options_of(page)), name="Phone")
        tokens = await tokens_of(browser, done)
        assert {"pwd", "user", "mfa"} < set(tokens["id"]["amr"])
        [credential] = await at.stores.credentials.credentials(POOL, ADA.id)
        assert (credential.kind, credential.name) == ("passkey", "Phone")
        assert await kinds_to(at, ADA_MAIL) == [Kind.FACTOR_ADDED]


@each(
    "forged",
    {
        k: FORGED[k]
        for k in (
            "another origin",
            "another relying party",
            "another challenge",
            "nobody present",
            "framed by another site",
        )
    },
)
async def test_a_forged_registration_keeps_nothing(forged: dict[str, Any]) -> None:
    async with house(mfa_pool("required", ("passkey",))) as at:
        browser, key = at.browser(), authenticator()
        page = await after_password(browser)
        page = await browser.open(await browser.submit(page, step="enrol", method="passkey"))
        bad = await browser.submit(page, step="enrol_passkey", credential=key.create(options_of(page), **forged))
        assert bad.status_code == 422
        assert await at.stores.credentials.credentials(POOL, ADA.id) == []
        assert browser.cookie("session") is None
        assert json.loads(options_of(bad))["challenge"] != json.loads(options_of(page))["challenge"]
        key.passkeys.clear()
        assert "code" in answered(
            await browser.submit(bad, step="enrol_passkey", credential=key.create(options_of(bad)))
        )


async def test_a_registration_is_good_once() -> None:
    async with house(mfa_pool("required", ("passkey",))) as at:
        browser, key = at.browser(), authenticator()
        page = await after_password(browser)
        page = await browser.open(await browser.submit(page, step="enrol", method="passkey"))
        answer = key.create(options_of(page))
        assert "code" in answered(await browser.submit(page, step="enrol_passkey", credential=answer))
        other = at.browser()
        page = await other.open(await other.sign_in("bob"))
        page = await other.open(await other.submit(page, step="enrol", method="passkey"))
        assert (await other.submit(page, step="enrol_passkey", credential=answer)).status_code == 422
        assert await at.stores.credentials.credentials(POOL, BOB.id) == []


# ---------------------------------------------------------------------------------------------------------- invited


async def test_after_a_password_people_are_invited_to_add_one() -> None:
    async with house(mfa_pool("off", (), first_factors=("password", "passkey"))) as at:
        browser, key = at.browser(), authenticator()
        page = await after_password(browser)
        assert step_of(page) == "invitation"
        assert browser.cookie("session") is not None, "they are signed in already"
        page = await browser.open(await browser.submit(page, step="invitation", decision="accept"))
        done = await browser.submit(page, step="enrol_passkey", credential=key.create(options_of(page)))
        tokens = await tokens_of(browser, done)
        assert tokens["id"]["amr"] == ["pwd"], "it is what was proven to sign in"
        assert await kinds_to(at, ADA_MAIL) == [Kind.FACTOR_ADDED]
        again = at.browser()
        page = await again.login_page()
        assert "code" in answered(await again.submit(page, step="passkey", credential=key.get(options_of(page))))
        assert "code" in answered(await at.browser().sign_in()), "who has one is not invited again"


@each("decision", {"not now": ("later", 7), "never": ("never", 90)})
async def test_an_invitation_that_was_turned_down_does_not_come_again_so_soon(decision: tuple[str, int]) -> None:
    answer, days = decision
    async with house(mfa_pool("off", (), first_factors=("password", "passkey"))) as at:
        browser = at.browser()
        page = await after_password(browser)
        assert "code" in answered(await browser.submit(page, step="invitation", decision=answer))
        at.time.pass_(days * 86400 - 60)
        assert "code" in answered(await at.browser().sign_in())
        assert step_of(await after_password(at.browser(), "bob")) == "invitation", "others are asked"
        at.time.pass_(120)
        assert step_of(await after_password(at.browser())) == "invitation"


async def test_an_invitation_that_was_taken_can_be_left() -> None:
    async with house(mfa_pool("off", (), first_factors=("password", "passkey"))) as at:
        browser = at.browser()
        page = await after_password(browser)
        page = await browser.open(await browser.submit(page, step="invitation", decision="accept"))
        assert "code" in answered(await browser.submit(page, step="later"))
        assert await at.stores.credentials.credentials(POOL, ADA.id) == []


@each(
    "setting",
    {
        "no passkeys here": MfaPolicy(),
        "nobody is to be nudged": MfaPolicy(first_factors=("password", "passkey"), nudge=False),
    },
)
async def test_nobody_is_invited(setting: MfaPolicy) -> None:
    async with house(pool(mfa=setting)) as at:
        assert "code" in answered(await at.browser().sign_in())


async def test_a_silent_request_is_not_held_up_by_an_invitation() -> None:
    async with house(mfa_pool("off", (), first_factors=("password", "passkey"))) as at:
        browser = at.browser()
        await browser.arrive()
        assert "code" in answered(await browser.authorize(prompt="none"))
        assert "code" in answered(await browser.authorize())


async def test_who_gave_a_passkey_is_not_invited_to_add_one() -> None:
    async with house(mfa_pool("required", ("passkey",))) as at:
        key = await created(at)
        browser = at.browser()
        page = await after_password(browser)
        assert "code" in answered(await browser.submit(page, step="passkey", credential=key.get(options_of(page))))


async def test_the_relying_party_is_the_host_of_the_public_origin() -> None:
    async with house(mfa_pool("off", (), first_factors=FIRST), base_url="https://login.example.com") as at:
        browser = at.browser()
        asked = json.loads(options_of(await browser.login_page()))
        assert asked["rpId"] == "login.example.com"
