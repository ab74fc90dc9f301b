"""`[pool]` and its tables as pydantic models (DESIGN 3)."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from authserver.poolfile.fields import (
    STRICT,
    AttributeName,
    GroupName,
    Identifier,
    Label,
    Language,
    PoolId,
    ScopeName,
    Seconds,
    SecretField,
    Sentence,
    not_yet,
)
from authserver.rules.clients import LONGEST_TOKEN

_YEAR = 365 * 86400
_OFF = False
Algorithm = Literal["ES256", "RS256"]


class SignUpModel(BaseModel):
    """People registering themselves."""

    model_config = STRICT
    enabled: Annotated[Literal[False], not_yet("self-registration", _OFF)] = Field(
        default=False, description="Whether people may register themselves."
    )
    required_attributes: list[str] = Field(default=[], description="Attributes to ask for.")
    verify: list[Literal["email", "phone_number"]] = Field(default=["email"], description="What is verified by a code.")
    allowed_domains: list[str] = Field(default=[], description="Email domains that may register; empty allows all.")


class PasswordPolicyModel(BaseModel):
    """What a password must be."""

    model_config = STRICT
    min_length: int = Field(default=8, ge=6, le=128, description="Fewest characters. 15 where it is the only factor.")
    max_length: int = Field(default=1024, ge=64, le=4096, description="Most characters.")
    require_lowercase: bool = Field(default=False, description="At least one lower-case letter.")
    require_uppercase: bool = Field(default=False, description="At least one upper-case letter.")
    require_numbers: bool = Field(default=False, description="At least one digit.")
    require_symbols: bool = Field(default=False, description="At least one character that is no letter and no digit.")
    history: Annotated[Literal[0], not_yet("a password history", 0)] = Field(
        default=0, description="How many former passwords may not come back."
    )
    breached: Annotated[Literal["off"], not_yet("the check against known breaches", "off")] = Field(
        default="off", description="What happens to passwords known from breaches."
    )
    temporary_days: Annotated[None, not_yet("temporary passwords")] = Field(
        default=None, description="Days for which a temporary password is good."
    )


class MfaModel(BaseModel):
    """Further factors beside the password."""

    model_config = STRICT
    mode: Annotated[Literal["off"], not_yet("multi-factor sign-in", "off")] = Field(
        default="off", description="`off`, `optional` or `required`."
    )
    factors: list[Literal["totp", "email_code", "sms_code", "passkey", "backup_codes"]] = Field(
        default=[], description="The factors that count."
    )


class SessionModel(BaseModel):
    """How long a browser stays signed in."""

    model_config = STRICT
    idle: Annotated[int, Seconds(60, _YEAR)] = Field(
        default=8 * 3600, description="Ends after this long without use.", examples=["8h"]
    )
    absolute: Annotated[int, Seconds(60, _YEAR)] = Field(default=86400, description="Ends after this long in any case.")
    remember_device_days: Annotated[Literal[0], not_yet("remembered devices", 0)] = Field(
        default=0, description="Days for which a device needs no second factor."
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
    texts: dict[str, dict[str, str]] = Field(default={}, description="Texts by language and key.")


class LinkingModel(BaseModel):
    """What happens when an external identity meets an existing account."""

    model_config = STRICT
    policy: Annotated[Literal["ask"], not_yet("federated sign-in", "ask")] = Field(
        default="ask", description="`ask`, `verified_email` or `never`."
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
    session: SessionModel = SessionModel()
    tokens: TokensModel = TokensModel()
    branding: BrandingModel = BrandingModel()
    linking: LinkingModel = LinkingModel()
    registration: RegistrationModel = RegistrationModel()
    attributes: list[AttributeModel] = Field(default=[], description="Attributes of the pool's users.")


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
