"""The keys stay fresh, are asked for seldom, and fail closed (attack J15)."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from resource_servers.errors import KeysUnavailable
from resource_servers.fetching import MAX_DOCUMENT, Fetched, FetchFailed
from resource_servers.jwks import MAX_FRESH, MIN_FRESH, FixedKeys, JwksCache
from resource_servers.keys import VerificationKeys
from tests.resource_servers.forge import Key, key, keys

pytestmark = pytest.mark.anyio

URL = "https://login.example/acme_Pool1/.well-known/jwks.json"


class Issuer:
    """A scripted issuer: counts what it is asked, and answers as it is told."""

    def __init__(self, *signing: Key) -> None:
        self.now = 1000.0
        self.asked: list[str] = []
        self.headers: dict[str, str] = {}
        self.status = 200
        self.body: bytes | None = None
        self.failure: Exception | None = None
        self.gate: asyncio.Event | None = None
        self.publish(*signing or (key(),))

    def publish(self, *signing: Key) -> None:
        self.signing = signing

    async def fetch(self, url: str) -> Fetched:
        self.asked.append(url)
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        body = json.dumps({"keys": [each.jwk() for each in self.signing]}).encode() if self.body is None else self.body
        return Fetched(self.status, body, self.headers)

    def cache(self, **changes: Any) -> JwksCache:
        return JwksCache(**{"url": URL, "fetch": self.fetch, "clock": lambda: self.now, **changes})


def kids(found: VerificationKeys) -> str:
    return repr(found)


async def eventually(condition: Callable[[], bool]) -> None:
    for _ in range(100):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never happened")


# ------------------------------------------------------------------------------------------------ freshness


async def test_a_fresh_copy_is_not_asked_for_again() -> None:
    issuer = Issuer()
    cache = issuer.cache()
    first = await cache.keys()
    issuer.now += 299
    assert await cache.keys() is first
    assert issuer.asked == [URL]


async def test_after_five_minutes_the_copy_is_fetched_anew() -> None:
    issuer = Issuer(key("ES256", "old"))
    cache = issuer.cache()
    await cache.keys()
    issuer.publish(key("ES256", "new"))
    issuer.now += 300
    assert kids(await cache.keys()) == "VerificationKeys('new')"
    assert len(issuer.asked) == 2


@pytest.mark.parametrize(
    ("cache_control", "fresh"),
    [
        ("", 300),
        ("public", 300),
        ("max-age=120", 120),
        ("public, MAX-AGE=120, must-revalidate", 120),
        ("max-age=1", MIN_FRESH),
        ("max-age=0", MIN_FRESH),
        ("max-age=86400", MAX_FRESH),
        ("max-age=99999999999999999999", MAX_FRESH),
        ("no-store", MIN_FRESH),
        ("max-age=600, no-cache", 600),
        ("no-cache, max-age=600", MIN_FRESH),
        ("max-age=-1", 300),
        ("max-age=", 300),
        ("max-age=x", 300),
        ("s-maxage=120", 300),
        ("max-age=²", 300),
    ],
)
async def test_the_issuer_says_how_long_within_bounds(cache_control: str, fresh: int) -> None:
    issuer = Issuer()
    issuer.headers = {"cache-control": cache_control}
    cache = issuer.cache()
    await cache.keys()
    issuer.now += fresh - 1
    await cache.keys()
    assert len(issuer.asked) == 1
    issuer.now += 1
    await cache.keys()
    assert len(issuer.asked) == 2


async def test_a_key_that_was_withdrawn_is_gone_when_the_copy_is_old() -> None:
    issuer = Issuer(key("ES256", "stolen"), key("ES256", "good"))
    cache = issuer.cache()
    await cache.keys()
    issuer.publish(key("ES256", "good"))
    issuer.now += 300
    assert kids(await cache.keys()) == "VerificationKeys('good')"


async def test_an_issuer_may_withdraw_all_its_keys() -> None:
    issuer = Issuer()
    cache = issuer.cache()
    await cache.keys()
    issuer.body = b'{"keys": []}'
    issuer.now += 300
    assert len(await cache.keys()) == 0


# ------------------------------------------------------------------------------------------------ unknown keys


async def test_a_rotation_is_picked_up_at_once() -> None:
    issuer = Issuer(key("ES256", "old"))
    cache = issuer.cache()
    seen = await cache.keys()
    issuer.publish(key("ES256", "new"), key("ES256", "old"))
    issuer.now += 30
    newer = await cache.newer_than(seen)
    assert kids(newer) == "VerificationKeys('new', 'old')"
    assert await cache.keys() is newer


async def test_a_storm_of_unknown_keys_causes_one_fetch_in_thirty_seconds() -> None:
    issuer = Issuer()
    cache = issuer.cache()
    await cache.keys()
    for _ in range(900):  # 90 seconds, ten a second
        issuer.now += 0.1
        await cache.newer_than(await cache.keys())
    assert len(issuer.asked) <= 4


async def test_a_young_copy_is_not_asked_for_because_of_an_unknown_key() -> None:
    issuer = Issuer()
    cache = issuer.cache()
    seen = await cache.keys()
    issuer.now += 29
    assert await cache.newer_than(seen) is seen
    assert len(issuer.asked) == 1


async def test_whoever_saw_an_older_copy_gets_the_newest_without_a_fetch() -> None:
    issuer = Issuer()
    cache = issuer.cache()
    old = await cache.keys()
    issuer.now += 300
    new = await cache.keys()
    issuer.now += 30
    assert await cache.newer_than(old) is new
    assert len(issuer.asked) == 2


# ------------------------------------------------------------------------------------------------ one flight


async def test_callers_share_one_fetch() -> None:
    issuer = Issuer()
    issuer.gate = asyncio.Event()
    cache = issuer.cache()
    waiting = [asyncio.create_task(cache.keys()) for _ in range(50)]
    await eventually(lambda: len(issuer.asked) == 1)
    issuer.gate.set()
    found = await asyncio.gather(*waiting)
    assert len(issuer.asked) == 1
    assert len({id(each) for each in found}) == 1


async def test_callers_with_unknown_keys_share_one_fetch() -> None:
    issuer = Issuer(key("ES256", "old"))
    cache = issuer.cache()
    seen = await cache.keys()
    issuer.publish(key("ES256", "new"))
    issuer.now += 60
    issuer.gate = asyncio.Event()
    waiting = [asyncio.create_task(cache.newer_than(seen)) for _ in range(50)]
    await eventually(lambda: len(issuer.asked) == 2)
    issuer.gate.set()
    assert {kids(each) for each in await asyncio.gather(*waiting)} == {"VerificationKeys('new')"}
    assert len(issuer.asked) == 2


async def test_a_caller_that_leaves_takes_nobody_along() -> None:
    issuer = Issuer()
    issuer.gate = asyncio.Event()
    cache = issuer.cache()
    first, second = asyncio.create_task(cache.keys()), asyncio.create_task(cache.keys())
    await eventually(lambda: len(issuer.asked) == 1)
    first.cancel()
    await eventually(lambda: len(issuer.asked) == 2)
    issuer.gate.set()
    assert len(await second) == 1
    with pytest.raises(asyncio.CancelledError):
        await first


# ------------------------------------------------------------------------------------------------ no answer


async def test_without_a_first_copy_nothing_can_be_said() -> None:
    issuer = Issuer()
    issuer.failure = FetchFailed("nobody there")
    cache = issuer.cache()
    with pytest.raises(KeysUnavailable, match="nobody there") as refusal:
        await cache.keys()
    assert refusal.value.retry_after == 5
    issuer.failure = None
    issuer.now += 5
    assert len(await cache.keys()) == 1


async def test_an_issuer_that_failed_is_left_alone_for_a_moment() -> None:
    issuer = Issuer()
    issuer.failure = OSError("refused")
    cache = issuer.cache()
    for _ in range(10):
        with pytest.raises(KeysUnavailable):
            await cache.keys()
    assert len(issuer.asked) == 1
    issuer.now += 5
    with pytest.raises(KeysUnavailable):
        await cache.keys()
    assert len(issuer.asked) == 2


async def test_the_last_copy_serves_on_for_an_hour() -> None:
    issuer = Issuer()
    cache = issuer.cache()
    copy = await cache.keys()
    issuer.failure = FetchFailed("down")
    for _ in range(359):
        issuer.now += 10
        assert await cache.keys() is copy
    issuer.now += 10
    with pytest.raises(KeysUnavailable):
        await cache.keys()
    issuer.failure = None
    issuer.now += 10
    assert await cache.keys() is not copy


async def test_while_one_asks_a_dead_issuer_nobody_else_waits() -> None:
    issuer = Issuer()
    cache = issuer.cache()
    copy = await cache.keys()
    issuer.failure = FetchFailed("down")
    issuer.now += 300
    assert await cache.keys() is copy
    issuer.gate = asyncio.Event()
    issuer.now += 10
    asking = asyncio.create_task(cache.keys())
    await eventually(lambda: len(issuer.asked) == 3)
    assert await asyncio.wait_for(cache.keys(), 1) is copy
    issuer.gate.set()
    assert await asking is copy
    assert len(issuer.asked) == 3


async def test_an_unknown_key_cannot_be_judged_while_the_issuer_is_down() -> None:
    issuer = Issuer()
    cache = issuer.cache()
    seen = await cache.keys()
    issuer.failure = FetchFailed("down")
    issuer.now += 60
    for _ in range(5):
        with pytest.raises(KeysUnavailable):
            await cache.newer_than(seen)
    assert len(issuer.asked) == 2
    assert await cache.keys() is seen  # the keys that are known serve on
    issuer.failure = None
    issuer.now += 60
    assert await cache.newer_than(seen) is not seen


async def test_an_old_sighting_is_served_the_copy_there_is_even_while_the_issuer_is_down() -> None:
    issuer = Issuer()
    cache = issuer.cache()
    old = await cache.keys()
    issuer.now += 300
    copy = await cache.keys()
    issuer.failure = FetchFailed("down")
    issuer.now += 300
    assert await cache.keys() is copy
    assert await cache.newer_than(old) is copy


async def test_a_slow_issuer_is_no_answer() -> None:
    issuer = Issuer()
    issuer.gate = asyncio.Event()  # never set
    with pytest.raises(KeysUnavailable, match="TimeoutError"):
        await issuer.cache(timeout=0.02).keys()


@pytest.mark.parametrize("status", [201, 204, 301, 302, 304, 307, 404, 429, 500, 503])
async def test_only_200_is_an_answer(status: int) -> None:
    issuer = Issuer()
    issuer.status = status
    with pytest.raises(KeysUnavailable, match=str(status)):
        await issuer.cache().keys()
    issuer.status = 200
    assert len(await issuer.cache().keys()) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"keys": 7}',
        b'{"keys": [], "keys": []}',
        json.dumps({"keys": [key().jwk(), key("ES256", "k1", nth=1).jwk()]}).encode(),
        json.dumps({"keys": [key().jwk(d="AQAB")]}).encode(),
        b'{"keys": []' + b" " * MAX_DOCUMENT + b"}",
    ],
    ids=["empty", "page", "array", "no keys", "number", "twice", "ambiguous", "private", "huge"],
)
async def test_what_cannot_be_used_never_replaces_a_good_copy(body: bytes) -> None:
    issuer = Issuer()
    cache = issuer.cache()
    copy = await cache.keys()
    issuer.body = body
    issuer.now += 300
    assert await cache.keys() is copy
    with pytest.raises(KeysUnavailable):
        await issuer.cache().keys()


async def test_the_log_says_why(caplog: pytest.LogCaptureFixture) -> None:
    issuer = Issuer()
    issuer.failure = FetchFailed("no route\x1b[2J")
    with pytest.raises(KeysUnavailable):
        await issuer.cache().keys()
    assert "no route" in caplog.text
    assert "\x1b" not in caplog.text


# ------------------------------------------------------------------------------------------------ discovery

ISSUER = "https://login.example/acme_Pool1"
DISCOVERY = f"{ISSUER}/.well-known/openid-configuration"


def serving(document: Any, signing: Key | None = None) -> tuple[list[str], Callable[[str], Awaitable[Fetched]]]:
    asked: list[str] = []

    async def fetch(url: str) -> Fetched:
        asked.append(url)
        if url.endswith("/.well-known/openid-configuration"):
            return Fetched(200, document if isinstance(document, bytes) else json.dumps(document).encode())
        return Fetched(200, json.dumps({"keys": [(signing or key()).jwk()]}).encode())

    return asked, fetch


async def test_the_discovery_document_names_the_keys() -> None:
    asked, fetch = serving({"issuer": ISSUER, "jwks_uri": "https://keys.example/all"})
    assert len(await JwksCache(ISSUER, fetch=fetch).keys()) == 1
    assert asked == [DISCOVERY, "https://keys.example/all"]


async def test_a_slash_at_the_end_of_the_issuer_stays_in_the_issuer_only() -> None:
    asked, fetch = serving({"issuer": ISSUER + "/", "jwks_uri": URL})
    await JwksCache(ISSUER + "/", fetch=fetch).keys()
    assert asked[0] == DISCOVERY


@pytest.mark.parametrize(
    "issuer", [ISSUER + "/", ISSUER.upper(), "https://login.example", "https://evil.example", "", None, [ISSUER], 7]
)
async def test_a_document_of_another_issuer_is_refused(issuer: Any) -> None:
    asked, fetch = serving({"issuer": issuer, "jwks_uri": URL})
    with pytest.raises(KeysUnavailable, match="discovery document"):
        await JwksCache(ISSUER, fetch=fetch).keys()
    assert asked == [DISCOVERY]


@pytest.mark.parametrize(
    "jwks_uri",
    [
        "http://login.example/jwks",
        "http://127.0.0.1/jwks",
        "file:///etc/passwd",
        "ftp://login.example/jwks",
        "//login.example/jwks",
        "/jwks",
        "https://",
        "https://user@login.example/jwks",
        "https://login.example/jwks#all",
        "https://login.example/ jwks",
        "https://login.example/\njwks",
        "https://lögin.example/jwks",
        "https://[::1",
        "",
        None,
        7,
        ["https://login.example/jwks"],
    ],
)
async def test_keys_come_over_https_only(jwks_uri: Any) -> None:
    asked, fetch = serving({"issuer": ISSUER, "jwks_uri": jwks_uri})
    with pytest.raises(KeysUnavailable):
        await JwksCache(ISSUER, fetch=fetch).keys()
    assert asked == [DISCOVERY]


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:8000", "[::1]:8000", "127.9.9.9"])
async def test_this_machine_may_speak_plain_http(host: str) -> None:
    issuer = f"http://{host}/demo_Pool1"
    _, fetch = serving({"issuer": issuer, "jwks_uri": f"{issuer}/.well-known/jwks.json"})
    assert len(await JwksCache(issuer, fetch=fetch).keys()) == 1


@pytest.mark.parametrize("document", [b"", b"[]", {}, {"issuer": ISSUER}, b'{"issuer":"a","issuer":"b"}'])
async def test_a_damaged_discovery_document_is_no_answer(document: Any) -> None:
    _, fetch = serving(document)
    with pytest.raises(KeysUnavailable):
        await JwksCache(ISSUER, fetch=fetch).keys()


@pytest.mark.parametrize(
    "url",
    [
        "http://login.example/x",
        "http://localhost.evil.example/x",
        "http://10.0.0.1/x",
        "login.example",
        "",
        "https:///x",
    ],
)
async def test_a_url_that_is_not_safe_is_refused_from_the_start(url: str) -> None:
    with pytest.raises(ValueError):
        JwksCache(url)
    with pytest.raises(ValueError):
        JwksCache(url=url)


async def test_one_of_issuer_and_url_is_given() -> None:
    with pytest.raises(ValueError, match="either"):
        JwksCache()
    with pytest.raises(ValueError, match="either"):
        JwksCache(ISSUER, url=URL)


async def test_fixed_keys_stay_as_they_are() -> None:
    fixed = keys()
    source = FixedKeys(fixed)
    assert await source.keys() is fixed
    assert await source.newer_than(fixed) is fixed
