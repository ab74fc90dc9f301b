"""`[[service_providers]]`: applications that sign people in by SAML. Keys are those of SAML metadata where it has a word."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from authserver.poolfile.fields import STRICT, ClientId, Label, Seconds, WebPage
from authserver.poolfile.pool_model import BrandingModel

_Text = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
_File = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
_TEN_YEARS = 3650 * 86400


class ServiceProviderModel(BaseModel):
    """An application that signs people in by SAML: from its metadata, or by the keys that stand for that."""

    model_config = STRICT
    client_id: ClientId = Field(
        description="What it is called here. Unique in the installation, OAuth clients included.", examples=["wiki"]
    )
    client_name: Label = Field(default="", description="Shown to people.")
    metadata_file: _File | None = Field(
        default=None, description="Its metadata. Keys given beside it count instead.", examples=["wiki-metadata.xml"]
    )
    metadata: str | None = Field(default=None, description="The metadata itself, in place of metadata_file.")
    entity_id: _Text | None = Field(
        default=None,
        description="Its entity ID. With metadata: which of several is meant.",
        examples=["https://wiki.example/saml"],
    )
    acs_urls: list[_Text] | None = Field(
        default=None,
        min_length=1,
        description="Where assertions may be posted to; the first is the default.",
        examples=[["https://wiki.example/saml/acs"]],
    )
    logout_url: _Text | None = Field(
        default=None,
        description="Where it takes part in single logout, by redirect.",
        examples=["https://wiki.example/slo"],
    )
    certificate_files: list[_File] | None = Field(
        default=None, description="PEM: with whose keys it signs its requests. Several during a roll-over."
    )
    encryption_certificate_file: _File | None = Field(
        default=None, description="PEM: the RSA key that assertions are encrypted for."
    )
    name_id_format: _Text | None = Field(
        default=None,
        description="How people are named: persistent (another name at each application, the default), transient, "
        "emailAddress, unspecified, or a URI.",
        examples=["emailAddress"],
    )
    name_id_from: _Text | None = Field(
        default=None,
        description="The attribute that is the name, such as `username` or `custom:employee`.",
        examples=["username"],
    )
    attributes: dict[_Text, _Text] | None = Field(
        default=None,
        description="What it is told: its name for an attribute, to where that is from. By default email, name, "
        "given_name, family_name, username and groups.",
        examples=[{"mail": "email", "memberOf": "groups"}],
    )
    sign: Literal["both", "assertion", "response"] = Field(default="both", description="What of a response is signed.")
    encrypt: bool | None = Field(
        default=None, description="Whether assertions are encrypted. By default where its metadata has a key for that."
    )
    require_signed_requests: bool | None = Field(
        default=None, description="Whether its requests must be signed. By default what its metadata says."
    )
    idp_initiated: bool = Field(default=False, description="Whether a sign-on may begin at /saml2/idp/start.")
    relay_states: list[_Text] = Field(
        default=[], description="What may be sent along then; the first unless another is asked for."
    )
    client_uri: WebPage | None = Field(default=None, description="Its home page.")
    logo_uri: WebPage | None = Field(default=None, description="Its logo.")
    policy_uri: WebPage | None = Field(default=None, description="Its privacy policy.")
    tos_uri: WebPage | None = Field(default=None, description="Its terms of service.")
    identity_providers: list[Label] | None = Field(
        default=None, min_length=1, description="Who may sign people in to it, as for clients.", examples=[["Pool"]]
    )
    mfa: Literal["off", "optional", "required"] | None = Field(default=None, description="Instead of the pool's mode.")
    default_max_age: Annotated[int, Seconds(0, _TEN_YEARS)] | None = Field(
        default=None, description="How old a sign-in may be."
    )
    enabled: bool = Field(default=True, description="False refuses it everywhere.")
    branding: BrandingModel | None = Field(default=None, description="Lies over the pool's.")
