"""What people do at the pages beyond signing in by password: register, read mail, set factors up."""

import html
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import pyotp

from authserver.messages.kinds import Kind
from authserver.messages.transport import Envelope
from authserver.model.pools import MfaPolicy, Pool, SignUpPolicy
from tests.authenticator import SoftAuthenticator
from tests.journeys.house import BASE, POOL, Browser, House, claims, hidden, pool

NEW_PASSWORD = "wobbly-teapot-orchard"


def open_pool(pool_id: str = POOL, *, sign_up: dict[str, Any] | None = None, **changes: Any) -> Pool:
    """A pool where people may register themselves."""
    return pool(pool_id, sign_up=SignUpPolicy(**{"enabled": True} | (sign_up or {})), **changes)


def mfa_pool(mode: str = "required", factors: tuple[str, ...] = ("totp",), **changes: Any) -> Pool:
    """A pool with second factors."""
    more = {k: changes.pop(k) for k in ("first_factors", "acr_levels", "nudge") if k in changes}
    return pool(mfa=MfaPolicy(mode=mode, factors=factors, **more), **changes)  # type: ignore[arg-type]  # the literals


# ------------------------------------------------------------------------------------------------------ registering


def link_of(page: httpx.Response, element_id: str) -> str:
    """Where the link with this id leads."""
    found = re.search(rf'<a[^>]*\bid="{element_id}"[^>]*>', page.text)
    assert found is not None, f"no link {element_id}: {page.status_code} {page.text}"
    target = re.search(r'href="([^"]+)"', found[0])
    assert target is not None
    return html.unescape(target[1])


async def sign_up_page(browser: Browser, **changes: str | None) -> httpx.Response:
    """The form for a new account."""
    return await browser.http.get(link_of(await browser.login_page(**changes), "sign-up"))


FORM = {"username": "grace", "email": "grace@example.com", "new_password": NEW_PASSWORD}


async def register(browser: Browser, page: httpx.Response | None = None, **fields: str | None) -> httpx.Response:
    """Send the form: Grace's, with changes; None leaves a field out. Returns the answer."""
    page = page or await sign_up_page(browser)
    form = {k: v for k, v in (FORM | fields).items() if v is not None}
    return await browser.http.post(str(page.url), data=hidden(page, "sign_up") | form)


async def waiting_page(browser: Browser, **fields: str | None) -> httpx.Response:
    """Grace has registered: the page that waits for her code."""
    page = await browser.open(await register(browser, **fields))
    await browser.house.mail()  # delivered before the next one
    return page


async def newcomer(at: House, browser: Browser, **fields: str | None) -> httpx.Response:
    """Grace registers and gives the code: the answer to it."""
    page = await waiting_page(browser, **fields)
    code = await at.last_code(fields.get("email") or FORM["email"])
    return await browser.submit(page, step="confirm", code=code)


def fault_at(page: httpx.Response, element_id: str) -> str | None:
    """The sentence beside the field, as its `aria-describedby` names it."""
    found = re.search(rf'<input[^>]*\bid="{re.escape(element_id)}"[^>]*>', page.text)
    assert found is not None, f"no field {element_id}: {page.status_code} {page.text}"
    described = re.search(r'aria-describedby="([^"]+)"', found[0])
    if described is None or 'aria-invalid="true"' not in found[0]:
        return None
    for problem in described[1].split():
        sentence = re.search(rf'id="{re.escape(problem)}"[^>]*>(.*?)</p>', page.text, re.DOTALL)
        if problem.endswith("problem") and sentence is not None:
            text = html.unescape(re.sub(r"<svg.*?</svg>|<[^>]+>", "", sentence[1], flags=re.DOTALL)).strip()
            assert text, "an empty sentence"
            return text
    raise AssertionError(f"the field {element_id} is invalid and does not say why")


def value_at(page: httpx.Response, element_id: str) -> str | None:
    """What stands in the field."""
    found = re.search(rf'<input[^>]*\bid="{re.escape(element_id)}"[^>]*>', page.text)
    value = re.search(r' value="([^"]*)"', found[0]) if found is not None else None
    return html.unescape(value[1]) if value is not None else None


def words_of(page: httpx.Response) -> str:
    """What a person reads on the page."""
    main = page.text.partition("<main")[2].partition("</main>")[0]
    bare = re.sub(r"<svg.*?</svg>|<wbr>", "", main, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", bare)).split())


def step_of(page: httpx.Response) -> str:
    """The step whose form the page has first."""
    return hidden(page)["step"]


def steps_on(page: httpx.Response) -> list[str]:
    """All steps for which the page has a form."""
    return re.findall(r'name="step" value="([^"]+)"', page.text)


# ------------------------------------------------------------------------------------------------ looking the same

_NOISE = (
    (re.compile(r"signin=[A-Za-z0-9_-]+"), "signin=?"),
    (re.compile(r'name="csrf" value="[^"]+"'), "csrf"),
    (re.compile(r'nonce="[^"]+"|\'nonce-[^\']+\''), "nonce"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "id"),
    (re.compile(r"&#34;challenge&#34;: &#34;[^&]+&#34;"), "challenge"),
)


def look(answer: httpx.Response, *names: str) -> tuple[int, list[tuple[str, str]], list[str], str]:
    """Status, headers, cookies and text, without what differs at random; `names` are what was typed."""
    headers = [(k, v) for k, v in answer.headers.multi_items() if k not in {"x-request-id", "date", "content-length"}]
    cookies = [re.sub(r"=[^;]+", "=?", v, count=1) for k, v in headers if k == "set-cookie"]

    def plain(text: str) -> str:
        for pattern, word in _NOISE:
            text = pattern.sub(word, text)
        text = text.replace("<wbr>", "")
        for name in names:
            text = text.replace(html.escape(name, quote=True), "NAME").replace(name, "NAME")
        return text

    kept = [(k, plain(v)) for k, v in headers if k != "set-cookie"]
    return answer.status_code, sorted(kept), cookies, plain(answer.text)


# -------------------------------------------------------------------------------------------------------------- mail


async def kinds_to(at: House, to: str) -> list[Kind]:
    """The kinds of messages to this address, oldest first."""
    return [e.kind for e in await at.mail(to)]


async def last_to(at: House, to: str, kind: Kind) -> Envelope:
    return [e for e in await at.mail(to) if e.kind == kind][-1]


async def press(browser: Browser, url: str) -> httpx.Response:
    """Open a link of a message and press its button: the answer to that."""
    page = await browser.http.get(url, follow_redirects=True)
    assert page.status_code == 200, page.text
    return await browser.http.post(str(page.url), data=hidden(page))


# ----------------------------------------------------------------------------------------------------------- factors


@dataclass
class App:
    """An authenticator app of another make."""

    at: House
    secret: str

    @property
    def code(self) -> str:
        return pyotp.TOTP(self.secret).at(int(self.at.time()))

    @classmethod
    def of(cls, at: House, page: httpx.Response) -> "App":
        found = re.search(r"secret=([A-Z2-7]+)", html.unescape(page.text))
        assert found is not None, page.text
        return cls(at, found[1])


def options_of(page: httpx.Response) -> str:
    """What the page gives to the browser's authenticators."""
    found = re.search(r'data-options="([^"]+)"', page.text)
    assert found is not None, page.text
    return html.unescape(found[1])


def authenticator(**changes: Any) -> SoftAuthenticator:
    return SoftAuthenticator(BASE, **changes)


def codes_of(page: httpx.Response) -> list[str]:
    """The backup codes on the page that shows them."""
    return re.findall(r"[0-9a-hjkmnp-tv-z]{5}-[0-9a-hjkmnp-tv-z]{5}", hidden(page, "download_codes")["codes"])


async def set_up_totp(at: House, browser: Browser, page: httpx.Response) -> tuple[App, httpx.Response]:
    """From the page with the choice of factors, or the set-up itself: an app, and the answer to its first code."""
    if step_of(page) == "enrol":
        page = await browser.open(await browser.submit(page, step="enrol", method="totp"))
    app = App.of(at, page)
    return app, await browser.submit(page, step="enrol_totp", code=app.code)


async def tokens_of(browser: Browser, answer: httpx.Response) -> dict[str, Any]:
    """The claims of both tokens that the authorization response yields, and the tokens."""
    code = dict(p.split("=", 1) for p in urlsplit(answer.headers["location"]).query.split("&"))["code"]
    response = await browser.redeem(code)
    assert response.status_code == 200, response.text
    tokens = response.json()
    return {"id": claims(tokens["id_token"]), "access": claims(tokens["access_token"]), **tokens}
