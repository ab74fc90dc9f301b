"""Calling triggers: functions and webhooks, vetoes and failures, time limits, dead targets, and the record."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from authserver.crypto.sealing import Sealer
from authserver.crypto.secrets import b64url
from authserver.effects import SystemRandom
from authserver.errors import StoreUnavailable, TriggerFailed, Vetoed
from authserver.events import Event, fault_of
from authserver.model.pools import Pool, Trigger, TriggerPoint, trigger_record
from authserver.outbound import Outbound
from authserver.triggers import Triggers, breaker, functions, runner
from authserver.triggers.answers import Nothing, SignUpAnswer, TokenAmendment
from authserver.triggers.calls import KEPT, LARGEST, NOT_KEPT, MemoryCalls, TriggerCall, content_of
from authserver.triggers.challenge_points import CreateAuthChallenge, VerifyAuthChallenge
from authserver.triggers.message_points import CustomSender
from authserver.triggers.points import PostConfirmation, PreAuthentication, PreSignUp, UserMigration
from authserver.triggers.token_points import PreTokenGeneration
from tests.unit import trigger_functions
from tests.unit.audit_trails import NOW, Clock
from tests.unit.traps import LOOPBACK, answer, signed_well, taken_apart, trap

pytestmark = pytest.mark.anyio

POOL_ID = "test_Pool1"
SECRET = b"the secret of the webhook, long enough"
HERE = "tests.unit.trigger_functions"
SIGN_UP = PreSignUp("SignUp", {"email": "ada@example.com"})


class Place:
    """The runner, with what it tells and records."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.sealer = Sealer(bytes(32), SystemRandom())
        self.outbound = Outbound(LOOPBACK)
        self.calls = MemoryCalls()
        self.events: list[Event] = []
        self.triggers = Triggers(
            http=self.outbound,
            sealer=self.sealer,
            clock=self.clock,
            random=SystemRandom(),
            calls=self.calls,
            emit=self.events.append,
        )

    def pool(self, point: TriggerPoint = "pre_sign_up", **trigger: Any) -> Pool:
        if "url" in trigger and "sealed_secret" not in trigger:
            trigger["sealed_secret"] = b64url(self.sealer.seal(SECRET, trigger_record(POOL_ID, point)))
        return Pool(id=POOL_ID, name="Test", triggers=(Trigger(point, **trigger),))

    def function(self, name: str, point: TriggerPoint = "pre_sign_up", **trigger: Any) -> Pool:
        return self.pool(point, callable=f"{HERE}:{name}", **trigger)

    async def recorded(self) -> list[TriggerCall]:
        await asyncio.gather(*self.triggers._recording)
        return await self.calls.recent(POOL_ID)

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]


@pytest.fixture
async def at() -> AsyncIterator[Place]:
    place = Place()
    trigger_functions.seen.clear()
    trigger_functions.release.clear()
    yield place
    trigger_functions.release.set()
    await place.triggers.close()
    await place.outbound.close()


async def test_without_a_trigger_nothing_is_called(at: Place) -> None:
    assert await at.triggers.call(Pool(id=POOL_ID, name="T"), SIGN_UP, username="ada") is None
    assert await at.triggers.call(at.function("fail", "user_migration"), SIGN_UP, username="ada") is None
    m2m = PreTokenGeneration("ClientCredentials", {}, None)
    assert (
        await at.triggers.call(at.function("fail", "pre_token_generation"), m2m, username="ClientCredentials") is None
    )
    assert at.events == []
    assert await at.recorded() == []


# --- functions ------------------------------------------------------------------------------------------------------


async def test_a_function_is_called_as_lambda_calls_it(at: Place) -> None:
    found = await at.triggers.call(at.function("confirm"), SIGN_UP, username="ada", client_id="web")
    assert found == SignUpAnswer(auto_confirm_user=True)
    ((event, context, thread),) = trigger_functions.seen
    assert event["triggerSource"] == "PreSignUp_SignUp"
    assert event["userName"] == "ada"
    assert event["callerContext"]["clientId"] == "web"
    assert context.function_name == f"{HERE}:confirm"
    assert context.aws_request_id == (await at.recorded())[0].id
    assert thread.startswith("trigger")
    assert threading.current_thread().name not in thread


@pytest.mark.parametrize("name", ["confirm", "confirm_async", "an_object"])
async def test_a_function_may_be_async_or_not_and_take_a_context_or_not(at: Place, name: str) -> None:
    assert await at.triggers.call(at.function(name), SIGN_UP, username="ada") == SignUpAnswer(True)


async def test_a_function_may_be_inside_of_something_and_take_what_comes(at: Place) -> None:
    assert await at.triggers.call(at.function("Handlers.inside"), SIGN_UP, username="ada") == SignUpAnswer()
    assert await at.triggers.call(at.function("variadic"), SIGN_UP, username="ada") == SignUpAnswer()
    assert len(trigger_functions.seen[0]) == 2


async def test_a_function_sees_how_much_time_is_left(at: Place) -> None:
    await at.triggers.call(at.function("remaining", timeout=2.0), SIGN_UP, username="ada")
    assert 0 < trigger_functions.seen[0] < 2000


async def test_a_veto_reaches_the_person_as_one_sentence(at: Place) -> None:
    with pytest.raises(Vetoed) as vetoed:
        await at.triggers.call(at.function("refuse"), SIGN_UP, username="ada", user_id="u-1")
    assert vetoed.value.sentence == "Sign-up is for members."
    (event,) = at.events
    assert (event.kind, event.user_id, event.details["point"]) == ("trigger.vetoed", "u-1", "pre_sign_up")
    (call,) = await at.recorded()
    assert (call.outcome, call.reason) == ("vetoed", "Sign-up is for members.")
    with pytest.raises(Vetoed) as vetoed:
        await at.triggers.call(at.function("refuse_silently"), SIGN_UP, username="ada")
    assert vetoed.value.sentence == Vetoed.sentence
    with pytest.raises(Vetoed) as vetoed:
        await at.triggers.call(at.function("lambda_error"), SIGN_UP, username="ada")
    assert vetoed.value.sentence == "Not today."


@pytest.mark.parametrize(
    "name", ["fail", "nothing", "no_json", "absent", "NOT_A_FUNCTION", "Handlers", "Handlers.absent"]
)
async def test_whatever_else_goes_wrong_is_a_failure_whose_reason_only_the_log_has(at: Place, name: str) -> None:
    with capture_logs() as logs, pytest.raises(TriggerFailed) as failed:
        await at.triggers.call(at.function(name), SIGN_UP, username="ada")
    assert failed.value.sentence == TriggerFailed.sentence
    assert failed.value.detail
    assert at.kinds() == ["trigger.failed"]
    assert (await at.recorded())[0].outcome == "failed"
    assert [line["detail"] for line in logs if line["event"] == "a trigger failed"] == [failed.value.detail]


async def test_a_module_that_is_not_there_is_a_failure(at: Place) -> None:
    for name in ("no_such_module:f", "tests.unit.trigger_functions", ":", "os:", ""):
        with pytest.raises(TriggerFailed):
            await at.triggers.call(at.pool(callable=name), SIGN_UP, username="ada")


async def test_where_there_is_nothing_to_say_nothing_may_come_back(at: Place) -> None:
    request = PostConfirmation("ConfirmSignUp", {})
    assert await at.triggers.call(at.function("nothing", "post_confirmation"), request, username="ada") == Nothing()


@pytest.mark.parametrize("name", ["slow", "slow_async"])
async def test_a_function_that_takes_too_long_is_a_failure(at: Place, name: str) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(TriggerFailed) as failed:
        await at.triggers.call(at.function(name, timeout=0.1), SIGN_UP, username="ada")
    assert loop.time() - began < 2
    assert "did not answer within 0.1 s" in (failed.value.detail or "")


async def test_functions_that_never_end_do_not_pile_up(at: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functions, "THREADS", 2)
    monkeypatch.setattr(breaker, "FAILURES", 100)
    for _ in range(2):
        with pytest.raises(TriggerFailed):
            await at.triggers.call(at.function("slow", timeout=0.05), SIGN_UP, username="ada")
    with pytest.raises(TriggerFailed) as failed:
        await at.triggers.call(at.function("confirm"), SIGN_UP, username="ada")
    assert failed.value.detail == "2 functions are still busy"
    trigger_functions.release.set()
    async with asyncio.timeout(5):
        while at.triggers._delivery._functions._busy:
            await asyncio.sleep(0.01)
    assert await at.triggers.call(at.function("confirm"), SIGN_UP, username="ada") == SignUpAnswer(True)


async def test_a_caller_that_leaves_is_recorded_and_counts_as_no_failure(at: Place) -> None:
    task = asyncio.create_task(at.triggers.call(at.function("slow_async"), SIGN_UP, username="ada"))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (call,) = await at.recorded()
    assert (call.outcome, call.reason) == ("failed", "nobody waited for the answer")
    assert at.triggers._delivery._breakers[f"{HERE}:slow_async"]._failures == 0


# --- webhooks -------------------------------------------------------------------------------------------------------


def filled(**response: object) -> Callable[[bytes], bytes]:
    """A webhook that fills in the response."""

    def behave(request: bytes) -> bytes:
        _, event = taken_apart(request)
        return answer(200, event | {"response": event["response"] | response})

    return behave


async def test_a_webhook_gets_the_event_signed(at: Place) -> None:
    async with trap(filled(autoConfirmUser=True)) as hook:
        url = f"http://127.0.0.1:{hook.port}/hook"
        assert await at.triggers.call(at.pool(url=url), SIGN_UP, username="ada") == SignUpAnswer(True)
        (request,) = hook.requests
        headers, event = taken_apart(request)
        assert request.startswith(b"POST /hook HTTP/1.1\r\n")
        assert event["request"] == {"userAttributes": {"email": "ada@example.com"}, "validationData": None}
        assert headers["content-type"] == "application/json"
        assert headers["x-poolgate-signature"].startswith(f"t={int(NOW)},v1=")
        assert signed_well(request, SECRET)
        assert not signed_well(request, b"another secret")
        assert headers["x-poolgate-id"] == (await at.recorded())[0].id
    assert at.kinds() == ["trigger.answered"]


async def test_a_webhook_is_subject_to_the_rules_of_what_goes_out(at: Place) -> None:
    async with trap() as hook:
        strict = Triggers(
            http=(outbound := Outbound()),
            sealer=at.sealer,
            clock=at.clock,
            random=SystemRandom(),
            calls=at.calls,
            emit=at.events.append,
        )
        for url in (f"http://127.0.0.1:{hook.port}/", f"https://127.0.0.1:{hook.port}/", "file:///etc/passwd"):
            with pytest.raises(TriggerFailed):
                await strict.call(at.pool(url=url), SIGN_UP, username="ada")
        assert hook.connections == 0
        await outbound.close()
        await strict.close()


async def test_a_webhook_without_a_secret_is_not_called(at: Place) -> None:
    async with trap() as hook:
        url = f"http://127.0.0.1:{hook.port}/"
        for sealed_secret in (None, b64url(at.sealer.seal(SECRET, "another record"))):
            with pytest.raises(TriggerFailed):
                await at.triggers.call(at.pool(url=url, sealed_secret=sealed_secret), SIGN_UP, username="ada")
        assert hook.connections == 0


@pytest.mark.parametrize("status", [200, 400, 403, 422])
async def test_an_error_text_is_a_veto(at: Place, status: int) -> None:
    async with trap(answer(status, {"errorMessage": "Not from\nhere.", "errorType": "x"})) as hook:
        with pytest.raises(Vetoed) as vetoed:
            await at.triggers.call(at.pool(url=f"http://127.0.0.1:{hook.port}/"), SIGN_UP, username="ada")
        assert vetoed.value.sentence == "Not from here."
        assert len(hook.requests) == 1


@pytest.mark.parametrize(
    "came",
    [
        answer(200),
        answer(200, {}),
        answer(200, []),
        answer(200, "text"),
        answer(200, {"response": []}),
        answer(200, {"response": {"autoConfirmUser": "true"}}),
        answer(200, {"errorMessage": ""}),
        answer(200, {"errorMessage": 7}),
        answer(201, {"request": {}}),
        answer(301, {"errorMessage": "no"}),
        answer(400),
        answer(404, {"message": "no"}),
        answer(500, {"errorMessage": "a fault is no veto"}),
        answer(503),
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n<html",
        b"HTTP/1.1 400 X\r\ncontent-length: 5\r\n\r\n<html",
        b"HTTP/1.1 200 OK\r\ncontent-length: 300000\r\n\r\n" + b" " * 300_000,
    ],
)
async def test_anything_else_is_a_failure_at_once(at: Place, came: bytes) -> None:
    async with trap(came) as hook:
        with pytest.raises(TriggerFailed):
            await at.triggers.call(at.pool(url=f"http://127.0.0.1:{hook.port}/"), SIGN_UP, username="ada")
        assert len(hook.requests) == 1  # what answered is not asked twice
    assert at.kinds() == ["trigger.failed"]


async def test_an_empty_answer_will_do_where_there_is_nothing_to_say(at: Place) -> None:
    for came in (answer(204), answer(200), answer(200, {"response": None}), answer(200, {"response": {}})):
        async with trap(came) as hook:
            pool = at.pool("pre_authentication", url=f"http://127.0.0.1:{hook.port}/")
            assert await at.triggers.call(pool, PreAuthentication({}), username="ada") == Nothing()


async def test_a_connection_that_fails_is_tried_once_more_with_the_same_id(at: Place) -> None:
    count = 0

    def behave(request: bytes) -> bytes:
        nonlocal count
        count += 1
        return b"" if count == 1 else filled(autoConfirmUser=True)(request)

    async with trap(behave, close=True) as hook:
        pool = at.pool(url=f"http://127.0.0.1:{hook.port}/")
        assert await at.triggers.call(pool, SIGN_UP, username="ada") == SignUpAnswer(True)
        ids = [taken_apart(request)[0]["x-poolgate-id"] for request in hook.requests]
        assert len(ids) == 2
        assert len(set(ids)) == 1
    async with trap(b"", close=True) as hook:
        with pytest.raises(TriggerFailed):
            await at.triggers.call(at.pool(url=f"http://127.0.0.1:{hook.port}/"), SIGN_UP, username="ada")
        assert len(hook.requests) == 2


async def test_a_webhook_that_takes_too_long_is_a_failure_within_the_time(at: Place) -> None:
    async def never(_request: bytes) -> bytes:
        await asyncio.sleep(60)
        return b""

    loop = asyncio.get_running_loop()
    async with trap(never) as hook:
        began = loop.time()
        with pytest.raises(TriggerFailed) as failed:
            await at.triggers.call(at.pool(url=f"http://127.0.0.1:{hook.port}/", timeout=0.3), SIGN_UP, username="ada")
        assert loop.time() - began < 2
        assert "did not answer within" in (failed.value.detail or "")
        assert len(hook.requests) == 1


# --- dead targets ---------------------------------------------------------------------------------------------------


async def test_a_dead_target_is_left_alone_for_a_while(at: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = True

    def behave(request: bytes) -> bytes:
        return answer(500) if dead else filled(autoConfirmUser=True)(request)

    async with trap(behave) as hook:
        pool = at.pool(url=f"http://127.0.0.1:{hook.port}/")

        async def fails() -> str:
            with pytest.raises(TriggerFailed) as failed:
                await at.triggers.call(pool, SIGN_UP, username="ada")
            return failed.value.detail or ""

        for _ in range(breaker.FAILURES):
            assert "answers 500" in await fails()
        assert "left alone" in await fails()
        assert len(hook.requests) == breaker.FAILURES
        at.clock.now += breaker.PAUSE
        assert "answers 500" in await fails()  # one tries
        assert "left alone" in await fails()  # and the pause begins again
        at.clock.now += breaker.PAUSE
        dead = False
        assert await at.triggers.call(pool, SIGN_UP, username="ada") == SignUpAnswer(True)
        assert await at.triggers.call(pool, SIGN_UP, username="ada") == SignUpAnswer(True)
        # another target never was concerned
        assert await at.triggers.call(at.function("confirm"), SIGN_UP, username="ada") == SignUpAnswer(True)


async def test_a_target_that_says_no_or_nonsense_is_alive(at: Place) -> None:
    for came in (answer(200, {"errorMessage": "no"}), answer(200, {"response": 7}), answer(404)):
        async with trap(came) as hook:
            pool = at.pool(url=f"http://127.0.0.1:{hook.port}/")
            for _ in range(2 * breaker.FAILURES):
                with pytest.raises((Vetoed, TriggerFailed)):
                    await at.triggers.call(pool, SIGN_UP, username="ada")
            assert len(hook.requests) == 2 * breaker.FAILURES


async def test_while_one_call_tries_the_others_fail_at_once(at: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = asyncio.Event()
    monkeypatch.setattr(breaker, "FAILURES", 1)

    async def behave(request: bytes) -> bytes:
        await gate.wait()
        return filled(autoConfirmUser=True)(request)

    async with trap(behave) as hook:
        pool = at.pool(url=f"http://127.0.0.1:{hook.port}/")
        one = breaker.Breaker(at.clock)
        one.unanswered()
        at.triggers._delivery._breakers[f"http://127.0.0.1:{hook.port}/"] = one
        at.clock.now += breaker.PAUSE
        trying = asyncio.create_task(at.triggers.call(pool, SIGN_UP, username="ada"))
        while not hook.requests:
            await asyncio.sleep(0.005)
        with pytest.raises(TriggerFailed):
            await at.triggers.call(pool, SIGN_UP, username="ada")
        gate.set()
        assert await trying == SignUpAnswer(True)
        assert await at.triggers.call(pool, SIGN_UP, username="ada") == SignUpAnswer(True)


async def test_calls_of_one_target_are_bounded(at: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaker, "MOST_AT_ONCE", 3)
    monkeypatch.setattr(breaker, "MOST_WAITING", 2)
    gate = asyncio.Event()
    under_way = most = 0

    async def behave(request: bytes) -> bytes:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await gate.wait()
        under_way -= 1
        return filled(autoConfirmUser=True)(request)

    async with trap(behave) as hook:
        pool = at.pool(url=f"http://127.0.0.1:{hook.port}/")
        calls = [asyncio.create_task(at.triggers.call(pool, SIGN_UP, username="ada")) for _ in range(5)]
        while len(hook.requests) < 3:
            await asyncio.sleep(0.005)
        with pytest.raises(TriggerFailed) as failed:
            await at.triggers.call(pool, SIGN_UP, username="ada")
        assert "too many calls wait" in (failed.value.detail or "")
        gate.set()
        assert await asyncio.gather(*calls) == [SignUpAnswer(True)] * 5
        assert most == 3


# --- the record -----------------------------------------------------------------------------------------------------


async def test_a_call_is_recorded_sealed_and_can_be_read_again(at: Place) -> None:
    await at.triggers.call(at.function("confirm"), SIGN_UP, username="ada", client_id="web")
    (call,) = await at.recorded()
    assert (call.pool, call.point, call.source, call.target) == (
        POOL_ID,
        "pre_sign_up",
        "PreSignUp_SignUp",
        f"{HERE}:confirm",
    )
    assert (call.username, call.client_id, call.outcome, call.at) == ("ada", "web", "answered", int(NOW * 1000))
    assert b"ada@example.com" not in call.sealed
    content = content_of(call, at.sealer)
    assert content.event is not None
    assert content.event["request"]["userAttributes"] == {"email": "ada@example.com"}
    assert content.answer["response"]["autoConfirmUser"] is True  # type: ignore[index]


@pytest.mark.parametrize(
    ("request_", "name", "secret"),
    [
        (UserMigration("Authentication", "pa55word"), "password", "pa55word"),
        (VerifyAuthChallenge({}, {"answer": "five55"}, "five55"), "challengeAnswer", "five55"),
        (CustomSender("email", "SignUp", {}, "123456"), "code", "123456"),
    ],
)
async def test_no_secret_is_recorded_logged_or_told(at: Place, request_: Any, name: str, secret: str) -> None:
    async with trap(lambda request: answer(200, taken_apart(request)[1])) as hook:
        pool = at.pool(request_.point, url=f"http://127.0.0.1:{hook.port}/")
        with capture_logs() as logs:
            await at.triggers.call(pool, request_, username="ada")
        assert secret.encode() in hook.requests[0]  # it did go out
    (call,) = await at.recorded()
    content = content_of(call, at.sealer)
    assert secret not in json.dumps([content.event, content.answer])
    assert content.event is not None
    assert content.event["request"][name] == NOT_KEPT
    assert secret not in str((logs, at.events, call))


async def test_what_a_challenge_is_compared_with_is_not_recorded(at: Place) -> None:
    private = {"publicChallengeParameters": {"q": "?"}, "privateChallengeParameters": {"answer": "five55"}}
    async with trap(filled(**private)) as hook:
        pool = at.pool("create_auth_challenge", url=f"http://127.0.0.1:{hook.port}/")
        found = await at.triggers.call(pool, CreateAuthChallenge({}, "CUSTOM_CHALLENGE"), username="ada")
        assert found is not None
        assert found.private_parameters == {"answer": "five55"}
    content = content_of((await at.recorded())[0], at.sealer)
    assert "five55" not in json.dumps([content.event, content.answer])


async def test_what_a_function_raised_does_not_quote_the_password(at: Place) -> None:
    with capture_logs() as logs, pytest.raises(TriggerFailed) as failed:
        await at.triggers.call(
            at.function("fail", "user_migration"), UserMigration("Authentication", "pa55word"), username="ada"
        )
    assert failed.value.detail == f"{HERE}:fail raised ValueError: no way with {NOT_KEPT}"
    assert "pa55word" not in str((logs, at.events, await at.recorded()))


async def test_of_calls_that_go_well_a_sample_is_recorded_and_of_others_all(at: Place) -> None:
    for _ in range(runner.SAMPLED + 5):
        await at.triggers.call(at.function("confirm"), SIGN_UP, username="ada")
        with pytest.raises(Vetoed):
            await at.triggers.call(at.function("refuse"), SIGN_UP, username="ada")
    outcomes = [call.outcome for call in await at.recorded()]
    assert (outcomes.count("answered"), outcomes.count("vetoed")) == (runner.SAMPLED, runner.SAMPLED + 5)
    at.clock.now += 1
    await at.triggers.call(at.function("confirm"), SIGN_UP, username="ada")
    assert (await at.recorded())[0].outcome == "answered"


async def test_the_record_is_bounded(at: Place) -> None:
    for n in range(KEPT + 10):
        await at.calls.note(TriggerCall(str(n), POOL_ID, "pre_sign_up", "s", "t", n, 1, "answered"))
    kept = await at.calls.recent(POOL_ID)
    assert [call.id for call in kept] == [str(n) for n in range(KEPT + 9, 9, -1)]
    assert [call.id for call in await at.calls.recent(POOL_ID, 2)] == [str(KEPT + 9), str(KEPT + 8)]
    assert await at.calls.recent("other_1") == []


async def test_what_is_too_large_is_recorded_without_its_content(at: Place) -> None:
    async with trap(filled(extra="x" * LARGEST)) as hook:
        pool = at.pool(url=f"http://127.0.0.1:{hook.port}/")
        await at.triggers.call(pool, SIGN_UP, username="ada")
        await at.triggers.call(pool, PreSignUp("SignUp", {"name": "x" * LARGEST}), username="ada")
    large, small = (content_of(call, at.sealer) for call in await at.recorded())
    assert (large.event, large.answer) == (None, None)
    assert small.event is not None
    assert small.answer is None


async def test_a_record_that_cannot_be_kept_harms_nobody(at: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(_call: TriggerCall) -> None:
        raise StoreUnavailable(detail="away")

    monkeypatch.setattr(at.calls, "note", away)
    with capture_logs() as logs:
        assert await at.triggers.call(at.function("confirm"), SIGN_UP, username="ada") == SignUpAnswer(True)
        await at.recorded()
    assert "a trigger's call could not be recorded" in [line["event"] for line in logs]


async def test_what_is_told_is_in_the_registry(at: Place) -> None:
    await at.triggers.call(at.function("confirm"), SIGN_UP, username="ada")
    for name in ("refuse", "fail"):
        with pytest.raises((Vetoed, TriggerFailed)):
            await at.triggers.call(at.function(name), SIGN_UP, username="ada")
    assert [fault_of(event) for event in at.events] == [None, None, None]


async def test_versions_of_the_token_event_are_told_apart(at: Place) -> None:
    request = PreTokenGeneration("HostedAuth", {}, None, ("openid",))
    for version, name in (("V1_0", "claimsOverrideDetails"), ("V2_0", "claimsAndScopeOverrideDetails")):
        async with trap(filled()) as hook:
            pool = at.pool("pre_token_generation", url=f"http://127.0.0.1:{hook.port}/", version=version)
            assert await at.triggers.call(pool, request, username="ada") == TokenAmendment()
            _, event = taken_apart(hook.requests[0])
            assert event["response"] == {name: None}
            assert event["version"] == version[1]
