"""The gate alone: what it finds, what it adds, and what becomes of exceptions."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from authserver.effects import SystemRandom
from authserver.errors import NotFound, Refusal
from authserver.gate import Gate, Lifecycle
from authserver.metrics import Metrics
from authserver.services import Endpoint
from authserver.web import HTML, Answer, Gone, Message, Receive, Request, Scope, Send
from tests.journeys.house import each

pytestmark = pytest.mark.anyio


class Issuers:
    async def get(self, pool: str) -> str:
        if pool != "pool_1":
            raise NotFound(detail=f"no pool {pool}")
        return f"issuer of {pool}"


class Services:
    """As much of `Services` as the gate looks at."""

    random = SystemRandom()
    issuers = Issuers()
    base_url = "http://localhost:8000"

    def __init__(self, *, secure: bool = False) -> None:
        self.secure = secure

    def show_error(self, services: Any, request: Request, issuer: Any, refusal: Refusal) -> Answer:
        return Answer(500, [HTML], f"page for {refusal.code} {request.id}".encode())


def refuse(services: Any, request: Request, issuer: Any, refusal: Refusal) -> Answer:
    return Answer(400, [], f"{refusal.code} at {issuer}".encode())


async def handler(services: Any, issuer: Any, request: Request) -> Answer:
    match request.header(b"do"):
        case "refuse":
            raise NotFound
        case "explain":
            raise NotFound(detail="the private half")
        case "break":
            raise RuntimeError("broken")
        case "hang up":
            raise Gone
        case "page":
            return Answer(200, [HTML, (b"content-security-policy", b"own")], b"<p>")
    return Answer(200, [], f"{issuer} {request.path}".encode())


async def starlette(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["path"] == "/breaks":
        raise RuntimeError("broken")
    await send({"type": "http.response.start", "status": 418, "headers": [(b"content-security-policy", b"own")]})
    if scope["path"] == "/breaks/late":
        raise RuntimeError("broken")
    await send({"type": "http.response.body", "body": b"tea"})


class Door:
    def __init__(self, *, secure: bool = False, access_log: bool = False) -> None:
        self.metrics, self.lifecycle = Metrics(), Lifecycle()
        endpoints = {
            "a/b": Endpoint("ab", {"GET": handler, "POST": handler}, refuse, cors=True),
            "closed": Endpoint("closed", {"GET": handler}, refuse),
        }
        services: Any = Services(secure=secure)
        self.gate = Gate(services, endpoints, starlette, self.metrics, self.lifecycle, access_log=access_log)

    async def ask(self, path: str, method: str = "GET", do: str = "") -> tuple[int, dict[str, list[str]], bytes]:
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)

        headers = [(b"do", do.encode())] if do else []
        await self.gate(
            {"type": "http", "path": path, "method": method, "headers": headers, "query_string": b""}, receive, send
        )
        if not sent:
            return 0, {}, b""
        found: dict[str, list[str]] = {}
        for name, value in sent[0]["headers"]:
            found.setdefault(name.decode(), []).append(value.decode())
        return sent[0]["status"], found, b"".join(m.get("body", b"") for m in sent[1:])


@each(
    "case",
    {
        "endpoint": ("/pool_1/a/b", 200, b"issuer of pool_1 a/b"),
        "unknown pool": ("/pool_2/a/b", 400, b"not_found at None"),
        "no pool": ("//a/b", 400, b"not_found at None"),
        "below": ("/pool_1/a/b/", 418, b"tea"),
        "above": ("/pool_1/a", 418, b"tea"),
        "dotted pool": ("/.well-known/a/b", 418, b"tea"),
        "root": ("/", 418, b"tea"),
        "nothing": ("", 418, b"tea"),
    },
)
async def test_an_endpoint_is_found_by_its_exact_path(case: tuple[str, int, bytes]) -> None:
    path, status, body = case
    found, _, said = await Door().ask(path)
    assert (found, said) == (status, body)


async def test_every_answer_has_an_id_of_its_own_and_the_headers() -> None:
    door = Door(secure=True)
    ids = set()
    for path, do in (("/pool_1/a/b", ""), ("/pool_1/a/b", "refuse"), ("/pool_1/a/b", "break"), ("/x", "")):
        _, headers, _ = await door.ask(path, do=do)
        ids.add(headers["x-request-id"][0])
        assert headers["x-content-type-options"] == ["nosniff"]
        assert headers["strict-transport-security"] == ["max-age=31536000; includeSubDomains"]
        assert len(headers["content-security-policy"]) == 1
    assert len(ids) == 4


async def test_a_page_brings_its_own_policy() -> None:
    _, headers, _ = await Door().ask("/pool_1/a/b", do="page")
    assert headers["content-security-policy"] == ["own"]
    assert "x-content-type-options" not in headers  # html_headers has it
    assert "strict-transport-security" not in headers


@each(
    "case",
    {
        "OPTIONS, open": ("/pool_1/a/b", "OPTIONS", 204),
        "OPTIONS, closed": ("/pool_1/closed", "OPTIONS", 400),
        "PUT": ("/pool_1/a/b", "PUT", 400),
    },
)
async def test_methods(case: tuple[str, str, int]) -> None:
    path, method, status = case
    found, headers, _ = await Door().ask(path, method)
    assert found == status
    assert ("access-control-allow-origin" in headers) is (status == 204)
    assert headers.get("allow") == (None if status == 204 else ["GET, POST" if "a/b" in path else "GET"])


async def test_only_what_is_private_in_a_refusal_is_worth_a_line() -> None:
    with capture_logs() as logs:
        door = Door()
        await door.ask("/pool_1/a/b", do="refuse")
        await door.ask("/pool_1/a/b", do="explain")
    assert [(line["endpoint"], line["code"], line["detail"]) for line in logs] == [
        ("ab", "not_found", "the private half")
    ]


async def test_an_exception_is_logged_and_answered_barely() -> None:
    with capture_logs() as logs:
        door = Door()
        status, _, body = await door.ask("/pool_1/a/b", do="break")
        assert (status, body) == (400, b"internal at issuer of pool_1")
        status, headers, body = await door.ask("/breaks")
        assert (status, body) == (500, f"page for internal {headers['x-request-id'][0]}".encode())
        status, _, body = await door.ask("/breaks/late")
        assert (status, body) == (418, b"")  # it had begun to answer
    assert [line["log_level"] for line in logs] == ["error"] * 3


async def test_nobody_is_answered_who_is_not_there() -> None:
    door = Door()
    assert await door.ask("/pool_1/a/b", do="hang up") == (0, {}, b"")
    assert door.metrics.requests == {}


async def test_while_draining_connections_are_closed() -> None:
    door = Door()
    for path in ("/pool_1/a/b", "/x"):
        assert "connection" not in (await door.ask(path))[1]
    door.lifecycle.draining = True
    for path in ("/pool_1/a/b", "/x"):
        assert (await door.ask(path))[1]["connection"] == ["close"]


async def test_requests_are_counted_by_endpoint_and_status() -> None:
    door = Door()
    for path in ("/pool_1/a/b", "/pool_2/a/b", "/x", "/y"):
        await door.ask(path)
    await door.ask("/pool_1/a/b", "BREW")
    assert door.metrics.requests == {
        ("ab", "GET", 200): 1,
        ("ab", "GET", 400): 1,
        ("ab", "other", 400): 1,
        ("other", "GET", 418): 2,
    }
    assert {name: sum(h.counts) for name, h in door.metrics.latency.items()} == {"ab": 3, "other": 2}


@each("access_log", {"off": False, "on": True})
async def test_an_access_log_has_a_line_for_every_request_without_its_query(access_log: bool) -> None:
    with capture_logs() as logs:
        door = Door(access_log=access_log)
        await door.ask("/pool_1/a/b")
        await door.ask("/x")
    lines = [(line["event"], line["path"], line["status"]) for line in logs]
    assert lines == ([("request", "/pool_1/a/b", 200), ("request", "/x", 418)] if access_log else [])


async def test_other_protocols_go_past_it() -> None:
    seen: list[str] = []

    async def fallback(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    services: Any = Services()
    gate = Gate(services, {}, fallback, Metrics(), Lifecycle())
    await gate({"type": "lifespan"}, None, None)  # type: ignore[arg-type]  # nothing is received or sent
    assert seen == ["lifespan"]
