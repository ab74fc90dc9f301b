"""What a browser answers to a passkey ceremony: read strictly, and bounded before anything looks inside.

The form is that of `PublicKeyCredential.toJSON()` (WebAuthn 5.1.4): JSON with binary members in unpadded base64url.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from authserver.crypto.secrets import b64url_decode
from authserver.errors import Invalid

LONGEST = 16 * 1024
"""Characters of a whole answer. Without attestation certificates it is about one thousand."""

UNREADABLE = "The answer of the browser could not be read. Try again."

_LONGEST_ID = 1023  # WebAuthn 4, credential ID
_SHORTEST_ID = 16
_LONGEST_MEMBER = 8 * 1024
_LONGEST_USER_HANDLE = 64  # WebAuthn 4, user handle
_TRANSPORTS = frozenset({"ble", "cable", "hybrid", "internal", "nfc", "smart-card", "usb"})


@dataclass(frozen=True, slots=True)
class Attestation:
    """The answer to a registration. `discoverable` is what the browser says of it (credProps), None if nothing."""

    credential_id: bytes
    client_data_json: bytes
    attestation_object: bytes
    transports: tuple[str, ...]
    discoverable: bool | None


@dataclass(frozen=True, slots=True)
class Assertion:
    """The answer to an authentication."""

    credential_id: bytes
    client_data_json: bytes
    authenticator_data: bytes
    signature: bytes
    user_handle: bytes | None


def read_attestation(text: str) -> Attestation:
    """Raises Invalid (field `passkey`)."""
    whole, response = _read(text)
    named = response.get("transports", [])
    if not isinstance(named, list):
        raise unreadable("transports is no array")
    return Attestation(
        credential_id=_credential_id(whole),
        client_data_json=_binary(response, "clientDataJSON"),
        attestation_object=_binary(response, "attestationObject"),
        # Those that are not known yet are left out: browsers refuse options that they do not understand.
        transports=tuple(sorted({t for t in named if isinstance(t, str)} & _TRANSPORTS)),
        discoverable=_discoverable(whole),
    )


def read_assertion(text: str) -> Assertion:
    """Raises Invalid (field `passkey`)."""
    whole, response = _read(text)
    user_handle = _binary(response, "userHandle") if response.get("userHandle") is not None else None
    if user_handle is not None and len(user_handle) > _LONGEST_USER_HANDLE:
        raise unreadable("userHandle is too long")
    return Assertion(
        credential_id=_credential_id(whole),
        client_data_json=_binary(response, "clientDataJSON"),
        authenticator_data=_binary(response, "authenticatorData"),
        signature=_binary(response, "signature"),
        user_handle=user_handle,
    )


def crosses_origins(client_data_json: bytes) -> bool:
    """Whether the ceremony ran in a frame of another site (WebAuthn 5.8.1): ours never do. Raises Invalid if it is no
    client data at all.
    """
    data = _object(client_data_json, "clientDataJSON")
    if not all(isinstance(data.get(member), str) for member in ("type", "challenge", "origin")):
        raise unreadable("clientDataJSON lacks a member")
    return data.get("crossOrigin", False) is not False or "topOrigin" in data


def unreadable(detail: str) -> Invalid:
    """The refusal of an answer that has not the form it must have."""
    return Invalid(UNREADABLE, field="passkey", detail=detail)


def _read(text: str) -> tuple[Mapping[str, object], Mapping[str, object]]:
    if len(text) > LONGEST:
        raise unreadable("too long")
    whole = _object(text, "the answer")
    response = whole.get("response")
    if whole.get("type") != "public-key" or not isinstance(response, dict):
        raise unreadable("no public-key credential")
    return whole, response


def _object(text: str | bytes, what: str) -> Mapping[str, object]:
    try:
        value = json.loads(text if isinstance(text, str) else text.decode())
    except (ValueError, RecursionError):
        raise unreadable(f"{what} is no JSON") from None
    if not isinstance(value, dict):
        raise unreadable(f"{what} is no JSON object")
    return value


def _binary(members: Mapping[str, object], name: str) -> bytes:
    text = members.get(name)
    if not isinstance(text, str) or len(text) > _LONGEST_MEMBER or not text.isascii():
        raise unreadable(f"{name} is missing or too long")
    try:
        return b64url_decode(text)
    except ValueError:
        raise unreadable(f"{name} is no base64url") from None


def _credential_id(whole: Mapping[str, object]) -> bytes:
    found = _binary(whole, "rawId")
    if whole.get("id") != whole.get("rawId"):
        raise unreadable("id and rawId differ")
    if not _SHORTEST_ID <= len(found) <= _LONGEST_ID:
        raise unreadable(f"a credential id of {len(found)} bytes")
    return found


def _discoverable(whole: Mapping[str, object]) -> bool | None:
    extensions = whole.get("clientExtensionResults")
    properties = extensions.get("credProps") if isinstance(extensions, dict) else None
    found = properties.get("rk") if isinstance(properties, dict) else None
    return found if isinstance(found, bool) else None
