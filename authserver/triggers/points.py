"""Points at which triggers are called, around accounts and sign-ins: what each is told, in exactly Cognito's JSON.

A request is a value with a `source` (which occasion it is). `event_of` makes the event of it; `read` makes the typed
answer of the response. Cognito's developer guide, "Customizing user pool workflows with Lambda triggers". The other points
are in `challenge_points`, `token_points` and `message_points`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol, TypeVar

from authserver.model.pools import Pool, TriggerPoint
from authserver.triggers import answers
from authserver.triggers.answers import Migration, Nothing, SignUpAnswer
from authserver.triggers.reading import Members

R_co = TypeVar("R_co", covariant=True)
Event = dict[str, object]

NO_CLIENT = "CLIENT_ID_NOT_APPLICABLE"

Names = Mapping[str, str]


class TriggerRequest(Protocol[R_co]):
    """What is asked at one point; `R_co` is what may be answered."""

    @property
    def point(self) -> TriggerPoint: ...

    @property
    def trigger_source(self) -> str:
        """The occasion, such as `PreSignUp_SignUp`."""
        ...

    @property
    def secrets(self) -> frozenset[str]:
        """Members of the request and of the response that are not kept when the call is recorded."""
        ...

    def request(self, version: str) -> dict[str, object] | None:
        """The members of the event's `request`; None if events of that version are not sent on this occasion."""
        ...

    def blank(self, version: str) -> dict[str, object]:
        """The members of the event's `response` as it is sent, to be filled in."""
        ...

    def read(self, response: Members, version: str) -> R_co:
        """Raises TriggerFailed."""
        ...


def event_of(
    pool: Pool, trigger_source: str, version: str, username: str, client_id: str | None, request: object, blank: object
) -> Event:
    """The whole event. `region` is what stands before the underscore of the pool's id, as in Cognito's own ids."""
    return {
        "version": version.removeprefix("V").partition("_")[0],
        "region": pool.id.rpartition("_")[0],
        "userPoolId": pool.id,
        "userName": username,
        "callerContext": {"awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": client_id or NO_CLIENT},
        "triggerSource": trigger_source,
        "request": request,
        "response": blank,
    }


def with_metadata(members: Mapping[str, object], client_metadata: Names | None) -> dict[str, object]:
    """The members with `clientMetadata`, which is not there unless there is some."""
    extra = {"clientMetadata": dict(client_metadata)} if client_metadata is not None else {}
    return {**members, **extra}


@dataclass(frozen=True, slots=True)
class PreSignUp:
    """Before an account is made: by its owner, by an operator, or for somebody who comes from another provider."""

    source: Literal["SignUp", "AdminCreateUser", "ExternalProvider"]
    user_attributes: Names
    validation_data: Names | None = None
    client_metadata: Names | None = None
    point: ClassVar[TriggerPoint] = "pre_sign_up"
    secrets: ClassVar[frozenset[str]] = frozenset()

    @property
    def trigger_source(self) -> str:
        return f"PreSignUp_{self.source}"

    def request(self, _version: str) -> dict[str, object] | None:
        data = dict(self.validation_data) if self.validation_data is not None else None
        members = {"userAttributes": dict(self.user_attributes), "validationData": data}
        return with_metadata(members, self.client_metadata)

    def blank(self, _version: str) -> dict[str, object]:
        return {"autoConfirmUser": False, "autoVerifyEmail": False, "autoVerifyPhone": False}

    def read(self, response: Members, version: str) -> SignUpAnswer:
        """An operator's new user is not confirmed or verified by a trigger."""
        found = answers.read_sign_up(response, version)
        return found if self.source != "AdminCreateUser" else SignUpAnswer()


@dataclass(frozen=True, slots=True)
class PostConfirmation:
    """After an account was confirmed, or a forgotten password replaced."""

    source: Literal["ConfirmSignUp", "ConfirmForgotPassword"]
    user_attributes: Names
    client_metadata: Names | None = None
    point: ClassVar[TriggerPoint] = "post_confirmation"
    secrets: ClassVar[frozenset[str]] = frozenset()

    @property
    def trigger_source(self) -> str:
        return f"PostConfirmation_{self.source}"

    def request(self, _version: str) -> dict[str, object] | None:
        return with_metadata({"userAttributes": dict(self.user_attributes)}, self.client_metadata)

    def blank(self, _version: str) -> dict[str, object]:
        return {}

    def read(self, response: Members, version: str) -> Nothing:
        return answers.read_nothing(response, version)


@dataclass(frozen=True, slots=True)
class PreAuthentication:
    """When somebody has begun to sign in, before a proof is looked at. `user_not_found`: there is no such user, and
    nothing must show it.
    """

    user_attributes: Names
    validation_data: Names | None = None
    user_not_found: bool = False
    point: ClassVar[TriggerPoint] = "pre_authentication"
    secrets: ClassVar[frozenset[str]] = frozenset()
    trigger_source: ClassVar[str] = "PreAuthentication_Authentication"

    def request(self, _version: str) -> dict[str, object] | None:
        data = dict(self.validation_data) if self.validation_data is not None else None
        return {
            "userAttributes": dict(self.user_attributes),
            "validationData": data,
            "userNotFound": self.user_not_found,
        }

    def blank(self, _version: str) -> dict[str, object]:
        return {}

    def read(self, response: Members, version: str) -> Nothing:
        return answers.read_nothing(response, version)


@dataclass(frozen=True, slots=True)
class PostAuthentication:
    """After all proofs, before tokens."""

    user_attributes: Names
    new_device_used: bool = False
    client_metadata: Names | None = None
    point: ClassVar[TriggerPoint] = "post_authentication"
    secrets: ClassVar[frozenset[str]] = frozenset()
    trigger_source: ClassVar[str] = "PostAuthentication_Authentication"

    def request(self, _version: str) -> dict[str, object] | None:
        members = {"userAttributes": dict(self.user_attributes), "newDeviceUsed": self.new_device_used}
        return with_metadata(members, self.client_metadata)

    def blank(self, _version: str) -> dict[str, object]:
        return {}

    def read(self, response: Members, version: str) -> Nothing:
        return answers.read_nothing(response, version)


@dataclass(frozen=True, slots=True)
class UserMigration:
    """Somebody unknown here signs in, or has forgotten a password: does another system know them? It gets the password in
    clear, since it has to compare it.
    """

    source: Literal["Authentication", "ForgotPassword"]
    password: str | None = field(default=None, repr=False)
    validation_data: Names | None = None
    client_metadata: Names | None = None
    point: ClassVar[TriggerPoint] = "user_migration"
    secrets: ClassVar[frozenset[str]] = frozenset({"password"})

    @property
    def trigger_source(self) -> str:
        return f"UserMigration_{self.source}"

    def request(self, _version: str) -> dict[str, object] | None:
        data = dict(self.validation_data) if self.validation_data is not None else None
        members = {"password": self.password, "validationData": data}
        return with_metadata(members, self.client_metadata)

    def blank(self, _version: str) -> dict[str, object]:
        return {
            "userAttributes": None,
            "forceAliasCreation": None,
            "enableSMSMFA": None,
            "finalUserStatus": None,
            "messageAction": None,
            "desiredDeliveryMediums": None,
        }

    def read(self, response: Members, version: str) -> Migration:
        return answers.read_migration(response, version)
