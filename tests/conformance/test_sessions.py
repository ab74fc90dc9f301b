"""Sessions and sign-ins: they come out as they went in, end in time, and a late write brings nothing back."""

import asyncio
from dataclasses import replace

import orjson
import pytest

from authserver.adapters.redis import values
from authserver.adapters.redis.keys import SESSION, SESSIONS_OF_USER, SIGN_IN, object_key
from authserver.model.sessions import Authentication, AuthorizationRequest, Proof, Session, SignIn
from tests.conformance.redis_stores import (  # noqa: F401 - fixtures
    Implementation,
    pool_fixture,
    real_stores_fixture,
    servers_fixture,
    stores_fixture,
    timed_stores_fixture,
    valkey_fixture,
)
from tests.conformance.sql_stores import default_fields

pytestmark = pytest.mark.anyio


PROOFS = (
    Proof("password", 1000, 900, True, True, "Acme", ("hwk",)),
    Proof("federated", 1001, 901, True, True, "Acme", ("hwk", "pin")),
)


def a_session(key: str = "key", user: str = "ada", created_at: int = 1000, **changes: object) -> Session:
    authentication = Authentication(user_id=user, auth_time=1000, amr=("pwd", "otp"), acr="2", proofs=PROOFS)
    session = Session(
        key=key,
        sid=f"sid-{key}",
        pool="p_1",
        authentication=authentication,
        created_at=created_at,
        last_seen=created_at,
        clients=("demo-web", "other"),
        device="browser-digest",
        user_agent="Firefox on Línux",
        address="2001:db8::1",
        place="KR 서울",
        tasks={"add_factor": "totp"},
        upstream="sealed",
    )
    return replace(session, **changes)


def a_request() -> AuthorizationRequest:
    return AuthorizationRequest(
        client_id="demo-web",
        redirect_uri="https://app.example/cb?a=1",
        redirect_uri_sent=True,
        scope=("openid", "https://orders.example/read"),
        query="client_id=demo-web&state=%C3%A4",
        state='ä"\\',
        nonce="n",
        code_challenge="c",
        prompt=("login", "consent"),
        max_age=0,
        login_hint="ada@example.com",
        id_token_hint_sub="sub",
        ui_locales=("ko", "en"),
        acr_values=("1", "2"),
        resource=("https://orders.example",),
        claims={"id_token": ("email",), "userinfo": ()},
        identity_provider="Acme",
    )


def a_sign_in(ident: str = "s", version: int = 0, **changes: object) -> SignIn:
    sign_in = SignIn(
        id=ident,
        pool="p_1",
        browser="browser-digest",
        request=a_request(),
        created_at=1000,
        expires_at=1600,
        version=version,
        identifier="Ada",
        authentication=Authentication("ada", 1001, ("pwd",), "1", PROOFS),
        account_chosen=True,
        other_account=True,
        consented_by="user-1",
        user_id="ada",
        proofs=PROOFS,
        method="totp",
        code="handle-of-a-code",
        challenge="challenge",
        enrolling="passkey",
        enrolment="sealed",
        declined=("add_passkey",),
        risks=("new_device", "new_network"),
        custom="sealed",
        custom_asks="password",
        provider="Acme",
        trouble="provider_cancelled Acme",
        upstream="sealed",
        joining="sealed",
        joining_by="Acme",
        joining_user="ada",
    )
    return replace(sign_in, **changes)


async def test_a_session_comes_out_as_it_went_in(stores: Implementation, pool: str) -> None:
    assert list(default_fields(a_session())) == []
    await stores.sessions.put_session(pool, a_session(), 60)
    assert await stores.sessions.session(pool, "key") == a_session()
    assert await stores.elsewhere.sessions.session(pool, "key") == a_session()
    assert await stores.sessions.session(pool, "other") is None


async def test_putting_a_session_again_replaces_it(stores: Implementation, pool: str) -> None:
    await stores.sessions.put_session(pool, a_session(), 60)
    await stores.sessions.put_session(pool, a_session(last_seen=2000, clients=()), 60)
    assert await stores.sessions.session(pool, "key") == a_session(last_seen=2000, clients=())
    assert await stores.sessions.sessions_of_user(pool, "ada") == [a_session(last_seen=2000, clients=())]


async def test_a_session_put_for_another_user_leaves_the_first(stores: Implementation, pool: str) -> None:
    await stores.sessions.put_session(pool, a_session(user="ada"), 60)
    await stores.sessions.put_session(pool, a_session(user="bob"), 60)
    assert await stores.sessions.sessions_of_user(pool, "ada") == []
    assert await stores.sessions.sessions_of_user(pool, "bob") == [a_session(user="bob")]


async def test_a_touch_replaces_a_session_that_lives(stores: Implementation, pool: str) -> None:
    await stores.sessions.put_session(pool, a_session(), 60)
    assert await stores.sessions.touch_session(pool, a_session(last_seen=2000), 60) is True
    assert await stores.elsewhere.sessions.session(pool, "key") == a_session(last_seen=2000)
    assert await stores.sessions.sessions_of_user(pool, "ada") == [a_session(last_seen=2000)]


async def test_a_touch_does_not_bring_an_ended_session_back(stores: Implementation, pool: str) -> None:
    await stores.sessions.put_session(pool, a_session(), 60)
    await stores.sessions.delete_session(pool, "key")
    assert await stores.sessions.touch_session(pool, a_session(last_seen=2000), 60) is False
    assert await stores.sessions.session(pool, "key") is None
    assert await stores.sessions.sessions_of_user(pool, "ada") == []


async def test_ending_a_session_tells_what_it_was(stores: Implementation, pool: str) -> None:
    await stores.sessions.put_session(pool, a_session(), 60)
    assert await stores.sessions.delete_session(pool, "key") == a_session()
    assert await stores.elsewhere.sessions.session(pool, "key") is None
    assert await stores.sessions.delete_session(pool, "key") is None


async def test_of_two_who_end_a_session_one_learns_what_it_was(stores: Implementation, pool: str) -> None:
    await stores.sessions.put_session(pool, a_session(), 60)
    ended = await asyncio.gather(
        *((stores if i % 2 else stores.elsewhere).sessions.delete_session(pool, "key") for i in range(20))
    )
    assert [e for e in ended if e is not None] == [a_session()]


async def test_a_users_sessions_are_listed_oldest_first(stores: Implementation, pool: str) -> None:
    for key, created_at in (("b", 3000), ("c", 1000), ("a", 2000), ("d", 2000)):
        await stores.sessions.put_session(pool, a_session(key, created_at=created_at), 60)
    await stores.sessions.put_session(pool, a_session("e", user="bob"), 60)
    listed = await stores.elsewhere.sessions.sessions_of_user(pool, "ada")
    assert [s.key for s in listed] == ["c", "a", "d", "b"]
    assert listed[0] == a_session("c", created_at=1000)
    await stores.sessions.delete_session(pool, "a")
    assert [s.key for s in await stores.sessions.sessions_of_user(pool, "ada")] == ["c", "d", "b"]
    assert await stores.sessions.sessions_of_user(pool, "carol") == []


async def test_sessions_end_in_time_unless_touched(timed_stores: Implementation, pool: str) -> None:
    sessions = timed_stores.sessions
    for key in ("short", "touched"):
        await sessions.put_session(pool, a_session(key), 1)
    await sessions.put_session(pool, a_session("long"), 60)
    await sessions.create_sign_in(pool, a_sign_in("short"), 1)
    await sessions.create_sign_in(pool, a_sign_in("replaced"), 1)
    assert await sessions.touch_session(pool, a_session("touched"), 60) is True
    assert await sessions.replace_sign_in(pool, a_sign_in("replaced", version=1), 60) is True
    await timed_stores.pass_time(1.05)
    assert await sessions.session(pool, "short") is None
    assert await sessions.touch_session(pool, a_session("short"), 60) is False
    assert await sessions.delete_session(pool, "short") is None
    assert [s.key for s in await sessions.sessions_of_user(pool, "ada")] == ["long", "touched"]
    assert await sessions.sign_in(pool, "short") is None
    assert await sessions.replace_sign_in(pool, a_sign_in("short", version=1), 60) is False
    assert await sessions.sign_in(pool, "replaced") == a_sign_in("replaced", version=1)


async def test_a_sign_in_comes_out_as_it_went_in(stores: Implementation, pool: str) -> None:
    bare = SignIn("bare", "p_1", "b", AuthorizationRequest("c", "https://a/cb", False, (), ""), 1, 2)
    await stores.sessions.create_sign_in(pool, a_sign_in(), 60)
    await stores.sessions.create_sign_in(pool, bare, 60)
    assert await stores.elsewhere.sessions.sign_in(pool, "s") == a_sign_in()
    assert await stores.sessions.sign_in(pool, "bare") == bare
    assert await stores.sessions.sign_in(pool, "other") is None


async def test_a_sign_in_is_replaced_by_its_next_version(stores: Implementation, pool: str) -> None:
    await stores.sessions.create_sign_in(pool, a_sign_in(version=8), 60)
    for version in range(9, 13):
        assert await stores.sessions.replace_sign_in(pool, a_sign_in(version=version, status="finished"), 60) is True
        assert await stores.elsewhere.sessions.sign_in(pool, "s") == a_sign_in(version=version, status="finished")
    assert await stores.sessions.replace_sign_in(pool, a_sign_in(version=2), 60) is False, "12 is not 1"


@pytest.mark.parametrize("version", [1, 2, 4, 31, 0])
async def test_a_sign_in_is_not_replaced_by_another_version(stores: Implementation, pool: str, version: int) -> None:
    await stores.sessions.create_sign_in(pool, a_sign_in(version=2), 60)
    assert await stores.sessions.replace_sign_in(pool, a_sign_in(version=version, status="finished"), 60) is False
    assert await stores.sessions.sign_in(pool, "s") == a_sign_in(version=2)
    assert await stores.sessions.replace_sign_in(pool, a_sign_in(version=3), 60) is True


async def test_a_sign_in_that_is_not_there_is_not_replaced(stores: Implementation, pool: str) -> None:
    for version in (0, 1):
        assert await stores.sessions.replace_sign_in(pool, a_sign_in(version=version), 60) is False
    assert await stores.sessions.sign_in(pool, "s") is None


async def test_of_50_who_replace_a_sign_in_at_once_one_succeeds(stores: Implementation, pool: str) -> None:
    await stores.sessions.create_sign_in(pool, a_sign_in(), 60)
    done = await asyncio.gather(
        *(
            (stores if i % 2 else stores.elsewhere).sessions.replace_sign_in(
                pool, a_sign_in(version=1, identifier=str(i)), 60
            )
            for i in range(50)
        )
    )
    assert sum(done) == 1
    assert await stores.sessions.sign_in(pool, "s") == a_sign_in(version=1, identifier=str(done.index(True)))


async def test_pools_and_kinds_do_not_meet(stores: Implementation, pool: str) -> None:
    await stores.sessions.put_session(pool, a_session("same"), 60)
    await stores.sessions.create_sign_in(pool, a_sign_in("same"), 60)
    assert await stores.sessions.session(pool, "same") == a_session("same")
    assert await stores.sessions.sign_in(pool, "same") == a_sign_in("same")
    assert await stores.sessions.session(pool + "2", "same") is None
    assert await stores.sessions.sign_in(pool + "2", "same") is None
    assert await stores.sessions.sessions_of_user(pool + "2", "ada") == []
    assert await stores.sessions.touch_session(pool + "2", a_session("same"), 60) is False
    assert await stores.sessions.delete_session(pool + "2", "same") is None
    assert await stores.sessions.session(pool, "same") == a_session("same")


async def test_a_session_that_is_listed_but_gone_is_not_returned(real_stores: Implementation, pool: str) -> None:
    assert real_stores.redis is not None
    for key in ("a", "b"):
        await real_stores.sessions.put_session(pool, a_session(key), 60)
    await real_stores.redis.commands.execute("DEL", object_key(pool, "a", SESSION))
    assert [s.key for s in await real_stores.sessions.sessions_of_user(pool, "ada")] == ["b"]


async def test_the_index_forgets_what_is_over_and_ends_with_the_last(real_stores: Implementation, pool: str) -> None:
    assert real_stores.redis is not None
    execute, index = real_stores.redis.commands.execute, object_key(pool, "ada", SESSIONS_OF_USER)
    await execute("ZADD", index, 1, "long-over")
    await real_stores.sessions.put_session(pool, a_session("a"), 600)
    await real_stores.sessions.put_session(pool, a_session("b"), 60)
    assert await execute("ZRANGE", index, 0, -1) == [b"b", b"a"]
    assert 595_000 < await execute("PTTL", index) <= 600_000
    await execute("ZADD", index, 1, "long-over")
    await real_stores.sessions.sessions_of_user(pool, "ada")
    assert await execute("ZCARD", index) == 2
    await real_stores.sessions.delete_session(pool, "a")
    await real_stores.sessions.delete_session(pool, "b")
    assert await execute("EXISTS", index) == 0


async def test_a_sign_in_comes_out_with_every_field(stores: Implementation, pool: str) -> None:
    full = a_sign_in(version=1, status="finished")
    assert list(default_fields(full)) == []
    await stores.sessions.create_sign_in(pool, full, 60)
    assert await stores.elsewhere.sessions.sign_in(pool, "s") == full


async def test_a_newer_version_of_the_server_may_have_written_more_fields(valkey: Implementation, pool: str) -> None:
    assert valkey.redis is not None
    session = orjson.loads(values.from_session(a_session()))
    session["colour"] = session["authentication"]["colour"] = "blue"
    await valkey.redis.commands.execute("SET", object_key(pool, "key", SESSION), orjson.dumps(session))
    assert await valkey.sessions.session(pool, "key") == a_session()
    sign_in = orjson.loads(values.from_sign_in(a_sign_in(version=7)).partition(b" ")[2])
    sign_in["colour"] = sign_in["request"]["colour"] = "blue"
    await valkey.redis.commands.execute("SET", object_key(pool, "s", SIGN_IN), b"7 " + orjson.dumps(sign_in))
    assert await valkey.sessions.sign_in(pool, "s") == a_sign_in(version=7)


async def test_an_older_version_of_the_server_may_have_written_fewer_fields(valkey: Implementation, pool: str) -> None:
    assert valkey.redis is not None
    session = orjson.loads(values.from_session(a_session()))
    known = {"key", "sid", "pool", "authentication", "created_at", "last_seen"}
    session = {name: value for name, value in session.items() if name in known}
    del session["authentication"]["proofs"]
    await valkey.redis.commands.execute("SET", object_key(pool, "key", SESSION), orjson.dumps(session))
    old = a_session()
    authentication = replace(old.authentication, proofs=())
    assert await valkey.sessions.session(pool, "key") == Session(
        old.key, old.sid, old.pool, authentication, old.created_at, old.last_seen
    )
    full = orjson.loads(values.from_sign_in(a_sign_in()).partition(b" ")[2])
    required = {"id", "pool", "browser", "created_at", "expires_at"}
    needed = {"client_id", "redirect_uri", "redirect_uri_sent", "scope", "query"}
    sign_in = {k: full[k] for k in required} | {"request": {k: full["request"][k] for k in needed}}
    await valkey.redis.commands.execute("SET", object_key(pool, "s", SIGN_IN), b"0 " + orjson.dumps(sign_in))
    request = AuthorizationRequest(**{k: getattr(a_request(), k) for k in needed})
    assert await valkey.sessions.sign_in(pool, "s") == SignIn("s", "p_1", "browser-digest", request, 1000, 1600)


@pytest.mark.parametrize("stored", [b"", b"nonsense", b"{}", b"[]", b"null", b"1", b'0 {"id": 1}', b"x {}"])
async def test_what_cannot_be_read_counts_as_gone(valkey: Implementation, pool: str, stored: bytes) -> None:
    assert valkey.redis is not None
    for ident, kind in (("key", SESSION), ("s", SIGN_IN)):
        await valkey.redis.commands.execute("SET", object_key(pool, ident, kind), stored)
    assert await valkey.sessions.session(pool, "key") is None
    assert await valkey.sessions.sign_in(pool, "s") is None
    assert await valkey.sessions.delete_session(pool, "key") is None


async def test_the_parts_of_a_session_lie_where_the_rule_says(valkey: Implementation, pool: str) -> None:
    assert valkey.redis is not None
    await valkey.sessions.put_session(pool, a_session("k"), 60)
    await valkey.sessions.create_sign_in(pool, a_sign_in("s"), 60)
    for key in (f"pg:{{{pool}:k}}:session", f"pg:{{{pool}:ada}}:sessions", f"pg:{{{pool}:s}}:sign-in"):
        assert await valkey.redis.commands.execute("EXISTS", key) == 1, key
