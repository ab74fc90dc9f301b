"""Messages through triggers: other words for them, and somebody else to carry them."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from authserver.adapters.trigger_messages import TriggerMessages
from authserver.crypto.sealing import Sealer
from authserver.effects import SystemRandom
from authserver.messages.kinds import Kind, Message
from authserver.messages.render import Content
from authserver.messages.transport import Compose, Envelope, Transport, TryAgain, Undeliverable
from authserver.model.pools import Pool, Trigger, TriggerPoint
from authserver.model.users import User
from authserver.outbound import Outbound
from authserver.triggers import Triggers, TriggerVeto
from authserver.triggers.calls import MemoryCalls
from tests.unit.audit_trails import Clock

pytestmark = pytest.mark.anyio

ADA = User("u-1", "test_Pool1", "ada", email="ada@example.com", email_verified=True)
OURS = Content("Our subject", "our text 123456", "<p>our text 123456</p>")

heard: list[dict[str, Any]] = []
answers: list[dict[str, Any] | Exception] = []


def trigger(event: dict[str, Any], _context: object) -> dict[str, Any]:
    heard.append(event)
    found = answers.pop(0) if answers else {}
    if isinstance(found, Exception):
        raise found
    return event | {"response": found}


class Post(Transport):
    """The server's own transport."""

    def __init__(self) -> None:
        self.carried: list[Envelope] = []

    async def deliver(self, envelope: Envelope) -> None:
        self.carried.append(envelope)


class Place:
    def __init__(self, triggers: Triggers) -> None:
        self.post = Post()
        self.pools: dict[str, Pool] = {}
        self.messages = TriggerMessages(triggers, self.pool_of, self.user_of, {"email": self.post, "sms": self.post})

    async def pool_of(self, pool: str) -> Pool | None:
        return self.pools.get(pool)

    async def user_of(self, _pool: str, user_id: str) -> User | None:
        return ADA if user_id == "u-1" else None

    def pool(self, *points: TriggerPoint) -> Pool:
        function = f"{__name__}:trigger"
        self.pools["test_Pool1"] = Pool(
            "test_Pool1", "Test", triggers=tuple(Trigger(point, callable=function) for point in points)
        )
        return self.pools["test_Pool1"]


@pytest.fixture
async def at() -> AsyncIterator[Place]:
    heard.clear()
    answers.clear()
    outbound = Outbound()
    triggers = Triggers(
        http=outbound,
        sealer=Sealer(bytes(32), SystemRandom()),
        clock=Clock(),
        random=SystemRandom(),
        calls=MemoryCalls(),
        emit=lambda _event: None,
    )
    yield Place(triggers)
    await triggers.close()
    await outbound.close()


def message(**changes: Any) -> Message:
    fixed = Message(
        Kind.CONFIRM_SIGN_UP, "email", "ada@example.com", user_id="u-1", client_id="web", code="123456", ends_at=9
    )
    return replace(fixed, **changes)


def envelope(**changes: Any) -> Envelope:
    fixed = Envelope(
        "p-1", "test_Pool1", Kind.CONFIRM_SIGN_UP, "email", "ada@example.com", "S", "text 123456", "<p>123456</p>",
        user_id="u-1", client_id="web", code="123456",
    )  # fmt: skip
    return replace(fixed, **changes)


async def test_a_trigger_has_other_words(at: Place) -> None:
    answers.append(
        {
            "emailSubject": "Hi {username}",
            "emailMessage": "<style>x</style><p>Your <b>code</b>:<br>{####} &amp; more</p>",
        }
    )
    compose: Compose = at.messages.compose
    found = await compose(at.pool("custom_message"), message(), OURS)
    assert found.subject == "Hi ada"
    assert found.html == "<style>x</style><p>Your <b>code</b>:<br>123456 &amp; more</p>"
    assert found.text == "Your code:\n123456 & more\n"
    (event,) = heard
    assert event["triggerSource"] == "CustomMessage_SignUp"
    assert event["userName"] == "ada"
    assert event["callerContext"]["clientId"] == "web"
    assert event["request"]["userAttributes"]["sub"] == "u-1"
    assert "123456" not in str(event)  # the code is not told


async def test_where_it_says_nothing_ours_stands(at: Place) -> None:
    assert await at.messages.compose(at.pool("custom_message"), message(), OURS) == OURS
    answers.append({"smsMessage": "{####} it is"})
    sms = message(medium="sms", to="+15550100200")
    assert await at.messages.compose(at.pool("custom_message"), sms, OURS) == Content(None, "123456 it is", None)
    assert await at.messages.compose(at.pool(), message(), OURS) == OURS
    assert len(heard) == 2


async def test_notices_are_ours(at: Place) -> None:
    notice = Message(Kind.PASSWORD_CHANGED, "email", "ada@example.com", user_id="u-1", when=1)
    assert await at.messages.compose(at.pool("custom_message"), notice, OURS) == OURS
    assert heard == []


async def test_an_invitation_names_the_user_and_carries_the_password(at: Place) -> None:
    answers.append({"emailMessage": "{username}: {####}"})
    invitation = Message(
        Kind.INVITATION,
        "email",
        "new@example.com",
        username="<new>",
        password="t&mp",
        link="https://x.example/",
        ends_at=9,
    )
    found = await at.messages.compose(at.pool("custom_message"), invitation, OURS)
    assert found.html == "&lt;new&gt;: t&amp;mp"
    assert heard[0]["request"]["usernameParameter"] == "{username}"
    assert heard[0]["request"]["userAttributes"] == {"email": "new@example.com"}


@pytest.mark.parametrize(
    ("answer", "refused"),
    [
        (TriggerVeto("No mails to them."), Undeliverable),
        (ValueError("x"), TryAgain),
        ({"emailMessage": "no place"}, TryAgain),
        ({"emailMessage": 7}, TryAgain),
    ],
)
async def test_a_refusal_and_a_failure_are_told_apart(at: Place, answer: Any, refused: type[Exception]) -> None:
    answers.append(answer)
    with pytest.raises(refused):
        await at.messages.compose(at.pool("custom_message"), message(), OURS)


async def test_a_custom_sender_carries_the_message_with_its_code(at: Place) -> None:
    pool = at.pool("custom_email_sender")
    carrier = at.messages.carrier(pool, "email")
    assert carrier is not None
    await carrier.deliver(envelope())
    assert at.post.carried == []
    (event,) = heard
    assert event["triggerSource"] == "CustomEmailSender_SignUp"
    assert event["request"]["code"] == "123456"
    assert event["request"]["userAttributes"]["email"] == "ada@example.com"
    assert at.messages.carrier(pool, "sms") is None


async def test_what_cognito_hands_to_no_sender_goes_our_way(at: Place) -> None:
    carrier = at.messages.carrier(at.pool("custom_sms_sender"), "sms")
    assert carrier is not None
    for one in (
        envelope(kind=Kind.PASSWORD_CHANGED, medium="sms", code=None),
        envelope(kind=Kind.INVITATION, medium="sms", code=None),
    ):
        await carrier.deliver(one)
    at.pool()  # the trigger was taken out meanwhile
    await carrier.deliver(envelope(medium="sms"))
    assert len(at.post.carried) == 3
    assert heard == []


@pytest.mark.parametrize(("answer", "refused"), [(TriggerVeto("No."), Undeliverable), (OSError("x"), TryAgain)])
async def test_a_sender_that_fails_is_asked_again_and_one_that_refuses_is_not(
    at: Place, answer: Exception, refused: type[Exception]
) -> None:
    answers.append(answer)
    carrier = at.messages.carrier(at.pool("custom_email_sender"), "email")
    assert carrier is not None
    with pytest.raises(refused):
        await carrier.deliver(envelope(user_id=None))
    assert heard[0]["userName"] == "ada@example.com"
