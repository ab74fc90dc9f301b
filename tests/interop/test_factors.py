"""Second implementations of the factors: otplib for authenticator apps; for passkeys SimpleWebAuthn (Node) and Yubico's
fido2 as relying parties that judge the same answers, and soft-webauthn as an authenticator of others.

soft-webauthn 0.1.4 asks for fido2 below 2, but runs on 2.2: it is installed beside the environment (tests/tools.py), so
that the environment has one fido2.
"""

import importlib.util
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.cose import CoseKey
from fido2.server import Fido2Server
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import (
    Aaguid,
    AttestedCredentialData,
    PublicKeyCredentialCreationOptions,
    PublicKeyCredentialRequestOptions,
    PublicKeyCredentialRpEntity,
    UserVerificationRequirement,
)

from authserver.errors import Refusal
from authserver.model.credentials import Credential
from authserver.model.pools import MfaPolicy, Pool
from authserver.signin.factors.passkey_verification import ALGORITHMS
from tests import tools
from tests.authenticator import FLAG, SoftAuthenticator
from tests.factors import ADA, BASE_URL, HERE, POOL, Factors, in_memory
from tests.interop.program import Program

pytestmark = pytest.mark.anyio

RP_ID = "login.example"
FIRST = Pool(POOL.id, POOL.name, mfa=MfaPolicy("optional", ("passkey", "totp"), ("password", "passkey")))


# -------------------------------------------------------------------------------------------- authenticator apps


async def test_otplib_reads_our_uri_and_shows_codes_that_we_take():
    factors = await in_memory()
    pool = Pool(POOL.id, "Søren & Co. 회사: 100 %", mfa=FIRST.mfa)
    begun = await factors.totp.begin(pool, ADA, account="ada+x@example.com")
    start = int(factors.now)
    times = [(start // 30 + n) * 30 + n % 30 for n in range(40)] + [2_000_000_000, 20_000_000_000]
    (app,) = Program.here().run("factors", {"uris": [{"uri": begun.otpauth_uri, "times": times}]})["apps"]
    assert (app["type"], app["issuer"], app["algorithm"]) == ("totp", "Søren & Co. 회사 100 %", "sha1")
    assert app["label"] == "Søren & Co. 회사 100 %:ada+x@example.com"
    await factors.totp.confirm(pool, ADA, begun.sealed, app["codes"][0])
    for at, code in zip(times[1:], app["codes"][1:], strict=True):
        factors.now = at
        await factors.totp.prove(pool, ADA, code, HERE)
        await factors.guessing.forget(pool, ADA.id)


# ------------------------------------------------------------------------------------------------------ passkeys


class Verdicts:
    """The same answers, judged by us, by fido2 and, all at once at the end, by SimpleWebAuthn."""

    def __init__(self, factors: Factors) -> None:
        self.factors = factors
        self.names: list[str] = []
        self.ours: list[bool] = []
        self.fido2s: list[bool] = []
        self.for_node: dict[str, list[dict[str, Any]]] = {"registrations": [], "authentications": []}
        rp = PublicKeyCredentialRpEntity(id=RP_ID, name="Demo")
        # By default it would take any origin below the RP ID; ours is one.
        self.fido2 = Fido2Server(rp, verify_origin=lambda origin: origin == BASE_URL)

    def _fido2_accepts(self, judge: Any) -> bool:
        try:
            judge()
        except (ValueError, LookupError, TypeError, AssertionError):
            return False
        return True

    @staticmethod
    def _state(challenge: str) -> dict[str, Any]:
        return {"challenge": challenge, "user_verification": UserVerificationRequirement.REQUIRED}

    async def register(self, name: str, device: SoftAuthenticator, **forged: Any) -> Credential | None:
        begun = await self.factors.passkeys.begin_registration(FIRST, ADA)
        answer = device.create(begun.options, **forged)
        try:
            kept = await self.factors.passkeys.finish_registration(FIRST, ADA, begun.challenge, answer)
        except Refusal:
            kept = None
        response = json.loads(answer)
        self.names.append(name)
        self.ours.append(kept is not None)
        self.fido2s.append(
            self._fido2_accepts(lambda: self.fido2.register_complete(self._state(begun.challenge), response))
        )
        self.for_node["registrations"].append(
            {
                "response": response,
                "challenge": begun.challenge,
                "origin": BASE_URL,
                "rpId": RP_ID,
                "algorithms": list(ALGORITHMS),
                "verifyUser": True,
            }
        )
        return kept

    async def sign_in(self, name: str, device: SoftAuthenticator, kept: Credential, **forged: Any) -> None:
        begun = await self.factors.passkeys.begin_authentication(FIRST, None)
        answer = device.get(begun.options, **forged)
        (stored,) = await self.factors.credentials.credentials(FIRST.id, ADA.id)
        try:
            await self.factors.passkeys.finish_authentication(FIRST, None, begun.challenge, answer, HERE)
            accepted = True
        except Refusal:
            accepted = False
        response = json.loads(answer)
        if response["response"]["userHandle"] is None:
            del response["response"]["userHandle"]
        self.names.append(name)
        self.ours.append(accepted)
        key = websafe_decode(str(kept.public["key"]))
        from fido2 import cbor

        known = AttestedCredentialData.create(
            Aaguid.NONE, websafe_decode(str(kept.handle)), CoseKey.parse(cbor.decode(key))
        )
        self.fido2s.append(
            self._fido2_accepts(
                lambda: self.fido2.authenticate_complete(self._state(begun.challenge), [known], response)
            )
        )
        self.for_node["authentications"].append(
            {
                "response": response,
                "challenge": begun.challenge,
                "origin": BASE_URL,
                "rpId": RP_ID,
                "verifyUser": True,
                "credential": {"id": kept.handle, "publicKey": kept.public["key"], "counter": stored.counter},
            }
        )

    def nodes(self, what: str) -> list[dict[str, Any]]:
        verdicts = Program.here().run("factors", self.for_node)[what]
        assert len(verdicts) == len(self.names)
        return list(verdicts)


@pytest.mark.parametrize("synced", [False, True])
async def test_simplewebauthn_and_fido2_read_the_same_from_a_registration(synced: bool):
    verdicts, kept = Verdicts(await in_memory()), []
    for algorithm in ALGORITHMS:
        for attestation in ("none", "packed"):
            device = SoftAuthenticator(
                BASE_URL, algorithm, synced=synced, attestation=attestation, aaguid=bytes(range(16))
            )
            kept.append(await verdicts.register(f"{algorithm} {attestation}", device))
    assert verdicts.ours == verdicts.fido2s == [True] * 6
    for credential, found in zip(kept, verdicts.nodes("registrations"), strict=True):
        assert credential is not None
        assert found["verified"], found
        assert (found["id"], found["key"]) == (credential.handle, credential.public["key"])
        assert (found["counter"], found["aaguid"]) == (credential.counter, credential.public["aaguid"])
        assert found["fmt"] == credential.public["attestation"]
        assert found["deviceType"] == ("multiDevice" if credential.public["backup_eligible"] else "singleDevice")
        assert (found["backedUp"], found["userVerified"]) == (credential.public["backed_up"], True)


REGISTRATIONS: dict[str, dict[str, Any]] = {
    "valid": {},
    "origin": {"origin": "https://evil.test"},
    "origin beneath": {"origin": "https://sub.login.example"},
    "RP ID": {"rp_id": "evil.test"},
    "type": {"type": "webauthn.get"},
    "challenge": {"challenge": websafe_encode(b"x" * 32)},
    "nobody present": {"flags": FLAG.UV | FLAG.AT},
    "nobody verified": {"flags": FLAG.UP | FLAG.AT},
    "data cut short": {"flags": FLAG.UP | FLAG.UV | FLAG.AT | FLAG.ED},
    "data too long": {"trailing": b"\x00"},
    "another valid": {"transports": ["usb"]},
}


async def test_simplewebauthn_and_fido2_judge_registrations_as_we_do():
    verdicts = Verdicts(await in_memory())
    for name, forged in REGISTRATIONS.items():
        await verdicts.register(name, SoftAuthenticator(BASE_URL), **forged)
    node = [bool(found["verified"]) for found in verdicts.nodes("registrations")]
    expected = ["valid" in name for name in REGISTRATIONS]
    assert dict(zip(verdicts.names, verdicts.ours, strict=True)) == dict(zip(verdicts.names, expected, strict=True))
    assert dict(zip(verdicts.names, verdicts.fido2s, strict=True)) == dict(zip(verdicts.names, expected, strict=True))
    assert dict(zip(verdicts.names, node, strict=True)) == dict(zip(verdicts.names, expected, strict=True))


SIGN_INS: dict[str, dict[str, Any]] = {
    "valid": {},
    "origin": {"origin": "https://evil.test"},
    "RP ID": {"rp_id": "evil.test"},
    "type": {"type": "webauthn.create"},
    "challenge": {"challenge": websafe_encode(b"x" * 32)},
    "nobody present": {"flags": FLAG.UV},
    "nobody verified": {"flags": FLAG.UP},
    "signed by another": {"key": ec.generate_private_key(ec.SECP256R1())},
    "not signed": {"signature": b""},
    "unknown passkey": {"credential_id": b"u" * 32},
    "data too long": {"trailing": b"\x00"},
    "another valid": {},
    "counter back": {"counter": 1},
    "a further valid": {},
}


async def test_simplewebauthn_and_fido2_judge_sign_ins_as_we_do():
    verdicts, device = Verdicts(await in_memory()), SoftAuthenticator(BASE_URL)
    kept = await verdicts.register("registration", device)
    assert kept is not None
    verdicts.names, verdicts.ours, verdicts.fido2s = [], [], []
    for name, forged in SIGN_INS.items():
        await verdicts.sign_in(name, device, kept, **forged)
    expected = {name: "valid" in name for name in SIGN_INS}
    assert dict(zip(verdicts.names, verdicts.ours, strict=True)) == expected
    # fido2 leaves counters to its caller.
    assert dict(zip(verdicts.names, verdicts.fido2s, strict=True)) == {**expected, "counter back": True}
    node = [bool(found["verified"]) for found in verdicts.nodes("authentications")]
    # SimpleWebAuthn leaves it to its caller whether the passkey is the one that was asked.
    assert dict(zip(verdicts.names, node, strict=True)) == {**expected, "unknown passkey": node[9]}


async def test_fido2_understands_our_options():
    factors, device = await in_memory(), SoftAuthenticator(BASE_URL)
    begun = await factors.passkeys.begin_registration(FIRST, ADA)
    asked = PublicKeyCredentialCreationOptions.from_dict(json.loads(begun.options))
    assert (asked.rp.id, asked.user.id, asked.user.name) == (RP_ID, ADA.id.encode(), "ada")
    assert asked.challenge == websafe_decode(begun.challenge)
    assert [p.alg for p in asked.pub_key_cred_params] == list(ALGORITHMS)
    assert asked.authenticator_selection is not None
    assert asked.authenticator_selection.resident_key == "required"
    await factors.passkeys.finish_registration(FIRST, ADA, begun.challenge, device.create(begun.options))
    begun = await factors.passkeys.begin_authentication(FIRST, ADA)
    wanted = PublicKeyCredentialRequestOptions.from_dict(json.loads(begun.options))
    assert wanted.rp_id == RP_ID
    assert [c.id for c in wanted.allow_credentials or ()] == [device.passkeys[0].credential_id]


# ------------------------------------------------------------------------------------- an authenticator of others


def _device() -> Any:
    """soft-webauthn's, which makes one passkey, verifies nobody, and knows no backup flags."""
    path = tools.aside() / "soft_webauthn.py"
    spec = importlib.util.spec_from_file_location("soft_webauthn", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.SoftWebauthnDevice()


def _to_bytes(options: str) -> dict[str, Any]:
    """What `parseCreationOptionsFromJSON` and its sibling do in the browser."""
    asked = json.loads(options)
    asked["challenge"] = websafe_decode(asked["challenge"])
    if "user" in asked:
        asked["user"]["id"] = websafe_decode(asked["user"]["id"])
    return {"publicKey": asked}


def _to_json(answer: dict[str, Any]) -> str:
    """What `PublicKeyCredential.toJSON` does in the browser."""
    response = {k: websafe_encode(v) for k, v in answer["response"].items()}
    handle = websafe_encode(answer["rawId"])
    return json.dumps({"id": handle, "rawId": handle, "type": answer["type"], "response": response})


async def test_soft_webauthn_registers_with_us_and_signs_in_as_second_factor():
    factors, device = await in_memory(), _device()
    begun = await factors.passkeys.begin_registration(POOL, ADA)
    made = _to_json(device.create(_to_bytes(begun.options), BASE_URL))
    kept = await factors.passkeys.finish_registration(POOL, ADA, begun.challenge, made)
    assert kept.counter == 0
    for count in (1, 2, 3):
        begun = await factors.passkeys.begin_authentication(POOL, ADA)
        signed = _to_json(device.get(_to_bytes(begun.options), BASE_URL))
        proof = await factors.passkeys.finish_authentication(POOL, ADA, begun.challenge, signed, HERE)
        assert (proof.user_id, proof.verified, proof.credential.counter) == (ADA.id, False, count)


async def test_soft_webauthn_cannot_begin_a_sign_in_for_it_verifies_nobody():
    factors, device = await in_memory(), _device()
    begun = await factors.passkeys.begin_registration(FIRST, ADA)
    made = _to_json(device.create(_to_bytes(begun.options), BASE_URL))
    with pytest.raises(Refusal) as refused:
        await factors.passkeys.finish_registration(FIRST, ADA, begun.challenge, made)
    assert refused.value.detail is not None
    assert "verif" in refused.value.detail


async def test_soft_webauthn_at_a_look_alike_gets_nowhere():
    factors, device = await in_memory(), _device()
    begun = await factors.passkeys.begin_registration(POOL, ADA)
    made = device.create(_to_bytes(begun.options), "https://login-example.test")
    with pytest.raises(Refusal):
        await factors.passkeys.finish_registration(POOL, ADA, begun.challenge, _to_json(made))
