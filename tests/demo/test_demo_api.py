"""The demo API: who gets in, how far, and what is said to the others."""

from collections.abc import AsyncIterator

import httpx
import pytest

from authserver.demo.api import demo_api
from resource_servers.errors import KeysUnavailable
from resource_servers.testing import ToyIssuer
from tests.demo.fake_op import AUDIENCE, Clock

pytestmark = pytest.mark.anyio

READ = f"{AUDIENCE}/read"
WRITE = f"{AUDIENCE}/write"
SPA = "http://127.0.0.1:8001"
OWN = "http://127.0.0.1:8002"


@pytest.fixture
def issuer() -> ToyIssuer:
    return ToyIssuer("http://localhost:8000/demo_Pool1", audience=AUDIENCE, clock=Clock())


@pytest.fixture
async def api(issuer: ToyIssuer) -> AsyncIterator[httpx.AsyncClient]:
    app = demo_api(issuer.issuer, own_url=OWN, web_url=SPA, validator=issuer.validator(), clock=issuer.clock)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=OWN) as client:
        yield client


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_whoever_may_read_sees_their_orders(api: httpx.AsyncClient, issuer: ToyIssuer) -> None:
    answer = await api.get("/orders", headers=bearer(issuer.token(scope=READ)))
    assert answer.status_code == 200
    assert [order["id"] for order in answer.json()["orders"]] == [2, 1]
    assert answer.headers["cache-control"] == "no-store"


async def test_without_a_token_the_challenge_says_where_to_ask(api: httpx.AsyncClient) -> None:
    answer = await api.get("/orders")
    assert answer.status_code == 401
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith('Bearer realm="orders"')
    assert "error=" not in challenge

    url = challenge.split('resource_metadata="')[1].split('"')[0]
    assert url.startswith(OWN)
    document = (await api.get(url)).json()
    assert document["resource"] == AUDIENCE
    assert document["authorization_servers"] == ["http://localhost:8000/demo_Pool1"]
    assert document["scopes_supported"] == [READ, WRITE]


@pytest.mark.parametrize(
    "flaw",
    [
        {"aud": "https://files.example"},
        {"iss": "http://localhost:8000/other_Pool"},
        {"expires_in": 0},
        {"header": {"typ": "JWT"}},
        {"header": {"kid": "unknown"}},
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_token_with_one_flaw_gets_401(
    api: httpx.AsyncClient, issuer: ToyIssuer, flaw: dict[str, object], method: str
) -> None:
    order = {"item": "Blotter", "quantity": 1}
    bad, good = (issuer.token(scope=f"{READ} {WRITE}", **change) for change in (flaw, {}))

    refused = await api.request(method, "/orders", headers=bearer(bad), json=order)
    assert refused.status_code == 401
    assert 'error="invalid_token"' in refused.headers["www-authenticate"]
    assert (await api.request(method, "/orders", headers=bearer(good), json=order)).status_code in {200, 201}


async def test_a_forged_signature_gets_401(api: httpx.AsyncClient, issuer: ToyIssuer) -> None:
    stranger = ToyIssuer(issuer.issuer, audience=AUDIENCE, clock=issuer.clock)
    assert (await api.get("/orders", headers=bearer(stranger.token(scope=READ)))).status_code == 401
    assert (await api.get("/orders", headers=bearer(issuer.token(scope=READ)))).status_code == 200


@pytest.mark.parametrize(
    ("method", "granted", "needed"),
    [("GET", WRITE, READ), ("POST", READ, WRITE), ("GET", "openid", READ), ("GET", f"{READ}/x", READ)],
)
async def test_a_token_that_does_not_reach_so_far_gets_403(
    api: httpx.AsyncClient, issuer: ToyIssuer, method: str, granted: str, needed: str
) -> None:
    order = {"item": "Blotter", "quantity": 1}
    refused = await api.request(method, "/orders", headers=bearer(issuer.token(scope=granted)), json=order)
    assert refused.status_code == 403
    assert 'error="insufficient_scope", error_description="' in refused.headers["www-authenticate"]
    assert f'scope="{needed}"' in refused.headers["www-authenticate"]

    taken = await api.request(method, "/orders", headers=bearer(issuer.token(scope=needed)), json=order)
    assert taken.status_code in {200, 201}


async def test_a_token_sent_twice_is_a_malformed_request(api: httpx.AsyncClient, issuer: ToyIssuer) -> None:
    token = issuer.token(scope=READ)
    twice = await api.get("/orders", headers=[("Authorization", f"Bearer {token}")] * 2)
    assert twice.status_code == 400


async def test_while_the_keys_cannot_be_had_nobody_is_let_in(issuer: ToyIssuer) -> None:
    class NoKeys:
        async def validate(self, token: str) -> None:
            raise KeysUnavailable("down")

    app = demo_api(issuer.issuer, validator=NoKeys())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=OWN) as client:
        answer = await client.get("/orders", headers=bearer(issuer.token(scope=READ)))
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0


async def test_orders_that_were_placed_are_seen_by_their_owner_alone(api: httpx.AsyncClient, issuer: ToyIssuer) -> None:
    ada, bob = (issuer.token(sub, scope=f"{READ} {WRITE}") for sub in ("ada-1", "bob-1"))
    placed = await api.post("/orders", headers=bearer(ada), json={"item": "  Blotter ", "quantity": 1000})
    assert placed.status_code == 201
    assert (placed.json()["item"], placed.json()["quantity"]) == ("Blotter", 1000)

    seen = (await api.get("/orders", headers=bearer(ada))).json()["orders"]
    assert seen[0] == placed.json()
    others = (await api.get("/orders", headers=bearer(bob))).json()["orders"]
    assert "Blotter" not in {order["item"] for order in others}


@pytest.mark.parametrize(
    ("order", "fields"),
    [
        ({}, {"item", "quantity"}),
        ({"item": " ", "quantity": 1}, {"item"}),
        ({"item": "x" * 101, "quantity": 1}, {"item"}),
        ({"item": "line\nbreak", "quantity": 1}, {"item"}),
        ({"item": "Blotter", "quantity": 0}, {"quantity"}),
        ({"item": "Blotter", "quantity": 1001}, {"quantity"}),
        ({"item": "Blotter", "quantity": True}, {"quantity"}),
        ({"item": "Blotter", "quantity": "2"}, {"quantity"}),
        ({"item": "Blotter", "quantity": 2, "price": 0}, {"price"}),
    ],
)
async def test_an_order_that_breaks_a_rule_is_answered_with_the_rule(
    api: httpx.AsyncClient, issuer: ToyIssuer, order: dict[str, object], fields: set[str]
) -> None:
    answer = await api.post("/orders", headers=bearer(issuer.token(scope=WRITE)), json=order)
    assert answer.status_code == 422
    assert answer.json()["error"] == "invalid_order"
    assert answer.json()["problems"].keys() == fields


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'{"item": "\\ud800", "quantity": 1}', "application/json", 400),
        (b'{"item": "Blotter", "quantity": 1}', "text/plain", 415),
        (b'{"item": "' + b"x" * 20_000 + b'"}', "application/json", 413),
        (b'{"item": "Blotter", "quantity": 1}', "application/json; charset=utf-8", 201),
    ],
)
async def test_a_body_that_is_no_order_at_all_is_refused(
    api: httpx.AsyncClient, issuer: ToyIssuer, body: bytes, content_type: str, status: int
) -> None:
    headers = {**bearer(issuer.token(scope=WRITE)), "Content-Type": content_type}
    answer = await api.post("/orders", headers=headers, content=body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"


async def test_nobody_orders_without_the_scope_however_bad_the_order(api: httpx.AsyncClient, issuer: ToyIssuer) -> None:
    assert (await api.post("/orders", headers=bearer(issuer.token(scope=READ)), content=b"{")).status_code == 403


async def test_other_methods_are_named(api: httpx.AsyncClient) -> None:
    answer = await api.put("/orders")
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}


async def test_scripts_of_the_demo_may_call_and_no_others(api: httpx.AsyncClient) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization, content-type"}
    allowed = await api.options("/orders", headers={"Origin": SPA, **asked})
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == SPA
    assert "authorization" in allowed.headers["access-control-allow-headers"].lower()
    assert "access-control-allow-credentials" not in allowed.headers

    refused = await api.options("/orders", headers={"Origin": "http://127.0.0.1:9999", **asked})
    assert refused.status_code == 400
    assert "access-control-allow-origin" not in refused.headers


async def test_a_script_may_read_why_it_was_refused(api: httpx.AsyncClient) -> None:
    refused = await api.get("/orders", headers={"Origin": SPA})
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == SPA
    assert "WWW-Authenticate" in refused.headers["access-control-expose-headers"]


async def test_the_first_page_needs_no_token_and_says_how_to_call(api: httpx.AsyncClient) -> None:
    page = await api.get("/")
    assert page.status_code == 200
    assert f"curl -i {OWN}/orders" in page.text
    assert READ in page.text
    assert WRITE in page.text
