"""`poolgate triggers`: what is set up is listed, calls are shown and made again, and a trigger can be tried."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from authserver.cli._context import reaching_this_machine
from authserver.crypto.secrets import b64url
from authserver.effects import HttpAnswer, HttpForbidden, HttpUnreachable
from authserver.errors import TriggerFailed, Vetoed
from authserver.model.pools import Pool, Trigger, TriggerPoint, trigger_record
from authserver.outbound import Outbound
from authserver.settings import load_settings
from authserver.triggers import Triggers
from authserver.triggers.calls import MemoryCalls
from authserver.triggers.points import PreSignUp
from authserver.triggers.samples import sample
from tests.journeys.command_line import Terminal
from tests.unit.installation import Installation

POOL = "demo_Pool1"
HERE = "tests.unit.trigger_functions"


class Internet:
    """What answers on the other side, by URL."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.answers: dict[str, HttpAnswer] = {}

    async def request(self, _method: str, url: str, **sent: Any) -> HttpAnswer:
        self.asked.append((url, {**json.loads(sent["body"]), "signature": sent["headers"]["X-Poolgate-Signature"]}))
        if url not in self.answers:
            raise HttpUnreachable(f"{url} cannot be connected to")
        return self.answers[url]


class Reaching(Installation):
    """An installation that reaches webhooks and records their calls, as `open_stores` yields it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.trigger_calls = MemoryCalls()
        self.http = Internet()


@pytest.fixture
def place() -> Reaching:
    return Reaching()


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: Reaching) -> Iterator[Terminal]:
    secret = b64url(place.sealer.seal(b"s" * 24, trigger_record(POOL, "pre_token_generation")))
    triggers = (
        Trigger("pre_sign_up", callable=f"{HERE}:confirm"),
        Trigger("user_migration", callable=f"{HERE}:fail"),
        Trigger("pre_token_generation", url="https://hooks.example/", sealed_secret=secret, version="V2_0"),
    )
    asyncio.run(place.stores.registry.put_pool(Pool(id=POOL, name="Demo", triggers=triggers)))
    yield Terminal(tmp_path, monkeypatch, place)
    place.passwords.close()


def call(place: Reaching, pool: Pool, email: str) -> None:
    """A call as the server makes it."""

    async def work() -> None:
        triggers = Triggers(
            http=place.http,
            sealer=place.sealer,
            clock=place.clock,
            random=place.random,
            calls=place.trigger_calls,
            emit=lambda _event: None,
        )
        try:
            await triggers.call(pool, PreSignUp("SignUp", {"email": email}), username="ada", client_id="web")
        except (Vetoed, TriggerFailed):
            pass
        finally:
            await triggers.close()

    asyncio.run(work())


def with_function(name: str) -> Pool:
    return Pool(id=POOL, name="Demo", triggers=(Trigger("pre_sign_up", callable=f"{HERE}:{name}"),))


def test_triggers_are_listed_without_their_secrets(shell: Terminal) -> None:
    listed = shell("triggers", "list", "--json")
    assert [(row["point"], row["target"], row["version"]) for row in listed.value] == [
        ("pre_sign_up", f"{HERE}:confirm", "V1_0"),
        ("user_migration", f"{HERE}:fail", "V1_0"),
        ("pre_token_generation", "https://hooks.example/", "V2_0"),
    ]
    assert "secret" not in listed.out
    assert shell("triggers", "list", "--pool", POOL).rows[0][:3] == [POOL, "pre_sign_up", f"{HERE}:confirm"]


def test_calls_are_listed_and_shown(shell: Terminal, place: Reaching) -> None:
    call(place, with_function("confirm"), "one@example.com")
    call(place, with_function("refuse"), "two@example.com")
    newest, oldest = shell("triggers", "log", "--json").value
    assert (newest["outcome"], newest["reason"], oldest["outcome"]) == ("vetoed", "Sign-up is for members.", "answered")
    assert [row[3] for row in shell("triggers", "log", "--outcome", "vetoed").rows] == ["vetoed"]
    assert shell("triggers", "log", "--point", "user_migration").out == ""
    shown = shell("triggers", "show", oldest["id"][:8], "--json").value
    assert shown["event"]["request"]["userAttributes"] == {"email": "one@example.com"}
    assert shown["answer"]["response"]["autoConfirmUser"] is True
    assert "one@example.com" in shell("triggers", "show", oldest["id"]).out
    assert "not kept" in shell("triggers", "show", newest["id"]).out


def test_a_call_that_is_not_there_or_not_clear_is_told(shell: Terminal, place: Reaching) -> None:
    for email in ("one@example.com", "two@example.com"):
        call(place, with_function("confirm"), email)
    for kept in place.trigger_calls._calls[POOL]:
        object.__setattr__(kept, "id", f"same-{kept.id}")
    assert "There is no call 'x'" in shell("triggers", "show", "x").err
    assert "There is no call ''" in shell("triggers", "show", "").err
    unclear = shell("triggers", "replay", "same-")
    assert (unclear.code, unclear.err) == (1, "poolgate: 2 calls begin with 'same-'.\n")


def test_a_call_is_made_again_and_nothing_comes_of_it(shell: Terminal, place: Reaching) -> None:
    call(place, with_function("refuse"), "one@example.com")
    (kept,) = shell("triggers", "log", "--json").value
    again = shell("triggers", "replay", kept["id"], "--json")  # the trigger is `confirm` by now
    assert again.code == 0
    assert again.value["meaning"] == {"auto_confirm_user": True, "auto_verify_email": False, "auto_verify_phone": False}
    assert len(shell("triggers", "log", "--json").value) == 1
    assert "outcome:" in shell("triggers", "replay", kept["id"]).out


def test_a_call_is_sent_elsewhere_with_the_triggers_own_signature(shell: Terminal, place: Reaching) -> None:
    refused = shell("triggers", "test", "pre_sign_up", "--url", "https://trial.example/")
    assert (refused.code, place.http.asked) == (1, [])
    assert "needs a secret to sign with" in refused.err
    place.http.answers["https://trial.example/"] = HttpAnswer(
        200, body=b'{"response":{"claimsAndScopeOverrideDetails":{"accessTokenGeneration":{"scopesToAdd":["x"]}}}}'
    )
    tried = shell("triggers", "test", "pre_token_generation", "--url", "https://trial.example/", "--json")
    assert tried.value["meaning"]["access_token"]["add_scopes"] == ["x"]
    ((url, sent),) = place.http.asked
    assert url == "https://trial.example/"
    assert sent["version"] == "2"
    assert sent["userName"] == "sample-user"
    assert sent["signature"].startswith("t=")


def test_a_failure_is_told_and_the_exit_code_says_so(shell: Terminal) -> None:
    failed = shell("triggers", "test", "user_migration")
    assert failed.code == 1
    assert "ValueError" in failed.out
    away = shell("triggers", "test", "pre_token_generation", "--json")
    assert (away.code, away.value["outcome"]) == (1, "failed")
    assert "cannot be connected to" in away.value["reason"]


@pytest.mark.parametrize(
    ("arguments", "sentence", "code"),
    [
        (["test", "pre_signup"], "POINT: there is no point `pre_signup`; there are pre_sign_up,", 2),
        (["test", "custom_message"], "has no trigger at custom_message", 1),
        (["log", "--outcome", "bad"], "--outcome: must be one of answered, vetoed, failed", 2),
        (["log", "--point", "bad"], "--point: there is no point `bad`", 2),
        (["log", "--pool", "none_x"], "There is no pool 'none_x'", 1),
    ],
)
def test_a_mistake_is_told_in_a_sentence(shell: Terminal, arguments: list[str], sentence: str, code: int) -> None:
    refused = shell("triggers", *arguments)
    assert refused.code == code
    assert sentence in refused.err


@pytest.mark.parametrize("point", get_args(TriggerPoint))
def test_there_is_a_sample_for_every_point(point: TriggerPoint) -> None:
    request = sample(point)
    assert request.point == point
    assert json.dumps(request.request("V3_0"))


@pytest.mark.parametrize("how", [["--no-password"], ["--invite"]])
def test_an_operators_new_user_is_asked_about_first(shell: Terminal, place: Reaching, how: list[str]) -> None:
    new = ["user", "create", "carol", "--email", "carol@example.com", *how]
    asyncio.run(place.stores.registry.put_pool(with_function("refuse")))
    refused = shell(*new)
    assert refused.code == 1
    assert refused.err.splitlines()[-1] == "poolgate: Sign-up is for members."
    assert shell("user", "list", "--json").value == []
    asyncio.run(place.stores.registry.put_pool(with_function("confirm")))
    assert shell(*new).code == 0
    assert [row["username"] for row in shell("user", "list", "--json").value] == ["carol"]
    answered, vetoed = shell("triggers", "log", "--json").value
    assert [call["outcome"] for call in (answered, vetoed)] == ["answered", "vetoed"]
    assert {call["source"] for call in (answered, vetoed)} == {"PreSignUp_AdminCreateUser"}
    shown = shell("triggers", "show", vetoed["id"], "--json").value
    assert shown["event"]["request"]["userAttributes"]["email"] == "carol@example.com"


@pytest.mark.parametrize(
    ("base_url", "outcome"),
    [
        ("http://localhost:8000", HttpUnreachable),
        ("http://127.0.0.1:8000", HttpUnreachable),
        ("https://localhost:8000", HttpForbidden),
    ],
)
def test_what_is_on_this_machine_is_called_beside_the_demo_alone(base_url: str, outcome: type[Exception]) -> None:
    settings = load_settings(environ={}, default_config=False, overrides={"base_url": base_url})
    http = Outbound(reaching_this_machine(settings).outbound_allow)

    async def ask() -> None:
        try:
            await http.request("POST", "http://127.0.0.1:1/")  # where nothing listens
        finally:
            await http.close()

    with pytest.raises(outcome):
        asyncio.run(ask())
