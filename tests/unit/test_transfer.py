"""Users in bulk: what files may hold, what becomes of their rows, and that nothing is lost on the way out and in."""

import asyncio
import io
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from authserver.accounts.directory import ordered_groups, posing_fault
from authserver.accounts.transfer import Import, Report, UserFile, export_csv, export_lines, json_stream
from authserver.accounts.transfer.checking import Checked, Names, check_row
from authserver.accounts.transfer.csv_file import escape, read_csv, unescape
from authserver.accounts.transfer.formats import Format, detect
from authserver.accounts.transfer.json_stream import Broken, Document, array_entries, line_entries
from authserver.accounts.transfer.keycloak import read_keycloak
from authserver.accounts.transfer.own_lines import read_lines
from authserver.accounts.transfer.rows import STATES, Fault, Row
from authserver.crypto.foreign_hashes import Argon2, Bcrypt, Pbkdf2
from authserver.crypto.sealing import Sealer
from authserver.effects import SystemRandom
from authserver.errors import Conflict, Invalid
from authserver.events import ignore
from authserver.model.pools import AttributeDefinition, Group, Pool
from authserver.model.users import PasswordCredential, User
from authserver.rules.addresses import normal_email
from authserver.rules.attributes import attribute_faults
from authserver.rules.names import username_fault
from authserver.store import Stores
from authserver.store.memory import memory_stores

NOW = 1_800_000_000
UUID = "0b0f3b5e-6c1c-4f6e-9d53-6a1f0f5c7a11"
POOL = Pool(
    "demo_Pool1",
    "Demo",
    sign_in_with=("username",),
    attributes=(
        AttributeDefinition("custom:level", "number"),
        AttributeDefinition("custom:on_call", "boolean"),
        AttributeDefinition("custom:desk"),
    ),
    groups=(Group("staff", precedence=2), Group("admins", precedence=1), Group("guests")),
)
RANDOM = SystemRandom()
SEALER = Sealer(bytes(32), RANDOM)


def clock() -> float:
    return float(NOW)


async def pool_of(*users: tuple[User, PasswordCredential | None]) -> Stores:
    stores = memory_stores(clock)
    await stores.registry.put_pool(POOL)
    for user, password in users:
        await stores.directory.create_user(POOL.id, user, password)
    return stores


async def everybody(stores: Stores) -> list[tuple[User, PasswordCredential | None]]:
    users = await stores.directory.users(POOL.id, limit=10_000)
    return [(user, await stores.directory.password(POOL.id, user.id)) for user in users]


async def written(stores: Stores, *, with_hashes: bool = True) -> str:
    parts: list[str] = []
    await export_lines(stores.directory, POOL, parts.append, with_hashes=with_hashes)
    return "".join(parts)


async def taken(stores: Stores, path: Path, format_: Format = "jsonl") -> Report:
    return await Import(stores.directory, SEALER, clock, RANDOM, ignore).run(UserFile(path, format_, POOL))


# ------------------------------------------------------------------------------------------------------ out and in

text = st.text(st.characters(categories=("L", "M", "N", "P", "S")), min_size=1, max_size=20)
times = st.integers(0, 4_000_000_000)
values = {
    "given_name": text,
    "nickname": text,
    "locale": st.sampled_from(["en", "ko"]),
    "custom:level": st.integers(-(10**9), 10**9) | st.floats(-1e9, 1e9),
    "custom:on_call": st.booleans(),
    "custom:desk": text,
    "address": st.dictionaries(st.sampled_from(["country", "locality"]), text, min_size=1),
}
attributes = st.fixed_dictionaries({}, optional=values)
hashes = st.one_of(
    st.builds(
        Argon2,
        st.just("argon2id"),
        st.just(19),
        st.just(19456),
        st.just(2),
        st.just(1),
        st.binary(min_size=16, max_size=16),
        st.binary(min_size=32, max_size=32),
    ),
    st.builds(
        Pbkdf2,
        st.just("sha512"),
        st.integers(1, 10**6),
        st.binary(min_size=4, max_size=32),
        st.binary(min_size=64, max_size=64),
    ),
    st.just(Bcrypt("$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW")),
)


@st.composite
def accounts(draw: st.DrawFn) -> tuple[User, PasswordCredential | None]:
    user = User(
        id=str(draw(st.uuids())),
        pool=POOL.id,
        username=draw(text),
        email=draw(st.none() | st.from_regex(r"[a-z]{1,8}@[a-z]{1,8}\.example", fullmatch=True).map(normal_email)),
        email_verified=draw(st.booleans()),
        phone_number=draw(st.none() | st.integers(2_000_000, 9_999_999).map("+1555{}".format)),
        attributes=draw(attributes),
        groups=ordered_groups(POOL, draw(st.sets(st.sampled_from(["staff", "admins", "guests"])))),
        state=draw(st.sampled_from(STATES)),
        created_at=draw(times),
        updated_at=draw(times),
        accepted_terms_at=draw(st.none() | times),
        delete_after=draw(st.none() | times),
    )
    user = replace(user, email_verified=user.email_verified and user.email is not None)
    assert username_fault(user.username) is None
    assert attribute_faults(POOL, user.attributes) == []
    assert posing_fault(POOL, user.username, user.email, user.phone_number) is None
    encoded = draw(st.none() | hashes)
    if encoded is None:
        return user, None
    return user, PasswordCredential(user.id, encoded.text(), draw(times), draw(st.none() | times))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(people=st.lists(accounts(), max_size=5))
def test_what_is_exported_and_imported_is_the_same(
    tmp_path: Path, people: list[tuple[User, PasswordCredential | None]]
) -> None:
    async def there_and_back() -> None:
        before = memory_stores(clock)
        await before.registry.put_pool(POOL)
        for user, password in people:
            try:
                await before.directory.create_user(POOL.id, user, password)
            except Conflict:
                assume(False)
        path = tmp_path / "users.jsonl"
        path.write_text(await written(before), "utf-8")
        after = await pool_of()
        report = await taken(after, path)
        assert report.clean, report.faults
        assert await everybody(after) == await everybody(before)
        assert await written(after) == path.read_text("utf-8")
        again = await taken(after, path)
        assert again.outcomes == ({"unchanged": len(people)} if people else {})

    asyncio.run(there_and_back())


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(people=st.lists(accounts(), max_size=4))
def test_csv_loses_times_of_passwords_and_nothing_else(
    tmp_path: Path, people: list[tuple[User, PasswordCredential | None]]
) -> None:
    """And what a state says of a password that is not there."""

    async def there_and_back() -> None:
        before = memory_stores(clock)
        for user, password in people:
            try:
                await before.directory.create_user(POOL.id, user, password)
            except Conflict:
                assume(False)
        path = tmp_path / "users.csv"
        parts: list[str] = []
        await export_csv(before.directory, POOL, parts.append, with_hashes=True)
        path.write_text("".join(parts), "utf-8", newline="")
        after = await pool_of()
        report = await taken(after, path, "csv")
        assert report.clean, report.faults
        for (user, password), (same, held) in zip(await everybody(before), await everybody(after), strict=True):
            assert replace(same, state=user.state) == user
            assert (held.hash if held else None) == (password.hash if password else None)
            if password is not None:
                assert same.state == user.state

    asyncio.run(there_and_back())


async def many(count: int) -> Stores:
    return await pool_of(*((User(f"{n:08}", POOL.id, f"user-{n:04}"), None) for n in range(count)))


@pytest.mark.anyio
async def test_an_export_goes_over_all_pages() -> None:
    stores = await many(120)
    for page in (1, 7, 119, 120, 500):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("authserver.accounts.transfer.exporting._PAGE", page)
            names = [json.loads(line)["username"] for line in (await written(stores)).splitlines()]
        assert names == [f"user-{n:04}" for n in range(120)]


@pytest.mark.anyio
async def test_without_hashes_people_set_a_new_password(tmp_path: Path) -> None:
    ada = User(UUID, POOL.id, "ada", email="ada@example.com", email_verified=True, created_at=NOW, updated_at=NOW)
    before = await pool_of(
        (ada, PasswordCredential(UUID, "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", 1))
    )
    path = tmp_path / "x"
    path.write_text(await written(before, with_hashes=False))
    after = await pool_of()
    assert (await taken(after, path)).clean
    assert await everybody(after) == [(replace(ada, state="reset_required"), None)]


# ------------------------------------------------------------------------------------------------ large documents

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)
@given(
    st.lists(json_values, max_size=8),
    st.dictionaries(st.text(max_size=5).filter(lambda k: k != "users"), json_values, max_size=3),
    st.sampled_from([None, 0, 2]),
    st.booleans(),
    st.integers(1, 40),
)
def test_a_document_read_in_pieces_is_the_document(
    users: list[object], beside: dict[str, object], indent: int | None, ascii_: bool, chunk: int
) -> None:
    items = list(beside.items())
    document = dict([*items[: len(items) // 2], ("users", users), *items[len(items) // 2 :]])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_stream, "_CHUNK", chunk)
        whole = json.dumps(document, indent=indent, ensure_ascii=ascii_)
        found = list(array_entries(io.BytesIO(whole.encode("utf-8", "surrogatepass")), "users"))
        assert not any(isinstance(item, Fault) for item in found)
        assert [value for _, value in found] == [json.loads(json.dumps(user)) for user in users]  # type: ignore[misc] - no faults
        bare = json.dumps(users, indent=indent, ensure_ascii=ascii_)
        assert [value for _, value in array_entries(io.BytesIO(bare.encode()))] == users  # type: ignore[misc] - likewise


def entries(document: str, *path: str) -> list[tuple[int, object] | Fault]:
    return list(array_entries(io.BytesIO(document.encode()), *path))


def test_elements_are_told_by_their_lines() -> None:
    document = '\n{"a": {\n"b": [1]},\n\n"users": [\n  {"x": 1},\n\n  {"x":\n 2}, 3\n], "c": 4}\n'
    assert entries(document, "users") == [(6, {"x": 1}), (8, {"x": 2}), (9, 3)]
    assert entries('{"users": [], "users": [5]}', "users") == [(1, 5)]
    assert entries("{}", "users") == []
    assert entries("[]") == []
    assert entries('{"none": 1}', "users") == []


@pytest.mark.parametrize(
    ("document", "line"),
    [
        ("", 1),
        ("[", 1),
        ("[1", 1),
        ("[1,", 1),
        ("[1,]", 1),
        ("[1 2]", 1),
        ('[\n"x\n"]', 2),
        ("[1]\n[2]", 2),
        ("[NaN]", 1),
        ("[-Infinity]", 1),
        ("[" + "9" * 5000 + "]", 1),
        ("[" * 100_000, 1),
        ("{1: 2}", 1),
        ("nonsense", 1),
        ("[\n", 1),
        ("[1\n\n", 1),
        ("[1,\n2,\n\n", 2),
        ('[{"a":\n[1,\n', 2),
        ('[{"a"\n:\n  x}]', 3),
    ],
)
def test_what_is_no_json_is_a_fault_where_it_ends_being_it(document: str, line: int) -> None:
    found = entries(document)[-1]
    assert isinstance(found, Fault)
    assert found.line == line
    assert "JSON" in found.sentence


@pytest.mark.parametrize(
    "document", ['{"users": {}}', '{"users"}', '{"users": [1}', '{"a": 1 "users": []}', '{"a": [1,}', "{,}"]
)
def test_an_object_that_breaks_off_is_one_too(document: str) -> None:
    assert isinstance(entries(document, "users")[-1], Fault)


def test_an_entry_is_not_read_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "LONGEST", 10_000)
    monkeypatch.setattr(json_stream, "_CHUNK", 1000)
    read = 0

    class Endless(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            nonlocal read
            read += size
            return b'["' + b"x" * (size - 2) if read == size else b"x" * size

    with pytest.raises(Broken):
        list(Document(Endless()).elements())  # type: ignore[arg-type] - it reads
    assert read < 50_000
    found = list(line_entries(io.BytesIO(b'"' + b"x" * 20_000 + b'"\n{}\n')))
    assert found == [Fault(1, "is too long")]


# --------------------------------------------------------------------------------------------------- single rows


def rows(lines: str | bytes) -> list[Row | Fault]:
    return list(read_lines(io.BytesIO(lines.encode() if isinstance(lines, str) else lines)))


def checked(line: str) -> Checked | list[Fault]:
    (row,) = rows(line)
    return [row] if isinstance(row, Fault) else check_row(POOL, row, NOW, lambda: UUID)


def user_of(line: str) -> User:
    found = checked(line)
    assert isinstance(found, Checked), found
    return found.user


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("5", "is no JSON object"),
        ("[]", "is no JSON object"),
        ('{"username":5}', "`username` must be text"),
        ('{"username":"x","email_verified":"yes"}', "`email_verified` must be true or false"),
        ('{"username":"x","groups":"staff"}', "`groups` must be a list of names"),
        ('{"username":"x","groups":[5]}', "`groups` must be a list of names"),
        ('{"username":"x","attributes":[]}', "`attributes` must be an object"),
        ('{"username":"x","attributes":{"shoe":"5"}}', "`shoe` is no standard claim, and the pool does not define it"),
        ('{"username":"x","attributes":{"custom:level":"5"}}', "`custom:level` must be a number"),
        ('{"username":"x","attributes":{"custom:level":1e999}}', "`custom:level` is too large for a number"),
        ('{"username":"x","attributes":{"nickname":"a\\u0000b"}}', "`nickname` must be one line without control"),
        ('{"username":"x","attributes":{"email":"a@b.example"}}', "`email` is a key of its own"),
        ('{"username":"x","state":"gone"}', "`state` must be one of confirmed,"),
        ('{"username":"x","created_at":-1}', "`created_at` must be a time in seconds since 1970"),
        ('{"username":"x","created_at":true}', "`created_at` must be a time"),
        ('{"username":"x","created_at":1e3}', "`created_at` must be a time"),
        ('{"username":"x","created_at":99999999999999999999}', "`created_at` must be a time"),
        ('{"username":"x","password":5}', "`password` must be an object with a hash"),
        ('{"username":"x","password":{}}', "`password` must be an object with a hash"),
        ('{"username":"x","password":{"hash":"x","salt":"y"}}', "`salt` is no key that is known here"),
        ('{"username":"x","password":{"hash":"x"}}', "`password_hash` is not a password hash of a known form"),
        ('{"username":"x","password":null,"password_hash":"x"}', "stand beside each other"),
        ('{"username":"x","password_hash":"md5$a$b"}', "`password_hash` is of a kind too weak to be worth keeping"),
        ('{"username":"\\ud800"}', "`username` holds what is not UTF-8"),
        ('{"username":"x","attributes":{"address":{"country":"\\udfff"}}}', "`address` holds what is not UTF-8"),
        ('{"username":"x\\u202e"}', "`username` must not hold control characters"),
        ('{"username":"' + "\ufdfa" * 100 + '"}', "`username` is too long"),
        (
            '{"username":"x","attributes":{"preferred_username":"' + "\ufdfa" * 100 + '"}}',
            "`preferred_username` is too",
        ),
        ('{"username":"x","phone_number":"555"}', "`phone_number` is not a phone number with its country code"),
    ],
)
def test_a_row_that_cannot_be_a_user_says_why(line: str, says: str) -> None:
    found = checked(line)
    assert isinstance(found, list)
    assert found[0].line == 1
    assert says in found[0].sentence


def test_bytes_that_are_no_text_are_a_fault_of_their_line() -> None:
    found = rows(b'{"username":"a"}\n{"username":"\xff"}\n')
    assert isinstance(found[0], Row)
    assert found[1] == Fault(2, "is not JSON")


def test_a_mark_at_the_beginning_is_passed_over() -> None:
    assert isinstance(rows(b'\xef\xbb\xbf{"username":"a"}')[0], Row)


def test_an_id_that_is_a_uuid_stays_and_another_is_replaced() -> None:
    other = "11111111-2222-4333-8444-555555555555"
    assert user_of(f'{{"username":"x","id":"{other}"}}').id == other
    assert user_of('{"username":"x"}').id == UUID
    found = checked('{"username":"x","id":"auth0|5f7c"}')
    assert isinstance(found, Checked)
    assert found.user.id == UUID
    assert "the id is no UUID, and a new one takes its place" in found.notes


@pytest.mark.parametrize(
    ("given", "state"),
    [
        ("", "reset_required"),
        (',"state":"confirmed"', "reset_required"),
        (',"state":"must_change"', "reset_required"),
        (',"state":"disabled"', "disabled"),
        (',"state":"external"', "external"),
        (',"state":"unconfirmed"', "unconfirmed"),
        (',"password":null', "confirmed"),
        (',"password":null,"state":"must_change"', "must_change"),
        (',"password_hash":"$pbkdf2-sha256$i=1$AAAAAA$AAAAAAAAAAAAAAAAAAAAAA"', "confirmed"),
        (',"state":"must_change","password_hash":"$pbkdf2-sha256$i=1$AAAAAA$AAAAAAAAAAAAAAAAAAAAAA"', "must_change"),
    ],
)
def test_whoever_has_no_password_must_set_one(given: str, state: str) -> None:
    assert user_of(f'{{"username":"x"{given}}}').state == state


def test_times_that_are_not_told_are_now() -> None:
    user = user_of('{"username":"x"}')
    assert (user.created_at, user.updated_at) == (NOW, NOW)
    user = user_of('{"username":"x","created_at":5}')
    assert (user.created_at, user.updated_at) == (5, 5)


def test_nobody_takes_anothers_address_for_a_name() -> None:
    pool = replace(POOL, sign_in_with=("username", "email"))
    (row,) = rows('{"username":"ada@example.com","email":"eve@example.com"}')
    assert isinstance(row, Row)
    found = check_row(pool, row, NOW, lambda: UUID)
    assert isinstance(found, list)
    assert "looks like an email address" in found[0].sentence


def test_what_the_pool_requires_is_required() -> None:
    pool = replace(POOL, attributes=(AttributeDefinition("given_name", required=True),))
    (row,) = rows('{"username":"x"}')
    assert isinstance(row, Row)
    found = check_row(pool, row, NOW, lambda: UUID)
    assert found == [Fault(1, "`given_name` is required by the pool")]


def test_a_hash_whose_library_is_missing_is_told_before_anybody_signs_in(monkeypatch: pytest.MonkeyPatch) -> None:
    line = '{"username":"x","password_hash":"$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"}'
    assert isinstance(checked(line), Checked)
    monkeypatch.setitem(sys.modules, "bcrypt", None)
    found = checked(line)
    assert isinstance(found, list)
    assert "pip install 'poolgate[bcrypt]'" in found[0].sentence


@pytest.mark.parametrize("at_once", [1, 2, 100_000])
def test_names_that_two_rows_share_are_found_however_they_are_spelt(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("authserver.accounts.transfer.checking._SORTED_AT_ONCE", at_once)
    names = Names()
    lines = [
        '{"username":"Ada","email":"ada@example.com","email_verified":true}',
        '{"username":"bob","email":"ADA@EXAMPLE.COM"}',
        '{"username":"\uff21da"}',
        '{"username":"carol","email":"ADA@example.com","email_verified":true,"phone_number":"+15550100200","phone_number_verified":true}',
        f'{{"username":"dave","id":"{UUID}","phone_number":"+1 555 010 0200","phone_number_verified":true}}',
        f'{{"username":"erin","id":"{UUID}","phone_number":"+15550100200"}}',
    ]
    for row in rows("\n".join(lines)):
        assert isinstance(row, Row)
        found = check_row(POOL, row, NOW, RANDOM.uuid)
        assert isinstance(found, Checked)
        names.add(found)
    assert sorted((f.line, f.sentence) for f in names.shared()) == [
        (3, "`username` is also that of line 1"),
        (4, "`email` is also that of line 1"),
        (5, "`phone_number` is also that of line 4"),
        (6, "`id` is also that of line 5"),
    ]


# ---------------------------------------------------------------------------------------------------------- CSV


def csv_rows(data: str | bytes, pool: Pool = POOL) -> list[Row | Fault]:
    return list(read_csv(io.BytesIO(data.encode() if isinstance(data, str) else data), pool))


def test_cells_have_the_types_that_the_pool_defines() -> None:
    header = "username,custom:level,custom:on_call,custom:desk,address,groups,created_at,email_verified"
    (row,) = csv_rows(f'{header}\nx,2.5,TRUE,"007","{{""country"":""KR""}}",staff admins,1700000000123,Y\n')
    assert isinstance(row, Row)
    assert row.attributes == {
        "custom:level": 2.5,
        "custom:on_call": True,
        "custom:desk": "007",
        "address": {"country": "KR"},
    }
    assert (row.groups, row.created_at, row.email_verified) == (("staff", "admins"), 1_700_000_000, True)


def test_what_is_not_of_its_type_is_told_by_name() -> None:
    (row,) = csv_rows("username,custom:level,custom:on_call\nx,high,maybe\n")
    assert isinstance(row, Row)
    found = check_row(POOL, row, NOW, lambda: UUID)
    assert isinstance(found, list)
    assert [f.sentence for f in found] == ["`custom:level` must be a number", "`custom:on_call` must be true or false"]


def test_a_hash_may_come_in_parts() -> None:
    header = "username,password_hash,password_hash_algorithm,password_hash_parameters,password_hash_salt"
    (row,) = csv_rows(f"{header}\nx,AAAAAAAAAAAAAAAAAAAAAA==,pbkdf2-sha256,i=1000,c2FsdHNhbHQ=\n")
    assert isinstance(row, Row)
    assert row.password == Pbkdf2("sha256", 1000, b"saltsalt", bytes(16))
    (fault,) = csv_rows(f"{header}\nx,AAAA,md5,,AAAA\n")
    assert fault == Fault(2, "`password_hash` is not a password hash of a known form")


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ("username,email\nx\n", [Fault(2, "has 1 fields, and the header 2")]),
        ("username,email\nx,y,z\n", [Fault(2, "has 3 fields, and the header 2")]),
        ('username\n"x"y\n', [Fault(2, "is not CSV: ',' expected after '\"'")]),
        ('username\n"x\n', [Fault(2, "is not CSV: unexpected end of data")]),
        ("username,email_verified\nx,perhaps\n", [Fault(2, "`email_verified` must be true or false")]),
        ("username,address\nx,{oops\n", [Fault(2, "`address` begins like JSON, and is none")]),
        ("username,created_at\nx,soon\n", [Fault(2, "`created_at` must be a time in seconds since 1970")]),
    ],
)
def test_a_row_that_is_no_row_is_a_fault_of_its_line(data: str, found: list[Fault]) -> None:
    assert csv_rows(data) == found


def test_rows_after_a_bad_one_are_read_and_lines_are_counted() -> None:
    data = 'username,nickname\r\na,"two\r\nlines"\r\n\r\nb,"x"y\r\nc,ok\r\n'
    found = csv_rows(data)
    assert [(f.line, type(f)) for f in found] == [(2, Row), (5, Fault), (6, Row)]


def test_cells_that_are_no_utf8_are_refused_with_their_row() -> None:
    (row,) = csv_rows(b"\xef\xbb\xbfusername\nm\xfcller\n")
    assert isinstance(row, Row)
    found = check_row(POOL, row, NOW, lambda: UUID)
    assert found == [Fault(2, "`username` holds what is not UTF-8")]


def test_a_quote_that_never_closes_does_not_eat_the_file() -> None:
    found = csv_rows('username\n"' + f"{'x' * 100}\n" * 5000)
    assert sum(isinstance(item, Row) for item in found) > 3000
    assert isinstance(found[0], Fault)


@given(st.text())
def test_no_cell_begins_like_a_formula_and_each_comes_back(value: str) -> None:
    cell = escape(value)
    assert unescape(cell) == value
    if cell[:1] in set("=@\t\r"):
        pytest.fail(cell)
    if cell[:1] in set("+-"):
        assert set(cell) <= set("+-0123456789 .()")


# ------------------------------------------------------------------------------------------------------ detection


@pytest.mark.parametrize(
    ("text_", "format_"),
    [
        ("cognito:username,email\n", "csv"),
        ("", "csv"),
        ('{"username":"x"}\n{"username":"y"}\n', "jsonl"),
        ('\n {"username":"x"}', "jsonl"),
        ('{"email":"x@y.example","passwordHash":"$2b$..."}\n', "auth0"),
        ('{"user_id":"auth0|1","username":"x"}\n', "auth0"),
        ('{"realm":"x","users":[{"username":"x"}]}', "keycloak"),
        ('{\n "realm":"x",\n "clients":[{}],\n "users":[]\n}', "keycloak"),
        ('{"users":[{"localId":"x"}]}', "firebase"),
        ('[{"model":"auth.user"}]', "django"),
    ],
)
def test_a_format_is_told_by_the_beginning(tmp_path: Path, text_: str, format_: str) -> None:
    (tmp_path / "x").write_text(text_)
    assert detect(tmp_path / "x") == format_


def test_a_large_document_is_not_read_for_its_format(tmp_path: Path) -> None:
    (tmp_path / "x").write_text('{"users":[{"localId":"x"},' + '{"a":1},' * 100_000 + "oops")
    assert detect(tmp_path / "x") == "firebase"
    (tmp_path / "x").write_text("{oops")
    with pytest.raises(Invalid, match="line 1 is not JSON"):
        detect(tmp_path / "x")


def test_keycloak_has_attributes_as_lists() -> None:
    user = {
        "username": "x",
        "attributes": {
            "desk": ["5"],
            "nickname": ["a", "b"],
            "phoneNumber": ["+15550100200"],
            "phoneNumberVerified": ["true"],
        },
    }
    custom = frozenset(a.name for a in POOL.attributes)
    (row,) = read_keycloak(io.BytesIO(json.dumps({"users": [user]}).encode()), custom)
    assert isinstance(row, Row)
    assert row.attributes == {"custom:desk": "5"}
    assert (row.phone_number, row.phone_number_verified) == ("+15550100200", True)
    assert len(row.notes) == 1


@pytest.mark.parametrize(
    "user",
    [
        {"username": "x", "credentials": {}},
        {"username": "x", "credentials": [5]},
        {"username": "x", "credentials": [{"type": "password", "value": "plain"}]},
        {"username": "x", "attributes": []},
        {"username": "x", "groups": "staff"},
        {"username": "x", "enabled": "yes"},
        {"username": "x", "createdTimestamp": "soon"},
        5,
    ],
)
def test_a_damaged_keycloak_user_is_a_fault(user: object) -> None:
    (found,) = read_keycloak(io.BytesIO(json.dumps({"users": [user]}).encode()), frozenset())
    assert isinstance(found, Fault)


def test_a_temporary_password_must_be_changed() -> None:
    vectors = json.loads((Path(__file__).parents[1] / "vectors/password_hashes.json").read_text("utf-8"))
    vector = vectors["keycloak"][0]
    held = {"type": "password", "secretData": vector["secretData"], "credentialData": vector["credentialData"]}
    for more in (
        {"credentials": [{**held, "temporary": True}]},
        {"credentials": [held], "requiredActions": ["UPDATE_PASSWORD"]},
    ):
        (row,) = read_keycloak(io.BytesIO(json.dumps({"users": [{"username": "x", **more}]}).encode()), frozenset())
        assert isinstance(row, Row)
        assert row.state == "must_change"


# ---------------------------------------------------------------------------------------------------- bounded work


@pytest.mark.anyio
async def test_a_file_that_changes_between_its_readings_does_no_harm(tmp_path: Path) -> None:
    class Changing(UserFile):
        readings = 0

        def rows(self) -> Iterator[Row | Fault]:
            Changing.readings += 1
            if Changing.readings == 1:
                yield from rows('{"username":"a"}\n{"username":"b"}')
            else:
                yield from rows('{"username":"a"}\n{"username":""}\nnonsense')

    stores = await pool_of()
    report = await Import(stores.directory, SEALER, clock, RANDOM, ignore).run(Changing(tmp_path, "jsonl", POOL))
    assert report.outcomes == {"created": 1, "refused": 2}
    assert [f.line for f in report.faults] == [2, 3]
    assert not report.clean


@pytest.mark.anyio
async def test_notes_of_a_strange_file_are_bounded() -> None:
    report = Report()
    for n in range(1000):
        report.note((f"the attribute {n} is left out",))
        report.blame(Fault(1000 - n, "x"))
    report.tidy()
    assert len(report.notes) == 50
    assert [f.line for f in report.faults] == list(range(1, 101))
    assert report.fault_count == 1000
