"""What a trigger may say at each point, as values. How a response is read is strict: `reading`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from authserver.errors import TriggerFailed
from authserver.model.pools import TriggerPoint
from authserver.triggers.reading import Members, flag, table, text, texts, texts_by_name

_NONE: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Nothing:
    """There is nothing to say: the answer is that it did not refuse."""


@dataclass(frozen=True, slots=True)
class SignUpAnswer:
    """Of pre sign-up: whether the account needs no confirmation, and whether its addresses count as verified."""

    auto_confirm_user: bool = False
    auto_verify_email: bool = False
    auto_verify_phone: bool = False


@dataclass(frozen=True, slots=True)
class NextChallenge:
    """Of define auth challenge: the next challenge's name, or that tokens are issued, or that the sign-in fails."""

    challenge_name: str | None = None
    issue_tokens: bool = False
    fail_authentication: bool = False


@dataclass(frozen=True, slots=True)
class Challenge:
    """Of create auth challenge: what the person sees, what the answer is compared with, and a name for the next round."""

    public_parameters: Mapping[str, str] = field(default_factory=dict)
    private_parameters: Mapping[str, str] = field(default_factory=dict, repr=False)
    metadata: str | None = None


@dataclass(frozen=True, slots=True)
class InboundAttributes:
    """Of inbound federation: the attributes to take in place of those that were mapped; empty leaves them as they are."""

    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChallengeVerdict:
    """Of verify auth challenge response."""

    answer_correct: bool = False


@dataclass(frozen=True, slots=True)
class ClaimChanges:
    """Changes of one token's claims; of the access token's scopes too."""

    add: Mapping[str, object] = field(default_factory=dict)
    suppress: tuple[str, ...] = ()
    add_scopes: tuple[str, ...] = ()
    suppress_scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupOverride:
    """The groups and roles that tokens name instead of the user's own; none at all if they are empty."""

    groups: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    preferred_role: str | None = None


@dataclass(frozen=True, slots=True)
class TokenAmendment:
    """Of pre token generation. `groups` None leaves groups and roles as they are."""

    id_token: ClaimChanges = ClaimChanges()
    access_token: ClaimChanges = ClaimChanges()
    groups: GroupOverride | None = None


@dataclass(frozen=True, slots=True)
class Migration:
    """Of user migration. Without `attributes` the other system has no such user."""

    attributes: Mapping[str, str] | None = None
    final_status: str | None = None
    message_action: str | None = None
    delivery_mediums: tuple[str, ...] = ()
    force_alias_creation: bool = False
    enable_sms_mfa: bool = False


@dataclass(frozen=True, slots=True)
class MessageTexts:
    """Of custom message: what replaces ours, with the placeholders that the request names. The mail's text is HTML."""

    sms: str | None = None
    email: str | None = None
    subject: str | None = None


Answer = (
    Nothing
    | SignUpAnswer
    | NextChallenge
    | Challenge
    | ChallengeVerdict
    | TokenAmendment
    | Migration
    | MessageTexts
    | InboundAttributes
)


def read_nothing(_response: Members, _version: str = "") -> Nothing:
    return Nothing()


def read_sign_up(response: Members, _version: str = "") -> SignUpAnswer:
    return SignUpAnswer(
        flag(response, "autoConfirmUser"), flag(response, "autoVerifyEmail"), flag(response, "autoVerifyPhone")
    )


def read_next_challenge(response: Members, _version: str = "") -> NextChallenge:
    """Raises TriggerFailed, also if it says nothing at all, or two things at once."""
    found = NextChallenge(
        text(response, "challengeName"), flag(response, "issueTokens"), flag(response, "failAuthentication")
    )
    if found.issue_tokens and found.fail_authentication:
        raise TriggerFailed(detail="the response both issues tokens and fails the authentication")
    if not (found.issue_tokens or found.fail_authentication or found.challenge_name):
        raise TriggerFailed(detail="the response names no challenge, issues no tokens and does not fail")
    return found


def read_challenge(response: Members, _version: str = "") -> Challenge:
    return Challenge(
        texts_by_name(response, "publicChallengeParameters"),
        texts_by_name(response, "privateChallengeParameters"),
        text(response, "challengeMetadata"),
    )


def read_verdict(response: Members, _version: str = "") -> ChallengeVerdict:
    return ChallengeVerdict(flag(response, "answerCorrect"))


def read_amendment(response: Members, version: str) -> TokenAmendment:
    """Version V1_0 has texts for values and says nothing of access tokens but their groups."""
    if version == "V1_0":
        details = table(response, "claimsOverrideDetails") or _NONE
        changes = ClaimChanges(texts_by_name(details, "claimsToAddOrOverride"), texts(details, "claimsToSuppress"))
        return TokenAmendment(id_token=changes, groups=_groups(details))
    details = table(response, "claimsAndScopeOverrideDetails") or _NONE
    return TokenAmendment(
        _changes(table(details, "idTokenGeneration") or _NONE),
        _changes(table(details, "accessTokenGeneration") or _NONE),
        _groups(details),
    )


def _changes(members: Members) -> ClaimChanges:
    return ClaimChanges(
        table(members, "claimsToAddOrOverride") or {},
        texts(members, "claimsToSuppress"),
        texts(members, "scopesToAdd"),
        texts(members, "scopesToSuppress"),
    )


def _groups(details: Members) -> GroupOverride | None:
    """An override that is given as null or empty takes all groups away; one that is not given leaves them."""
    if "groupOverrideDetails" not in details:
        return None
    override = table(details, "groupOverrideDetails") or _NONE
    return GroupOverride(
        texts(override, "groupsToOverride"), texts(override, "iamRolesToOverride"), text(override, "preferredRole")
    )


def read_migration(response: Members, _version: str = "") -> Migration:
    attributes = texts_by_name(response, "userAttributes")
    status = text(response, "finalUserStatus")
    if status not in {None, "CONFIRMED", "RESET_REQUIRED"}:
        raise TriggerFailed(detail="`finalUserStatus` in the response is neither CONFIRMED nor RESET_REQUIRED")
    action = text(response, "messageAction")
    if action not in {None, "SUPPRESS"}:
        raise TriggerFailed(detail="`messageAction` in the response is not SUPPRESS")
    mediums = texts(response, "desiredDeliveryMediums")
    if not set(mediums) <= {"EMAIL", "SMS"}:
        raise TriggerFailed(detail="`desiredDeliveryMediums` in the response names neither EMAIL nor SMS")
    return Migration(
        attributes or None,
        status,
        action,
        mediums,
        flag(response, "forceAliasCreation"),
        flag(response, "enableSMSMFA"),
    )


def read_inbound(response: Members, _version: str = "") -> InboundAttributes:
    return InboundAttributes(texts_by_name(response, "userAttributesToMap"))


def read_texts(response: Members, _version: str = "") -> MessageTexts:
    return MessageTexts(text(response, "smsMessage"), text(response, "emailMessage"), text(response, "emailSubject"))


READERS: Mapping[TriggerPoint, Callable[[Members, str], Answer]] = MappingProxyType(
    {
        "pre_sign_up": read_sign_up,
        "post_confirmation": read_nothing,
        "pre_authentication": read_nothing,
        "post_authentication": read_nothing,
        "define_auth_challenge": read_next_challenge,
        "create_auth_challenge": read_challenge,
        "verify_auth_challenge_response": read_verdict,
        "pre_token_generation": read_amendment,
        "user_migration": read_migration,
        "custom_message": read_texts,
        "custom_email_sender": read_nothing,
        "custom_sms_sender": read_nothing,
        "inbound_federation": read_inbound,
    }
)
"""How the response of each point is read. Raise TriggerFailed."""

SAYS_NOTHING = frozenset(point for point, read in READERS.items() if read is read_nothing)
"""Points where an empty answer will do."""
