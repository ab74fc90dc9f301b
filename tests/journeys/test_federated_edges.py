"""What changes between there and back: providers, clients, links and sessions that are gone by then."""

from types import SimpleNamespace

import pytest

from authserver.metrics import exposition
from authserver.model.pools import Trigger
from federation.connector import EndedThere
from federation.model import ExternalIdentity
from tests.journeys.elsewhere import asked, elsewhere, person
from tests.journeys.house import ADA, BOB, ISSUER, PASSWORD, POOL, answered, claims, pool
from tests.journeys.test_federated_sign_in import tokens_of, user_of, words
from tests.journeys.test_upstream_sign_out import logout_token, signed_in

pytestmark = pytest.mark.anyio


async def test_a_provider_that_is_switched_off_before_the_browser_leaves():
    async with elsewhere() as world:
        await world.add()
        browser = world.at.browser()
        answer = await browser.authorize(identity_provider="Acme")
        await world.change(enabled=False)
        page = await browser.open(await browser.open(answer))
        assert "does not work here at the moment" in words(page)


async def test_a_button_that_is_not_offered_is_not_pressed():
    async with elsewhere() as world:
        await world.add()
        browser = world.at.browser()
        page = await browser.login_page()
        await world.change(enabled=False)
        assert (await browser.submit(page, step="provider", provider="Acme")).status_code == 422
        await world.change(enabled=True)
        assert (await browser.submit(page, step="provider", provider="Acme")).status_code == 200


async def test_a_client_that_takes_the_provider_no_more_when_the_browser_is_back():
    async with elsewhere() as world:
        site = await world.add()
        site.person = person(sub="carol-1", email="carol@acme.example")
        browser = world.at.browser()
        page = await browser.login_page()
        back = await world.away(await browser.submit(page, step="provider", provider="Acme"))
        await world.at.change_client("web", identity_providers=("Pool",))
        page = await browser.open(await browser.http.get(back))
        assert "does not work here at the moment" in words(page)
        assert await world.at.stores.identities.identity(POOL, "Acme", "carol-1") is None


async def test_the_strength_that_the_pool_believes_is_asked_for_and_counts():
    async with elsewhere() as world:
        site = await world.add(trusted={"urn:acme:mfa": 2})
        site.person = person(sub="carol-1", email="carol@acme.example")
        site.claims = {"acr": "urn:acme:mfa", "amr": ["pwd", "otp"]}
        browser = world.at.browser()
        strong = {"acr_values": "urn:poolgate:acr:3", "identity_provider": "Acme"}
        away = await browser.login_page(**strong)
        assert asked(away)["acr_values"] == "urn:acme:mfa"
        tokens = await tokens_of(browser, await browser.open(await world.come_back(browser, away)))
        id_token = claims(tokens["id_token"])
        assert (id_token["acr"], id_token["amr"]) == ("urn:poolgate:acr:3", ["pwd", "otp", "mfa"])


async def test_a_strength_that_the_pool_does_not_believe_counts_for_nothing():
    async with elsewhere() as world:
        site = await world.add()
        site.person = person(sub="carol-1", email="carol@acme.example")
        site.claims = {"acr": "urn:acme:mfa", "amr": ["pwd", "otp"]}
        browser = world.at.browser()
        tokens = await tokens_of(browser, await world.sign_in(browser))
        id_token = claims(tokens["id_token"])
        assert (id_token["acr"], id_token.get("amr", [])) == ("urn:poolgate:acr:1", [])


async def test_a_provider_that_is_gone_when_the_account_is_proven_is_not_joined():
    async with elsewhere() as world:
        await world.add()
        browser = world.at.browser()
        page = await world.sign_in(browser)
        await world.at.stores.registry.delete_provider(POOL, "Acme")
        answered(await browser.submit(page, step="password", password=PASSWORD))
        assert await world.at.stores.identities.identities(POOL, ADA.id) == []


async def test_a_login_that_is_somebody_elses_by_then_is_not_joined_and_keeps_nobody_out():
    async with elsewhere() as world:
        await world.add()
        browser = world.at.browser()
        page = await world.sign_in(browser)
        provider = await world.at.stores.registry.provider(POOL, "Acme")
        assert provider is not None
        pool = await world.at.stores.registry.pool(POOL)
        assert pool is not None
        identity = ExternalIdentity("Acme", "https://id.acme.example", "ada-0001", {"email": "ada@example.com"})
        await world.at.services.external.link(pool, provider, identity, BOB, None)
        answered(await browser.submit(page, step="password", password=PASSWORD))
        linked = await world.at.stores.identities.identity(POOL, "Acme", "ada-0001")
        assert linked is not None
        assert linked.user_id == BOB.id
        assert "identity.not_linked" in world.at.kinds()


async def test_a_link_that_ends_while_the_session_opens_signs_nobody_in():
    async with elsewhere() as world:
        site = await world.add()
        site.person = person(sub="carol-1", email="carol@acme.example")
        answered(await world.sign_in(world.at.browser()))
        carol = await user_of(world, subject="carol-1")
        assert carol is not None

        async def unlinked(*_):
            await world.at.stores.identities.unlink(POOL, carol.id, "Acme")

        world.at.services.moving._upstream = SimpleNamespace(note=unlinked)
        browser = world.at.browser()
        await world.sign_in(browser)
        assert browser.cookie("session") is None


async def test_what_was_sealed_under_another_key_is_as_if_it_had_not_been():
    async with elsewhere() as world:
        carried = world.at.services.carried
        assert carried.identity_of(POOL, "AAAA") is None
        assert carried.upstream_of(POOL, "!") is None
        assert carried.upstream_of(POOL, None) is None
        assert carried.upstream(POOL, ExternalIdentity("Acme", "i", "s", {})) is None
        _, _browser, _ = await signed_in(world)
        issuer = await world.at.services.issuers.get(POOL)
        assert await world.at.services.upstream.begin(issuer, "AAAA", f"{ISSUER}/logout") is None


async def test_who_asks_for_the_pool_itself_is_not_sent_on_by_domain():
    async with elsewhere() as world:
        await world.add(domains=("example.com",))
        browser = world.at.browser()
        page = await browser.login_page(identity_provider="Pool")
        page = await browser.open(await browser.submit(page, step="identifier", username="ada@example.com"))
        answered(await browser.submit(page, step="password", password=PASSWORD))


async def test_a_trigger_that_does_not_answer_lets_nobody_new_in_and_says_so():
    broken = Trigger("pre_sign_up", callable="nowhere_at_all:nothing")
    async with elsewhere(pool(triggers=(broken,))) as world:
        site = await world.add()
        site.person = person(sub="carol-1", email="carol@acme.example")
        browser = world.at.browser()
        page = await browser.login_page()
        answer = await world.come_back(browser, await browser.submit(page, step="provider", provider="Acme"))
        assert answer.status_code == 503
        assert await world.at.stores.identities.identity(POOL, "Acme", "carol-1") is None
        await world.at.change_pool(triggers=())
        answered(await world.sign_in(browser))


# ---------------------------------------------------------------------------------------------------- sign-out


async def test_a_provider_that_cannot_be_reached_any_more_holds_up_no_sign_out():
    async with elsewhere() as world:
        _, browser, tokens = await signed_in(world, sign_out=True)
        await world.change(settings={"sign_out": True})
        answer = await browser.submit(await browser.http.get(f"{ISSUER}/logout"))
        assert (answer.status_code, answer.headers["location"]) == (303, f"{ISSUER}/logout")
        assert (await browser.userinfo(tokens["access_token"])).status_code == 401


async def test_a_provider_finds_our_keys_those_that_sign_and_those_to_encrypt_for():
    async with elsewhere() as world:
        await world.add()
        browser, at = world.at.browser(), f"{ISSUER}/oauth2/idpjwks"
        pools = (await browser.http.get(f"{ISSUER}/.well-known/jwks.json")).json()["keys"]
        answer = await browser.http.get(f"{at}/Acme")
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["keys"] == pools
        stored = await world.at.stores.registry.provider(POOL, "Acme")
        assert stored is not None
        await world.change(settings={**stored.settings, "id_token_encrypted_response_alg": "ECDH-ES"})
        *signing, own = (await browser.http.get(f"{at}/Acme")).json()["keys"]
        assert signing == pools
        assert (own["use"], own["alg"], own["kty"], "d" in own) == ("enc", "ECDH-ES", "EC", False)
        assert (await browser.http.get(f"{at}/Acme")).json()["keys"][-1] == own, "it stays"
        assert (await browser.http.get(f"{at}/Nobody")).status_code == 404
        assert (await browser.http.get(f"{at}/")).status_code == 404


async def test_a_notice_about_somebody_unknown_ends_nothing():
    async with elsewhere() as world:
        site, browser, tokens = await signed_in(world)
        for named in ({"sub": "nobody", "sid": ...}, {"sub": ..., "sid": "nothing"}):
            form = {"logout_token": logout_token(site, jti=str(named), **named)}
            assert (await browser.http.post(f"{ISSUER}/oauth2/idplogout/Acme", data=form)).status_code == 200
        assert (await browser.userinfo(tokens["access_token"])).status_code == 200


async def test_a_notice_ends_no_session_that_did_not_come_from_there():
    async with elsewhere() as world:
        site, browser, _ = await signed_in(world)
        carol = await user_of(world, subject="carol-1")
        assert carol is not None
        other = world.at.browser()
        await other.arrive(carol)
        form = {"logout_token": logout_token(site, sid=...)}
        assert (await browser.http.post(f"{ISSUER}/oauth2/idplogout/Acme", data=form)).status_code == 200
        assert "/login?" not in (await other.authorize()).headers["location"]
        assert "/login?" in (await browser.authorize()).headers["location"]


async def test_the_browser_that_brings_the_notice_is_signed_out_even_if_the_link_is_gone():
    async with elsewhere() as world:
        _, _browser, _ = await signed_in(world)
        carol = await user_of(world, subject="carol-1")
        assert carol is not None
        pool = await world.at.stores.registry.pool(POOL)
        assert pool is not None
        (session,) = await world.at.services.sessions.of_user(pool, carol.id)
        await world.at.stores.identities.unlink(POOL, carol.id, "Acme")
        ended = EndedThere("carol-1", None)
        assert await world.at.services.upstream.ended(pool, "Acme", ended) == 0
        assert await world.at.services.upstream.ended(pool, "Other", ended, session) == 0
        assert await world.at.services.upstream.ended(pool, "Acme", ended, session) == 1


# -------------------------------------------------------------------------------------------------------- tokens


async def test_the_cognito_profile_names_the_linked_logins_in_id_tokens():
    async with elsewhere(pool(claims_profile="cognito")) as world:
        site = await world.add()
        site.person = person(sub="carol-1", email="carol@acme.example")
        browser = world.at.browser()
        tokens = await tokens_of(browser, await world.sign_in(browser))
        known = {
            "userId": "carol-1",
            "providerName": "Acme",
            "providerType": "OIDC",
            "issuer": "https://id.acme.example",
            "primary": "true",
            "dateCreated": "1800000000000",
        }
        assert claims(tokens["id_token"])["identities"] == [known]
        assert claims(tokens["id_token"])["cognito:username"] == "Acme_carol-1"
        assert "identities" not in claims(tokens["access_token"])
        await world.at.stores.registry.delete_provider(POOL, "Acme")
        again = (await browser.refresh(tokens["refresh_token"])).json()
        assert claims(again["id_token"])["identities"] == [known]


async def test_the_standard_profile_does_not():
    async with elsewhere() as world:
        site = await world.add()
        site.person = person(sub="carol-1", email="carol@acme.example")
        browser = world.at.browser()
        tokens = await tokens_of(browser, await world.sign_in(browser))
        assert "identities" not in claims(tokens["id_token"])


async def test_the_metrics_tell_how_each_provider_fares():
    async with elsewhere() as world:
        site = await world.add()
        site.person = person(sub="carol-1", email="carol@acme.example")
        answered(await world.sign_in(world.at.browser()))
        site.claims = {"nonce": "another"}
        await world.sign_in(world.at.browser())
        counted = {key: sum(h.counts) for key, h in world.at.opened.metrics.providers.items()}
        assert counted == {(POOL, "Acme", "ok"): 1, (POOL, "Acme", "provider_answer_misdirected"): 1}
        shown = exposition([world.at.opened.metrics.snapshot()]).decode()
        assert 'poolgate_provider_seconds_count{outcome="ok",pool="test_Pool1",provider="Acme"} 1.0' in shown
        for n in range(2000):
            world.at.opened.metrics.provider(POOL, f"p{n}", "ok", 0.1)
        assert len(world.at.opened.metrics.providers) <= 1001
