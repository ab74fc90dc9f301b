"""Whether somebody has an account shows in no text, status, header or cookie (security reference W8, S12)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest

from authserver.messages.kinds import Kind
from authserver.model.pools import MfaPolicy, Pool, RecoveryPolicy, SignUpPolicy
from authserver.model.users import PasswordCredential, User
from tests.journeys.house import ADA, PASSWORD, POOL, Browser, House, answered, each, hidden, house, pool
from tests.journeys.people import (
    NEW_PASSWORD,
    authenticator,
    kinds_to,
    last_to,
    link_of,
    look,
    mfa_pool,
    open_pool,
    options_of,
    press,
    register,
    sign_up_page,
    step_of,
)

pytestmark = pytest.mark.anyio


@dataclass
class Walk:
    """One visitor who speaks of one name; `seen` is all that came back, without what differs at random."""

    at: House
    browser: Browser
    names: tuple[str, ...]
    seen: list[Any] = field(default_factory=list)

    def note(self, answer: httpx.Response) -> httpx.Response:
        self.seen.append(look(answer, *self.names))
        return answer

    async def open(self, answer: httpx.Response) -> httpx.Response:
        self.note(answer)
        return self.note(await self.browser.open(answer)) if answer.is_redirect else answer

    async def send(self, page: httpx.Response, **fields: str) -> httpx.Response:
        """A form for the step need not be on the page: what is sent out of turn must tell nothing either."""
        return await self.open(
            await self.browser.http.post(str(page.url), data={"csrf": hidden(page)["csrf"]} | fields)
        )


Steps = Callable[[Walk], Awaitable[None]]


async def seen_with(setting: Pool, prepare: Callable[[House], Awaitable[None]], steps: Steps, *names: str) -> list[Any]:
    """What a visitor sees who speaks of the first of the names, in a house of its own."""
    async with house(setting) as at:
        await prepare(at)
        walk = Walk(at, at.browser(), names)
        await steps(walk)
        return walk.seen


async def nothing(_at: House) -> None:
    pass


STATES: dict[str, dict[str, Any]] = {
    "confirmed": {},
    "disabled": {"state": "disabled"},
    "unconfirmed": {"state": "unconfirmed", "email_verified": False},
    "external": {"state": "external"},
    "temporary password": {"state": "must_change"},
    "reset required": {"state": "reset_required"},
    "address not proven": {"email_verified": False},
    "no address": {"email": None, "email_verified": False},
    "waiting for deletion": {"delete_after": 1_900_000_000},
}


def ada_is(**changes: Any) -> Callable[[House], Awaitable[None]]:
    async def prepare(at: House) -> None:
        await at.change_user(ADA, **changes)

    return prepare


def same(one: list[Any], other: list[Any]) -> None:
    assert len(one) == len(other)
    for step, (left, right) in enumerate(zip(one, other, strict=True)):
        for what, a, b in zip(("status", "headers", "cookies", "text"), left, right, strict=True):
            assert a == b, f"step {step}: the {what} differs"


# ---------------------------------------------------------------------------------------------------------- sign-in


async def sign_in_wrongly(walk: Walk) -> None:
    page = walk.note(await walk.browser.login_page())
    page = await walk.send(page, step="identifier", username=walk.names[0])
    for password in ("wrong", "", "x" * 3000, "wrong again"):
        page = await walk.send(page, step="password", password=password)
    page = await walk.send(page, step="choose_method")
    await walk.send(page, step="change_identifier")


@each("state", STATES)
async def test_a_wrong_password_looks_like_a_name_that_nobody_has(state: dict[str, Any]) -> None:
    same(
        await seen_with(pool(), ada_is(**state), sign_in_wrongly, "ada"),
        await seen_with(pool(), nothing, sign_in_wrongly, "adx"),
    )


@each("state", {k: STATES[k] for k in ("disabled", "external")})
async def test_a_right_password_of_who_may_not_sign_in_does_too(state: dict[str, Any]) -> None:
    async def steps(walk: Walk) -> None:
        page = await walk.send(await walk.browser.login_page(), step="identifier", username=walk.names[0])
        await walk.send(page, step="password", password=PASSWORD)

    same(
        await seen_with(pool(), ada_is(**state), steps, "ada"),
        await seen_with(pool(), nothing, steps, "adx"),
    )


async def test_so_do_the_pauses() -> None:
    async def steps(walk: Walk) -> None:
        page = await walk.send(await walk.browser.login_page(), step="identifier", username=walk.names[0])
        for _ in range(14):
            page = await walk.send(page, step="password", password="wrong")
            walk.at.time.pass_(1)
        assert walk.seen[-1][0] == 429

    same(await seen_with(pool(), nothing, steps, "ada"), await seen_with(pool(), nothing, steps, "adx"))


async def test_a_closed_account_does_too() -> None:
    async def closed(at: House) -> None:
        for _ in range(100):
            await at.stores.directory.count_password_failure(POOL, ADA.id)

    async def steps(walk: Walk) -> None:
        page = await walk.send(await walk.browser.login_page(), step="identifier", username=walk.names[0])
        await walk.send(page, step="password", password=PASSWORD)

    same(await seen_with(pool(), closed, steps, "ada"), await seen_with(pool(), nothing, steps, "adx"))


async def test_both_at_once_look_the_same_too() -> None:
    """What a password manager sends in one form."""

    async def steps(walk: Walk) -> None:
        await walk.send(await walk.browser.login_page(), step="identifier", username=walk.names[0], password="wrong")

    same(await seen_with(pool(), nothing, steps, "ada"), await seen_with(pool(), nothing, steps, "adx"))


# ---------------------------------------------------------------------------------------------------------- sign-up


def sign_up_with(email: str, *, resend: bool = True) -> Steps:
    async def steps(walk: Walk) -> None:
        page = walk.note(await sign_up_page(walk.browser))
        page = await walk.open(await register(walk.browser, page, email=email))
        assert step_of(page) == "confirm"
        for i in range(7):
            page = await walk.send(page, step="confirm", code=f"00000{i}")
        page = await walk.send(page, step="resend")
        walk.at.time.pass_(30)
        page = await walk.send(page, step="resend")
        await walk.send(page, step="confirm", code="123456")
        walk.note(await walk.browser.http.get(str(page.url).replace("/login", "/signup")))
        walk.note(await walk.browser.authorize(prompt="none"))

    return steps


TAKEN, FREE = "ada@example.com", "adx@example.com"


@each(
    "spelled",
    {
        "as it is": (TAKEN, FREE),
        "in capitals": ("ADA@example.com", "ADX@example.com"),
        "with another domain": ("ada@EXAMPLE.com", "adx@EXAMPLE.com"),
    },
)
async def test_a_taken_address_looks_like_a_free_one(spelled: tuple[str, str]) -> None:
    taken, free = spelled
    same(
        await seen_with(open_pool(), nothing, sign_up_with(taken), taken, taken.replace("EXAMPLE", "example")),
        await seen_with(open_pool(), nothing, sign_up_with(free), free, free.replace("EXAMPLE", "example")),
    )


@each(
    "setting",
    {
        "required factors": {"mfa": MfaPolicy(mode="required", factors=("totp", "email_code"))},
        "optional factors": {"mfa": MfaPolicy(mode="optional", factors=("totp",))},
        "addresses alone": {"sign_in_with": ("email",)},
        "without a password": {"sign_in_with": ("email",), "mfa": MfaPolicy(first_factors=("email_code",))},
    },
)
async def test_it_does_so_in_every_kind_of_pool(setting: dict[str, Any]) -> None:
    same(
        await seen_with(open_pool(**setting), nothing, sign_up_with(TAKEN), TAKEN),
        await seen_with(open_pool(**setting), nothing, sign_up_with(FREE), FREE),
    )


async def test_it_does_so_for_a_request_that_wants_more_than_anybody_new_can_give() -> None:
    """The refusal must not come before the address is proven."""

    async def steps(walk: Walk) -> None:
        page = await sign_up_page(walk.browser, acr_values="urn:poolgate:acr:4")
        page = await walk.open(await register(walk.browser, page, email=walk.names[0]))
        assert step_of(page) == "confirm"

    setting = open_pool(mfa=MfaPolicy(mode="optional", factors=("totp",)))
    same(await seen_with(setting, nothing, steps, TAKEN), await seen_with(setting, nothing, steps, FREE))


async def test_a_taken_phone_number_looks_like_a_free_one() -> None:
    setting = open_pool(sign_in_with=("phone_number",), sign_up={"verify": ("phone_number",)})

    async def steps(walk: Walk) -> None:
        fields = {"username": None, "email": None, "phone_number": walk.names[0]}
        page = await walk.open(await register(walk.browser, **fields))
        assert step_of(page) == "confirm"
        await walk.send(page, step="confirm", code="123456")

    same(
        await seen_with(setting, nothing, steps, "+821012345678"),
        await seen_with(setting, nothing, steps, "+821012345679"),
    )


@each("first", ("email", "phone_number"))
async def test_two_addresses_of_which_one_is_taken_look_like_two_free_ones(first: str) -> None:
    """The own phone gets its text message either way."""
    verify = (first, "phone_number" if first == "email" else "email")
    setting = open_pool(sign_up={"verify": verify})
    texted: list[int] = []

    async def steps(walk: Walk) -> None:
        page = await sign_up_page(walk.browser)
        page = await walk.open(await register(walk.browser, page, email=walk.names[0], phone_number="+15550100200"))
        assert step_of(page) == "confirm"
        texted.append(len(await walk.at.mail("+15550100200")))
        if first == "phone_number":
            page = await walk.send(page, step="confirm", code=await walk.at.last_code("+15550100200"))
            assert step_of(page) == "confirm"
        await walk.send(page, step="confirm", code="123456")

    same(await seen_with(setting, nothing, steps, TAKEN), await seen_with(setting, nothing, steps, FREE))
    assert texted[0] == texted[1]


async def test_the_username_is_taken_afterwards_either_way() -> None:
    """Or a second try with it would tell what became of the first."""

    async def steps(walk: Walk) -> None:
        await walk.open(await register(walk.browser, email=walk.names[0]))
        other = walk.at.browser()
        again = walk.note(await register(other, email="other@example.com"))
        assert again.status_code == 422
        walk.note(await other.sign_in("grace", "wrong"))

    same(await seen_with(open_pool(), nothing, steps, TAKEN), await seen_with(open_pool(), nothing, steps, FREE))


async def test_signing_in_with_the_new_username_leads_to_the_same_page() -> None:
    async def steps(walk: Walk) -> None:
        await walk.open(await register(walk.browser, email=walk.names[0]))
        walk.at.time.pass_(60)
        walk.browser = walk.at.browser()
        page = await walk.open(await walk.browser.sign_in("grace", NEW_PASSWORD))
        assert step_of(page) == "confirm"
        await walk.send(page, step="confirm", code="123456")

    same(await seen_with(open_pool(), nothing, steps, TAKEN), await seen_with(open_pool(), nothing, steps, FREE))


async def test_twenty_wrong_codes_end_the_same() -> None:
    """They are counted by the address, though each registration makes another account."""

    async def steps(walk: Walk) -> None:
        for i in range(5):
            walk.browser = walk.at.browser()
            page = await walk.open(await register(walk.browser, username=f"grace{i}", email=walk.names[0]))
            for _ in range(5):
                page = await walk.send(page, step="confirm", code="123456")
        assert walk.seen[-1][0] == 429

    same(await seen_with(open_pool(), nothing, steps, TAKEN), await seen_with(open_pool(), nothing, steps, FREE))


async def test_the_owner_of_a_taken_address_is_told_and_nobody_gets_a_code() -> None:
    async with house(open_pool()) as at:
        browser = at.browser()
        page = await browser.open(await register(browser, email=TAKEN))
        assert await kinds_to(at, TAKEN) == [Kind.ACCOUNT_EXISTS]
        told = await last_to(at, TAKEN, Kind.ACCOUNT_EXISTS)
        assert told.code is None
        assert told.user_id == ADA.id
        assert told.link == f"{browser.issuer}/account"
        at.time.pass_(30)
        await browser.submit(page, step="resend")
        assert await kinds_to(at, TAKEN) == [Kind.ACCOUNT_EXISTS] * 2
        twin = at.browser()
        await twin.open(await register(twin, username="heidi", email=FREE))
        assert await kinds_to(at, FREE) == [Kind.CONFIRM_SIGN_UP]


async def test_an_account_with_a_taken_address_never_opens() -> None:
    async with house(open_pool()) as at:
        browser = at.browser()
        await browser.open(await register(browser, email=TAKEN))
        made = await at.stores.directory.find_user(POOL, "grace", ("username",))
        assert (made.state, made.email_verified) == ("unconfirmed", False)
        assert (await at.stores.directory.find_user(POOL, TAKEN, ("email",))).id == ADA.id
        assert "code" in answered(await at.browser().sign_in(TAKEN)), "and its owner signs in as before"


async def test_the_address_of_somebody_unconfirmed_is_free() -> None:
    """Two may wait with the same address: whoever reads its mail gets it."""
    async with house(open_pool()) as at:
        one, two = at.browser(), at.browser()
        await one.open(await register(one, username="heidi"))
        page = await two.open(await register(two))
        assert await kinds_to(at, "grace@example.com") == [Kind.CONFIRM_SIGN_UP] * 2
        assert step_of(page) == "confirm"


# --------------------------------------------------------------------------------------------------------- recovery


async def ask_for_recovery(walk: Walk) -> httpx.Response:
    page = await walk.send(await walk.browser.login_page(), step="identifier", username=walk.names[0])
    page = walk.note(await walk.browser.http.get(link_of(page, "forgot-password")))
    return await walk.send(page, step="recover", username=walk.names[0])


async def recover_wrongly(walk: Walk) -> None:
    page = await ask_for_recovery(walk)
    new = {"step": "recover_code", "new_password": NEW_PASSWORD}
    page = await walk.send(page, step="recover_code", code="123456", new_password="short")
    page = await walk.send(page, step="recover_code", code="123456", new_password="")
    page = await walk.send(page, step="recover_code", code="", new_password=NEW_PASSWORD)
    page = await walk.send(page, step="recover_code", code="123456", new_password="the-lovelace-teapot")
    for i in range(6):
        page = await walk.send(page, code=f"00000{i}", **new)
    page = await walk.send(page, step="resend")
    walk.at.time.pass_(30)
    page = await walk.send(page, step="resend")
    page = await walk.send(page, code="123456", **new)
    page = await walk.send(page, step="choose_method")
    page = await walk.send(page, code="123456", **new)
    await walk.send(page, step="change_identifier")


@each("state", STATES)
@each("name", {"username": ("ada", "adx"), "address": (TAKEN, FREE)})
async def test_a_recovery_tells_nothing_of_whom_it_is_for(name: tuple[str, str], state: dict[str, Any]) -> None:
    by = pool(recovery=RecoveryPolicy(by=("email", "sms")))
    same(
        await seen_with(by, ada_is(**state), recover_wrongly, name[0]),
        await seen_with(by, nothing, recover_wrongly, name[1]),
    )


async def test_a_recovery_of_who_has_no_password_looks_the_same() -> None:
    made = User("0b5b6c7d-0000-4000-8000-0d4f5b6c7d8e", POOL, "ida", email="ida@example.com", email_verified=True)

    async def prepare(at: House) -> None:
        await at.stores.directory.create_user(POOL, made)

    same(
        await seen_with(pool(), prepare, recover_wrongly, "ida"),
        await seen_with(pool(), nothing, recover_wrongly, "idx"),
    )


async def test_asking_too_often_looks_the_same() -> None:
    async def steps(walk: Walk) -> None:
        for _ in range(7):
            walk.browser = walk.at.browser()
            await ask_for_recovery(walk)
        assert walk.seen[-1][0] == 429

    same(await seen_with(pool(), nothing, steps, "ada"), await seen_with(pool(), nothing, steps, "adx"))


async def test_wrong_codes_by_mail_and_by_text_count_together_for_everybody() -> None:
    async def steps(walk: Walk) -> None:
        for way in ("email", "email", "sms", "email"):
            walk.browser = walk.at.browser()
            page = await ask_for_recovery(walk)
            if way == "sms":
                page = await walk.send(page, step="choose_method")
            for _ in range(5):
                page = await walk.send(page, step="recover_code", code="123456", new_password=NEW_PASSWORD)
            walk.at.time.pass_(1200)
        walk.browser = walk.at.browser()
        page = await ask_for_recovery(walk)
        page = await walk.send(page, step="recover_code", code="123456", new_password=NEW_PASSWORD)
        assert page.status_code == 429

    same(await seen_with(pool(), nothing, steps, "ada"), await seen_with(pool(), nothing, steps, "adx"))


# ----------------------------------------------------------------------------------------------------- passwordless


async def code_first(walk: Walk) -> None:
    page = walk.note(await walk.browser.login_page())
    page = await walk.send(page, step="identifier", username=walk.names[0])
    for i in range(6):
        page = await walk.send(page, step="code", code=f"00000{i}")
    page = await walk.send(page, step="resend")
    walk.at.time.pass_(30)
    page = await walk.send(page, step="resend")
    page = await walk.send(page, step="code", code="")
    page = await walk.send(page, step="choose_method")
    await walk.send(page, step="method", method="password")


@each("state", STATES)
@each("name", {"username": ("ada", "adx"), "address": (TAKEN, FREE)})
async def test_a_mailed_code_as_first_factor_tells_nothing(name: tuple[str, str], state: dict[str, Any]) -> None:
    setting = mfa_pool("off", (), first_factors=("email_code", "password"))
    same(
        await seen_with(setting, ada_is(**state), code_first, name[0]),
        await seen_with(setting, nothing, code_first, name[1]),
    )


async def test_passkeys_of_a_name_are_never_listed() -> None:
    setting = mfa_pool("off", (), first_factors=("passkey", "password"))

    async def has_one(at: House) -> None:
        key = authenticator()
        stored = await at.stores.directory.user(POOL, ADA.id)
        ceremony = await at.services.enrolling._passkeys.begin_registration(setting, stored)
        answer = key.create(ceremony.options)
        await at.services.enrolling._passkeys.finish_registration(setting, stored, ceremony.challenge, answer)

    async def steps(walk: Walk) -> None:
        page = walk.note(await walk.browser.login_page())
        page = await walk.send(page, step="identifier", username=walk.names[0])
        assert '"allowCredentials": []' in options_of(page)
        page = await walk.send(page, step="passkey", credential="{}")
        await walk.send(page, step="method", method="password")

    same(await seen_with(setting, has_one, steps, "ada"), await seen_with(setting, nothing, steps, "adx"))


# ------------------------------------------------------------------------------------------------------ the control


async def test_these_tests_can_fail() -> None:
    """A taken username is told, on purpose: the comparison sees it."""

    async def steps(walk: Walk) -> None:
        page = await sign_up_page(walk.browser)
        walk.note(await register(walk.browser, page, username=walk.names[0]))

    setting = pool(sign_up=SignUpPolicy(enabled=True))
    with pytest.raises(AssertionError, match="the status differs"):
        same(await seen_with(setting, nothing, steps, "ada"), await seen_with(setting, nothing, steps, "adx"))


async def test_a_link_of_nobody_s_is_over() -> None:
    """What stands in a mail for an account that is gone says no more than one that never was."""
    async with house(open_pool()) as at:
        browser = at.browser()
        await browser.open(await register(browser))
        link = (await last_to(at, "grace@example.com", Kind.CONFIRM_SIGN_UP)).link
        made = await at.stores.directory.find_user(POOL, "grace", ("username",))
        await at.stores.directory.delete_user(POOL, made.id)
        reader = at.browser()
        page = await reader.http.get(link, follow_redirects=True)
        gone = await reader.http.post(str(page.url), data=hidden(page))
        assert gone.status_code == 410
        never = await reader.http.get(f"{browser.issuer}/confirm?token=never.was")
        assert never.status_code == 410
        credential = await at.stores.directory.password(POOL, ADA.id)
        again = replace(made, id="0b5b6c7d-0000-4000-8000-0d4f5b6c7d8f")
        await at.stores.directory.create_user(POOL, again, PasswordCredential(again.id, credential.hash, 0))
        assert (await at.stores.directory.user(POOL, again.id)).state == "unconfirmed"
        twin = at.browser()
        await twin.open(await register(twin, username="heidi", email="heidi@example.com"))
        assert (
            await press(at.browser(), (await last_to(at, "heidi@example.com", Kind.CONFIRM_SIGN_UP)).link)
        ).status_code == 200
