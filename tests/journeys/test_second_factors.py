"""Second factors: set up, given, chosen among, and never skipped (security reference W12, W13)."""

import asyncio
import re
from typing import Any

import httpx
import pytest

from authserver.messages.kinds import Kind
from authserver.model.pools import MfaPolicy, SessionPolicy
from authserver.signin.factors.backup_codes import COUNT
from tests.journeys.house import (
    ADA,
    BOB,
    CALLBACK,
    CLIENTS,
    PASSWORD,
    POOL,
    Browser,
    House,
    answered,
    claims,
    client,
    each,
    hidden,
    house,
)
from tests.journeys.people import (
    App,
    codes_of,
    fault_at,
    kinds_to,
    last_to,
    mfa_pool,
    set_up_totp,
    step_of,
    steps_on,
    tokens_of,
    words_of,
)

pytestmark = pytest.mark.anyio

ADA_MAIL = "ada@example.com"
ALL = ("totp", "email_code", "sms_code", "backup_codes")


async def after_password(browser: Browser, username: str = "ada", **changes: str | None) -> httpx.Response:
    """The page after the right password."""
    return await browser.open(await browser.sign_in(username, **changes))


async def enrolled(at: House, *kinds: str, username: str = "ada") -> App | None:
    """The user sets these factors up, in the course of sign-ins that demand them; an hour passes."""
    stored = await at.stores.registry.pool(POOL)
    app = None
    user = ADA if username == "ada" else BOB
    for kind in kinds:
        await at.change_pool(mfa=MfaPolicy(mode="required", factors=(kind,)))
        browser = at.browser()
        page = await after_password(browser, username)
        if kind == "totp":
            app, done = await set_up_totp(at, browser, page)
        else:
            page = await browser.open(await browser.submit(page, step="enrol", method=kind))
            to = user.email if kind == "email_code" else user.phone_number
            done = await browser.submit(page, step="confirm", code=await at.last_code(to or ""))
        assert "code" in answered(done), done.text
    await at.change_pool(mfa=stored.mfa)
    await at.mail()
    at.post.envelopes.clear()
    await at.stores.credentials.delete_devices(POOL, user.id)
    at.time.pass_(3600)
    return app


# ------------------------------------------------------------------------------------------------------- setting up


async def test_an_authenticator_app_is_set_up_where_a_second_factor_is_required() -> None:
    async with house(mfa_pool("required", ("totp",))) as at:
        browser = at.browser()
        page = await after_password(browser)
        assert step_of(page) == "enrol"
        assert browser.cookie("session") is None, "not before the second factor"
        app, done = await set_up_totp(at, browser, page)
        tokens = await tokens_of(browser, done)
        assert tokens["id"]["amr"] == ["pwd", "otp", "mfa"]
        assert tokens["id"]["acr"] == "urn:poolgate:acr:4"
        assert await kinds_to(at, ADA_MAIL) == [Kind.FACTOR_ADDED]
        assert "/notMe?token=" in (await last_to(at, ADA_MAIL, Kind.FACTOR_ADDED)).link
        assert "factor.enrolled" in at.kinds()
        at.time.pass_(60)
        again = at.browser()
        page = await after_password(again)
        assert step_of(page) != "enrol"
        assert "code" in answered(await again.submit(page, step="code", code=app.code))


async def test_the_set_up_page_is_the_same_when_it_is_shown_again() -> None:
    async with house(mfa_pool("required", ("totp", "email_code"))) as at:
        browser = at.browser()
        page = await after_password(browser)
        page = await browser.open(await browser.submit(page, step="enrol", method="totp"))
        app = App.of(at, page)
        wrong = await browser.submit(page, step="enrol_totp", code="000000", name="My phone")
        assert wrong.status_code == 422
        assert fault_at(wrong, "code")
        assert App.of(at, wrong).secret == app.secret
        assert 'value="My phone"' in wrong.text
        reloaded = await browser.http.get(str(page.url))
        assert App.of(at, reloaded).secret == app.secret
        other = await browser.open(await browser.submit(reloaded, step="choose_method"))
        assert step_of(other) == "enrol"
        fresh = await browser.open(await browser.submit(other, step="enrol", method="totp"))
        assert App.of(at, fresh).secret != app.secret
        assert (await browser.submit(fresh, step="enrol_totp", code=app.code)).status_code == 422
        done = await browser.submit(fresh, step="enrol_totp", code=App.of(at, fresh).code, name="My phone")
        assert "code" in answered(done)
        assert [c.name for c in await at.stores.credentials.credentials(POOL, ADA.id)] == ["My phone"]


@each(
    "name",
    {
        "control": ("my\x07phone", "my phone"),
        "long": ("x" * 200, "x" * 64),
        "bidi": ("my\u202ephone", "myphone"),
        "blank": ("   ", ""),
        "markup": ("<b>phone</b>", "<b>phone</b>"),
    },
)
async def test_a_name_of_an_app_cannot_turn_the_text_around_it(name: tuple[str, str]) -> None:
    typed, kept = name
    async with house(mfa_pool("required", ("totp",))) as at:
        browser = at.browser()
        page = await after_password(browser)
        page = await browser.open(await browser.submit(page, step="enrol", method="totp"))
        app = App.of(at, page)
        assert "code" in answered(await browser.submit(page, step="enrol_totp", code=app.code, name=typed))
        assert [c.name for c in await at.stores.credentials.credentials(POOL, ADA.id)] == [kept]


@each("kind", {"mail": ("email_code", ADA_MAIL), "text message": ("sms_code", "+821012345678")})
async def test_codes_by_message_are_set_up(kind: tuple[str, str]) -> None:
    method, to = kind
    async with house(mfa_pool("required", ("email_code", "sms_code"))) as at:
        browser = at.browser()
        page = await after_password(browser)
        page = await browser.open(await browser.submit(page, step="enrol", method=method))
        assert step_of(page) == "confirm"
        code = await at.last_code(to)
        wrong = await browser.submit(page, step="confirm", code=f"{(int(code) + 1) % 10**6:06d}")
        assert fault_at(wrong, "code")
        assert await at.stores.credentials.credentials(POOL, ADA.id) == []
        tokens = await tokens_of(browser, await browser.submit(wrong, step="confirm", code=code))
        assert tokens["id"]["acr"] == "urn:poolgate:acr:3"
        assert tokens["id"]["amr"] == ["pwd", "email_otp" if method == "email_code" else "sms", "mfa"]


async def test_a_code_for_the_set_up_is_sent_again_and_after_it_is_over() -> None:
    async with house(mfa_pool("required", ("email_code",))) as at:
        browser = at.browser()
        page = await after_password(browser)
        page = await browser.open(await browser.submit(page, step="enrol", method="email_code"))
        await at.mail()
        at.time.pass_(601)
        late = await browser.submit(page, step="confirm", code=await at.last_code(ADA_MAIL))
        assert late.status_code == 422
        assert 'id="resend"' in late.text
        page = await browser.open(await browser.submit(late, step="resend"))
        assert "code" in answered(await browser.submit(page, step="confirm", code=await at.last_code(ADA_MAIL)))


async def test_only_a_proven_address_can_be_a_factor() -> None:
    async with house(mfa_pool("required", ("email_code", "totp"))) as at:
        await at.change_user(ADA, email_verified=False)
        browser = at.browser()
        page = await after_password(browser)
        assert "add-totp" in page.text
        assert "add-email_code" not in page.text
        forged = await browser.submit(page, step="enrol", method="email_code")
        assert forged.status_code == 422
        assert await at.mail() == []


@each("method", ("backup_codes", "password", "passkey", "sms_code", "", "x" * 5000))
async def test_only_what_is_offered_can_be_set_up(method: str) -> None:
    async with house(mfa_pool("required", ("totp", "email_code", "backup_codes"))) as at:
        browser = at.browser()
        page = await after_password(browser)
        assert (await browser.submit(page, step="enrol", method=method)).status_code == 422
        assert browser.cookie("session") is None
        again = await browser.http.get(str(page.url))
        assert (await browser.submit(again, step="enrol", method="totp")).status_code == 303


async def test_where_nothing_can_be_set_up_the_client_is_told() -> None:
    async with house(mfa_pool("required", ("sms_code",))) as at:
        assert answered(await at.browser().sign_in("bob"))["error"] == "access_denied", "Bob has no phone"
        assert step_of(await after_password(at.browser())) == "enrol"


async def test_backup_codes_are_shown_once_with_the_first_factor() -> None:
    async with house(mfa_pool("required", ("totp", "backup_codes"))) as at:
        browser = at.browser()
        page = await after_password(browser)
        _, shown = await set_up_totp(at, browser, page)
        assert shown.status_code == 200
        assert browser.cookie("session") is not None
        codes = codes_of(shown)
        assert len(set(codes)) == COUNT
        assert shown.headers["cache-control"] == "no-store"
        text = await browser.submit(shown, step="download_codes")
        assert text.headers["content-type"].startswith("text/plain")
        assert text.headers["content-disposition"] == 'attachment; filename="backup-codes.txt"'
        assert re.findall(r"\S{5}-\S{5}", text.text) == codes
        done = await browser.submit(shown, step="codes_saved")
        assert "code" in answered(done)
        assert not any(code in done.text for code in codes)
        at.time.pass_(60)
        assert codes[0] not in (await after_password(at.browser())).text


@each("forged", {"markup": "<script>alert(1)</script>", "header": "a\r\nX-Evil: 1", "huge": "12345-12345 " * 500})
async def test_the_download_gives_back_nothing_but_codes(forged: str) -> None:
    async with house(mfa_pool("required", ("totp", "backup_codes"))) as at:
        browser = at.browser()
        _, shown = await set_up_totp(at, browser, await after_password(browser))
        text = await browser.submit(shown, step="download_codes", codes=forged)
        assert "script" not in text.text
        assert "x-evil" not in text.headers
        assert text.headers["x-content-type-options"] == "nosniff"
        assert len(text.text) < 1000


async def test_no_seed_or_code_is_stored_readably() -> None:
    async with house(mfa_pool("required", ("totp", "backup_codes"))) as at:
        browser = at.browser()
        app, shown = await set_up_totp(at, browser, await after_password(browser))
        stored = repr(await at.stores.credentials.credentials(POOL, ADA.id)) + repr(vars(at.stores.credentials))
        assert app.secret not in stored
        assert not any(code in stored or code.replace("-", "") in stored for code in codes_of(shown))
        logged = repr(at.events) + repr(at.logs)
        assert app.secret not in logged
        assert not any(code in logged for code in codes_of(shown))


async def test_a_set_up_that_lasted_too_long_begins_again() -> None:
    """The sign-in ends after half an hour as well, so it is the sign-in that says so."""
    async with house(mfa_pool("required", ("totp",))) as at:
        browser = at.browser()
        page = await after_password(browser)
        page = await browser.open(await browser.submit(page, step="enrol", method="totp"))
        app = App.of(at, page)
        at.time.pass_(1801)
        assert (await browser.submit(page, step="enrol_totp", code=app.code)).status_code == 410
        assert await at.stores.credentials.credentials(POOL, ADA.id) == []


async def test_of_two_confirmations_at_once_one_counts() -> None:
    async with house(mfa_pool("required", ("totp",))) as at:
        browser = at.browser()
        page = await after_password(browser)
        page = await browser.open(await browser.submit(page, step="enrol", method="totp"))
        app = App.of(at, page)
        await asyncio.gather(*(browser.submit(page, step="enrol_totp", code=app.code) for _ in range(3)))
        assert len(await at.stores.credentials.credentials(POOL, ADA.id)) == 1


# -------------------------------------------------------------------------------------------------------- giving one


async def test_a_code_of_the_app_is_good_once() -> None:
    """RFC 6238 5.2; W12."""
    async with house(mfa_pool("optional", ("totp",))) as at:
        app = await enrolled(at, "totp")
        one, two = at.browser(), at.browser()
        page, other = await after_password(one), await after_password(two)
        code = app.code
        assert "code" in answered(await one.submit(page, step="code", code=code))
        replayed = await two.submit(other, step="code", code=code)
        assert replayed.status_code == 422
        assert fault_at(replayed, "code")
        assert two.cookie("session") is None
        at.time.pass_(30)
        assert "code" in answered(await two.submit(replayed, step="code", code=app.code))


async def test_the_code_that_set_the_app_up_signs_nobody_in() -> None:
    async with house(mfa_pool("required", ("totp",))) as at:
        browser = at.browser()
        app, _ = await set_up_totp(at, browser, await after_password(browser))
        other = at.browser()
        page = await after_password(other)
        assert (await other.submit(page, step="code", code=app.code)).status_code == 422
        at.time.pass_(30)
        assert "code" in answered(await other.submit(page, step="code", code=app.code))


@each(
    "code", {"empty": "", "blank": "  ", "letters": "abcdef", "short": "12345", "long": "1234567", "huge": "1" * 5000}
)
async def test_what_is_no_code_costs_no_try(code: str) -> None:
    async with house(mfa_pool("optional", ("totp",))) as at:
        app = await enrolled(at, "totp")
        browser = at.browser()
        page = await after_password(browser)
        for _ in range(12):
            page = await browser.submit(page, step="code", code=code)
            assert page.status_code == 422
            assert fault_at(page, "code")
        assert "code" in answered(await browser.submit(page, step="code", code=f" {app.code[:3]} {app.code[3:]}"))


async def test_a_backup_code_is_good_once() -> None:
    async with house(mfa_pool("required", ("totp", "backup_codes"))) as at:
        browser = at.browser()
        _, shown = await set_up_totp(at, browser, await after_password(browser))
        code = codes_of(shown)[3]
        for expected in (True, False):
            visitor = at.browser()
            page = await after_password(visitor)
            page = await visitor.open(await visitor.submit(page, step="method", method="backup_codes"))
            done = await visitor.submit(page, step="code", code=code.upper())
            assert "code" in answered(done) if expected else done.status_code == 422, done.text
        assert await at.stores.credentials.backup_codes_left(POOL, ADA.id) == COUNT - 1
        assert fault_at(done, "code")
        other = await visitor.submit(done, step="code", code=codes_of(shown)[4])
        tokens = await tokens_of(visitor, other)
        assert tokens["id"]["amr"] == ["pwd", "otp", "mfa"]


def listed_methods(page: httpx.Response) -> list[str]:
    """What the buttons of the list of methods send."""
    return re.findall(r'name="method" value="(\w+)"', page.text)


async def test_another_way_can_be_chosen() -> None:
    async with house(mfa_pool("optional", ALL)) as at:
        app = await enrolled(at, "totp", "email_code", "sms_code")
        browser = at.browser()
        page = await after_password(browser)
        assert 'id="use-totp"' in page.text
        listed = {"csrf": hidden(page)["csrf"], "step": "choose_method"}
        page = await browser.open(await browser.http.post(str(page.url), data=listed))
        assert set(listed_methods(page)) == {"totp", "email_code", "sms_code"}
        assert "ada@example.com" not in words_of(page), "addresses are masked"
        page = await browser.open(await browser.submit(page, step="method", method="sms_code"))
        first = await at.last_code("+821012345678")
        early = await browser.submit(page, step="method", method="email_code")
        assert early.status_code == 429, "one was sent a moment ago"
        at.time.pass_(30)
        page = await browser.open(await browser.submit(early, step="method", method="email_code"))
        second = await at.last_code(ADA_MAIL)
        if first != second:
            assert (await browser.submit(page, step="code", code=first)).status_code == 422
        page = await browser.open(await browser.submit(page, step="method", method="totp"))
        assert (await browser.submit(page, step="code", code=second)).status_code == 422
        assert "code" in answered(await browser.submit(page, step="code", code=app.code))


@each("method", ("password", "passkey", "sms_code", "backup_codes", "custom", "device", ""))
async def test_a_way_that_is_not_the_user_s_is_not_had(method: str) -> None:
    async with house(mfa_pool("optional", ALL)) as at:
        app = await enrolled(at, "totp")
        browser = at.browser()
        page = await after_password(browser)
        answer = await browser.submit(page, step="code", code="x")
        forged = await browser.http.post(
            str(page.url), data={"csrf": hidden(answer)["csrf"], "step": "method", "method": method}
        )
        assert forged.status_code in {303, 422}
        assert browser.cookie("session") is None
        page = await browser.http.get(str(page.url))
        assert "code" in answered(await browser.submit(page, step="code", code=app.code))


async def test_the_way_used_last_is_offered_first() -> None:
    async with house(mfa_pool("optional", ("totp", "email_code"))) as at:
        await enrolled(at, "totp", "email_code")
        browser = at.browser()
        page = await after_password(browser)
        assert "email" in words_of(page)
        assert len(await at.mail(ADA_MAIL)) == 1


async def test_a_mailed_code_of_another_sign_in_is_wrong() -> None:
    """W12."""
    async with house(mfa_pool("optional", ("email_code",))) as at:
        await enrolled(at, "email_code")
        one, two = at.browser(), at.browser()
        page = await after_password(one)
        first = await at.last_code(ADA_MAIL)
        other = await after_password(two)
        second = await at.last_code(ADA_MAIL)
        if first != second:
            assert (await two.submit(other, step="code", code=first)).status_code == 422
        assert "code" in answered(await one.submit(page, step="code", code=first))
        assert "code" in answered(await two.submit(other, step="code", code=second))


async def test_a_code_for_recovering_is_no_second_factor() -> None:
    async with house(mfa_pool("optional", ("email_code",))) as at:
        await enrolled(at, "email_code")
        browser = at.browser()
        page = await browser.login_page()
        page = await browser.http.get(str(page.url).replace("/login", "/forgotPassword"))
        await browser.submit(page, step="recover", username="ada")
        stolen = await at.last_code(ADA_MAIL)
        page = await browser.open(await browser.sign_in())
        own = await at.last_code(ADA_MAIL)
        if stolen != own:
            assert (await browser.submit(page, step="code", code=stolen)).status_code == 422
        assert "code" in answered(await browser.submit(page, step="code", code=own))


async def test_fifty_guesses_at_once_get_five_tries() -> None:
    async with house(mfa_pool("optional", ("email_code",))) as at:
        await enrolled(at, "email_code")
        browser = at.browser()
        page = await after_password(browser)
        code = int(await at.last_code(ADA_MAIL))
        guesses = (f"{(code + i) % 10**6:06d}" for i in range(1, 51))
        await asyncio.gather(*(browser.submit(page, step="code", code=guess) for guess in guesses))
        assert at.kinds().count("code.wrong") == 5
        assert (await browser.submit(page, step="code", code=f"{code:06d}")).status_code == 422
        assert browser.cookie("session") is None


async def test_whoever_knows_the_password_cannot_guess_on_and_on() -> None:
    """The right password does not begin the count of the second factor anew, nor the sum over all."""
    async with house(mfa_pool("optional", ("totp",))) as at:
        app = await enrolled(at, "totp")
        for _ in range(25):
            thief = at.browser(address="203.0.113.66")
            page = await after_password(thief)
            await thief.submit(page, step="code", code="000000")
            at.time.pass_(1000)
        judged = at.kinds().count("factor.failed")
        assert judged <= 20
        assert await at.stores.directory.password_failures(POOL, ADA.id) >= judged
        owner = at.browser()
        page = await after_password(owner)
        at.time.pass_(24 * 3600)
        page = await after_password(owner)
        assert "code" in answered(await owner.submit(page, step="code", code=app.code))
        assert await at.stores.directory.password_failures(POOL, ADA.id) == 0, (
            "a sign-in that is complete ends the count"
        )


async def test_a_code_that_was_sent_ten_minutes_ago_is_over_and_another_is_offered() -> None:
    async with house(mfa_pool("optional", ("email_code",))) as at:
        await enrolled(at, "email_code")
        browser = at.browser()
        page = await after_password(browser)
        code = await at.last_code(ADA_MAIL)
        at.time.pass_(600)
        late = await browser.submit(page, step="code", code=code)
        assert late.status_code == 422
        assert 'id="resend"' in late.text
        page = await browser.open(await browser.submit(late, step="resend"))
        assert "code" in answered(await browser.submit(page, step="code", code=await at.last_code(ADA_MAIL)))


# ------------------------------------------------------------------------------------------------------ who is asked


async def test_optional_means_who_has_one() -> None:
    async with house(mfa_pool("optional", ("totp",))) as at:
        assert "code" in answered(await at.browser().sign_in())
        app = await enrolled(at, "totp")
        browser = at.browser()
        page = await after_password(browser)
        assert browser.cookie("session") is None
        assert "code" in answered(await browser.submit(page, step="code", code=app.code))
        assert "code" in answered(await at.browser().sign_in("bob"))


async def test_off_means_nobody() -> None:
    async with house(mfa_pool("optional", ("totp",))) as at:
        await enrolled(at, "totp")
        await at.change_pool(mfa=MfaPolicy(mode="off", factors=("totp",)))
        assert "code" in answered(await at.browser().sign_in())


@each(
    "modes",
    {
        "off over optional": ("optional", "off", False),
        "off over required": ("required", "off", True),
        "optional over required": ("required", "optional", True),
        "required over off": ("off", "required", True),
        "required over optional": ("optional", "required", True),
        "optional over off": ("off", "optional", False),
        "none over off": ("off", None, False),
        "none over required": ("required", None, True),
    },
)
async def test_a_client_has_a_word_but_required_is_a_floor(modes: tuple[str, Any, bool]) -> None:
    """For Bob, who has no second factor."""
    of_pool, of_client, asked = modes
    async with house(mfa_pool(of_pool, ("totp",)), clients=(*CLIENTS, client("special", mfa=of_client))) as at:
        answer = await at.browser().sign_in("bob", client_id="special")
        assert (answer.headers["location"].startswith(CALLBACK)) is not asked


async def test_a_session_of_a_client_that_asks_less_does_not_do_for_one_that_asks_more() -> None:
    clients = (*CLIENTS, client("lesser", mfa="off"), client("greater", mfa="required"))
    async with house(mfa_pool("optional", ("totp",)), clients=clients) as at:
        app = await enrolled(at, "totp")
        thief = at.browser()
        assert "code" in answered(await thief.sign_in(client_id="lesser"))
        for client_id in ("web", "greater"):
            answer = await thief.authorize(client_id=client_id)
            assert "/login?" in answer.headers["location"], client_id
            assert "code" in steps_on(await thief.open(answer))
            assert (
                answered(await thief.authorize(client_id=client_id, prompt="none"))["error"] == "interaction_required"
            )
        page = await thief.login_page(client_id="web")
        assert "code" in answered(await thief.submit(page, step="code", code=app.code))
        assert "code" in answered(await thief.authorize(client_id="greater", prompt="none")), "now it does"


async def test_who_sets_a_factor_up_in_a_session_is_not_asked_in_it() -> None:
    """Only what was passed by at the sign-in is owed."""
    async with house(mfa_pool("optional", ("totp",))) as at:
        browser = at.browser()
        await browser.sign_in()
        at.time.pass_(60)
        before = at.time.now
        await enrolled(at, "totp")
        at.time.now = before + 120
        assert "code" in answered(await browser.authorize(prompt="none"))


# -------------------------------------------------------------------------------------------------------- no skipping

TRICKS: dict[str, dict[str, str]] = {
    "empty": {},
    "no step": {"code": "123456"},
    "password again": {"step": "password", "password": PASSWORD},
    "password and code": {"step": "password", "password": PASSWORD, "code": "000000"},
    "consent": {"step": "consent", "decision": "approve", "account": ADA.id},
    "account": {"step": "account", "account": ADA.id},
    "codes saved": {"step": "codes_saved"},
    "download": {"step": "download_codes", "codes": "00000-00000"},
    "later": {"step": "later"},
    "enrol": {"step": "enrol", "method": "totp"},
    "enrol another app": {"step": "enrol_totp", "code": "123456"},
    "enrol a passkey": {"step": "enrol_passkey", "credential": "{}"},
    "confirm": {"step": "confirm", "code": "123456"},
    "new password": {"step": "new_password", "new_password": "wobbly-teapot-orchard"},
    "recover": {"step": "recover_code", "code": "123456", "new_password": "wobbly-teapot-orchard"},
    "invitation": {"step": "invitation", "decision": "later"},
    "closing": {"step": "closing", "decision": "keep"},
    "method of the account": {"step": "method", "method": "device"},
    "method that is none": {"step": "method", "method": "none"},
    "resend": {"step": "resend"},
    "remember": {"step": "remember", "remember": "true"},
    "code with remember": {"step": "code", "code": "", "remember": "true"},
    "true code": {"step": "code", "code": "true"},
    "null code": {"step": "code", "code": "null"},
    "zero code": {"step": "code", "code": "000000"},
    "mfa": {"mfa": "1", "authenticated": "true", "second": "false", "proofs": "totp", "amr": "mfa"},
}  # fmt: skip


@each("trick", TRICKS)
@each("state", {"a factor to give": True, "a factor to set up": False})
async def test_no_form_leads_around_the_second_factor(trick: dict[str, str], state: bool) -> None:
    """W13: direct URL, empty POST, reordering."""
    async with house(mfa_pool("required", ("totp",))) as at:
        app = await enrolled(at, "totp") if state else None
        browser = at.browser()
        page = await after_password(browser)
        answer = await browser.http.post(str(page.url), data={"csrf": hidden(page)["csrf"]} | trick)
        assert answer.status_code in {200, 303, 422}
        assert not answer.headers.get("location", "").startswith(CALLBACK)
        assert browser.cookie("session") is None
        assert "/login?" in (await browser.authorize()).headers["location"], "a direct URL"
        assert answered(await browser.authorize(prompt="none"))["error"] == "login_required"
        for path in ("account", "account/security", "oauth2/userInfo"):
            direct = await browser.http.get(f"{browser.issuer}/{path}")
            assert direct.status_code in {302, 401, 404}
        page = await browser.http.get(str(page.url))
        if app is None:
            _, done = await set_up_totp(at, browser, page)
        else:
            if "code" not in steps_on(page):
                page = await browser.open(await browser.submit(page, step="method", method="totp"))
            done = await browser.submit(page, step="code", code=app.code)
        assert "code" in answered(done), "and the honest way still leads on"


async def test_a_sign_in_under_way_belongs_to_its_browser() -> None:
    async with house(mfa_pool("optional", ("totp",))) as at:
        app = await enrolled(at, "totp")
        browser, thief = at.browser(), at.browser()
        page = await after_password(browser)
        await thief.login_page()
        assert (await thief.http.get(str(page.url))).status_code == 410
        forged = {"csrf": hidden(page)["csrf"], "step": "code", "code": app.code}
        assert (await thief.http.post(str(page.url), data=forged)).status_code == 403
        assert "code" in answered(await browser.submit(page, step="code", code=app.code))


async def test_the_second_factor_of_somebody_else_does_not_do() -> None:
    async with house(mfa_pool("optional", ("totp",))) as at:
        mallory = await enrolled(at, "totp", username="bob")
        ada = await enrolled(at, "totp")
        browser = at.browser()
        page = await after_password(browser)
        if mallory.code != ada.code:
            assert (await browser.submit(page, step="code", code=mallory.code)).status_code == 422
        assert "code" in answered(await browser.submit(page, step="code", code=ada.code))


async def test_the_proof_of_one_person_does_not_stay_for_the_next() -> None:
    """Ada's password, then "not you?", then Bob's name: nothing of hers counts for him."""
    async with house(mfa_pool("optional", ("totp",))) as at:
        await enrolled(at, "totp")
        browser = at.browser()
        page = await after_password(browser)
        page = await browser.open(await browser.submit(page, step="change_identifier"))
        page = await browser.open(await browser.submit(page, step="identifier", username="bob"))
        assert step_of(page) != "code"
        assert (await browser.submit(page, step="password", password="wrong")).status_code == 422
        tokens = await tokens_of(browser, await browser.submit(page, step="password", password=PASSWORD))
        assert tokens["id"]["sub"] == BOB.id
        assert tokens["id"]["amr"] == ["pwd"]


async def test_a_password_that_was_changed_meanwhile_does_not_open_with_the_second_factor() -> None:
    async with house(mfa_pool("optional", ("totp",))) as at:
        app = await enrolled(at, "totp")
        browser = at.browser()
        page = await after_password(browser)
        stored = await at.stores.directory.user(POOL, ADA.id)
        pool = await at.stores.registry.pool(POOL)
        await at.services.password_changes.change(pool, stored, "wobbly-teapot-orchard")
        late = await browser.submit(page, step="code", code=app.code)
        assert late.status_code == 422
        assert browser.cookie("session") is None
        at.time.pass_(30)
        twin = at.browser()
        page = await twin.open(await twin.sign_in(password="wobbly-teapot-orchard"))
        assert "code" in answered(await twin.submit(page, step="code", code=app.code))


async def test_who_is_disabled_between_the_factors_stays_out() -> None:
    async with house(mfa_pool("optional", ("totp",))) as at:
        app = await enrolled(at, "totp")
        browser = at.browser()
        page = await after_password(browser)
        await at.change_user(ADA, state="disabled")
        late = await browser.http.post(str(page.url), data=hidden(page, "code") | {"step": "code", "code": app.code})
        assert late.status_code in {303, 422}
        assert browser.cookie("session") is None


# ----------------------------------------------------------------------------------------------------- in the tokens


async def test_amr_and_acr_are_in_both_tokens_and_stay_when_they_are_refreshed() -> None:
    async with house(mfa_pool("optional", ("totp",), session=SessionPolicy())) as at:
        app = await enrolled(at, "totp")
        browser = at.browser()
        page = await after_password(browser)
        tokens = await tokens_of(browser, await browser.submit(page, step="code", code=app.code))
        at.time.pass_(600)
        refreshed = (await browser.refresh(tokens["refresh_token"])).json()
        for token in (tokens["id_token"], tokens["access_token"], refreshed["id_token"], refreshed["access_token"]):
            assert claims(token)["amr"] == ["pwd", "otp", "mfa"]
            assert claims(token)["acr"] == "urn:poolgate:acr:4"
        first, second = claims(tokens["id_token"]), claims(refreshed["id_token"])
        assert first["auth_time"] == second["auth_time"]


async def test_a_pool_names_its_levels() -> None:
    levels = ("bronze", "silver", "gold", "platinum")
    async with house(mfa_pool("optional", ("totp",), acr_levels=levels)) as at:
        stored = await at.stores.registry.pool(POOL)
        tokens = await tokens_of(bob := at.browser(), await bob.sign_in("bob"))
        assert tokens["id"]["acr"] == "bronze"
        app = await enrolled(at, "totp")
        await at.change_pool(mfa=stored.mfa)
        browser = at.browser()
        page = await after_password(browser)
        tokens = await tokens_of(browser, await browser.submit(page, step="code", code=app.code))
        assert tokens["access"]["acr"] == "platinum"
        metadata = (await browser.http.get(f"{browser.issuer}/.well-known/openid-configuration")).json()
        assert metadata["acr_values_supported"] == list(levels)
