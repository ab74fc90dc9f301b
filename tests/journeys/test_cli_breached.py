"""`poolgate breached`: a list compiled, and passwords looked up."""

import hashlib
import io
import sys

import pytest

from tests.journeys.command_line import Terminal


@pytest.fixture(autouse=True)
def no_stores(bare: Terminal):
    """Neither command touches them."""
    yield
    assert bare.opened == 0


def test_a_list_is_compiled_and_asked(bare: Terminal) -> None:
    source = bare.write("passwords.txt", "one-password\nblue-kettle-22\n\n")
    made = bare("breached", "compile", source, "breached.bin")
    assert (made.code, made.out) == (0, "breached.bin: 2 passwords from 3 lines, 1 of them passed over\n")
    known = bare("breached", "check", "--file", "breached.bin", stdin="blue-kettle-22\n")
    assert (known.code, known.out, known.err) == (
        1,
        "",
        "poolgate: The password is in your own list: choose another.\n",
    )
    good = bare("breached", "check", "--file", "breached.bin", stdin="blue-kettle-23\n")
    assert (good.code, good.out, good.err) == (0, "not in the bundled list and your own\n", "")


def test_the_list_of_the_settings_is_asked(bare: Terminal) -> None:
    bare("breached", "compile", bare.write("passwords.txt", "blue-kettle-22\n"), "breached.bin")
    bare.write("poolgate.toml", '[protection]\nbreached_file = "breached.bin"\n')
    assert bare("breached", "check", stdin="blue-kettle-22").code == 1
    bare.environ = {"POOLGATE_PROTECTION__BREACHED_FILE": "none.bin"}
    refused = bare("breached", "check", stdin="x\n")
    assert refused.code == 1
    assert refused.err.startswith("poolgate: `protection.breached_file`: ")
    assert "none.bin cannot be read" in refused.err


def test_without_a_list_of_ones_own_the_bundled_one_is_asked(bare: Terminal) -> None:
    known = bare("breached", "check", "--json", stdin="Password\n")
    assert known.code == 1
    assert known.value == {"breached": True, "list": "bundled", "own_list": False}
    good = bare("breached", "check", "--json", stdin="correct-horse-battery\n")
    assert (good.code, good.value) == (0, {"breached": False, "list": None, "own_list": False})
    assert bare("breached", "check", stdin="correct-horse-battery\n").out == "not in the bundled list\n"


def test_digests_come_from_a_pipe_too(bare: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = "".join(
        f"{hashlib.sha1(p.encode(), usedforsecurity=False).hexdigest()}:{n}\n" for n, p in enumerate(("a1", "b2", "c3"))
    )
    (bare.folder / "digests.txt").write_text(lines)
    made = bare("breached", "compile", "digests.txt", "x.bin", "--at-least", "2", "--json").value
    assert {k: made[k] for k in ("kind", "lines", "skipped", "passwords", "bytes")} == {
        "kind": "sha1",
        "lines": 3,
        "skipped": 2,
        "passwords": 1,
        "bytes": 72,
    }
    assert bare("breached", "check", "--file", "x.bin", stdin="c3\n").code == 1
    assert bare("breached", "check", "--file", "x.bin", stdin="b2\n").code == 0

    class Pipe(io.StringIO):
        buffer = io.BytesIO(lines.encode())

    monkeypatch.setattr("tests.journeys.command_line.io.StringIO", Pipe)
    assert bare("breached", "compile", "-", "y.bin", "--json").value["passwords"] == 3
    assert sys.stdin is not None


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("none.txt", "x.bin"), 1, "poolgate: none.txt: No such file or directory\n"),
        (("empty.txt", "x.bin"), 1, "poolgate: The list holds no passwords.\n"),
        (("empty.txt", "nowhere/x.bin"), 1, "No such file or directory"),
        (("empty.txt", "x.bin", "--kind", "md5"), 2, "the kind must be auto, plain or sha1"),
        (("empty.txt", "x.bin", "--at-least", "0"), 2, "--at-least"),
    ],
)
def test_what_cannot_be_compiled_is_a_sentence(
    bare: Terminal, arguments: tuple[str, ...], code: int, says: str
) -> None:
    bare.write("empty.txt", "\n")
    refused = bare("breached", "compile", *arguments)
    assert refused.code == code
    assert says in refused.err
    assert not (bare.folder / "x.bin").exists()


def test_a_password_is_needed_and_no_list_is_no_list(bare: Terminal) -> None:
    assert bare("breached", "check").err == "poolgate: Standard input held no password.\n"
    refused = bare("breached", "check", "--file", bare.write("list.txt", "password\n"), stdin="x\n")
    assert refused.code == 1
    assert "is no list of breached passwords: make one with `poolgate breached compile`." in refused.err
