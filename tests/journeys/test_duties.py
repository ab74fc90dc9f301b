"""What an account owes its pool once its person is signed in: agreement to the terms, attributes that are missing."""

from dataclasses import replace
from typing import Any

import httpx
import pytest

from authserver.model.pools import AttributeDefinition, MfaPolicy, SignUpPolicy
from authserver.model.users import User
from tests.journeys.house import (
    ADA,
    BOB,
    CLIENTS,
    POOL,
    Browser,
    House,
    answered,
    client,
    each,
    error_code,
    hidden,
    house,
    pool,
)
from tests.journeys.people import fault_at, link_of, newcomer, open_pool, step_of, tokens_of, value_at, words_of

pytestmark = pytest.mark.anyio

URIS = {"terms_uri": "https://acme.example/terms", "policy_uri": "https://acme.example/privacy"}
TERMS = SignUpPolicy(**URIS, terms_required=True)  # type: ignore[arg-type]  # texts


async def stored(at: House, user: User = ADA) -> User:
    found = await at.stores.directory.user(POOL, user.id)
    assert found is not None
    return found


async def next_page(browser: Browser, answer: httpx.Response) -> httpx.Response:
    assert browser.cookie("session") is not None, "signed in by now"
    return await browser.open(answer)


# ------------------------------------------------------------------------------------------------------------ terms


async def test_whoever_never_agreed_is_asked_once() -> None:
    async with house(pool(sign_up=TERMS)) as at:
        browser = at.browser()
        page = await next_page(browser, await browser.sign_in())
        assert step_of(page) == "terms"
        assert URIS["terms_uri"] in page.text
        assert URIS["policy_uri"] in page.text
        assert "Our terms" in words_of(page)
        assert "changed" not in words_of(page)
        tokens = await tokens_of(browser, await browser.submit(page, step="terms", decision="accept"))
        assert tokens["id"]["sub"] == ADA.id
        assert (await stored(at)).accepted_terms_at == int(at.time())
        assert [e.client_id for e in at.events if e.kind == "terms.accepted"] == ["web"]
        assert "code" in answered(await at.browser().sign_in())


async def test_whoever_agreed_before_they_changed_is_asked_again() -> None:
    async with house() as at:
        agreed = int(at.time()) - 1000
        await at.change_user(ADA, accepted_terms_at=agreed)
        await at.change_user(BOB, accepted_terms_at=agreed + 200)
        await at.change_pool(sign_up=replace(TERMS, terms_changed=agreed + 100))
        browser = at.browser()
        page = await next_page(browser, await browser.sign_in())
        assert "changed" in words_of(page)
        assert "code" in answered(await browser.submit(page, step="terms", decision="accept"))
        assert "code" in answered(await at.browser().sign_in("bob"))


async def test_whoever_does_not_agree_goes_back_without_access() -> None:
    async with house(pool(sign_up=TERMS)) as at:
        browser = at.browser()
        page = await next_page(browser, await browser.sign_in())
        declined = answered(await browser.submit(page, step="terms", decision="decline"))
        assert declined["error"] == "access_denied"
        assert declined["state"] == "the-state"
        assert (await stored(at)).accepted_terms_at is None
        assert "terms.declined" in at.kinds()
        assert (await browser.submit(page, step="terms", decision="accept")).status_code in {303, 410}, "it is over"
        assert (await stored(at)).accepted_terms_at is None
        page = await browser.login_page()
        assert step_of(page) == "terms", "the session is there, and still good for nothing"
        assert "code" in answered(await browser.submit(page, step="terms", decision="accept"))


async def test_a_session_of_before_is_good_for_nothing_until_then() -> None:
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        assert "code" in answered(await browser.authorize(prompt="none"))
        await at.change_pool(sign_up=TERMS)
        assert answered(await browser.authorize(prompt="none"))["error"] == "interaction_required"
        page = await browser.login_page()
        await browser.submit(page, step="terms", decision="accept")
        assert "code" in answered(await browser.authorize(prompt="none"))


async def test_a_pool_that_has_terms_and_does_not_ask_for_them_asks_nobody() -> None:
    async with house(pool(sign_up=replace(TERMS, terms_required=False))) as at:
        assert "code" in answered(await at.browser().sign_in())
        browser = at.browser()
        await browser.arrive()
        assert "code" in answered(await browser.authorize(prompt="none"))


@each("form", {"another word": {"decision": "perhaps"}, "no word": {}, "another step": {"step": "invitation"}})
async def test_only_the_word_accept_agrees(form: dict[str, str]) -> None:
    async with house(pool(sign_up=TERMS)) as at:
        browser = at.browser()
        page = await next_page(browser, await browser.sign_in())
        again = await browser.open(await browser.http.post(str(page.url), data=hidden(page) | form))
        assert step_of(again) == "terms"
        assert (await stored(at)).accepted_terms_at is None


async def test_declining_at_another_step_declines_nothing() -> None:
    async with house(pool(sign_up=TERMS)) as at:
        browser = at.browser()
        page = await browser.login_page()
        form = {"csrf": hidden(page)["csrf"], "step": "terms", "decision": "decline"}
        assert step_of(await browser.open(await browser.http.post(str(page.url), data=form))) == "identifier"
        assert "terms.declined" not in at.kinds()


async def test_a_forged_form_agrees_to_nothing() -> None:
    async with house(pool(sign_up=TERMS)) as at:
        browser = at.browser()
        page = await next_page(browser, await browser.sign_in())
        forged = {"step": "terms", "decision": "accept", "csrf": "x" * 43}
        assert error_code(await browser.http.post(str(page.url), data=forged)) == "csrf"
        assert (await stored(at)).accepted_terms_at is None


async def test_on_the_way_to_the_account_page_nobody_else_hears_of_a_refusal() -> None:
    async with house(pool(sign_up=TERMS)) as at:
        browser = at.browser()
        page = await browser.open(await browser.http.get(f"{browser.issuer}/account"))
        page = await browser.open(await browser.submit(page, step="identifier", username="ada"))
        page = await next_page(browser, await browser.submit(page, step="password", password="correct-horse-battery"))
        refused = await browser.submit(page, step="terms", decision="decline")
        assert refused.status_code == 400
        assert error_code(refused) == "access_denied"


async def test_who_agreed_in_signing_up_is_not_asked_again() -> None:
    setting = open_pool()
    async with house(replace(setting, sign_up=replace(setting.sign_up, **URIS, terms_required=True))) as at:
        browser = at.browser()
        assert "code" in answered(await newcomer(at, browser, terms="true"))


# ---------------------------------------------------------------------------------------------------------- profile

NAMES = SignUpPolicy(required_attributes=("given_name", "phone_number"))
DESK = AttributeDefinition("custom:desk", "number", required=True, min=1, max=99)


async def test_what_is_missing_is_asked_for_once() -> None:
    async with house(pool(sign_up=NAMES, attributes=(DESK,))) as at:
        browser = at.browser()
        page = await next_page(browser, await browser.sign_in("bob"))
        assert step_of(page) == "profile"
        assert 'name="email"' not in page.text, "that is there"
        form = {"given_name": "Bob", "phone_number": "+82 10 9876 5432", "custom:desk": "7"}
        tokens = await tokens_of(browser, await browser.submit(page, step="profile", **form))
        assert tokens["id"]["sub"] == BOB.id
        bob = await stored(at, BOB)
        assert bob.attributes["given_name"] == "Bob"
        assert bob.attributes["custom:desk"] == 7
        assert (bob.phone_number, bob.phone_number_verified) == ("+821098765432", False)
        changed = [e.details for e in at.events if e.kind == "user.profile_changed"]
        assert changed == [{"attributes": ["custom:desk", "given_name", "phone_number"]}]
        assert "code" in answered(await at.browser().sign_in("bob"))


async def test_by_the_rules_of_signing_up() -> None:
    async with house(pool(sign_up=NAMES, attributes=(DESK,))) as at:
        browser = at.browser()
        page = await next_page(browser, await browser.sign_in("bob"))
        bad = {"given_name": " ", "phone_number": "12", "custom:desk": "100"}
        page = await browser.submit(page, step="profile", **bad)
        assert page.status_code == 422
        for field in ("given_name", "phone_number", "custom-desk"):
            assert fault_at(page, field), field
        assert value_at(page, "custom-desk") == "100"
        assert (await stored(at, BOB)).attributes == {}
        good = {"given_name": "Bob", "phone_number": "+821098765432", "custom:desk": "99"}
        assert "code" in answered(await browser.submit(page, step="profile", **good))


async def test_nothing_else_can_be_set_by_that_form() -> None:
    locked = AttributeDefinition("custom:badge", required=True, self_editable=False)
    async with house(pool(sign_up=SignUpPolicy(required_attributes=("given_name",)), attributes=(locked,))) as at:
        browser = at.browser()
        page = await next_page(browser, await browser.sign_in("bob"))
        assert "custom:badge" not in page.text
        form = {"given_name": "Bob", "custom:badge": "1", "email": "eve@example.com", "locale": "ko", "name": "Eve"}
        assert "code" in answered(await browser.submit(page, step="profile", **form))
        bob = await stored(at, BOB)
        assert bob.attributes == {"given_name": "Bob"}
        assert bob.email == "bob@example.com"


async def test_what_came_meanwhile_is_not_overwritten() -> None:
    async with house(pool(sign_up=SignUpPolicy(required_attributes=("phone_number",)))) as at:
        browser = at.browser()
        page = await next_page(browser, await browser.sign_in("bob"))
        await at.change_user(BOB, phone_number="+821000000000", phone_number_verified=True)
        await browser.submit(page, step="profile", phone_number="+821098765432")
        assert (await stored(at, BOB)).phone_number == "+821000000000"


async def test_a_name_that_somebody_has_is_taken() -> None:
    setting = pool(
        sign_in_with=("username", "preferred_username"),
        sign_up=SignUpPolicy(required_attributes=("preferred_username",)),
    )
    async with house(setting) as at:
        await at.change_user(ADA, attributes={"preferred_username": "countess"})
        browser = at.browser()
        page = await next_page(browser, await browser.sign_in("bob"))
        page = await browser.submit(page, step="profile", preferred_username="countess")
        assert page.status_code == 422
        assert fault_at(page, "preferred_username")
        assert "code" in answered(await browser.submit(page, step="profile", preferred_username="bobby"))


async def test_silently_it_is_told_to_the_client() -> None:
    async with house(pool(sign_up=NAMES)) as at:
        browser = at.browser()
        await browser.arrive(BOB)
        assert answered(await browser.authorize(prompt="none"))["error"] == "interaction_required"
        browser = at.browser()
        await browser.arrive(ADA)
        assert "code" in answered(await browser.authorize(prompt="none"))


async def test_what_the_client_may_not_write_it_does_not_ask_for() -> None:
    narrow = client("narrow", write_attributes=("email",))
    async with house(pool(sign_up=NAMES), clients=(*CLIENTS, narrow)) as at:
        assert "code" in answered(await at.browser().sign_in("bob", client_id="narrow"))
        browser = at.browser()
        assert step_of(await browser.open(await browser.sign_in("bob"))) == "profile"


async def test_the_form_of_a_profile_that_is_complete_changes_nothing() -> None:
    async with house(pool(sign_up=SignUpPolicy(required_attributes=("given_name",)))) as at:
        browser = at.browser()
        page = await next_page(browser, await browser.sign_in("bob"))
        await browser.submit(page, step="profile", given_name="Bob")
        await browser.submit(page, step="profile", given_name="Eve")
        assert (await stored(at, BOB)).attributes["given_name"] == "Bob"


async def test_first_the_terms_then_the_profile_then_an_invitation() -> None:
    setting = pool(
        sign_up=replace(TERMS, required_attributes=("given_name",)),
        mfa=MfaPolicy(first_factors=("password", "passkey")),
    )
    async with house(setting) as at:
        browser = at.browser()
        page = await next_page(browser, await browser.sign_in("bob"))
        seen = [step_of(page)]
        page = await browser.open(await browser.submit(page, step="terms", decision="accept"))
        seen.append(step_of(page))
        page = await browser.open(await browser.submit(page, step="profile", given_name="Bob"))
        seen.append(step_of(page))
        assert seen == ["terms", "profile", "invitation"]


# ---------------------------------------------------------------------------------------- the meter without a script


@each(
    "password",
    {"a common one": ("password1", True), "a good one that is too short": ("xK9#q", True)},
)
async def test_a_refused_password_comes_with_its_strength(password: Any) -> None:
    word, measured = password
    async with house(pool(sign_up=SignUpPolicy(enabled=True))) as at:
        browser = at.browser()
        page = await browser.http.get(link_of(await browser.login_page(), "sign-up"))
        assert '<div class="strength" data-meter hidden>' in page.text
        form = {"username": "grace", "email": "grace@example.com", "new_password": word}
        page = await browser.http.post(str(page.url), data=hidden(page, "sign_up") | form)
        assert page.status_code == 422
        assert ('<div class="strength" data-meter>' in page.text) is measured
        assert 'data-unlike="grace grace@example.com"' in page.text
        assert word not in page.text


async def test_a_password_that_holds_the_name_says_what_is_wrong_with_that() -> None:
    async with house(pool(sign_up=SignUpPolicy(enabled=True))) as at:
        browser = at.browser()
        page = await browser.http.get(link_of(await browser.login_page(), "sign-up"))
        form = {"username": "grace", "email": "grace@example.com", "new_password": "grace-wobbly-teapot-orchard"}
        page = await browser.http.post(str(page.url), data=hidden(page, "sign_up") | form)
        assert fault_at(page, "new_password") == "It has your username or your email name in it. Leave that out."
