"""Provisioning: what a plan holds, that carrying it out twice changes nothing, and what is never touched (DESIGN 3)."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authserver.accounts.provision import Facts, carry_out, plan
from authserver.accounts.seeding import seed_faults
from authserver.crypto.secrets import digest
from authserver.model.clients import Client
from authserver.model.pools import AttributeDefinition, Group, Pool, ResourceServer, Scope
from authserver.poolfile import ClientSpec, PoolFile, UserSeed, load_pool_file
from authserver.tomlfile import BadConfig, Secret
from tests.unit.installation import NOW, Installation, pool_file

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
SECRET = "q8YtC2vXn4kLw0Zs7uBd"
OTHER_SECRET = "m3HfR9eJp6aGx1Vo5iTz"

POOL = '[pool]\nid = "t_Pool1"\nname = "Test"\n'
STAFF = '[[groups]]\nname = "staff"\nprecedence = 1\n'
API = '[[resource_servers]]\nidentifier = "https://api.example"\nscopes = [{ name = "read" }, { name = "write" }]\n'
WEB = (
    f'[[clients]]\nclient_id = "web"\nclient_secret = "{SECRET}"\nredirect_uris = ["https://app.example/cb"]\n'
    'scope = "openid https://api.example/read"\n'
)
ADA = (
    '[[users]]\nusername = "ada"\npassword = "correct-horse-battery"\nemail = "ada@example.com"\nemail_verified = true\n'
    'groups = ["staff"]\nattributes = { given_name = "Ada" }\n'
)
ALL = POOL + STAFF + API + WEB + ADA


@pytest.fixture
def place() -> Installation:
    return Installation()


# ---------------------------------------------------------------------------------------------------- creating


async def test_a_new_pool_gets_all_that_its_file_names(place: Installation, tmp_path: Path) -> None:
    file = pool_file(tmp_path, ALL)
    made = await place.plan(file)
    assert [(c.action, c.kind, c.name) for c in made.changes] == [
        ("create", "pool", "t_Pool1"),
        ("create", "group", "staff"),
        ("create", "resource_server", "https://api.example"),
        ("create", "keys", "t_Pool1"),
        ("create", "client", "web"),
        ("create", "user", "ada"),
    ]
    await carry_out(made, place.tools)
    assert await place.stores.registry.pool("t_Pool1") == file.pool
    client = await place.stores.registry.client("t_Pool1", "web")
    assert client is not None
    assert client.secret_digests == (digest(SECRET),)
    assert client.managed
    assert client.created_at == NOW
    assert len(client.machine_grant) == 16
    user = await place.stores.directory.find_user("t_Pool1", "ada", ["username"])
    assert user is not None
    assert (user.email, user.email_verified, user.groups) == ("ada@example.com", True, ("staff",))
    assert user.attributes == {"given_name": "Ada"}
    credential = await place.stores.directory.password("t_Pool1", user.id)
    assert credential is not None
    assert await place.passwords.verify(credential.hash, "correct-horse-battery")
    assert len(await place.stores.registry.keys("t_Pool1")) == 4


async def test_the_demo_pool_gets_real_keys(place: Installation) -> None:
    demo = load_pool_file(ROOT / "config/pools/demo.toml", environ={})
    tools = replace(place.tools, ensure_keys=place.key_ring.ensure)
    await carry_out(await place.plan(demo), tools)
    assert (await place.key_ring.signer("demo_Pool1", "ES256")).alg == "ES256"
    assert (await place.plan(demo)).empty


async def test_planning_changes_nothing(place: Installation, tmp_path: Path) -> None:
    before = await place.stores.registry.version()
    assert not (await place.plan(pool_file(tmp_path, ALL))).empty
    assert await place.stores.registry.version() == before
    assert await place.stores.registry.pools() == []


async def test_a_hash_is_stored_as_it_is(place: Installation, tmp_path: Path) -> None:
    encoded = await place.passwords.hash("correct-horse-battery")
    text = POOL + f'[[users]]\nusername = "ada"\npassword_hash = "{encoded}"\n[[users]]\nusername = "eve"\n'
    await place.apply(pool_file(tmp_path, text))
    ada = await place.users.find(Pool("t_Pool1", ""), "ada")
    eve = await place.users.find(Pool("t_Pool1", ""), "eve")
    stored = await place.stores.directory.password("t_Pool1", ada.id)
    assert stored is not None
    assert stored.hash == encoded
    assert await place.stores.directory.password("t_Pool1", eve.id) is None


# ---------------------------------------------------------------------------------------------------- again


async def test_applying_again_changes_nothing(place: Installation, tmp_path: Path) -> None:
    file = pool_file(tmp_path, ALL)
    await place.apply(file)
    version = await place.stores.registry.version()
    place.clock.now += 100
    again = await place.apply(file)
    assert again.empty
    assert again.changes == ()
    assert await place.stores.registry.version() == version


@pytest.mark.parametrize(
    ("broken_at", "left"), [("group", {"keys", "client", "user"}), ("client", set()), ("user", set())]
)
async def test_a_broken_off_run_is_taken_up_where_it_ended(
    place: Installation, tmp_path: Path, broken_at: str, left: set[str]
) -> None:
    """What does not depend on the part that failed is done all the same."""
    file = pool_file(tmp_path, ALL)
    made = await place.plan(file)

    class Broken(Exception):  # noqa: N818 - a signal of this test
        pass

    def stop(change: object) -> None:
        if getattr(change, "kind", "") == broken_at:
            raise Broken

    with pytest.raises(Broken):
        await carry_out(made, place.tools, done=stop)
    assert {change.kind for change in (await place.plan(file)).changes} == left
    await place.apply(file)
    assert (await place.plan(file)).empty


NAMES = st.sampled_from(["a", "b", "c", "d"])
GROUPS = st.builds(Group, NAMES, st.sampled_from(["", "x"]), st.none() | st.integers(0, 2))
SERVERS = st.builds(
    ResourceServer,
    NAMES,
    st.just(""),
    st.lists(st.builds(Scope, NAMES), max_size=2, unique_by=lambda s: s.name).map(tuple),
    st.sampled_from([None, "ES256"]),
)
ATTRIBUTES = st.builds(AttributeDefinition, NAMES.map(lambda n: f"custom:{n}"), max=st.none() | st.integers(1, 9))


def some(of: st.SearchStrategy, key: str) -> st.SearchStrategy:
    return st.lists(of, max_size=3, unique_by=lambda item: getattr(item, key)).map(tuple)


@st.composite
def pool_files(draw: st.DrawFn) -> PoolFile:
    pool = Pool(
        id="t_Pool1",
        name=draw(st.sampled_from(["A", "B"])),
        languages=draw(st.permutations(["en", "ko"])),
        attributes=draw(some(ATTRIBUTES, "name")),
        groups=draw(some(GROUPS, "name")),
        resource_servers=draw(some(SERVERS, "identifier")),
    )
    pool = replace(pool, languages=tuple(pool.languages))
    specs = draw(
        st.dictionaries(NAMES, st.tuples(st.sampled_from([SECRET, OTHER_SECRET, None]), st.booleans()), max_size=3)
    )
    clients = tuple(
        ClientSpec(
            Client(name, pool.id, require_consent=consent, managed=True), Secret(secret) if secret is not None else None
        )
        for name, (secret, consent) in specs.items()
    )
    names = draw(st.lists(st.sampled_from(["ada", "ADA ".strip(), "bob"]), max_size=2, unique_by=str.casefold))
    return PoolFile(Path("pool.toml"), "pool.toml", pool, clients, tuple(UserSeed(name) for name in names))


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(pool_files(), st.booleans()), min_size=1, max_size=3))
def test_whatever_was_there_a_file_applied_twice_has_nothing_left_to_do(files: list[tuple[PoolFile, bool]]) -> None:
    async def run() -> None:
        place = Installation()
        try:
            for file, prune in files:
                await place.apply(file, prune=prune)
                assert (await place.plan(file, prune=prune)).changes == ()
                stored = await place.stores.registry.pool("t_Pool1")
                assert stored is not None
                assert set(file.pool.groups) <= set(stored.groups)
                assert set(file.pool.resource_servers) <= set(stored.resource_servers)
                if prune:
                    assert set(stored.groups) == set(file.pool.groups)
                    present = {c.client_id for c in await place.stores.registry.clients("t_Pool1")}
                    assert present == {spec.client.client_id for spec in file.clients}
        finally:
            place.passwords.close()

    asyncio.run(run())


# ---------------------------------------------------------------------------------------------------- differences


async def test_only_what_differs_is_in_the_plan(place: Installation, tmp_path: Path) -> None:
    await place.apply(pool_file(tmp_path, ALL))
    text = ALL.replace('name = "Test"', 'name = "Best"').replace('"https://app', '"https://www').replace("= 1", "= 2")
    text = text.replace("[[groups]]", '[pool.tokens]\naccess_ttl = "5m"\n[[groups]]')
    made = await place.plan(pool_file(tmp_path, text))
    shown = {(c.action, c.kind, c.name): {f.name: (f.before, f.after) for f in c.fields} for c in made.changes}
    assert shown == {
        ("update", "pool", "t_Pool1"): {"name": ("Test", "Best"), "tokens.access_ttl": (900, 300)},
        ("update", "group", "staff"): {"precedence": (1, 2)},
        ("update", "client", "web"): {"redirect_uris": (["https://app.example/cb"], ["https://www.example/cb"])},
    }


async def test_a_key_that_is_left_out_has_its_default_again(place: Installation, tmp_path: Path) -> None:
    await place.apply(pool_file(tmp_path, ALL.replace('scope = "openid', 'require_consent = true\nscope = "openid')))
    (change,) = (await place.apply(pool_file(tmp_path, ALL))).changes
    assert [(f.name, f.before, f.after) for f in change.fields] == [("require_consent", True, False)]


async def test_a_new_secret_is_said_to_have_changed_and_never_shown(place: Installation, tmp_path: Path) -> None:
    await place.apply(pool_file(tmp_path, ALL))
    made = await place.plan(pool_file(tmp_path, ALL.replace(SECRET, OTHER_SECRET)))
    (change,) = made.changes
    assert [(f.name, f.after) for f in change.fields] == [("client_secret", "(secret changed)")]
    everything = repr(made.changes)
    for secret in (SECRET, OTHER_SECRET, digest(SECRET), digest(OTHER_SECRET)):
        assert secret not in everything
    await carry_out(made, place.tools)
    client = await place.stores.registry.client("t_Pool1", "web")
    assert client is not None
    assert client.secret_digests == (digest(OTHER_SECRET),)


async def test_a_first_plan_shows_no_secret_either(place: Installation, tmp_path: Path) -> None:
    everything = repr((await place.plan(pool_file(tmp_path, ALL))).changes)
    for secret in (SECRET, digest(SECRET), "correct-horse-battery"):
        assert secret not in everything


async def test_a_client_keeps_what_it_got_at_its_creation(place: Installation, tmp_path: Path) -> None:
    await place.apply(pool_file(tmp_path, ALL))
    before = await place.stores.registry.client("t_Pool1", "web")
    place.clock.now += 1000
    await place.apply(pool_file(tmp_path, ALL.replace(SECRET, OTHER_SECRET)))
    after = await place.stores.registry.client("t_Pool1", "web")
    assert before is not None
    assert after is not None
    assert (after.machine_grant, after.created_at) == (before.machine_grant, before.created_at)


async def test_a_client_made_by_hand_becomes_the_file_s(place: Installation, tmp_path: Path) -> None:
    await place.apply(pool_file(tmp_path, POOL + API))
    pool = await place.stores.registry.pool("t_Pool1")
    assert pool is not None
    hand_made = Client("web", "t_Pool1", redirect_uris=("https://old.example/cb",))
    await place.clients.create(pool, hand_made)
    (change,) = (await place.apply(pool_file(tmp_path, POOL + API + WEB))).changes
    assert {"managed", "redirect_uris", "client_secret"} <= {f.name for f in change.fields}
    client = await place.stores.registry.client("t_Pool1", "web")
    assert client is not None
    assert client.managed
    assert client.secret_digests == (digest(SECRET),)


# ---------------------------------------------------------------------------------------------------- removing


async def test_nothing_is_removed_that_the_file_does_not_mention(place: Installation, tmp_path: Path) -> None:
    await place.apply(pool_file(tmp_path, ALL))
    assert (await place.apply(pool_file(tmp_path, POOL))).empty
    pool = await place.stores.registry.pool("t_Pool1")
    assert pool is not None
    assert [g.name for g in pool.groups] == ["staff"]
    assert [s.identifier for s in pool.resource_servers] == ["https://api.example"]
    assert await place.stores.registry.client("t_Pool1", "web") is not None


async def test_pruning_removes_what_files_own_and_nothing_else(place: Installation, tmp_path: Path) -> None:
    await place.apply(pool_file(tmp_path, ALL))
    pool = await place.stores.registry.pool("t_Pool1")
    assert pool is not None
    await place.clients.create(pool, Client("by-hand", "t_Pool1", redirect_uris=("https://x.example/cb",)))
    made = await place.apply(pool_file(tmp_path, POOL), prune=True)
    assert [(c.action, c.kind, c.name) for c in made.changes] == [
        ("remove", "group", "staff"),
        ("remove", "resource_server", "https://api.example"),
        ("remove", "client", "web"),
    ]
    assert [c.client_id for c in await place.stores.registry.clients("t_Pool1")] == ["by-hand"]
    assert await place.stores.registry.pool("t_Pool1") == pool_file(tmp_path, POOL).pool
    assert (await place.users.find(pool, "ada")).username == "ada"


async def test_a_group_that_comes_back_is_empty(place: Installation, tmp_path: Path) -> None:
    await place.apply(pool_file(tmp_path, ALL))
    for n in range(3):
        text = ADA.replace('"ada"', f'"user{n}"').replace("ada@", f"user{n}@")
        await place.apply(pool_file(tmp_path, POOL + STAFF + text))
    await place.apply(pool_file(tmp_path, POOL), prune=True)
    await place.apply(pool_file(tmp_path, POOL + STAFF))
    users = await place.stores.directory.users("t_Pool1")
    assert len(users) == 4
    assert [u.groups for u in users] == [()] * 4


async def test_a_client_that_loses_a_scope_is_named(place: Installation, tmp_path: Path) -> None:
    await place.apply(pool_file(tmp_path, ALL))
    pool = await place.stores.registry.pool("t_Pool1")
    assert pool is not None
    scope = ("openid", "https://api.example/write")
    await place.clients.create(pool, Client("by-hand", "t_Pool1", redirect_uris=("https://x.example/cb",), scope=scope))
    made = await place.plan(pool_file(tmp_path, POOL), prune=True)
    assert made.notes == (
        "the client by-hand, which the file does not mention, loses the scope https://api.example/write",
    )
    assert (await place.plan(pool_file(tmp_path, POOL))).notes == ()


# ---------------------------------------------------------------------------------------------------- users


async def test_a_user_that_exists_is_never_touched(place: Installation, tmp_path: Path) -> None:
    await place.apply(pool_file(tmp_path, ALL))
    pool = Pool("t_Pool1", "")
    before = await place.users.find(pool, "ada")
    password = await place.stores.directory.password("t_Pool1", before.id)
    changed = ADA.replace("correct-horse-battery", "another-good-password").replace('"Ada"', '"Eve"')
    changed = changed.replace('groups = ["staff"]\n', "").replace("ada@", "eve@").replace('"ada"', '"ADA"')
    assert (await place.apply(pool_file(tmp_path, POOL + STAFF + API + WEB + changed))).empty
    assert await place.users.find(pool, "ada") == before
    assert await place.stores.directory.password("t_Pool1", before.id) == password


async def test_a_user_whose_address_is_another_s_is_refused_with_its_line(place: Installation, tmp_path: Path) -> None:
    await place.apply(pool_file(tmp_path, ALL))
    eve = ADA.replace('"ada"', '"eve"')
    with pytest.raises(BadConfig, match=r"pool.toml line 7: .*`eve`.* the email address ada@example.com is another"):
        await place.plan(pool_file(tmp_path, POOL + STAFF + eve))
    await place.apply(pool_file(tmp_path, POOL + STAFF + eve.replace("ada@", "eve@")))


async def test_a_password_that_breaks_the_policy_is_refused_with_its_line(place: Installation, tmp_path: Path) -> None:
    policy = "[pool.password_policy]\nmin_length = 22\n"
    file = pool_file(tmp_path, POOL + policy + STAFF + ADA)
    with pytest.raises(BadConfig, match=r"pool.toml line 9: .*`ada`.*`password` must have at least 22 characters"):
        await place.plan(file)
    assert len(seed_faults(file)) == 1
    good = pool_file(tmp_path, POOL + policy.replace("22", "21") + STAFF + ADA)
    assert seed_faults(good) == []
    await place.apply(good)
    assert (await place.plan(file)).pool_differs, "a stricter policy does not trouble a user who exists already"


async def test_a_username_that_is_another_s_address_is_refused(tmp_path: Path) -> None:
    posing = ADA.replace('"ada"', '"bob@example.com"')
    (fault,) = seed_faults(pool_file(tmp_path, POOL + STAFF + posing))
    assert "looks like an email address, and is not the user's own" in fault.sentence
    assert seed_faults(pool_file(tmp_path, POOL + STAFF + ADA.replace('"ada"', '"Ada@example.com"'))) == []


# ---------------------------------------------------------------------------------------------------- other pools


async def test_a_client_id_of_another_pool_is_refused_with_its_line(place: Installation, tmp_path: Path) -> None:
    await place.apply(pool_file(tmp_path, ALL))
    other = POOL.replace("t_Pool1", "t_Pool2")
    with pytest.raises(BadConfig, match=r"pool.toml line 7: the client id `web` belongs to the pool t_Pool1 already"):
        await place.plan(pool_file(tmp_path, other + API + WEB))
    await place.apply(pool_file(tmp_path, other + API + WEB.replace('"web"', '"web2"')))
    assert (await place.plan(pool_file(tmp_path, ALL))).empty


async def test_pools_do_not_see_each_other_s_users(place: Installation, tmp_path: Path) -> None:
    await place.apply(pool_file(tmp_path, ALL))
    other = pool_file(tmp_path, POOL.replace("t_Pool1", "t_Pool2") + STAFF + ADA)
    assert [c.kind for c in (await place.apply(other)).changes] == ["pool", "group", "keys", "user"]


def test_a_plan_is_a_pure_function_of_its_facts(tmp_path: Path) -> None:
    file = pool_file(tmp_path, ALL)
    assert plan(Facts(), file) == plan(Facts(), file)
