"""`[pool]` and its tables as pydantic models (DESIGN 3)."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from authserver.model.pools import ACR_LEVELS
from authserver.poolfile.fields import (
    STRICT,
    AcrValue,
    AttributeName,
    AttributeValue,
    Callable_,
    Domain,
    Email,
    GroupName,
    Identifier,
    Label,
    Language,
    Moment,
    Named,
    PoolId,
    ScopeName,
    Seconds,
    SecretField,
    Sentence,
    WebPage,
    not_yet,
)
from authserver.rules.clients import LONGEST_TOKEN

_YEAR = 365 * 86400
Action = Literal["ignore", "notify", "require_factor", "block"]
Algorithm = Literal["ES256", "RS256"]


class SignUpModel(BaseModel):
    """People registering themselves."""

    model_config = STRICT
    enabled: bool = Field(default=False, description="Whether people may register themselves.")
    required_attributes: list[AttributeName] = Field(
        default=[], description="Attributes to ask for, besides those that the pool requires."
    )
    verify: list[Literal["email", "phone_number"]] = Field(
        default=["email"], description="What is verified by a code before the account may be used."
    )
    allowed_domains: list[Domain] = Field(default=[], description="Email domains that may register; empty allows all.")
    terms_uri: WebPage | None = Field(default=None, description="The terms that people must agree to.")
    policy_uri: WebPage | None = Field(default=None, description="The privacy policy, linked beside the terms.")
    unconfirmed_days: int = Field(
        default=30,
        ge=0,
        le=3650,
        description="Days after which an account that nobody confirmed is deleted; 0 keeps it.",
    )
    terms_required: bool = Field(
        default=False, description="Whether those who have not agreed to the terms are asked when they sign in."
    )
    terms_changed: Moment | None = Field(
        default=None,
        description="Since when the terms are in force: who agreed before is asked again.",
        examples=["2026-01-31T00:00:00Z"],
    )


class PasswordPolicyModel(BaseModel):
    """What a password must be."""

    model_config = STRICT
    min_length: int = Field(default=8, ge=6, le=128, description="Fewest characters. 15 where it is the only factor.")
    max_length: int = Field(default=1024, ge=64, le=4096, description="Most characters.")
    require_lowercase: bool = Field(default=False, description="At least one lower-case letter.")
    require_uppercase: bool = Field(default=False, description="At least one upper-case letter.")
    require_numbers: bool = Field(default=False, description="At least one digit.")
    require_symbols: bool = Field(default=False, description="At least one character that is no letter and no digit.")
    history: int = Field(default=0, ge=0, le=24, description="How many former passwords may not come back.")
    breached: Literal["refuse", "warn", "off"] = Field(
        default="refuse", description="What happens to passwords known from breaches: see docs/protection.md."
    )
    temporary_days: int = Field(default=7, ge=1, le=365, description="Days for which a temporary password is good.")


class MfaModel(BaseModel):
    """Factors: what may begin a sign-in, what may come second, and whether it must."""

    model_config = STRICT
    mode: Literal["off", "optional", "required"] = Field(
        default="off", description="Whether a second factor is asked for: never, of who has one, of everybody."
    )
    factors: list[Literal["totp", "email_code", "sms_code", "passkey", "backup_codes"]] = Field(
        default=[], description="The second factors that people may set up."
    )
    first_factors: list[Literal["password", "passkey", "email_code", "sms_code", "custom"]] = Field(
        default=["password"],
        min_length=1,
        description="What a sign-in may begin with; the first is offered first. `custom`: challenges of the triggers.",
    )
    acr_levels: list[AcrValue] = Field(
        default=list(ACR_LEVELS),
        min_length=4,
        max_length=4,
        description="The names of the four levels of authentication, lowest first, as `acr` carries them.",
    )
    nudge: bool = Field(default=True, description="Whether people are invited to add a passkey after a password.")


class RiskModel(BaseModel):
    """What unusual sign-ins lead to: nothing, a notice to the owner, a second factor, or no sign-in."""

    model_config = STRICT
    new_device: Action = Field(default="notify", description="A browser that never signed this user in.")
    new_network: Action = Field(default="ignore", description="A network that this user never came from.")
    impossible_travel: Action = Field(
        default="notify", description="Too far from the sign-in before; needs the setting `protection.geoip_file`."
    )
    travel_speed: int = Field(default=1000, ge=100, le=20_000, description="The km/h that are still possible.")


class RecoveryModel(BaseModel):
    """How people replace a password that they forgot."""

    model_config = STRICT
    enabled: bool = Field(default=True, description="Whether the pages offer it.")
    by: list[Literal["email", "sms"]] = Field(
        default=["email", "sms"], min_length=1, description="Where the code goes, in this order: verified ones alone."
    )
    ask: bool = Field(
        default=False, description="Whether people choose where it goes before it is sent, if there are two ways."
    )


class AccountModel(BaseModel):
    """The account page."""

    model_config = STRICT
    enabled: bool = Field(default=True, description="Whether people have one.")
    delete_days: int | None = Field(default=14, ge=0, le=365, description="Days in which a deletion can be taken back.")
    deletable: bool = Field(default=True, description="Whether people may delete their own account.")
    reauthenticate: Annotated[int, Seconds(60, 86400)] = Field(
        default=600, description="How old a sign-in may be for what matters, such as a new password."
    )


class MessagesModel(BaseModel):
    """Mails and text messages."""

    model_config = STRICT
    from_name: Label = Field(default="", description="The sender's name; the pool's by default.")
    from_address: Email | None = Field(default=None, description="The sender's address; needed once mail goes out.")
    reply_to: Email | None = Field(default=None, description="Where answers go.")
    texts: dict[str, dict[str, str]] = Field(default={}, description="Texts by language and key: docs/messages.md.")


class TriggerModel(BaseModel):
    """One thing that is called when something is about to happen, or has: docs/triggers.md."""

    model_config = STRICT
    point: Literal[
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
    ] = Field(description="When it is called.")
    url: WebPage | None = Field(default=None, description="An https URL that takes the event by POST.")
    callable: Callable_ | None = Field(
        default=None, description="Or a Python function of the server's own environment.", examples=["acme.auth:check"]
    )
    secret: SecretField | None = Field(default=None, description="Signs the calls of `url`; at least 24 characters.")
    timeout: Annotated[int, Seconds(1, 30)] = Field(default=5, description="How long it may take.")
    version: Literal["V1_0", "V2_0", "V3_0"] = Field(default="V1_0", description="Of the event, as Cognito counts.")


class LdapGroupsModel(BaseModel):
    """Groups of the directory that mean groups of the pool."""

    model_config = STRICT
    source: Named | None = Field(
        default=None, description="The attribute of a person that names groups by DN.", examples=["memberOf"]
    )
    base_dn: Named | None = Field(
        default=None, description="Or where groups are searched for.", examples=["ou=groups,dc=example,dc=com"]
    )
    filter: Named | None = Field(
        default=None,
        description="Which groups are a person's; `{dn}` and `{username}` stand for whose.",
        examples=["(&(objectClass=groupOfNames)(member={dn}))"],
    )
    names: dict[Named, GroupName] = Field(
        description="A group's DN to the pool's name for it. What is not named means nothing.",
        examples=[{"cn=engineering,ou=groups,dc=example,dc=com": "staff"}],
    )


class LdapModel(BaseModel):
    """A directory whose people are taken over at their first sign-in: docs/ldap.md. Needs the extra `ldap`."""

    model_config = STRICT
    url: Named = Field(
        description="ldaps://host, or ldap://host for StartTLS; with a port or without.",
        examples=["ldaps://ldap.example.com"],
    )
    start_tls: bool = Field(
        default=True,
        description="False sends names and passwords over ldap:// in the clear, to `outbound.allow` alone.",
    )
    ca_file: Named | None = Field(
        default=None, description="Authorities in PEM that vouch for its certificate, instead of the system's."
    )
    bind_dn: Named | None = Field(default=None, description="As whom to search; anonymously if left out.")
    bind_password: SecretField | None = Field(default=None, description="Its password.")
    base_dn: Named = Field(description="Where people are, at any depth.", examples=["ou=people,dc=example,dc=com"])
    filter: Named = Field(
        description="Who has a name (RFC 4515); `{username}` stands for what was typed.",
        examples=["(&(objectClass=person)(uid={username}))"],
    )
    attribute_mapping: dict[Named, Named] = Field(
        description="An attribute of the pool to the directory's; `username` must be among them.",
        examples=[{"username": "uid", "email": "mail", "given_name": "givenName"}],
    )
    email_verified: bool = Field(
        default=False, description="Whether its addresses count as proven: as names, and for recovery."
    )
    groups: LdapGroupsModel | None = Field(default=None, description="Groups taken from the directory.")
    timeout: Annotated[int, Seconds(1, 30)] = Field(default=5, description="How long all of it may take.")


class SessionModel(BaseModel):
    """How long a browser stays signed in."""

    model_config = STRICT
    idle: Annotated[int, Seconds(60, _YEAR)] = Field(
        default=8 * 3600, description="Ends after this long without use.", examples=["8h"]
    )
    absolute: Annotated[int, Seconds(60, _YEAR)] = Field(default=86400, description="Ends after this long in any case.")
    remember_device_days: int = Field(
        default=0, ge=0, le=365, description="Days for which a device that asked for it needs no second factor."
    )


class TokensModel(BaseModel):
    """Lifetimes and algorithms of tokens. Durations are seconds, or text such as "15m" or "30d"."""

    model_config = STRICT
    code_ttl: Annotated[int, Seconds(5, 600)] = Field(
        default=60, description="Authorization code (RFC 6749 4.1.2: at most 10 min)."
    )
    access_ttl: Annotated[int, Seconds(1, LONGEST_TOKEN)] = Field(
        default=900, description="Access token.", examples=["15m"]
    )
    id_ttl: Annotated[int, Seconds(1, LONGEST_TOKEN)] = Field(default=3600, description="ID token.", examples=["1h"])
    refresh_ttl: Annotated[int, Seconds(1, 10 * _YEAR)] = Field(
        default=30 * 86400, description="Refresh token, in all."
    )
    refresh_idle: Annotated[int, Seconds(1, 10 * _YEAR)] = Field(
        default=14 * 86400, description="Refresh token, without use."
    )
    refresh_grace: Annotated[int, Seconds(0, 60)] = Field(
        default=10, description="How long a rotated refresh token still yields the same successor; 0 = off."
    )
    access_alg: Algorithm | None = Field(
        default=None,
        description="Signs access tokens: ES256, or RS256 as the cognito profile has it. A resource server may differ.",
    )


class BrandingModel(BaseModel):
    """How the hosted pages look."""

    model_config = STRICT
    tokens: dict[str, str] = Field(default={}, description="Design tokens by name: colours, radius, font.")
    logo: str | None = Field(default=None, description="An https URL, a path on this server, or a small data URL.")
    logo_dark: str | None = Field(default=None, description="The logo on dark pages; the same one by default.")
    texts: dict[str, dict[str, str]] = Field(default={}, description="Texts by language and key.")


class LinkingModel(BaseModel):
    """What happens when an external identity meets an existing account."""

    model_config = STRICT
    policy: Literal["ask", "verified_email", "never"] = Field(
        default="ask",
        description="The owner proves the account first; a provider's word is enough for addresses of its own domains; "
        "or the two stay apart.",
    )


class RegistrationModel(BaseModel):
    """Clients registering themselves (RFC 7591)."""

    model_config = STRICT
    dynamic: Annotated[Literal["off"], not_yet("dynamic client registration", "off")] = Field(
        default="off", description="`off`, `token` or `open`."
    )
    initial_access_token: SecretField | None = Field(default=None, description="Asked of clients that register.")


class AttributeModel(BaseModel):
    """One attribute of the pool's users."""

    model_config = STRICT
    name: AttributeName = Field(
        description="A standard claim, or `custom:` and a name.", examples=["custom:department"]
    )
    type: Literal["string", "number", "boolean", "datetime"] = Field(default="string", description="Its type.")
    mutable: bool = Field(default=True, description="Whether it can change once it is set.")
    required: bool = Field(default=False, description="Whether every user must have it.")
    min: float | None = Field(default=None, description="Least value; of text, the least length.")
    max: float | None = Field(default=None, description="Greatest value; of text, the greatest length.")
    self_editable: bool = Field(default=True, description="Whether users may change their own.")
    renamed_from: AttributeName | None = Field(
        default=None, description="Its former name: the values that users have of that move here."
    )
    backfill: AttributeValue | None = Field(
        default=None, description="A value for the users that are there when the attribute is added.", examples=["none"]
    )


class PoolModel(BaseModel):
    """The pool: its name, its defaults and its policies."""

    model_config = STRICT
    id: PoolId = Field(description="Part of every URL of the pool; never changes.", examples=["demo_Pool1"])
    name: Label = Field(default="", description="Shown to people.")
    domain: Annotated[None, not_yet("a domain of the pool's own")] = Field(
        default=None, description="A host name of the pool's own."
    )
    claims_profile: Literal["standard", "cognito"] = Field(
        default="standard", description="How tokens look: by the standards, or as Amazon Cognito's."
    )
    default_scopes: list[str] = Field(
        default=["openid", "profile", "email"], description="Scopes of a request that names none."
    )
    sign_in_with: list[Literal["username", "email", "phone_number", "preferred_username"]] = Field(
        default=["username", "email"], min_length=1, description="What people may type as their name."
    )
    languages: list[Language] = Field(
        default=["en", "ko"], min_length=1, description="Languages of the hosted pages; the first is the fallback."
    )
    sign_up: SignUpModel = SignUpModel()
    password_policy: PasswordPolicyModel = PasswordPolicyModel()
    mfa: MfaModel = MfaModel()
    risk: RiskModel = RiskModel()
    recovery: RecoveryModel = RecoveryModel()
    account: AccountModel = AccountModel()
    messages: MessagesModel = MessagesModel()
    session: SessionModel = SessionModel()
    tokens: TokensModel = TokensModel()
    branding: BrandingModel = BrandingModel()
    linking: LinkingModel = LinkingModel()
    registration: RegistrationModel = RegistrationModel()
    attributes: list[AttributeModel] = Field(default=[], description="Attributes of the pool's users.")
    triggers: list[TriggerModel] = Field(default=[], description="What is called at which point.")
    ldap: LdapModel | None = Field(default=None, description="A directory whose people are taken over.")


class GroupModel(BaseModel):
    """A group of users."""

    model_config = STRICT
    name: GroupName = Field(description="Its name, as tokens carry it.", examples=["staff"])
    description: Sentence = Field(default="", description="What it is for.")
    precedence: int | None = Field(default=None, ge=0, le=2**31 - 1, description="Order among groups; lowest first.")
    role: Label | None = Field(default=None, description="A role for `cognito:roles`.")


class ScopeModel(BaseModel):
    """One thing a token may allow at an API."""

    model_config = STRICT
    name: ScopeName = Field(description="Its name; clients ask for `<identifier>/<name>`.", examples=["read"])
    description: Sentence = Field(default="", description="What it allows; shown when consent is asked.")


class ResourceServerModel(BaseModel):
    """An API that accepts the pool's tokens."""

    model_config = STRICT
    identifier: Identifier = Field(
        description="The audience of its tokens, and what its scopes begin with.", examples=["https://orders.example"]
    )
    name: Label = Field(default="", description="Shown to people.")
    access_alg: Algorithm | None = Field(default=None, description="Signs its access tokens; the pool's by default.")
    scopes: list[ScopeModel] = Field(default=[], description="What its tokens may allow.")
