"""The dev mailbox: the contract that tests of others rely on, and what no other site may do with it."""

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette

from authserver.demo.mailbox import CAPACITY, Mailbox, mailbox_routes
from tests.demo.fake_op import NOW

pytestmark = pytest.mark.anyio

HOST = "http://localhost:8000"
JSON = "/dev/mailbox.json"
PAGE = "/dev/mailbox"


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
async def http(mailbox: Mailbox) -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=mailbox_routes(mailbox))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HOST) as client:
        yield client


def mail(mailbox: Mailbox, to: str = "ada@example.com", code: str = "123456", html: str | None = None) -> None:
    mailbox.add("email", "demo_Pool1", to, "Your code", f"Your code is {code}", html, code, f"{HOST}/go?c={code}", NOW)


def text_message(mailbox: Mailbox, to: str) -> None:
    mailbox.add("sms", "demo_Pool1", to, None, "Your code is 654321", None, "654321", None, NOW)


async def test_the_newest_message_comes_first_with_every_member(http: httpx.AsyncClient, mailbox: Mailbox) -> None:
    mail(mailbox)
    text_message(mailbox, "+821012345678")

    answer = await http.get(JSON)

    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    newest, oldest = answer.json()["messages"]
    assert newest == {
        "id": newest["id"],
        "at": NOW,
        "kind": "sms",
        "pool": "demo_Pool1",
        "to": "+821012345678",
        "subject": None,
        "text": "Your code is 654321",
        "html": None,
        "code": "654321",
        "link": None,
    }
    assert oldest["kind"] == "email"
    assert oldest["link"] == f"{HOST}/go?c=123456"
    assert newest["id"] != oldest["id"]


async def test_to_is_matched_exactly(http: httpx.AsyncClient, mailbox: Mailbox) -> None:
    for to in ("ada@example.com", "Ada@example.com", "ada@example.com.evil"):
        mail(mailbox, to)
    text_message(mailbox, "+821012345678")

    found = (await http.get(JSON, params={"to": "ada@example.com"})).json()["messages"]
    assert [message["to"] for message in found] == ["ada@example.com"]
    assert len((await http.get(JSON, params={"to": "+821012345678"})).json()["messages"]) == 1
    assert (await http.get(JSON, params={"to": "ada"})).json() == {"messages": []}


async def test_delete_empties(http: httpx.AsyncClient, mailbox: Mailbox) -> None:
    mail(mailbox)
    first = (await http.get(JSON)).json()["messages"][0]["id"]

    assert (await http.delete(JSON)).status_code == 204
    assert (await http.get(JSON)).json() == {"messages": []}

    mail(mailbox)
    assert (await http.get(JSON)).json()["messages"][0]["id"] != first, "ids are not given twice"


async def test_delete_with_an_address_leaves_the_others(http: httpx.AsyncClient, mailbox: Mailbox) -> None:
    mail(mailbox, "ada@example.com")
    mail(mailbox, "bob@example.com")
    await http.delete(JSON, params={"to": "ada@example.com"})
    assert [message["to"] for message in (await http.get(JSON)).json()["messages"]] == ["bob@example.com"]


async def test_the_oldest_give_way(http: httpx.AsyncClient, mailbox: Mailbox) -> None:
    for number in range(CAPACITY + 1):
        mail(mailbox, code=str(number))
    messages = (await http.get(JSON)).json()["messages"]
    assert len(messages) == CAPACITY == 500
    assert (messages[0]["code"], messages[-1]["code"]) == ("500", "1")


async def test_the_page_shows_code_and_link(http: httpx.AsyncClient, mailbox: Mailbox) -> None:
    mail(mailbox, code="987654")
    page = await http.get(PAGE)
    assert '<code class="code">987654</code>' in page.text
    assert f'href="{HOST}/go?c=987654"' in page.text
    assert "2026-09-21" in page.text


async def test_an_empty_mailbox_teaches(http: httpx.AsyncClient) -> None:
    page = await http.get(PAGE)
    assert "Nothing yet" in page.text
    assert f"{HOST}/dev/mailbox.json" in page.text
    assert 'id="empty"' not in page.text


async def test_what_a_message_says_is_never_markup_of_the_page(http: httpx.AsyncClient, mailbox: Mailbox) -> None:
    evil = "<script>alert(1)</script>"
    mailbox.add("email", evil, evil, evil, evil, evil, evil, "javascript:alert(1)", NOW)
    page = await http.get(PAGE)
    assert "<script" not in page.text
    assert "javascript:" not in page.text
    assert "script-src 'none'" in page.headers["content-security-policy"]


async def test_the_html_of_a_mail_has_a_document_of_its_own_without_scripts(
    http: httpx.AsyncClient, mailbox: Mailbox
) -> None:
    mail(mailbox, html="<!doctype html><html><head><title>x</title></head><body><a href='/x'>go</a></body></html>")
    page = await http.get(PAGE)
    frame = page.text.split("<iframe ")[1].split(">")[0]
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in frame

    source = frame.split('src="')[1].split('"')[0]
    shown = await http.get(source)
    policy = shown.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none';")
    assert "allow-scripts" not in policy + frame
    assert "allow-same-origin" not in policy + frame
    assert shown.text.startswith('<!doctype html><html><head><base target="_blank"><title>')
    assert (await http.get(f"{PAGE}/mail/999")).status_code == 404


@pytest.mark.parametrize(("method", "path"), [("DELETE", JSON), ("DELETE", PAGE), ("POST", PAGE)])
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:3000"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "null"},
    ],
)
async def test_no_other_site_empties_it(
    http: httpx.AsyncClient, mailbox: Mailbox, method: str, path: str, headers: dict[str, str]
) -> None:
    mail(mailbox)
    assert (await http.request(method, path, headers=headers)).status_code == 403
    assert len(mailbox.messages()) == 1

    own = {"Sec-Fetch-Site": "same-origin"} if "Sec-Fetch-Site" in headers else {"Origin": HOST}
    assert (await http.request(method, path, headers=own)).status_code in {204, 303}
    assert mailbox.messages() == []


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("localhost:8000", True),
        ("localhost", True),
        ("LOCALHOST:8000", True),
        ("127.0.0.1:8000", True),
        ("127.8.9.1", True),
        ("[::1]:8000", True),
        ("rebound.example:8000", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("192.168.0.7:8000", False),
        ("localhost@evil.example", False),
        ("evil.example/localhost", False),
        ("[::1", False),
        ("localhost:port", False),
        ("", False),
    ],
)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", JSON), ("GET", PAGE), ("DELETE", JSON), ("GET", f"{PAGE}/mail/1")]
)
async def test_only_names_of_this_machine_are_answered(
    http: httpx.AsyncClient, mailbox: Mailbox, host: str, local: bool, method: str, path: str
) -> None:
    mail(mailbox, html="<p>Hello</p>")
    answer = await http.request(method, path, headers={"Host": host})
    assert (answer.status_code != 421) == local
    if not local:
        assert "123456" not in answer.text
        assert len(mailbox.messages()) == 1
