"""What strangers type stays a value in every store (security reference W21): in SQL, and in the names of Redis."""

import pytest

from authserver.model.users import User, UserFilter
from authserver.store.protocols import Directory
from tests.conformance import redis_stores, sql_stores
from tests.conformance.redis_stores import Implementation
from tests.conformance.sql_stores import NOW, POOL, Roles

pytestmark = pytest.mark.anyio

sqlite_template = sql_stores.sqlite_template
postgres_url = sql_stores.postgres_url
any_url = sql_stores.any_url
sql = sql_stores.stores

valkey_fixture = redis_stores.valkey_fixture
servers_fixture = redis_stores.servers_fixture
stores_fixture = redis_stores.stores_fixture
pool_fixture = redis_stores.pool_fixture

HOSTILE = (
    "' OR '1'='1",
    "ada' --",
    "ada'; DROP TABLE users; --",
    'ada" OR ""="',
    "ada\\' OR 1=1 #",
    "ada%",
    "_da",
    "%",
    ":ada",
    "$1",
    "{ada}",
    "ada\u02bc OR 1=1",
    "ada\N{FULLWIDTH APOSTROPHE} OR 1=1 --",
)
ADA = User("u-ada", POOL, "ada", "ada@example.com", True, "+15550100200", True, {"name": "Ada"}, created_at=NOW)


@pytest.fixture
async def people(sql: Roles) -> Directory:
    await sql.registry.put_pool(sql_stores.bare_pool(POOL))
    await sql.directory.create_user(POOL, ADA)
    return sql.directory


@pytest.mark.parametrize("text", HOSTILE)
async def test_a_name_finds_who_has_it_and_nobody_else(people: Directory, text: str) -> None:
    by = ("username", "email", "phone_number", "preferred_username")
    assert await people.find_user(POOL, text, by) is None
    assert await people.user(POOL, text) is None
    assert await people.find_user(text, "ada", by) is None
    assert await people.find_user(POOL, "ada", by) == ADA


@pytest.mark.parametrize("text", HOSTILE)
async def test_a_search_takes_no_sign_for_a_pattern(people: Directory, text: str) -> None:
    for wanted in (UserFilter(email=text), UserFilter(phone_number=text), UserFilter(group=text)):
        assert await people.users(POOL, wanted) == []
        assert await people.count_users(POOL, wanted) == 0
    assert await people.users(POOL, after=text, limit=5) in ([ADA], [])
    # Words are what is searched for; of these signs none is a letter, and none stands for others.
    found = await people.users(POOL, UserFilter(search=f"{text} nobody"))
    assert found == []
    assert await people.users(POOL, UserFilter(search="ada")) == [ADA]


@pytest.mark.parametrize("text", HOSTILE)
async def test_a_user_may_even_be_called_that(people: Directory, text: str) -> None:
    bob = User("u-bob", POOL, f"bob {text}", attributes={"name": text, text: text}, groups=(text,), created_at=NOW)
    await people.create_user(POOL, bob)
    assert await people.user(POOL, "u-bob") == bob
    assert await people.find_user(POOL, bob.username, ("username",)) == bob
    assert await people.users(POOL, UserFilter(group=text)) == [bob]
    assert await people.delete_user(POOL, text) is False
    assert await people.user(POOL, ADA.id) == ADA


# What a name in Redis is made of: the separator, the braces of a slot, patterns, line ends of the protocol, and nothing.
PARTS = ("a", "a:b", "b:c", ":", "{a}", "}{", "*", "a*", "?", "a\r\nDEL x", "a\0", "a b", "\u00e9", "e\u0301", "")


@pytest.mark.parametrize("text", PARTS)
async def test_no_name_leads_to_another_ones_value(stores: Implementation, pool: str, text: str) -> None:
    kinds = [("code", text), (text or "k", "code"), ("code", f"{text}:code"), (f"code:{text}", "x"), ("*", "*")]
    names = list(dict.fromkeys(kinds))
    for place, (kind, digest) in enumerate(names):
        await stores.one_time.put(pool, kind, digest, b"%d" % place, 60)
    for place, (kind, digest) in enumerate(names):
        assert await stores.one_time.peek(pool, kind, digest) == b"%d" % place, (kind, digest)
    assert await stores.one_time.peek(f"{pool}:{text}", "code", text) is None
    spent = await stores.one_time.spend(pool, "*", "*")
    assert spent is not None
    assert not spent.replayed
    for place, (kind, digest) in enumerate(names[:-1]):
        assert await stores.one_time.peek(pool, kind, digest) == b"%d" % place, "a pattern spent it"


@pytest.mark.parametrize("text", PARTS)
async def test_no_name_shares_another_ones_counter(stores: Implementation, pool: str, text: str) -> None:
    now = 1_750_000_000.0
    for key in dict.fromkeys((text, f"{text}:{text}", f"x{text}", f"{text} ", f"guess:{text}")):
        first = await stores.counters.admit_within(pool, key, now=now, limit=1, window=60)
        assert (first.allowed, first.count) == (True, 1), key
        again = await stores.counters.admit_within(pool, key, now=now, limit=1, window=60)
        assert not again.allowed, key
