"""Our own metadata, which the provider's administrator takes over: who we are there, where we listen, our keys."""

from collections.abc import Sequence
from typing import Any, Literal

from federation.connectors.saml.keys import OwnKey
from federation.connectors.saml.names import POST, PROTOCOL, REDIRECT, XENC, XENC11
from federation.connectors.saml.settings import SamlSettings


def service_metadata(settings: SamlSettings, issuer: str, keys: Sequence[OwnKey]) -> bytes:
    """The EntityDescriptor as XML.

    Args:
        issuer: the pool's own, below which our endpoints stand.
        keys: all of them are named, so that a key that is on its way in or out works at both ends.
    """
    from saml2 import md

    logout = f"{issuer}/saml2/logout"
    role = md.SPSSODescriptor(
        protocol_support_enumeration=PROTOCOL,
        authn_requests_signed=str(settings.sign_requests).lower(),
        want_assertions_signed=str(settings.want_assertions_signed).lower(),
        key_descriptor=_descriptors(keys),
        single_logout_service=[md.SingleLogoutService(binding=b, location=logout) for b in (REDIRECT, POST)],
        name_id_format=[md.NameIDFormat(text=settings.name_id_format)] if settings.name_id_format else [],
        assertion_consumer_service=[
            md.AssertionConsumerService(
                binding=POST, location=f"{issuer}/saml2/idpresponse", index="0", is_default="true"
            )
        ],
    )
    entity = md.EntityDescriptor(entity_id=settings.entity_id, cache_duration="PT6H", spsso_descriptor=[role])
    return str(entity).encode()


def _descriptors(keys: Sequence[OwnKey]) -> list[Any]:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    opening = [key for key in keys if isinstance(key.private_key, RSAPrivateKey)]  # no EC key of ours opens anything
    signing = [key_descriptor(key, "signing") for key in keys]
    return signing + [key_descriptor(key, "encryption", _WAYS) for key in opening]


_WAYS = (f"{XENC11}aes256-gcm", f"{XENC11}aes128-gcm", f"{XENC}rsa-oaep-mgf1p")


def key_descriptor(key: OwnKey, use: Literal["signing", "encryption"], ways: Sequence[str] = ()) -> Any:
    """A key of ours as metadata names it (Metadata 2.4.1.1), with the algorithms by which we open what is encrypted."""
    from saml2 import md, xmldsig

    text = "".join(key.certificate.strip().splitlines()[1:-1])
    held = xmldsig.X509Data(x509_certificate=xmldsig.X509Certificate(text=text))
    methods = [md.EncryptionMethod(algorithm=way) for way in ways]
    return md.KeyDescriptor(use=use, key_info=xmldsig.KeyInfo(x509_data=[held]), encryption_method=methods)
