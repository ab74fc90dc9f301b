"""An application that speaks SAML, as a pool has set it up. Loads nothing: every client carries one, or None."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Signed = Literal["both", "assertion", "response"]

DEFAULT_ATTRIBUTES: Mapping[str, str] = {
    "email": "email",
    "name": "name",
    "given_name": "given_name",
    "family_name": "family_name",
    "username": "username",
    "groups": "groups",
}
"""What an application is told unless its set-up says otherwise: the attribute's name there, and where its value is from."""


@dataclass(frozen=True, slots=True)
class ServiceProvider:
    """What is agreed with an application (SAML Metadata 2.4.4, Profiles 4.1).

    Attributes:
        entity_id: its name, compared to the letter.
        acs_urls: where assertions may be posted to; the first is the default.
        acs_indexes: `AssertionConsumerServiceIndex` to one of these.
        logout_urls, logout_response_urls: by binding; answers go to the latter, where it differs.
        certificates: of the keys with which it signs, PEM.
        encryption_certificate: of the key that assertions are encrypted for, PEM.
        name_id_format: a URI (Core 8.3).
        name_id_from: where the NameID's value comes from; "" takes what the format means.
        attributes: an attribute's name to where its value comes from; None stands for `DEFAULT_ATTRIBUTES`.
        sign: what of a response is signed.
        encrypt: whether assertions are encrypted.
        require_signed_requests: whether a request must be signed. One that is signed must be so by its key in any case.
        idp_initiated: whether a sign-on may begin here.
        relay_states: what may be sent along then, the first unless something else is asked for.
    """

    entity_id: str
    acs_urls: tuple[str, ...] = ()
    acs_indexes: Mapping[str, str] = field(default_factory=dict)
    logout_urls: Mapping[str, str] = field(default_factory=dict)
    logout_response_urls: Mapping[str, str] = field(default_factory=dict)
    certificates: tuple[str, ...] = ()
    encryption_certificate: str = ""
    name_id_format: str = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
    name_id_from: str = ""
    attributes: Mapping[str, str] | None = None
    sign: Signed = "both"
    encrypt: bool = False
    require_signed_requests: bool = False
    idp_initiated: bool = False
    relay_states: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NameIdentifier:
    """How a person is named to an application (Core 2.2.3)."""

    value: str
    format: str


@dataclass(frozen=True, slots=True)
class Named:
    """A session at an application: who it is there, and under which index."""

    name_id: NameIdentifier
    session_index: str


@dataclass(frozen=True, slots=True)
class Asserted:
    """What an assertion says of a person.

    Attributes:
        authenticated_at: seconds since the epoch.
        context: an AuthnContextClassRef.
        attributes: name to values.
        session_ends_at: when our session ends at the latest, in seconds since the epoch.
    """

    named: Named
    authenticated_at: int
    context: str
    attributes: Mapping[str, tuple[str, ...]]
    session_ends_at: int
