"""The points of a custom sign-in: define, create and verify a challenge, in Cognito's JSON."""

from dataclasses import dataclass, field
from typing import ClassVar

from authserver.model.pools import TriggerPoint
from authserver.triggers import answers
from authserver.triggers.answers import Challenge, ChallengeVerdict, NextChallenge
from authserver.triggers.points import Names, with_metadata
from authserver.triggers.reading import Members


@dataclass(frozen=True, slots=True)
class ChallengeResult:
    """A challenge of this sign-in that was answered: of ours (`PASSWORD_VERIFIER`, `SRP_A`) or `CUSTOM_CHALLENGE`."""

    challenge_name: str
    challenge_result: bool
    challenge_metadata: str | None = None

    def members(self) -> dict[str, object]:
        return {
            "challengeName": self.challenge_name,
            "challengeResult": self.challenge_result,
            "challengeMetadata": self.challenge_metadata,
        }


@dataclass(frozen=True, slots=True)
class DefineAuthChallenge:
    """Which challenge comes next, given those that were answered."""

    user_attributes: Names
    session: tuple[ChallengeResult, ...] = ()
    client_metadata: Names | None = None
    user_not_found: bool = False
    point: ClassVar[TriggerPoint] = "define_auth_challenge"
    secrets: ClassVar[frozenset[str]] = frozenset()
    trigger_source: ClassVar[str] = "DefineAuthChallenge_Authentication"

    def request(self, _version: str) -> dict[str, object] | None:
        members = {
            "userAttributes": dict(self.user_attributes),
            "session": [result.members() for result in self.session],
            "userNotFound": self.user_not_found,
        }
        return with_metadata(members, self.client_metadata)

    def blank(self, _version: str) -> dict[str, object]:
        return {"challengeName": None, "issueTokens": None, "failAuthentication": None}

    def read(self, response: Members, version: str) -> NextChallenge:
        return answers.read_next_challenge(response, version)


@dataclass(frozen=True, slots=True)
class CreateAuthChallenge:
    """What the challenge of that name is, this time."""

    user_attributes: Names
    challenge_name: str
    session: tuple[ChallengeResult, ...] = ()
    client_metadata: Names | None = None
    user_not_found: bool = False
    point: ClassVar[TriggerPoint] = "create_auth_challenge"
    secrets: ClassVar[frozenset[str]] = frozenset({"privateChallengeParameters"})
    trigger_source: ClassVar[str] = "CreateAuthChallenge_Authentication"

    def request(self, _version: str) -> dict[str, object] | None:
        members = {
            "userAttributes": dict(self.user_attributes),
            "challengeName": self.challenge_name,
            "session": [result.members() for result in self.session],
            "userNotFound": self.user_not_found,
        }
        return with_metadata(members, self.client_metadata)

    def blank(self, _version: str) -> dict[str, object]:
        return {"publicChallengeParameters": None, "privateChallengeParameters": None, "challengeMetadata": None}

    def read(self, response: Members, version: str) -> Challenge:
        return answers.read_challenge(response, version)


@dataclass(frozen=True, slots=True)
class VerifyAuthChallenge:
    """Whether the person's answer is right."""

    user_attributes: Names
    private_parameters: Names = field(repr=False)
    challenge_answer: str = field(repr=False)
    client_metadata: Names | None = None
    user_not_found: bool = False
    point: ClassVar[TriggerPoint] = "verify_auth_challenge_response"
    secrets: ClassVar[frozenset[str]] = frozenset({"challengeAnswer", "privateChallengeParameters"})
    trigger_source: ClassVar[str] = "VerifyAuthChallengeResponse_Authentication"

    def request(self, _version: str) -> dict[str, object] | None:
        members = {
            "userAttributes": dict(self.user_attributes),
            "privateChallengeParameters": dict(self.private_parameters),
            "challengeAnswer": self.challenge_answer,
            "userNotFound": self.user_not_found,
        }
        return with_metadata(members, self.client_metadata)

    def blank(self, _version: str) -> dict[str, object]:
        return {"answerCorrect": None}

    def read(self, response: Members, version: str) -> ChallengeVerdict:
        return answers.read_verdict(response, version)
