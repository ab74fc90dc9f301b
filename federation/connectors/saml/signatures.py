"""Signatures in messages (XML Signature) and beside them (the redirect binding): verifying another's, making ours.

What a signature covers is returned as canonical bytes, and only what is parsed from those may be believed: nothing then
depends on which element somebody else would have found under an identifier. The keys are those of the provider's metadata;
whatever key a message brings along is not looked at.
"""

import base64
import binascii
import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from federation.connectors.saml.documents import Element, only_child, parser
from federation.connectors.saml.names import ECDSA_SHA256, ENVELOPED, EXCLUSIVE_C14N, RSA_SHA256, SHA256, ds
from federation.errors import BadAnswer

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
_PSS = "http://www.w3.org/2007/05/xmldsig-more#"
_HASHES = {"sha256": "SHA256", "sha384": "SHA384", "sha512": "SHA512"}
_METHODS = {
    **{f"{_MORE}rsa-{name}": ("rsa", hash_) for name, hash_ in _HASHES.items()},
    **{f"{_MORE}ecdsa-{name}": ("ecdsa", hash_) for name, hash_ in _HASHES.items()},
    **{f"{_PSS}{name}-rsa-MGF1": ("pss", hash_) for name, hash_ in _HASHES.items()},
}
"""Signature algorithms that count. SHA-1, MD5, DSA and every HMAC are left out, and so refused."""
_DIGESTS = frozenset({SHA256, f"{_MORE}sha384", "http://www.w3.org/2001/04/xmlenc#sha512"})
_INCLUSIVE = f"{{{EXCLUSIVE_C14N}}}InclusiveNamespaces"

SMALLEST_RSA_KEY = 2048
"""Bits."""


class UnknownKey(BadAnswer):
    """None of the provider's keys made the signature: it is forged, or the provider has changed keys since."""


@lru_cache(maxsize=256)
def certificate(pem: str) -> "Certificate":
    """A certificate, parsed once. Raises ValueError; also for a key that is no RSA or EC key, or a small RSA key."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    try:
        parsed = x509.load_pem_x509_certificate(pem.encode())
        key = parsed.public_key()
    except (UnsupportedAlgorithm, x509.InvalidVersion) as unknown:  # neither is a ValueError
        raise ValueError(f"the certificate is of a kind that is not known: {unknown}") from None
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= SMALLEST_RSA_KEY:
        return parsed
    if isinstance(key, ec.EllipticCurvePublicKey) and key.key_size >= 256:
        return parsed
    raise ValueError("the key of the certificate is too weak, or of another kind than RSA and EC")


def verified(root: Element, element: Element, certificates: Sequence[str]) -> bytes:
    """The canonical bytes of `element`, without its signature, if one of the certificates' keys made that.

    Args:
        root: of the document: `element` itself or its parent.
        certificates: PEM. Their dates do not matter: metadata says what counts, for as long as it is valid.

    Raises BadAnswer; UnknownKey where everything but the key is in order.
    """
    from lxml import etree

    ident = element.get("ID")
    signature = only_child(element, ds("Signature"))
    if not ident or signature is None:
        raise BadAnswer("the message is not signed")
    _check_form(signature, ident)
    if element is root:
        location = "./"
    elif len(root.findall(element.tag)) == 1 and element.getparent() is root:
        location = f"./{element.tag}/"
    else:
        raise BadAnswer("the signed element is not where it belongs")
    for pem in certificates:
        canonical = _verified_with(pem, root, location)
        if canonical is None:
            continue
        again = etree.fromstring(canonical, parser())
        if again.tag != element.tag or again.get("ID") != ident:
            raise BadAnswer("the signature is over another element than the one that it stands in")
        return canonical
    raise UnknownKey("no key of the provider's metadata made the signature")


def _check_form(signature: Element, ident: str) -> None:
    """SAML Core 5.4: one reference to the element around it, enveloped, exclusively canonicalized; nothing beside."""
    names = [child.tag for child in signature]
    if names not in ([ds("SignedInfo"), ds("SignatureValue")], [ds("SignedInfo"), ds("SignatureValue"), ds("KeyInfo")]):
        raise BadAnswer("the signature has other parts than SAML allows")
    info = signature[0]
    if [child.tag for child in info] != [ds("CanonicalizationMethod"), ds("SignatureMethod"), ds("Reference")]:
        raise BadAnswer("the signature has not exactly one reference")
    method, algorithm, reference = info
    if [child.tag for child in reference] != [ds("Transforms"), ds("DigestMethod"), ds("DigestValue")]:
        raise BadAnswer("the signature's reference has other parts than SAML allows")
    if reference.get("URI") != f"#{ident}":
        raise BadAnswer("the signature refers to another element than the one that it stands in")
    transforms, digest, _value = reference
    if [t.get("Algorithm") for t in transforms] != [ENVELOPED, EXCLUSIVE_C14N] or len(transforms[0]):
        raise BadAnswer("the signature has other transforms than SAML allows")
    if method.get("Algorithm") != EXCLUSIVE_C14N:
        raise BadAnswer("the signature is canonicalized in a way that SAML advises against")
    if any(child.tag != _INCLUSIVE for parent in (method, transforms[1]) for child in parent):
        raise BadAnswer("the signature has other transforms than SAML allows")
    for known, used in ((_METHODS, algorithm), (_DIGESTS, digest)):
        if used.get("Algorithm") not in known or len(algorithm):
            raise BadAnswer(_uncounted(used.get("Algorithm") or ""))


def _uncounted(algorithm: str) -> str:
    """What to say of an algorithm, by the last part of its name: SHA-1 is still the default of many."""
    name = algorithm.rpartition("#")[2][:30]
    said = f" ({name})" if name.isascii() and name.isprintable() and name else ""
    return f"the signature uses an algorithm that does not count{said}"


def _verified_with(pem: str, root: Element, location: str) -> bytes | None:
    from lxml import etree
    from signxml.algorithms import DigestAlgorithm, SignatureMethod
    from signxml.exceptions import SignXMLException
    from signxml.verifier import SignatureConfiguration, XMLVerifier

    logging.getLogger("signxml").setLevel(logging.INFO)  # below that it logs what was signed
    try:
        known = certificate(pem)
        config = replace(
            SignatureConfiguration(),
            location=location,
            expect_references=1,
            signature_methods=frozenset(map(SignatureMethod, _METHODS)),
            digest_algorithms=frozenset(map(DigestAlgorithm, _DIGESTS)),
            verification_time=known.not_valid_before_utc,
            ignore_ambiguous_key_info=True,
        )
        result = XMLVerifier().verify(
            root, x509_cert=known, parser=parser(), id_attribute="ID", expect_config=config, validate_schema=False
        )
    except (SignXMLException, etree.LxmlError, ValueError, TypeError, ArithmeticError):
        return None
    return result.signed_data if not isinstance(result, list) else None


def signed(statement: str | bytes, ident: str, key: Any, pem: str) -> bytes:
    """The document with an enveloped signature in the element of that ID, after its Issuer.

    Args:
        statement: has no signature there, or an empty one as a template.
        key: the private key, of `cryptography`.
        pem: its certificate, which goes along.
    """
    from lxml import etree
    from signxml.algorithms import CanonicalizationMethod
    from signxml.signer import XMLSigner

    root = etree.fromstring(statement.encode() if isinstance(statement, str) else statement, parser())
    (element,) = root.xpath("//*[@ID=$ident]", ident=ident)
    place = element.find(ds("Signature"))
    mark = etree.Element(ds("Signature"), Id="placeholder", nsmap={"ds": ds("")[1:-1]})
    if place is not None:
        mark.tail = place.tail
        element.replace(place, mark)
    else:
        element.insert(1 if len(element) and element[0].tag.endswith("}Issuer") else 0, mark)
    signer = XMLSigner(
        signature_algorithm=algorithm_of(key),
        digest_algorithm=SHA256,
        c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    )
    done = signer.sign(root, key=key, cert=[pem], reference_uri=f"#{ident}", id_attribute="ID")
    result: bytes = etree.tostring(done)
    return result


def algorithm_of(key: Any) -> str:
    """With what we sign."""
    from cryptography.hazmat.primitives.asymmetric import ec

    return ECDSA_SHA256 if isinstance(key, ec.EllipticCurvePrivateKey) else RSA_SHA256


def sign_octets(octets: bytes, key: Any) -> bytes:
    """A signature beside what it is over (SAML Bindings 3.4.4.1), with the algorithm that `algorithm_of` says."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, utils

    if isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = utils.decode_dss_signature(key.sign(octets, ec.ECDSA(hashes.SHA256())))
        size = (key.key_size + 7) // 8
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    made: bytes = key.sign(octets, padding.PKCS1v15(), hashes.SHA256())
    return made


def check_octets(octets: bytes, signature: str, algorithm: str, certificates: Sequence[str]) -> None:
    """Return if one of the keys made the signature. Raises BadAnswer.

    Args:
        signature: base64.
        algorithm: as `SigAlg` says it.
    """
    method = _METHODS.get(algorithm)
    if method is None:
        raise BadAnswer(_uncounted(algorithm))
    try:
        raw = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        raise BadAnswer("the signature is not base64") from None
    if not any(_made_by(pem, octets, raw, *method) for pem in certificates):
        raise UnknownKey("no key of the provider's metadata made the signature")


def _made_by(pem: str, octets: bytes, raw: bytes, kind: str, hash_name: str) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

    hash_ = getattr(hashes, hash_name)()
    try:
        key = certificate(pem).public_key()
        if isinstance(key, ec.EllipticCurvePublicKey) and kind == "ecdsa":
            half = len(raw) // 2
            if len(raw) != 2 * ((key.key_size + 7) // 8):
                return False
            r, s = int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big")
            key.verify(utils.encode_dss_signature(r, s), octets, ec.ECDSA(hash_))
        elif isinstance(key, rsa.RSAPublicKey) and kind == "rsa":
            key.verify(raw, octets, padding.PKCS1v15(), hash_)
        elif isinstance(key, rsa.RSAPublicKey) and kind == "pss":
            key.verify(raw, octets, padding.PSS(padding.MGF1(hash_), hash_.digest_size), hash_)
        else:
            return False
    except (InvalidSignature, ValueError):
        return False
    return True
