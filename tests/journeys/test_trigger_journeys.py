"""The pool's triggers at work in journeys: Python functions of these very tests are called at each point."""

from dataclasses import replace
from typing import Any

import httpx
import pytest

from authserver.model.pools import AttributeDefinition, SignUpPolicy, Trigger, TriggerPoint
from tests.journeys.house import ADA, ISSUER, PASSWORD, POOL, Browser, answered, claims, each, hidden, house, pool
from tests.journeys.people import link_of, mfa_pool, options_of
from tests.journeys.test_passkeys import created
from tests.journeys.test_second_factors import after_password, enrolled

pytestmark = pytest.mark.anyio

SEEN: list[dict[str, Any]] = []


def note(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    SEEN.append(event)
    return event


def refuse(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    SEEN.append(event)
    raise TriggerVeto("Not on Sundays.")


def slow(_event: dict[str, Any], _context: Any) -> dict[str, Any]:
    raise RuntimeError("out of order")


def confirm_at_once(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    event["response"] = {"autoConfirmUser": True, "autoVerifyEmail": True}
    return event


def add_claims(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    SEEN.append(event)
    event["response"] = {
        "claimsAndScopeOverrideDetails": {
            "idTokenGeneration": {
                "claimsToAddOrOverride": {"plan": "gold", "sub": "evil"},
                "claimsToSuppress": ["email"],
            },
            "accessTokenGeneration": {"claimsToAddOrOverride": {"tenant": {"id": 7}}},
        }
    }
    return event


def other_system(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    forgotten = event["triggerSource"] == "UserMigration_ForgotPassword" and event["userName"] == "carol"
    if event["request"]["password"] == "password-of-the-old-system" or forgotten:
        event["response"] = {
            "userAttributes": {"email": "carol@example.com", "email_verified": "true", "given_name": "Carol"},
            "finalUserStatus": "CONFIRMED",
            "messageAction": "SUPPRESS",
        }
    return event


from authserver.triggers.veto import TriggerVeto  # noqa: E402 - below what a pool names, as an operator's module has it


def at(point: TriggerPoint, name: str, **changes: Any) -> Trigger:
    return Trigger(point, callable=f"tests.journeys.test_trigger_journeys:{name}", **changes)


@pytest.fixture(autouse=True)
def _nothing_seen() -> None:
    SEEN.clear()


@each("point", ("pre_authentication", "post_authentication"))
async def test_a_veto_around_a_sign_in_is_a_sentence_and_no_session(point: TriggerPoint) -> None:
    async with house(replace(pool(), triggers=(at(point, "refuse"),))) as house_:
        browser = house_.browser()
        answer = await browser.sign_in()
        assert answer.status_code == 403
        assert "Not on Sundays." in answer.text
        assert browser.cookie("session") is None
        assert await house_.stores.sessions.sessions_of_user(POOL, ADA.id) == []
        await house_.change_pool(triggers=(at(point, "note"),))
        assert "code" in answered(await house_.browser().sign_in())
        assert SEEN[-1]["userName"] == "Ada"
        assert SEEN[-1]["request"]["userAttributes"]["email"] == "ada@example.com"


async def test_a_code_that_comes_first_is_announced_too() -> None:
    """And is not used up by a refusal."""
    mails = mfa_pool("off", (), first_factors=("email_code",))
    async with house(replace(mails, triggers=(at("pre_authentication", "refuse"),))) as house_:
        browser = house_.browser()
        page = await browser.login_page()
        page = await browser.open(await browser.submit(page, step="identifier", username="ada"))
        code = await house_.last_code("ada@example.com")
        refused = await browser.submit(page, step="code", code=code)
        assert refused.status_code == 403
        assert "Not on Sundays." in refused.text
        await house_.change_pool(triggers=(at("pre_authentication", "note"),))
        assert "code" in answered(await browser.submit(page, step="code", code=code))
        assert [event["userName"] for event in SEEN] == ["Ada", "Ada"]


@each("username", ("ada", "nobody"))
async def test_a_code_for_a_name_that_nobody_has_asks_alike(username: str) -> None:
    mails = mfa_pool("off", (), first_factors=("email_code",))
    async with house(replace(mails, triggers=(at("pre_authentication", "note"),))) as house_:
        browser = house_.browser()
        page = await browser.login_page()
        page = await browser.open(await browser.submit(page, step="identifier", username=username))
        assert (await browser.submit(page, step="code", code="000000")).status_code == 422
        assert SEEN[-1]["request"].get("userNotFound", False) is (username == "nobody")


async def test_a_passkey_that_comes_first_is_announced_too() -> None:
    async with house(mfa_pool("off", (), first_factors=("passkey", "password"))) as house_:
        key = await created(house_)
        await house_.change_pool(triggers=(at("pre_authentication", "refuse"),))
        browser = house_.browser()
        page = await browser.login_page()
        refused = await browser.submit(page, step="passkey", credential=key.get(options_of(page)))
        assert refused.status_code == 403
        assert "Not on Sundays." in refused.text
        assert browser.cookie("session") is None
        await house_.change_pool(triggers=(at("pre_authentication", "note"),))
        page = await browser.http.get(str(page.url))
        assert "code" in answered(await browser.submit(page, step="passkey", credential=key.get(options_of(page))))
        assert [event["userName"] for event in SEEN] == ["Ada", "Ada"]


async def test_a_second_factor_is_not_announced_again() -> None:
    async with house(replace(mfa_pool(), triggers=(at("pre_authentication", "note"),))) as house_:
        app = await enrolled(house_, "totp")
        SEEN.clear()
        browser = house_.browser()
        page = await after_password(browser)
        assert "code" in answered(await browser.submit(page, step="code", code=app.code))
        assert len(SEEN) == 1


async def test_a_trigger_out_of_order_lets_nobody_in_and_burns_nothing() -> None:
    async with house() as house_:
        browser = house_.browser()
        code = await browser.code()
        await house_.change_pool(triggers=(at("pre_token_generation", "slow"),))
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": "https://app.example.com/callback"}
        verifier = "v" * 20 + "-._~" + "V" * 40
        answer = await browser.token(**form, code_verifier=verifier)
        assert answer.status_code == 503
        assert answer.json()["error"] == "temporarily_unavailable"
        assert "out of order" not in answer.text
        await house_.change_pool(triggers=())
        assert (await browser.token(**form, code_verifier=verifier)).status_code == 200


async def test_the_page_of_a_trigger_out_of_order_leads_back_to_where_it_happened() -> None:
    async with house(replace(pool(), triggers=(at("post_authentication", "slow"),))) as house_:
        browser = house_.browser()
        failed = await browser.sign_in()
        assert failed.status_code == 503
        await house_.change_pool(triggers=())
        page = await browser.http.get(link_of(failed, "again"))
        assert "code" in answered(await browser.submit(page, step="password", password=PASSWORD))


async def test_tokens_are_amended_but_for_what_holds_them_together() -> None:
    trigger = at("pre_token_generation", "add_claims", version="V2_0")
    async with house(replace(pool(), triggers=(trigger,))) as house_:
        browser = house_.browser()
        code = await browser.code()
        verifier = "v" * 20 + "-._~" + "V" * 40
        answer = await browser.token(
            grant_type="authorization_code",
            code=code,
            redirect_uri="https://app.example.com/callback",
            code_verifier=verifier,
        )
        tokens = answer.json()
        identity, access = claims(tokens["id_token"]), claims(tokens["access_token"])
        assert identity["plan"] == "gold"
        assert identity["sub"] == ADA.id
        assert "email" not in identity
        assert access["tenant"] == {"id": 7}
        assert SEEN[-1]["triggerSource"] == "TokenGeneration_HostedAuth"
        assert (await browser.userinfo(tokens["access_token"])).status_code == 200
        again = (await browser.refresh(tokens["refresh_token"])).json()
        assert claims(again["id_token"])["plan"] == "gold"
        assert SEEN[-1]["triggerSource"] == "TokenGeneration_RefreshTokens"


async def test_somebody_unknown_moves_in_from_the_old_system() -> None:
    async with house(replace(pool(), triggers=(at("user_migration", "other_system"),))) as house_:
        assert (await house_.browser().sign_in("carol", "wrong")).status_code == 422
        assert "code" in answered(await house_.browser().sign_in("carol", "password-of-the-old-system"))
        carol = await house_.stores.directory.find_user(POOL, "carol", ("username",))
        assert carol is not None
        assert (carol.email, carol.email_verified, carol.state) == ("carol@example.com", True, "confirmed")
        await house_.change_pool(triggers=())
        assert "code" in answered(await house_.browser().sign_in("carol", "password-of-the-old-system"))


async def test_who_cannot_be_had_here_is_told_to_the_operator() -> None:
    """To the person it is a wrong password."""
    born = AttributeDefinition("birthdate", required=True)
    async with house(replace(pool(), attributes=(born,), triggers=(at("user_migration", "other_system"),))) as house_:
        assert (await house_.browser().sign_in("carol", "password-of-the-old-system")).status_code == 422
        (told,) = [e for e in house_.events if e.kind == "user.not_migrated"]
        assert told.details["username"] == "carol"
        assert "birthdate" in told.details["reason"]
        await house_.change_pool(attributes=())
        assert "code" in answered(await house_.browser().sign_in("carol", "password-of-the-old-system"))


def known_by_another_name(event: dict[str, Any], context: Any) -> dict[str, Any]:
    event = other_system(event, context)
    event["response"]["userAttributes"]["username"] = "c.danvers"
    return event


async def test_who_would_not_be_found_again_by_what_was_typed_is_not_taken_over() -> None:
    async with house(replace(pool(), triggers=(at("user_migration", "known_by_another_name"),))) as house_:
        assert (await house_.browser().sign_in("carol", "password-of-the-old-system")).status_code == 422
        (told,) = [e for e in house_.events if e.kind == "user.not_migrated"]
        assert "sign_in_with" in told.details["reason"]
        # The valid twin: the address is hers, and a name by which this pool finds her.
        assert "code" in answered(await house_.browser().sign_in("carol@example.com", "password-of-the-old-system"))


async def forgot(browser: Browser, name: str) -> httpx.Response:
    page = await browser.login_page()
    page = await browser.open(await browser.submit(page, step="identifier", username=name))
    page = await browser.http.get(link_of(page, "forgot-password"))
    return await browser.submit(page, step="recover", username=name)


async def test_a_password_forgotten_in_the_old_system_is_replaced_here() -> None:
    async with house(replace(pool(), triggers=(at("user_migration", "other_system"),))) as house_:
        browser = house_.browser()
        page = await browser.open(await forgot(browser, "carol"))
        code = await house_.last_code("carol@example.com")
        done = await browser.submit(page, step="recover_code", code=code, new_password="wobbly-teapot-orchard")
        assert "code" in answered(done)
        nobody = house_.browser()
        assert (await nobody.open(await forgot(nobody, "nobody"))).status_code == 200
        assert await house_.stores.directory.find_user(POOL, "nobody", ("username",)) is None


async def test_an_old_system_out_of_order_can_be_asked_again() -> None:
    async with house(replace(pool(), triggers=(at("user_migration", "slow"),))) as house_:
        assert (await forgot(house_.browser(), "carol")).status_code == 503
        ada = house_.browser()
        assert (await ada.open(await forgot(ada, "ada"))).status_code == 200


async def test_sign_up_is_vetoed_or_confirmed_at_once() -> None:
    open_pool = replace(pool(), sign_up=SignUpPolicy(enabled=True), triggers=(at("pre_sign_up", "refuse"),))
    form = {"username": "dora", "email": "dora@example.com", "new_password": "a-quite-unusual-password"}
    async with house(open_pool) as house_:
        browser = house_.browser()
        page = await browser.login_page()
        sign_up = await browser.http.get(str(page.url).replace("/login", "/signup"))
        answer = await browser.http.post(str(sign_up.url), data={**hidden(sign_up, "sign_up"), **form})
        assert answer.status_code == 422
        assert "Not on Sundays." in answer.text
        assert await house_.stores.directory.find_user(POOL, "dora", ("username",)) is None
        await house_.change_pool(triggers=(at("pre_sign_up", "confirm_at_once"), at("post_confirmation", "note")))
        answer = await browser.http.post(str(sign_up.url), data={**hidden(sign_up, "sign_up"), **form})
        assert "code" in answered(answer)
        dora = await house_.stores.directory.find_user(POOL, "dora@example.com", ("email",))
        assert dora is not None
        assert dora.state == "confirmed"
        assert str(sign_up.url).startswith(ISSUER)
