"""Proofs: what a person gives to show who they are.

Each method takes one thing that a page sent, judges it, and moves the sign-in on (`moving`).
"""

from dataclasses import replace
from typing import get_args

from authserver.accounts.confirmation import Confirmations
from authserver.accounts.mail_codes import MailCodes, still_reaches
from authserver.accounts.sign_up import Registered
from authserver.effects import Clock, Random
from authserver.errors import CodeExpired, Invalid, Throttled, WrongCode, WrongCredentials
from authserver.model.pools import FactorKind, FirstFactor, Pool
from authserver.model.sessions import Proof, Session, SignIn
from authserver.signin.challenges import Challenges, Went
from authserver.signin.factors.backup_codes import BackupCodes
from authserver.signin.factors.passkey import Passkeys
from authserver.signin.factors.totp import Totp
from authserver.signin.keeping import Keeping
from authserver.signin.levels import first_factors
from authserver.signin.moving import SENT, Moved, Moving
from authserver.signin.origin import Origin
from authserver.signin.passwords import PasswordFactor, PreAuthentication, sign_in_name
from authserver.signin.situations import Situation, Situations
from authserver.signin.step_types import AnswerChallenge, ConfirmAddress, EnterCode, EnterPassword, UsePasskey
from authserver.store import Directory

_CHOICES = frozenset({"choose", *get_args(FirstFactor), *get_args(FactorKind)})


class Proving:
    """Judges proofs."""

    def __init__(
        self,
        *,
        directory: Directory,
        moving: Moving,
        situations: Situations,
        keeping: Keeping,
        passwords: PasswordFactor,
        codes: MailCodes,
        totp: Totp,
        passkeys: Passkeys,
        backup_codes: BackupCodes,
        challenges: Challenges,
        confirmations: Confirmations,
        clock: Clock,
        random: Random,
        pre_authentication: PreAuthentication,
    ) -> None:
        self._directory = directory
        self._moving = moving
        self._situations = situations
        self._keeping = keeping
        self._passwords = passwords
        self._codes = codes
        self._totp = totp
        self._passkeys = passkeys
        self._backup_codes = backup_codes
        self._challenges = challenges
        self._confirmations = confirmations
        self._clock = clock
        self._random = random
        self._pre_authentication = pre_authentication

    def _now(self) -> int:
        return int(self._clock())

    # ----------------------------------------------------------------------------------------- what is given

    async def password(
        self, pool: Pool, situation: Situation, password: str, origin: Origin, session: Session | None
    ) -> Moved:
        """The person gives the password. Raises Invalid, WrongCredentials, Throttled, Busy, Vetoed, SignInGone."""
        sign_in, step = situation.sign_in, situation.step
        if isinstance(step, EnterPassword) and step.custom:
            went = await self._challenges.password(pool, sign_in, password, origin)
            return await self._went(pool, went, origin, session)
        if "password" not in first_factors(pool, situation.client):
            raise Invalid("Start again.", field="password")
        if not password:
            raise Invalid("Enter your password.", field="password")
        if sign_in.identifier is None:
            raise Invalid("Enter the name you sign in with.", field="username")
        client_id = sign_in.request.client_id
        right = await self._passwords.prove(pool, sign_in.identifier, password, origin, client_id)
        proof = Proof("password", self._now(), stamp=right.stamp)
        return await self._moving.proven(pool, sign_in, right.user, proof, origin, session)

    async def answer(
        self, pool: Pool, situation: Situation, answer: str, origin: Origin, session: Session | None
    ) -> Moved:
        """The person answers the challenge of the pool's triggers. Raises Invalid, WrongCode (there is another question),
        WrongCredentials, Throttled, TriggerFailed, Vetoed.
        """
        if not isinstance(situation.step, AnswerChallenge):
            return Moved(situation)
        if not situation.step.begun:
            return await self._moving.resume(pool, situation.sign_in, origin, session)
        went = await self._challenges.answer(pool, situation.sign_in, answer, origin)
        return await self._went(pool, went, origin, session)

    async def _went(self, pool: Pool, went: Went, origin: Origin, session: Session | None) -> Moved:
        if went.user is not None:
            *before, last = went.proofs
            return await self._moving.proven(
                pool, went.stored, went.user, last, origin, session, together=tuple(before)
            )
        moved = await self._moving.advance(pool, went.stored, went.candidate, origin, session)
        if went.wrong:
            raise WrongCode
        return moved

    async def code(
        self, pool: Pool, situation: Situation, code: str, origin: Origin, session: Session | None, *, remember: bool
    ) -> Moved:
        """The person gives a code, of whatever kind the step asks for. Raises Invalid, WrongCode, CodeExpired,
        Throttled, Vetoed, TriggerFailed.
        """
        sign_in, step = situation.sign_in, situation.step
        if not isinstance(step, EnterCode):
            return Moved(situation)
        if not code.strip():
            raise Invalid("Enter the code.", field="code")
        user = situation.user if step.second else await self._moving.named(pool, step.identifier)
        if not step.second:
            await self._pre_authentication(pool, user, sign_in.request.client_id)
        if step.method in SENT:
            sent = await self._codes.verify(
                pool,
                sign_in.code or "",
                code,
                purpose="factor" if step.second else "sign_in",
                binding=sign_in.id,
                user_id=user.id if user is not None else None,
            )
            if user is None or not still_reaches(sent, user):
                raise CodeExpired(detail="the address is another one by now")
        elif user is None:
            raise Invalid("Start again.", field="code")
        elif step.method == "totp":
            await self._totp.prove(pool, user, code, origin, client_id=sign_in.request.client_id)
        else:
            await self._backup_codes.prove(pool, user, code, origin, client_id=sign_in.request.client_id)
        proof = Proof(step.method, self._now())
        days = step.remember_days if remember else 0
        return await self._moving.proven(pool, sign_in, user, proof, origin, session, remember_days=days)

    async def passkey(
        self,
        pool: Pool,
        situation: Situation,
        response: str,
        origin: Origin,
        session: Session | None,
        *,
        remember: bool = False,
    ) -> Moved:
        """The person's authenticator signed the challenge of this sign-in (WebAuthn 7.2), on the passkey step or from
        autofill on the first page. Raises Invalid, WrongCredentials, Throttled, Vetoed, TriggerFailed.
        """
        sign_in, step = situation.sign_in, situation.step
        challenge = sign_in.challenge
        second = isinstance(step, UsePasskey) and step.second
        if challenge is None or not (second or "passkey" in first_factors(pool, situation.client)):
            raise Invalid("Start again.", field="credential")
        # The challenge goes first: it may be answered once, whatever the answer is worth.
        sign_in = await self._keeping.change(sign_in, challenge=self._random.token(32))
        asked = situation.user if second else None
        proven = await self._passkeys.finish_authentication(
            pool, asked, challenge, response, origin, client_id=sign_in.request.client_id
        )
        user = await self._directory.user(pool.id, proven.user_id)
        if user is None or not (user.may_go_on if second else user.may_begin):
            raise WrongCredentials
        if not second:
            await self._pre_authentication(pool, user, sign_in.request.client_id)
        proof = Proof("passkey", self._now(), verified=proven.verified, device_bound=proven.device_bound)
        days = step.remember_days if remember and isinstance(step, UsePasskey) else 0
        return await self._moving.proven(pool, sign_in, user, proof, origin, session, remember_days=days)

    async def confirm(
        self, pool: Pool, situation: Situation, code: str, origin: Origin, session: Session | None
    ) -> Moved:
        """The person gives the code that was sent to a new account's address. Raises as `code`."""
        sign_in = situation.sign_in
        if not code.strip():
            raise Invalid("Enter the code.", field="code")
        sent = await self._codes.verify(
            pool, sign_in.code or "", code, purpose="confirm", binding=sign_in.id, user_id=sign_in.user_id
        )
        if situation.user is None:
            raise WrongCredentials  # no code matches where there is no account
        await self._confirmations.confirmed(pool, situation.user, sent, sign_in.request.client_id)
        # Who registered without a password has proven this much.
        proof = Proof("email_code" if sent.medium == "email" else "sms_code", self._now())
        moved = replace(sign_in, code=None, method=None, proofs=sign_in.proofs or (proof,))
        return await self._moving.advance(pool, sign_in, moved, origin, session)

    async def registered(
        self, pool: Pool, situation: Situation, registered: Registered, origin: Origin, session: Session | None
    ) -> Moved:
        """The person has just created an account: its password, if it has one, counts as given."""
        user, set_at = registered.user, registered.set_at
        candidate = replace(
            situation.sign_in,
            authentication=None,
            user_id=user.id,
            proofs=(Proof("password", self._now(), stamp=set_at),) if set_at is not None else (),
            risks=(),
            method="confirm",
            code=None,
            other_account=True,
            identifier=registered.target or sign_in_name(user, pool) or user.username,
        )
        try:
            return await self._moving.advance(pool, situation.sign_in, candidate, origin, session)
        except Throttled:
            # The account is there, so the form is not shown again: the next page can send the code later.
            kept = await self._keeping.change(candidate)
            return Moved(await self._situations.of(pool, kept, session))

    # ---------------------------------------------------------------------------------------- what is chosen

    async def choose(
        self, pool: Pool, situation: Situation, method: str, origin: Origin, session: Session | None
    ) -> Moved:
        """The person chooses the factor to give next; "choose" asks for the list. A code is sent where one is needed.
        Raises Invalid, Throttled.
        """
        if method not in _CHOICES:
            raise Invalid("Choose one of the ways.", field="method")
        chosen = replace(situation.sign_in, method=method, code=None, challenge=None, custom=None, custom_asks=None)
        return await self._moving.advance(pool, situation.sign_in, chosen, origin, session)

    async def resend(self, pool: Pool, situation: Situation, origin: Origin) -> SignIn:
        """Send the code of this step once more. Raises Throttled."""
        sign_in, step = situation.sign_in, situation.step
        if isinstance(step, EnterCode) and step.method in SENT:
            return await self._keeping.change(sign_in, code=await self._moving.send(pool, situation, step, origin))
        if isinstance(step, ConfirmAddress):
            return await self._keeping.change(
                sign_in, code=await self._moving.send_confirmation(pool, situation, origin)
            )
        return sign_in

    async def passkey_options(self, pool: Pool, situation: Situation) -> str | None:
        """What the browser needs for this sign-in's challenge, as JSON; None if there is none."""
        challenge, step = situation.sign_in.challenge, situation.step
        if challenge is None:
            return None
        user = situation.user if isinstance(step, UsePasskey) and step.second else None
        ceremony = await self._passkeys.begin_authentication(pool, user, challenge=challenge)
        return ceremony.options
