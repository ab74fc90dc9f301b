"""A forgotten password replaced by the link in the mail, in whatever browser it is read; and where the code goes."""

import asyncio
from dataclasses import replace

import httpx
import pytest

from authserver.messages.kinds import Kind
from authserver.model.pools import AccountPolicy, MfaPolicy, PasswordPolicy, RecoveryPolicy
from tests.journeys.house import (
    ADA,
    BOB,
    ISSUER,
    PASSWORD,
    POOL,
    Browser,
    House,
    answered,
    each,
    error_code,
    hidden,
    house,
    pool,
)
from tests.journeys.people import (
    NEW_PASSWORD,
    fault_at,
    last_to,
    link_of,
    look,
    mfa_pool,
    open_pool,
    press,
    step_of,
    steps_on,
    waiting_page,
    words_of,
)
from tests.journeys.test_recovery import ADA_MAIL, answer, asked, is_password, with_app

pytestmark = pytest.mark.anyio


async def linked(at: House) -> str:
    """The link of the mail that was sent last."""
    mail = await last_to(at, ADA_MAIL, Kind.RECOVER_PASSWORD)
    assert mail.link is not None
    assert mail.link.startswith(f"{ISSUER}/recover?token=")
    return mail.link


async def opened(browser: Browser, link: str) -> httpx.Response:
    return await browser.http.get(link, follow_redirects=True)


async def set_by(browser: Browser, link: str, password: str = NEW_PASSWORD) -> httpx.Response:
    page = await opened(browser, link)
    return await browser.submit(page, step="new_password", new_password=password)


async def test_a_new_password_in_another_browser() -> None:
    async with house() as at:
        waiting, phone = at.browser(), at.browser()
        page = await asked(waiting)
        link = await linked(at)
        form = await opened(phone, link)
        assert step_of(form) == "change_identifier"
        assert "Ada" in words_of(form)
        done = await phone.submit(form, step="new_password", new_password=NEW_PASSWORD)
        assert done.status_code == 200
        assert "Your new password is set" in words_of(done)
        assert link_of(done, "continue") == f"{ISSUER}/account"
        assert phone.cookie("session") is None, "a mailbox signs nobody in"
        assert await is_password(at, NEW_PASSWORD)
        page = await waiting.http.get(str(page.url))
        assert 'id="password"' in page.text, "the sign-in that asked goes on with it"
        assert "code" in answered(await waiting.submit(page, step="password", password=NEW_PASSWORD))
        assert "password.reset" in at.kinds()


async def test_in_the_same_browser_the_way_on_is_the_sign_in_that_waits() -> None:
    async with house() as at:
        browser = at.browser()
        await asked(browser)
        done = await set_by(browser, await linked(at))
        page = await browser.http.get(link_of(done, "continue"))
        assert "code" in answered(await browser.submit(page, step="password", password=NEW_PASSWORD))


async def test_looking_at_the_link_uses_nothing_up() -> None:
    """Whoever scans mails opens links first."""
    async with house() as at:
        page = await asked(browser := at.browser())
        link = await linked(at)
        for _ in range(3):
            assert (await opened(at.browser(), link)).status_code == 200
        assert (await at.browser().http.head(link)).status_code in {200, 302}
        assert await is_password(at, PASSWORD)
        assert "code" in answered(await answer(browser, page, await at.last_code(ADA_MAIL)))
        assert (await opened(at.browser(), link)).status_code == 410, "the code is the same thing"


async def test_a_link_is_good_once_and_its_code_with_it() -> None:
    async with house() as at:
        browser = at.browser()
        page = await asked(browser)
        code, link = await at.last_code(ADA_MAIL), await linked(at)
        phone = at.browser()
        form = await opened(phone, link)
        assert (await phone.submit(form, step="new_password", new_password=NEW_PASSWORD)).status_code == 200
        again = await phone.submit(form, step="new_password", new_password="another-teapot-orchard")
        assert again.status_code == 410
        late = await answer(browser, page, code, "another-teapot-orchard")
        assert late.status_code in {303, 422}
        assert await is_password(at, NEW_PASSWORD)


async def test_of_two_at_once_one_counts() -> None:
    async with house() as at:
        await asked(at.browser())
        link = await linked(at)
        words = ("wobbly-teapot-orchard", "quartz-lantern-drift")
        browsers = [at.browser(), at.browser()]
        forms = [await opened(browser, link) for browser in browsers]
        await asyncio.gather(
            *(
                browser.submit(form, step="new_password", new_password=word)
                for browser, form, word in zip(browsers, forms, words, strict=True)
            )
        )
        assert at.kinds().count("password.reset") == 1


@each("password", {"empty": "", "short": "short7", "known": "password1", "the name": "xx-lovelace-xx"})
async def test_a_bad_password_has_its_sentence_and_the_link_stays_good(password: str) -> None:
    async with house(pool(password_policy=PasswordPolicy(history=3))) as at:
        await at.change_user(ADA, username="lovelace")
        await asked(at.browser(), ADA_MAIL)
        phone, link = at.browser(), await linked(at)
        bad = await set_by(phone, link, password)
        assert bad.status_code == 422
        assert fault_at(bad, "new_password")
        assert await is_password(at, PASSWORD)
        assert (await phone.submit(bad, step="new_password", new_password=NEW_PASSWORD)).status_code == 200


async def test_a_link_that_is_over_says_so() -> None:
    async with house() as at:
        await asked(at.browser())
        link = await linked(at)
        phone = at.browser()
        form = await opened(phone, link)
        at.time.pass_(3601)
        assert (await opened(phone, link)).status_code == 410
        assert (await phone.submit(form, step="new_password", new_password=NEW_PASSWORD)).status_code == 410
        assert await is_password(at, PASSWORD)


@each("token", {"none": "", "made up": "abc.def", "markup": "<img>", "long": "x" * 500})
async def test_a_made_up_link_opens_nothing(token: str) -> None:
    async with house() as at:
        page = await at.browser().http.get(f"{ISSUER}/recover", params={"token": token}, follow_redirects=True)
        assert page.status_code == 410
        assert "<img>" not in page.text


async def test_a_link_of_another_purpose_opens_nothing() -> None:
    async with house(open_pool()) as at:
        await waiting_page(at.browser())
        mail = (await at.mail("grace@example.com"))[-1]
        assert mail.link is not None
        other = mail.link.replace("/confirm?", "/recover?")
        assert (await opened(at.browser(), other)).status_code == 410
        assert (await press(at.browser(), mail.link)).status_code == 200


@each(
    "change",
    {
        "disabled": {"state": "disabled"},
        "another address": {"email": "new@example.com"},
        "an address that is not proven": {"email_verified": False},
    },
)
async def test_what_changed_meanwhile_makes_the_link_worthless(change: dict[str, object]) -> None:
    async with house() as at:
        await asked(at.browser())
        link = await linked(at)
        await at.change_user(ADA, **change)
        assert (await opened(at.browser(), link)).status_code == 410
        await at.change_user(ADA, state="confirmed", email=ADA_MAIL, email_verified=True)
        assert (await set_by(at.browser(), link)).status_code == 200


async def test_where_recovery_was_turned_off_meanwhile_it_is_off() -> None:
    async with house() as at:
        await asked(at.browser())
        link = await linked(at)
        await at.change_pool(recovery=RecoveryPolicy(enabled=False))
        assert (await opened(at.browser(), link)).status_code == 410
        await at.change_pool(recovery=RecoveryPolicy(), mfa=MfaPolicy(first_factors=("email_code",)))
        assert (await opened(at.browser(), link)).status_code == 410


async def test_a_second_factor_is_asked_for_all_the_same() -> None:
    async with house(mfa_pool("optional", ("totp",))) as at:
        await with_app(at)
        at.time.pass_(60)
        browser = at.browser()
        await asked(browser)
        done = await set_by(browser, await linked(at))
        page = await browser.http.get(link_of(done, "continue"))
        page = await browser.open(await browser.submit(page, step="password", password=NEW_PASSWORD))
        assert browser.cookie("session") is None
        assert 'data-code="digits"' in page.text


async def test_a_forged_form_sets_nothing() -> None:
    async with house() as at:
        await asked(at.browser())
        phone, link = at.browser(), await linked(at)
        page = await opened(phone, link)
        forged = {"step": "new_password", "new_password": NEW_PASSWORD, "csrf": "x" * 43}
        assert error_code(await phone.http.post(str(page.url), data=forged)) == "csrf"
        assert await is_password(at, PASSWORD)


async def test_not_you_leads_to_a_sign_in() -> None:
    async with house() as at:
        await asked(at.browser())
        phone = at.browser()
        page = await opened(phone, await linked(at))
        away = await phone.submit(page, step="change_identifier")
        assert away.headers["location"] == f"{ISSUER}/account"
        assert await is_password(at, PASSWORD)


async def test_without_an_account_page_and_a_sign_in_there_is_nowhere_to_go_on() -> None:
    async with house(replace(pool(), account=AccountPolicy(enabled=False))) as at:
        await asked(at.browser())
        done = await set_by(at.browser(), await linked(at))
        assert done.status_code == 200
        assert 'id="continue"' not in done.text


async def test_a_sign_in_that_is_over_by_then_is_left_alone() -> None:
    async with house() as at:
        browser = at.browser()
        page = await asked(browser)
        link = await linked(at)
        at.time.pass_(1900)
        done = await set_by(browser, link)
        assert link_of(done, "continue") == f"{ISSUER}/account"
        assert (await browser.http.get(str(page.url))).status_code == 410


async def test_a_sign_in_that_went_on_by_then_is_left_alone() -> None:
    async with house() as at:
        browser = at.browser()
        page = await asked(browser)
        link = await linked(at)
        page = await browser.open(await browser.submit(page, step="change_identifier"))
        page = await browser.open(await browser.submit(page, step="identifier", username="bob"))
        await set_by(at.browser(), link)
        tokens = answered(await browser.submit(page, step="password", password=PASSWORD))
        assert "code" in tokens
        assert await is_password(at, PASSWORD, BOB)


# ---------------------------------------------------------------------------------------------- where the code goes

ASK = pool(recovery=RecoveryPolicy(ask=True))


async def test_the_person_chooses_where_the_code_goes() -> None:
    async with house(ASK) as at:
        for medium, to in (("sms", "+821012345678"), ("email", ADA_MAIL)):
            browser = at.browser()
            page = await asked(browser)
            assert "medium" in steps_on(page)
            sent = len(await at.mail())
            page = await browser.open(await browser.submit(page, step="medium", medium=medium))
            messages = await at.mail()
            assert [m.to for m in messages[sent:]] == [to]
            assert "code" in answered(await answer(browser, page, messages[-1].code or "", f"{NEW_PASSWORD}-{medium}"))


async def test_the_question_is_the_same_for_names_that_nobody_has() -> None:
    async with house(ASK) as at:
        pages = {name: await asked(at.browser(), name) for name in ("adx", "ada")}
        looks = [look(page, name) for name, page in pages.items()]
        assert looks[0] == looks[1]
        assert "•" not in words_of(pages["ada"]), "nothing is told of the address"


@each("medium", {"none": "", "another": "fax"})
async def test_only_the_ways_that_there_are(medium: str) -> None:
    async with house(ASK) as at:
        browser = at.browser()
        page = await browser.submit(await asked(browser), step="medium", medium=medium)
        assert page.status_code == 422
        assert await at.mail() == []
        assert step_of(await browser.open(await browser.submit(page, step="medium", medium="email"))) == "recover_code"


async def test_where_there_is_one_way_nobody_is_asked() -> None:
    async with house(pool(recovery=RecoveryPolicy(by=("email",), ask=True))) as at:
        assert step_of(await asked(at.browser())) == "recover_code"


async def test_asking_too_often_is_said_where_it_was_asked() -> None:
    async with house(ASK) as at:
        for _ in range(5):
            browser = at.browser()
            await browser.submit(await asked(browser), step="medium", medium="email")
        browser = at.browser()
        page = await browser.submit(await asked(browser), step="medium", medium="email")
        assert page.status_code == 429
        assert "Too many attempts" in words_of(page)


async def test_the_form_of_that_question_elsewhere_sends_nothing() -> None:
    async with house(ASK) as at:
        browser = at.browser()
        page = await browser.login_page()
        form = {"csrf": hidden(page)["csrf"], "step": "medium", "medium": "email"}
        assert (await browser.http.post(str(page.url), data=form)).status_code == 303
        assert await at.mail() == []


# -------------------------------------------------------------------------------------------------- signing up done


async def test_a_new_account_confirmed_where_no_sign_in_waits_any_more() -> None:
    async with house(open_pool()) as at:
        await waiting_page(at.browser())
        mail = (await at.mail("grace@example.com"))[-1]
        at.time.pass_(1900)
        assert mail.link is not None
        done = await press(at.browser(), mail.link)
        assert "Your account is ready." in words_of(done)
        assert link_of(done, "continue") == f"{ISSUER}/account"


async def test_where_one_waits_it_goes_on_there() -> None:
    async with house(open_pool()) as at:
        await waiting_page(at.browser())
        mail = (await at.mail("grace@example.com"))[-1]
        assert mail.link is not None
        done = await press(at.browser(), mail.link)
        assert "Your account is ready." not in words_of(done)
        assert (await at.stores.directory.find_user(POOL, "grace", ("username",))) is not None
