"""Opening encrypted assertions (XML Encryption 1.1): RSA-OAEP around AES-GCM, and CBC for who must.

Whatever goes wrong after the algorithms were accepted ends in one error, and as late as a success would: a wrong key is
replaced by one that cannot fit, so that nobody learns from us which part of a forgery failed (XML Encryption 1.1, 6.2).
"""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from federation.connectors.saml.documents import Element, only_child, parse, text_of
from federation.connectors.saml.names import LARGEST_CANONICAL, SHA256, XENC, XENC11, ds, saml, xenc
from federation.errors import BadAnswer

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_GCM = {f"{XENC11}aes128-gcm": 16, f"{XENC11}aes192-gcm": 24, f"{XENC11}aes256-gcm": 32}
_CBC = {f"{XENC}aes128-cbc": 16, f"{XENC}aes192-cbc": 24, f"{XENC}aes256-cbc": 32}
_OAEP = f"{XENC}rsa-oaep-mgf1p"
_OAEP11 = f"{XENC11}rsa-oaep"
_SHA1 = "http://www.w3.org/2000/09/xmldsig#sha1"
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
# SHA-1 is sound inside OAEP, and what most providers use there.
_DIGESTS = {_SHA1: "SHA1", SHA256: "SHA256", f"{_MORE}sha384": "SHA384", f"{XENC}sha512": "SHA512"}
_MGFS = {f"{XENC11}mgf1{name}": name.upper() for name in ("sha1", "sha256", "sha384", "sha512")}
_MOST_KEYS = 4
_UNIFORM = "the assertion could not be decrypted with our keys"


def decrypted(encrypted: Element, keys: Sequence[Any], *, allow_cbc: bool) -> Element:
    """The root of a small document that has the assertion as its only child, in the namespaces that it was in.

    Args:
        encrypted: a saml:EncryptedAssertion.
        keys: our private keys, best first.

    Raises BadAnswer.
    """
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    data = only_child(encrypted, xenc("EncryptedData"))
    if data is None:
        raise BadAnswer("the encrypted assertion has no data")
    algorithm = _algorithm(data)
    size = _GCM.get(algorithm) or (_CBC.get(algorithm) if allow_cbc else None)
    if size is None:
        raise BadAnswer(f"the assertion is encrypted with {algorithm[-60:]!r}, which is not allowed here")
    wrapped = [*data.iterfind(f"{ds('KeyInfo')}/{xenc('EncryptedKey')}"), *encrypted.iterfind(xenc("EncryptedKey"))]
    ours = [key for key in keys if isinstance(key, RSAPrivateKey)]
    if not 1 <= len(wrapped) <= _MOST_KEYS or not ours:
        raise BadAnswer("the encrypted assertion brings no key, or too many, or we have none to open it")
    schemes = [(_scheme(one), _octets(one)) for one in wrapped]
    text = _octets(data)
    for scheme, sealed in schemes:
        for key in ours:
            plain = _opened(text, _unwrapped(key, scheme, sealed, size), cbc=algorithm in _CBC)
            if plain is not None and (root := _document(encrypted, plain)) is not None:
                return root
    raise BadAnswer(_UNIFORM)


def _algorithm(element: Element) -> str:
    method = only_child(element, xenc("EncryptionMethod"))
    return (method.get("Algorithm") or "") if method is not None else ""


def _octets(element: Element) -> bytes:
    data = only_child(element, xenc("CipherData"))
    value = only_child(data, xenc("CipherValue")) if data is not None else None
    try:
        return base64.b64decode("".join(text_of(value).split()), validate=True)
    except (binascii.Error, ValueError):
        raise BadAnswer(_UNIFORM) from None


def _scheme(key: Element) -> tuple[str, str, bytes | None]:
    """(hash, hash of MGF1, label) of an OAEP that we take. RSA 1.5 is none (Bleichenbacher)."""
    method = only_child(key, xenc("EncryptionMethod"))
    algorithm = _algorithm(key)
    if method is None or algorithm not in {_OAEP, _OAEP11}:
        raise BadAnswer(f"the key is encrypted with {algorithm[-60:]!r}, which is not allowed here")
    digest = only_child(method, ds("DigestMethod"))
    hash_ = _DIGESTS.get((digest.get("Algorithm") or "") if digest is not None else _SHA1)
    mask = only_child(method, f"{{{XENC11}}}MGF")
    mask_hash = _MGFS.get((mask.get("Algorithm") or "") if mask is not None else f"{XENC11}mgf1sha1")
    label = only_child(method, xenc("OAEPparams"))
    if hash_ is None or mask_hash is None or (mask is not None and algorithm == _OAEP):
        raise BadAnswer("the key is encrypted with a hash that is not allowed here")
    try:
        return hash_, mask_hash, base64.b64decode(text_of(label), validate=True) or None
    except (binascii.Error, ValueError):
        raise BadAnswer(_UNIFORM) from None


def _unwrapped(key: "RSAPrivateKey", scheme: tuple[str, str, bytes | None], sealed: bytes, size: int) -> bytes:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    hash_, mask_hash, label = scheme
    oaep = padding.OAEP(padding.MGF1(getattr(hashes, mask_hash)()), getattr(hashes, hash_)(), label)
    # What nobody can foresee without our key, and what costs no draw of chance.
    blind = hashlib.sha256(key.private_numbers().d.to_bytes(key.key_size // 8, "big") + sealed).digest()[:size]
    try:
        opened = key.decrypt(sealed, oaep)
    except ValueError:
        return blind
    return opened if len(opened) == size else blind


def _opened(text: bytes, key: bytes, *, cbc: bool) -> bytes | None:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if not cbc:
        try:
            return AESGCM(key).decrypt(text[:12], text[12:], None)
        except (InvalidTag, ValueError):
            return None
    if len(text) < 32 or len(text) % 16:
        return None
    decryptor = Cipher(algorithms.AES(key), modes.CBC(text[:16])).decryptor()
    plain = decryptor.update(text[16:]) + decryptor.finalize()
    return plain[: -plain[-1]] if 1 <= plain[-1] <= 16 else None


def _document(encrypted: Element, plain: bytes) -> Element | None:
    """The plaintext may lean on namespaces around it, so it is read among them."""
    from xml.sax.saxutils import quoteattr

    spaces = "".join(
        f" xmlns{':' + prefix if prefix else ''}={quoteattr(uri)}"
        for prefix, uri in encrypted.nsmap.items()
        if prefix != "xml"
    )
    try:
        root = parse(b"<opened" + spaces.encode() + b">" + plain + b"</opened>", LARGEST_CANONICAL)
    except BadAnswer:
        return None
    if len(root) != 1 or root[0].tag != saml("Assertion") or (root.text or "").strip() or (root[0].tail or "").strip():
        return None
    return root
