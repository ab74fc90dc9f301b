"""The provider's metadata (SAML Metadata 2.0): who it is, where it is spoken to, and with which keys it signs."""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from federation.connectors.saml.documents import Element, parse
from federation.connectors.saml.moments import duration, moment
from federation.connectors.saml.names import POST, PROTOCOL, REDIRECT, SKEW, md
from federation.connectors.saml.signatures import certificate, verified
from federation.errors import BadAnswer
from resource_servers.fetching import check_url

LARGEST = 5 * 1024 * 1024
"""Bytes. What is larger is the list of a whole federation, for which there is `mdq_url`."""

_MOST_KEYS = 10
_SPEAKS = (REDIRECT, POST)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where messages go; answers go to `response_url`, which is mostly the same."""

    url: str
    response_url: str


@dataclass(frozen=True, slots=True)
class IdpMetadata:
    """What a provider publishes about itself.

    Attributes:
        sign_on, sign_out: by binding.
        certificates: of the keys that sign, PEM.
        weak: how many of its keys were left out, because nobody should use them.
        valid_until: seconds since the epoch.
        cache_duration: seconds.
    """

    entity_id: str
    sign_on: Mapping[str, str]
    sign_out: Mapping[str, Endpoint] = field(default_factory=dict)
    certificates: tuple[str, ...] = ()
    weak: int = 0
    wants_signed_requests: bool = False
    valid_until: int | None = None
    cache_duration: int | None = None


def read_metadata(data: bytes, now: int, *, entity_id: str = "", signed_by: str = "") -> IdpMetadata:
    """The provider's part of a document.

    Args:
        entity_id: whose part; "" takes the only provider in it.
        signed_by: a certificate, PEM, whose key must have signed the document; "" asks for no signature.

    Raises BadAnswer; also for metadata that is no longer valid.
    """
    text, valid_until, cache_duration = part_of(data, now, "IDPSSODescriptor", entity_id=entity_id, signed_by=signed_by)
    return _described(text, valid_until, cache_duration)


Role = Literal["IDPSSODescriptor", "SPSSODescriptor"]


def part_of(
    data: bytes, now: int, role: Role, *, entity_id: str = "", signed_by: str = ""
) -> tuple[bytes, int | None, int | None]:
    """The EntityDescriptor of the one entity with this role, as a document of its own, so that nothing of other entities is
    mistaken for that one's; until when it is valid, and for how long it may be kept.

    Args: as those of `read_metadata`. Raises BadAnswer.
    """
    from lxml import etree

    root = parse(data.removeprefix(b"\xef\xbb\xbf"), LARGEST, remarks=True)
    if root.tag not in {md("EntityDescriptor"), md("EntitiesDescriptor")}:
        raise BadAnswer("the document is no SAML metadata")
    if signed_by:
        root = parse(verified(root, root, (signed_by,)), LARGEST, remarks=True)
    entities = [e for e in root.iter(md("EntityDescriptor")) if _role(e, role) is not None]
    if entity_id:
        entities = [e for e in entities if e.get("entityID") == entity_id]
    if len(entities) != 1:
        what, key = _WORDS[role]
        whom = f"the {what} {entity_id}" if entity_id else f"a {what}"
        raise BadAnswer(f"the metadata describes {whom} {len(entities)} times; {key} says which one is meant")
    around = [entities[0], *entities[0].iterancestors(), _role(entities[0], role)]
    until = [u for e in around if (u := moment(e.get("validUntil"))) is not None]
    kept = [d for e in around if (d := duration(e.get("cacheDuration"))) is not None]
    if until and min(until) <= now - SKEW:
        raise BadAnswer("the metadata is no longer valid")
    return etree.tostring(entities[0]), min(until, default=None), min(kept, default=None)


_WORDS: Mapping[Role, tuple[str, str]] = {
    "IDPSSODescriptor": ("provider", "idp_entity_id"),
    "SPSSODescriptor": ("service provider", "entity_id"),
}
"""What an entity of this role is called, and the key of the pool file that names one."""


def _role(entity: Element, role: Role) -> Element | None:
    roles = [r for r in entity.findall(md(role)) if PROTOCOL in (r.get("protocolSupportEnumeration") or "").split()]
    return roles[0] if roles else None


def entity_of(text: bytes) -> Any:
    """An EntityDescriptor as pysaml2 reads it. Raises BadAnswer."""
    from saml2 import md as descriptors

    try:
        return descriptors.entity_descriptor_from_string(text)
    except Exception:  # noqa: BLE001 - pysaml2 raises what it comes across
        raise BadAnswer("the metadata could not be read") from None


def speaks_saml2(role: Any) -> bool:
    """Whether a role of an entity speaks our protocol."""
    return PROTOCOL in (role.protocol_support_enumeration or "").split()


def _described(text: bytes, valid_until: int | None, cache_duration: int | None) -> IdpMetadata:
    entity = entity_of(text)
    role = next(r for r in entity.idpsso_descriptor if speaks_saml2(r))
    certificates, weak = certificates_of(role, "signing")
    if not entity.entity_id or not certificates:
        raise BadAnswer("the metadata has no entity ID, or no key that may sign")
    sign_on = {s.binding: s.location for s in reversed(role.single_sign_on_service) if s.binding in _SPEAKS}
    if not sign_on:
        raise BadAnswer("the metadata has no sign-on service by redirect or POST")
    sign_out = {
        s.binding: Endpoint(s.location, s.response_location or s.location)
        for s in reversed(role.single_logout_service)
        if s.binding in _SPEAKS
    }
    for url in (*sign_on.values(), *(u for s in sign_out.values() for u in (s.url, s.response_url))):
        try:
            check_url(url or "")  # browsers are sent there
        except ValueError:
            raise BadAnswer("the metadata has a service whose address is not a URL with https") from None
    return IdpMetadata(
        entity_id=entity.entity_id,
        sign_on=sign_on,
        sign_out=sign_out,
        certificates=certificates,
        weak=weak,
        wants_signed_requests=(role.want_authn_requests_signed or "").strip() in {"true", "1"},
        valid_until=valid_until,
        cache_duration=cache_duration,
    )


def certificates_of(role: Any, use: Literal["signing", "encryption"]) -> tuple[tuple[str, ...], int]:
    """Those of a role's keys for this use, PEM, and how many were left out because nobody should use them. A key without a
    `use` is for everything (Metadata 2.4.1.1).
    """
    good: list[str] = []
    bad = 0
    for descriptor in role.key_descriptor:
        if descriptor.use not in {None, use} or descriptor.key_info is None:
            continue
        for data in descriptor.key_info.x509_data:
            held = data.x509_certificate
            for one in held if isinstance(held, list) else [held] if held is not None else []:
                pem = as_pem(one.text or "")
                try:
                    certificate(pem)
                except ValueError:
                    bad += 1
                else:
                    good.append(pem)
    return tuple(dict.fromkeys(good))[:_MOST_KEYS], bad


def as_pem(text: str) -> str:
    """A certificate as metadata holds it (base64 in any lines) as PEM."""
    lines = textwrap.wrap("".join(text.split()), 64)
    return "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""])
