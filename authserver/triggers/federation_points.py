"""The point at which somebody comes from another provider, in Cognito's JSON (`InboundFederation_ExternalProvider`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

from authserver.model.pools import TriggerPoint
from authserver.triggers import answers
from authserver.triggers.answers import InboundAttributes
from authserver.triggers.reading import Members

PROVIDER_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "saml": "SAML",
        "google": "Google",
        "facebook": "Facebook",
        "amazon": "LoginWithAmazon",
        "apple": "SignInWithApple",
    }
)
"""What Cognito calls the types of providers; all others are OIDC to it."""


@dataclass(frozen=True, slots=True)
class InboundFederation:
    """A verified identity, before its attributes are taken. `attributes` is what the provider said, by where it stood:
    `tokenResponse` without its tokens, `idToken`, `userInfo`, or `samlResponse`.
    """

    provider_name: str
    provider_type: str
    attributes: Mapping[str, Mapping[str, object]]
    point: ClassVar[TriggerPoint] = "inbound_federation"
    secrets: ClassVar[frozenset[str]] = frozenset()
    trigger_source: ClassVar[str] = "InboundFederation_ExternalProvider"

    def request(self, _version: str) -> dict[str, object] | None:
        said = {name: dict(values) for name, values in self.attributes.items()}
        return {"providerName": self.provider_name, "providerType": self.provider_type, "attributes": said}

    def blank(self, _version: str) -> dict[str, object]:
        return {"userAttributesToMap": {}}

    def read(self, response: Members, version: str) -> InboundAttributes:
        return answers.read_inbound(response, version)
