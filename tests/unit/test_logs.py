"""The log's allow-list, and its lines as a process writes them."""

import json
import subprocess
import sys
from pathlib import Path

from structlog.testing import capture_logs

from authserver.event_kinds import EVENT_KINDS
from authserver.events import Event
from authserver.logs import FIELDS, log_event, redact
from tests.journeys.house import each

ROOT = Path(__file__).parents[2]

SCRIPT = """
import logging, sys, structlog
from authserver.logs import configure, log_event, request_id
from authserver.events import Event
configure(sys.argv[1], sys.argv[2])
log = structlog.get_logger("x")
log.debug("quiet")
request_id.set("the-id")
log.info("said", pool="p", password="canary", detail="two\\nlines")
log_event(Event("code.replayed", "p", "u", "c", "192.0.2.1", {"secret": "canary", "reason": "r"}))
log_event(Event("token.issued", "p"))
secret = "canary"
try:
    raise ValueError("broken")
except ValueError:
    log.exception("failed")
logging.getLogger("uvicorn.error").error("from %s", "elsewhere")
logging.getLogger("authlib.oauth2").debug("canary token")
logging.getLogger("saml2.response").info("canary assertion")
logging.getLogger("xmlschema").info("canary: a schema is already loaded")
logging.getLogger("uvicorn.access").info("canary path?code=1")
"""


def lines(form: str, level: str = "info") -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, form, level], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "canary" not in done.stderr.replace("'canary'", "").replace('= "canary"', "")
    return done.stderr.splitlines()


def test_a_field_that_is_not_on_the_list_is_blanked() -> None:
    event = {"event": "x", "pool": "p", "password": "p", "token": "t", "_record": 1, "error": "e"}
    assert redact(None, "info", dict(event)) == {**event, "password": "[redacted]", "token": "[redacted]"}


def test_the_list_has_no_place_for_a_secret() -> None:
    for word in (
        "password",
        "secret",
        "token",
        "cookie",
        "authorization",
        "verifier",
        "csrf",
        "query",
        "body",
        "form",
        "email",
    ):
        assert not [field for field in FIELDS if word in field]


def test_the_log_says_which_provider_something_went_wrong_with() -> None:
    kinds = [kind for name, kind in EVENT_KINDS.items() if name.partition(".")[0] in {"provider", "identity"}]
    assert kinds
    assert {detail for kind in kinds for detail in kind.details} <= FIELDS


def test_every_line_is_json_with_the_id_of_its_request() -> None:
    said = [json.loads(line) for line in lines("json")]
    assert [(line["event"], line["level"]) for line in said] == [
        ("said", "info"),
        ("code.replayed", "warning"),
        ("failed", "error"),
        ("from elsewhere", "error"),
    ]
    assert {line["request_id"] for line in said} == {"the-id"}
    assert all(line["timestamp"].endswith("Z") for line in said)
    assert said[0]["password"] == "[redacted]"
    assert said[0]["detail"] == "two\nlines"
    assert {k: v for k, v in said[1].items() if k in {"pool", "user_id", "client_id", "address", "reason", "secret"}} == {
        "pool": "p", "user_id": "u", "client_id": "c", "address": "192.0.2.1", "reason": "r", "secret": "[redacted]",
    }  # fmt: skip
    assert "ValueError: broken" in said[2]["exception"]
    assert "locals" not in said[2]["exception"]


def test_a_person_reads_the_same_and_no_more() -> None:
    said = lines("pretty")
    assert any("said" in line and "'two\\nlines'" in line and "[redacted]" in line for line in said)
    assert any("ValueError: broken" in line for line in said)
    assert not any("secret =" in line or "locals" in line for line in said)


@each("case", {"debug": ("debug", "quiet", True), "info": ("info", "quiet", False), "error": ("error", "said", False)})
def test_the_level_is_the_least_that_is_written(case: tuple[str, str, bool]) -> None:
    level, word, written = case
    assert any(word in line for line in lines("json", level)) is written


def test_events_are_logged_but_for_the_quiet_ones() -> None:
    with capture_logs() as logs:
        log_event(Event("grant.created", "p", client_id="web", details={"scope": ("openid",)}))
        log_event(Event("token.issued", "p"))
        log_event(Event("sign_in.throttled", "p"))
    assert logs == [
        {"event": "grant.created", "log_level": "info", "pool": "p", "client_id": "web", "scope": ("openid",)},
        {"event": "sign_in.throttled", "log_level": "warning", "pool": "p"},
    ]
