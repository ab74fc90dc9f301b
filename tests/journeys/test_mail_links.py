"""Links in mails: looked at by scanners, pressed by people, once (security reference W6, W20)."""

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from authserver.messages.kinds import Kind
from tests.journeys.house import BASE, POOL, House, each, error_code, hidden, house
from tests.journeys.people import FORM, last_to, link_of, open_pool, press, waiting_page, words_of

pytestmark = pytest.mark.anyio

GRACE = FORM["email"]


async def link(at: House) -> str:
    """The link of Grace, who has registered."""
    await waiting_page(at.browser())
    return (await last_to(at, GRACE, Kind.CONFIRM_SIGN_UP)).link or ""


async def state(at: House) -> str:
    user = await at.stores.directory.find_user(POOL, "grace", ("username",))
    assert user is not None
    return user.state


async def test_a_link_leads_to_our_own_page_and_its_button() -> None:
    async with house(open_pool()) as at:
        url = await link(at)
        assert url.startswith(f"{BASE}/{POOL}/confirm?token=")
        assert list(parse_qs(urlsplit(url).query)) == ["token"]
        browser = at.browser()
        page = await browser.http.get(url, follow_redirects=True)
        assert page.status_code == 200
        assert GRACE in words_of(page)
        done = await browser.http.post(str(page.url), data=hidden(page))
        assert done.status_code == 200
        assert await state(at) == "confirmed"


@each("method", ("GET", "HEAD"))
async def test_scanners_that_open_it_use_nothing_up(method: str) -> None:
    async with house(open_pool()) as at:
        url = await link(at)
        for _ in range(5):
            scanner = at.browser(address="192.0.2.99")
            answer = await scanner.http.request(method, url, follow_redirects=True)
            assert answer.status_code == 200
        assert await state(at) == "unconfirmed"
        assert (await press(at.browser(), url)).status_code == 200
        assert await state(at) == "confirmed"


async def test_a_button_works_once() -> None:
    async with house(open_pool()) as at:
        url = await link(at)
        browser = at.browser()
        page = await browser.http.get(url, follow_redirects=True)
        answers = await asyncio.gather(*(browser.http.post(str(page.url), data=hidden(page)) for _ in range(3)))
        assert sorted(a.status_code for a in answers) == [200, 410, 410]
        assert at.kinds().count("user.confirmed") == 1
        late = await browser.http.get(url)
        assert late.status_code == 410
        assert "used already" in words_of(late)
        assert link_of(late, "restart") == f"{BASE}/{POOL}/account"


async def test_a_code_takes_its_link_along() -> None:
    async with house(open_pool()) as at:
        browser = at.browser()
        page = await waiting_page(browser)
        mail = await last_to(at, GRACE, Kind.CONFIRM_SIGN_UP)
        reader = at.browser()
        button = await reader.http.get(mail.link or "", follow_redirects=True)
        assert (await browser.submit(page, step="confirm", code=mail.code or "")).status_code == 303
        late = await reader.http.post(str(button.url), data=hidden(button))
        assert late.status_code == 410
        assert await state(at) == "confirmed"


async def test_a_newer_message_ends_the_link_before() -> None:
    async with house(open_pool()) as at:
        browser = at.browser()
        page = await waiting_page(browser)
        first = (await last_to(at, GRACE, Kind.CONFIRM_SIGN_UP)).link or ""
        at.time.pass_(30)
        await browser.submit(page, step="resend")
        second = (await last_to(at, GRACE, Kind.CONFIRM_SIGN_UP)).link or ""
        assert first != second
        assert (await at.browser().http.get(first, follow_redirects=True)).status_code == 410
        assert (await press(at.browser(), second)).status_code == 200


TOKENS: dict[str, Any] = {
    "none": lambda _: "",
    "cut": lambda t: t[:-1],
    "longer": lambda t: f"{t}x",
    "the first half": lambda t: t.partition(".")[0],
    "the second half": lambda t: t.partition(".")[2],
    "halves swapped": lambda t: ".".join(reversed(t.split("."))),
    "another secret": lambda t: f"{t.partition('.')[0]}.{'A' * 43}",
    "another case": lambda t: t.swapcase(),
    "huge": lambda t: t * 100,
    "markup": lambda _: "%3Cscript%3Ealert(1)%3C/script%3E",
    "a new header": lambda _: "x%0d%0aSet-Cookie:%20a=b",
    "NUL": lambda t: f"{t}%00",
    "no UTF-8": lambda _: "%ff%fe",
}


@each("change", TOKENS)
async def test_what_is_not_the_link_is_nothing(change: Any) -> None:
    async with house(open_pool()) as at:
        url = await link(at)
        base, _, token = url.partition("token=")
        browser = at.browser()
        page = await browser.http.get(f"{base}token={change(token)}", follow_redirects=True)
        assert page.status_code in {400, 410}
        assert "<script>alert" not in page.text
        assert "a" not in browser.http.cookies
        assert await state(at) == "unconfirmed"
        assert (await press(at.browser(), url)).status_code == 200


@each("query", {"no token": "", "two tokens": "token=a&token=b", "other names": "code=a&state=b"})
async def test_an_address_without_a_token_is_an_error_page(query: str) -> None:
    async with house(open_pool()) as at:
        page = await at.browser().http.get(f"{BASE}/{POOL}/confirm?{query}", follow_redirects=True)
        assert page.status_code in {400, 410}
        assert 'id="error"' in page.text


@each(
    "forged",
    {
        "no token": ({"step": "confirm"}, {}),
        "a foreign token": ({"csrf": "x" * 43}, {}),
        "from another site": (None, {"sec-fetch-site": "cross-site"}),
        "from another origin": (None, {"origin": "https://evil.example"}),
    },
)
async def test_nobody_else_presses_the_button(forged: tuple[dict[str, str] | None, dict[str, str]]) -> None:
    """W1."""
    form, headers = forged
    async with house(open_pool()) as at:
        url = await link(at)
        browser = at.browser()
        page = await browser.http.get(url, follow_redirects=True)
        refused = await browser.http.post(str(page.url), data=hidden(page) if form is None else form, headers=headers)
        assert refused.status_code == 403
        assert error_code(refused) == "csrf"
        assert await state(at) == "unconfirmed"
        assert (await browser.http.post(str(page.url), data=hidden(page))).status_code == 200


async def test_a_form_of_one_browser_is_nothing_in_another() -> None:
    async with house(open_pool()) as at:
        url = await link(at)
        one, two = at.browser(), at.browser()
        page = await one.http.get(url, follow_redirects=True)
        await two.http.get(url, follow_redirects=True)
        assert (await two.http.post(str(page.url), data=hidden(page))).status_code == 403
        assert (await one.http.post(str(page.url), data=hidden(page))).status_code == 200


async def test_the_host_that_was_asked_is_not_in_the_link() -> None:
    """W6: password reset poisoning."""
    async with house(open_pool()) as at:
        browser = at.browser()
        browser.http.headers.update(
            {"x-forwarded-host": "evil.example", "x-forwarded-proto": "https", "forwarded": "host=evil.example"}
        )
        await waiting_page(browser)
        mail = await last_to(at, GRACE, Kind.CONFIRM_SIGN_UP)
        assert (mail.link or "").startswith(BASE)
        assert "evil.example" not in mail.text + (mail.html or "")


async def test_links_are_kept_from_caches_and_referrers() -> None:
    async with house(open_pool()) as at:
        url = await link(at)
        page = await at.browser().http.get(url, follow_redirects=True)
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["referrer-policy"] == "same-origin"
        assert page.headers["x-frame-options"] == "DENY"


async def test_a_link_is_of_its_pool() -> None:
    async with house(open_pool(), open_pool("other_Pool2")) as at:
        url = await link(at)
        foreign = url.replace(POOL, "other_Pool2")
        assert (await at.browser(pool_id="other_Pool2").http.get(foreign, follow_redirects=True)).status_code == 410
        assert (await press(at.browser(), url)).status_code == 200


async def test_a_link_of_another_purpose_confirms_nothing() -> None:
    """A token is spent for the purpose that it was made for."""
    async with house(open_pool()) as at:
        url = await link(at)
        token = url.partition("token=")[2]
        page = await at.browser().http.get(f"{BASE}/{POOL}/notMe?token={token}", follow_redirects=True)
        assert page.status_code == 410
        assert (await press(at.browser(), url)).status_code == 200


async def test_no_token_is_logged() -> None:
    async with house(open_pool(), talkative=False) as at:
        url = await link(at)
        await press(at.browser(), url)
        token = url.partition("token=")[2]
        for half in token.split("."):
            assert half not in repr(at.events)
            assert half not in repr(at.logs)
