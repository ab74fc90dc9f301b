"""`[[identity_providers]]`: the keys of every provider, and with them those of its type."""

from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints, create_model

from authserver.poolfile.fields import STRICT, Domain, GroupName, Label, SecretField
from federation.connector import Kind, SettingSpec
from federation.connectors import TYPES, kind_of

_Text = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
_Path = Annotated[str, StringConstraints(min_length=1, max_length=256)]
_ProviderId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,32}$")]
_Identifier = Annotated[str, StringConstraints(pattern=r"^[\w.-]{1,40}$")]


class ProviderGroupsModel(BaseModel):
    """Groups of the provider that mean groups of the pool."""

    model_config = STRICT
    source: _Path = Field(description="The claim or attribute that names them.", examples=["groups"])
    names: dict[_Text, GroupName] = Field(
        description="The provider's name to the pool's. What is not named means nothing.",
        examples=[{"engineering": "staff"}],
    )
    managed: bool = Field(default=True, description="Whether people who leave a group there leave it here.")


class ProviderModel(BaseModel):
    """Somebody else who signs people in: an OpenID provider, a SAML identity provider, a social login."""

    model_config = STRICT
    name: _ProviderId = Field(
        description="Unique in the pool; part of URLs, button ids and user names. Never `Pool`.", examples=["Google"]
    )
    type: Literal[TYPES] = Field(description="What kind it is.")  # type: ignore[valid-type]  # a tuple of texts
    display_name: Label = Field(default="", description="What its button says; the kind's own name by default.")
    enabled: bool = Field(default=True, description="False signs nobody in; `idp test` still tries it.")
    shown: bool = Field(default=True, description="Whether it has a button. Found by domain, it needs none.")
    client_id: _Text | None = Field(default=None, description="What the provider calls this server.")
    scope: str | None = Field(default=None, description="What to ask for, separated by spaces; the kind's by default.")
    domains: list[Domain] = Field(default=[], description="Email domains whose owners sign in there.")
    identifiers: list[_Identifier] = Field(default=[], description="Further names for `idp_identifier`.")
    attribute_mapping: dict[_Path, _Path] = Field(
        default={},
        description="An attribute of the pool to the claim it is taken from; lies over the kind's own.",
        examples=[{"custom:department": "department"}],
    )
    groups: ProviderGroupsModel | None = Field(default=None, description="Groups taken from the provider.")
    linking: Literal["ask", "verified_email", "never"] | None = Field(
        default=None, description="Instead of the pool's policy."
    )
    sync: Literal["create", "always"] = Field(
        default="always", description="Whether attributes follow the provider at each sign-in."
    )
    creates: bool = Field(default=True, description="Whether somebody new gets an account.")
    trust_email: bool = Field(
        default=False, description="Whether addresses of `domains` count as verified though the provider is silent."
    )
    keep_refresh_token: bool = Field(
        default=False, description="Whether its refresh tokens are kept, sealed, for `idp refresh`."
    )
    trusted: dict[_Text, Annotated[int, Field(ge=1, le=2)]] = Field(
        default={},
        description="`acr` values that are believed, to how many factors each stands for.",
        examples=[{"urn:example:mfa": 2}],
    )
    callback: Literal["own", "shared"] = Field(
        default="own", description="`shared` returns to `/oauth2/idpresponse`, where Cognito's users registered it."
    )

    @property
    def kind(self) -> Kind:
        """What the type stands for."""
        return kind_of(self.type)

    def own_settings(self) -> dict[str, Any]:
        """What was given of the keys that only this type has, but no secret."""
        return {s.name: v for s in self.kind.settings if not s.secret and (v := getattr(self, s.name)) is not None}

    def secrets(self) -> dict[str, Any]:
        """The secrets that were given, by key."""
        return {s.name: v for s in self.kind.settings if s.secret and (v := getattr(self, s.name)) is not None}


@cache
def provider_model(type_: str) -> type[ProviderModel]:
    """The model of one type: what every provider has, and what this type takes beside."""
    kind = kind_of(type_)
    fields: dict[str, Any] = {spec.name: _field(spec) for spec in kind.settings}
    fields["type"] = (Literal[type_], Field(description=f"{kind.label}."))
    if kind.needs_client:
        fields["client_id"] = (_Text, Field(description="What the provider calls this server."))
    return create_model(
        f"{type_.title()}ProviderModel", __base__=ProviderModel, __doc__=f"{kind.label} as a provider.", **fields
    )


def _field(spec: SettingSpec) -> tuple[Any, Any]:
    words: Any = Literal[spec.values] if spec.values else _Text
    kinds: dict[str, Any] = {"string": words, "strings": list[words], "boolean": bool, "integer": int, "file": _Text}
    kind: Any = SecretField if spec.secret else kinds[spec.type]
    examples = [spec.example] if spec.example else None
    if spec.required:
        return kind, Field(description=spec.about, examples=examples)
    return kind | None, Field(default=None, description=spec.about, examples=examples)


def provider_models() -> tuple[type[ProviderModel], ...]:
    """Those of all types."""
    return tuple(provider_model(type_) for type_ in TYPES)
