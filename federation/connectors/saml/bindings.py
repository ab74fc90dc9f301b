"""How messages travel through a browser: in a URL (HTTP-Redirect) or in a form (HTTP-POST), SAML Bindings 3.4 and 3.5."""

import base64
import binascii
import re
import zlib
from collections.abc import Sequence
from typing import Any, Literal
from urllib.parse import quote_plus, unquote_plus

from federation.connectors.saml.names import LONGEST_MESSAGE
from federation.connectors.saml.signatures import algorithm_of, check_octets, sign_octets
from federation.errors import BadAnswer
from federation.model import Callback, FormPost, Redirect

Field = Literal["SAMLRequest", "SAMLResponse"]
_ORDERS = tuple(
    (field, *relay, "SigAlg", "Signature")
    for field in ("SAMLRequest", "SAMLResponse")
    for relay in ((), ("RelayState",))
)
_WORDS = frozenset({"SAMLRequest", "SAMLResponse", "SAMLEncoding", "RelayState", "SigAlg", "Signature"})
_WHITE = re.compile(r"\s+")


def redirect(url: str, field: Field, message: bytes, relay_state: str, key: Any | None) -> Redirect:
    """The message in a URL; with a signature over the parameters if there is a key."""
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)  # 9 takes half a second for what strangers may send
    packed = base64.b64encode(packer.compress(message) + packer.flush()).decode()
    query = f"{field}={quote_plus(packed)}"
    if relay_state:
        query += f"&RelayState={quote_plus(relay_state)}"
    if key is not None:
        query += f"&SigAlg={quote_plus(algorithm_of(key))}"
        query += f"&Signature={quote_plus(base64.b64encode(sign_octets(query.encode(), key)).decode())}"
    return Redirect(f"{url}{'&' if '?' in url else '?'}{query}")


def form(url: str, field: Field, message: bytes, relay_state: str) -> FormPost:
    """The message in a form. A signature is in the message itself."""
    fields = [(field, base64.b64encode(message).decode())]
    return FormPost(url, tuple(fields + ([("RelayState", relay_state)] if relay_state else [])))


def field_of(callback: Callback) -> Field:
    """Which of the two came. Raises BadAnswer if neither came, or both."""
    came: list[Field] = [name for name in ("SAMLRequest", "SAMLResponse") if callback.one(name) is not None]
    if len(came) != 1:
        raise BadAnswer("there is not exactly one SAML message")
    return came[0]


def message_of(callback: Callback, field: Field) -> bytes:
    """The message as it was before the binding packed it. Raises BadAnswer."""
    text = callback.one(field)
    if text is None:
        raise BadAnswer(f"there is no {field}")
    if len(text) > LONGEST_MESSAGE * 3 // 2:
        raise BadAnswer(f"the message has {len(text)} characters as it was sent")
    try:
        octets = base64.b64decode(_WHITE.sub("", text), validate=True)
    except (binascii.Error, ValueError):
        raise BadAnswer("the message is not base64") from None
    if callback.method == "POST":
        return octets
    unpacker = zlib.decompressobj(-15)
    try:
        message = unpacker.decompress(octets, LONGEST_MESSAGE + 1)
    except zlib.error:
        raise BadAnswer("the message is not packed as it must be") from None
    if len(message) > LONGEST_MESSAGE or not unpacker.eof or unpacker.unused_data:
        raise BadAnswer("the message is too large, or cut off")
    return message


def check_query(callback: Callback, certificates: Sequence[str]) -> None:
    """Return if the signature in a URL is over its parameters (SAML Bindings 3.4.4.1), with a key of these certificates.

    It goes over the parameters as they were sent, percent-encoding and all, in one order; so does this. Raises BadAnswer.
    """
    pairs = [pair.partition("=") for pair in callback.query.split("&")]
    sent = [(name, value) for name, _, value in pairs if unquote_plus(name) in _WORDS]
    if tuple(name for name, _ in sent) not in _ORDERS:
        raise BadAnswer("the message is not signed, or its parameters are not in their order")
    if any(unquote_plus(value) != (callback.one(name) or "") for name, value in sent):
        raise BadAnswer("the parameters are not those that are signed")
    *covered, (_, signature) = sent
    octets = "&".join(f"{name}={value}" for name, value in covered).encode()
    check_octets(octets, unquote_plus(signature), unquote_plus(covered[-1][1]), certificates)
