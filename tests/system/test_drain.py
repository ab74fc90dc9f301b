"""Starting, stopping and being in the way: what `poolgate serve` does with signals, ports, folders and bad settings."""

import asyncio
import contextlib
import json
import re
import signal
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from argon2 import PasswordHasher

from authserver.adapters.valkey import EmbeddedValkey
from authserver.crypto.passwords import LANES, MEMORY_KIB, TIME_COST
from tests.dev_server import PASSWORD
from tests.system.installation import Installation, eventually, free_ports, installation, read_records, runs
from tests.system.pools import CALLBACK, POOL, SECRET, pool_file
from tests.system.visitor import Visitor
from tests.system.volley import connections, read_reply, request

UNDER_WAY = 100
ENDED_WITHIN = 10.0
"""Seconds from the signal to the end of the process."""
REFUSED_WITHIN = 2.0
"""Seconds after which nobody may be left waiting at a door that will not open again."""
WORKERS = pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.nightly), 2])


@pytest.fixture(scope="module")
def crowd() -> str:
    """A pool of a hundred people. Hashed once, with today's parameters."""
    hashed = PasswordHasher(time_cost=TIME_COST, memory_cost=MEMORY_KIB, parallelism=LANES).hash(PASSWORD)
    return pool_file(POOL, [f"person-{n}" for n in range(UNDER_WAY)], password_hash=hashed)


def password_posts(at: Installation) -> list[bytes]:
    """Each person's last step of a sign-in: the one that takes a hashing."""
    with Visitor(at) as browser:
        pages = [browser.login_page() for _ in range(UNDER_WAY)]
        return [
            request(
                "POST",
                page.url.raw_path.decode(),
                form=browser.password_form(page, f"person-{n}"),
                cookies=dict(browser.http.cookies),
            )
            for n, page in enumerate(pages)
        ]


@contextlib.contextmanager
def watched_readiness(at: Installation) -> Iterator[list[tuple[int, str]]]:
    """What `/readyz` says in the meantime, again and again, on a connection of its own each time."""
    seen: list[tuple[int, str]] = []
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            seen.append(at.readiness(timeout=REFUSED_WITHIN))
            time.sleep(0.005)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


@pytest.mark.serial
@WORKERS
def test_what_is_under_way_at_the_signal_is_finished(tmp_path: Path, crowd: str, workers: int) -> None:
    with installation(tmp_path, workers=workers, pools={POOL: crowd}) as at:
        posts = password_posts(at)
        with connections(at, UNDER_WAY) as lines:
            for line, post in zip(lines, posts, strict=True):
                line.sendall(post)
            time.sleep(0.1)  # all are taken in; a hashing takes 25 ms and more, so few are answered
            with watched_readiness(at) as readiness:
                began = time.monotonic()
                at.process.send_signal(signal.SIGTERM)
                replies = [read_reply(line) for line in lines]  # raises Cut for one that does not come whole
                code = at.process.wait(ENDED_WITHIN + 20)
                took = time.monotonic() - began
        assert [reply.status for reply in replies] == [303] * UNDER_WAY
        assert all(reply.headers["location"].startswith(f"{CALLBACK}?code=") for reply in replies)
        assert (503, "draining") in readiness
        assert readiness[-1][0] == 0
        assert not [reason for status, reason in readiness if status == 0 and "timed out" in reason]
        assert code == 0
        assert took < ENDED_WITHIN
        assert not runs(at.valkey())
        records = at.records()
    assert {"stopping"} <= {record["event"] for record in records}
    assert not [record for record in records if record["level"] in {"error", "critical"}]
    print(f"{workers} workers: {UNDER_WAY} of {UNDER_WAY} finished, ended {took:.2f} s after the signal")


@pytest.mark.serial
@WORKERS
def test_requests_that_keep_coming_are_answered_or_not_taken(tmp_path: Path, workers: int) -> None:
    """Nobody's request vanishes between two answers: a connection is served, or refused, or was idle."""
    with installation(tmp_path, workers=workers) as at:
        outcomes: list[str] = []
        stop = threading.Event()

        def keep_asking() -> None:
            while not stop.is_set():
                status, word = at.readiness()
                outcomes.append(word if status else word.split("(")[0])

        threads = [threading.Thread(target=keep_asking) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        code = at.stop()
        stop.set()
        for thread in threads:
            thread.join()
    print(Counter(outcomes))
    assert code == 0
    assert {"ready", "draining", "ConnectionRefusedError"} <= set(outcomes)
    # A connection the system took in, but the server never saw, is reset: nothing of it was begun.
    assert set(outcomes) <= {
        "ready",
        "draining",
        "ConnectionRefusedError",
        "ConnectionResetError",
        "RemoteDisconnected",
    }


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("running")) as at:
        yield at


def neighbour(
    at: Installation, folder: Path, *, port: int | None = None, metrics_port: int | None = None, extra: str = ""
) -> Installation:
    """Another installation that has not been started."""
    free = free_ports(2)
    other = Installation(folder, port or free[0], metrics_port or free[1], 1)
    other.write_settings({POOL: pool_file(POOL, ())}, extra)
    return other


def refused(at: Installation, *arguments: str) -> str:
    """What `serve` says on standard error when it refuses: sentences, and no traceback."""
    ran = at.run("serve", *arguments)
    assert ran.returncode == 1, (ran.returncode, ran.stderr)
    assert ran.stdout == ""
    assert "Traceback" not in ran.stderr
    said = [line for line in ran.stderr.splitlines() if line.startswith("poolgate: ")]
    assert said, ran.stderr
    return "\n".join(said)


def test_a_taken_port_is_refused_by_its_number(running: Installation, tmp_path: Path) -> None:
    other = neighbour(running, tmp_path, port=running.port)
    assert f"Port {running.port} (listen)" in refused(other)
    other = neighbour(running, tmp_path, metrics_port=running.metrics_port)
    assert f"127.0.0.1:{running.metrics_port}" in refused(other)


def test_a_second_server_in_the_same_folder_is_refused_and_harms_nobody(running: Installation, tmp_path: Path) -> None:
    """What one stops must not be taken from under the other: each has its own folder, or stores of their own."""
    other = neighbour(running, tmp_path)
    other.settings.write_text(other.settings.read_text().replace('"data"', json.dumps(str(running.data_dir))))
    said = refused(other)
    assert str(running.pid) in said
    assert str(running.data_dir) in said
    assert running.readiness() == (200, "ready")
    with Visitor(running) as ada:
        ada.sign_in()


def test_a_server_waits_for_a_command_that_owns_the_store_and_then_owns_it(tmp_path: Path) -> None:
    async def as_a_command_does(at: Installation) -> None:
        async with EmbeddedValkey.open(at.data_dir) as owned:
            assert owned.owner
            at.launch()
            await asyncio.sleep(3)
            assert at.readiness()[0] == 0

    with installation(tmp_path, start=False) as at:
        asyncio.run(as_a_command_does(at))
        at.wait_until_ready()
        assert runs(at.valkey())
        assert (at.data_dir / "lock").read_text() == str(at.pid)
        assert at.stop() == 0


def test_a_command_joins_the_running_server(running: Installation) -> None:
    created = running.run(
        "user", "create", "carol", "--pool", POOL, "--password-stdin", "--json", typed=f"{PASSWORD}\n"
    )
    assert created.returncode == 0, created.stderr
    assert runs(running.valkey())
    with Visitor(running) as carol:
        carol.sign_in("carol")
        disabled = running.run("user", "disable", "carol", "--pool", POOL, "--json")
        assert disabled.returncode == 0, disabled.stderr
        page = carol.login_page()  # signed out by the command: the server asks again
        assert 'name="username"' in page.text


UNSAFE = {
    "plain http": ('base_url = "http://login.example.com"', "base_url"),
    "remote database, generated key": ('database_url = "postgresql+asyncpg://u:p@db.example.com/p"', "master_key"),
    "remote database, embedded store": ('database_url = "postgresql+asyncpg://u:p@db.example.com/p"', "redis_url"),
    "unknown key": ("listn = 1", "listn"),
    "not TOML": ("[", "poolgate.toml"),
}


@pytest.mark.parametrize("case", UNSAFE.values(), ids=UNSAFE)
def test_unsafe_or_broken_settings_are_refused_with_what_to_do(tmp_path: Path, case: tuple[str, str]) -> None:
    line, named = case
    other = neighbour(None, tmp_path)
    kept = other.settings.read_text()
    if line.startswith("base_url"):
        kept = re.sub(r"base_url = .*\n", "", kept)
    other.settings.write_text(f"{kept}{line}\n")
    assert named in refused(other)
    assert not (other.data_dir / "poolgate.sqlite").exists()


def test_the_log_is_one_json_object_a_line_and_holds_no_secret(tmp_path: Path) -> None:
    with installation(tmp_path) as at:
        with Visitor(at) as ada, Visitor(at) as stranger:
            code = ada.sign_in()
            tokens = ada.redeem(code).json()
            fresh = ada.refresh(tokens["refresh_token"]).json()
            ada.userinfo(tokens["access_token"])
            ada.revoke(fresh["refresh_token"])
            ada.redeem(code, (400,))
            page = stranger.login_page()
            form = stranger.password_form(page, "ada", "a wrong password of hers")
            stranger.send("POST", str(page.url), (422,), data=form)
            cookies = [*ada.http.cookies.values(), *stranger.http.cookies.values()]
        assert at.stop() == 0
        log = at.log()
    records = list(read_records(log))
    assert log.endswith("\n")
    assert all({"event", "level", "timestamp"} <= record.keys() for record in records)
    assert {"ready", "sign_in.succeeded", "sign_in.failed", "code.replayed", "stopping"} <= {
        r["event"] for r in records
    }
    held = [value for each in (tokens, fresh) for name, value in each.items() if name.endswith("_token")]
    secrets = [PASSWORD, SECRET, "a wrong password of hers", code, form["csrf"], *held, *cookies]
    assert [secret for secret in secrets if secret in log] == []
    assert (tmp_path / "output.txt").read_text() == ""


def test_a_dry_run_before_there_is_anything_makes_nothing(tmp_path: Path) -> None:
    other = neighbour(None, tmp_path)
    file = str(tmp_path / f"{POOL}.toml")
    shown = other.run("apply", file, "--dry-run")
    assert shown.returncode == 0, shown.stderr
    assert f"+ pool {POOL}" in shown.stdout
    assert "nothing was changed" in shown.stdout
    assert not other.data_dir.exists()
    assert other.run("apply", file).returncode == 0
    assert "up to date" in other.run("apply", file, "--dry-run").stdout


def test_the_demos_pool_is_not_served_to_others(tmp_path: Path) -> None:
    """Its passwords stand in the documentation. On this machine it is only worth a warning."""
    with installation(tmp_path, pools={"demo_Pool1": pool_file(POOL).replace(POOL, "demo_Pool1")}) as at:
        said = [record for record in at.records() if record["event"] == "unsafe"]
        assert "demo_pool" in {record["code"] for record in said}
        assert all("[redacted]" not in record.values() for record in said)
        assert at.stop() == 0
    at.settings.write_text(at.settings.read_text().replace("http://", "https://"))
    assert "demo's pool" in refused(at)


def metrics(at: Installation, name: str, **labels: str) -> float:
    """The sum of a counter's series that carry the labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{at.metrics_port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    found = [line for line in lines if line.startswith((f"{name}{{", f"{name} "))]
    kept = [line for line in found if all(f'{key}="{value}"' in line for key, value in labels.items())]
    return sum(float(line.rpartition(" ")[2]) for line in kept)


@pytest.mark.nightly
@pytest.mark.serial
def test_the_metrics_page_adds_up_the_workers_and_survives_one(tmp_path: Path) -> None:
    asked = 60
    with installation(tmp_path, workers=2) as at:
        with Visitor(at) as ada:
            ada.sign_in()
            bearer = ada.tokens()["access_token"]

        def userinfos() -> float:
            return metrics(at, "poolgate_requests_total", endpoint="userinfo", status="200")

        def ask_everyone() -> None:
            content = request("GET", f"/{POOL}/oauth2/userInfo", bearer=bearer)
            with connections(at, asked) as lines:
                for line in lines:
                    line.sendall(content)
                assert {read_reply(line).status for line in lines} == {200}

        ask_everyone()
        assert eventually(lambda: userinfos() == asked, 5)
        assert metrics(at, "poolgate_sign_ins_total", outcome="succeeded") == 1
        assert metrics(at, "poolgate_request_seconds_count", endpoint="userinfo") == asked

        victim, survivor = at.worker_pids()
        psutil.Process(victim).kill()
        assert eventually(lambda: len(at.worker_pids()) == 2 and victim not in at.worker_pids(), 30)
        assert survivor in at.worker_pids()
        assert userinfos() == asked
        assert eventually(lambda: len([r for r in at.records() if r["event"] == "ready"]) == 3, 60)
        ask_everyone()
        assert eventually(lambda: userinfos() == 2 * asked, 5)
        ended = [record for record in at.records() if record["event"] == "a worker ended by itself"]
        assert [(record["level"], record["code"]) for record in ended] == [("error", -signal.SIGKILL)]
        assert at.stop() == 0


@pytest.mark.nightly
@pytest.mark.serial
def test_workers_end_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    """Without it nobody restarts them, and the store is gone: whoever supervises starts all anew, on the same port."""
    with installation(tmp_path, workers=2) as at:
        workers, valkey = at.worker_pids(), at.valkey()
        at.kill()
        assert eventually(lambda: not any(map(runs, [*workers, valkey])), 10)
        at.start()
        with Visitor(at) as ada:
            ada.sign_in()
