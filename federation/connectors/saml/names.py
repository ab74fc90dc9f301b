"""The names of SAML 2.0 and of XML signature and encryption that we use, as their specifications spell them."""

from typing import Final

ASSERTION: Final = "urn:oasis:names:tc:SAML:2.0:assertion"
PROTOCOL: Final = "urn:oasis:names:tc:SAML:2.0:protocol"
METADATA: Final = "urn:oasis:names:tc:SAML:2.0:metadata"
DSIG: Final = "http://www.w3.org/2000/09/xmldsig#"
XENC: Final = "http://www.w3.org/2001/04/xmlenc#"
XENC11: Final = "http://www.w3.org/2009/xmlenc11#"
XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"

REDIRECT: Final = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
POST: Final = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
BEARER: Final = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
STATUS: Final = "urn:oasis:names:tc:SAML:2.0:status:"
SUCCESS: Final = STATUS + "Success"

ENTITY: Final = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"
PERSISTENT: Final = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
TRANSIENT: Final = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
EMAIL: Final = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
UNSPECIFIED: Final = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
NAME_ID_FORMATS: Final = {
    "persistent": PERSISTENT,
    "transient": TRANSIENT,
    "emailAddress": EMAIL,
    "unspecified": UNSPECIFIED,
}
"""The words of the setting `name_id_format`."""

RSA_SHA256: Final = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
ECDSA_SHA256: Final = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
SHA256: Final = "http://www.w3.org/2001/04/xmlenc#sha256"
ENVELOPED: Final = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
EXCLUSIVE_C14N: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"

SKEW: Final = 60
"""Seconds by which another's clock may be off."""

FRESH: Final = 360
"""Seconds for which a message that answers nothing of ours may be under way: 6 minutes, as in Cognito."""

LONGEST_MESSAGE: Final = 100_000
"""Characters of a message, as in Cognito. What is sent is a third longer, being base64."""

LARGEST_CANONICAL: Final = 8 * LONGEST_MESSAGE
"""Bytes that a message may grow to when it is canonicalized: namespaces are repeated, characters escaped."""


def saml(name: str) -> str:
    """An element of assertions, as lxml names it."""
    return f"{{{ASSERTION}}}{name}"


def samlp(name: str) -> str:
    """An element of the protocol."""
    return f"{{{PROTOCOL}}}{name}"


def md(name: str) -> str:
    """An element of metadata."""
    return f"{{{METADATA}}}{name}"


def ds(name: str) -> str:
    """An element of XML signatures."""
    return f"{{{DSIG}}}{name}"


def xenc(name: str) -> str:
    """An element of XML encryption."""
    return f"{{{XENC}}}{name}"
