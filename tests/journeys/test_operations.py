"""Running the server: stores that fail, exceptions nobody foresaw, health, draining, metrics."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import orjson
import pytest
from prometheus_client.parser import text_string_to_metric_families

from authserver.errors import StoreUnavailable
from authserver.metrics import exposition
from authserver.store import Stores
from tests.journeys.house import ISSUER, POOL, SECRET, Browser, House, answered, each, error_code, house

pytestmark = pytest.mark.anyio

ROLES = ("registry", "directory", "grants", "sessions", "one_time", "counters")


class Failing:
    """A role in front of the memory one, which fails while `fault` is set."""

    def __init__(self, role: Any) -> None:
        self._role = role
        self.fault: Exception | None = None

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._role, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            if self.fault is not None:
                raise self.fault
            return await method(*args, **kwargs)

        return call


Faults = dict[str, Failing]


@asynccontextmanager
async def fragile() -> AsyncIterator[tuple[House, Faults]]:
    """A server whose stores can be made to fail."""
    faults: Faults = {}

    def decorate(stores: Stores) -> Stores:
        faults.update({name: Failing(getattr(stores, name)) for name in ROLES})
        return replace(stores, **faults)

    async with house(decorate=decorate) as at:
        yield at, faults


def down(faults: Faults, *names: str, fault: Exception | None = None) -> None:
    for name in names or ROLES:
        faults[name].fault = fault or StoreUnavailable(detail="connection refused at 10.0.0.7")


def up(faults: Faults) -> None:
    for failing in faults.values():
        failing.fault = None


JSON_503 = {
    "error": "temporarily_unavailable",
    "error_description": "A part of the service does not answer at the moment.",
}


def unavailable(answer: httpx.Response) -> None:
    assert answer.status_code == 503, (answer.status_code, answer.headers)
    assert answer.headers["retry-after"] == "2"
    assert "10.0.0.7" not in answer.text
    if answer.headers["content-type"] == "application/json":
        assert answer.json() == JSON_503
    else:
        assert error_code(answer) == "unavailable"


async def test_with_all_stores_down_everything_is_unavailable_but_what_needs_none() -> None:
    """R6: only 503 with Retry-After, JWKS and discovery unaffected, healthy as soon as the stores are."""
    async with fragile() as (at, faults):
        browser = at.browser()
        tokens = await browser.tokens()
        code = await browser.code()
        page = await browser.login_page(prompt="login")
        down(faults)
        for path in (".well-known/jwks.json", ".well-known/openid-configuration"):
            assert (await browser.http.get(f"{ISSUER}/{path}")).status_code == 200
        assert (await browser.http.get("/healthz")).status_code == 200
        unavailable(await browser.authorize())
        unavailable(await browser.http.get(str(page.url)))
        unavailable(await browser.submit(page, step="password", password="x"))
        unavailable(await browser.http.get(f"{ISSUER}/logout"))
        unavailable(await browser.http.get(f"{ISSUER}/oauth2/logout"))
        unavailable(await browser.redeem(code))
        unavailable(await browser.refresh(tokens["refresh_token"]))
        unavailable(await browser.revoke(tokens["access_token"]))
        unavailable(await browser.userinfo(tokens["access_token"]))
        assert (await browser.token("machine", grant_type="client_credentials")).status_code == 503
        up(faults)
        assert (await browser.redeem(code)).status_code == 200  # nothing was spent
        assert (await browser.refresh(tokens["refresh_token"])).status_code == 200
        assert (await browser.userinfo(tokens["access_token"])).status_code == 200
        assert "code" in answered(await browser.authorize())


async def test_once_its_reading_has_aged_even_the_keys_need_the_registry() -> None:
    """Fail closed: a process that cannot know whether a key was withdrawn does not go on for ever."""
    async with fragile() as (at, faults):
        browser = at.browser()
        assert (await browser.http.get(f"{ISSUER}/.well-known/jwks.json")).status_code == 200
        down(faults, "registry")
        at.time.pass_(29)
        assert (await browser.http.get(f"{ISSUER}/.well-known/jwks.json")).status_code == 200
        at.time.pass_(1)
        unavailable(await browser.http.get(f"{ISSUER}/.well-known/jwks.json"))


@each("role", ("directory", "grants", "sessions", "one_time", "counters"))
async def test_no_missing_store_lets_anybody_in(role: str) -> None:
    """I8: never fail-open, whichever store is missing in the middle of a sign-in."""
    async with fragile() as (at, faults):
        browser = at.browser()
        page = await browser.login_page()
        page = await browser.open(await browser.submit(page, step="identifier", username="ada"))
        down(faults, role)
        for password in ("wrong", "correct-horse-battery"):
            answer = await browser.submit(page, step="password", password=password)
            assert "code=" not in answer.headers.get("location", "")
            assert answer.status_code in {422, 503}
        up(faults)
        again = await browser.http.get(str(page.url))
        if again.status_code == 200:
            answer = await browser.submit(again, step="password", password="correct-horse-battery")
            assert "code" in answered(answer)
        else:
            assert again.status_code in {302, 410}
            assert "code" in answered(await browser.sign_in())


async def test_a_session_that_cannot_be_stored_is_not_given_away() -> None:
    """What was proven is not lost either: the page asks again, it does not break."""
    async with fragile() as (at, faults):
        browser = at.browser()
        page = await browser.login_page(client_id="asks")
        page = await browser.open(await browser.submit(page, step="identifier", username="ada"))
        sessions = faults["sessions"]._role
        put = sessions.put_session

        async def refuse(*_: Any) -> None:
            raise StoreUnavailable

        sessions.put_session = refuse
        unavailable(await browser.submit(page, step="password", password="correct-horse-battery"))
        sessions.put_session = put
        again = await browser.http.get(str(page.url))
        assert 'id="password"' in again.text
        page = await browser.open(await browser.submit(again, step="password", password="correct-horse-battery"))
        assert 'id="approve"' in page.text


@each("role", ("grants", "one_time"))
async def test_a_redemption_that_breaks_off_gives_nothing_twice(role: str) -> None:
    """DESIGN 6.1: a crash in between costs one retry and never yields two tokens."""
    async with fragile() as (at, faults):
        browser = at.browser()
        code = await browser.code()
        down(faults, role)
        unavailable(await browser.redeem(code))
        up(faults)
        retried = await browser.redeem(code)
        if role == "one_time":
            assert retried.status_code == 200
        else:
            assert retried.json()["error"] == "invalid_grant"  # it was spent, and nothing came of it
        assert at.kinds().count("token.issued") == (1 if role == "one_time" else 0)


async def test_a_sign_out_that_breaks_off_says_so_and_can_be_repeated() -> None:
    async with fragile() as (at, faults):
        browser = at.browser()
        hint = (await browser.tokens())["id_token"]
        url = f"{ISSUER}/oauth2/logout"
        down(faults, "grants")
        broken = await browser.http.get(url, params={"id_token_hint": hint})
        unavailable(broken)
        assert "set-cookie" not in broken.headers
        up(faults)
        assert (await browser.http.get(url, params={"id_token_hint": hint})).status_code == 302
        assert "/login?" in (await browser.authorize()).headers["location"]


@each(
    "fault",
    {"bug": KeyError("canary-secret"), "assertion": AssertionError("canary-secret"), "os": OSError(5, "canary-secret")},
)
async def test_an_exception_that_nobody_foresaw_is_a_bare_error_with_an_id(fault: Exception) -> None:
    async with fragile() as (at, faults):
        browser = at.browser()
        token = (await browser.tokens())["access_token"]
        page = await browser.login_page(prompt="login")
        down(faults, "directory", "sessions", fault=fault)
        machine = await browser.userinfo(token)
        assert machine.status_code == 500
        assert machine.json() == {
            "error": "server_error",
            "error_description": "Something went wrong on our side.",
        }
        for answer in (await browser.http.get(str(page.url)), await browser.authorize()):
            assert (answer.status_code, error_code(answer)) == (500, "internal")
            assert answer.headers["x-request-id"] in answer.text
        for answer in (machine, await browser.authorize()):
            for word in ("canary", "Traceback", "KeyError", "directory", ".py"):
                assert word not in answer.text
        failures = [(line["event"], line["endpoint"]) for line in at.logs if line["log_level"] == "error"]
        assert failures == [("failed", name) for name in ("userinfo", "login", "authorize", "authorize")]
        up(faults)
        assert (await browser.userinfo(token)).status_code == 200


async def test_a_route_of_starlettes_that_breaks_is_bare_too() -> None:
    async with fragile() as (at, faults):
        down(faults, "registry", fault=RuntimeError("canary-secret"))
        answer = await at.raw("GET", "/readyz")
        assert answer.status == 500
        assert b"canary" not in answer.body
        assert answer.values("x-request-id")
        up(faults)
        assert (await at.raw("GET", "/readyz")).status == 200


async def test_alive_and_ready() -> None:
    async with fragile() as (at, faults):
        http = at.browser().http
        alive = await http.get("/healthz")
        assert (alive.status_code, alive.json()) == (200, {"status": "ok"})
        ready = await http.get("/readyz")
        assert (ready.status_code, ready.json()) == (200, {"status": "ready", "database": "ok", "redis": "ok"})
        down(faults, "registry")
        unready = await http.get("/readyz")
        assert unready.json() == {"status": "unavailable", "database": "unavailable", "redis": "ok"}
        assert (unready.status_code, unready.headers["retry-after"]) == (503, "2")
        assert (await http.get("/healthz")).status_code == 200
        up(faults)

        async def silent() -> int:
            raise StoreUnavailable

        at.opened.announcements.read_version = silent  # type: ignore[method-assign]
        assert (await http.get("/readyz")).json() == {"status": "unavailable", "database": "ok", "redis": "unavailable"}


async def test_a_draining_server_is_alive_not_ready_and_asks_to_hang_up() -> None:
    """F25: what is under way is answered, and nobody comes back on the same connection."""
    async with house() as at:
        browser = at.browser()
        usual = await browser.tokens()
        assert "connection" not in (await browser.authorize()).headers
        at.lifecycle.draining = True
        draining = await browser.http.get("/readyz")
        assert (draining.status_code, draining.json()["status"]) == (503, "draining")
        assert (await browser.http.get("/healthz")).status_code == 200
        for answer in (draining, await browser.authorize(), await browser.refresh(usual["refresh_token"])):
            assert answer.headers["connection"] == "close"
        assert (await browser.redeem(await browser.code())).status_code == 200


def samples(at: House) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    text = exposition([orjson.loads(orjson.dumps(at.opened.metrics.snapshot()))]).decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def labels(**named: str) -> frozenset[tuple[str, str]]:
    return frozenset(named.items())


async def test_what_happened_is_counted_and_a_prometheus_can_read_it() -> None:
    async with house() as at:
        browser = at.browser()
        await browser.sign_in(password="wrong")
        await browser.sign_in()
        tokens = await browser.tokens()
        await browser.refresh(tokens["refresh_token"])
        await browser.token("machine", grant_type="client_credentials")
        for method in ("BREW", "WHEN", "X" * 100):
            await at.raw(method, f"/{POOL}/oauth2/token")
        await at.raw("GET", f"/{'x' * 500}")
        found = samples(at)
        for grant, count in (("authorization_code", 1), ("refresh_token", 1), ("client_credentials", 1)):
            assert found["poolgate_tokens_issued_total", labels(pool=POOL, grant_type=grant)] == count
        assert found["poolgate_sign_ins_total", labels(pool=POOL, outcome="failed")] == 1
        assert found["poolgate_sign_ins_total", labels(pool=POOL, outcome="succeeded")] == 1
        assert found["poolgate_events_total", labels(pool=POOL, kind="sign_in.failed")] == 1
        posted = labels(endpoint="token", method="POST", status="200")
        assert found["poolgate_requests_total", posted] == 3
        assert found["poolgate_requests_total", labels(endpoint="token", method="other", status="405")] == 3
        assert found["poolgate_requests_total", labels(endpoint="other", method="GET", status="404")] == 1
        assert found["poolgate_request_seconds_count", labels(endpoint="token")] == 6
        assert found["poolgate_request_seconds_bucket", labels(endpoint="token", le="+Inf")] == 6
        assert not any("x" * 50 in repr(key) for key in found)


async def test_no_label_of_a_metric_holds_what_a_stranger_chose() -> None:
    """D5: the series stay as few as the code has names."""
    async with house() as at:
        browser: Browser = at.browser()
        before = len(samples(at))
        await browser.token("stranger-1", grant_type="stranger-2")
        await browser.authorize(client_id="stranger-3", scope="stranger-4")
        await browser.sign_in("stranger-5", "stranger-6")
        for path in ("/stranger-7", "/stranger-8/oauth2/token", f"/{POOL}/stranger-9"):
            await at.raw("GET", path)
        text = exposition([at.opened.metrics.snapshot()]).decode()
        assert "stranger" not in text
        assert len(samples(at)) > before
        assert SECRET not in text
