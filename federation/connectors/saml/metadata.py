"""The provider's metadata (SAML Metadata 2.0): who it is, where it is spoken to, and with which keys it signs."""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

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
    from lxml import etree

    root = parse(data.removeprefix(b"\xef\xbb\xbf"), LARGEST, remarks=True)
    if root.tag not in {md("EntityDescriptor"), md("EntitiesDescriptor")}:
        raise BadAnswer("the document is no SAML metadata")
    if signed_by:
        root = parse(verified(root, root, (signed_by,)), LARGEST, remarks=True)
    entities = [e for e in root.iter(md("EntityDescriptor")) if _role(e) is not None]
    if entity_id:
        entities = [e for e in entities if e.get("entityID") == entity_id]
    if len(entities) != 1:
        whom = f"the provider {entity_id}" if entity_id else "a provider"
        raise BadAnswer(f"the metadata describes {whom} {len(entities)} times; idp_entity_id says which one is meant")
    around = [entities[0], *entities[0].iterancestors()]
    until = [u for e in (*around, _role(entities[0])) if (u := moment(e.get("validUntil"))) is not None]
    kept = [d for e in (*around, _role(entities[0])) if (d := duration(e.get("cacheDuration"))) is not None]
    if until and min(until) <= now - SKEW:
        raise BadAnswer("the metadata is no longer valid")
    # Read on by pysaml2 from a document of its own, so that nothing of other entities is mistaken for the provider's.
    return _described(etree.tostring(entities[0]), min(until, default=None), min(kept, default=None))


def _role(entity: Element) -> Element | None:
    roles = [
        r
        for r in entity.findall(md("IDPSSODescriptor"))
        if PROTOCOL in (r.get("protocolSupportEnumeration") or "").split()
    ]
    return roles[0] if roles else None


def _described(text: bytes, valid_until: int | None, cache_duration: int | None) -> IdpMetadata:
    from saml2 import md as descriptors

    try:
        entity = descriptors.entity_descriptor_from_string(text)
    except Exception:  # noqa: BLE001 - pysaml2 raises what it comes across
        raise BadAnswer("the metadata could not be read") from None
    role = next(r for r in entity.idpsso_descriptor if PROTOCOL in (r.protocol_support_enumeration or "").split())
    certificates, weak = _certificates(role)
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


def _certificates(role: Any) -> tuple[tuple[str, ...], int]:
    """Those of keys for signing, and how many were left out. A key without a `use` is for everything (Metadata 2.4.1.1)."""
    good: list[str] = []
    bad = 0
    for descriptor in role.key_descriptor:
        if descriptor.use not in {None, "signing"} or descriptor.key_info is None:
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
