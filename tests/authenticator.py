"""A passkey authenticator in software, with its browser: it answers our options as Chromium and a security key would.

Built from the data classes of `fido2` 2.x, which know nothing of the library that the server verifies with. Each member
can be forged by name, so that an attack differs from the valid answer in one thing.
"""

import hashlib
import json
import os
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from fido2 import cbor
from fido2.cose import ES256, RS256, CoseKey, EdDSA
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import AttestedCredentialData, AuthenticatorData, CollectedClientData

FLAG = AuthenticatorData.FLAG

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


def new_key(algorithm: int) -> PrivateKey:
    match algorithm:
        case -7:
            return ec.generate_private_key(ec.SECP256R1())
        case -8:
            return ed25519.Ed25519PrivateKey.generate()
        case -257:
            return rsa.generate_private_key(65537, 2048)
    raise ValueError(algorithm)


def public_key(key: PrivateKey) -> CoseKey:
    match key:
        case ec.EllipticCurvePrivateKey():
            return ES256.from_cryptography_key(key.public_key())
        case ed25519.Ed25519PrivateKey():
            return EdDSA.from_cryptography_key(key.public_key())
        case _:
            return RS256.from_cryptography_key(key.public_key())


def sign(key: PrivateKey, message: bytes) -> bytes:
    match key:
        case ec.EllipticCurvePrivateKey():
            return key.sign(message, ec.ECDSA(hashes.SHA256()))
        case ed25519.Ed25519PrivateKey():
            return key.sign(message)
        case _:
            return key.sign(message, padding.PKCS1v15(), hashes.SHA256())


@dataclass
class Passkey:
    """One key pair that an authenticator made."""

    rp_id: str
    user_handle: bytes
    credential_id: bytes
    key: PrivateKey
    counter: int = 0


@dataclass
class SoftAuthenticator:
    """Makes passkeys and signs with the one it made last, unless told otherwise.

    `step` is what the signature counter grows by: 0 for a keychain that has none.
    """

    origin: str
    algorithm: int = -7
    verifies: bool = True
    synced: bool = False
    step: int = 1
    aaguid: bytes = bytes(16)
    attestation: str = "none"
    passkeys: list[Passkey] = field(default_factory=list)

    def create(self, options: str, **forged: Any) -> str:
        """The answer to `navigator.credentials.create` with these options, as JSON.

        `forged`: origin, type, challenge, rp_id, flags, counter, fmt, att_stmt, credential_id, cose, cross_origin,
        transports, trailing.
        """
        asked = json.loads(options)
        assert self.algorithm in [p["alg"] for p in asked["pubKeyCredParams"]], "the server takes no such algorithm"
        excluded = {c["id"] for c in asked["excludeCredentials"]}
        if any(websafe_encode(p.credential_id) in excluded for p in self.passkeys):
            raise FileExistsError("InvalidStateError: this authenticator has a passkey of the account already")
        made = Passkey(
            rp_id=asked["rp"]["id"],
            user_handle=websafe_decode(asked["user"]["id"]),
            credential_id=forged.get("credential_id", os.urandom(32)),
            key=new_key(self.algorithm),
            counter=forged.get("counter", self.step),
        )
        self.passkeys.append(made)
        client_data = self._client_data("webauthn.create", asked["challenge"], forged)
        cose = forged.get("cose", public_key(made.key))
        attested = self.aaguid + len(made.credential_id).to_bytes(2, "big") + made.credential_id
        attested += cose if isinstance(cose, bytes) else cbor.encode(cose)
        if isinstance(cose, CoseKey):
            AttestedCredentialData(attested)  # what is not forged is well formed
        flags = forged.get("flags", self._flags() | FLAG.AT)
        auth_data = self._auth_data(made, flags, forged) + attested + forged.get("trailing", b"")
        fmt = forged.get("fmt", self.attestation)
        statement: dict[str, Any] = {}
        if fmt == "packed":  # self attestation (WebAuthn 8.2)
            digest = hashlib.sha256(client_data).digest()
            statement = {"alg": self.algorithm, "sig": sign(made.key, auth_data + digest)}
        attestation = cbor.encode({"fmt": fmt, "attStmt": forged.get("att_stmt", statement), "authData": auth_data})
        answer = self._answer(made, client_data)
        answer["response"]["attestationObject"] = websafe_encode(forged.get("attestation_object", attestation))
        answer["response"]["transports"] = forged.get("transports", ["internal"])
        answer["clientExtensionResults"] = {"credProps": {"rk": True}}
        return json.dumps(answer)

    def get(self, options: str, *, passkey: Passkey | None = None, **forged: Any) -> str:
        """The answer to `navigator.credentials.get` with these options, as JSON.

        `forged`: origin, type, challenge, rp_id, flags, counter, user_handle (None leaves it out), key (signs instead),
        credential_id, cross_origin, trailing.
        """
        asked = json.loads(options)
        used = passkey or self.passkeys[-1]
        allowed = {c["id"] for c in asked.get("allowCredentials", [])}
        if allowed and not forged:
            assert websafe_encode(used.credential_id) in allowed, "NotAllowedError: the server wants another passkey"
        used.counter += self.step
        client_data = self._client_data("webauthn.get", asked["challenge"], forged)
        auth_data = self._auth_data(used, forged.get("flags", self._flags()), forged) + forged.get("trailing", b"")
        signature = sign(forged.get("key", used.key), auth_data + hashlib.sha256(client_data).digest())
        answer = self._answer(used, client_data)
        if "credential_id" in forged:
            answer["id"] = answer["rawId"] = websafe_encode(forged["credential_id"])
        answer["response"]["authenticatorData"] = websafe_encode(auth_data)
        answer["response"]["signature"] = websafe_encode(forged.get("signature", signature))
        handle = forged.get("user_handle", used.user_handle)
        answer["response"]["userHandle"] = None if handle is None else websafe_encode(handle)
        return json.dumps(answer)

    def _flags(self) -> FLAG:
        flags = FLAG.UP
        if self.verifies:
            flags |= FLAG.UV
        if self.synced:
            flags |= FLAG.BE | FLAG.BS
        return flags

    def _client_data(self, kind: str, challenge: str, forged: dict[str, Any]) -> bytes:
        if "client_data" in forged:
            return bytes(forged["client_data"])
        more = {"topOrigin": forged["top_origin"]} if "top_origin" in forged else {}
        return CollectedClientData.create(
            forged.get("type", kind),
            forged.get("challenge", challenge),
            forged.get("origin", self.origin),
            cross_origin=forged.get("cross_origin", False),
            **more,
        )

    @staticmethod
    def _auth_data(used: Passkey, flags: int, forged: dict[str, Any]) -> bytes:
        rp_id_hash = hashlib.sha256(forged.get("rp_id", used.rp_id).encode()).digest()
        return rp_id_hash + bytes([flags]) + forged.get("counter", used.counter).to_bytes(4, "big")

    @staticmethod
    def _answer(used: Passkey, client_data: bytes) -> dict[str, Any]:
        handle = websafe_encode(used.credential_id)
        return {
            "id": handle,
            "rawId": handle,
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "response": {"clientDataJSON": websafe_encode(client_data)},
            "clientExtensionResults": {},
        }
