"""The command line itself: exit codes, sentences instead of tracebacks, help, and the real process (DESIGN 1)."""

import asyncio
import contextlib
import json
import os
import re
import resource
import socket
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from typer.models import TyperInfo

from authserver.adapters.sql import migrate
from authserver.cli import build_app
from authserver.cli.demo_pool import demo_pool_file
from authserver.poolfile.schema import pool_schema_text
from authserver.settings.reference import settings_table
from resource_servers import __version__
from tests.journeys.command_line import DEMO, ROOT, Terminal


def poolgate(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The real thing, in a process of its own, with a clean environment."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith("POOLGATE_")}
    return subprocess.run(
        [sys.executable, "-c", "from authserver.cli import main; main()", *arguments],
        cwd=folder,
        env=environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=60,
    )


def commands() -> list[str]:
    app = build_app()
    names = [c.name or c.callback.__name__ for c in app.registered_commands if c.callback]
    for group in app.registered_groups:
        names += _below(group)
    return names


def _below(group: TyperInfo) -> list[str]:
    assert group.typer_instance is not None
    inner = [name for one in group.typer_instance.registered_groups for name in _below(one)]
    return [f"{group.name} {name}" for name in (*(c.name for c in group.typer_instance.registered_commands), *inner)]


def test_the_commands_are_those_of_the_design() -> None:
    assert sorted(commands()) == sorted(
        [
            *("serve", "dev", "apply", "check", "migrate", "schema", "version"),
            *("keys list", "keys rotate", *(f"keys saml {c}" for c in ("list", "add", "use", "drop"))),
            *(f"user {c}" for c in ("create", "list", "show", "set-password", "groups", "disable", "enable", "delete")),
            *(f"user {c}" for c in ("invite", "update", "factors", "confirm", "reset", "unlock", "sign-out")),
            *("user import", "user export", "breached compile", "breached check", "audit head", "audit verify"),
            *(f"triggers {c}" for c in ("list", "log", "show", "replay", "test")),
            *(f"idp {c}" for c in ("add", "list", "show", "test", "types", "enable", "disable", "delete")),
            *("idp link", "idp unlink", "idp refresh"),
            *(f"client {c}" for c in ("create", "list", "show", "rotate-secret", "delete")),
        ]
    )


def test_every_command_is_documented() -> None:
    text = (ROOT / "docs/commands.md").read_text()
    assert [c for c in commands() if f"`poolgate {c}" not in text] == []
    named = set(re.findall(r"^\| `poolgate ([a-z-]+(?: [a-z-]+){0,2})", text, re.MULTILINE))
    assert named == set(commands())


@pytest.mark.parametrize("command", commands())
def test_every_command_explains_itself(bare: Terminal, command: str) -> None:
    shown = bare(*command.split(), "--help")
    assert shown.code == 0
    assert f"poolgate {command}" in shown.out
    assert bare.opened == 0


def test_options_of_serve_and_dev_are_those_of_the_design(bare: Terminal) -> None:
    serve, dev = bare("serve", "--help").out, bare("dev", "--help").out
    assert all(option in serve for option in ("--config", "--host", "--port", "--workers"))
    assert all(option in dev for option in ("--data-dir", "--port"))


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("applyy",),
        ("apply",),
        ("apply", "x.toml", "--dryrun"),
        ("serve", "--port", "many"),
        ("user",),
        ("keys", "x"),
    ],
)
def test_wrong_usage_ends_with_2_and_help(bare: Terminal, arguments: tuple[str, ...]) -> None:
    wrong = bare(*arguments)
    assert wrong.code == 2
    assert "Usage: poolgate" in wrong.out + wrong.err
    assert bare.opened == 0


def test_what_is_refused_ends_with_1_and_a_sentence_in_the_real_process(tmp_path: Path) -> None:
    (tmp_path / "pool.toml").write_text('[pool]\nid = "no"\n')
    refused = poolgate("apply", "pool.toml", folder=tmp_path)
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert refused.stderr.startswith("poolgate: `pool.id` in pool.toml line 2 must be")
    assert "Traceback" not in refused.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["pool.toml"]


def test_0_and_2_in_the_real_process(tmp_path: Path) -> None:
    done = poolgate("version", "--json", folder=tmp_path)
    assert (done.returncode, json.loads(done.stdout), done.stderr) == (0, {"version": __version__}, "")
    assert poolgate("nonsense", folder=tmp_path).returncode == 2


def test_what_one_process_wrote_the_next_one_finds_in_the_real_stores(tmp_path: Path) -> None:
    data = tmp_path / "data"
    first = poolgate("apply", str(DEMO), "--data-dir", "data", folder=tmp_path)
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.endswith("demo_Pool1: 9 changes made\n")
    assert stat.S_IMODE((data / "master.key").stat().st_mode) == 0o600
    assert poolgate("apply", str(DEMO), "--data-dir", "data", folder=tmp_path).stdout == "demo_Pool1: up to date\n"
    users = poolgate("user", "list", "--data-dir", "data", folder=tmp_path)
    assert [line.split("\t")[0] for line in users.stdout.splitlines()] == ["ada", "bob"]
    checked = poolgate("check", "--data-dir", "data", "--json", folder=tmp_path)
    assert json.loads(checked.stdout)["errors"] == []
    assert [w["code"] for w in json.loads(checked.stdout)["warnings"]] == ["http_base_url"]
    assert not (tmp_path / "var").exists()


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_checking_makes_nothing_that_is_not_there_yet(tmp_path: Path) -> None:
    checked = poolgate("check", folder=tmp_path)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert f"ok       database: will be created at {tmp_path}/var/poolgate.sqlite\n" in checked.stdout
    assert "ok       stores but for the database: reading and writing\n" in checked.stdout
    assert listing(tmp_path) == []

    database = tmp_path / "var/poolgate.sqlite"
    database.parent.mkdir(mode=0o700)
    database.touch(mode=0o600)
    checked = poolgate("check", folder=tmp_path)
    assert "ok       database: empty; its tables will be created at start\n" in checked.stdout
    assert listing(tmp_path) == ["var", "var/poolgate.sqlite"]
    assert database.read_bytes() == b""

    asyncio.run(migrate(f"sqlite:///{database}"))
    before = listing(tmp_path)
    assert "ok       stores: reading and writing\n" in poolgate("check", folder=tmp_path).stdout
    assert listing(tmp_path) == before, "neither a master key nor an embedded store"


def test_checking_migrates_nothing(tmp_path: Path) -> None:
    database = tmp_path / "var/poolgate.sqlite"
    database.parent.mkdir(mode=0o700)
    asyncio.run(migrate(f"sqlite:///{database}"))
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    checked = poolgate("check", folder=tmp_path)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "ok       database: of an earlier version; will be migrated at start\n" in checked.stdout
    with contextlib.closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (
            'data_dir = "file"',
            "The data folder {folder}/file (--data-dir, or `data_dir` of the settings) cannot be used",
        ),
        ('data_dir = "file/below"', "cannot be used: {folder}/file is no folder"),
        ('database_url = "sqlite:///none/x.db"', "The database {folder}/none/x.db cannot be created"),
    ],
)
def test_checking_tells_where_nothing_could_be_made(tmp_path: Path, settings: str, says: str) -> None:
    (tmp_path / "file").touch(mode=0o600)
    (tmp_path / "poolgate.toml").write_text(settings)
    refused = poolgate("check", folder=tmp_path)
    assert refused.returncode == 1
    assert refused.stderr.startswith("error    the stores do not work: ")
    assert says.format(folder=tmp_path) in refused.stderr
    assert listing(tmp_path) == ["file", "poolgate.toml"]


def test_an_unexpected_error_shows_an_id_and_its_traceback_only_when_asked(bare: Terminal) -> None:
    bare.place.stores = None  # type: ignore[assignment] - a fault of ours
    plain = bare("keys", "list")
    assert plain.code == 1
    assert re.fullmatch(
        r"poolgate: an unexpected error \([\w-]{8}\); run again with `poolgate --debug ...` for the details\n",
        plain.err,
    )
    debug = bare("--debug", "keys", "list")
    assert debug.code == 1
    assert "Traceback" in debug.err
    assert "AttributeError" in debug.err


def test_a_taken_port_and_a_folder_of_no_use_are_told_with_their_options(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = poolgate("serve", "--port", port, folder=tmp_path)
    assert (refused.returncode, refused.stderr) == (
        1,
        f"poolgate: Port {port} (listen) cannot be listened on: Address already in use; --port gives another.\n",
    )
    (tmp_path / "file").touch()
    refused = poolgate("user", "list", "--data-dir", "file", folder=tmp_path)
    assert refused.returncode == 1
    assert refused.stderr == (
        f"poolgate: The data folder {tmp_path / 'file'} (--data-dir, or `data_dir` of the settings) cannot be used: "
        "File exists.\n"
    )


def test_a_file_that_may_not_be_opened_is_a_sentence(bare: Terminal) -> None:
    bare.write("poolgate.toml", "")
    refused = bare("apply", ".")
    assert (refused.code, refused.err) == (1, "poolgate: . cannot be read: Is a directory\n")


def test_the_version_is_the_distribution_s(bare: Terminal) -> None:
    assert bare("version").out == f"poolgate {__version__}\n"


def test_the_schema_and_the_table_are_printed_as_they_are_kept(bare: Terminal) -> None:
    assert bare("schema").out == pool_schema_text()
    assert bare("schema", "--settings").out == settings_table()


def test_migrating_needs_nothing_else(bare: Terminal) -> None:
    assert bare("migrate", "--json").value == {"migrated": True}
    assert bare.opened == 0


def test_the_demo_pool_file_is_found() -> None:
    assert demo_pool_file() == DEMO


def test_help_is_there_at_once(tmp_path: Path) -> None:
    """Under 0.4 s of processor time, the interpreter's start included: a busy machine does not count."""
    times = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert poolgate("--help", folder=tmp_path).returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(times) < 0.4, times


def test_help_loads_none_of_the_slow_libraries() -> None:
    script = "import sys, authserver.cli; authserver.cli.build_app(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    slow = {"asyncio", "pydantic", "sqlalchemy", "redis", "starlette", "authlib", "cryptography", "jinja2", "argon2"}
    assert slow & set(loaded.stdout.split()) == set()
    assert "authserver.cli.users" in loaded.stdout.split()
