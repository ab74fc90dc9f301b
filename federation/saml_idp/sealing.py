"""Assertions encrypted for an application (XML Encryption 1.1): AES-GCM, its key wrapped with RSA-OAEP."""

import base64
from collections.abc import Callable

from federation.connectors.saml.names import ASSERTION, DSIG, XENC, XENC11
from federation.connectors.saml.signatures import certificate

_SHA1 = "http://www.w3.org/2000/09/xmldsig#sha1"


def encrypted(assertion: bytes, pem: str, random: Callable[[int], bytes]) -> bytes:
    """A saml:EncryptedAssertion around a signed assertion.

    Args:
        pem: the certificate of the RSA key that it is for.
        random: as many unpredictable bytes as it is asked for.

    AES-256-GCM, and OAEP with SHA-1, which is sound there and what every library opens.
    """
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    key, nonce = random(32), random(12)
    text = base64.b64encode(nonce + AESGCM(key).encrypt(nonce, assertion, None)).decode()
    oaep = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)  # noqa: S303 - inside OAEP, see above
    wrapped = base64.b64encode(certificate(pem).public_key().encrypt(key, oaep)).decode()  # type: ignore[union-attr]  # RSA: metadata.check
    return (
        f'<saml:EncryptedAssertion xmlns:saml="{ASSERTION}">'
        f'<xenc:EncryptedData xmlns:xenc="{XENC}" Type="{XENC}Element">'
        f'<xenc:EncryptionMethod Algorithm="{XENC11}aes256-gcm"/>'
        f'<ds:KeyInfo xmlns:ds="{DSIG}"><xenc:EncryptedKey>'
        f'<xenc:EncryptionMethod Algorithm="{XENC}rsa-oaep-mgf1p"><ds:DigestMethod Algorithm="{_SHA1}"/>'
        f"</xenc:EncryptionMethod><xenc:CipherData><xenc:CipherValue>{wrapped}</xenc:CipherValue></xenc:CipherData>"
        "</xenc:EncryptedKey></ds:KeyInfo>"
        f"<xenc:CipherData><xenc:CipherValue>{text}</xenc:CipherValue></xenc:CipherData>"
        "</xenc:EncryptedData></saml:EncryptedAssertion>"
    ).encode()
