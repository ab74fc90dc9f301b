"""The point before tokens are signed, in Cognito's JSON of its three versions."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from authserver.model.pools import TriggerPoint
from authserver.triggers import answers
from authserver.triggers.answers import TokenAmendment
from authserver.triggers.points import Names, with_metadata
from authserver.triggers.reading import Members


@dataclass(frozen=True, slots=True)
class GroupConfiguration:
    """The user's groups and their roles, as tokens would name them."""

    groups: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    preferred_role: str | None = None


@dataclass(frozen=True, slots=True)
class PreTokenGeneration:
    """Before tokens are signed. `groups` is None where a client asks for itself; only V3_0 is told of that."""

    source: Literal[
        "HostedAuth",
        "Authentication",
        "NewPasswordChallenge",
        "AuthenticateDevice",
        "RefreshTokens",
        "ClientCredentials",
    ]
    user_attributes: Names
    groups: GroupConfiguration | None
    scopes: tuple[str, ...] = ()
    client_metadata: Names | None = None
    point: ClassVar[TriggerPoint] = "pre_token_generation"
    secrets: ClassVar[frozenset[str]] = frozenset()

    @property
    def trigger_source(self) -> str:
        return f"TokenGeneration_{self.source}"

    def request(self, version: str) -> dict[str, object] | None:
        if self.source == "ClientCredentials" and version != "V3_0":
            return None
        configuration = None
        if self.groups is not None:
            configuration = {
                "groupsToOverride": list(self.groups.groups),
                "iamRolesToOverride": list(self.groups.roles),
                "preferredRole": self.groups.preferred_role,
            }
        members: dict[str, object] = {
            "userAttributes": dict(self.user_attributes),
            "groupConfiguration": configuration,
        }
        if version != "V1_0":
            members["scopes"] = list(self.scopes)
        return with_metadata(members, self.client_metadata)

    def blank(self, version: str) -> dict[str, object]:
        return {"claimsOverrideDetails" if version == "V1_0" else "claimsAndScopeOverrideDetails": None}

    def read(self, response: Members, version: str) -> TokenAmendment:
        return answers.read_amendment(response, version)
