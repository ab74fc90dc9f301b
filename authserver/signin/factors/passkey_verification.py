"""Checks a passkey's answer with the webauthn library, which is loaded when the first passkey is used (107 ms).

Whatever it and the CBOR decoder make of hostile bytes comes out as one of our refusals.
"""

import asyncio
import importlib
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from authserver.crypto.secrets import b64url
from authserver.signin.factors.passkey_response import Assertion, Attestation, crosses_origins, unreadable
from authserver.signin.factors.relying_party import RelyingParty

if TYPE_CHECKING:
    from webauthn.helpers.structs import AttestationObject

ALGORITHMS = (-8, -7, -257)
"""EdDSA (Ed25519), ES256 (P-256), RS256: COSE algorithm identifiers, in the order of preference."""

_FORMATS = frozenset({"none", "packed"})
"""No attestation is asked for. Some keepers send the packed one all the same; it must be right then, but earns no trust,
so that no certificate store is needed and no further format has to be parsed.
"""

_LONGEST_KEY = 1024
_RSA_BITS = range(2048, 4097)  # more would let one account make the server work for it at each sign-in
_LARGEST_EXPONENT = 2**32


@dataclass(frozen=True, slots=True)
class NewKey:
    """A public key that is kept. `key` is in COSE form."""

    key: bytes
    algorithm: int
    sign_count: int
    aaguid: str
    format: str
    backup_eligible: bool
    backed_up: bool
    user_verified: bool


@dataclass(frozen=True, slots=True)
class Signed:
    """What a right signature says."""

    sign_count: int
    backup_eligible: bool
    backed_up: bool
    user_verified: bool


class NotProven(Exception):  # noqa: N818 - it is an outcome, not a fault
    """The answer is well formed, but does not prove what it should. Its text is for the log."""


async def load() -> None:
    """Have the library in memory without holding up the event loop."""
    if "webauthn" not in sys.modules:
        await asyncio.to_thread(importlib.import_module, "webauthn")


def check_attestation(answer: Attestation, challenge: bytes, party: RelyingParty, *, verify_user: bool) -> NewKey:
    """WebAuthn 7.1. Raises Invalid (malformed), NotProven. Only after `load`."""
    import webauthn
    from webauthn.helpers import parse_attestation_object
    from webauthn.helpers.cose import COSEAlgorithmIdentifier
    from webauthn.helpers.exceptions import WebAuthnException
    from webauthn.helpers.structs import (
        AuthenticatorAttestationResponse,
        CredentialDeviceType,
        RegistrationCredential,
    )

    if crosses_origins(answer.client_data_json):
        raise NotProven("in a frame of another site")
    try:
        attested: AttestationObject = parse_attestation_object(answer.attestation_object)
        if attested.fmt not in _FORMATS:
            raise NotProven(f"attestation format {str(attested.fmt)[:32]!r}")
        verified = webauthn.verify_registration_response(
            credential=RegistrationCredential(
                id=b64url(answer.credential_id),
                raw_id=answer.credential_id,
                response=AuthenticatorAttestationResponse(answer.client_data_json, answer.attestation_object),
            ),
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=verify_user,
            supported_pub_key_algs=[COSEAlgorithmIdentifier(a) for a in ALGORITHMS],
        )
        algorithm = _require_sound_key(verified.credential_public_key)
    except NotProven:
        raise
    except WebAuthnException as error:
        raise _refusal(error) from None
    except Exception as error:  # noqa: BLE001 - other people's parsers on hostile bytes: KeyError, TypeError, anything
        raise unreadable(f"{type(error).__name__} in the attestation") from None
    if verified.credential_id != answer.credential_id:
        raise NotProven("the id differs from the attested one")
    return NewKey(
        key=verified.credential_public_key,
        algorithm=algorithm,
        sign_count=verified.sign_count,
        aaguid=verified.aaguid,
        format=str(attested.fmt),
        backup_eligible=verified.credential_device_type is CredentialDeviceType.MULTI_DEVICE,
        backed_up=verified.credential_backed_up,
        user_verified=verified.user_verified,
    )


def check_assertion(
    answer: Assertion, key: bytes, challenge: bytes, party: RelyingParty, *, verify_user: bool
) -> Signed:
    """WebAuthn 7.2, but for the signature counter, which the store compares. Raises Invalid (malformed), NotProven. Only
    after `load`.
    """
    import webauthn
    from webauthn.helpers.exceptions import WebAuthnException
    from webauthn.helpers.structs import (
        AuthenticationCredential,
        AuthenticatorAssertionResponse,
        CredentialDeviceType,
    )

    if crosses_origins(answer.client_data_json):
        raise NotProven("in a frame of another site")
    try:
        verified = webauthn.verify_authentication_response(
            credential=AuthenticationCredential(
                id=b64url(answer.credential_id),
                raw_id=answer.credential_id,
                response=AuthenticatorAssertionResponse(
                    answer.client_data_json, answer.authenticator_data, answer.signature, answer.user_handle
                ),
            ),
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=key,
            credential_current_sign_count=0,
            require_user_verification=verify_user,
        )
    except WebAuthnException as error:
        raise _refusal(error) from None
    except Exception as error:  # noqa: BLE001 - other people's parsers on hostile bytes: KeyError, TypeError, anything
        raise unreadable(f"{type(error).__name__} in the assertion") from None
    return Signed(
        sign_count=verified.new_sign_count,
        backup_eligible=verified.credential_device_type is CredentialDeviceType.MULTI_DEVICE,
        backed_up=verified.credential_backed_up,
        user_verified=verified.user_verified,
    )


def _refusal(error: Exception) -> Exception:
    """The library raises one class for what it cannot read, with the cause, and for what is not right, without."""
    from webauthn.helpers.exceptions import (
        InvalidAuthenticationResponse,
        InvalidBackupFlags,
        InvalidRegistrationResponse,
    )

    judged = isinstance(error, InvalidAuthenticationResponse | InvalidBackupFlags | InvalidRegistrationResponse)
    return NotProven(str(error)[:200]) if judged and error.__cause__ is None else unreadable(str(error)[:200])


def _require_sound_key(cose: bytes) -> int:
    """The algorithm of a key that is what it says, and whose use costs no more than usual. Raises NotProven, or whatever
    the library raises for one that is no key at all.
    """
    from webauthn.helpers import decode_credential_public_key, decoded_public_key_to_cryptography
    from webauthn.helpers.cose import COSECRV, COSEAlgorithmIdentifier
    from webauthn.helpers.decode_credential_public_key import (
        DecodedEC2PublicKey,
        DecodedOKPPublicKey,
        DecodedRSAPublicKey,
    )

    if len(cose) > _LONGEST_KEY:
        raise NotProven("a key that is too long")
    key = decode_credential_public_key(cose)
    match key:
        case DecodedOKPPublicKey():
            sound = key.alg == COSEAlgorithmIdentifier.EDDSA and key.crv == COSECRV.ED25519
        case DecodedEC2PublicKey():
            sound = key.alg == COSEAlgorithmIdentifier.ECDSA_SHA_256 and key.crv == COSECRV.P256
        case DecodedRSAPublicKey():
            modulus, exponent = int.from_bytes(key.n), int.from_bytes(key.e)
            sound = (
                key.alg == COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256
                and modulus.bit_length() in _RSA_BITS
                and exponent <= _LARGEST_EXPONENT
            )
        case _:
            sound = False
    if not sound:
        raise NotProven("a key of another kind than its algorithm, or of unusual size")
    decoded_public_key_to_cryptography(key)  # a point off the curve, an even exponent
    return int(key.alg)
