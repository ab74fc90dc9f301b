"""Signing in by another provider: there and back, who somebody becomes here, and what goes wrong on the way."""

import re
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from authserver.model.pools import Linking
from tests.journeys.elsewhere import World, asked, departure, elsewhere, person
from tests.journeys.house import ADA, CALLBACK, ISSUER, PASSWORD, POOL, answered, claims, error_code, hidden, pool

pytestmark = pytest.mark.anyio


async def user_of(world: World, name: str = "Acme", subject: str = "ada-0001"):
    linked = await world.at.stores.identities.identity(POOL, name, subject)
    assert linked is not None
    return await world.at.stores.directory.user(POOL, linked.user_id)


def words(page) -> str:
    """What stands on a page, without its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page.text))


async def tokens_of(browser, answer):
    response = await browser.redeem(answered(answer)["code"])
    assert response.status_code == 200, response.text
    return response.json()


# ------------------------------------------------------------------------------------------------- somebody new


async def test_somebody_new_becomes_a_user_of_the_pool_with_its_own_tokens():
    async with elsewhere() as world:
        site = await world.add()
        site.person = person(sub="carol-1", email="carol@acme.example")
        browser = world.at.browser()
        tokens = await tokens_of(browser, await world.sign_in(browser))
        user = await user_of(world, subject="carol-1")
        assert user is not None
        assert (user.username, user.state, user.email) == ("Acme_carol-1", "external", "carol@acme.example")
        assert user.attributes["name"] == "Ada Lovelace"
        id_token = claims(tokens["id_token"])
        assert (id_token["sub"], id_token["iss"]) == (user.id, ISSUER)
        assert "user.signed_up" in world.at.kinds()
        assert "sign_in.succeeded" in world.at.kinds()

        # Once more, in another browser: the same person, and what the provider says now.
        site.person = person(sub="carol-1", email="carol@acme.example", name="Carol Brown")
        other = world.at.browser()
        again = claims((await tokens_of(other, await world.sign_in(other)))["id_token"])
        assert (again["sub"], again["name"]) == (user.id, "Carol Brown")


async def test_where_nobody_new_is_taken_a_stranger_is_told_and_a_linked_person_comes_in():
    async with elsewhere() as world:
        site = await world.add()
        browser = world.at.browser()
        site.person = person(sub="carol-1", email="carol@acme.example")
        answered(await world.sign_in(browser))
        await world.change(creates=False)
        answered(await world.sign_in(world.at.browser()))
        site.person = person(sub="dave-1", email="dave@acme.example")
        page = await world.sign_in(world.at.browser())
        assert page.status_code == 200
        assert "Nobody here has this Acme login" in words(page)
        assert await world.at.stores.identities.identity(POOL, "Acme", "dave-1") is None


async def test_a_sign_in_by_a_provider_asks_two_things_there_at_most_once_its_keys_are_known():
    async with elsewhere() as world:
        site = await world.add()
        site.person = person(sub="carol-1", email="carol@acme.example")
        answered(await world.sign_in(world.at.browser()))
        world.network.sent.clear()
        answered(await world.sign_in(world.at.browser()))
        assert len(world.network.sent) <= 2


# ---------------------------------------------------------------------------------------------- the same address


async def test_an_account_with_the_same_address_is_proven_before_the_two_are_joined():
    async with elsewhere() as world:
        await world.add()
        browser = world.at.browser()
        page = await world.sign_in(browser)
        assert "An account with this address is here already" in page.text
        assert await world.at.stores.identities.identity(POOL, "Acme", "ada-0001") is None
        tokens = await tokens_of(browser, await browser.submit(page, step="password", password=PASSWORD))
        assert claims(tokens["id_token"])["sub"] == ADA.id
        assert "identity.linked" in world.at.kinds()
        (mail,) = [e for e in await world.at.mail(ADA.email) if "linked" in e.subject]
        assert "Acme" in mail.text
        other = world.at.browser()
        assert claims((await tokens_of(other, await world.sign_in(other)))["id_token"])["sub"] == ADA.id


async def test_who_cannot_prove_the_account_does_not_get_it_and_nothing_is_joined():
    async with elsewhere() as world:
        await world.add()
        browser = world.at.browser()
        page = await world.sign_in(browser)
        again = await browser.submit(page, step="password", password="wrong-horse-battery")
        assert again.status_code == 422
        assert await world.at.stores.identities.identity(POOL, "Acme", "ada-0001") is None


async def test_who_proves_another_account_signs_in_there_and_nothing_is_joined():
    async with elsewhere() as world:
        await world.add()
        browser = world.at.browser()
        page = await world.sign_in(browser)
        page = await browser.open(await browser.submit(page, step="change_identifier"))
        page = await browser.open(await browser.submit(page, step="identifier", username="bob"))
        answered(await browser.submit(page, step="password", password=PASSWORD))
        for subject in ("ada-0001",):
            assert await world.at.stores.identities.identity(POOL, "Acme", subject) is None


@pytest.mark.parametrize(
    ("domains", "verified", "joined"),
    [
        (("example.com",), True, True),
        (("example.com",), "true", False),
        (("example.com",), ..., False),
        (("acme.example",), True, False),
        ((), True, False),
    ],
)
async def test_a_providers_word_joins_only_a_verified_address_of_its_own_domains(domains, verified, joined):
    async with elsewhere(pool(linking=Linking("verified_email"))) as world:
        site = await world.add(domains=domains)
        site.person = person(email_verified=verified)
        answer = await world.sign_in(world.at.browser())
        linked = await world.at.stores.identities.identity(POOL, "Acme", "ada-0001")
        assert (linked is not None and linked.user_id == ADA.id) == joined
        assert ("refresh" in answer.headers) == joined


async def test_an_address_that_the_provider_says_is_not_proven_makes_an_account_of_its_own_without_it():
    async with elsewhere() as world:
        site = await world.add()
        site.person = person(email_verified=False)
        answered(await world.sign_in(world.at.browser()))
        user = await user_of(world)
        assert user is not None
        assert user.id != ADA.id
        assert not user.email_verified


async def test_two_providers_that_claim_one_address_share_an_account_only_by_proof():
    async with elsewhere() as world:
        for name in ("Acme", "Evil"):
            site = await world.add(name)
            site.person = person(sub=f"{name}-1", email="carol@acme.example")
        first = world.at.browser()
        answered(await world.sign_in(first, "Acme"))
        carol = await user_of(world, "Acme", "Acme-1")
        other = world.at.browser()
        page = await world.sign_in(other, "Evil")
        assert "You have an account already" in page.text
        assert await world.at.stores.identities.identity(POOL, "Evil", "Evil-1") is None
        # The owner, who comes from both, proves it where the account is known.
        answer = await world.come_back(other, await other.submit(page, step="provider", provider="Acme"))
        answered(await other.open(answer))
        linked = await world.at.stores.identities.identity(POOL, "Evil", "Evil-1")
        assert linked is not None
        assert carol is not None
        assert linked.user_id == carol.id


async def test_an_account_registered_beforehand_under_an_unproven_address_is_not_joined_with_its_owner():
    async with elsewhere() as world:
        site = await world.add()
        squatter = replace(
            ADA,
            id="squatter",
            username="squatter",
            email="carol@acme.example",
            email_verified=False,
            phone_number=None,
            phone_number_verified=False,
        )
        await world.at.stores.directory.create_user(POOL, squatter)
        site.person = person(sub="carol-1", email="carol@acme.example")
        answered(await world.sign_in(world.at.browser()))
        user = await user_of(world, subject="carol-1")
        assert user is not None
        assert (user.id != "squatter", user.email, user.email_verified) == (True, "carol@acme.example", True)


# ----------------------------------------------------------------------------------------------- choosing


async def test_the_request_names_the_provider_and_the_browser_goes_straight_there():
    async with elsewhere() as world:
        site = await world.add()
        site.person = person(sub="carol-1", email="carol@acme.example")
        browser = world.at.browser()
        answer = await browser.login_page(identity_provider="Acme", login_hint="carol@acme.example")
        assert answer.status_code == 302
        assert asked(answer)["login_hint"] == "carol@acme.example"
        answered(await browser.open(await world.come_back(browser, answer)))


async def test_an_unknown_provider_is_the_clients_mistake():
    async with elsewhere() as world:
        await world.add()
        answer = await world.at.browser().authorize(identity_provider="Nobody")
        assert answered(answer)["error"] == "invalid_request"
        await world.change(enabled=False)
        assert answered(await world.at.browser().authorize(identity_provider="Acme"))["error"] == "invalid_request"


async def test_a_name_of_the_providers_domain_is_sent_there_and_others_are_asked_for_their_password():
    async with elsewhere() as world:
        await world.add(domains=("acme.example",), shown=False)
        browser = world.at.browser()
        page = await browser.login_page()
        assert "provider-Acme" not in page.text
        answer = await browser.submit(page, step="identifier", username="Carol@ACME.example")
        assert departure(answer).startswith("https://id.acme.example/authorize?")
        assert asked(answer)["login_hint"] == "Carol@ACME.example"
        other = world.at.browser()
        page = await other.open(await other.submit(await other.login_page(), step="identifier", username="ada"))
        assert 'name="password"' in page.text


async def test_a_client_that_takes_one_provider_alone_leads_there_and_takes_nobody_else():
    async with elsewhere() as world:
        site = await world.add()
        site.person = person(sub="carol-1", email="carol@acme.example")
        await world.add("Other")
        await world.at.change_client("web", identity_providers=("Acme",))
        browser = world.at.browser()
        page = await browser.login_page()
        assert departure(page).startswith("https://id.acme.example/")
        page = await browser.http.get(f"{ISSUER}/login?{urlencode({'signin': signin_of(await browser.authorize())})}")
        # Whoever comes back by the browser's button finds the provider's button, and nothing to type.
        again = await browser.http.get(str(page.url))
        assert 'id="username"' not in again.text
        assert 'id="provider-Acme"' in again.text
        assert 'id="provider-Other"' not in again.text
        refused = await browser.submit(again, step="provider", provider="Other")
        assert refused.status_code == 422
        typed = hidden(again, "provider") | {"step": "identifier", "username": "ada", "password": PASSWORD}
        assert (await browser.http.post(str(again.url), data=typed)).status_code in {303, 422}
        assert browser.cookie("session") is None


def signin_of(answer) -> str:
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))["signin"]


async def test_a_session_of_another_way_does_not_do_for_a_client_that_takes_one_provider_alone():
    async with elsewhere() as world:
        site = await world.add()
        site.person = person(sub="carol-1", email="carol@acme.example")
        await world.at.change_client("other", identity_providers=("Acme",))
        browser = world.at.browser()
        await browser.arrive()
        answered(await browser.authorize())
        there = {"client_id": "other", "redirect_uri": "https://other.example.com/cb"}
        answer = await browser.authorize(**there)
        assert "/login?" in answer.headers["location"]


# ------------------------------------------------------------------------------------------- what goes wrong


async def test_who_cancels_there_is_back_at_the_first_page_and_may_go_another_way():
    async with elsewhere() as world:
        site = await world.add()
        site.denies = ("access_denied", "The user said no")
        browser = world.at.browser()
        page = await world.sign_in(browser)
        assert page.status_code == 200
        assert "You came back from Acme without signing in" in words(page)
        page = await browser.open(await browser.submit(page, step="identifier", username="ada"))
        answered(await browser.submit(page, step="password", password=PASSWORD))


async def test_a_provider_that_does_not_answer_is_said_so_and_the_pools_own_accounts_go_on():
    async with elsewhere() as world:
        await world.add()
        world.network.down.add("id.acme.example")
        browser = world.at.browser()
        page = await browser.login_page()
        page = await browser.open(await browser.submit(page, step="provider", provider="Acme"))
        assert "Acme does not answer at the moment" in words(page)
        assert "provider.failed" in world.at.kinds()
        page = await browser.open(await browser.submit(page, step="identifier", username="ada"))
        answered(await browser.submit(page, step="password", password=PASSWORD))


@pytest.mark.parametrize("wrong", ["nonce", "aud", "iss", "exp"])
async def test_an_answer_that_is_not_for_this_login_signs_nobody_in(wrong):
    values = {"nonce": "another", "aud": "another", "iss": "https://evil.example", "exp": 1}
    async with elsewhere() as world:
        site = await world.add()
        site.person = person(sub="carol-1", email="carol@acme.example")
        site.claims = {wrong: values[wrong]}
        browser = world.at.browser()
        page = await world.sign_in(browser)
        assert "could not be verified" in page.text
        assert browser.cookie("session") is None
        assert await world.at.stores.identities.identity(POOL, "Acme", "carol-1") is None
        (event,) = [e for e in world.at.events if e.kind == "provider.failed"]
        assert event.details["provider"] == "Acme"


async def test_a_return_works_once():
    async with elsewhere() as world:
        site = await world.add()
        site.person = person(sub="carol-1", email="carol@acme.example")
        browser = world.at.browser()
        page = await browser.login_page()
        back = await world.away(await browser.submit(page, step="provider", provider="Acme"))
        answered(await browser.open(await browser.http.get(back)))
        again = await browser.http.get(back)
        assert (again.status_code, error_code(again)) == (410, "expired")


async def test_a_return_in_another_browser_signs_nobody_in_and_is_not_used_up():
    """Login CSRF (W16): an attacker's own return, put under a victim's nose."""
    async with elsewhere() as world:
        site = await world.add()
        site.person = person(sub="carol-1", email="carol@acme.example")
        browser, victim = world.at.browser(), world.at.browser()
        await victim.login_page()
        page = await browser.login_page()
        back = await world.away(await browser.submit(page, step="provider", provider="Acme"))
        refused = await victim.http.get(back)
        assert (refused.status_code, error_code(refused)) == (410, "expired")
        assert victim.cookie("session") is None
        answered(await browser.open(await browser.http.get(back)))


async def test_a_return_to_the_address_of_another_provider_is_refused():
    """Mix-up (RFC 9700 4.4): one provider's answer under another's address."""
    async with elsewhere() as world:
        site = await world.add()
        site.person = person(sub="carol-1", email="carol@acme.example")
        await world.add("Evil")
        browser = world.at.browser()
        page = await browser.login_page()
        back = await world.away(await browser.submit(page, step="provider", provider="Acme"))
        refused = await browser.http.get(back.replace("/idpresponse/Acme", "/idpresponse/Evil"))
        assert refused.status_code == 410
        answered(await browser.open(await browser.http.get(back)))


@pytest.mark.parametrize("spoil", ["missing state", "other state", "two states", "long state", "no code", "two codes"])
async def test_every_parameter_of_a_return_is_judged(spoil):
    async with elsewhere() as world:
        site = await world.add()
        site.person = person(sub="carol-1", email="carol@acme.example")
        browser = world.at.browser()
        page = await browser.login_page()
        back = await world.away(await browser.submit(page, step="provider", provider="Acme"))
        bare, query = back.split("?")
        pairs = dict(parse_qsl(query))
        state, code = pairs["state"], pairs["code"]
        spoiled = {
            "missing state": [("code", code)],
            "other state": [("code", code), ("state", "x" * 43)],
            "two states": [("code", code), ("state", state), ("state", state)],
            "long state": [("code", code), ("state", "x" * 5000)],
            "no code": [("state", state)],
            "two codes": [("code", code), ("code", "x"), ("state", state)],
        }[spoil]
        answer = await browser.http.get(f"{bare}?{urlencode(spoiled)}")
        if answer.status_code in {302, 303}:
            answer = await browser.open(answer)
            assert "could not be verified" in answer.text
        else:
            assert answer.status_code == 410
        assert browser.cookie("session") is None
        assert await world.at.stores.identities.identity(POOL, "Acme", "carol-1") is None


async def test_two_tabs_with_two_providers_do_not_disturb_each_other():
    async with elsewhere() as world:
        for name in ("Acme", "Other"):
            site = await world.add(name)
            site.person = person(sub=f"{name}-1", email=f"carol@{name.lower()}.example")
        browser = world.at.browser()
        tabs = {}
        for name in ("Acme", "Other"):
            page = await browser.login_page(state=name)
            tabs[name] = await world.away(await browser.submit(page, step="provider", provider=name))
        for name in ("Other", "Acme"):
            answer = await browser.open(await browser.http.get(tabs[name]))
            assert answered(answer)["state"] == name
            tokens = await tokens_of(browser, answer)
            user = await user_of(world, name, f"{name}-1")
            assert user is not None
            assert claims(tokens["id_token"])["sub"] == user.id


async def test_a_disabled_user_does_not_come_in_by_a_provider():
    async with elsewhere() as world:
        site = await world.add()
        site.person = person(sub="carol-1", email="carol@acme.example")
        answered(await world.sign_in(world.at.browser()))
        carol = await user_of(world, subject="carol-1")
        assert carol is not None
        await world.at.change_user(carol, state="disabled")
        browser = world.at.browser()
        page = await world.sign_in(browser)
        assert "cannot be used to sign in here" in page.text
        assert browser.cookie("session") is None


async def test_a_subject_of_another_issuer_under_an_old_name_is_somebody_else():
    async with elsewhere() as world:
        site = await world.add()
        site.person = person(sub="carol-1", email="carol@acme.example")
        answered(await world.sign_in(world.at.browser()))
        other = await world.add("New")
        other.redirect_uri = f"{ISSUER}/oauth2/idpresponse/Acme"
        other.person = person(sub="carol-1", email="carol@acme.example")
        await world.change(settings={"issuer": other.metadata.issuer})
        page = await world.sign_in(world.at.browser())
        assert "cannot be used to sign in here" in page.text


async def test_the_callback_stays_where_the_client_asked_for_it():
    async with elsewhere() as world:
        site = await world.add()
        site.person = person(sub="carol-1", email="carol@acme.example")
        answer = await world.sign_in(world.at.browser(), state="s-1")
        assert departure(answer).startswith(f"{CALLBACK}?")
        assert answered(answer)["state"] == "s-1"
