"""Markup in whatever others may name: it is shown as text, or not at all."""

import re
from html.parser import HTMLParser
from urllib.parse import quote

import httpx
import pytest

from authserver.model.pools import Branding, ResourceServer, Scope
from tests.journeys.house import (
    ADA,
    ISSUER,
    PASSWORD,
    POOL,
    answered,
    client,
    each,
    house,
    pool,
)

pytestmark = pytest.mark.anyio

MARKUP = {
    "element": "<script>alert(1)</script>",
    "broken out of an attribute": '"><img src=x onerror=alert(1)>',
    "single quotes": "' onmouseover='alert(1)",
    "end of a comment": "--><svg onload=alert(1)>",
    "template": "{{7*7}}{% raw %}${7*7}#{7*7}",
    "entity": "&lt;script&gt;&#60;b&#62;",
    "end of style": "</style><script>alert(1)</script>",
    "style": "}body{background:url(//evil.example)}",
    "direction": "\u202egnp.exe\u2066<b>",
}


class Page(HTMLParser):
    """What a browser makes of a page: the elements, and the attributes that do something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.handlers: list[str] = []
        self.addresses: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on") or name == "style"]
        self.addresses += [value or "" for name, value in attrs if name in {"href", "src", "action", "formaction"}]


ELEMENTS = {
    "html", "head", "meta", "title", "link", "body", "header", "span", "bdi", "main", "div", "h1", "h2", "p", "form", "input",
    "label", "button", "footer", "nav", "ul", "li", "a", "wbr", "svg", "path", "circle", "rect", "img", "em", "small", "code",
    "details", "summary", "dl", "dt", "dd", "strong", "style", "script",
}  # fmt: skip


def inert(answer: httpx.Response) -> None:
    page = Page(answer.text)
    assert page.elements <= ELEMENTS, page.elements - ELEMENTS
    assert page.handlers == []
    assert (
        re.sub(
            r'<script type="module" src="/static/[a-z]+\.[0-9a-f]+\.js" nonce="[\w-]+"></script>', "", answer.text
        ).count("<script")
        == 0
    )
    for address in page.addresses:
        assert re.match(r"(https?://localhost:8000/|/static/|\?|https://(shop|app)\.example)", address), address
    assert "\u202e" not in re.sub(r'value="[^"]*"', "", answer.text)
    assert "49" not in re.findall(r"<h1>.*?</h1>", answer.text, re.DOTALL)[0]


@each("text", MARKUP)
async def test_names_from_settings_are_text_on_every_page(text: str) -> None:
    """W7: client, pool, API, scope and user names."""
    servers = (ResourceServer("https://orders.example", text, (Scope("read", text),)),)
    dressed = pool(name=text, resource_servers=servers)
    clients = (
        client(client_name=text, require_consent=True),
        client("web-2", client_name="plain", require_consent=True),
    )
    async with house(dressed, clients=clients) as at:
        await at.change_user(ADA, attributes={"name": text}, email=text[:30] + "@x")
        browser = at.browser()
        page = await browser.login_page()
        inert(page)
        page = await browser.open(await browser.submit(page, step="identifier", username="ada"))
        inert(page)
        wrong = await browser.submit(page, step="password", password="wrong")
        inert(wrong)
        page = await browser.open(await browser.submit(page, step="password", password=PASSWORD))
        inert(page)
        assert 'id="approve"' in page.text
        chooser = await browser.login_page(prompt="select_account")
        inert(chooser)
        inert(await browser.http.get(f"{ISSUER}/logout"))
        assert "code" in answered(await browser.submit(page, step="consent", decision="approve"))


@each("text", MARKUP)
@each("name", ("login_hint", "state", "nonce", "ui_locales", "claims", "prompt", "scope", "response_type", "foo<b>"))
async def test_parameters_are_text_wherever_they_come_back(name: str, text: str) -> None:
    """W7: on the page, and on the error page when nothing may be redirected."""
    async with house() as at:
        browser = at.browser()
        answer = await browser.authorize(**{name: text})
        if "/login?" in answer.headers["location"]:
            inert(await browser.open(answer))
        else:
            assert re.fullmatch(r"[\x20\x21\x23-\x5b\x5d-\x7e]*", answered(answer)["error_description"])
        inert(await browser.authorize(**{name: text, "redirect_uri": f"https://evil.example/{text}"}))
        inert(await browser.authorize(**{name: text, "client_id": text}))
        stale = await browser.http.get(f"{ISSUER}/login", params={"signin": text, name: text, "lang": text})
        assert stale.status_code == 410
        inert(stale)


@each("text", MARKUP)
async def test_what_a_person_types_is_text(text: str) -> None:
    async with house() as at:
        browser = at.browser()
        page = await browser.login_page()
        answer = await browser.submit(page, step="identifier", username=text)
        inert(answer if answer.status_code == 422 else await browser.open(answer))


@each("text", MARKUP)
async def test_a_path_and_a_pool_that_do_not_exist_are_not_repeated(text: str) -> None:
    async with house() as at:
        for path in (f"/{text}", f"/{text}/login", f"/{POOL}/{text}", f"/static/{text}"):
            answer = await at.raw("GET", path)
            assert answer.status == 404
            assert text.encode() not in answer.body


@each(
    "address",
    ("javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "//evil.example", "https://a@evil.example", "vbscript:x",
     'https://x.example/"onclick="alert(1)', "http://[", "\x01javascript:alert(1)", " javascript:alert(1)"),
)  # fmt: skip
async def test_a_clients_links_lead_only_where_links_may(address: str) -> None:
    """W7: logo, terms, policy, and the pool's logo."""
    clients = (
        client(require_consent=True, logo_uri=address, policy_uri=address, tos_uri=address, client_uri=address),
        client("twin", require_consent=True, policy_uri="https://shop.example/privacy"),
    )
    async with house(pool(branding=Branding(logo=address)), clients=clients) as at:
        browser = at.browser()
        await browser.arrive()
        inert(await browser.login_page())
        good = await browser.login_page(client_id="twin")
        assert 'href="https://shop.example/privacy"' in good.text


async def test_the_restart_link_carries_a_request_and_nothing_else() -> None:
    async with house() as at:
        browser = at.browser()
        page = await browser.login_page(state='"><script>alert(1)</script>', nonce="javascript:alert(1)")
        at.time.pass_(3600)
        gone = await browser.http.get(str(page.url))
        inert(gone)
        assert f'href="{ISSUER}/oauth2/authorize?' in gone.text
        assert quote("<script>", safe="") in gone.text


async def test_a_pools_texts_are_text() -> None:
    texts = {"en": {"sign_in.note": "<b>hi</b><script>x</script>", "footer.note": "<i>x</i>"}}
    async with house(pool(branding=Branding(tokens={"color-accent": "red;}</style><script>"}, texts=texts))) as at:
        page = await at.browser().login_page()
        inert(page)
        assert "&lt;b&gt;hi" in page.text
