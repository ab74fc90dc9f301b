"""The points of messages: other words for one, and somebody else to send it, in Cognito's JSON."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from authserver.model.pools import TriggerPoint
from authserver.triggers import answers
from authserver.triggers.answers import MessageTexts, Nothing
from authserver.triggers.points import Names, with_metadata
from authserver.triggers.reading import Members

CODE_PARAMETER = "{####}"
"""Stands for the code in the texts of a custom message."""
USERNAME_PARAMETER = "{username}"
"""Stands for the username in the texts of an invitation."""


@dataclass(frozen=True, slots=True)
class CustomMessage:
    """Before a message with a code is sent: other words for it. The code itself is not told."""

    source: Literal[
        "SignUp",
        "AdminCreateUser",
        "ResendCode",
        "ForgotPassword",
        "UpdateUserAttribute",
        "VerifyUserAttribute",
        "Authentication",
    ]
    user_attributes: Names
    client_metadata: Names | None = None
    point: ClassVar[TriggerPoint] = "custom_message"
    secrets: ClassVar[frozenset[str]] = frozenset()

    @property
    def trigger_source(self) -> str:
        return f"CustomMessage_{self.source}"

    def request(self, _version: str) -> dict[str, object] | None:
        members = {
            "userAttributes": dict(self.user_attributes),
            "codeParameter": CODE_PARAMETER,
            "usernameParameter": USERNAME_PARAMETER if self.source == "AdminCreateUser" else None,
        }
        return with_metadata(members, self.client_metadata)

    def blank(self, _version: str) -> dict[str, object]:
        return {"smsMessage": None, "emailMessage": None, "emailSubject": None}

    def read(self, response: Members, version: str) -> MessageTexts:
        return answers.read_texts(response, version)


@dataclass(frozen=True, slots=True)
class CustomSender:
    """Instead of sending a message: somebody else does.

    Cognito encrypts `code` with the AWS Encryption SDK under a KMS key. Here it stands in the event in clear, and what
    protects it is the channel: https to a webhook that checks our signature, or a function of our own process.
    """

    medium: Literal["email", "sms"]
    source: Literal[
        "SignUp",
        "AdminCreateUser",
        "ResendCode",
        "ForgotPassword",
        "UpdateUserAttribute",
        "VerifyUserAttribute",
        "Authentication",
        "AccountTakeOverNotification",
    ]
    user_attributes: Names
    code: str | None = field(default=None, repr=False)
    client_metadata: Names | None = None
    secrets: ClassVar[frozenset[str]] = frozenset({"code"})

    @property
    def point(self) -> TriggerPoint:
        return "custom_email_sender" if self.medium == "email" else "custom_sms_sender"

    @property
    def trigger_source(self) -> str:
        return f"{'CustomEmailSender' if self.medium == 'email' else 'CustomSMSSender'}_{self.source}"

    def request(self, _version: str) -> dict[str, object] | None:
        members = {
            "type": f"custom{'Email' if self.medium == 'email' else 'SMS'}SenderRequestV1",
            "code": self.code,
            "userAttributes": dict(self.user_attributes),
        }
        return with_metadata(members, self.client_metadata)

    def blank(self, _version: str) -> dict[str, object]:
        return {}

    def read(self, response: Members, version: str) -> Nothing:
        return answers.read_nothing(response, version)
