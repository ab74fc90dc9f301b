"""`[[clients]]`, `[[users]]` and the file as a whole as pydantic models. Client keys are those of RFC 7591."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from authserver.poolfile.fields import (
    STRICT,
    AttributeName,
    AttributeValue,
    ClientId,
    Email,
    GroupName,
    Label,
    PhoneNumber,
    Seconds,
    SecretField,
    Username,
    WebPage,
    not_yet,
)
from authserver.poolfile.pool_model import Algorithm, BrandingModel, GroupModel, PoolModel, ResourceServerModel
from authserver.poolfile.provider_model import ProviderModel
from authserver.poolfile.service_provider_model import ServiceProviderModel
from authserver.rules.clients import LONGEST_TOKEN

_TEN_YEARS = 3650 * 86400


class ClientModel(BaseModel):
    """An application that signs people in or calls APIs. Keys as in RFC 7591 and OpenID Connect Registration."""

    model_config = STRICT
    client_id: ClientId = Field(description="Unique in the installation.", examples=["demo-web"])
    client_secret: SecretField | None = Field(default=None, description="At least 16 characters, and random.")
    client_name: Label = Field(default="", description="Shown to people.")
    redirect_uris: list[str] = Field(
        default=[], description="Compared letter by letter; on 127.0.0.1 and [::1] any port (RFC 8252 7.3)."
    )
    post_logout_redirect_uris: list[str] = Field(default=[], description="Where people may land after signing out.")
    grant_types: list[Literal["authorization_code", "refresh_token", "client_credentials"]] = Field(
        default=["authorization_code"], description="What it may exchange for tokens."
    )
    response_types: list[Literal["code"]] | None = Field(
        default=None, description='`["code"]`; empty for a client without authorization_code.'
    )
    scope: str | None = Field(
        default=None,
        description="Scopes it may ask for, separated by spaces; the pool's default scopes if left out.",
        examples=["openid profile email https://orders.example/read"],
    )
    token_endpoint_auth_method: Literal["client_secret_basic", "client_secret_post", "none"] = Field(
        default="client_secret_basic", description="How it proves itself; `none` is a public client."
    )
    application_type: Literal["web", "native"] = Field(default="web", description="What kind of application it is.")
    id_token_signed_response_alg: Algorithm = Field(default="RS256", description="Signs its ID tokens.")
    default_max_age: Annotated[int, Seconds(0, _TEN_YEARS)] | None = Field(
        default=None, description="How old a sign-in may be if the request does not say."
    )
    client_uri: WebPage | None = Field(default=None, description="Its home page.")
    logo_uri: WebPage | None = Field(default=None, description="Its logo.")
    policy_uri: WebPage | None = Field(default=None, description="Its privacy policy.")
    tos_uri: WebPage | None = Field(default=None, description="Its terms of service.")
    contacts: list[Label] = Field(default=[], description="Who is responsible, such as email addresses.")
    identity_providers: list[Label] | None = Field(
        default=None,
        min_length=1,
        description="Who may sign people in to it: names of providers, and `Pool` for the pool's own accounts. All by "
        "default.",
        examples=[["Pool", "Google"]],
    )
    require_consent: bool = Field(default=False, description="Whether people are asked before it gets tokens.")
    require_pkce: bool = Field(default=True, description="False only with a secret; it must then send a nonce.")
    access_ttl: Annotated[int, Seconds(1, LONGEST_TOKEN)] | None = Field(
        default=None, description="Instead of the pool's."
    )
    refresh_ttl: Annotated[int, Seconds(1, _TEN_YEARS)] | None = Field(
        default=None, description="Instead of the pool's."
    )
    enabled: bool = Field(default=True, description="False refuses it everywhere.")
    read_attributes: list[AttributeName] | None = Field(
        default=None, description="The attributes that it may see; all of its scopes' by default."
    )
    write_attributes: list[AttributeName] | None = Field(
        default=None, description="The attributes that people may set through it; all by default."
    )
    mfa: Literal["off", "optional", "required"] | None = Field(default=None, description="Instead of the pool's mode.")
    branding: BrandingModel | None = Field(default=None, description="Lies over the pool's.")
    jwks: Annotated[None, not_yet("clients with keys of their own")] = Field(default=None, description="Its keys.")
    jwks_uri: Annotated[None, not_yet("clients with keys of their own")] = Field(
        default=None, description="Where its keys are."
    )


class UserModel(BaseModel):
    """A user to create if the username is free; an existing user is never changed."""

    model_config = STRICT
    username: Username = Field(description="Unique in the pool without regard to case.", examples=["ada"])
    password: SecretField | None = Field(default=None, description="Or `password_hash`, or neither.")
    password_hash: SecretField | None = Field(
        default=None, description="A hash in one of the forms of docs/users.md, such as $argon2id$..."
    )
    email: Email | None = Field(default=None, description="Email address.")
    email_verified: bool = Field(default=False, description="Only a verified address is a sign-in name.")
    phone_number: PhoneNumber | None = Field(default=None, description="With its country code.")
    phone_number_verified: bool = Field(default=False, description="Only a verified number is a sign-in name.")
    groups: list[GroupName] = Field(default=[], description="Groups of this file.")
    attributes: dict[str, AttributeValue] = Field(
        default={}, description="Standard claims and the pool's custom attributes.", examples=[{"given_name": "Ada"}]
    )


class PoolFileModel(BaseModel):
    """A pool file of poolgate: one pool with its groups, APIs, clients and first users."""

    model_config = STRICT
    pool: PoolModel
    groups: list[GroupModel] = Field(default=[], description="Groups of users.")
    users: list[UserModel] = Field(default=[], description="Users to create where they are missing.")
    resource_servers: list[ResourceServerModel] = Field(default=[], description="APIs and their scopes.")
    clients: list[ClientModel] = Field(default=[], description="Applications.")
    identity_providers: list[ProviderModel] = Field(default=[], description="Who else signs people in.")
    service_providers: list[ServiceProviderModel] = Field(
        default=[], description="Applications that sign people in by SAML."
    )
