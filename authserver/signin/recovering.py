"""A forgotten password: a code to a proven address, then a new password. The same pages for names that nobody has."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace

from authserver.accounts.links import Links
from authserver.accounts.mail_codes import MailCodes, still_reaches
from authserver.accounts.notices import Place
from authserver.accounts.password_change import PasswordChanges
from authserver.effects import Clock
from authserver.errors import CodeExpired, Conflict, Invalid, NotFound
from authserver.events import Emit, Event
from authserver.model.credentials import Medium, SentCode
from authserver.model.pools import Pool
from authserver.model.sessions import Proof, Session, SignIn
from authserver.model.users import User
from authserver.signin.keeping import NOTHING_PROVEN, Keeping
from authserver.signin.moving import Moved, Moving
from authserver.signin.origin import Origin
from authserver.signin.recovery_code import RECOVER_PAGE, send_recovery_code
from authserver.signin.situations import Situation
from authserver.signin.step_types import ChooseMedium, Recover
from authserver.store import Directory

MOST_IDENTIFIER = 320

Forgotten = Callable[[Pool, str, str | None], Awaitable[User | None]]
"""Asks other systems for somebody who is not here yet: pool, name, client_id. The user it returns is stored. May raise
Vetoed, TriggerFailed.
"""


class Recovering:
    """Lets people replace a password they forgot."""

    def __init__(
        self,
        *,
        directory: Directory,
        codes: MailCodes,
        changes: PasswordChanges,
        keeping: Keeping,
        moving: Moving,
        forgotten: Forgotten,
        links: Links,
        clock: Clock,
        emit: Emit,
    ) -> None:
        self._directory = directory
        self._codes = codes
        self._changes = changes
        self._keeping = keeping
        self._moving = moving
        self._forgotten = forgotten
        self._links = links
        self._clock = clock
        self._emit = emit

    async def begin(
        self, pool: Pool, situation: Situation, identifier: str, origin: Origin, medium: Medium | None = None
    ) -> SignIn:
        """Send a code to who has this name, if anybody has and the pool allows it.

        Raises Invalid, Throttled, Vetoed, TriggerFailed.
        """
        identifier = _name(identifier)
        user = await self._directory.find_user(pool.id, identifier, pool.sign_in_with)
        if user is None and pool.recovery.enabled:
            user = await self._forgotten(pool, identifier, situation.client.client_id)
        if user is not None and (not user.may_begin or not pool.recovery.enabled):
            user = None
        sent = await send_recovery_code(
            self._codes,
            pool,
            user,
            identifier,
            medium,
            binding=situation.sign_in.id,
            language=origin.language,
            client_name=situation.client.client_name,
            device=await self._moving.known_device(pool, user, origin),
            link=self._links.to(pool, RECOVER_PAGE),
        )
        self._emit(
            Event(
                "recovery.requested",
                pool.id,
                user.id if user is not None else None,
                situation.client.client_id,
                origin.address,
                {"medium": sent.medium},
            )
        )
        return await self._keeping.change(
            situation.sign_in,
            identifier=identifier,
            method="recover",
            code=sent.handle,
            user_id=None,
            proofs=(),
            custom=None,
            custom_asks=None,
        )

    async def ask_medium(self, situation: Situation, identifier: str) -> SignIn:
        """Note whose password it is, and have the person say where the code should go. Raises Invalid."""
        return await self._keeping.change(
            situation.sign_in, **{**NOTHING_PROVEN, "identifier": _name(identifier), "method": "recover"}
        )

    async def begin_by(self, pool: Pool, situation: Situation, medium: str, origin: Origin) -> None:
        """The person says where the code should go. Raises Invalid, Throttled, Vetoed, TriggerFailed."""
        step = situation.step
        wanted = next((m for m in step.media if m == medium), None) if isinstance(step, ChooseMedium) else None
        if wanted is None or situation.sign_in.identifier is None:
            raise Invalid("Choose one of the ways.", field="medium")
        await self.begin(pool, situation, situation.sign_in.identifier, origin, wanted)

    async def finish(
        self,
        pool: Pool,
        situation: Situation,
        code: str,
        password: str,
        origin: Origin,
        where: Place,
        session: Session | None,
    ) -> Moved:
        """The code came back with a new password. The sign-in goes on: a second factor is still asked for, and the
        code's own mailbox is none.

        Raises Invalid, WeakPassword, WrongCode, CodeExpired, Throttled, Busy.
        """
        sign_in = situation.sign_in
        if not isinstance(situation.step, Recover) or sign_in.code is None or sign_in.identifier is None:
            return Moved(situation)
        if not code.strip():
            raise Invalid("Enter the code.", field="code")
        if not password:
            raise Invalid("Enter a new password.", field="new_password")
        user = await self._directory.find_user(pool.id, sign_in.identifier, pool.sign_in_with)
        if user is not None and not user.may_begin:
            user = None
        # Judged before the code, and for nobody too: what a rule says must not depend on there being a user. What only
        # a user's own words and former passwords decide comes after the code, but before it is used up.
        await self._changes.judge(pool, None, password, (sign_in.identifier,))

        async def judge_for_the_user() -> None:
            await self._changes.judge(pool, user, password)

        sent = await self._codes.verify(
            pool,
            sign_in.code,
            code,
            purpose="recover",
            binding=sign_in.id,
            user_id=user.id if user is not None else None,
            agreed=judge_for_the_user,
        )
        if user is None or not await self._is_good(pool, user, sent):
            raise CodeExpired
        await self._changes.change(pool, user, password, where, event="password.reset")
        user = await self._directory.user(pool.id, user.id)
        if user is None:
            raise NotFound(detail="the user is gone")
        proof = Proof("email_code" if sent.medium == "email" else "sms_code", int(self._clock()))
        fresh = replace(sign_in, user_id=None, proofs=(), method=None, code=None)
        return await self._moving.proven(pool, fresh, user, proof, origin, session)

    async def of_link(self, pool: Pool, token: str) -> User | None:
        """Whose password the link of a message replaces; None if it is over. Changes nothing."""
        sent = await self._codes.peek_link(pool, token)
        if sent is None or sent.purpose != "recover" or not offers_recovery(pool):
            return None
        user = await self._directory.user(pool.id, sent.user_id or "")
        good = user is not None and user.may_begin and await self._is_good(pool, user, sent)
        return user if good else None

    async def finish_by_link(self, pool: Pool, token: str, password: str, where: Place) -> SignIn | None:
        """The link came back with a new password, from whatever browser the mail was read in. Nobody is signed in by it.
        Returns the sign-in that asked for it, if it still waits: it goes on with the new password.

        Raises Invalid, WeakPassword, CodeExpired, Busy.
        """
        if not password:
            raise Invalid("Enter a new password.", field="new_password")
        user = await self.of_link(pool, token)
        if user is None:
            raise CodeExpired
        await self._changes.judge(pool, user, password)  # before the link is used up
        sent = await self._codes.spend_link(pool, token, purpose="recover")
        await self._changes.change(pool, user, password, where, event="password.reset")
        waiting = await self._keeping.waiting(pool.id, sent.binding, int(self._clock()))
        if waiting is None or waiting.code != sent.handle:
            return None
        with suppress(Conflict):  # its own tab was faster: there it is found that the code is used
            return await self._keeping.change(waiting, method=None, code=None)
        return None

    async def _is_good(self, pool: Pool, user: User, sent: SentCode) -> bool:
        """Whether a right code is still worth something: its address is still the user's, and the password has not been
        replaced since it was sent (security reference W14).
        """
        credential = await self._directory.password(pool.id, user.id)
        return still_reaches(sent, user) and (credential is None or credential.set_at <= sent.sent_at)


def offers_recovery(pool: Pool) -> bool:
    """Whether people may replace a forgotten password by themselves."""
    return pool.recovery.enabled and "password" in pool.mfa.first_factors


def _name(identifier: str) -> str:
    """The name as it was typed. Raises Invalid if it cannot be one."""
    identifier = identifier.strip()
    if not identifier or len(identifier) > MOST_IDENTIFIER or not identifier.isprintable():
        raise Invalid("Enter the name you sign in with.", field="username")
    return identifier
