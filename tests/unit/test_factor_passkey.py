"""Passkeys: registered and proven by a software authenticator, and every way to cheat (security reference W17).

Each attack differs from the valid answer in one thing; `test_the_valid_twin_...` show that without it all is well.
"""

import asyncio
import base64
import contextlib
import hashlib
import json
import os
from dataclasses import dataclass, replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from fido2 import cbor
from fido2.cose import ES256
from fido2.utils import websafe_decode, websafe_encode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authserver.errors import Conflict, Invalid, Refusal, Throttled, WrongCredentials
from authserver.model.pools import MfaPolicy, Pool
from authserver.model.users import User
from authserver.signin.factors.authenticators import friendly_name
from authserver.signin.factors.passkey import Ceremony, PasskeyProof
from authserver.signin.factors.passkey_response import LONGEST
from authserver.signin.factors.relying_party import RelyingParty
from authserver.signin.factors.summary import MOST_PASSKEYS
from tests.authenticator import FLAG, Passkey, SoftAuthenticator, public_key, sign
from tests.factors import ADA, BASE_URL, BOB, HERE, POOL, Factors, in_memory

pytestmark = pytest.mark.anyio

FIRST = replace(POOL, mfa=MfaPolicy("optional", POOL.mfa.factors, ("password", "passkey")))
"""A pool where a passkey may begin a sign-in."""


@dataclass
class World:
    factors: Factors
    device: SoftAuthenticator

    async def register(self, user: User = ADA, pool: Pool = FIRST, **forged: Any) -> Passkey:
        begun = await self.factors.passkeys.begin_registration(pool, user)
        answer = self.device.create(begun.options, **forged)
        await self.factors.passkeys.finish_registration(pool, user, begun.challenge, answer)
        return self.device.passkeys[-1]

    async def sign_in(self, user: User | None = None, pool: Pool = FIRST, **forged: Any) -> PasskeyProof:
        begun = await self.factors.passkeys.begin_authentication(pool, user)
        return await self.finish(begun, self.device.get(begun.options, **forged), user, pool)

    async def finish(self, begun: Ceremony, answer: str, user: User | None = None, pool: Pool = FIRST) -> PasskeyProof:
        return await self.factors.passkeys.finish_authentication(pool, user, begun.challenge, answer, HERE)

    def reason(self) -> object:
        return self.factors.events[-1].details["reason"]


async def world(**changes: Any) -> World:
    return World(await in_memory(), SoftAuthenticator(BASE_URL, **changes))


# ------------------------------------------------------------------------------------------------- what is asked


async def test_a_registration_asks_for_a_passkey_without_attestation():
    w = await world()
    begun = await w.factors.passkeys.begin_registration(FIRST, ADA, account="ada@example.com")
    asked = json.loads(begun.options)
    assert asked == {
        "rp": {"id": "login.example", "name": "Demo"},
        "user": {
            "id": websafe_encode(ADA.id.encode()),
            "name": "ada@example.com",
            "displayName": "Ada Lovelace",
        },
        "challenge": begun.challenge,
        "pubKeyCredParams": [{"type": "public-key", "alg": a} for a in (-8, -7, -257)],
        "timeout": 300_000,
        "excludeCredentials": [],
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": True,
            "userVerification": "required",
        },
        "attestation": "none",
        "extensions": {"credProps": True},
    }
    assert len(websafe_decode(begun.challenge)) == 32
    again = await w.factors.passkeys.begin_registration(FIRST, ADA)
    assert again.challenge != begun.challenge


async def test_where_passkeys_only_come_second_less_is_asked_of_them():
    w = await world(verifies=False)
    begun = await w.factors.passkeys.begin_registration(POOL, replace(BOB, attributes={"name": ["odd"]}))
    asked = json.loads(begun.options)
    assert asked["authenticatorSelection"] == {
        "residentKey": "preferred",
        "requireResidentKey": False,
        "userVerification": "preferred",
    }
    assert asked["user"]["displayName"] == asked["user"]["name"] == "bob"
    await w.register(pool=POOL)
    proof = await w.sign_in(ADA, POOL)
    assert not proof.verified


async def test_a_page_shown_again_asks_the_same():
    w = await world()
    begun = await w.factors.passkeys.begin_registration(FIRST, ADA)
    assert await w.factors.passkeys.begin_registration(FIRST, ADA, challenge=begun.challenge) == begun
    begun = await w.factors.passkeys.begin_authentication(FIRST, ADA)
    assert await w.factors.passkeys.begin_authentication(FIRST, ADA, challenge=begun.challenge) == begun


async def test_an_authenticator_makes_one_passkey_for_an_account():
    w = await world()
    made = await w.register()
    begun = await w.factors.passkeys.begin_registration(FIRST, ADA)
    (excluded,) = json.loads(begun.options)["excludeCredentials"]
    assert excluded == {"type": "public-key", "id": websafe_encode(made.credential_id), "transports": ["internal"]}
    with pytest.raises(FileExistsError):
        w.device.create(begun.options)


async def test_as_first_factor_the_question_is_the_same_for_everybody():
    """W8: whether the name is known, and has passkeys, is not to be seen."""
    w = await world()
    before = json.loads((await w.factors.passkeys.begin_authentication(FIRST, None)).options)
    await w.register()
    after = json.loads((await w.factors.passkeys.begin_authentication(FIRST, None)).options)
    assert {**before, "challenge": ""} == {**after, "challenge": ""}
    assert after["allowCredentials"] == []
    assert after["userVerification"] == "required"


async def test_as_second_factor_the_users_own_passkeys_are_named():
    w = await world()
    made = await w.register(transports=["usb", "nfc", "smoke-signals", 7])
    begun = await w.factors.passkeys.begin_authentication(FIRST, ADA)
    asked = json.loads(begun.options)
    assert asked["allowCredentials"] == [
        {"type": "public-key", "id": websafe_encode(made.credential_id), "transports": ["nfc", "usb"]}
    ]
    assert asked["userVerification"] == "preferred"
    assert asked["rpId"] == "login.example"


async def test_a_passkey_made_at_another_domain_is_not_asked_for():
    w = await world()
    await w.register()
    w.factors.base_url = "https://new.example"
    begun = await w.factors.passkeys.begin_authentication(FIRST, ADA)
    assert json.loads(begun.options)["allowCredentials"] == []


@pytest.mark.parametrize(
    ("base_url", "party", "usable"),
    [
        ("https://login.example", RelyingParty("login.example", "https://login.example"), True),
        ("https://Login.Example:443/", RelyingParty("login.example", "https://login.example"), True),
        ("https://login.example:8443", RelyingParty("login.example", "https://login.example:8443"), True),
        ("http://localhost:8000", RelyingParty("localhost", "http://localhost:8000"), True),
        ("http://demo.localhost", RelyingParty("demo.localhost", "http://demo.localhost"), True),
        ("http://127.0.0.1:8000", RelyingParty("127.0.0.1", "http://127.0.0.1:8000"), False),
        ("https://[::1]:8000", RelyingParty("::1", "https://[::1]:8000"), False),
        ("http://login.example:80", RelyingParty("login.example", "http://login.example"), False),
    ],
)
def test_the_relying_party_is_the_host_of_the_origin(base_url: str, party: RelyingParty, usable: bool):
    assert RelyingParty.of(base_url) == party
    assert party.usable is usable


# ------------------------------------------------------------------------------------------------- what is kept


async def test_what_is_kept_of_a_passkey():
    w = await world(synced=True, aaguid=bytes.fromhex("ea9b8d664d011d213ce4b6b48cb575d4"))
    begun = await w.factors.passkeys.begin_registration(FIRST, ADA)
    answer = w.device.create(begun.options, transports=["hybrid", "internal"])
    kept = await w.factors.passkeys.finish_registration(FIRST, ADA, begun.challenge, answer)
    made = w.device.passkeys[-1]
    assert (kept.kind, kept.user_id, kept.name) == ("passkey", ADA.id, "Google Password Manager")
    assert kept.handle == websafe_encode(made.credential_id)
    assert kept.public == {
        "key": websafe_encode(cbor.encode(public_key(made.key))),
        "alg": -7,
        "aaguid": "ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4",
        "attestation": "none",
        "transports": ["hybrid", "internal"],
        "discoverable": True,
        "backup_eligible": True,
        "backed_up": True,
        "user_verified": True,
        "rp_id": "login.example",
    }
    json.dumps(kept.public)  # SQL keeps it as JSON
    assert (kept.counter, kept.sealed) == (1, None)
    (event,) = w.factors.events
    assert (event.kind, event.user_id) == ("factor.enrolled", ADA.id)
    assert event.details == {"factor": "passkey", "credential": kept.id}


@pytest.mark.parametrize(("typed", "name"), [("", ""), ("  My key ", "My key")])
async def test_a_passkey_of_an_unknown_keeper_is_called_what_the_person_calls_it(typed: str, name: str):
    w = await world()
    begun = await w.factors.passkeys.begin_registration(FIRST, ADA)
    answer = w.device.create(begun.options)
    kept = await w.factors.passkeys.finish_registration(FIRST, ADA, begun.challenge, answer, typed)
    assert kept.name == name


def test_names_of_keepers():
    assert friendly_name("FBFC3007-154E-4ECC-8C0B-6E020557D7BD") == "iCloud Keychain"
    assert friendly_name("2fc0579f-8113-47ea-b116-bb5a8db9202a") == "YubiKey 5 NFC"
    assert friendly_name("01020304-0000-0000-0000-000000000000") == ""


async def test_twenty_are_enough():
    w = await world()
    late = await w.factors.passkeys.begin_registration(FIRST, ADA)
    for _ in range(MOST_PASSKEYS):
        await World(w.factors, SoftAuthenticator(BASE_URL)).register()
    with pytest.raises(Conflict, match="Remove one first"):
        await w.factors.passkeys.begin_registration(FIRST, ADA)
    with pytest.raises(Conflict, match="Remove one first"):
        await w.factors.passkeys.finish_registration(FIRST, ADA, late.challenge, w.device.create(late.options))
    await w.register(BOB)


async def test_what_the_browser_does_not_say_is_not_known():
    w = await world()
    begun = await w.factors.passkeys.begin_registration(FIRST, ADA)
    answer = json.loads(w.device.create(begun.options))
    del answer["clientExtensionResults"], answer["response"]["transports"], answer["authenticatorAttachment"]
    kept = await w.factors.passkeys.finish_registration(FIRST, ADA, begun.challenge, json.dumps(answer))
    assert kept.public["discoverable"] is None
    assert kept.public["transports"] == []
    begun = await w.factors.passkeys.begin_authentication(FIRST, ADA)
    assert json.loads(begun.options)["allowCredentials"] == [{"type": "public-key", "id": kept.handle}]


# ------------------------------------------------------------------------------------------------- valid twins


@pytest.mark.parametrize("algorithm", [-7, -8, -257])
@pytest.mark.parametrize("attestation", ["none", "packed"])
async def test_the_valid_twin_registers_and_signs_in(algorithm: int, attestation: str):
    w = await world(algorithm=algorithm, attestation=attestation)
    await w.register()
    proof = await w.sign_in()
    assert (proof.user_id, proof.verified, proof.device_bound) == (ADA.id, True, True)
    assert (proof.credential.counter, proof.credential.last_used_at) == (2, int(w.factors.now))
    (stored,) = await w.factors.credentials.credentials(FIRST.id, ADA.id)
    assert stored == proof.credential
    assert (await w.sign_in(ADA)).user_id == ADA.id


async def test_the_valid_twin_of_a_keychain_has_no_counter():
    w = await world(synced=True, step=0)
    await w.register()
    for _ in range(3):
        proof = await w.sign_in()
        assert (proof.credential.counter, proof.device_bound) == (0, False)


async def test_the_valid_twin_may_leave_out_the_user_where_it_is_known():
    w = await world()
    await w.register()
    assert (await w.sign_in(ADA, user_handle=None)).user_id == ADA.id


async def test_the_valid_twin_counts_to_the_end():
    w = await world()
    await w.register()
    assert (await w.sign_in(counter=2**32 - 1)).credential.counter == 2**32 - 1


async def test_the_valid_twin_may_carry_extensions():
    w = await world()
    await w.register(flags=FLAG.UP | FLAG.UV | FLAG.AT | FLAG.ED, trailing=cbor.encode({"credProtect": 2}))
    await w.sign_in(flags=FLAG.UP | FLAG.UV | FLAG.ED, trailing=cbor.encode({"appid": True}))


# ------------------------------------------------------------------------------------- W17: forged registrations


def _other_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _packed(**changes: Any) -> dict[str, Any]:
    return {"fmt": "packed", "att_stmt": {"alg": -7, "sig": sign(_other_key(), b"something else"), **changes}}


def _rsa_key(bits: int, exponent: int = 65537) -> dict[int, Any]:
    if bits < 1024:
        modulus = b"\xff" * (bits // 8)
    else:
        numbers = rsa.generate_private_key(65537, bits).public_key().public_numbers()
        modulus = numbers.n.to_bytes(bits // 8)
    return {1: 3, 3: -257, -1: modulus, -2: exponent.to_bytes((exponent.bit_length() + 7) // 8)}


def _p256(**changes: Any) -> dict[int, Any]:
    key = dict(ES256.from_cryptography_key(_other_key().public_key()))
    return {**key, **{int(k): v for k, v in changes.items()}}


def _p384() -> dict[int, Any]:
    point = ec.generate_private_key(ec.SECP384R1()).public_key().public_numbers()
    return {1: 2, 3: -7, -1: 2, -2: point.x.to_bytes(48), -3: point.y.to_bytes(48)}


FORGED_REGISTRATIONS: dict[str, dict[str, Any]] = {
    "origin of another site": {"origin": "https://login.example.evil.test"},
    "origin with another port": {"origin": "https://login.example:8443"},
    "origin without TLS": {"origin": "http://login.example"},
    "origin beneath": {"origin": "https://sub.login.example"},
    "origin with a slash": {"origin": "https://login.example/"},
    "RP ID of another site": {"rp_id": "evil.test"},
    "RP ID of the parent": {"rp_id": "example"},
    "type of a sign-in": {"type": "webauthn.get"},
    "type of a payment": {"type": "payment.get"},
    "challenge of somebody else": {"challenge": websafe_encode(b"x" * 32)},
    "challenge empty": {"challenge": ""},
    "nobody was present": {"flags": FLAG.UV | FLAG.AT},
    "nobody was verified": {"flags": FLAG.UP | FLAG.AT},
    "backed up though it cannot be": {"flags": FLAG.UP | FLAG.UV | FLAG.AT | FLAG.BS},
    "no credential inside": {"flags": FLAG.UP | FLAG.UV},
    "frame of another site": {"cross_origin": True},
    "frame below another site": {"top_origin": "https://evil.test"},
    "attestation with a wrong signature": _packed(),
    "attestation without a signature": {"fmt": "packed", "att_stmt": {"alg": -7}},
    "attestation with another algorithm": _packed(alg=-257),
    "attestation with a broken certificate": _packed(x5c=[b"no certificate"]),
    "attestation none with a statement": {"fmt": "none", "att_stmt": {"sig": b"x"}},
    "attestation of an unknown form": {"fmt": "x" * 1000},
    "attestation of an old key": {"fmt": "fido-u2f"},
    "attestation of a phone": {"fmt": "android-safetynet", "att_stmt": {"ver": "1", "response": b"x"}},
    "attestation of a chip": {"fmt": "tpm", "att_stmt": {"ver": "2.0"}},
    "attestation without a form": {"fmt": 7},
    "attestation that is no map": {"att_stmt": 7},
    "credential id too short": {"credential_id": b"short"},
    "credential id too long": {"credential_id": bytes(1024)},
    "key too small": {"cose": _rsa_key(1024)},
    "key too large": {"cose": {1: 3, 3: -257, -1: b"\xff" * 768, -2: b"\x01\x00\x01"}},
    "key with a monstrous exponent": {"cose": _rsa_key(2048, 2**64 + 1)},
    "key with an even exponent": {"cose": _rsa_key(2048, 2)},
    "key off the curve": {"cose": _p256(**{"-3": b"\x01" * 32})},
    "key on another curve": {"cose": _p256(**{"-1": 2})},
    "key on another curve, where it lies": {"cose": _p384()},
    "key of another kind than its algorithm": {"cose": _p256(**{"3": -257})},
    "key of an algorithm not asked for": {"cose": _p256(**{"3": -35})},
    "key of a family not asked for": {"cose": {1: 7, 3: -7, -1: b"x" * 1312}},
    "key of a family not asked for, small": {"cose": {1: 7, 3: -7, -1: b"x" * 32}},
    "key of no algorithm": {"cose": _p256(**{"3": 0})},
    "key without coordinates": {"cose": {1: 2, 3: -7, -1: 1}},
    "key with text for numbers": {"cose": _p256(**{"-2": "x" * 32})},
    "key that is a bare point": {"cose": b"\x04"},
    "key that is a list": {"cose": cbor.encode([1, 2])},
    "bytes behind the data": {"trailing": b"\x00"},
    "attestation object that is no CBOR": {"attestation_object": b"\xff"},
    "attestation object that is a number": {"attestation_object": cbor.encode(7)},
    "attestation object that is empty": {"attestation_object": b""},
    "attestation object without data": {"attestation_object": cbor.encode({"fmt": "none", "attStmt": {}})},
    "attestation object with short data": {
        "attestation_object": cbor.encode({"fmt": "none", "attStmt": {}, "authData": b"x" * 36})
    },
    "attestation object nested deep": {"attestation_object": b"\x81" * 5000},
    "attestation object of false length": {"attestation_object": b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff"},
    "client data that is no JSON": {"client_data": b"{"},
    "client data that is a list": {"client_data": b"[]"},
    "client data that is empty": {"client_data": b""},
    "client data without members": {"client_data": b"{}"},
    "client data in another encoding": {"client_data": '{"type":"webauthn.create"}'.encode("utf-16")},
    "client data of other types": {"client_data": b'{"type":[],"challenge":7,"origin":{}}'},
    "client data nested deep": {"client_data": b"[" * 5000},
}


@pytest.mark.parametrize("forged", FORGED_REGISTRATIONS.values(), ids=FORGED_REGISTRATIONS)
async def test_a_forged_registration_is_refused(forged: dict[str, Any]):
    w = await world()
    with pytest.raises(Invalid) as refused:
        await w.register(**forged)
    assert refused.value.field == "passkey"
    assert await w.factors.credentials.credentials(FIRST.id, ADA.id) == []
    await w.register()


@pytest.mark.parametrize("fmt", ["fido-u2f", "android-safetynet", "android-key", "apple", "tpm", "compound", ""])
async def test_attestations_that_nobody_asked_for_are_not_even_looked_at(fmt: str):
    w = await world()
    with pytest.raises(Invalid) as refused:
        await w.register(fmt=fmt)
    assert refused.value.detail == f"attestation format {fmt!r}"


async def test_the_attested_id_must_be_the_one_that_is_named():
    w = await world()
    begun = await w.factors.passkeys.begin_registration(FIRST, ADA)
    answer = json.loads(w.device.create(begun.options))
    answer["id"] = answer["rawId"] = websafe_encode(os.urandom(32))
    with pytest.raises(Invalid):
        await w.factors.passkeys.finish_registration(FIRST, ADA, begun.challenge, json.dumps(answer))


async def test_a_replayed_enrolment_adds_nothing():
    w = await world()
    begun = await w.factors.passkeys.begin_registration(FIRST, ADA)
    answer = w.device.create(begun.options)
    await w.factors.passkeys.finish_registration(FIRST, ADA, begun.challenge, answer)
    with pytest.raises(Conflict, match="before"):
        await w.factors.passkeys.finish_registration(FIRST, ADA, begun.challenge, answer)
    with pytest.raises(Conflict, match="before"):
        await w.factors.passkeys.finish_registration(FIRST, BOB, begun.challenge, answer)
    assert await w.factors.credentials.credentials(FIRST.id, BOB.id) == []
    assert len(await w.factors.credentials.credentials(FIRST.id, ADA.id)) == 1


async def test_a_failed_registration_is_told_to_the_log():
    w = await world()
    with pytest.raises(Invalid):
        await w.register(origin="https://evil.test")
    (event,) = w.factors.events
    assert (event.kind, event.user_id, event.details["factor"]) == ("factor.failed", ADA.id, "passkey")
    assert "evil.test" in str(event.details["reason"])


# ------------------------------------------------------------------------------------------ W17: forged sign-ins


FORGED_SIGN_INS: dict[str, dict[str, Any]] = {
    "origin of another site": {"origin": "https://login-example.test"},
    "origin with another port": {"origin": "https://login.example:444"},
    "origin without TLS": {"origin": "http://login.example"},
    "RP ID of another site": {"rp_id": "evil.test"},
    "type of a registration": {"type": "webauthn.create"},
    "challenge of somebody else": {"challenge": websafe_encode(b"x" * 32)},
    "nobody was present": {"flags": FLAG.UV},
    "nobody was verified": {"flags": FLAG.UP},
    "backed up though it cannot be": {"flags": FLAG.UP | FLAG.UV | FLAG.BS},
    "suddenly fit to be backed up": {"flags": FLAG.UP | FLAG.UV | FLAG.BE | FLAG.BS},
    "frame of another site": {"cross_origin": True},
    "frame below another site": {"top_origin": "https://evil.test"},
    "signed by another key": {"key": _other_key()},
    "not signed": {"signature": b""},
    "signed by noise": {"signature": b"\x30\x06\x02\x01\x01\x02\x01\x01"},
    "names no user": {"user_handle": None},
    "names another user": {"user_handle": BOB.id.encode()},
    "names nobody": {"user_handle": b""},
    "unknown passkey": {"credential_id": b"u" * 32},
    "counter as before": {"counter": 1},
    "counter back": {"counter": 0},
}


@pytest.mark.parametrize("forged", FORGED_SIGN_INS.values(), ids=FORGED_SIGN_INS)
async def test_a_forged_sign_in_is_refused(forged: dict[str, Any]):
    w = await world()
    await w.register()
    with pytest.raises(WrongCredentials):
        await w.sign_in(**forged)
    assert w.factors.kinds()[-1] == "factor.failed"
    (stored,) = await w.factors.credentials.credentials(FIRST.id, ADA.id)
    assert (stored.counter, stored.last_used_at) == (1, None), "nothing is noted of a forged one"
    assert (await w.sign_in()).user_id == ADA.id


MALFORMED_SIGN_INS: dict[str, dict[str, Any]] = {
    "extensions announced and missing": {"flags": FLAG.UP | FLAG.UV | FLAG.ED},
    "extensions that are no CBOR": {"flags": FLAG.UP | FLAG.UV | FLAG.ED, "trailing": b"\xff"},
    "extensions nested deep": {"flags": FLAG.UP | FLAG.UV | FLAG.ED, "trailing": b"\x81" * 3000},
    "bytes behind the data": {"trailing": b"\x00"},
    "a credential announced and missing": {"flags": FLAG.UP | FLAG.UV | FLAG.AT},
    "client data that is no JSON": {"client_data": b"\xff"},
    "client data that is a number": {"client_data": b"7"},
    "client data of other types": {"client_data": b'{"type":"webauthn.get","challenge":[],"origin":7}'},
    "client data nested deep": {"client_data": b'{"type":' + b"[" * 5000},
    "a user handle too long": {"user_handle": bytes(65)},
    "a credential id too short": {"credential_id": b"short"},
}


@pytest.mark.parametrize("forged", MALFORMED_SIGN_INS.values(), ids=MALFORMED_SIGN_INS)
async def test_a_malformed_sign_in_is_unreadable(forged: dict[str, Any]):
    w = await world()
    await w.register()
    with pytest.raises(Invalid) as refused:
        await w.sign_in(**forged)
    assert refused.value.field == "passkey"
    assert (await w.sign_in()).user_id == ADA.id


def _answers(valid: str) -> dict[str, str]:
    """The valid answer with one thing wrong about its JSON."""
    whole = json.loads(valid)

    def changed(**members: Any) -> str:
        return json.dumps({**whole, **members})

    def inside(**members: Any) -> str:
        return changed(response={**whole["response"], **members})

    return {
        "empty": "",
        "no JSON": "{",
        "a list": "[]",
        "null": "null",
        "a number too long": "9" * 5000,
        "nested deep": "[" * 10_000,
        "too long": valid + " " * LONGEST,
        "a surrogate": '"\ud800"',
        "another type": changed(type="password"),
        "no type": changed(type=None),
        "no response": changed(response=None),
        "a response that is a list": changed(response=[]),
        "no id": changed(id=None),
        "another id": changed(id=websafe_encode(b"z" * 32)),
        "no raw id": changed(rawId=None),
        "padded base64": changed(id=whole["id"] + "=", rawId=whole["rawId"] + "="),
        "other base64": changed(id="+" * 43, rawId="+" * 43),
        "base64 with junk": inside(signature=whole["response"]["signature"][:8] + "!" + whole["response"]["signature"]),
        "not ASCII": inside(signature="\xe4" * 20),
        "a missing member": inside(clientDataJSON=None),
        "a member that is a number": inside(authenticatorData=7),
        "a member too long": inside(signature="A" * 9000),
        "short authenticator data": inside(authenticatorData=websafe_encode(b"x" * 36)),
        "a user handle that is a number": inside(userHandle=7),
    }


ANSWERS = list(_answers('{"id":"A","rawId":"A","response":{"signature":"AAAAAAAAAAAA"},"type":"public-key"}'))


@pytest.mark.parametrize("what", ANSWERS)
async def test_an_answer_in_another_form_is_unreadable(what: str):
    w = await world()
    await w.register()
    begun = await w.factors.passkeys.begin_authentication(FIRST, None)
    valid = w.device.get(begun.options)
    with pytest.raises(Invalid) as refused:
        await w.finish(begun, _answers(valid)[what])
    assert refused.value.field == "passkey"
    assert (await w.finish(begun, valid)).user_id == ADA.id


@pytest.mark.parametrize("what", ["empty", "no JSON", "a list", "nested deep", "too long", "no response", "no raw id"])
async def test_a_registration_in_another_form_is_unreadable(what: str):
    w = await world()
    begun = await w.factors.passkeys.begin_registration(FIRST, ADA)
    valid = w.device.create(begun.options)
    whole = json.loads(valid)
    whole["response"]["signature"] = "AAAAAAAAAAAA"
    with pytest.raises(Invalid):
        await w.factors.passkeys.finish_registration(FIRST, ADA, begun.challenge, _answers(json.dumps(whole))[what])
    whole["response"]["transports"] = "usb"
    with pytest.raises(Invalid):
        await w.factors.passkeys.finish_registration(FIRST, ADA, begun.challenge, json.dumps(whole))
    await w.factors.passkeys.finish_registration(FIRST, ADA, begun.challenge, valid)


@pytest.mark.parametrize("kept", ["", "AAAA", "*", "é"])
async def test_without_an_open_challenge_nothing_is_taken(kept: str):
    """The caller has spent it, or never made one."""
    w = await world()
    begun = await w.factors.passkeys.begin_registration(FIRST, ADA)
    answer = w.device.create(begun.options, challenge=kept if kept.isascii() else "")
    with pytest.raises(Invalid):
        await w.factors.passkeys.finish_registration(FIRST, ADA, kept, answer)
    await w.register()
    begun = await w.factors.passkeys.begin_authentication(FIRST, None)
    with pytest.raises(Invalid):
        await w.finish(replace(begun, challenge=kept), w.device.get(begun.options))


async def test_the_challenge_of_another_session_is_worth_nothing_here():
    w = await world()
    await w.register()
    mine = await w.factors.passkeys.begin_authentication(FIRST, None)
    theirs = await w.factors.passkeys.begin_authentication(FIRST, None)
    with pytest.raises(WrongCredentials):
        await w.finish(mine, w.device.get(theirs.options))
    assert (await w.finish(mine, w.device.get(mine.options))).user_id == ADA.id


async def test_an_answer_sent_twice_is_taken_once():
    """By the counter, where there is one. That the challenge is spent once, for all, is the caller's part."""
    w = await world()
    await w.register()
    begun = await w.factors.passkeys.begin_authentication(FIRST, None)
    answer = w.device.get(begun.options)
    found = await asyncio.gather(*(w.finish(begun, answer) for _ in range(50)), return_exceptions=True)
    assert sum(isinstance(outcome, PasskeyProof) for outcome in found) == 1
    assert {type(outcome) for outcome in found} == {PasskeyProof, WrongCredentials}


async def test_a_counter_that_goes_back_raises_the_alarm():
    w = await world()
    await w.register()
    await w.sign_in()
    with pytest.raises(WrongCredentials):
        await w.sign_in(counter=1)
    alarm, failure = w.factors.events[-2:]
    assert (alarm.kind, alarm.user_id) == ("passkey.suspicious", ADA.id)
    assert (failure.kind, failure.user_id) == ("factor.failed", ADA.id)
    assert (await w.sign_in()).user_id == ADA.id


async def test_as_second_factor_another_users_passkey_is_foreign():
    w = await world()
    adas = await w.register()
    bobs = await World(w.factors, w.device).register(BOB)
    with pytest.raises(WrongCredentials):
        await w.sign_in(ADA, passkey=bobs, signature=b"x")
    begun = await w.factors.passkeys.begin_authentication(FIRST, ADA)
    answer = w.device.get(begun.options, passkey=bobs, user_handle=BOB.id.encode())
    with pytest.raises(WrongCredentials):
        await w.finish(begun, answer, ADA)
    assert w.reason() == "passkey of another user"
    assert (await w.sign_in(ADA, passkey=adas)).user_id == ADA.id


async def test_a_passkey_of_another_pool_is_unknown_here():
    """Pools on one origin share the relying party, so browsers do offer them."""
    w = await world()
    other = replace(FIRST, id="other_B")
    await w.factors.directory.create_user("other_B", replace(BOB, pool="other_B"))
    await w.register(replace(BOB, pool="other_B"), other)
    with pytest.raises(WrongCredentials):
        await w.sign_in(pool=FIRST)
    assert w.reason() == "unknown passkey"
    assert (await w.sign_in(pool=other)).user_id == BOB.id


async def test_an_app_is_no_passkey_whatever_its_handle():
    w = await world()
    await w.register()
    (stored,) = await w.factors.credentials.credentials(FIRST.id, ADA.id)
    await w.factors.enrolled.remove(FIRST, ADA, stored.id)
    await w.factors.credentials.add_credential(FIRST.id, replace(stored, kind="totp"))
    with pytest.raises(WrongCredentials):
        await w.sign_in()


async def test_a_damaged_row_signs_in_nobody():
    w = await world()
    await w.register()
    (stored,) = await w.factors.credentials.credentials(FIRST.id, ADA.id)
    await w.factors.enrolled.remove(FIRST, ADA, stored.id)
    damaged = replace(stored, public={**stored.public, "key": websafe_encode(cbor.encode({1: 2, 3: -7}))})
    await w.factors.credentials.add_credential(FIRST.id, damaged)
    with pytest.raises(Invalid):
        await w.sign_in()


async def test_a_removed_passkey_signs_in_nobody():
    w = await world()
    await w.register()
    begun = await w.factors.passkeys.begin_authentication(FIRST, None)
    (stored,) = await w.factors.credentials.credentials(FIRST.id, ADA.id)
    await w.factors.enrolled.remove(FIRST, ADA, stored.id)
    with pytest.raises(WrongCredentials):
        await w.finish(begun, w.device.get(begun.options))


async def test_after_a_move_to_another_origin_old_passkeys_are_refused():
    w = await world()
    await w.register()
    w.factors.base_url = "https://new.example"
    with pytest.raises(WrongCredentials):
        await w.sign_in()


async def test_every_refusal_says_the_same():
    """Which of the checks failed is for the log."""
    w = await world()
    await w.register()
    said = set()
    for forged in FORGED_SIGN_INS.values():
        with pytest.raises(WrongCredentials) as refused:
            await w.sign_in(**forged)
        said.add((refused.value.code, refused.value.sentence))
    assert len(said) == 1


# ----------------------------------------------------------------------------------------------------- guessing


async def test_wrong_answers_are_limited_by_address_and_never_lock_the_owner_out():
    w = await world()
    w.factors.guessing._per_address = 5
    await w.register()
    for _ in range(5):
        with pytest.raises(WrongCredentials):
            await w.sign_in(signature=b"forged")
    begun = await w.factors.passkeys.begin_authentication(FIRST, None)
    answer = w.device.get(begun.options)
    with pytest.raises(Throttled):
        await w.finish(begun, answer)
    elsewhere = replace(HERE, address="198.51.100.1", device=None)
    proof = await w.factors.passkeys.finish_authentication(FIRST, None, begun.challenge, answer, elsewhere)
    assert proof.user_id == ADA.id
    assert await w.factors.directory.password_failures(FIRST.id, ADA.id) == 0


# ------------------------------------------------------------------------------------------------------ fuzzing


_BYTES = st.one_of(st.binary(max_size=80), st.binary(max_size=80).map(lambda b: cbor.encode({"fmt": "none", "x": b})))
_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63), st.text(max_size=8), st.binary(max_size=40)),
    lambda v: st.one_of(
        st.lists(v, max_size=3), st.dictionaries(st.one_of(st.integers(-5, 5), st.text(max_size=3)), v, max_size=4)
    ),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fmt=_VALUES, statement=_VALUES, key=_VALUES, tail=_BYTES, flags=st.integers(0, 255))
async def test_no_attestation_breaks_the_server(fmt: Any, statement: Any, key: Any, tail: bytes, flags: int):
    w = await world()
    begun = await w.factors.passkeys.begin_registration(POOL, ADA)
    try:
        cose = cbor.encode(key)
        answer = w.device.create(begun.options, fmt=fmt, att_stmt=statement, cose=cose, trailing=tail, flags=flags)
    except (ValueError, TypeError):
        return  # nothing that CBOR can say
    with contextlib.suppress(Invalid):
        await w.factors.passkeys.finish_registration(POOL, ADA, begun.challenge, answer)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_no_changed_byte_signs_anybody_in(data: st.DataObject):
    w = await world()
    await w.register()
    begun = await w.factors.passkeys.begin_authentication(FIRST, None)
    answer = json.loads(w.device.get(begun.options))
    member = data.draw(st.sampled_from(["clientDataJSON", "authenticatorData", "signature", "userHandle"]))
    octets = bytearray(websafe_decode(answer["response"][member]))
    at = data.draw(st.integers(0, 200)) % len(octets)
    octets[at] ^= data.draw(st.integers(1, 255))
    answer["response"][member] = websafe_encode(bytes(octets))
    with pytest.raises(Refusal) as refused:
        await w.finish(begun, json.dumps(answer))
    assert refused.value.code in {"invalid", "wrong_credentials"}


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.one_of(
        st.text(max_size=200),
        st.recursive(
            st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), st.text(max_size=20)),
            lambda v: st.one_of(
                st.lists(v, max_size=3),
                st.dictionaries(
                    st.sampled_from(["id", "rawId", "type", "response", "clientDataJSON", "signature", "userHandle"]),
                    v,
                    max_size=6,
                ),
            ),
            max_leaves=10,
        ).map(json.dumps),
    )
)
async def test_no_text_breaks_the_server(text: str):
    w = await world()
    begun = await w.factors.passkeys.begin_authentication(FIRST, None)
    with pytest.raises(Invalid):
        await w.finish(begun, text)
    with pytest.raises(Invalid):
        await w.factors.passkeys.finish_registration(FIRST, ADA, begun.challenge, text)


def test_the_library_is_loaded_with_the_first_passkey_alone():
    """Start-up must stay short (DESIGN 7)."""
    import subprocess
    import sys

    script = "import sys, tests.factors; sys.exit(any(m in sys.modules for m in ('webauthn', 'segno', 'pyotp')))"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_our_base64url_is_the_browsers():
    octets = hashlib.sha256(b"x").digest()
    assert websafe_encode(octets) == base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
