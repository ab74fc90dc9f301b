"""Registering oneself: from the form to the first token, and everything that may be wrong on the way."""

import asyncio
import re
from typing import Any

import httpx
import pytest

from authserver.accounts.sign_up import PER_NETWORK
from authserver.errors import Conflict
from authserver.messages.kinds import Kind
from authserver.model.pools import AttributeDefinition, MfaPolicy, PasswordPolicy
from authserver.model.users import PasswordCredential, User
from tests.journeys.house import (
    ADA,
    BOB,
    CLIENTS,
    PASSWORD,
    POOL,
    House,
    answered,
    claims,
    client,
    each,
    hidden,
    house,
)
from tests.journeys.people import (
    FORM,
    NEW_PASSWORD,
    fault_at,
    kinds_to,
    last_to,
    link_of,
    newcomer,
    open_pool,
    press,
    register,
    sign_up_page,
    step_of,
    tokens_of,
    value_at,
    waiting_page,
    words_of,
)

pytestmark = pytest.mark.anyio

GRACE = "grace@example.com"


async def stored(at: House, name: str = "grace") -> User | None:
    return await at.stores.directory.find_user(POOL, name, ("username",))


async def users(at: House) -> set[str]:
    return {u.username for u in await at.stores.directory.users(POOL)}


# ---------------------------------------------------------------------------------------------------- the whole way


async def test_from_the_form_to_the_first_token() -> None:
    async with house(open_pool()) as at:
        browser = at.browser()
        page = await waiting_page(browser)
        assert step_of(page) == "confirm"
        assert GRACE in words_of(page)
        waiting = await stored(at)
        assert (waiting.state, waiting.email_verified) == ("unconfirmed", False)
        assert browser.cookie("session") is None, "nobody is signed in yet"
        answer = await browser.submit(page, step="confirm", code=await at.last_code(GRACE))
        tokens = await tokens_of(browser, answer)
        confirmed = await stored(at)
        assert (confirmed.state, confirmed.email_verified) == ("confirmed", True)
        assert tokens["id"]["sub"] == confirmed.id
        assert tokens["id"]["email_verified"] is True
        assert tokens["id"]["amr"] == ["pwd"]
        assert {"user.signed_up", "user.confirmed", "email.verified", "sign_in.succeeded"} <= set(at.kinds())
        assert "code" in answered(await at.browser().sign_in("grace", NEW_PASSWORD))
        assert "code" in answered(await at.browser().sign_in(GRACE, NEW_PASSWORD))


async def test_by_the_link_in_another_browser_and_the_first_goes_on() -> None:
    async with house(open_pool()) as at:
        browser = at.browser()
        page = await waiting_page(browser)
        mail = await last_to(at, GRACE, Kind.CONFIRM_SIGN_UP)
        done = await press(at.browser(address="203.0.113.9"), mail.link)
        assert done.status_code == 200
        assert (await stored(at)).state == "confirmed"
        assert "code" in answered(await browser.http.get(str(page.url)))
        assert browser.cookie("session") is not None


async def test_the_link_signs_nobody_in() -> None:
    async with house(open_pool()) as at:
        await waiting_page(at.browser())
        elsewhere = at.browser()
        await press(elsewhere, (await last_to(at, GRACE, Kind.CONFIRM_SIGN_UP)).link)
        assert elsewhere.cookie("session") is None
        assert "/login?" in (await elsewhere.authorize()).headers["location"]


async def test_the_code_after_the_link_finds_the_sign_in_open() -> None:
    async with house(open_pool()) as at:
        browser = at.browser()
        page = await waiting_page(browser)
        mail = await last_to(at, GRACE, Kind.CONFIRM_SIGN_UP)
        await press(at.browser(), mail.link)
        answer = await browser.submit(page, step="confirm", code=mail.code)
        while not answer.headers.get("location", "").startswith("https://app."):
            answer = await browser.open(answer) if answer.is_redirect else await browser.http.get(str(page.url))
        assert "code" in answered(answer)


async def test_a_code_is_sent_again() -> None:
    async with house(open_pool()) as at:
        browser = at.browser()
        page = await waiting_page(browser)
        first = await at.last_code(GRACE)
        early = await browser.submit(page, step="resend")
        assert early.status_code == 429
        assert int(early.headers["retry-after"]) <= 30
        at.time.pass_(30)
        page = await browser.open(await browser.submit(page, step="resend"))
        second = await at.last_code(GRACE)
        assert await kinds_to(at, GRACE) == [Kind.CONFIRM_SIGN_UP] * 2
        if first != second:
            assert (await browser.submit(page, step="confirm", code=first)).status_code == 422
        assert "code" in answered(await browser.submit(page, step="confirm", code=second))


async def test_a_wrong_code_may_be_tried_five_times() -> None:
    async with house(open_pool()) as at:
        browser = at.browser()
        page = await waiting_page(browser)
        code = await at.last_code(GRACE)
        wrong = f"{(int(code) + 1) % 10**6:06d}"
        for left in (4, 3, 2, 1, 0):
            page = await browser.submit(page, step="confirm", code=wrong)
            assert page.status_code == 422
            assert fault_at(page, "code")
            assert (f"{left} tr" in page.text) == bool(left)
        page = await browser.submit(page, step="confirm", code=code)
        assert page.status_code == 422, "even the right one is too late"
        assert (await stored(at)).state == "unconfirmed"
        at.time.pass_(30)
        page = await browser.open(await browser.submit(page, step="resend"))
        assert "code" in answered(await browser.submit(page, step="confirm", code=await at.last_code(GRACE)))


async def test_the_fifth_try_may_be_right() -> None:
    async with house(open_pool()) as at:
        browser = at.browser()
        page = await waiting_page(browser)
        code = await at.last_code(GRACE)
        for _ in range(4):
            page = await browser.submit(page, step="confirm", code=f"{(int(code) + 1) % 10**6:06d}")
        assert "code" in answered(await browser.submit(page, step="confirm", code=code))


async def test_a_sign_in_that_expired_before_the_code_starts_again_by_the_password() -> None:
    async with house(open_pool()) as at:
        browser = at.browser()
        page = await waiting_page(browser)
        at.time.pass_(1801)
        gone = await browser.submit(page, step="confirm", code=await at.last_code(GRACE))
        assert gone.status_code == 410
        page = await browser.open(await browser.sign_in("grace", NEW_PASSWORD))
        assert step_of(page) == "confirm"
        assert "code" in answered(await browser.submit(page, step="confirm", code=await at.last_code(GRACE)))


async def test_a_link_of_yesterday_is_over() -> None:
    async with house(open_pool()) as at:
        await waiting_page(at.browser())
        link = (await last_to(at, GRACE, Kind.CONFIRM_SIGN_UP)).link
        at.time.pass_(24 * 3600)
        assert (await at.browser().http.get(link, follow_redirects=True)).status_code == 410
        assert (await stored(at)).state == "unconfirmed"


@each(
    "code", {"empty": "", "blank": "  ", "letters": "abcdef", "short": "12345", "long": "1234567", "huge": "1" * 5000}
)
async def test_what_is_no_code_costs_no_try(code: str) -> None:
    async with house(open_pool()) as at:
        browser = at.browser()
        page = await waiting_page(browser)
        for _ in range(7):
            page = await browser.submit(page, step="confirm", code=code)
            assert page.status_code == 422
            assert fault_at(page, "code")
        right = await at.last_code(GRACE)
        assert "code" in answered(await browser.submit(page, step="confirm", code=f" {right[:3]} {right[3:]} "))


async def test_the_code_is_never_in_an_answer() -> None:
    """W12."""
    async with house(open_pool()) as at:
        browser = at.browser()
        answer = await register(browser)
        page = await browser.open(answer)
        code = await at.last_code(GRACE)
        for seen in (answer, page, await browser.submit(page, step="confirm", code="")):
            assert code not in seen.text
            assert code not in str(seen.headers)


async def test_the_code_of_another_sign_up_is_wrong() -> None:
    """W12: a code is worth something in the sign-in that asked for it alone."""
    async with house(open_pool()) as at:
        grace, heidi = at.browser(), at.browser()
        page = await waiting_page(grace)
        other = await waiting_page(heidi, username="heidi", email="heidi@example.com")
        codes = await at.last_code(GRACE), await at.last_code("heidi@example.com")
        if codes[0] != codes[1]:
            assert (await grace.submit(page, step="confirm", code=codes[1])).status_code == 422
        assert "code" in answered(await grace.submit(page, step="confirm", code=codes[0]))
        assert "code" in answered(await heidi.submit(other, step="confirm", code=codes[1]))


# ------------------------------------------------------------------------------------------------------- the pages


async def test_an_authorization_request_may_begin_at_the_form() -> None:
    async with house(open_pool()) as at:
        browser = at.browser()
        answer = await browser.http.get(f"{browser.issuer}/signup", params=browser.request())
        assert answer.status_code == 302
        assert "/oauth2/authorize?" in answer.headers["location"]
        assert "screen_hint=signup" in answer.headers["location"]


async def test_sign_up_is_off_by_default() -> None:
    async with house() as at:
        browser = at.browser()
        page = await browser.login_page()
        assert 'id="sign-up"' not in page.text
        url = str(page.url).replace("/login?", "/signup?")
        closed = await browser.http.get(url)
        assert closed.status_code == 200
        assert 'name="new_password"' not in closed.text
        refused = await browser.http.post(url, data=hidden(page, "identifier") | {"step": "sign_up"} | FORM)
        assert refused.status_code == 422
        assert 'name="new_password"' not in refused.text
        assert await users(at) == {"Ada", "bob"}
    async with house(open_pool()) as at:
        browser = at.browser()
        page = await browser.login_page()
        url = str(page.url).replace("/login?", "/signup?")
        accepted = await browser.http.post(url, data=hidden(page, "identifier") | {"step": "sign_up"} | FORM)
        assert accepted.status_code == 303


@each("form", {"no token": {"csrf": ""}, "foreign token": {"csrf": "x" * 43}})
async def test_a_forged_form_registers_nobody(form: dict[str, str]) -> None:
    """W1."""
    async with house(open_pool()) as at:
        browser = at.browser()
        page = await sign_up_page(browser)
        answer = await browser.http.post(str(page.url), data=hidden(page, "sign_up") | FORM | form)
        assert answer.status_code == 403
        assert await stored(at) is None
        assert (await register(browser, page)).status_code == 303


async def test_another_browser_s_sign_in_is_gone() -> None:
    async with house(open_pool()) as at:
        page = await sign_up_page(at.browser())
        stranger = at.browser()
        await stranger.login_page()
        assert (await stranger.http.get(str(page.url))).status_code == 410


@each("lang", ("en", "ko"))
async def test_pages_and_mails_are_in_the_language_of_the_person(lang: str) -> None:
    async with house(open_pool()) as at:
        browser = at.browser()
        page = await sign_up_page(browser, ui_locales=lang)
        page = await browser.http.get(f"{page.url}&lang={lang}")
        assert page.headers["content-language"] == lang
        bad = await register(browser, page, email="nonsense")
        sentence = fault_at(bad, "email")
        assert (re.search("[가-힣]", sentence) is not None) == (lang == "ko")
        waiting = await browser.open(await register(browser, bad))
        assert waiting.headers["content-language"] == lang
        mail = await last_to(at, GRACE, Kind.CONFIRM_SIGN_UP)
        assert (re.search("[가-힣]", mail.text) is not None) == (lang == "ko")
        assert (await stored(at)).attributes["locale"] == lang


async def test_who_is_signed_in_may_register_somebody_else() -> None:
    async with house(open_pool()) as at:
        browser = at.browser()
        await browser.arrive(ADA)
        page = await browser.open(await browser.authorize(prompt="login"))
        page = await browser.open(await browser.submit(page, step="change_identifier"))
        page = await browser.http.get(link_of(page, "sign-up"))
        page = await browser.open(await register(browser, page))
        answer = await browser.submit(page, step="confirm", code=await at.last_code(GRACE))
        assert (await tokens_of(browser, answer))["id"]["sub"] == (await stored(at)).id


# --------------------------------------------------------------------------------------------------------- bad input

WIDE = open_pool(
    sign_up={"required_attributes": ("name", "birthdate", "website", "custom:size", "custom:seen")},
    sign_in_with=("username", "email", "phone_number"),
    attributes=(
        AttributeDefinition("custom:size", "number", required=True, min=1, max=10),
        AttributeDefinition("custom:seen", "datetime"),
        AttributeDefinition("custom:fan", "boolean", required=True),
        AttributeDefinition("custom:team", required=True, min=2, max=8),
    ),
)
WIDE_FORM = {
    "phone_number": "+15550100200",
    "name": "Grace Hopper",
    "birthdate": "1906-12-09",
    "website": "https://example.com/grace",
    "custom:size": "7",
    "custom:seen": "2026-01-31T12:00",
    "custom:fan": "true",
    "custom:team": "navy",
}

BAD: dict[str, tuple[str, str]] = {
    "username empty": ("username", ""),
    "username blank": ("username", "   "),
    "username long": ("username", "g" * 129),
    "username huge": ("username", "g" * 20_000),
    "username control": ("username", "gra\x00ce"),
    "username newline": ("username", "gra\nce"),
    "username bidi": ("username", "gra\u202ece"),
    "username invisible": ("username", "\u200d\u200c"),
    "username email": ("username", "somebody@example.com"),
    "username own email": ("username", GRACE),
    "username phone": ("username", "+15550100299"),
    "username taken": ("username", "ada"),
    "username taken otherwise": ("username", "\uff21\uff44\uff41"),
    "username taken joined": ("username", "a\u200dda"),
    "email empty": ("email", ""),
    "email nonsense": ("email", "grace"),
    "email two": ("email", "a@example.com,b@example.com"),
    "email header": ("email", "grace@example.com\r\nBcc: x@example.com"),
    "email HTML": ("email", "<script>alert(1)</script>@example.com"),
    "email space": ("email", "gr ace@example.com"),
    "email long": ("email", "g" * 400 + "@example.com"),
    "email bidi": ("email", "gra\u202ece@example.com"),
    "email dots": ("email", "gr..ace@example.com"),
    "phone nonsense": ("phone_number", "call me"),
    "phone without country": ("phone_number", "5550100200"),
    "phone extension": ("phone_number", "+15550100200;ext=5"),
    "phone short": ("phone_number", "+1555"),
    "phone long": ("phone_number", "+1" + "5" * 60),
    "name empty": ("name", ""),
    "name long": ("name", "x" * 2049),
    "name huge": ("name", "x" * 50_000),
    "name control": ("name", "Grace\x07Hopper"),
    "name bidi": ("name", "Grace\u2066Hopper"),
    "birthdate nonsense": ("birthdate", "soon"),
    "birthdate impossible": ("birthdate", "1906-02-30"),
    "website script": ("website", "javascript:alert(1)"),
    "website relative": ("website", "//example.com"),
    "website spaced": ("website", "https://example.com/a b"),
    "number nonsense": ("custom:size", "seven"),
    "number small": ("custom:size", "0"),
    "number big": ("custom:size", "11"),
    "number infinite": ("custom:size", "1e999"),
    "number not": ("custom:size", "nan"),
    "number long": ("custom:size", "1" * 31),
    "number with separators": ("custom:size", "1_0"),
    "datetime nonsense": ("custom:seen", "yesterday"),
    "text short": ("custom:team", "n"),
    "text long": ("custom:team", "navynavyn"),
    "text control": ("custom:team", "na\tvy"),
    "password empty": ("new_password", ""),
    "password short": ("new_password", "short7"),
    "password long": ("new_password", "x1y2" * 300),
    "password breached": ("new_password", "password1"),
    "password with the name": ("new_password", "my-grace-is-long"),
}  # fmt: skip


@each("name", BAD)
async def test_a_bad_field_has_its_sentence_and_nothing_is_lost(name: tuple[str, str]) -> None:
    field, typed = name
    async with house(WIDE) as at:
        browser = at.browser()
        form = FORM | WIDE_FORM
        page = await sign_up_page(browser)
        bad = await register(browser, page, **form | {field: typed})
        assert bad.status_code == 422
        element = field.replace(":", "-") if f'id="{field}"' not in bad.text else field
        assert fault_at(bad, element), "no sentence beside the field"
        for other, value in form.items():
            if other not in {field, "new_password", "custom:fan"}:
                assert value_at(bad, other.replace(":", "-") if f'id="{other}"' not in bad.text else other) == value, (
                    other
                )
        assert re.search(r'<input[^>]*name="custom:fan"[^>]* checked', bad.text)
        assert NEW_PASSWORD not in bad.text, "a password is never sent back"
        assert "<script>alert" not in bad.text
        assert await users(at) == {"Ada", "bob"}, "nothing is stored"
        assert await at.mail() == []
        assert (await register(browser, bad, **form)).status_code == 303, "the twin without the mistake is taken"
        kept = await stored(at)
        assert kept.attributes == {
            "name": "Grace Hopper",
            "birthdate": "1906-12-09",
            "website": "https://example.com/grace",
            "custom:size": 7,
            "custom:seen": "2026-01-31T12:00:00Z",
            "custom:fan": True,
            "custom:team": "navy",
            "locale": "en",
        }
        assert kept.phone_number == "+15550100200"


@each(
    "name",
    {
        "html": '<b>Grace</b> & "co"',
        "hangul": "그레이스 호퍼",
        "emoji": "Grace 🚢",
        "decomposed": "Gre\u0301ce",
        "space around": "  Grace ",
    },
)
async def test_names_of_people_are_taken_as_they_are(name: str) -> None:
    async with house(WIDE) as at:
        browser = at.browser()
        bad = await register(browser, await sign_up_page(browser), **FORM | WIDE_FORM | {"name": name, "email": "x"})
        assert value_at(bad, "name") == name
        assert "<b>Grace" not in bad.text
        assert (await register(browser, bad, **FORM | WIDE_FORM | {"name": name})).status_code == 303
        assert (await stored(at)).attributes["name"] == name.strip()


async def test_all_mistakes_are_told_at_once() -> None:
    async with house(WIDE) as at:
        browser = at.browser()
        bad = await register(
            browser, await sign_up_page(browser), username="", email="x", new_password="", phone_number="y"
        )
        for field in ("username", "email", "phone_number", "name", "new_password"):
            assert fault_at(bad, field), field
        assert await users(at) == {"Ada", "bob"}


async def test_fields_that_are_missing_altogether_are_told() -> None:
    async with house(open_pool()) as at:
        browser = at.browser()
        page = await sign_up_page(browser)
        bad = await browser.http.post(str(page.url), data=hidden(page, "sign_up"))
        assert bad.status_code == 422
        assert all(fault_at(bad, f) for f in ("username", "email", "new_password"))
        assert fault_at(bad, "new_password") == "Enter a new password."


async def test_a_weak_password_is_told_beside_other_mistakes() -> None:
    async with house(open_pool()) as at:
        browser = at.browser()
        bad = await register(browser, await sign_up_page(browser), **FORM | {"email": "x", "new_password": "short"})
        assert fault_at(bad, "email")
        assert "at least" in fault_at(bad, "new_password")


async def test_a_username_that_is_an_address_is_told_what_it_is() -> None:
    async with house(open_pool(sign_in_with=("username", "email"))) as at:
        browser = at.browser()
        bad = await register(browser, await sign_up_page(browser), **FORM | {"username": GRACE})
        assert "not an email address" in fault_at(bad, "username")
        assert (await register(browser, bad, **FORM)).status_code == 303


async def test_what_is_optional_may_be_left_out() -> None:
    attributes = (AttributeDefinition("custom:team"),)
    async with house(open_pool(attributes=attributes, sign_in_with=("username", "email", "phone_number"))) as at:
        page = await sign_up_page(at.browser())
        assert "custom:team" not in page.text
        assert 'id="phone_number"' in page.text
        browser = at.browser()
        assert (await register(browser, phone_number="")).status_code == 303
        assert (await stored(at)).phone_number is None


async def test_a_pool_of_addresses_asks_for_no_username() -> None:
    async with house(open_pool(sign_in_with=("email",))) as at:
        browser = at.browser()
        page = await sign_up_page(browser)
        assert 'id="username"' not in page.text
        answer = await newcomer(at, browser, username=None)
        tokens = await tokens_of(browser, answer)
        user = await at.stores.directory.user(POOL, tokens["id"]["sub"])
        assert user.username == user.id
        assert "code" in answered(await at.browser().sign_in("Grace@EXAMPLE.com", NEW_PASSWORD))


async def test_a_phone_number_is_proven_by_a_text_message() -> None:
    pool = open_pool(sign_in_with=("phone_number",), sign_up={"verify": ("phone_number",)})
    async with house(pool) as at:
        browser = at.browser()
        fields = {"username": None, "email": None, "phone_number": "+1 555 010 0200"}
        page = await waiting_page(browser, **fields)
        message = (await at.mail("+15550100200"))[-1]
        assert message.medium == "sms"
        answer = await browser.submit(page, step="confirm", code=message.code)
        user = await at.stores.directory.user(POOL, (await tokens_of(browser, answer))["id"]["sub"])
        assert (user.phone_number, user.phone_number_verified) == ("+15550100200", True)


async def test_both_addresses_are_proven_one_after_the_other() -> None:
    async with house(open_pool(sign_up={"verify": ("phone_number", "email")})) as at:
        browser = at.browser()
        page = await waiting_page(browser, phone_number="+15550100200")
        page = await browser.open(await browser.submit(page, step="confirm", code=await at.last_code("+15550100200")))
        assert step_of(page) == "confirm"
        assert GRACE in words_of(page)
        assert (await stored(at)).state == "unconfirmed"
        assert browser.cookie("session") is None
        assert "code" in answered(await browser.submit(page, step="confirm", code=await at.last_code(GRACE)))
        user = await stored(at)
        assert (user.state, user.email_verified, user.phone_number_verified) == ("confirmed", True, True)


async def test_without_anything_to_prove_the_account_is_open_at_once() -> None:
    async with house(open_pool(sign_up={"verify": ()})) as at:
        browser = at.browser()
        tokens = await tokens_of(browser, await register(browser))
        assert tokens["id"]["email_verified"] is False
        assert (await stored(at)).state == "confirmed"
        assert await at.mail() == []


# ---------------------------------------------------------------------------------------------------------- policy


@each(
    "password",
    {
        "short": ("too-short-1", PasswordPolicy(min_length=12)),
        "no digit": ("wobbly-teapots", PasswordPolicy(require_numbers=True)),
        "no capital": ("wobbly-teapots", PasswordPolicy(require_uppercase=True)),
        "no symbol": ("wobblyteapots", PasswordPolicy(require_symbols=True)),
        "known": ("qwertyuiop", PasswordPolicy()),
        "the name": ("xx-Grace-xx", PasswordPolicy()),
        "the address": ("xx-hopper-xx", PasswordPolicy()),
    },
)
async def test_a_weak_password_is_refused(password: tuple[str, PasswordPolicy]) -> None:
    typed, policy = password
    async with house(open_pool(password_policy=policy)) as at:
        browser = at.browser()
        bad = await register(browser, new_password=typed, email="hopper@example.com")
        assert bad.status_code == 422
        assert fault_at(bad, "new_password")
        assert typed not in bad.text
        assert await stored(at) is None
        good = await register(browser, bad, new_password="Wobbly-Teapot-0rchard", email="hopper@example.com")
        assert good.status_code == 303


@each("policy", {"warned of": "warn", "not looked at": "off"})
async def test_a_breached_password_is_taken_where_the_pool_says_so(policy: Any) -> None:
    async with house(open_pool(password_policy=PasswordPolicy(breached=policy))) as at:
        assert (await register(at.browser(), new_password="password1")).status_code == 303


async def test_the_terms_must_be_agreed_to() -> None:
    async with house(open_pool(sign_up={"terms_uri": "https://example.com/terms"})) as at:
        browser = at.browser()
        page = await sign_up_page(browser)
        assert 'href="https://example.com/terms"' in page.text
        for terms in (None, "", "false", "on"):
            bad = await register(browser, page, terms=terms)
            assert bad.status_code == 422
            assert fault_at(bad, "terms")
        assert (await register(browser, bad, terms="true")).status_code == 303
        assert (await stored(at)).accepted_terms_at == int(at.time())


async def test_a_privacy_policy_alone_binds_nobody() -> None:
    async with house(open_pool(sign_up={"policy_uri": "https://example.com/privacy"})) as at:
        browser = at.browser()
        assert 'href="https://example.com/privacy"' in (await sign_up_page(browser)).text
        assert (await register(browser)).status_code == 303
        assert (await stored(at)).accepted_terms_at is None


@each("email", ("grace@example.com", "grace@acme.com.example.com", "grace@sub.acme.com", "grace@xacme.com"))
async def test_only_allowed_domains_may_register(email: str) -> None:
    async with house(open_pool(sign_up={"allowed_domains": ("acme.com", "acme.org")})) as at:
        browser = at.browser()
        bad = await register(browser, email=email)
        assert bad.status_code == 422
        assert fault_at(bad, "email")
        assert "acme.org" in bad.text
        assert (await register(browser, bad, email="grace@ACME.org")).status_code == 303


async def test_a_client_registers_only_what_it_may_write() -> None:
    pool = open_pool(sign_up={"required_attributes": ("name",)})
    narrow = client("narrow", write_attributes=("nickname",))
    wide = client("wide", write_attributes=("name",))
    async with house(pool, clients=(*CLIENTS, narrow, wide)) as at:
        browser = at.browser()
        page = await sign_up_page(browser, client_id="narrow")
        bad = await register(browser, page, name="Grace")
        assert bad.status_code == 422
        assert fault_at(bad, "name")
        page = await sign_up_page(browser, client_id="wide")
        assert (await register(browser, page, name="Grace")).status_code == 303


async def test_so_many_registrations_from_one_network_and_no_more() -> None:
    async with house(open_pool()) as at:
        browser = at.browser()
        page = await sign_up_page(browser)
        for i in range(PER_NETWORK):
            assert (await register(browser, page, username=f"u{i}", email=f"u{i}@example.com")).status_code == 303
            page = await sign_up_page(browser)
        refused = await register(browser, page)
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) <= 3600
        assert value_at(refused, "email") == GRACE
        assert await stored(at) is None
        assert (await register(at.browser(address="203.0.113.9"))).status_code == 303
        at.time.pass_(3600)
        assert (await register(browser, email="late@example.com", username="late")).status_code == 303


async def test_mistakes_in_the_form_do_not_count_as_registrations() -> None:
    async with house(open_pool()) as at:
        browser = at.browser()
        page = await sign_up_page(browser)
        for _ in range(PER_NETWORK + 1):
            page = await register(browser, page, email="x")
        assert (await register(browser, page)).status_code == 303


# ------------------------------------------------------------------------------------------------- mass assignment

ASSIGNED = {
    "role": "admin", "roles": "admin", "groups": "staff", "group": "staff", "cognito:groups": "staff",
    "email_verified": "true", "phone_number_verified": "true", "state": "confirmed", "pool": "other_Pool1",
    "id": ADA.id, "user_id": ADA.id, "sub": ADA.id, "password_hash": "$argon2id$v=19$m=8,t=1,p=1$AAAA$AAAA",
    "hash": "x", "password": "another-password-7", "created_at": "0", "accepted_terms_at": "1", "delete_after": "1",
    "custom:department": "board", "attributes": '{"role":"admin"}', "attributes[role]": "admin", "locale": "xx",
    "client_id": "other", "terms": "false", "verified": "1", "identity": "x", "family_name": "Hopper",
}  # fmt: skip


@each("name", tuple(ASSIGNED))
async def test_what_the_form_does_not_ask_for_is_ignored(name: str) -> None:
    """W18."""
    pool = open_pool(attributes=(AttributeDefinition("custom:department"),))
    async with house(pool) as at:
        plain, forged = at.browser(), at.browser()
        assert (await register(plain)).status_code == 303
        answer = await register(forged, username="heidi", email="heidi@example.com", **{name: ASSIGNED[name]})
        assert answer.status_code == 303
        one, two = await stored(at), await stored(at, "heidi")
        different = {f for f in User.__slots__ if getattr(one, f) != getattr(two, f)}
        assert different == {"id", "username", "email"}
        assert two.id != ADA.id
        assert (await at.stores.directory.user(POOL, ADA.id)) == ADA
        password = await at.stores.directory.password(POOL, two.id)
        assert await at.opened.passwords.verify(password.hash, NEW_PASSWORD)


# ------------------------------------------------------------------------------------------------- once, and again


async def test_a_double_click_makes_one_account() -> None:
    async with house(open_pool()) as at:
        browser = at.browser()
        page = await sign_up_page(browser)
        first = await register(browser, page)
        second = await register(browser, page)
        assert (first.status_code, second.status_code) == (303, 303)
        assert first.headers["location"] == second.headers["location"]
        assert await kinds_to(at, GRACE) == [Kind.CONFIRM_SIGN_UP]
        waiting = await browser.open(second)
        assert "code" in answered(await browser.submit(waiting, step="confirm", code=await at.last_code(GRACE)))


@each("pool", {"usernames": ("username", "email"), "addresses alone": ("email",)})
async def test_two_clicks_at_once_lead_to_one_page(pool: tuple[str, ...]) -> None:
    async with house(open_pool(sign_in_with=pool)) as at:
        browser = at.browser()
        page = await sign_up_page(browser)
        name = "grace" if "username" in pool else None
        answers = await asyncio.gather(*(register(browser, page, username=name) for _ in range(2)))
        assert [a.status_code for a in answers] == [303, 303], [a.text for a in answers]
        waiting = await browser.open(answers[1])
        assert "code" in answered(await browser.submit(waiting, step="confirm", code=await at.last_code(GRACE)))


async def test_a_mistyped_address_is_corrected_by_the_back_button() -> None:
    """The account with the mistake goes, and with it the claim to the username."""
    async with house(open_pool()) as at:
        browser = at.browser()
        page = await sign_up_page(browser)
        wrong = await register(browser, page, email="grcae@example.com")
        old = await stored(at)
        waiting = await browser.open(await register(browser, page))
        assert GRACE in words_of(waiting)
        assert wrong.status_code == 303
        assert await at.stores.directory.user(POOL, old.id) is None
        assert "code" in answered(await browser.submit(waiting, step="confirm", code=await at.last_code(GRACE)))
        link = (await last_to(at, "grcae@example.com", Kind.CONFIRM_SIGN_UP)).link
        late = await at.browser().http.get(link, follow_redirects=True)
        assert (await at.browser().http.get(link)).status_code in {302, 410}
        if late.status_code == 200:  # the button is there, but it does nothing
            assert (await press_quietly(at, link)).status_code == 410


async def press_quietly(at: House, url: str) -> httpx.Response:
    browser = at.browser()
    page = await browser.http.get(url, follow_redirects=True)
    return await browser.http.post(str(page.url), data=hidden(page))


async def test_nobody_else_s_unconfirmed_account_is_replaced() -> None:
    """Only what was registered in this very sign-in: a username that waits elsewhere is taken."""
    async with house(open_pool()) as at:
        await waiting_page(at.browser())
        theirs = await stored(at)
        bad = await register(at.browser(), email="mallory@example.com")
        assert bad.status_code == 422
        assert fault_at(bad, "username")
        browser = at.browser()
        page = await browser.open(await browser.sign_in("grace", NEW_PASSWORD))
        assert step_of(page) == "confirm"
        again = await register(
            browser, await browser.http.get(str(page.url).replace("/login", "/signup")), email="x@example.com"
        )
        assert again.status_code == 422
        assert await stored(at) == theirs


async def test_too_many_codes_for_one_address_do_not_cost_the_account() -> None:
    async with house(open_pool()) as at:
        for i in range(5):
            await waiting_page(at.browser(), username=f"grace{i}")
        browser = at.browser()
        page = await waiting_page(browser, username="grace9")
        assert step_of(page) == "confirm"
        refused = await browser.submit(page, step="resend")
        assert refused.status_code == 429
        at.time.pass_(1700)
        assert (await browser.submit(page, step="resend")).status_code == 429
        at.time.pass_(3600)
        page = await browser.open(await browser.sign_in("grace9", NEW_PASSWORD))
        assert "code" in answered(await browser.submit(page, step="confirm", code=await at.last_code(GRACE)))


# ---------------------------------------------------------------------------------------------------- pre-hijacking


async def test_whoever_registered_an_address_before_its_owner_loses_the_account() -> None:
    """W15, the classic and the unexpired-session variants: what waited with the same address goes when it is proven."""
    async with house(open_pool()) as at:
        mallory, grace = at.browser(), at.browser()
        theirs = await waiting_page(mallory, username="mallory", new_password="quartz-lantern-drift")
        code_of_theirs = await at.last_code(GRACE)
        assert "code" in answered(await newcomer(at, grace))
        assert await stored(at, "mallory") is None
        late = await mallory.submit(theirs, step="confirm", code=code_of_theirs)
        assert late.status_code == 422
        assert mallory.cookie("session") is None
        assert (await at.browser().sign_in("mallory", "quartz-lantern-drift")).status_code == 422
        assert (await at.browser().sign_in(GRACE, "quartz-lantern-drift")).status_code == 422
        assert "code" in answered(await at.browser().sign_in(GRACE, NEW_PASSWORD))


@each("spelling", {"same": GRACE, "case": "GRACE@example.com", "domain case": "grace@EXAMPLE.com"})
async def test_however_the_address_was_spelled(spelling: str) -> None:
    async with house(open_pool()) as at:
        await waiting_page(at.browser(), username="mallory", email=spelling)
        await newcomer(at, at.browser())
        assert await stored(at, "mallory") is None


async def test_another_address_that_waits_stays() -> None:
    async with house(open_pool()) as at:
        await waiting_page(at.browser(), username="heidi", email="heidi@example.com")
        await newcomer(at, at.browser())
        assert (await stored(at, "heidi")).state == "unconfirmed"


async def test_an_unconfirmed_account_is_no_way_in() -> None:
    """W15, the unexpired session: there is no session before the address is proven."""
    async with house(open_pool()) as at:
        browser = at.browser()
        page = await waiting_page(browser)
        for form in ({"step": "identifier", "username": "grace"}, {"step": "consent", "decision": "approve"}, {}):
            csrf = {"csrf": hidden(page)["csrf"]}
            await browser.http.post(str(page.url), data=csrf | form)
            assert browser.cookie("session") is None
        assert answered(await browser.authorize(prompt="none"))["error"] == "login_required"
        assert step_of(await browser.open(await browser.sign_in("grace", NEW_PASSWORD))) == "confirm"
        assert browser.cookie("session") is None


async def test_a_change_of_address_that_was_begun_before_the_owner_came_is_refused() -> None:
    """W15, the unexpired email change: Bob asked for Grace's address to be his, and gets hold of that code later."""
    async with house(open_pool()) as at:
        profile, setting = at.services.profile, await at.stores.registry.pool(POOL)
        sent = await profile.begin_address(setting, BOB, "email", GRACE, binding="bob", language="en")
        code = await at.last_code(GRACE)
        assert "code" in answered(await newcomer(at, at.browser()))
        with pytest.raises(Conflict):
            await profile.finish_address(setting, BOB, "email", sent.handle, code, binding="bob")
        assert (await at.stores.directory.user(POOL, BOB.id)).email == BOB.email
        assert "code" in answered(await at.browser().sign_in(GRACE, NEW_PASSWORD))


async def test_an_unconfirmed_address_is_no_name() -> None:
    """W15, the trojan identifier: an address that nobody proved names nobody, and a code sent to it recovers nothing."""
    async with house(open_pool()) as at:
        await waiting_page(at.browser(), username="mallory", new_password="quartz-lantern-drift")
        assert (await at.browser().sign_in(GRACE, "quartz-lantern-drift")).status_code == 422
        before = len(await at.mail())
        browser = at.browser()
        page = await browser.login_page()
        page = await browser.open(await browser.submit(page, step="identifier", username=GRACE))
        page = await browser.http.get(link_of(page, "forgot-password"))
        await browser.submit(page, step="recover", username=GRACE)
        assert len(await at.mail()) == before


async def test_a_username_that_is_an_address_cannot_stand_before_its_owner() -> None:
    """A username wins over an address at sign-in, so nobody gets one that looks like an address, not even the own."""
    async with house(open_pool()) as at:
        browser = at.browser()
        bad = await register(browser, username="bob@example.com", email="bob@example.com")
        assert bad.status_code == 422
        assert fault_at(bad, "username")
        assert "code" in answered(await at.browser().sign_in("bob@example.com"))
    async with house(open_pool(sign_in_with=("username",))) as at:
        assert (await register(at.browser(), username="bob@example.com")).status_code == 303


async def test_a_preferred_name_that_people_sign_in_with_is_unique() -> None:
    pool = open_pool(
        sign_in_with=("username", "preferred_username"), sign_up={"required_attributes": ("preferred_username",)}
    )
    async with house(pool) as at:
        await at.change_user(ADA, attributes={"preferred_username": "Countess"})
        browser = at.browser()
        bad = await register(browser, preferred_username="countess")
        assert bad.status_code == 422
        assert fault_at(bad, "preferred_username")
        assert (await register(browser, bad, preferred_username="admiral")).status_code == 303
        assert "code" in answered(await at.browser().sign_in("countess"))


# ----------------------------------------------------------------------------------------------- without a password


async def test_who_registers_without_a_password_is_in_by_the_code() -> None:
    pool = open_pool(sign_in_with=("email",), mfa=MfaPolicy(first_factors=("email_code",)))
    async with house(pool) as at:
        browser = at.browser()
        page = await sign_up_page(browser)
        assert 'name="new_password"' not in page.text
        answer = await newcomer(at, browser, username=None, new_password=None)
        tokens = await tokens_of(browser, answer)
        assert tokens["id"]["amr"] == ["email_otp"]
        assert await at.stores.directory.password(POOL, tokens["id"]["sub"]) is None


async def test_a_password_that_nobody_asked_for_is_not_kept() -> None:
    pool = open_pool(sign_in_with=("email",), mfa=MfaPolicy(first_factors=("email_code",)))
    async with house(pool) as at:
        browser = at.browser()
        tokens = await tokens_of(browser, await newcomer(at, browser, username=None))
        assert await at.stores.directory.password(POOL, tokens["id"]["sub"]) is None


async def test_after_the_link_elsewhere_a_new_code_signs_in() -> None:
    """The link proves the address, but not who sits at the first browser: there was no password."""
    pool = open_pool(sign_in_with=("email",), mfa=MfaPolicy(first_factors=("email_code",)))
    async with house(pool) as at:
        browser = at.browser()
        page = await waiting_page(browser, username=None, new_password=None)
        await press(at.browser(), (await last_to(at, GRACE, Kind.CONFIRM_SIGN_UP)).link)
        page = await browser.http.get(str(page.url))
        assert step_of(page) in {"change_identifier", "code"}
        assert browser.cookie("session") is None
        assert (await kinds_to(at, GRACE))[-1] == Kind.SIGN_IN_CODE
        again = await browser.http.get(str(page.url))
        assert again.status_code == 200
        assert "code" in answered(await browser.submit(again, step="code", code=await at.last_code(GRACE)))
        assert (await kinds_to(at, GRACE)).count(Kind.SIGN_IN_CODE) == 1, "looking again sends nothing"


async def test_an_operator_s_unconfirmed_account_can_be_confirmed_whatever_the_pool_asks_now() -> None:
    """The pool may have asked for other addresses, or none, since the account was made."""
    made = User("0b5b6c7d-0000-4000-8000-0d4f5b6c7d8e", POOL, "ida", email="ida@example.com", state="unconfirmed")
    async with house() as at:
        credential = await at.stores.directory.password(POOL, BOB.id)
        await at.stores.directory.create_user(POOL, made, PasswordCredential(made.id, credential.hash, 0))
        browser = at.browser()
        page = await browser.open(await browser.sign_in("ida", PASSWORD))
        assert step_of(page) == "confirm"
        answer = await browser.submit(page, step="confirm", code=await at.last_code("ida@example.com"))
        assert claims((await browser.redeem(answered(answer)["code"])).json()["id_token"])["sub"] == made.id


async def test_an_unconfirmed_account_without_any_address_waits_for_its_operator() -> None:
    made = User("0b5b6c7d-0000-4000-8000-0d4f5b6c7d8e", POOL, "ida", state="unconfirmed")
    async with house() as at:
        credential = await at.stores.directory.password(POOL, BOB.id)
        await at.stores.directory.create_user(POOL, made, PasswordCredential(made.id, credential.hash, 0))
        browser = at.browser()
        page = await browser.open(await browser.sign_in("ida", PASSWORD))
        assert step_of(page) == "confirm"
        assert (await browser.submit(page, step="confirm", code="123456")).status_code == 422
        assert await at.mail() == []
        await at.change_user(made, state="confirmed")
        assert "code" in answered(await at.browser().sign_in("ida", PASSWORD))
