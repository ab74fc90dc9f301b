"""Guessing passwords: what is counted, who waits, and that nobody learns which names exist."""

import asyncio
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from authserver.model.users import PasswordCredential, User
from tests.journeys.house import ADA, BOB, KEYS, PASSWORD, POOL, Browser, House, answered, each, error_code, house

pytestmark = pytest.mark.anyio

CLOSED = User(id="3f0b1d0e-6c1f-4a57-9d25-00000000c105", pool=POOL, username="closed")
DISABLED = replace(CLOSED, id="3f0b1d0e-6c1f-4a57-9d25-00000000d15a", username="disabled", state="disabled")
UNCONFIRMED = replace(CLOSED, id="3f0b1d0e-6c1f-4a57-9d25-0000000000c0", username="unconfirmed", state="unconfirmed")
NO_PASSWORD = replace(CLOSED, id="3f0b1d0e-6c1f-4a57-9d25-00000000ffff", username="external", state="external")


async def people(at: House) -> None:
    for user in (CLOSED, DISABLED, UNCONFIRMED):
        await at.stores.directory.create_user(POOL, user, PasswordCredential(user.id, KEYS["hash"], 0))
    await at.stores.directory.create_user(POOL, NO_PASSWORD)
    for _ in range(100):
        await at.stores.directory.count_password_failure(POOL, CLOSED.id)


def step_of(page: httpx.Response) -> str:
    return "password" if 'name="step" value="password"' in page.text else "identifier"


class Guesser:
    """A browser on the password page of a name, trying."""

    def __init__(self, at: House, name: str, address: str = "198.51.100.7") -> None:
        self.browser = at.browser(address=address)
        self.name = name
        self.page: httpx.Response | None = None

    async def ready(self) -> "Guesser":
        page = await self.browser.login_page()
        self.page = await self.browser.open(await self.browser.submit(page, step="identifier", username=self.name))
        return self

    async def try_(self, password: str = "wrong") -> httpx.Response:
        assert self.page is not None
        return await self.browser.submit(self.page, step="password", password=password)


async def guesser(at: House, name: str, address: str = "198.51.100.7") -> Guesser:
    return await Guesser(at, name, address).ready()


async def spray(at: House, names: Iterable[str], address: str, **headers: str) -> list[int]:
    """One wrong password over many names, name and password sent at once as a password manager does."""
    browser = at.browser(address=address)
    browser.http.headers.update(headers)
    page = await browser.login_page()
    return [
        (await browser.submit(page, step="identifier", username=name, password="wrong")).status_code for name in names
    ]


async def statuses(one: Guesser, count: int, password: str = "wrong") -> list[int]:
    return [(await one.try_(password)).status_code for _ in range(count)]


def as_seen(answer: httpx.Response, name: str) -> tuple[int, list[tuple[str, str]], str]:
    """An answer without what differs between any two: ids, nonces, tokens, and the name itself."""
    text = re.sub(r"(signin=|nonce-|nonce=\"|value=\")[\w-]{16,43}", r"\1_", answer.text)
    text = text.replace("@<wbr>", "@").replace(name, "NAME").replace(f">{name[0].upper()}<", ">N<")
    headers = [
        (k, re.sub(r"(signin=|nonce-)[\w-]{22}", r"\1_", v))
        for k, v in answer.headers.multi_items()
        if k not in {"x-request-id", "content-length"}
    ]
    return answer.status_code, headers, text


NAMES = (
    "nobody",
    "ada",
    "ada@example.com",
    "bob",
    "disabled",
    "unconfirmed",
    "closed",
    "external",
    "nobody@example.com",
)


async def test_every_name_is_answered_alike() -> None:
    """W8: text, status, headers, cookies, on the name page, at the first failure, and when throttled."""
    async with house() as at:
        await people(at)
        seen: dict[str, list[Any]] = {}
        for n, name in enumerate(NAMES):
            one = Guesser(at, name, f"203.0.113.{n}")
            page = await one.browser.login_page()
            sent = await one.browser.submit(page, step="identifier", username=name)
            one.page = await one.browser.open(sent)
            tries = [await one.try_("wrong") for _ in range(12)]
            seen[name] = [as_seen(a, name) for a in (sent, one.page, *tries)]
            seen[name].append(sorted(one.browser.http.cookies.keys()))
            at.time.pass_(30 * 3600)
        expected = seen["nobody"]
        assert [e[0] for e in expected[:-1]] == [303, 200, *[422] * 10, 429, 429]
        for name in NAMES:
            assert seen[name] == expected, name


@each("name", ("disabled", "closed", "external"))
async def test_the_right_password_of_who_may_not_sign_in_is_a_wrong_one(name: str) -> None:
    async with house() as at:
        await people(at)
        right = await (await guesser(at, name)).try_(PASSWORD)
        wrong = await (await guesser(at, name)).try_("wrong")
        assert as_seen(right, name) == as_seen(wrong, name)
        assert right.status_code == 422
        assert "code" in answered(await (await guesser(at, "ada")).try_(PASSWORD))


@each("name", ("ada", "nobody"))
async def test_ten_tries_are_judged_then_the_wait_doubles(name: str) -> None:
    """W10."""
    async with house() as at:
        one = await guesser(at, name)
        assert await statuses(one, 10) == [422] * 10
        waits = []
        for _ in range(12):
            refused = await one.try_()
            assert refused.status_code == 429
            assert 'id="problem"' in refused.text
            waits.append(int(refused.headers["retry-after"]))
            at.time.pass_(waits[-1] - 0.5)
            assert (await one.try_()).status_code == 429  # too early, and it does not start the wait again
            at.time.pass_(0.5)
            await one.ready()  # the page lives for half an hour, the count for longer
            assert (await one.try_()).status_code == 422
        assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]
        assert at.kinds().count("sign_in.throttled") == 24


async def test_the_right_password_is_not_heard_during_the_wait_and_is_after_it() -> None:
    async with house() as at:
        one = await guesser(at, "ada")
        await statuses(one, 10)
        assert (await one.try_(PASSWORD)).status_code == 429
        at.time.pass_(1)
        assert "code" in answered(await one.try_(PASSWORD))
        again = await guesser(at, "ada", "203.0.113.9")
        assert await statuses(again, 10) == [422] * 10  # success wiped the slate


@each("pair", {"known": ("ada", "ada@example.com"), "spellings": ("ADA", " ada"), "unknown": ("Nobody", "nobody ")})
async def test_all_names_of_one_account_share_one_count(pair: tuple[str, str]) -> None:
    async with house() as at:
        first, second = await guesser(at, pair[0]), await guesser(at, pair[1], "203.0.113.9")
        assert await statuses(first, 5) + await statuses(second, 5) == [422] * 10
        assert (await first.try_()).status_code == 429
        assert (await second.try_()).status_code == 429
        other = await guesser(at, "bob")
        assert (await other.try_()).status_code == 422


async def test_the_count_is_forgotten_after_a_day_of_rest() -> None:
    async with house() as at:
        one = await guesser(at, "ada")
        await statuses(one, 10)
        at.time.pass_(24 * 3600)
        assert await statuses(await guesser(at, "ada"), 10) == [422] * 10


async def test_parallel_guesses_cannot_slip_through() -> None:
    """W10: a try is counted before it is judged, so fifty at once are ten tries and forty refusals."""
    async with house() as at:
        crowd = [await guesser(at, "ada", f"203.0.113.{n}") for n in range(50)]
        answers = await asyncio.gather(*(one.try_() for one in crowd))
        assert sorted(a.status_code for a in answers) == [422] * 10 + [429] * 40
        assert at.kinds().count("sign_in.failed") == 10


async def test_a_known_device_is_counted_apart() -> None:
    """W11: a stranger who guesses cannot lock the owner out of her own browser."""
    async with house() as at:
        owner = at.browser(address="192.0.2.1")
        assert "code" in answered(await owner.sign_in())
        thief = await guesser(at, "ada")
        assert (await statuses(thief, 11))[-1] == 429
        page = await owner.login_page(prompt="login")
        assert "code" in answered(await owner.submit(page, step="password", password=PASSWORD))
        assert (await thief.try_()).status_code == 429
        unknown = at.browser(address="192.0.2.2")  # the twin: hers too, but never signed in before
        assert (await unknown.sign_in()).status_code == 429


async def test_a_known_device_may_not_guess_for_ever_either() -> None:
    async with house() as at:
        browser = at.browser()
        await browser.sign_in()
        page = await browser.login_page(prompt="login")
        tries = [await browser.submit(page, step="password", password="wrong") for _ in range(11)]
        assert [t.status_code for t in tries] == [422] * 10 + [429]


async def test_the_device_of_one_person_is_nothing_for_another() -> None:
    async with house() as at:
        browser = at.browser()
        await browser.sign_in("bob")
        assert await statuses(await guesser(at, "ada", "203.0.113.9"), 11) == [422] * 10 + [429]
        page = await browser.login_page(prompt="login")
        page = await browser.open(await browser.submit(page, step="change_identifier"))
        page = await browser.open(await browser.submit(page, step="identifier", username="ada"))
        assert (await browser.submit(page, step="password", password=PASSWORD)).status_code == 429


async def test_a_hundred_failures_in_a_row_close_the_account_but_for_known_devices() -> None:
    """W11, and the count survives the loss of Redis: it is in SQL."""
    async with house() as at:
        owner = at.browser(address="192.0.2.1")
        await owner.sign_in()
        for n in range(100):
            assert await spray(at, ["ada"], f"203.0.113.{n}") == [422]
            at.time.pass_(901)
        at.stores.counters._guesses.clear()
        fresh = await guesser(at, "ada", "192.0.2.77")
        assert (await fresh.try_(PASSWORD)).status_code == 422
        assert "code" in answered(await owner.sign_in())
        assert "code" in answered(await fresh.try_(PASSWORD))  # hers again since she signed in


async def test_ninety_nine_failures_do_not_close_it() -> None:
    async with house() as at:
        for _ in range(99):
            await at.stores.directory.count_password_failure(POOL, ADA.id)
        assert "code" in answered(await (await guesser(at, "ada")).try_(PASSWORD))
        assert await at.stores.directory.password_failures(POOL, ADA.id) == 0


@each(
    "addresses",
    {
        "IPv4": ("198.51.100.9", "198.51.100.9", True),
        "IPv4 as IPv6": ("198.51.100.9", "::ffff:198.51.100.9", True),
        "other IPv4 as IPv6": ("::ffff:198.51.100.8", "::ffff:198.51.100.9", False),
        "other IPv4": ("198.51.100.8", "198.51.100.9", False),
        "one subscriber": ("2001:db8:1:1::1", "2001:db8:1:1:ffff::2", True),
        "other subscriber": ("2001:db8:1:1::1", "2001:db8:1:2::1", False),
        "unix socket": ("", "", True),
        "with a zone": ("fe80::1%eth0", "fe80::2%eth0", True),
    },
)
async def test_an_address_has_a_hundred_failures_in_ten_minutes(addresses: tuple[str, str, bool]) -> None:
    """W10: spraying one password over many names."""
    first, second, shared = addresses
    async with house() as at:
        assert await spray(at, (f"name{n}" for n in range(100)), first) == [422] * 100
        refused = await (await guesser(at, "ada", second)).try_(PASSWORD)
        if not shared:
            assert "code" in answered(refused)
            return
        assert refused.status_code == 429
        assert 0 < int(refused.headers["retry-after"]) <= 600
        at.time.pass_(600)
        assert "code" in answered(await (await guesser(at, "ada", second)).try_(PASSWORD))


async def test_successes_and_refusals_do_not_count_against_an_address() -> None:
    async with house() as at:
        browser = at.browser()
        for _ in range(101):
            page = await browser.login_page(prompt="login")
            fields = {"username": "bob", "password": PASSWORD}
            page = await browser.submit(page, step=step_of(page), **fields)
            assert "code" in answered(page)
        assert await spray(at, ["ada"] * 101, "198.51.100.7") == [422] * 10 + [429] * 91
        assert "code" in answered(await (await guesser(at, "bob")).try_(PASSWORD))


@each("header", ("x-forwarded-for", "forwarded", "x-real-ip", "cf-connecting-ip", "true-client-ip"))
async def test_an_address_cannot_be_made_up(header: str) -> None:
    async with house() as at:
        for n in range(10):
            names = (f"name{n}{m}" for m in range(10))
            await spray(at, names, "198.51.100.7", **{header: f"203.0.113.{n}"})
        assert await spray(at, ["ada"], "198.51.100.7", **{header: "192.0.2.1"}) == [429]
        assert await spray(at, ["ada"], "192.0.2.1") == [422]


async def test_a_full_hashing_queue_is_said_to_be_busy() -> None:
    """D3: bounded work, and the answer comes at once."""
    async with house() as at:
        one = await guesser(at, "ada")
        at.opened.passwords._waiting = at.opened.passwords._limit
        busy = await one.try_(PASSWORD)
        assert (busy.status_code, error_code(busy), busy.headers["retry-after"]) == (503, "unavailable", "2")
        at.opened.passwords._waiting = 0
        assert "code" in answered(await one.try_(PASSWORD))


async def test_events_say_who_failed_and_why_and_never_with_what() -> None:
    async with house() as at:
        await people(at)
        for name in ("ada", "nobody", "disabled", "closed"):
            await (await guesser(at, name)).try_("canary-password")
        failed = [e for e in at.events if e.kind == "sign_in.failed"]
        assert [(e.user_id, e.details["reason"]) for e in failed] == [
            (ADA.id, "wrong password"),
            (None, "unknown name"),
            (DISABLED.id, "user is disabled"),
            (CLOSED.id, "closed after too many failures"),
        ]
        assert {(e.pool, e.client_id, e.address) for e in failed} == {(POOL, "web", "198.51.100.7")}
        assert "canary" not in repr(at.events)
        assert BOB.id not in repr(failed)


async def test_a_throttled_name_page_keeps_what_was_typed() -> None:
    """A password manager that sends both at once is throttled like anybody, on the page it is on."""
    async with house() as at:
        one = await guesser(at, "ada")
        await statuses(one, 10)
        browser: Browser = at.browser()
        page = await browser.login_page()
        refused = await browser.submit(page, step="identifier", username="ada", password=PASSWORD)
        assert refused.status_code == 429
        assert ">ada<" in refused.text.replace("<bdi>", "").replace("</bdi>", "")


@each(
    "addresses",
    {
        "itself": ("198.51.100.7", "198.51.100.7", True),
        "another": ("198.51.100.7", "198.51.100.8", False),
        "one subscriber": ("2001:db8:1:1::1", "2001:db8:1:1:ffff::2", True),
    },
)
async def test_what_one_address_may_have_wait_is_bounded(addresses: tuple[str, str, bool]) -> None:
    """D4: each sign-in that was started waits in memory for a day. Who is signed in needs none and is not counted."""
    first, second, shared = addresses
    async with house() as at:
        signed_in = at.browser(address=first)
        await signed_in.arrive()
        at.services.sign_ins._per_address = 20
        statuses = [(await at.browser(address=first).authorize()).status_code for _ in range(21)]
        assert statuses == [302] * 20 + [429]
        refused = await at.browser(address=second).authorize()
        assert refused.status_code == (429 if shared else 302)
        if shared:
            assert error_code(refused) == "throttled"
            assert 0 < int(refused.headers["retry-after"]) <= 3600
            assert len(at.stores.sessions._sign_ins) == 20
        assert "code" in answered(await signed_in.authorize())
        at.time.pass_(3600)
        assert (await at.browser(address=second).authorize()).status_code == 302
