"""A pool: one user directory with its clients, resource servers, keys and policies (DESIGN 3)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from authserver.model.ldap import NO_LDAP, LdapPolicy
from federation.model import LinkingPolicy

POOL_ID = re.compile(r"[\w-]+_[0-9a-zA-Z]+", re.ASCII)
"""The form that Cognito SDKs expect (at most 55 characters)."""

ClaimsProfile = Literal["standard", "cognito"]


@dataclass(frozen=True, slots=True)
class PasswordPolicy:
    min_length: int = 8
    max_length: int = 1024
    require_lowercase: bool = False
    require_uppercase: bool = False
    require_numbers: bool = False
    require_symbols: bool = False
    history: int = 0
    breached: Literal["refuse", "warn", "off"] = "refuse"
    temporary_days: int = 7


@dataclass(frozen=True, slots=True)
class SignUpPolicy:
    """People registering themselves. `required_attributes` come on top of those the pool's schema requires; `verify`
    are the addresses proven by a code before the account may be used; no `allowed_domains` allows all.

    `terms_required`: whoever has not agreed to the terms is asked at sign-in; so is, from `terms_changed` (seconds) on, who
    agreed before that. `unconfirmed_days`: after so many an account that nobody confirmed is deleted; 0 keeps it.
    """

    enabled: bool = False
    required_attributes: tuple[str, ...] = ()
    verify: tuple[Literal["email", "phone_number"], ...] = ("email",)
    allowed_domains: tuple[str, ...] = ()
    terms_uri: str | None = None
    policy_uri: str | None = None
    terms_required: bool = False
    terms_changed: int | None = None
    unconfirmed_days: int = 30


FactorKind = Literal["totp", "email_code", "sms_code", "passkey", "backup_codes"]
FirstFactor = Literal["password", "passkey", "email_code", "sms_code", "custom"]

ACR_LEVELS = (
    "urn:poolgate:acr:1",  # a password
    "urn:poolgate:acr:2",  # one code sent to the person
    "urn:poolgate:acr:3",  # a passkey, or a password and a code sent to the person
    "urn:poolgate:acr:4",  # a password and a TOTP code or passkey
)
"""The default names of the levels of authentication, lowest first (OpenID Connect Core 2, `acr`)."""


@dataclass(frozen=True, slots=True)
class MfaPolicy:
    """Factors. `factors` are those that may be enrolled as second; `first_factors` those that may begin a sign-in.

    `acr_levels` are the names of the four levels, lowest first. `nudge`: people who signed in by password alone are
    invited to add a passkey or another factor, and may decline.
    """

    mode: Literal["off", "optional", "required"] = "off"
    factors: tuple[FactorKind, ...] = ()
    first_factors: tuple[FirstFactor, ...] = ("password",)
    acr_levels: tuple[str, ...] = ACR_LEVELS
    nudge: bool = True


RiskAction = Literal["ignore", "notify", "require_factor", "block"]


@dataclass(frozen=True, slots=True)
class RiskPolicy:
    """What each signal leads to. `travel_speed` (km/h) is what counts as impossible between two sign-ins."""

    new_device: RiskAction = "notify"
    new_network: RiskAction = "ignore"
    impossible_travel: RiskAction = "notify"
    travel_speed: int = 1000


@dataclass(frozen=True, slots=True)
class RecoveryPolicy:
    """How a forgotten password is replaced: by a code to a verified address, in this order of preference. `ask`: the
    person chooses where it goes, before it is sent.
    """

    enabled: bool = True
    by: tuple[Literal["email", "sms"], ...] = ("email", "sms")
    ask: bool = False

    @property
    def asks_medium(self) -> bool:
        """Whether there is anything to choose."""
        return self.ask and len(self.by) > 1


@dataclass(frozen=True, slots=True)
class AccountPolicy:
    """The account page. `delete_days` is how long a deletion can be taken back; None where people cannot delete."""

    enabled: bool = True
    delete_days: int | None = 14
    reauthenticate: int = 10 * 60


@dataclass(frozen=True, slots=True)
class MessagePolicy:
    """Who messages come from, and texts in place of ours: {language: {key: text}}."""

    from_name: str = ""
    from_address: str = ""
    reply_to: str | None = None
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


TriggerPoint = Literal[
    "pre_sign_up",
    "post_confirmation",
    "pre_authentication",
    "post_authentication",
    "define_auth_challenge",
    "create_auth_challenge",
    "verify_auth_challenge_response",
    "pre_token_generation",
    "user_migration",
    "custom_message",
    "custom_email_sender",
    "custom_sms_sender",
    "inbound_federation",
]


@dataclass(frozen=True, slots=True)
class Trigger:
    """What is called at one point: an https URL, or a Python callable as `module:name`. Exactly one of the two.

    `sealed_secret` signs webhook calls (sealed, base64url); `secret_digest` tells whether a file names another one.
    `timeout` in seconds. `version` is that of the event (`pre_token_generation` has "V1_0", "V2_0" and "V3_0").
    """

    point: TriggerPoint
    url: str | None = None
    callable: str | None = None
    secret_digest: str = ""
    sealed_secret: str | None = field(default=None, repr=False)
    timeout: float = 5.0
    version: str = "V1_0"


def trigger_record(pool: str, point: str) -> str:
    """The name under which a trigger's secret is sealed."""
    return f"pools/{pool}/triggers/{point}/secret"


@dataclass(frozen=True, slots=True)
class SessionPolicy:
    """Seconds. A session ends when it was idle for `idle` or is `absolute` old, whichever comes first.

    A device that asked for it needs no second factor for `remember_device_days`; 0 offers no such thing.
    """

    idle: int = 8 * 3600
    absolute: int = 24 * 3600
    remember_device_days: int = 0


@dataclass(frozen=True, slots=True)
class TokenPolicy:
    """Lifetimes in seconds; `refresh_grace` 0 turns the grace window off."""

    code_ttl: int = 60
    access_ttl: int = 15 * 60
    id_ttl: int = 3600
    refresh_ttl: int = 30 * 86400
    refresh_idle: int = 14 * 86400
    refresh_grace: int = 10
    access_alg: str = "ES256"


@dataclass(frozen=True, slots=True)
class Linking:
    """What becomes of an identity of another provider whose address a user of the pool has (`federation.linking`)."""

    policy: LinkingPolicy = "ask"


@dataclass(frozen=True, slots=True)
class Branding:
    """`tokens`: design tokens by name (colours, radius, font); `texts`: {language: {key: text}}.

    `logo_dark` stands in for `logo` on dark ground; without it `logo` serves both.
    """

    tokens: Mapping[str, str] = field(default_factory=dict)
    logo: str | None = None
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    logo_dark: str | None = None


@dataclass(frozen=True, slots=True)
class AttributeDefinition:
    """One attribute of the pool's schema, e.g. `custom:department`."""

    name: str
    type: Literal["string", "number", "boolean", "datetime"] = "string"
    mutable: bool = True
    required: bool = False
    min: float | None = None
    max: float | None = None
    self_editable: bool = True


@dataclass(frozen=True, slots=True)
class Scope:
    name: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class ResourceServer:
    """An API. Its scopes are requested as `<identifier>/<name>`; `access_alg` None means the pool's."""

    identifier: str
    name: str = ""
    scopes: tuple[Scope, ...] = ()
    access_alg: str | None = None

    def scope_names(self) -> tuple[str, ...]:
        """The full names, as a client requests them."""
        return tuple(f"{self.identifier}/{scope.name}" for scope in self.scopes)


@dataclass(frozen=True, slots=True)
class Group:
    name: str
    description: str = ""
    precedence: int | None = None
    role: str | None = None


@dataclass(frozen=True, slots=True)
class Pool:
    """Everything of a pool that is settings rather than people. Small, read on every request, cached in process."""

    id: str
    name: str
    claims_profile: ClaimsProfile = "standard"
    default_scopes: tuple[str, ...] = ("openid", "profile", "email")
    sign_in_with: tuple[str, ...] = ("username", "email")
    languages: tuple[str, ...] = ("en", "ko")
    password_policy: PasswordPolicy = PasswordPolicy()
    session: SessionPolicy = SessionPolicy()
    tokens: TokenPolicy = TokenPolicy()
    branding: Branding = Branding()
    sign_up: SignUpPolicy = SignUpPolicy()
    mfa: MfaPolicy = MfaPolicy()
    risk: RiskPolicy = RiskPolicy()
    recovery: RecoveryPolicy = RecoveryPolicy()
    account: AccountPolicy = AccountPolicy()
    messages: MessagePolicy = MessagePolicy()
    linking: Linking = Linking()
    triggers: tuple[Trigger, ...] = ()
    ldap: LdapPolicy = NO_LDAP
    attributes: tuple[AttributeDefinition, ...] = ()
    groups: tuple[Group, ...] = ()
    resource_servers: tuple[ResourceServer, ...] = ()

    def trigger(self, point: TriggerPoint) -> Trigger | None:
        """What is called at this point, if anything."""
        return next((t for t in self.triggers if t.point == point), None)

    def scope_descriptions(self) -> dict[str, str]:
        """Full custom scope name to its description."""
        return {
            f"{server.identifier}/{scope.name}": scope.description
            for server in self.resource_servers
            for scope in server.scopes
        }

    def resource_server(self, identifier: str) -> ResourceServer | None:
        return next((s for s in self.resource_servers if s.identifier == identifier), None)
