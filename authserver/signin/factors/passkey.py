"""The passkey factor: registration and authentication of Web Authentication Level 3.

As first factor a passkey must make sure of its owner (user verification), for it stands for two factors then; as second
factor it may. As first factor nobody's passkeys are ever named: the options are the same whoever is asked, known or
not, and the browser offers what it has (discoverable credentials). So they cannot tell who has an account (W8).
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

from authserver.crypto.secrets import b64url, b64url_decode
from authserver.effects import Clock, Random
from authserver.errors import Conflict, Invalid, WrongCredentials
from authserver.events import Emit, Event
from authserver.model.credentials import Credential
from authserver.model.pools import Pool
from authserver.model.users import User
from authserver.signin.factors.authenticators import friendly_name
from authserver.signin.factors.guessing import Guessing, Try
from authserver.signin.factors.names import credential_name
from authserver.signin.factors.passkey_response import read_assertion, read_attestation, unreadable
from authserver.signin.factors.passkey_verification import (
    ALGORITHMS,
    NotProven,
    check_assertion,
    check_attestation,
    load,
)
from authserver.signin.factors.relying_party import RelyingParty
from authserver.signin.factors.summary import MOST_PASSKEYS
from authserver.signin.origin import Origin
from authserver.store import Credentials

TIMEOUT = 5 * 60
"""Seconds that a browser waits for the person, as WebAuthn 15.1 recommends."""

REFUSED = "That passkey does not work here. Try another way to sign in."
NOT_ADDED = "The passkey could not be added. Try again."


@dataclass(frozen=True, slots=True)
class Ceremony:
    """What begins in the browser: `options` is the JSON for `PublicKeyCredential.parseCreationOptionsFromJSON` or
    `parseRequestOptionsFromJSON`. The caller keeps `challenge` (unpadded base64url) with the sign-in or session, hands
    it back once, and forgets it whatever comes of it (WebAuthn 13.4.3).
    """

    options: str
    challenge: str


@dataclass(frozen=True, slots=True)
class PasskeyProof:
    """Whose passkey signed. `verified`: it made sure of its owner, so that it counts as two factors. `device_bound`: its
    key cannot leave the authenticator, as far as it says itself.
    """

    credential: Credential
    user_id: str
    verified: bool
    device_bound: bool


class Passkeys:
    """Registers passkeys and judges their signatures.

    Args:
        relying_party: whom a pool's passkeys are for.
    """

    def __init__(
        self,
        *,
        credentials: Credentials,
        guessing: Guessing,
        relying_party: Callable[[Pool], RelyingParty],
        clock: Clock,
        random: Random,
        emit: Emit,
    ) -> None:
        self._credentials = credentials
        self._guessing = guessing
        self._relying_party = relying_party
        self._clock = clock
        self._random = random
        self._emit = emit

    async def begin_registration(
        self, pool: Pool, user: User, *, account: str | None = None, challenge: str | None = None
    ) -> Ceremony:
        """Have the browser make a passkey (WebAuthn 5.4).

        Args:
            account: the name that browsers show beside the pool's; the username unless given.
            challenge: one that was begun with and not answered yet, to show its page again.

        Raises:
            Conflict: the user has as many passkeys as may be.
        """
        own = await self._own(pool, user)
        _require_room(own)
        party, challenge = self._relying_party(pool), challenge or self._random.token(32)
        name = user.attributes.get("name")
        account = account or user.username
        first = _is_first_factor(pool)
        options = {
            "rp": {"id": party.id, "name": pool.name or pool.id},
            "user": {
                "id": b64url(_user_handle(user.id)),
                "name": account,
                "displayName": name if isinstance(name, str) and name else account,
            },
            "challenge": challenge,
            "pubKeyCredParams": [{"type": "public-key", "alg": a} for a in ALGORITHMS],
            "timeout": TIMEOUT * 1000,
            "excludeCredentials": [_descriptor(c) for c in own],
            "authenticatorSelection": {
                "residentKey": "required" if first else "preferred",
                "requireResidentKey": first,
                "userVerification": "required" if first else "preferred",
            },
            "attestation": "none",
            "extensions": {"credProps": True},
        }
        return Ceremony(json.dumps(options), challenge)

    async def finish_registration(
        self, pool: Pool, user: User, challenge: str, response: str, name: str = ""
    ) -> Credential:
        """Keep the passkey that the browser made (WebAuthn 7.1). Named after its keeper unless a name is given.

        Raises:
            Invalid: the answer is malformed, or not to this challenge, origin or relying party (field `passkey`); the
                name is too long (field `name`).
            Conflict: it is registered already, or the user has as many passkeys as may be.
        """
        label = credential_name(name)
        answer, expected = read_attestation(response), _challenge(challenge)
        _require_room(await self._own(pool, user))
        party = self._relying_party(pool)
        await load()
        try:
            key = check_attestation(answer, expected, party, verify_user=_is_first_factor(pool))
        except NotProven as reason:
            details = {"factor": "passkey", "reason": f"set-up: {reason}"}
            self._emit(Event("factor.failed", pool.id, user.id, details=details))
            raise Invalid(NOT_ADDED, field="passkey", detail=str(reason)) from None
        credential = Credential(
            id=self._random.token(16),
            pool=pool.id,
            user_id=user.id,
            kind="passkey",
            name=label or friendly_name(key.aaguid),
            handle=b64url(answer.credential_id),
            public={
                "key": b64url(key.key),
                "alg": key.algorithm,
                "aaguid": key.aaguid,
                "attestation": key.format,
                "transports": list(answer.transports),
                "discoverable": answer.discoverable,
                "backup_eligible": key.backup_eligible,
                "backed_up": key.backed_up,
                "user_verified": key.user_verified,
                "rp_id": party.id,
            },
            counter=key.sign_count,
            created_at=int(self._clock()),
        )
        try:
            await self._credentials.add_credential(pool.id, credential)
        except Conflict as taken:
            raise Conflict("This passkey was added before.", detail=taken.detail) from None
        details = {"factor": "passkey", "credential": credential.id}
        self._emit(Event("factor.enrolled", pool.id, user.id, details=details))
        return credential

    async def begin_authentication(self, pool: Pool, user: User | None, *, challenge: str | None = None) -> Ceremony:
        """Have the browser sign with a passkey (WebAuthn 5.5).

        Args:
            user: whom another factor has proven already, for a second one. None for a first factor, even where a name
                was typed: naming passkeys would tell who has some.
            challenge: one that was begun with and not answered yet, to show its page again.
        """
        party, challenge = self._relying_party(pool), challenge or self._random.token(32)
        own = await self._own(pool, user) if user is not None else []
        options = {
            "rpId": party.id,
            "challenge": challenge,
            "timeout": TIMEOUT * 1000,
            "allowCredentials": [_descriptor(c) for c in own if c.public.get("rp_id") == party.id],
            "userVerification": "required" if user is None else "preferred",
        }
        return Ceremony(json.dumps(options), challenge)

    async def finish_authentication(
        self,
        pool: Pool,
        user: User | None,
        challenge: str,
        response: str,
        origin: Origin,
        *,
        client_id: str | None = None,
    ) -> PasskeyProof:
        """Whose passkey signed the challenge (WebAuthn 7.2). Whether that user may sign in is the caller's question.

        Args:
            user: as at `begin_authentication`: given, the passkey must be this user's; None, it must name its user and
                have made sure of them.

        Raises:
            Invalid: the answer is malformed (field `passkey`).
            WrongCredentials: it is nobody's passkey, not this user's, not to this challenge, origin or relying party,
                not verified where it must be, or its counter went back.
            Throttled: too many wrong answers from the address.
        """
        attempt = await self._guessing.admit_signature(pool, "passkey", origin, user=user, client_id=client_id)
        answer, expected = read_assertion(response), _challenge(challenge)
        credential = await self._credentials.credential_of_handle(pool.id, b64url(answer.credential_id))
        if credential is None or credential.kind != "passkey":
            raise await self._refused(pool, attempt, "unknown passkey")
        attempt = replace(attempt, about=credential.user_id)
        if user is not None and user.id != credential.user_id:
            raise await self._refused(pool, attempt, "passkey of another user")
        named = answer.user_handle
        if named != _user_handle(credential.user_id) and not (named is None and user is not None):
            raise await self._refused(pool, attempt, "user handle does not match")
        await load()
        party, key = self._relying_party(pool), b64url_decode(str(credential.public["key"]))
        try:
            signed = check_assertion(answer, key, expected, party, verify_user=user is None)
        except NotProven as reason:
            raise await self._refused(pool, attempt, str(reason)) from None
        if signed.backup_eligible != credential.public.get("backup_eligible"):
            raise await self._refused(pool, attempt, "backup eligibility changed")  # 7.2, step 18
        now = int(self._clock())
        if not await self._credentials.use_credential(
            pool.id, credential.id, counter=signed.sign_count, now=now, strictly=False
        ):
            details = {"credential": credential.id}
            address = origin.address
            self._emit(Event("passkey.suspicious", pool.id, credential.user_id, client_id, address, details))
            raise await self._refused(pool, attempt, "signature counter went back")
        await self._guessing.right(attempt)
        return PasskeyProof(
            credential=replace(credential, counter=signed.sign_count, last_used_at=now),
            user_id=credential.user_id,
            verified=signed.user_verified,
            device_bound=not signed.backup_eligible,
        )

    async def _own(self, pool: Pool, user: User) -> list[Credential]:
        return [c for c in await self._credentials.credentials(pool.id, user.id) if c.kind == "passkey"]

    async def _refused(self, pool: Pool, attempt: Try, reason: str) -> WrongCredentials:
        """The refusal to raise: the same whatever the reason, which is for the log."""
        await self._guessing.wrong(pool, attempt, reason)
        return WrongCredentials(REFUSED, detail=reason)


def _is_first_factor(pool: Pool) -> bool:
    """Then each new passkey must be fit for it: found without a name, and sure of its owner."""
    return "passkey" in pool.mfa.first_factors


def _require_room(own: list[Credential]) -> None:
    if len(own) >= MOST_PASSKEYS:
        raise Conflict(f"There are {MOST_PASSKEYS} passkeys already. Remove one first.")


def _descriptor(credential: Credential) -> dict[str, object]:
    """WebAuthn 5.8.3. The transports spare the person dialogues of the wrong kind."""
    found: dict[str, object] = {"type": "public-key", "id": credential.handle}
    transports = credential.public.get("transports")
    return {**found, "transports": transports} if transports else found


def _user_handle(user_id: str) -> bytes:
    """A user's id is random and tells nothing, as WebAuthn 14.6.1 asks."""
    return user_id.encode()


def _challenge(kept: str) -> bytes:
    """Raises Invalid: there is none any more, so nothing is waited for."""
    try:
        challenge = b64url_decode(kept)
    except ValueError:
        challenge = b""
    if len(challenge) < 16:  # WebAuthn 13.4.3
        raise unreadable("no challenge is open")
    return challenge
