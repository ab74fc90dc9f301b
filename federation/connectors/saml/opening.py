"""From the bytes of a response to what in it was signed. What comes out of here may be read; nothing else may."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from federation.connectors.saml.documents import Element, check_schema, only_child, parse
from federation.connectors.saml.encryption import decrypted
from federation.connectors.saml.metadata import IdpMetadata
from federation.connectors.saml.names import LARGEST_CANONICAL, LONGEST_MESSAGE, ds, saml, samlp
from federation.connectors.saml.settings import SamlSettings
from federation.connectors.saml.signatures import verified
from federation.errors import BadAnswer


@dataclass(frozen=True, slots=True)
class Opened:
    """A response as it may be read. What is in `assertion` was signed; what is in `response` was so if `signed`.

    Attributes:
        response: what is said beside the assertion: from whom, for whom, to which request, with which status.
        assertion: None where the provider refuses.
    """

    response: Element
    signed: bool
    assertion: Element | None


def open_response(data: bytes, settings: SamlSettings, idp: IdpMetadata, keys: Sequence[Any]) -> Opened:
    """Verify and decrypt a samlp:Response.

    Args:
        keys: our private keys.

    Raises BadAnswer.
    """
    root = parse(data, LONGEST_MESSAGE)
    if root.tag != samlp("Response"):
        raise BadAnswer("the message is no SAML response")
    check_schema(root)
    _check_places(root)
    signed = root.find(ds("Signature")) is not None
    if signed:
        root = parse(verified(root, root, idp.certificates), LARGEST_CANONICAL)
    plain, sealed = only_child(root, saml("Assertion")), only_child(root, saml("EncryptedAssertion"))
    if plain is None and sealed is None:
        return Opened(root, signed, None)
    if plain is not None and settings.encrypted:
        raise BadAnswer("the assertion is not encrypted")
    if sealed is not None:
        around = decrypted(sealed, keys, allow_cbc=settings.allow_cbc and signed)
        check_schema(around[0])
        _check_places(around)
    else:
        around = root
    assertion = around.find(saml("Assertion"))
    if assertion.find(ds("Signature")) is not None:
        return Opened(root, signed, parse(verified(around, assertion, idp.certificates), LARGEST_CANONICAL))
    if settings.want_assertions_signed or not signed:
        raise BadAnswer("the assertion is not signed")
    return Opened(root, signed, assertion)


def _check_places(root: Element) -> None:
    """Signatures and assertions only where the Web SSO profile has them: all wrapping attacks need one elsewhere."""
    assertions = [*root.iter(saml("Assertion"), saml("EncryptedAssertion"))]
    if len(assertions) > 1 or any(a.getparent() is not root for a in assertions):
        raise BadAnswer("there is more than one assertion, or one where none belongs")
    for signature in root.iter(ds("Signature")):
        if signature.getparent() is not root and signature.getparent() not in assertions:
            raise BadAnswer("there is a signature where none belongs")
    if next(root.iter(saml("EncryptedID"), saml("EncryptedAttribute")), None) is not None:
        raise BadAnswer("there are encrypted parts inside the assertion, which nobody asked for")
