"""How the client steers the sign-in: prompt, max_age, hints, the claims parameter, languages."""

from typing import Any

import httpx
import orjson
import pytest

from authserver.model.pools import AttributeDefinition
from tests.journeys.house import (
    ADA,
    BOB,
    CALLBACK,
    ISSUER,
    PASSWORD,
    Browser,
    answered,
    claims,
    client,
    each,
    house,
    pool,
)

pytestmark = pytest.mark.anyio


def asks_for(page: httpx.Response) -> str:
    """Which step the page shows."""
    if 'id="approve"' in page.text:
        return "consent"
    if 'name="step" value="change_identifier"' in page.text:
        return "password again" if "Confirm it" in page.text else "password"
    return "account" if 'name="step" value="account"' in page.text else "identifier"


async def shown(browser: Browser, **changes: str | None) -> str:
    return asks_for(await browser.login_page(**changes))


async def test_a_session_answers_at_once_and_a_stranger_is_asked() -> None:
    async with house() as at:
        browser = at.browser()
        assert await shown(browser) == "identifier"
        await browser.arrive()
        assert "code" in answered(await browser.authorize())


@each(
    "case",
    {
        "stranger": (False, {}, "login_required"),
        "signed in": (True, {}, None),
        "too long ago": (True, {"max_age": "59"}, "login_required"),
        "recent enough": (True, {"max_age": "60"}, None),
        "never recent enough": (True, {"max_age": "0"}, "login_required"),
        "not allowed yet": (True, {"client_id": "asks"}, "consent_required"),
    },
)
async def test_prompt_none_shows_nothing(case: tuple[bool, dict[str, str], str | None]) -> None:
    """O24 (OpenID Connect Core 3.1.2.6)."""
    signed_in, changes, error = case
    async with house() as at:
        browser = at.browser()
        if signed_in:
            await browser.arrive()
            at.time.pass_(60)
        answer = answered(await browser.authorize(prompt="none", **changes))
        assert answer.get("error") == error
        assert ("code" in answer) is (error is None)
        assert at.stores.sessions._sign_ins == {}  # nothing is kept of what needs no page


@each(
    "case",
    {
        "none beside another": ("none login", "invalid_request"),
        "unknown": ("create", "invalid_request"),
        "other case": ("None", "invalid_request"),
        "one twice": ("login login", None),
        "empty": ("", None),
    },
)
async def test_a_prompt_is_one_of_four(case: tuple[str, str | None]) -> None:
    prompt, error = case
    async with house() as at:
        answer = await at.browser().authorize(prompt=prompt)
        if error is None:
            assert "/login?" in answer.headers["location"]
        else:
            assert answered(answer)["error"] == error


async def test_prompt_login_asks_for_the_password_of_the_same_person_again() -> None:
    async with house() as at:
        browser = at.browser()
        old = await browser.arrive()
        at.time.pass_(100)
        page = await browser.login_page(prompt="login")
        assert asks_for(page) == "password again"
        answer = await browser.submit(page, step="password", password=PASSWORD)
        tokens = (await browser.redeem(answered(answer)["code"])).json()
        assert claims(tokens["id_token"])["auth_time"] == int(at.time())
        assert browser.cookie("session") != old


async def test_going_back_after_prompt_login_yields_no_second_code() -> None:
    """O24."""
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        page = await browser.login_page(prompt="login")
        assert "code" in answered(await browser.submit(page, step="password", password=PASSWORD))
        assert (await browser.http.get(str(page.url))).status_code == 410
        assert (await browser.submit(page, step="password", password=PASSWORD)).status_code == 410
        assert await shown(browser, prompt="login") == "password again"


@each(
    "case",
    {
        "0 right after": ({"max_age": "0"}, 0, "password again"),
        "younger": ({"max_age": "100"}, 100, None),
        "older": ({"max_age": "100"}, 101, "password again"),
        "the client's own": ({"client_id": "aged"}, 301, "password again"),
        "the client's own, younger": ({"client_id": "aged"}, 300, None),
        "the request's wins": ({"client_id": "aged", "max_age": "400"}, 301, None),
    },
)
async def test_max_age_asks_who_signed_in_too_long_ago(case: tuple[dict[str, str], int, str | None]) -> None:
    changes, wait, step = case
    async with house(clients=(client(), client("aged", default_max_age=300))) as at:
        browser = at.browser()
        await browser.arrive()
        at.time.pass_(wait)
        answer = await browser.authorize(**changes)
        if step is None:
            code = answered(answer)["code"]
            tokens = (await browser.redeem(code, changes.get("client_id", "web"))).json()
            assert claims(tokens["id_token"])["auth_time"] == int(at.time()) - wait
        else:
            page = await browser.open(answer)
            assert asks_for(page) == step
            assert "code" in answered(await browser.submit(page, step="password", password=PASSWORD))


@each("age", ("-1", "1.5", "x", "1e3", " 1", "\u0661", "1" * 10))
async def test_a_max_age_is_a_number_of_seconds(age: str) -> None:
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        assert answered(await browser.authorize(max_age=age))["error"] == "invalid_request"
        assert "code" in answered(await browser.authorize(max_age="1"))


async def test_select_account_offers_the_one_signed_in() -> None:
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        page = await browser.login_page(prompt="select_account")
        assert asks_for(page) == "account"
        assert "Ada Lovelace" in page.text
        answer = await browser.submit(page, step="account")
        tokens = (await browser.redeem(answered(answer)["code"])).json()
        assert claims(tokens["id_token"])["sub"] == ADA.id


@each("account", {"another's": BOB.id, "nobody's": "x", "empty": ""})
async def test_only_the_account_that_was_offered_can_be_chosen(account: str) -> None:
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        page = await browser.login_page(prompt="select_account")
        again = await browser.open(await browser.submit(page, step="account", account=account))
        assert asks_for(again) == "account"
        assert "code" in answered(await browser.submit(page, step="account", account=ADA.id))


@each(
    "more",
    {"login": {"prompt": "select_account login"}, "too old": {"prompt": "select_account", "max_age": "1"}},
)
async def test_a_chosen_account_whose_session_does_not_do_is_asked_for_its_password(more: dict[str, str]) -> None:
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        at.time.pass_(10)
        page = await browser.login_page(**more)
        assert asks_for(page) == "account"
        page = await browser.open(await browser.submit(page, step="account"))
        assert asks_for(page) == "password again"
        assert "code" in answered(await browser.submit(page, step="password", password=PASSWORD))


async def test_select_account_lets_another_person_sign_in() -> None:
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        page = await browser.login_page(prompt="select_account")
        page = await browser.open(await browser.submit(page, step="identifier", username="bob"))
        answer = await browser.submit(page, step="password", password=PASSWORD)
        tokens = (await browser.redeem(answered(answer)["code"])).json()
        assert claims(tokens["id_token"])["sub"] == BOB.id


async def test_login_hint_fills_the_field_and_no_more() -> None:
    async with house() as at:
        browser = at.browser()
        page = await browser.login_page(login_hint="ada@example.com")
        assert 'value="ada@example.com"' in page.text
        await browser.arrive(BOB)
        assert "code" in answered(await browser.authorize(login_hint="ada@example.com"))
        assert answered(await browser.authorize(login_hint="x" * 321))["error"] == "invalid_request"


@each(
    "case",
    {
        "hers, expired": (ADA, "none", None),
        "another's, silently": (BOB, "none", "login_required"),
        "another's": (BOB, None, "identifier"),
    },
)
async def test_an_id_token_hint_names_the_person_meant(case: tuple[Any, str | None, str | None]) -> None:
    person, prompt, outcome = case
    async with house() as at:
        other = at.browser()
        await other.arrive(person)
        hint = (await other.tokens())["id_token"]
        at.time.pass_(7200)
        browser = at.browser()
        await browser.arrive()
        answer = await browser.authorize(id_token_hint=hint, prompt=prompt)
        if outcome == "identifier":
            assert asks_for(await browser.open(answer)) == outcome
        else:
            assert answered(answer).get("error") == outcome


async def test_signing_in_as_somebody_else_than_the_hint_is_told_to_the_client() -> None:
    async with house() as at:
        other = at.browser()
        await other.arrive(BOB)
        hint = (await other.tokens())["id_token"]
        browser = at.browser()
        assert answered(await browser.sign_in("ada", id_token_hint=hint))["error"] == "login_required"
        assert "code" in answered(await at.browser().sign_in("bob", id_token_hint=hint))


def asking(**members: Any) -> str:
    return orjson.dumps(members).decode()


async def test_claims_asked_for_by_name_come_where_they_were_asked_for() -> None:
    """OpenID Connect Core 5.5."""
    wanted = asking(id_token={"email": None, "nickname": {"essential": True}}, userinfo={"phone_number": None})
    async with house() as at:
        browser = at.browser()
        tokens = await browser.tokens(scope="openid", claims=wanted)
        said = claims(tokens["id_token"])
        assert said["email"] == "ada@example.com"
        assert "nickname" not in said  # she has none, and essential forces nothing (5.5.1)
        assert "phone_number" not in said
        info = (await browser.userinfo(tokens["access_token"])).json()
        assert info == {"sub": ADA.id, "phone_number": "+821012345678"}
        fresh = (await browser.refresh(tokens["refresh_token"])).json()
        assert (await browser.userinfo(fresh["access_token"])).json() == info


async def test_a_custom_attribute_can_be_asked_for_by_name() -> None:
    with_department = pool(attributes=(AttributeDefinition("custom:department"),))
    async with house(with_department) as at:
        await at.change_user(ADA, attributes={"custom:department": "Engines", "custom:secret": "x"})
        browser = at.browser()
        wanted = asking(userinfo={"custom:department": None, "custom:secret": None})
        tokens = await browser.tokens(scope="openid", claims=wanted)
        assert (await browser.userinfo(tokens["access_token"])).json() == {
            "sub": ADA.id,
            "custom:department": "Engines",
        }


async def test_a_name_is_no_way_around_the_scopes_a_client_may_have() -> None:
    """O12: what the scope would not give, the claims parameter does not either."""
    clients = (client(), client("narrow", scope=("openid", "email")))
    async with house(clients=clients) as at:
        browser = at.browser()
        wanted = asking(userinfo={"email": None, "phone_number": None, "name": None})
        for client_id, known in (("narrow", {"sub", "email"}), ("web", {"sub", "email", "phone_number", "name"})):
            tokens = await browser.tokens(client_id=client_id, scope="openid", claims=wanted)
            assert set((await browser.userinfo(tokens["access_token"])).json()) == known


async def test_a_name_is_no_way_around_consent() -> None:
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        wanted = asking(userinfo={"phone_number": None})
        page = await browser.login_page(client_id="asks", scope="openid", claims=wanted)
        assert asks_for(page) == "consent"
        assert "phone" in page.text
        assert "email" not in page.text.replace("ada@", "")
        assert "code" in answered(await browser.submit(page, step="consent", decision="approve"))
        assert "code" in answered(
            await browser.authorize(client_id="asks", scope="openid", claims=wanted, prompt="none")
        )
        more = asking(userinfo={"address": None})
        answer = await browser.authorize(client_id="asks", scope="openid", claims=more, prompt="none")
        assert answered(answer)["error"] == "consent_required"


@each(
    "case",
    {
        "hers": ({"id_token": {"sub": {"value": ADA.id}}}, None),
        "another's": ({"id_token": {"sub": {"value": BOB.id}}}, "login_required"),
        "another's at userinfo": ({"userinfo": {"sub": {"value": BOB.id}}}, "login_required"),
        "whoever's": ({"id_token": {"sub": None}}, None),
        "essential": ({"id_token": {"sub": {"essential": True}}}, None),
        "two people's": (
            {"id_token": {"sub": {"value": ADA.id}}, "userinfo": {"sub": {"value": BOB.id}}},
            "invalid_request",
        ),
        "of a list": ({"id_token": {"sub": {"values": [BOB.id]}}}, "login_required"),
        "a number": ({"id_token": {"sub": {"value": 7}}}, "invalid_request"),
        "a list of numbers": ({"id_token": {"sub": {"values": [7]}}}, "invalid_request"),
        "no list": ({"id_token": {"sub": {"values": "x"}}}, "invalid_request"),
    },
)
async def test_a_sub_that_is_insisted_on_is_met_or_refused(case: tuple[dict[str, Any], str | None]) -> None:
    """O24 (OpenID Connect Core 5.5.1)."""
    wanted, error = case
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        answer = answered(await browser.authorize(prompt="none", claims=asking(**wanted)))
        assert answer.get("error") == error


async def test_hint_and_claims_may_not_insist_on_two_people() -> None:
    async with house() as at:
        browser = at.browser()
        hint = (await browser.tokens())["id_token"]
        for person, error in ((ADA, None), (BOB, "invalid_request")):
            wanted = asking(id_token={"sub": {"value": person.id}})
            answer = answered(await browser.authorize(id_token_hint=hint, claims=wanted))
            assert answer.get("error") == error


@each(
    "case",
    {
        "essential and out of reach": (
            {"essential": True, "values": ["urn:gold"]},
            "unmet_authentication_requirements",
        ),
        "essential value out of reach": ({"essential": True, "value": "urn:gold"}, "unmet_authentication_requirements"),
        "essential and in reach": ({"essential": True, "values": ["urn:gold", "urn:poolgate:acr:1"]}, None),
        "essential without values": ({"essential": True}, None),
        "voluntary": ({"values": ["urn:gold"]}, None),
        "merely asked for": (None, None),
    },
)
async def test_an_essential_acr_is_met_or_refused(case: tuple[Any, str | None]) -> None:
    """O24 (OpenID Connect Core 5.5.1.1)."""
    acr, error = case
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        answer = answered(await browser.authorize(claims=asking(id_token={"acr": acr}), acr_values="urn:gold"))
        assert answer.get("error") == error
        if error is None:
            said = claims((await browser.redeem(answer["code"])).json()["id_token"])
            assert said["acr"] == "urn:poolgate:acr:1"


@each(
    "text",
    (
        "{", "[]", "null", "1", '"x"', '{"id_token": []}', '{"id_token": {"email": 1}}', '{"userinfo": {"email": []}}',
        '{"userinfo": "x"}', '{"id_token": {"sub": "x"}}', "[" * 5000, '{"id_token": {"email": "\\ud800"}}', "x" * 8193,
    ),
)  # fmt: skip
async def test_a_malformed_claims_parameter_is_an_invalid_request(text: str) -> None:
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        assert answered(await browser.authorize(claims=text))["error"] == "invalid_request"
        assert "code" in answered(await browser.authorize(claims='{"id_token": null, "unknown": 1}'))


@each(
    "case",
    {
        "nothing": ({}, {}, "en"),
        "the client's wish": ({"ui_locales": "ko"}, {}, "ko"),
        "the client's first that we speak": ({"ui_locales": "fr-CA ko-KR en"}, {}, "ko"),
        "the browser's wish": ({}, {"accept-language": "ko;q=0.9, fr"}, "ko"),
        "the client before the browser": ({"ui_locales": "en"}, {"accept-language": "ko"}, "en"),
        "unspoken": ({"ui_locales": "tlh"}, {"accept-language": "tlh"}, "en"),
        "nonsense": ({"ui_locales": "<script>"}, {"accept-language": "\u00ff;;;q=x"}, "en"),
    },
)
async def test_the_page_speaks_the_language_asked_for(case: tuple[dict[str, str], dict[str, str], str]) -> None:
    changes, headers, language = case
    async with house() as at:
        browser = at.browser()
        browser.http.headers.update([(k.encode(), v.encode("latin-1")) for k, v in headers.items()])
        page = await browser.login_page(**changes)
        assert page.headers["content-language"] == language
        assert f'<html lang="{language}"' in page.text


async def test_the_menu_wins_over_the_clients_wish_and_is_remembered() -> None:
    async with house() as at:
        browser = at.browser()
        page = await browser.login_page(ui_locales="en")
        picked = await browser.http.get(f"{page.url}&lang=ko")
        assert picked.headers["content-language"] == "ko"
        answer = await browser.submit(picked, step="identifier", username="ada")
        assert answer.headers["location"].endswith("&lang=ko")
        later = await browser.login_page()
        assert later.headers["content-language"] == "ko"
        for other in ("xx", "x" * 40, "<b>", "k\u00f6"):
            assert (await browser.http.get(f"{later.url}&lang={other}")).headers["content-language"] == "ko"
            assert "set-cookie" not in (await browser.http.get(f"{later.url}&lang={other}")).headers


async def test_cognitos_login_address_takes_an_authorization_request() -> None:
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        answer = await browser.http.get(f"{ISSUER}/login", params=browser.request())
        assert "code" in answered(await browser.open(answer), CALLBACK)
