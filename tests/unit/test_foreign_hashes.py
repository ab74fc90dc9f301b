"""Hashes of other systems: the passwords they were made of match, others do not, and none costs more than it may."""

import asyncio
import json
import sys
import time
from pathlib import Path
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver.crypto.foreign_hashes import MOST_MEMORY, Argon2, Bcrypt, Pbkdf2, Scrypt, needs_extra, parse
from authserver.crypto.foreign_systems import firebase_project, from_auth0, from_firebase, from_keycloak, read_hash
from authserver.crypto.passwords import Passwords
from authserver.errors import Unexpected

VECTORS = json.loads((Path(__file__).parents[1] / "vectors/password_hashes.json").read_text("utf-8"))
SALT = "c2FsdHNhbHQ"
VALUE = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
BCRYPT = "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"  # of "U*U"
OPENINGS = {"is", "has", "holds", "says", "lacks", "asks"}
FIREBASE = VECTORS["firebase"][0]
KEYCLOAK = VECTORS["keycloak"][0]


def secret(vector: dict[str, str]) -> bytes:
    return vector["password"].encode() if "password" in vector else bytes.fromhex(vector["password_hex"])


@pytest.mark.parametrize("vector", VECTORS["hashes"], ids=lambda v: f"{v['origin']}: {v['hash'][:30]}")
def test_a_hash_made_elsewhere_matches_its_password(vector: dict[str, str]) -> None:
    found = read_hash(vector["hash"])
    assert found.matches(secret(vector))
    assert parse(found.text()) == found
    assert read_hash(found.text()) == found
    assert found.text().startswith(
        found.cost.replace("$2b", found.text()[:3]) if found.cost[:3] == "$2b" else found.cost
    )


@pytest.mark.parametrize(
    "vector",
    [v for v in VECTORS["hashes"] if "cut at 72" not in v["origin"] and v["hash"].startswith(("$2", "$scrypt$ln=10"))],
    ids=lambda v: v["hash"][:40],
)
def test_another_password_does_not(vector: dict[str, str]) -> None:
    found, right = read_hash(vector["hash"]), secret(vector)
    for wrong in (right + b"!", right[:-1], right.swapcase() + b"x"):
        assert wrong == right or not found.matches(wrong)


@pytest.mark.parametrize("vector", VECTORS["keycloak"], ids=lambda v: v["origin"])
def test_a_keycloak_credential_matches_its_password(vector: dict[str, str]) -> None:
    found = from_keycloak(vector["secretData"], vector["credentialData"])
    assert found.matches(vector["password"].encode())
    assert not found.matches(b"other")
    assert parse(found.text()) == found


def test_keycloaks_sha512_is_64_bytes_of_pbkdf2() -> None:
    import hashlib

    value = hashlib.pbkdf2_hmac("sha512", b"secret", b"0123456789abcdef", 1000, 64)
    import base64

    data = {"value": base64.b64encode(value).decode(), "salt": base64.b64encode(b"0123456789abcdef").decode()}
    found = from_keycloak(json.dumps(data), '{"hashIterations":1000,"algorithm":"pbkdf2-sha512"}')
    assert isinstance(found, Pbkdf2)
    assert (found.digest, found.iterations) == ("sha512", 1000)
    assert found.matches(b"secret")


@pytest.mark.parametrize(
    ("secret_data", "credential_data", "says"),
    [
        ("{", KEYCLOAK["credentialData"], "is not the JSON that it should be"),
        ("[]", KEYCLOAK["credentialData"], "is not the JSON that it should be"),
        ('{"value":"AAAA"}', KEYCLOAK["credentialData"], "lacks a part"),
        (KEYCLOAK["secretData"], '{"hashIterations":1,"algorithm":"bcrypt"}', "is of an algorithm that is not known"),
        (KEYCLOAK["secretData"], '{"algorithm":"pbkdf2"}', "has no number of iterations"),
        (KEYCLOAK["secretData"], '{"hashIterations":true,"algorithm":"pbkdf2"}', "has no number of iterations"),
        (KEYCLOAK["secretData"], '{"hashIterations":2000000000,"algorithm":"pbkdf2"}', "asks for more time"),
        (KEYCLOAK["secretData"], '{"hashIterations":1,"algorithm":"argon2"}', "has no known type and version"),
        (
            KEYCLOAK["secretData"],
            (
                '{"hashIterations":1,"algorithm":"argon2","additionalParameters":'
                '{"type":["id"],"version":["1.3"],"memory":["x"],"parallelism":["1"]}}'
            ),
            "holds a parameter that is no number",
        ),
        ("[" * 100_000, KEYCLOAK["credentialData"], "is not the JSON that it should be"),
    ],
)
def test_a_damaged_keycloak_credential_is_refused(secret_data: str, credential_data: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        from_keycloak(secret_data, credential_data)


def test_firebases_own_example_matches() -> None:
    project = firebase_project(FIREBASE["config"])
    found = from_firebase(project, FIREBASE["salt"], FIREBASE["hash"])
    assert found.matches(FIREBASE["password"].encode())
    assert not found.matches(b"user2password")
    assert parse(found.text()) == found
    assert "jxspr8" not in repr(found)
    assert "jxspr8" not in repr(project)
    as_json = '{"base64_signer_key": "jxspr8Ki0RYy", "base64_salt_separator": "Bw==", "rounds": 8, "mem_cost": 14}'
    assert firebase_project(as_json).mem_cost == 14


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ("", "does not say base64_signer_key, base64_salt_separator, rounds, mem_cost"),
        (FIREBASE["config"].replace("SCRYPT", "BCRYPT"), "is not for the algorithm SCRYPT"),
        (FIREBASE["config"].replace("8,", "eight,"), "holds a parameter that is no number"),
        ("{", "is not the JSON"),
    ],
)
def test_parameters_of_firebase_that_say_too_little_are_refused(config: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        firebase_project(config)


def test_auth0_tells_the_algorithm_beside_the_hash() -> None:
    assert from_auth0({"algorithm": "bcrypt", "hash": {"value": BCRYPT}}) == Bcrypt(BCRYPT)
    value = f"$pbkdf2-sha512$i=100000,l=32${SALT}${VALUE}"
    found = from_auth0({"algorithm": "pbkdf2", "hash": {"value": value, "encoding": "utf8"}})
    assert found == Pbkdf2("sha512", 100000, b"saltsalt", bytes(32))
    for refused in ({"algorithm": "md5", "hash": {"value": "x"}}, {"algorithm": "bcrypt"}, {}):
        with pytest.raises(ValueError, match="is of an algorithm that is not known here"):
            from_auth0(refused)
    with pytest.raises(ValueError, match="another length"):
        from_auth0({"algorithm": "pbkdf2", "hash": {"value": value.replace("l=32", "l=64")}})


# ------------------------------------------------------------------------------------------------------- bounds

DEAREST = [
    f"$argon2id$v=19$m=131072,t=8,p=4${SALT}${VALUE}",
    f"$argon2id$v=19$m=16384,t=64,p=4${SALT}${VALUE}",
    "$2b$14$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
    f"$scrypt$ln=17,r=8,p=4${SALT}${VALUE}",
    f"$scrypt$ln=20,r=1,p=4${SALT}${VALUE}",
    f"$pbkdf2-sha256$i=2000000${SALT}${VALUE}",
    f"$pbkdf2-sha512$i=2000000${SALT}${VALUE}",
]
TOO_DEAR = [
    f"$argon2id$v=19$m=131073,t=1,p=4${SALT}${VALUE}",
    f"$argon2id$v=19$m=16384,t=65,p=4${SALT}${VALUE}",
    f"$argon2id$v=19$m=4294967295,t=1,p=1${SALT}${VALUE}",
    f"$argon2id$v=19$m=8,t=4294967295,p=1${SALT}${VALUE}",
    f"$argon2id$v=19$m=65536,t=1,p=65${SALT}${VALUE}",
    "$2b$15$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
    "$2b$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
    f"$scrypt$ln=17,r=9,p=1${SALT}${VALUE}",
    f"$scrypt$ln=17,r=8,p=5${SALT}${VALUE}",
    f"$scrypt$ln=9999999999,r=8,p=1${SALT}${VALUE}",
    f"$scrypt$ln=1,r=9999999999,p=1${SALT}${VALUE}",
    f"$firebase-scrypt$ln=18,r=8${SALT}${VALUE}$Bw${VALUE}",
    f"$pbkdf2-sha256$i=2000001${SALT}${VALUE}",
    f"$pbkdf2-sha1$i=1000001${SALT}${VALUE}",  # 32 bytes are two blocks of SHA-1
    f"pbkdf2_sha256$2000001$saltsalt${VALUE}=",
    f"scrypt$1048576$saltsalt$8$1${VALUE}=",
    f"$pbkdf2-sha512$9999999999${SALT}${VALUE}",
]


@pytest.mark.parametrize("text", DEAREST)
def test_the_dearest_that_is_allowed_is_read(text: str) -> None:
    assert read_hash(text).text() == text


@pytest.mark.parametrize("text", TOO_DEAR)
def test_what_would_burn_minutes_or_gigabytes_is_refused(text: str) -> None:
    began = time.process_time()
    with pytest.raises(ValueError, match="asks for more"):
        read_hash(text)
    assert time.process_time() - began < 0.1


@pytest.mark.parametrize("text", TOO_DEAR)
def test_and_costs_nothing_if_it_got_into_the_store_all_the_same(text: str) -> None:
    async def verify() -> bool:
        return await Passwords(threads=1).verify(text, "x")

    began = time.process_time()
    assert asyncio.run(verify()) is False
    assert time.process_time() - began < 0.2


def test_the_dearest_scrypt_stays_within_its_memory() -> None:
    """OpenSSL refuses what goes beyond the memory that it is given."""
    assert Scrypt(17, 8, 1, b"saltsalt", bytes(32)).matches(b"x") is False
    assert MOST_MEMORY == 128 * 8 << 17


# ------------------------------------------------------------------------------------------------- strict spelling

DAMAGED = [
    "",
    "$",
    "$$$$$",
    "$2b$05$",
    BCRYPT[:-1],
    BCRYPT + "A",
    BCRYPT.replace("$2b", "$2x"),  # made by a faulty program: its hashes match other passwords
    BCRYPT.replace("$2b", "$2"),
    BCRYPT.replace("$05$", "$03$"),
    BCRYPT.replace("$05$", "$5$"),
    BCRYPT[:-1] + "X",  # bits beyond the end
    BCRYPT[:28] + "A" + BCRYPT[29:],
    f"$argon2id$v=18$m=8,t=1,p=1${SALT}${VALUE}",
    f"$argon2id$v=19$t=1,m=8,p=1${SALT}${VALUE}",
    f"$argon2id$v=19$m=8,t=1,p=2${SALT}${VALUE}",
    f"$argon2id$v=19$m=8,t=0,p=1${SALT}${VALUE}",
    f"$argon2id$v=19$m=08,t=1,p=1${SALT}${VALUE}",
    f"$argon2id$v=19$m=8,t=1,p=1${SALT}${VALUE}=",
    f"$argon2id$v=19$m=8,t=1,p=1${SALT}${VALUE[:-1]}B",
    f"$argon2id$v=19$m=8,t=1,p=1${SALT}$AAAAAAAAAAA",
    f"$argon2id$v=19$m=8,t=1,p=1$AAA${VALUE}",
    f"$argon2id$v=19$m=8,t=1,p=1,keyid=x${SALT}${VALUE}",
    f"$argon2id$v=19$m=8,t=1,p=1${SALT}${VALUE}\n",
    f"$scrypt$ln=14,r=8,p=1${SALT}",
    f"$scrypt$ln=\u0661\u0664,r=8,p=1${SALT}${VALUE}",
    f"$firebase-scrypt$ln=14,r=8${SALT}${VALUE}$Bw$AAAA",
    f"$pbkdf2-md5$i=1000${SALT}${VALUE}",
    f"$pbkdf2-sha256$i=-1${SALT}${VALUE}",
    f"pbkdf2_sha256$1000$sa${VALUE}",
    f"pbkdf2_sha256$x$saltsalt${VALUE}",
    f"scrypt$16383$saltsalt$8$1${VALUE}",
    f"argon2{BCRYPT}",
    f"argon2$argon2id$v=19$m=8,t=1,p=1${SALT}",
    f"bcrypt$$argon2id$v=19$m=8,t=1,p=1${SALT}${VALUE}",
    "!4oQTGaOxoCtqlecH4YSf59APF8vQ07PTpv2zpeqw",
    "x" * 5000,
    "$pbkdf2-sha256$i=1$" + "A" * 200 + f"${VALUE}",
]


@pytest.mark.parametrize("text", DAMAGED, ids=lambda t: t[:50])
def test_what_is_not_spelt_as_it_should_be_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(is|has|holds|says|lacks|asks) "):
        read_hash(text)


@pytest.mark.parametrize(
    "text",
    [
        "md5$gl8395aNuEO25G83sj7U8l$08c6af5afea78f72393d3b7abc9d4ef0",
        "sha1$x$5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8",
        "$1$salt$qJH7.N4xYta3aEG/dfqo/0",
        "$6$rounds=5000$saltsalt$x",
        "{SSHA}AAAA",
    ],
)
def test_hashes_that_are_guessed_at_full_speed_are_not_taken_over(text: str) -> None:
    with pytest.raises(ValueError, match="too weak to be worth keeping"):
        read_hash(text)


@given(
    st.text(max_size=200)
    | st.from_regex(r"\$?[a-z0-9_-]{2,14}\$[a-z0-9=,]{0,20}\$[A-Za-z0-9+/$.]{0,80}", fullmatch=True)
)
def test_reading_hostile_text_ends_in_a_sentence_or_a_bounded_hash(text: str) -> None:
    try:
        found = read_hash(text)
    except ValueError as error:
        assert str(error).split()[0] in OPENINGS  # noqa: PT017 - either end is right
    else:
        assert parse(found.text()) == found


@given(
    st.builds(
        Argon2,
        st.sampled_from(["argon2id", "argon2i", "argon2d"]),
        st.sampled_from([16, 19]),
        st.integers(512, 1024),
        st.integers(1, 16),
        st.integers(1, 64),
        st.binary(min_size=4, max_size=128),
        st.binary(min_size=16, max_size=128),
    )
    | st.builds(
        Scrypt,
        st.integers(1, 10),
        st.integers(1, 8),
        st.integers(1, 16),
        st.binary(min_size=4, max_size=128),
        st.binary(min_size=16, max_size=128),
    )
    | st.builds(
        Pbkdf2,
        st.sampled_from(["sha1", "sha256", "sha512"]),
        st.integers(1, 200_000),
        st.binary(min_size=4, max_size=128),
        st.binary(min_size=16, max_size=128),
    )
)
def test_the_text_form_holds_everything(made: Argon2 | Scrypt | Pbkdf2) -> None:
    assert parse(made.text()) == made
    assert read_hash(made.text()) == made


# ---------------------------------------------------------------------------------------------------- in the server


@pytest.fixture
def passwords() -> Passwords:
    return Passwords(threads=1)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("encoded", "right"),
    [
        (BCRYPT, "U*U"),
        (f"$bcrypt-hex-sha256{BCRYPT}", None),
        (VECTORS["hashes"][-1]["hash"].replace("$m", "$v=16$m"), "password"),
        (from_keycloak(KEYCLOAK["secretData"], KEYCLOAK["credentialData"]).text(), "password"),
    ],
)
async def test_the_server_verifies_it_and_wants_a_hash_of_its_own(
    passwords: Passwords, encoded: str, right: str | None
) -> None:
    assert passwords.needs_rehash(encoded) is True
    assert await passwords.verify(encoded, "wrong") is False
    assert await passwords.matches(encoded, "wrong") is False
    if right is not None:
        assert await passwords.verify(encoded, right) is True
        assert await passwords.matches(encoded, right) is True


def test_bcrypt_is_cut_where_its_makers_cut_it_and_takes_no_nul() -> None:
    import bcrypt

    encoded = bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)).decode()
    assert Bcrypt(encoded).matches(b"x" * 72)
    assert Bcrypt(encoded).matches(b"x" * 100)
    assert not Bcrypt(encoded).matches(b"x" * 71)
    # The key is cyclic, with a NUL behind each round: without a rule "a" and "a\0a" would be one password.
    twin = bcrypt.hashpw(b"a", bcrypt.gensalt(4))
    assert bcrypt.checkpw(b"a\0a", twin)
    assert Bcrypt(twin.decode()).matches(b"a")
    assert not Bcrypt(twin.decode()).matches(b"a\0a")


def test_without_its_library_a_stored_bcrypt_hash_is_a_fault_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    assert needs_extra(Bcrypt(BCRYPT)) is None
    monkeypatch.setitem(sys.modules, "bcrypt", None)
    with pytest.raises(Unexpected) as caught:
        Bcrypt(BCRYPT).matches(b"U*U")
    assert caught.value.detail is not None
    assert "poolgate[bcrypt]" in caught.value.detail
    assert needs_extra(Bcrypt(BCRYPT)) == "bcrypt"
    assert needs_extra(Pbkdf2("sha256", 1, b"salt", bytes(16))) is None


@pytest.mark.anyio
@pytest.mark.serial
@pytest.mark.parametrize("foreign", [0.06, 0.001], ids=["dearer than ours", "cheaper than ours"])
async def test_time_does_not_tell_whose_account_came_from_elsewhere(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch, foreign: float
) -> None:
    """W9, with hashes that are tried at another cost than ours."""
    imported, own = f"$pbkdf2-sha256$i=1000${SALT}${VALUE}", passwords._decoy

    def slow(encoded: str, _password: str) -> tuple[str, bool, float]:
        seconds = foreign if encoded == imported else 0.02
        time.sleep(seconds)
        return ("$pbkdf2-sha256$i=1000" if encoded == imported else "", False, seconds)

    monkeypatch.setattr(passwords, "_try", slow)
    await passwords.verify(None, "wrong")
    await passwords.verify(imported, "wrong")  # now the cost of its kind is known
    spent: dict[str, list[float]] = {"imported": [], "own": [], "nobody": []}
    for _ in range(11):
        for name, encoded in (("imported", imported), ("own", own), ("nobody", None)):
            began = time.perf_counter()
            assert await passwords.verify(encoded, "wrong") is False
            spent[name].append(time.perf_counter() - began)
    middle = [median(times) for times in spent.values()]
    assert max(middle) - min(middle) < 0.005
    assert min(middle) > max(foreign, 0.02)


@pytest.mark.anyio
async def test_the_right_password_is_not_held_back(passwords: Passwords) -> None:
    slow = "$2b$09$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
    own = await passwords.hash("x")
    await passwords.verify(slow, "wrong")
    passwords._seconds["$2b$09"] = 1.0
    began = time.perf_counter()
    assert await passwords.verify(own, "x") is True
    assert await passwords.matches(own, "wrong") is False
    assert time.perf_counter() - began < 1.0
    began = time.perf_counter()
    assert await passwords.verify(None, "x") is False
    assert time.perf_counter() - began > 1.0


@pytest.mark.anyio
async def test_only_so_many_kinds_are_remembered(passwords: Passwords) -> None:
    for iterations in range(1, 100):
        await passwords.matches(f"$pbkdf2-sha256$i={iterations}${SALT}${VALUE}", "x")
    assert len(passwords._seconds) == 64
    assert "$pbkdf2-sha256$i=99" in passwords._seconds
