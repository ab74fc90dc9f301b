"""Metadata (SAML Metadata 2.0): an application's, read once when it is set up, and ours, which it reads."""

import re
from collections.abc import Sequence
from typing import Any

from federation.connectors.saml.keys import OwnKey
from federation.connectors.saml.metadata import certificates_of, entity_of, part_of, speaks_saml2
from federation.connectors.saml.names import EMAIL, PERSISTENT, POST, PROTOCOL, REDIRECT, TRANSIENT
from federation.connectors.saml.service import key_descriptor
from federation.errors import BadAnswer
from federation.saml_idp.model import ServiceProvider
from resource_servers.fetching import check_url

SSO, SLO, METADATA = "saml2/idp/sso", "saml2/idp/slo", "saml2/idp/metadata"
"""Where the identity provider listens, below the pool's issuer. The address of the metadata is its entity ID."""

_YES = frozenset({"true", "1"})
_URI = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]{1,2048}", re.ASCII)


def entity_id_of(issuer: str) -> str:
    """The entity ID of a pool as an identity provider."""
    return f"{issuer}/{METADATA}"


def read_service_provider(data: bytes, now: int, *, entity_id: str = "") -> ServiceProvider:
    """What an application publishes about itself.

    Args:
        entity_id: whose part of the document; "" takes the only service provider in it.

    Raises BadAnswer; also for metadata that is no longer valid.
    """
    text, _until, _kept = part_of(data, now, "SPSSODescriptor", entity_id=entity_id)
    entity = entity_of(text)
    role = next(r for r in entity.spsso_descriptor if speaks_saml2(r))
    services = [s for s in role.assertion_consumer_service if s.binding == POST and s.location]
    services.sort(key=lambda s: (s.is_default or "").strip() not in _YES)  # stable: else as they stand
    outs = [s for s in reversed(role.single_logout_service) if s.binding in {REDIRECT, POST}]
    signing, _ = certificates_of(role, "signing")
    encryption, _ = certificates_of(role, "encryption")
    found = ServiceProvider(
        entity_id=entity.entity_id or "",
        acs_urls=tuple(dict.fromkeys(s.location for s in services)),
        acs_indexes={s.index: s.location for s in services if s.index},
        logout_urls={s.binding: s.location or "" for s in outs},  # without one it is refused below
        logout_response_urls={s.binding: s.response_location for s in outs if s.response_location},
        certificates=signing,
        encryption_certificate=next(filter(_is_rsa, encryption), ""),
        name_id_format=_format(role),
        encrypt=any(d.use == "encryption" for d in role.key_descriptor) and any(map(_is_rsa, encryption)),
        require_signed_requests=(role.authn_requests_signed or "").strip() in _YES,
    )
    check(found)
    return found


def _format(role: Any) -> str:
    """The first of its formats that says more than nothing."""
    wanted = [(f.text or "").strip() for f in role.name_id_format]
    return next((f for f in wanted if f in {PERSISTENT, TRANSIENT, EMAIL}), PERSISTENT)


def _is_rsa(pem: str) -> bool:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    from federation.connectors.saml.signatures import certificate

    return isinstance(certificate(pem).public_key(), RSAPublicKey)


def check(sp: ServiceProvider) -> None:
    """Return if assertions may be sent there. Raises BadAnswer."""
    from federation.connectors.saml.signatures import certificate

    if not sp.entity_id or not sp.acs_urls:
        raise BadAnswer("the service provider has no entity ID, or no assertion consumer service by POST")
    for url in (*sp.acs_urls, *sp.logout_urls.values(), *sp.logout_response_urls.values()):
        try:
            check_url(url)  # browsers are sent there
            if _URI.fullmatch(url) is None:
                raise ValueError(url)
        except ValueError:
            raise BadAnswer(f"{url[:200]} is not a URL with https") from None
    for pem in (*sp.certificates, *filter(None, (sp.encryption_certificate,))):
        try:
            certificate(pem)
        except ValueError as fault:
            raise BadAnswer(f"a certificate cannot be used: {fault}") from None
    if sp.encrypt and not (sp.encryption_certificate and _is_rsa(sp.encryption_certificate)):
        raise BadAnswer("assertions are to be encrypted, and there is no certificate with an RSA key for that")
    if sp.require_signed_requests and not sp.certificates:
        raise BadAnswer("requests are to be signed, and there is no certificate to check them with")


def provider_metadata(issuer: str, keys: Sequence[OwnKey]) -> bytes:
    """Our EntityDescriptor as XML.

    Args:
        issuer: the pool's own, below which our endpoints stand.
        keys: all of them are named, so that one that is on its way in or out works at both ends.
    """
    from saml2 import md

    ways = (REDIRECT, POST)
    role = md.IDPSSODescriptor(
        protocol_support_enumeration=PROTOCOL,
        want_authn_requests_signed="false",
        key_descriptor=[key_descriptor(key, "signing") for key in keys],
        single_logout_service=[md.SingleLogoutService(binding=b, location=f"{issuer}/{SLO}") for b in ways],
        name_id_format=[md.NameIDFormat(text=f) for f in (PERSISTENT, TRANSIENT, EMAIL)],
        single_sign_on_service=[md.SingleSignOnService(binding=b, location=f"{issuer}/{SSO}") for b in ways],
    )
    entity = md.EntityDescriptor(entity_id=entity_id_of(issuer), cache_duration="PT6H", idpsso_descriptor=[role])
    return str(entity).encode()
