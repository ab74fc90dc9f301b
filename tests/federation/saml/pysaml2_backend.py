"""pysaml2's signatures in this process, so that its own provider and client can be asked without the program xmlsec1."""

from collections.abc import Sequence
from typing import Any

from saml2.sigver import CryptoBackend, DecryptError, SignatureError

from federation.connectors.saml.documents import parse
from federation.connectors.saml.encryption import decrypted
from federation.connectors.saml.keys import OwnKey
from federation.connectors.saml.names import LONGEST_MESSAGE, saml
from federation.connectors.saml.signatures import certificate, signed, verified
from federation.errors import BadAnswer


class InProcess(CryptoBackend):  # type: ignore[misc]  # pysaml2 has no types
    """A crypto backend on signxml and cryptography. The arguments that it leaves unused are pysaml2's.

    Keys are those that it is made with; the names of files that pysaml2 hands in are not looked at, except for certificates
    to check against, which it writes into files of its own.

    Args:
        keys: ours; the first signs, all of them open.
        trusted: certificates, PEM, that count whatever pysaml2 says.
    """

    def __init__(self, keys: Sequence[OwnKey] = (), trusted: Sequence[str] = ()) -> None:
        super().__init__()
        self._keys = tuple(keys)
        self._trusted = tuple(trusted)

    @property
    def version(self) -> str:
        return "1.3.0"  # of xmlsec, as far as pysaml2 asks what it may expect

    def sign_statement(self, statement: Any, node_name: str, key_file: str | None, node_id: str) -> str:
        """The statement, as text, with the signature for which pysaml2 left a template. Raises SignatureError."""
        if not self._keys:
            raise SignatureError(f"there is no key to sign {node_name} with")
        key = self._keys[0]
        text = statement if isinstance(statement, bytes) else str(statement)
        return signed(text, node_id, key.private_key, key.certificate).decode()

    def validate_signature(
        self,
        signedtext: str | bytes,
        cert_file: str,
        cert_type: str,
        node_name: str,
        node_id: str,
    ) -> bool:
        """Whether the element of that ID and name carries a signature over itself. Raises SignatureError if not."""
        data = signedtext.encode() if isinstance(signedtext, str) else signedtext
        try:
            root = parse(data, 2 * LONGEST_MESSAGE)
            found = [e for e in root.iter() if e.get("ID") == node_id]
            if len(found) != 1 or found[0].tag != "{{{}}}{}".format(*node_name.rsplit(":", 1)):
                raise BadAnswer("the signed element is not there")
            around = found[0].getparent()  # of an assertion that was decrypted: its EncryptedAssertion
            verified(root if around is None else around, found[0], self._trusted or (_read(cert_file),))
        except BadAnswer as fault:
            raise SignatureError(fault.detail) from None
        return True

    def decrypt(self, enctext: str | bytes, key_file: str | None) -> str:
        """The response with its encrypted assertion opened. Raises DecryptError."""
        from lxml import etree

        try:
            root = parse(enctext.encode() if isinstance(enctext, str) else enctext, 2 * LONGEST_MESSAGE)
            opened = {}
            for number, element in enumerate(root.findall(saml("EncryptedAssertion"))):
                around = decrypted(element, [key.private_key for key in self._keys], allow_cbc=False)
                opened[f"@{number}@"] = etree.tostring(around[0], with_tail=False).decode()
                element[:], element.text = [], f"@{number}@"
        except BadAnswer as fault:
            raise DecryptError(fault.detail) from None
        text: str = etree.tostring(root).decode()
        for mark, assertion in opened.items():  # as text: lxml gives what it moves other prefixes, and those are signed
            text = text.replace(mark, assertion)
        return text


def _read(cert_file: str) -> str:
    from pathlib import Path

    pem = Path(cert_file).read_text(encoding="ascii")
    try:
        certificate(pem)
    except ValueError as fault:
        raise BadAnswer(str(fault)) from None
    return pem
