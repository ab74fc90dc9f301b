"""Nothing secret reaches the log (S25): canaries planted through a whole journey, the log at its most talkative."""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

from tests.journeys.house import ADA, each

ROOT = Path(__file__).parents[2]


@functools.cache
def run(form: str) -> tuple[dict[str, str], list[str], str]:
    """The journey in a process of its own, since logging is set up once for a process: secrets, failed ids, log."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.journeys.canaries", form],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout)
    return told["secrets"], told["failed"], done.stderr


@each("form", ("json", "pretty"))
def test_the_log_holds_no_secret_and_all_that_is_needed(form: str) -> None:
    secrets, failed, log = run(form)
    assert len(secrets) > 25
    leaked = {name for name, secret in secrets.items() if len(secret) < 16 or secret in log}
    assert leaked == set()
    for kind in (
        "sign_in.failed", "sign_in.succeeded", "grant.created", "code.replayed", "grant.revoked", "session.ended",
        "request", "failed", "refused",
    ):  # fmt: skip
        assert kind in log
    assert ADA.id in log
    assert "RuntimeError" in log  # what went wrong is told to us, and only to us
    assert len(failed) == 4
    assert all(ident in log for ident in failed)


def test_every_line_is_one_json_object_with_the_id_of_its_request() -> None:
    _, failed, log = run("json")
    lines = [json.loads(line) for line in log.splitlines()]
    assert {"debug", "info", "warning", "error"} >= {line["level"] for line in lines}
    failures = [line for line in lines if line["event"] == "failed"]
    assert [line["request_id"] for line in failures] == failed
    assert all("RuntimeError: broken" in line["exception"] for line in failures)
    requests = [line for line in lines if line["event"] == "request"]
    assert len({line["request_id"] for line in requests}) == len(requests) > 40
    assert all("?" not in line["path"] for line in requests)
    assert {line["address"] for line in lines if "address" in line} == {"198.51.100.7"}
