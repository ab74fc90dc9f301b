"""Attacks on sign-ins by other providers (W13, W16, W25, M9, M20): each beside a valid twin that differs in one thing."""

from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from authserver.browser import csrf_token
from authserver.crypto.secrets import digest
from authserver.messages.kinds import Kind
from authserver.model.pools import Linking, MfaPolicy, RecoveryPolicy, SignUpPolicy
from federation.model import IdentityProvider
from tests.federation.saml import standin
from tests.journeys.elsewhere import World, departure, elsewhere, person
from tests.journeys.house import ADA, BOB, ISSUER, PASSWORD, POOL, answered, claims, each, error_code, hidden, pool
from tests.journeys.test_account import visit
from tests.journeys.test_federated_sign_in import signin_of, user_of, words
from tests.journeys.test_linked_logins import HERE, add, linked
from tests.journeys.test_saml_sign_in import ACS, LOGOUT, MESSAGE, corp, post, request_of, sent, signed_in

pytestmark = pytest.mark.anyio

NEW = "a-quite-unusual-new-password"
CAROL = {"sub": "carol-1", "email": "carol@acme.example"}


# ------------------------------------------------------------------------------------------------ the way back


@each("ways", {"own": ("own", 410), "shared": ("shared", 302)})
async def test_a_return_at_the_shared_address_counts_only_for_a_provider_that_has_that_address(ways):
    """Mix-up (RFC 9700 4.4): what an honest provider sends to the shared address under the state of another one."""
    callback, status = ways
    async with elsewhere() as world:
        site = await world.add(callback=callback)
        site.redirect_uri = f"{ISSUER}/oauth2/idpresponse" + ("/Acme" if callback == "own" else "")
        site.person = person(**CAROL)
        browser = world.at.browser()
        page = await browser.login_page()
        returned = await world.away(await browser.submit(page, step="provider", provider="Acme"))
        bare = returned.replace("/idpresponse/Acme", "/idpresponse")
        answer = await browser.http.get(bare)
        assert answer.status_code == status
        if callback == "own":
            assert error_code(answer) == "expired"
            answer = await browser.http.get(returned)  # and it is not used up
        answered(await browser.open(answer))


@each("poisoned", {"poisoned": True, "left alone": False})
async def test_a_form_posted_by_a_stranger_does_not_stand_in_for_what_the_browser_brings(poisoned):
    """First come, first served is for answers that come by POST; a browser that brings its own answer is believed."""
    async with elsewhere() as world:
        site = await world.add()
        site.person = person(**CAROL)
        browser, thief = world.at.browser(), world.at.browser()
        page = await browser.login_page()
        returned = await world.away(await browser.submit(page, step="provider", provider="Acme"))
        if poisoned:
            state = dict(parse_qsl(urlsplit(returned).query))["state"]
            form = {"state": state, "code": "the-thiefs-own"}
            await thief.http.post(f"{ISSUER}/oauth2/idpresponse/Acme", data=form)
        answered(await browser.open(await browser.http.get(returned)))


@each("below", {"line break": b"oauth2/idpresponse/x\r\nset-cookie: a=b", "other": b"oauth2/idpresponse/x", "own": b""})
async def test_an_address_is_no_part_of_a_header(below):
    """Response splitting: a browser without a cookie is sent on to where it was, which anybody may have written."""
    async with corp(settings={"idp_initiated": True}) as at:
        parked = await post(at.browser(), MESSAGE, "")
        state = dict(parse_qsl(urlsplit(parked.headers["location"]).query))["state"]
        path = f"/{POOL}/" + (below.decode() or "saml2/idpresponse")
        raw = await at.raw("GET", path, urlencode({"state": state}).encode())
        for name, value in raw.headers:
            assert not set(b"\r\n") & set(name + value)
        assert raw.status == (410 if below else 302)


async def test_agreeing_to_what_a_provider_sent_is_not_a_way_into_other_departures():
    """A trial signs nobody in."""
    async with corp(settings={"idp_initiated": True}) as at:
        provider = await at.stores.registry.provider(POOL, "Corp")
        issuer = await at.services.issuers.get(POOL)
        browser = at.browser()
        await browser.login_page()
        bound = digest(browser.cookie("browser") or "")
        outgoing = await at.services.trials.begin(issuer, provider, "ticket", bound)
        asked, relay_state = request_of(outgoing.url)
        await post(browser, sent(asked), relay_state)
        csrf = csrf_token(issuer.csrf_key, browser.cookie("browser") or "", relay_state)
        answer = await browser.http.post(
            f"{ACS}?{urlencode({'state': relay_state})}", data={"step": "unsolicited", "csrf": csrf}
        )
        assert answer.status_code == 410
        assert browser.cookie("session") is None
        done = await browser.http.get(f"{ACS}?{urlencode({'state': relay_state})}")
        assert (done.status_code, done.headers["location"]) == (302, f"{ISSUER}/providerTrial?ticket=ticket")
        assert browser.cookie("session") is None


async def test_messages_that_nobody_asked_for_are_kept_in_bounded_number():
    async with corp(settings={"idp_initiated": True}) as at:
        statuses = [(await post(at.browser(), MESSAGE, "")).status_code for _ in range(320)]
        assert statuses[0] == 303
        assert statuses[-1] == 429
        assert (await post(at.browser(address="203.0.113.9"), MESSAGE, "")).status_code == 303


async def test_what_providers_send_back_is_kept_in_bounded_number():
    """A departure of one's own is all that it takes to have a form kept."""
    async with corp() as at:
        form = {"SAMLResponse": "A" * 70_000, "RelayState": "nothing"}
        statuses = [(await at.browser().http.post(ACS, data=form)).status_code for _ in range(201)]
        assert statuses[-2:] == [410, 429]
        small = {"SAMLResponse": "A" * 100, "RelayState": "nothing"}
        assert (await at.browser().http.post(ACS, data=small)).status_code == 410, "what is small is counted apart"
        elsewhere = at.browser(address="203.0.113.9")
        assert (await elsewhere.http.post(ACS, data=form)).status_code == 410


async def test_a_look_at_the_address_of_a_return_uses_nothing_up():
    """HEAD is what scanners of links send."""
    async with corp() as at:
        browser = at.browser()
        page = await browser.login_page()
        asked, relay_state = request_of(departure(await browser.submit(page, step="provider", provider="Corp")))
        parked = await post(browser, sent(asked), relay_state)
        assert (await browser.http.head(parked.headers["location"])).status_code == 200
        answered(await browser.open(await browser.open(parked)))


async def test_metadata_of_a_provider_that_is_set_up_wrongly_is_not_our_failure():
    async with corp() as at:
        browser = at.browser()
        assert (await browser.http.get(f"{ISSUER}/saml2/metadata/Corp")).status_code == 200
        broken = IdentityProvider("Broken", "saml", settings={})
        await at.stores.registry.put_provider(POOL, broken)
        assert (await browser.http.get(f"{ISSUER}/saml2/metadata/Broken")).status_code == 404


# ------------------------------------------------------------------------------------- what a client takes


@each("takes", {"the provider alone": ("Acme",), "the pool too": ("Acme", "Pool")})
async def test_a_forgotten_password_is_no_way_around_the_providers_that_a_client_takes(takes):
    async with elsewhere(pool(recovery=RecoveryPolicy(by=("email",)))) as world:
        await world.add()
        await world.at.change_client("web", identity_providers=takes)
        browser = world.at.browser()
        signin = signin_of(await browser.authorize())
        page = await browser.http.get(f"{ISSUER}/forgotPassword?{urlencode({'signin': signin})}")
        offered = 'id="username"' in page.text
        assert offered == ("Pool" in takes)
        form = hidden(page) if offered else {"csrf": await csrf_of(world, browser, signin)}
        await browser.http.post(str(page.url), data={**form, "username": "ada"})
        mails = [m for m in await world.at.mail(ADA.email) if m.code is not None]
        if "Pool" not in takes:
            assert mails == []
            return
        page = await browser.http.get(f"{ISSUER}/login?{urlencode({'signin': signin})}")
        answer = await browser.submit(page, step="recover_code", code=mails[-1].code, new_password=NEW)
        answered(answer)


async def csrf_of(world: World, browser, signin: str) -> str:
    issuer = await world.at.services.issuers.get(POOL)
    return csrf_token(issuer.csrf_key, browser.cookie("browser"), signin)


@each("takes", {"the provider alone": ("Acme",), "the pool too": ("Acme", "Pool")})
async def test_a_new_account_is_no_way_around_the_providers_that_a_client_takes(takes):
    async with elsewhere(pool(sign_up=SignUpPolicy(enabled=True, verify=()))) as world:
        await world.add()
        await world.at.change_client("web", identity_providers=takes)
        browser = world.at.browser()
        signin = signin_of(await browser.authorize())
        form = {
            "csrf": await csrf_of(world, browser, signin),
            "username": "mallory",
            "email": "mallory@example.net",
            "new_password": NEW,
        }
        await browser.http.post(f"{ISSUER}/signup?{urlencode({'signin': signin})}", data=form)
        made = await world.at.stores.directory.find_user(POOL, "mallory", ("username",))
        assert (made is not None) == ("Pool" in takes)
        assert (browser.cookie("session") is not None) == ("Pool" in takes)


async def test_what_was_proven_elsewhere_opens_no_session_for_a_client_that_does_not_take_it():
    """The last line: a client that was narrowed while the person was on the way."""
    async with elsewhere(pool(recovery=RecoveryPolicy(by=("email",)))) as world:
        site = await world.add()
        site.person = person(**CAROL)
        browser = world.at.browser()
        page = await browser.login_page()
        signin = dict(parse_qsl(urlsplit(str(page.url)).query))["signin"]
        page = await browser.http.get(f"{ISSUER}/forgotPassword?{urlencode({'signin': signin})}")
        page = await browser.open(await browser.submit(page, username="ada"))
        await world.at.change_client("web", identity_providers=("Acme",))
        code = await world.at.last_code(ADA.email)
        answer = await browser.submit(page, step="recover_code", code=code, new_password=NEW)
        page = await browser.open(answer)
        assert browser.cookie("session") is None
        assert 'id="username"' not in page.text
        # By the provider that the client takes, the same person comes in.
        away = await browser.submit(page, step="provider", provider="Acme")
        answered(await browser.open(await world.come_back(browser, away)))


@each("off", {"disabled": True, "enabled": False})
async def test_a_provider_that_is_disabled_meanwhile_is_not_linked(off):
    """M20, at the account page."""
    async with elsewhere() as world:
        await world.add()
        browser = world.at.browser()
        await browser.arrive()
        page = await visit(browser, HERE)
        returned = await world.away(await browser.submit(page, step="provider", provider="Acme"))
        await world.change(enabled=not off)
        answer = await browser.http.get(returned)
        assert answer.headers["location"].endswith("identity_failed" if off else "identity_linked")
        assert await linked(world) == ([] if off else ["Acme"])


# ----------------------------------------------------------------------------------------- whose an address is


@each(
    "mapped",
    {
        "from what it vouches for": ({}, {"email": "ada@example.com"}, True),
        "from a claim of its own": (
            {"email": "upn"},
            {"email": "mallory@example.com", "upn": "ada@example.com"},
            False,
        ),
        "by a look-alike": ({}, {"email": "\uff41da@example.com"}, False),
    },
)
async def test_a_providers_word_is_for_the_very_address_that_it_vouches_for(mapped):
    """CVE-2026-9087: the mail came from another source than the word for it."""
    mapping, said, joined = mapped
    async with elsewhere(pool(linking=Linking("verified_email"))) as world:
        site = await world.add(domains=("example.com",), attribute_mapping=mapping)
        site.person = person(sub="somebody-1", **said)
        await world.sign_in(world.at.browser())
        identity = await world.at.stores.identities.identity(POOL, "Acme", "somebody-1")
        assert (identity is not None and identity.user_id == ADA.id) == joined


@each("gone", {"that is in use": False, "that is no more": True})
async def test_an_account_made_by_another_providers_word_is_not_joined_with_the_owner_of_the_address(gone):
    """Pre-hijacking (W15): what is not enough to join an account is not enough to lie in wait as one either."""
    async with elsewhere(pool(linking=Linking("verified_email"))) as world:
        evil, site = await world.add("Evil"), await world.add(domains=("acme.example",))
        evil.person = person(sub="evil-1", email="carol@acme.example")
        answered(await world.sign_in(world.at.browser(), "Evil"))
        if gone:
            await world.at.stores.registry.delete_provider(POOL, "Evil")
        site.person = person(**CAROL)
        browser = world.at.browser()
        await world.sign_in(browser)
        assert (browser.cookie("session") is None) != gone
        assert (await world.at.stores.identities.identity(POOL, "Acme", "carol-1") is None) != gone


@each("state", {"of the pool": "confirmed", "of the provider": "external"})
async def test_a_provider_does_not_replace_an_address_that_the_owner_proved_here(state):
    """W16: renamed upstream. A code, and with it the account, would go where the provider says."""
    async with elsewhere() as world:
        site = await world.add()
        site.person = person(email="somewhere@else.example")
        browser = world.at.browser()
        await browser.arrive()
        await add(world, browser)
        await world.at.change_user(ADA, state=state)
        site.person = person(email="mallory@evil.example")
        await world.sign_in(world.at.browser())
        ada = await world.at.stores.directory.user(POOL, ADA.id)
        assert ada is not None
        assert ada.email == (ADA.email if state == "confirmed" else "mallory@evil.example")


async def test_a_second_factor_by_mail_is_not_sent_where_the_provider_says():
    """W13: whoever has the login at the provider has not the mailbox."""
    policy = MfaPolicy(mode="optional", factors=("email_code",), nudge=False)
    async with elsewhere(pool(mfa=policy)) as world:
        site = await world.add()
        site.person = person(**CAROL)
        browser = world.at.browser()
        answered(await world.sign_in(browser))
        carol = await user_of(world, subject="carol-1")
        page = await visit(browser, "/account/factor?kind=email_code")
        code = await world.at.last_code("carol@acme.example")
        answer = await browser.submit(page, step="confirm", code=code)
        assert answer.status_code == 303, words(answer)
        site.person = person(sub="carol-1", email="mallory@evil.example")
        thief = world.at.browser()
        page = await world.sign_in(thief)
        assert page.status_code == 200
        assert thief.cookie("session") is None
        assert await world.at.mail("mallory@evil.example") == []
        owner = world.at.browser()
        page = await world.sign_in(owner)
        code = await world.at.last_code("carol@acme.example")
        answered(await owner.submit(page, step="code", code=code))
        assert carol is not None


async def object_to(world: World, to: str) -> None:
    """The owner follows the link of the notice that tells of a linked login."""
    (mail,) = [m for m in await world.at.mail(to) if m.kind == Kind.IDENTITY_LINKED]
    browser = world.at.browser()
    page = await browser.http.get(mail.link, follow_redirects=True)
    answer = await browser.submit(page)
    assert answer.status_code in {200, 303}, answer.text


async def test_after_an_objection_to_a_linked_login_the_account_is_its_owners_alone():
    async with elsewhere() as world:
        site = await world.add()
        site.person = person(sub="evil-1", email="mallory@evil.example")
        thief = world.at.browser()
        await thief.arrive()
        await add(world, thief)
        assert await linked(world) == ["Acme"]
        await object_to(world, ADA.email)
        ada = await world.at.stores.directory.user(POOL, ADA.id)
        assert ada is not None
        assert (ada.email, ada.state) == (ADA.email, "reset_required")
        assert await linked(world) == []


async def test_an_objection_of_somebody_without_a_password_takes_the_new_login_and_leaves_the_first():
    async with elsewhere() as world:
        site, evil = await world.add(), await world.add("Evil")
        site.person = person(**CAROL)
        evil.person = person(sub="evil-1", email="mallory@evil.example", email_verified=False)
        thief = world.at.browser()
        answered(await world.sign_in(thief))
        carol = await user_of(world, subject="carol-1")
        world.at.time.pass_(30)
        await add(world, thief, "Evil")
        assert await linked(world, carol) == ["Acme", "Evil"]
        await object_to(world, "carol@acme.example")
        assert await linked(world, carol) == ["Acme"]
        site.now = int(world.at.time())
        answered(await world.sign_in(world.at.browser()))


# ------------------------------------------------------------------------------------------------------ names


@each("name", {"the name": "Acme_carol-1", "another name": "Acme_dave-1"})
async def test_a_name_taken_beforehand_keeps_nobody_out(name):
    async with elsewhere() as world:
        site = await world.add()
        site.person = person(**CAROL)
        await world.at.change_user(BOB, username=name)
        answered(await world.sign_in(world.at.browser()))
        user = await user_of(world, subject="carol-1")
        assert user is not None
        assert user.id != BOB.id
        assert (user.username == "Acme_carol-1") == (name != "Acme_carol-1")
        answered(await world.sign_in(world.at.browser()))


async def test_two_subjects_that_differ_in_case_are_two_people():
    async with elsewhere() as world:
        site = await world.add()
        found = []
        for subject, email in (("AbC", "first@acme.example"), ("aBc", "second@acme.example")):
            site.person = person(sub=subject, email=email)
            answered(await world.sign_in(world.at.browser()))
            found.append(await user_of(world, subject=subject))
        assert found[0].id != found[1].id


@each("name", {"somebody else's": "countess", "an address": "countess@example.com", "free": "carol"})
async def test_no_provider_gives_a_name_that_somebody_else_signs_in_by(name):
    async with elsewhere(pool(sign_in_with=("username", "email", "preferred_username"))) as world:
        site = await world.add(attribute_mapping={"preferred_username": "preferred_username"})
        await world.at.change_user(ADA, attributes={**ADA.attributes, "preferred_username": "countess"})
        site.person = person(**CAROL, preferred_username=name)
        for _ in range(2):  # made, then followed
            answered(await world.sign_in(world.at.browser()))
            user = await user_of(world, subject="carol-1")
            assert user.attributes.get("preferred_username") == ("carol" if name == "carol" else None)
        answered(await world.at.browser().sign_in("countess"))


async def test_who_claims_an_address_is_not_told_the_name_of_its_owner():
    async with elsewhere(pool(sign_in_with=("username", "email"))) as world:
        site = await world.add()
        site.person = person(sub="evil-1", email_verified=...)
        await world.at.change_user(ADA, username="the-countess")
        browser = world.at.browser()
        page = await world.sign_in(browser)
        assert "ada@" in page.text
        assert "the-countess" not in page.text
        answered(await browser.submit(page, step="password", password=PASSWORD))
        assert await linked(world) == ["Acme"]


# ------------------------------------------------------------------------------------------------- weird answers


@each(
    "said",
    {
        "plain": {"name": "Carol"},
        "half a character": {"name": "\ud800"},
        "a whole number beyond all bounds": {"n": 2**70},
        "no number": {"n": float("inf")},
        "deep": {"name": [[["x"]]]},
        "half a subject": {"sub": "\udc00"},
        "many": {"name": ["x"] * 5000},
        "half an address": {"email": "\ud800@acme.example"},
    },
)
async def test_what_no_text_can_hold_breaks_nothing(said):
    async with elsewhere(pool(linking=Linking("ask"))) as world:
        site = await world.add(attribute_mapping={"name": "name"})
        for known in (CAROL, {"sub": "ada-0002", "email": ADA.email}):
            site.person = person(**{**known, **said})
            browser = world.at.browser()
            page = await browser.login_page()
            answer = await world.come_back(browser, await browser.submit(page, step="provider", provider="Acme"))
            assert answer.status_code == 302, answer.text
            answer = await browser.open(answer)
            assert answer.status_code in {200, 302, 303}
            if answer.status_code == 302 and "code=" in answer.headers["location"]:
                tokens = await browser.redeem(answered(answer)["code"])
                assert tokens.status_code == 200, tokens.text


# --------------------------------------------------------------------------------------------- races, sign-out


@each("meanwhile", {"the password changed": True, "nothing": False})
async def test_an_account_whose_password_is_replaced_meanwhile_is_not_joined(meanwhile):
    """The owner locks a thief out who knows the old password, and is about to join a login of the thief's own."""
    async with elsewhere() as world:
        await world.add()
        at, browser = world.at, world.at.browser()
        page = await world.sign_in(browser)
        enters = at.services.watch.may_enter

        async def changing(*args):
            await enters(*args)
            if meanwhile:
                issuer = await at.services.issuers.get(POOL)
                await at.services.password_changes.change(issuer.pool, ADA, NEW)

        at.services.watch.may_enter = changing
        answer = await browser.submit(page, step="password", password=PASSWORD)
        assert (answer.status_code == 303) != meanwhile
        assert await linked(world) == ([] if meanwhile else ["Acme"])


@each("whose", {"the provider's": True, "somebody else's": False})
async def test_a_sign_out_there_ends_the_session_here_that_came_of_it_and_no_other(whose):
    async with corp(settings={"sign_out": True}) as at:
        browser = at.browser()
        if whose:
            answered(await signed_in(at, browser))
        else:
            await browser.arrive()
        message = standin.logout_request(name_id="carol-1", destination=LOGOUT, sessions=("_session1",))
        query = standin.query_of(message, "SAMLRequest", relay="theirs")
        answer = await browser.http.get(f"{LOGOUT}?{query}")
        assert answer.status_code == 302
        assert (browser.cookie("session") is None) == whose


# ------------------------------------------------------------------------------------------------- what is believed


@each("factors", {"two": 2, "one": 1, "none": 0})
async def test_a_provider_says_mfa_only_where_the_pool_believes_it(factors):
    async with elsewhere() as world:
        site = await world.add(trusted={"urn:strong": factors} if factors else {})
        site.person = person(**CAROL, acr="urn:strong", amr=["pwd", "otp", "mfa"])
        browser = world.at.browser()
        tokens = await browser.redeem(answered(await world.sign_in(browser))["code"])
        said = claims(tokens.json()["id_token"])
        assert ("mfa" in said.get("amr", [])) == (factors == 2)
        assert ("otp" in said.get("amr", [])) == (factors > 0)
