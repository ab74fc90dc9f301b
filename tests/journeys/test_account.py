"""The account page: what a person sees of the own account, and changes."""

import re
from dataclasses import replace

import httpx
import pyotp
import pytest

from authserver.app import STATIC
from authserver.audit.chain import link
from authserver.model.credentials import Credential
from authserver.model.journal import AuditEntry
from authserver.model.pools import AccountPolicy, AttributeDefinition, MfaPolicy, SessionPolicy
from authserver.pages.frame import Frame
from tests.journeys.house import ADA, BOB, ISSUER, PASSWORD, POOL, Browser, answered, each, hidden, house, pool

pytestmark = pytest.mark.anyio

MFA = MfaPolicy(mode="optional", factors=("totp", "email_code", "passkey", "backup_codes"), nudge=False)
NEW = "a-quite-unusual-new-password"
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"


async def visit(browser: Browser, path: str = "/account") -> httpx.Response:
    """The page, by way of the redirect that gives a browser its cookie."""
    answer = await browser.http.get(f"{ISSUER}{path}")
    if answer.status_code == 302 and answer.headers["location"] == f"{ISSUER}{path}":
        return await browser.http.get(f"{ISSUER}{path}")
    return answer


async def sign_in_here(browser: Browser, username: str = "ada", password: str = PASSWORD) -> httpx.Response:
    """Through the account page's own sign-in."""
    answer = await visit(browser)
    page = await browser.open(answer)
    page = await browser.open(await browser.submit(page, step="identifier", username=username))
    answer = await browser.submit(page, step="password", password=password)
    return await browser.open(answer)


async def follow(browser: Browser, answer: httpx.Response) -> httpx.Response:
    assert answer.status_code == 303, answer.text
    return await browser.http.get(answer.headers["location"])


async def test_a_stranger_signs_in_and_lands_on_the_page() -> None:
    async with house() as at:
        page = await sign_in_here(at.browser())
        assert page.status_code == 200
        assert "Ada Lovelace" in page.text
        assert "ada@<wbr>example.com" in page.text
        assert at.kinds() == ["sign_in.succeeded"]


async def test_an_expired_sign_in_of_the_account_page_starts_again_there() -> None:
    async with house() as at:
        browser = at.browser()
        page = await browser.open(await visit(browser, "/account/security"))
        at.time.pass_(31 * 60)
        answer = await browser.submit(page, step="identifier", username="ada")
        assert answer.status_code == 410
        assert f'href="{ISSUER}/account/security"' in answer.text


async def test_a_pool_without_an_account_page_has_none() -> None:
    async with house(replace(pool(), account=AccountPolicy(enabled=False))) as at:
        browser = at.browser()
        page = await visit(browser)
        assert page.status_code == 404
        assert "There is no account page here" in page.text
        assert (await browser.http.post(str(page.url), data={"step": "save_profile"})).status_code == 404


@each(
    "path", ("", "/security", "/sessions", "/apps", "/activity", "/data", "/password", "/factor?kind=totp", "/delete")
)
async def test_every_room_shows_itself_and_needs_a_session(path: str) -> None:
    async with house(replace(pool(), mfa=MFA)) as at:
        browser = at.browser()
        assert "/login?signin=" in (await visit(browser, f"/account{path}")).headers["location"]
        await browser.arrive()
        page = await visit(browser, f"/account{path}")
        assert page.status_code == 200, page.text
        assert page.headers["cache-control"] == "no-store"
        assert 'id="error"' not in page.text


@each(
    "path",
    (
        "/security",
        "/password",
        "/factor?kind=totp",
        "/remove?id=x",
        "/codes",
        "/delete",
        "/data",
        "/address?kind=email",
    ),
)
async def test_what_matters_wants_a_sign_in_of_these_minutes(path: str) -> None:
    async with house(replace(pool(), mfa=MFA)) as at:
        browser = at.browser()
        await browser.arrive()
        at.time.pass_(599)
        assert 'value="reauthenticate"' not in (await visit(browser, f"/account{path}")).text
        at.time.pass_(2)
        page = await visit(browser, f"/account{path}")
        assert 'value="reauthenticate"' in page.text
        page = await browser.open(await browser.submit(page, step="reauthenticate"))
        page = await browser.open(await browser.submit(page, step="password", password=PASSWORD))
        assert str(page.url).startswith(f"{ISSUER}/account{path.partition('?')[0]}")
        assert 'value="reauthenticate"' not in page.text


async def test_a_form_of_another_site_changes_nothing() -> None:
    """W1."""
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        page = await visit(browser)
        good = {"step": "save_profile", "nickname": "Countess"}
        for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}):
            answer = await browser.http.post(str(page.url), data=good, headers=headers)
            assert answer.status_code == 403
        assert (await browser.http.post(str(page.url), data={**good, "csrf": "x"})).status_code == 403
        assert (await browser.submit(page, **good)).status_code == 303
        user = await at.stores.directory.user(POOL, ADA.id)
        assert user is not None
        assert user.attributes["nickname"] == "Countess"


async def test_the_profile_follows_the_schema() -> None:
    definitions = (
        AttributeDefinition("custom:department", required=True, max=10),
        AttributeDefinition("custom:badge", mutable=False),
        AttributeDefinition("custom:level", type="number", min=1, max=9),
        AttributeDefinition("custom:secret", self_editable=False),
    )
    async with house(replace(pool(), attributes=definitions)) as at:
        await at.change_user(ADA, attributes={**ADA.attributes, "custom:secret": "theirs", "custom:badge": "B7"})
        browser = at.browser()
        await browser.arrive()
        page = await visit(browser)
        fields = {"custom:department": "Engines", "custom:level": "7", "name": "Ada L."}
        sly = {"custom:secret": "mine", "custom:badge": "B8", "email_verified": "true", "state": "disabled", "sub": "x"}
        answer = await browser.submit(page, step="save_profile", **fields, **sly)
        assert answer.headers["location"].endswith("notice=profile_saved")
        user = await at.stores.directory.user(POOL, ADA.id)
        assert user is not None
        assert user.attributes["custom:department"] == "Engines"
        assert user.attributes["custom:level"] == 7
        assert user.attributes["name"] == "Ada L."
        assert (user.attributes["custom:secret"], user.attributes["custom:badge"]) == ("theirs", "B7")
        assert (user.state, user.id) == ("confirmed", ADA.id)
        for bad in (
            {"custom:level": "10"},
            {"custom:level": "x"},
            {"custom:department": ""},
            {"custom:department": "x" * 11},
        ):
            answer = await browser.submit(page, step="save_profile", **{**fields, **bad})
            assert answer.status_code == 422
            assert 'aria-invalid="true"' in answer.text
            assert 'value="Ada L."' in answer.text
        assert await at.stores.directory.user(POOL, ADA.id) == user


async def test_a_new_address_takes_the_place_of_the_old_one_once_it_is_proven() -> None:
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        page = await visit(browser, "/account/address?kind=email")
        page = await follow(browser, await browser.submit(page, step="new_address", email="ada@new.example"))
        assert "ada@<wbr>new.example" in page.text
        assert "ada@<wbr>new.example" in (await visit(browser)).text  # pending
        user = await at.stores.directory.user(POOL, ADA.id)
        assert user is not None
        assert user.email == "ada@example.com"
        answer = await browser.submit(page, step="confirm", code="000000")
        assert answer.status_code == 422
        code = await at.last_code("ada@new.example")
        page = await follow(browser, await browser.submit(page, step="confirm", code=code))
        user = await at.stores.directory.user(POOL, ADA.id)
        assert user is not None
        assert (user.email, user.email_verified) == ("ada@new.example", True)
        notice = (await at.mail("ada@example.com"))[-1]
        assert notice.kind == "email_changed"
        assert "email.changed" in at.kinds()


@each("address", {"somebody's": "bob@example.com", "nobody's": "new@example.com"})
async def test_an_address_of_somebody_else_looks_like_any_other(address: str) -> None:
    """W8: and no code makes it one's own."""
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        page = await visit(browser, "/account/address?kind=email")
        page = await follow(browser, await browser.submit(page, step="new_address", email=address))
        assert page.status_code == 200
        assert 'id="code"' in page.text
        mails = await at.mail(address)
        if address == "bob@example.com":
            assert [m.kind for m in mails] == ["account_exists"]
            answer = await browser.submit(page, step="confirm", code="123456")
            assert answer.status_code == 422
            bob = await at.stores.directory.user(POOL, BOB.id)
            assert bob is not None
            assert bob.email == address
        else:
            answer = await browser.submit(page, step="confirm", code=await at.last_code(address))
            assert answer.status_code == 303


async def test_a_new_password_ends_everything_but_this_browser() -> None:
    async with house() as at:
        browser, other = at.browser(), at.browser(address="203.0.113.9")
        await other.arrive()
        await browser.arrive()
        page = await visit(browser, "/account/password")
        for bad in ("", "short", "password123"):
            assert (await browser.submit(page, step="new_password", new_password=bad)).status_code == 422
        before = browser.cookie("session")
        answer = await browser.submit(page, step="new_password", new_password=NEW)
        assert answer.headers["location"].endswith("notice=password_changed")
        assert browser.cookie("session") != before
        assert (await visit(browser, "/account/security")).status_code == 200
        assert "/login?" in (await visit(other)).headers["location"]
        assert [m.kind for m in await at.mail("ada@example.com")] == ["password_changed"]
        fresh = at.browser(address="203.0.113.77")
        assert (await fresh.sign_in(password=PASSWORD)).status_code == 422
        assert "code" in answered(await fresh.sign_in(password=NEW))


async def test_an_app_is_set_up_shown_used_and_removed() -> None:
    async with house(replace(pool(), mfa=MFA)) as at:
        browser = at.browser()
        await browser.arrive()
        page = await visit(browser, "/account/factor?kind=totp")
        again = await visit(browser, "/account/factor?kind=totp")
        assert re.search(r'<div class="qr"[^>]*><svg [^>]*>.*<path stroke="#000"', page.text)
        seed = re.search(r"secret=([A-Z2-7]+)", page.text)
        assert seed is not None
        assert seed[1] in again.text  # looking twice changes nothing
        app = pyotp.TOTP(seed[1])
        wrong = await browser.submit(page, step="enrol_totp", code="000000", name="Phone")
        assert wrong.status_code == 422
        shown = await browser.submit(page, step="enrol_totp", code=app.at(int(at.time())), name="Phone")
        codes = re.findall(r"\b[0-9a-z]{5}-[0-9a-z]{5}\b", shown.text)
        assert len(set(codes)) == 10
        file = await browser.submit(shown, step="download_codes")
        assert file.headers["content-disposition"].startswith("attachment")
        assert all(code in file.text for code in codes)
        listed = await visit(browser, "/account/security")
        assert "Phone" in listed.text
        assert [m.kind for m in await at.mail()] == ["factor_added"]

        fresh = at.browser(address="203.0.113.77")
        page = await fresh.open(await fresh.sign_in())
        at.time.pass_(60)
        assert "code" in answered(await fresh.submit(page, step="code", code=app.at(int(at.time()))))

        (credential,) = await at.stores.credentials.credentials(POOL, ADA.id)
        page = await visit(browser, f"/account/remove?id={credential.id}")
        answer = await browser.submit(page, step="remove")
        assert "notice=factor_removed" in answer.headers["location"]
        assert await at.stores.credentials.credentials(POOL, ADA.id) == []
        assert await at.stores.credentials.backup_codes_left(POOL, ADA.id) == 0


async def test_the_last_factor_stays_where_one_is_demanded() -> None:
    async with house(replace(pool(), mfa=replace(MFA, mode="required"))) as at:
        browser = at.browser()
        await browser.arrive()
        page = await visit(browser, "/account/factor?kind=email_code")
        await browser.submit(page, step="confirm", code=await at.last_code("ada@example.com"))
        (credential,) = await at.stores.credentials.credentials(POOL, ADA.id)
        page = await visit(browser, f"/account/remove?id={credential.id}")
        assert "notice=last_factor" in (await browser.submit(page, step="remove")).headers["location"]
        assert await at.stores.credentials.credentials(POOL, ADA.id) == [credential]


async def test_nobody_touches_anothers_factors_sessions_or_devices() -> None:
    """W19."""
    async with house(replace(pool(), mfa=MFA, session=SessionPolicy(remember_device_days=30))) as at:
        ada, bob = at.browser(), at.browser(address="203.0.113.9")
        await ada.arrive()
        await bob.arrive(BOB)
        page = await visit(ada, "/account/factor?kind=email_code")
        await ada.submit(page, step="confirm", code=await at.last_code("ada@example.com"))
        (credential,) = await at.stores.credentials.credentials(POOL, ADA.id)
        (session,) = await at.stores.sessions.sessions_of_user(POOL, ADA.id)
        assert "nothing_changed" in (await visit(bob, f"/account/remove?id={credential.id}")).headers["location"]
        page = await visit(bob, "/account/sessions")
        csrf = hidden(page, "end_others")["csrf"] if "end_others" in page.text else hidden(await visit(bob))["csrf"]
        forged = {"csrf": csrf, "step": "end_session", "id": session.sid}
        answer = await bob.http.post(f"{ISSUER}/account/sessions", data=forged)
        assert "nothing_changed" in answer.headers["location"]
        forged = {"csrf": csrf, "step": "rename_passkey", "id": credential.id, "name": "mine"}
        answer = await bob.http.post(f"{ISSUER}/account/security", data=forged)
        assert "nothing_changed" in answer.headers["location"]
        assert await at.stores.credentials.credentials(POOL, ADA.id) == [credential]
        assert await at.stores.sessions.sessions_of_user(POOL, ADA.id) == [session]
        again = at.browser(address="203.0.113.10")
        await again.arrive()
        page = await visit(again, "/account/sessions")
        answer = await again.submit(page, step="end_session", id=session.sid)
        assert "session_ended" in answer.headers["location"]
        assert "/login?" in (await visit(ada)).headers["location"]


async def test_a_passkey_is_named_on_a_page_of_its_own() -> None:
    """Where the folded form of the list cannot say what is wrong with a name."""
    async with house(replace(pool(), mfa=MfaPolicy(first_factors=("password", "passkey")))) as at:
        passkey = Credential("key", POOL, ADA.id, "passkey", name="Old", handle="h")
        await at.stores.credentials.add_credential(POOL, passkey)
        browser = at.browser()
        await browser.arrive()
        page = await visit(browser, "/account/security")
        for name in ("", "  ", "x" * 65):
            answer = await browser.submit(page, step="rename_passkey", id="key", name=name)
            assert answer.headers["location"] == f"{ISSUER}/account/rename?id=key"
        own = await browser.open(answer)
        assert 'value="Old"' in own.text
        for name in ("", " ", "x" * 65):
            again = await browser.submit(own, step="rename", name=name)
            assert again.status_code == 422
            assert 'aria-invalid="true"' in again.text
        assert "passkey_renamed" in (await browser.submit(own, step="rename", name="New")).headers["location"]
        (stored,) = await at.stores.credentials.credentials(POOL, ADA.id)
        assert stored.name == "New"
        other = hidden(own, "rename") | {"step": "x", "name": "No"}
        assert "nothing_changed" in (await browser.http.post(str(own.url), data=other)).headers["location"]
        for path in ("/account/rename?id=other", "/account/rename"):
            assert "nothing_changed" in (await visit(browser, path)).headers["location"]


async def test_sessions_are_told_apart_and_ended() -> None:
    async with house() as at:
        here, there = at.browser(), at.browser(address="203.0.113.9")
        there.http.headers["user-agent"] = CHROME
        assert "code" in answered(await there.sign_in())
        assert "code" in answered(await here.sign_in())
        page = await visit(here, "/account/sessions")
        assert "Chrome on Windows" in page.text
        assert "Web shop" in page.text
        answer = await here.submit(page, step="end_others")
        assert "sessions_ended" in answer.headers["location"]
        assert "/login?" in (await visit(there)).headers["location"]
        assert (await visit(here)).status_code == 200


async def test_one_app_of_one_session_is_signed_out() -> None:
    async with house() as at:
        browser = at.browser()
        await browser.code()
        (session,) = await at.stores.sessions.sessions_of_user(POOL, ADA.id)
        assert session.clients == ("web",)
        page = await visit(browser, "/account/sessions")
        answer = await browser.submit(page, step="end_app", id=session.sid, client="web")
        assert "app_signed_out" in answer.headers["location"]
        (session,) = await at.stores.sessions.sessions_of_user(POOL, ADA.id)
        assert session.clients == ()
        assert await at.stores.grants.grants_of_user(POOL, ADA.id) == []
        assert (await visit(browser)).status_code == 200


async def test_a_consent_is_shown_in_words_and_revoked() -> None:
    async with house() as at:
        browser = at.browser()
        page = await browser.open(await browser.sign_in(client_id="asks", scope="openid email"))
        assert "code" in answered(await browser.submit(page, step="consent", decision="approve"))
        page = await visit(browser, "/account/apps")
        assert "See your email address" in page.text
        answer = await browser.submit(page, step="revoke", id="asks")
        assert "consent_revoked" in answer.headers["location"]
        assert await at.stores.grants.consents(POOL, ADA.id) == []
        assert await at.stores.grants.grants_of_user(POOL, ADA.id) == []
        again = await browser.submit(page, step="revoke", id="asks")
        assert "nothing_changed" in again.headers["location"]
        assert 'id="approve"' in (await browser.login_page(client_id="asks", scope="openid email")).text


async def test_the_file_of_ones_data_holds_no_secret() -> None:
    async with house(replace(pool(), mfa=MFA)) as at:
        browser = at.browser()
        await browser.arrive()
        page = await visit(browser, "/account/factor?kind=email_code")
        await browser.submit(page, step="confirm", code=await at.last_code("ada@example.com"))
        page = await visit(browser, "/account/data")
        file = await browser.submit(page, step="export")
        assert file.headers["content-disposition"] == 'attachment; filename="account.json"'
        data = file.json()
        assert data["user"]["email"] == "ada@example.com"
        assert data["factors"][0]["kind"] == "email_code"
        assert len(data["sessions"]) == 1
        for secret in ("$argon2", "sealed", "digest", '"key"', '"hash"'):
            assert secret not in file.text


async def test_an_account_is_deleted_with_grace_and_kept_after_all() -> None:
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        page = await visit(browser, "/account/delete")
        for typed in ("", "bob"):
            again = await browser.submit(page, step="delete_account", username=typed)
            assert 'id="problem"' in again.text or "aria-invalid" in again.text
        answer = await browser.submit(page, step="delete_account", username="ada")
        assert answer.headers["location"] == f"{ISSUER}/account/deleted"
        assert (await visit(browser, "/account/deleted")).status_code == 200
        assert "/login?" in (await visit(browser)).headers["location"]
        assert [m.kind for m in await at.mail()] == ["deletion_planned"]
        page = await browser.open(await browser.sign_in())
        assert 'value="closing"' in page.text
        assert "code" in answered(await browser.submit(page, step="closing", decision="keep"))
        user = await at.stores.directory.user(POOL, ADA.id)
        assert user is not None
        assert user.delete_after is None

        await at.services.closing.plan(await at.services.registry.pool(POOL), user)  # type: ignore[arg-type]  # it is there
        at.time.pass_(14 * 86400 + 1)
        assert await at.services.closing.carry_out() == 1
        assert await at.stores.directory.user(POOL, ADA.id) is None


async def test_this_was_not_me_closes_everything() -> None:
    async with house() as at:
        thief, owner = at.browser(address="203.0.113.9"), at.browser()
        assert "code" in answered(await thief.sign_in())
        await owner.arrive()
        page = await visit(owner, "/account/notMe")
        assert (await visit(thief)).status_code == 200
        answer = await owner.submit(page, step="not_me")
        assert answer.status_code == 303
        assert "/login?" in (await visit(thief)).headers["location"]
        page = await thief.open(await thief.sign_in())
        assert 'id="new_password"' in page.text  # the password alone leads to a code in the owner's mail
        assert 'id="code"' in page.text


def test_every_room_has_its_address() -> None:
    from authserver.pages.account.rooms import rooms
    from authserver.pages.routes import ACCOUNT_ROOMS
    from tests.journeys.house import renderer

    frame = Frame(renderer(STATIC))
    assert set(rooms(frame)) == {"account", *(f"account/{name}" for name in ACCOUNT_ROOMS)}


@each("username", {"long": "ada." + "lovelace." * 30 + "end", "spaced": "ada  of   london"})
async def test_a_name_is_shown_whole_where_it_has_to_be_typed(username: str) -> None:
    async with house() as at:
        await at.change_user(ADA, username=username)
        browser = at.browser()
        await sign_in_here(browser, username)
        page = await visit(browser, "/account/delete")
        shown = re.search(r'<label for="username">[^<]*<bdi>(.*?)</bdi>', page.text)[1]
        refused = await browser.submit(page, step="delete_account", username=shown[:-1])
        assert (await at.stores.directory.user(POOL, ADA.id)).delete_after is None
        answer = await browser.submit(refused, step="delete_account", username=shown)
        assert answer.headers["location"] == f"{ISSUER}/account/deleted"


@each(
    "before",
    {
        "SQL": "1 OR 1=1",
        "negative": "-1",
        "another script": "\uff11\uff12",
        "huge": "9" * 15,
        "too long": "9" * 400,
        "empty": "",
        "none of its own": "1",
    },
)
async def test_a_forged_place_in_the_list_shows_nobody_elses_activity(before: str) -> None:
    """W21: paging by a number that anybody may write."""
    async with house() as at:
        for user, address in ((BOB, "203.0.113.66"), (ADA, "198.51.100.77"), (BOB, "203.0.113.66")):
            done = AuditEntry(
                POOL,
                0,
                1,
                "sign_in.succeeded",
                "success",
                f"user:{user.id}",
                user.id,
                address=address,
                user_agent=CHROME,
            )
            await at.stores.journal.append(POOL, [done], link)
        browser = at.browser()
        await sign_in_here(browser)
        page = await browser.http.get(f"{ISSUER}/account/activity", params={"before": before})
        assert page.status_code == 200
        assert "203.0.113.66" not in page.text, "Bob's address"
        assert "198.51.100.77" in (await browser.http.get(f"{ISSUER}/account/activity")).text, "her own"
