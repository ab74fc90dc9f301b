"""What the account itself still needs in the course of a sign-in: a password of one's own, a decision about its deletion,
agreement to the terms, attributes that are missing.
"""

from collections.abc import Mapping
from dataclasses import replace

from authserver.accounts.closing import Closing
from authserver.accounts.invited import InvitedAddresses
from authserver.accounts.password_change import PasswordChanges
from authserver.accounts.profile import Profile
from authserver.effects import Clock
from authserver.events import Emit, Event
from authserver.model.pools import Pool
from authserver.model.sessions import Session
from authserver.signin.keeping import Keeping
from authserver.signin.moving import Moved, Moving
from authserver.signin.origin import Origin
from authserver.signin.refusing import Refusals
from authserver.signin.situations import Situation
from authserver.signin.step_types import AgreeToTerms, CompleteProfile, KeepAccount, SetPassword
from authserver.store import Directory

_DECLINED = "The person did not agree to the terms."


class Duties:
    """Takes note of what people do about their accounts."""

    def __init__(
        self,
        *,
        directory: Directory,
        moving: Moving,
        keeping: Keeping,
        changes: PasswordChanges,
        closing: Closing,
        profile: Profile,
        invited: InvitedAddresses,
        refusals: Refusals,
        clock: Clock,
        emit: Emit,
    ) -> None:
        self._directory = directory
        self._moving = moving
        self._keeping = keeping
        self._changes = changes
        self._closing = closing
        self._profile = profile
        self._invited = invited
        self._refusals = refusals
        self._clock = clock
        self._emit = emit

    async def set_password(
        self, pool: Pool, situation: Situation, password: str, origin: Origin, session: Session | None
    ) -> Moved:
        """The person replaces a temporary password. Raises Invalid, WeakPassword, Busy."""
        if not isinstance(situation.step, SetPassword) or situation.user is None:
            return Moved(situation)
        stamp = await self._changes.change(pool, situation.user, password)
        for proof in situation.sign_in.proofs:
            if proof.method == "password":
                await self._invited.prove(pool, situation.user, proof.stamp)
        kept = tuple(replace(p, stamp=stamp) if p.method == "password" else p for p in situation.sign_in.proofs)
        changed = replace(situation.sign_in, proofs=kept)
        return await self._moving.advance(pool, situation.sign_in, changed, origin, session)

    async def keep_account(self, pool: Pool, situation: Situation, origin: Origin, session: Session | None) -> Moved:
        """The person takes the deletion of the account back."""
        if isinstance(situation.step, KeepAccount) and situation.user is not None:
            await self._closing.cancel(pool, situation.user)
        return await self._moving.resume(pool, situation.sign_in, origin, session)

    async def agree(self, pool: Pool, situation: Situation) -> None:
        """The person agrees to the pool's terms."""
        user = situation.user
        if not isinstance(situation.step, AgreeToTerms) or user is None:
            return
        now = int(self._clock())
        await self._directory.change_user(
            pool.id, user.id, lambda stored: replace(stored, accepted_terms_at=now, updated_at=now)
        )
        self._emit(Event("terms.accepted", pool.id, user.id, situation.sign_in.request.client_id))

    async def decline(self, issuer: str, situation: Situation) -> str:
        """The person does not: the sign-in ends here. Returns the URI that tells the client (RFC 6749 4.1.2.1).

        Raises Conflict if the sign-in moved on meanwhile; ProtocolRefusal where no client waits for it.
        """
        sign_in, user = situation.sign_in, situation.user
        await self._keeping.change(sign_in, status="finished")
        user_id = user.id if user is not None else None
        self._emit(Event("terms.declined", sign_in.pool, user_id, sign_in.request.client_id))
        return await self._refusals.tell(issuer, sign_in, situation.client, "access_denied", _DECLINED)

    async def complete(self, pool: Pool, situation: Situation, form: Mapping[str, str]) -> None:
        """The person fills in what is missing. Raises InvalidForm."""
        step, user = situation.step, situation.user
        if isinstance(step, CompleteProfile) and user is not None:
            await self._profile.fill(pool, user, step.fields, form)
