"""Passwords known from breaches: the bundled list, and the operator's own."""

import hashlib
import io
import random
import struct
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authserver.errors import Invalid, StoreUnavailable
from authserver.protection import breached_compile
from authserver.protection.breached import BreachedPasswords
from authserver.protection.breached_compile import Compiled, compile_list
from authserver.protection.breached_file import HEADER, WIDTH, BreachedFile, prefix


def compiled(target: Path, lines: str | bytes, **options: object) -> Compiled:
    data = lines.encode() if isinstance(lines, str) else lines
    return compile_list(io.BytesIO(data), target, size=len(data), **options)  # type: ignore[arg-type]


def sha1(password: str) -> str:
    return hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()


@pytest.fixture
def own(tmp_path: Path) -> Path:
    target = tmp_path / "breached.bin"
    compiled(target, "tr0ub4dor&3\nUnser-Sommer\n비밀번호1234\nacme2024\n")
    return target


# ------------------------------------------------------------------------------------------------------ looking up


@pytest.mark.parametrize("password", ["password", "Password", "PASSWORD", "123456789", "qwertyuiop"])
def test_the_commonest_are_known_without_a_file(password: str) -> None:
    assert BreachedPasswords().find(password) == "bundled"


@pytest.mark.parametrize("password", ["correct-horse-battery", "tr0ub4dor&3", "", "x" * 5000, "\ud800", "pass word"])
def test_others_are_not(password: str) -> None:
    assert BreachedPasswords().find(password) is None


def test_the_bundled_list_has_the_3000_commonest_that_are_long_enough() -> None:
    """ASVS 6.2.4."""
    from authserver.protection.breached import bundled

    common = bundled()
    assert len(common) == 30_000  # type: ignore[arg-type] - it has a length
    assert sum(len(word) >= 8 for word in common) > 3000  # type: ignore[attr-defined] - and words


@pytest.mark.parametrize("password", ["tr0ub4dor&3", "Tr0ub4dor&3", "Unser-Sommer", "비밀번호1234", "ACME2024"])
def test_the_operators_own_list_is_asked_too(own: Path, password: str) -> None:
    assert BreachedPasswords(own).find(password) == "own"
    assert BreachedPasswords(own).find("password") == "bundled"


@pytest.mark.parametrize(
    "password", ["unser-sommer", "tr0ub4dor&", "비밀번호12345", "acme 2024", "\ud800", "correct-horse-battery"]
)
def test_it_knows_what_it_holds_and_no_more(own: Path, password: str) -> None:
    """A list in mixed case is compared as it is: `Unser-Sommer` says nothing of `unser-sommer`."""
    assert BreachedPasswords(own).find(password) is None


def test_a_list_that_is_replaced_is_read_again(own: Path) -> None:
    known = BreachedPasswords(own)
    assert known.find("blue-kettle-22") is None
    compiled(own, "blue-kettle-22\n")
    assert known.find("blue-kettle-22") == "own"
    assert known.find("tr0ub4dor&3") is None


def test_one_that_is_no_list_is_told_and_the_old_one_stays(own: Path) -> None:
    told: list[str] = []
    known = BreachedPasswords(own, told.append)
    (own.parent / "bad").write_text("not compiled\n")
    (own.parent / "bad").replace(own)
    assert known.find("tr0ub4dor&3") == "own"
    assert known.find("other-password") is None
    assert len(told) == 1
    assert told[0].startswith("`protection.breached_file`: ")


def test_a_list_overwritten_in_place_keeps_passwords_from_being_taken(own: Path) -> None:
    """Its pages may be gone: reading them would end the process, and passing it over would let everything through."""
    known = BreachedPasswords(own)
    with own.open("r+b") as file:
        file.truncate(HEADER.size)
    with pytest.raises(StoreUnavailable):
        known.find("other-password")
    assert known.find("password") == "bundled"
    compiled(own, "blue-kettle-22\n")
    assert known.find("blue-kettle-22") == "own"


def test_threads_look_up_while_the_list_is_replaced(own: Path) -> None:
    known = BreachedPasswords(own)
    over = threading.Event()
    found: set[str | None] = set()

    def look() -> None:
        while not over.is_set():
            found.add(known.find("acme2024"))

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(20):
        compiled(own, f"acme2024\nother-{number}\n")
    over.set()
    for thread in threads:
        thread.join()
    assert found == {"own"}


# --------------------------------------------------------------------------------------------------- damaged files


def damaged(own: Path, change: str) -> bytes:
    data = bytearray(own.read_bytes())
    match change:
        case "truncated":
            return bytes(data[:-WIDTH])
        case "torn":
            return bytes(data[:-3])
        case "header alone":
            return bytes(data[:40])
        case "longer":
            return bytes(data) + bytes(WIDTH)
        case "flipped":
            data[-1] ^= 1
        case "other magic":
            data[:8] = b"PGBREACI"
        case "other version":
            data[8:10] = struct.pack(">H", 2)
        case "other width":
            data[11] = 4
        case "count of all":
            data[16:24] = b"\xff" * 8
        case "empty":
            return b""
    return bytes(data)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("truncated", "has another size than it says"),
        ("torn", "has another size than it says"),
        ("header alone", "is no list of breached passwords: make one with `poolgate breached compile`."),
        ("longer", "has another size than it says"),
        ("flipped", "is damaged: its checksum does not fit"),
        ("other magic", "is no list of breached passwords"),
        ("other version", "is of a version that this poolgate does not know"),
        ("other width", "is of a version that this poolgate does not know"),
        ("count of all", "has another size than it says"),
        ("empty", "is no list of breached passwords"),
    ],
)
def test_a_damaged_file_is_refused_in_a_sentence(own: Path, change: str, says: str) -> None:
    BreachedFile(own)
    own.write_bytes(damaged(own, change))
    with pytest.raises(Invalid, match=says):
        BreachedFile(own)
    with pytest.raises(Invalid, match=r"^`protection\.breached_file`: "):
        BreachedPasswords(own)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"none.bin cannot be read: No such file or directory\."):
        BreachedFile(tmp_path / "none.bin")


def test_the_checksum_of_a_large_file_is_left_to_whoever_asks(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own.write_bytes(damaged(own, "flipped"))
    monkeypatch.setattr("authserver.protection.breached_file.MOST_VERIFIED", 10)
    assert BreachedFile(own).count == 4
    with pytest.raises(Invalid, match="is damaged"):
        BreachedFile(own, verify=True)


# --------------------------------------------------------------------------------------------------------- search


@settings(max_examples=60)
@given(
    st.sets(st.binary(min_size=WIDTH, max_size=WIDTH), min_size=1, max_size=300),
    st.binary(min_size=WIDTH, max_size=WIDTH),
)
def test_every_entry_is_found_however_they_are_spread(tmp_path_factory, entries: set[bytes], other: bytes) -> None:
    """Real digests are spread evenly; the search must not depend on it."""
    from authserver.protection.breached_file import header, new_checksum

    body = b"".join(sorted(entries))
    checksum = new_checksum()
    checksum.update(body)
    path = tmp_path_factory.mktemp("list") / "x"
    path.write_bytes(header(len(entries), checksum.digest()) + body)
    file = BreachedFile(path)
    assert all(entry in file for entry in entries)
    assert (other in file) == (other in entries)
    for entry in entries:
        near = (int.from_bytes(entry, "big") + 1) % 256**WIDTH
        assert (near.to_bytes(WIDTH, "big") in file) == (near.to_bytes(WIDTH, "big") in entries)


def test_a_crowd_at_one_end_is_searched_through() -> None:
    from authserver.protection import breached_file

    crowd = [n.to_bytes(WIDTH, "big") for n in range(5000)] + [b"\xff" * WIDTH]
    file = object.__new__(BreachedFile)
    file._data = bytes(HEADER.size) + b"".join(crowd)  # type: ignore[assignment] - as good as a mapping
    file.count, file._reach = len(crowd), 4 * 70 + 16
    assert all(entry in file for entry in crowd)
    assert (5000).to_bytes(WIDTH, "big") not in file
    assert breached_file.WIDTH == 8


# ------------------------------------------------------------------------------------------------------- compiling


def test_plain_lists_are_told_from_digests(tmp_path: Path) -> None:
    target = tmp_path / "x"
    assert compiled(target, "one-password\nanother\n") == Compiled("plain", 2, 0, 2)
    lines = f"{sha1('one-password')}:17\n{sha1('another').lower()}\r\n{sha1('third')}"
    assert compiled(target, lines) == Compiled("sha1", 3, 0, 3)
    file = BreachedFile(target)
    assert all(prefix(p) in file for p in (b"one-password", b"another", b"third"))
    # A password may look like a digest, if its owner says so.
    assert compiled(target, sha1("x"), kind="plain") == Compiled("plain", 1, 0, 1)
    assert prefix(sha1("x").encode()) in BreachedFile(target)


def test_a_list_is_compiled_line_by_line_whatever_is_in_it(tmp_path: Path) -> None:
    target = tmp_path / "x"
    lines = (
        "\ufefffirst\r\n\nfirst\n spaced \nt\u00e4st\n".encode()
        + b"alt-m\xfcnchen\n"
        + b"x" * 1025
        + b"\nlast\0nul\nend"
    )
    assert compiled(target, lines) == Compiled("plain", 9, 2, 6)
    file = BreachedFile(target)
    for password in ("first", " spaced ", "täst", "alt-münchen", "last\0nul", "end"):
        assert prefix(password.encode()) in file, password
    assert prefix(b"spaced") not in file


def test_digests_seen_too_seldom_are_left_out(tmp_path: Path) -> None:
    target = tmp_path / "x"
    lines = f"{sha1('often')}:100\n{sha1('seldom')}:9\n{sha1('ten')}:10\n{sha1('uncounted')}\n"
    assert compiled(target, lines, at_least=10) == Compiled("sha1", 4, 2, 2)
    file = BreachedFile(target)
    assert prefix(b"often") in file
    assert prefix(b"ten") in file
    assert prefix(b"seldom") not in file


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (b"", "holds no passwords"),
        (b"\n\n\r\n", "holds no passwords"),
        ("password\n".encode("utf-16"), "is in UTF-16"),
        (b"31d6cfe0d16ae931b73c59d7e0c089c0:5\n" * 3, "look like NTLM or MD5 digests"),
        (b"0005AD76BD555C1D6D771DE417A4B87E4B4:10\n" * 3, "without the first five digits"),
        (sha1("a").encode() + b"\n" + b"oops\n", "Line 2 is no SHA-1 digest; say --kind plain"),
        ((sha1("a") + "\n").encode() * 150 + b"zz" * 20 + b"\n", "Line 151 is no SHA-1 digest"),
        ((sha1("a") + "\n").encode() * 150 + sha1("b").encode() + b"x:5\n", "Line 151 is no SHA-1 digest"),
        ((sha1("a") + "\n").encode() * 150 + b"abcd", "Line 151 is no SHA-1 digest"),
    ],
)
def test_what_is_no_list_is_refused_and_leaves_nothing_behind(tmp_path: Path, lines: bytes, says: str) -> None:
    target = tmp_path / "x"
    compiled(target, "kept\n")
    with pytest.raises(Invalid, match=says):
        compiled(target, lines)
    assert prefix(b"kept") in BreachedFile(target)
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_a_list_larger_than_memory_goes_through_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breached_compile, "_BUFFERED", 4096)
    monkeypatch.setattr(breached_compile, "_PER_BUCKET", 50)
    monkeypatch.setattr(breached_compile, "_BATCH", 1000)
    rng = random.Random(7)
    passwords = [f"pw-{rng.randrange(4000)}" for _ in range(9000)]
    told: list[int] = []
    data = "".join(f"{p}\n" for p in passwords)
    target = tmp_path / "x"
    made = compiled(target, data, progress=told.append)
    assert made == Compiled("plain", 9000, 0, len(set(passwords)))
    assert told == sorted(told)
    assert told[-1] == len(data)
    file = BreachedFile(target)
    assert all(prefix(p.encode()) in file for p in passwords)
    body = target.read_bytes()[HEADER.size :]
    entries = [body[i : i + WIDTH] for i in range(0, len(body), WIDTH)]
    assert entries == sorted(set(entries))
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_the_same_passwords_make_the_same_file(tmp_path: Path) -> None:
    compiled(tmp_path / "a", "one\ntwo\nthree\n")
    compile_list(io.BytesIO(b"three\ntwo\none\none\n"), tmp_path / "b")  # of unknown size, as from a pipe
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_warming_loads_what_the_first_sign_in_would_wait_for() -> None:
    from authserver.protection import agents
    from authserver.protection.breached import bundled
    from authserver.protection.warm import warm

    bundled.cache_clear()
    agents._parse.cache_clear()
    warm()
    assert bundled.cache_info().currsize == 1
    assert agents._parse.cache_info().currsize == 1
