"""Proofs: what a person gives to show who they are, and the session that opens once it is enough.

Each method takes one thing that a page sent, judges it, and moves the sign-in on. What comes next is the dispatcher's
word (`steps.next_step`); when that is `Open`, the session is opened here, and nowhere else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import get_args

from authserver.accounts.closing import Closing
from authserver.accounts.confirmation import Confirmations
from authserver.accounts.mail_codes import MailCodes, still_reaches
from authserver.accounts.password_change import PasswordChanges
from authserver.accounts.sign_up import Registered
from authserver.effects import Clock, Random
from authserver.errors import CodeExpired, Conflict, Invalid, Throttled, WrongCredentials
from authserver.model.credentials import Medium
from authserver.model.pools import FactorKind, FirstFactor, Pool
from authserver.model.sessions import Proof, Session, SignIn
from authserver.model.users import User
from authserver.signin.enrolling import Enrolling
from authserver.signin.factors.backup_codes import BackupCodes
from authserver.signin.factors.guessing import Guessing
from authserver.signin.factors.passkey import Passkeys
from authserver.signin.factors.summary import amr
from authserver.signin.factors.totp import Totp
from authserver.signin.keeping import Keeping
from authserver.signin.origin import Origin
from authserver.signin.passwords import PasswordFactor, sign_in_name
from authserver.signin.recovery_code import proven_address, send_recovery_code
from authserver.signin.sessions import BrowserSessions
from authserver.signin.situations import Situation, Situations
from authserver.signin.steps import (
    Blocked,
    ConfirmAddress,
    Enrol,
    EnterCode,
    KeepAccount,
    Open,
    Recover,
    SetPassword,
    UsePasskey,
    authentication_of,
)
from authserver.signin.watch import Watch
from authserver.store import Directory

SENT: Mapping[str, Medium] = {"email_code": "email", "sms_code": "sms"}
"""The methods whose code we send, and how."""

_CHOICES = frozenset({"choose", *get_args(FirstFactor), *get_args(FactorKind)})


@dataclass(frozen=True, slots=True)
class Moved:
    """Where the sign-in stands now; `secret` is that of the cookie of a session that was opened."""

    situation: Situation
    secret: str | None = None


class Proving:
    """Judges proofs and opens sessions."""

    def __init__(
        self,
        *,
        directory: Directory,
        situations: Situations,
        keeping: Keeping,
        sessions: BrowserSessions,
        passwords: PasswordFactor,
        codes: MailCodes,
        totp: Totp,
        passkeys: Passkeys,
        backup_codes: BackupCodes,
        guessing: Guessing,
        watch: Watch,
        confirmations: Confirmations,
        changes: PasswordChanges,
        closing: Closing,
        enrolling: Enrolling,
        clock: Clock,
        random: Random,
    ) -> None:
        self._directory = directory
        self._situations = situations
        self._keeping = keeping
        self._sessions = sessions
        self._passwords = passwords
        self._codes = codes
        self._totp = totp
        self._passkeys = passkeys
        self._backup_codes = backup_codes
        self._guessing = guessing
        self._watch = watch
        self._confirmations = confirmations
        self._changes = changes
        self._closing = closing
        self._enrolling = enrolling
        self._clock = clock
        self._random = random

    def _now(self) -> int:
        return int(self._clock())

    # ----------------------------------------------------------------------------------------- what is given

    async def password(
        self, pool: Pool, sign_in: SignIn, password: str, origin: Origin, session: Session | None
    ) -> Moved:
        """The person gives the password. Raises Invalid, WrongCredentials, Throttled, Busy, Vetoed, SignInGone."""
        if not password:
            raise Invalid("Enter your password.", field="password")
        if sign_in.identifier is None:
            raise Invalid("Enter the name you sign in with.", field="username")
        client_id = sign_in.request.client_id
        right = await self._passwords.prove(pool, sign_in.identifier, password, origin, client_id)
        proof = Proof("password", self._now(), stamp=right.stamp)
        return await self.proven(pool, sign_in, right.user, proof, origin, session)

    async def code(
        self, pool: Pool, situation: Situation, code: str, origin: Origin, session: Session | None, *, remember: bool
    ) -> Moved:
        """The person gives a code, of whatever kind the step asks for. Raises Invalid, WrongCode, CodeExpired,
        Throttled.
        """
        sign_in, step = situation.sign_in, situation.step
        if not isinstance(step, EnterCode):
            return Moved(situation)
        if not code.strip():
            raise Invalid("Enter the code.", field="code")
        user = situation.user if step.second else await self._named(pool, step.identifier)
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
        return await self.proven(pool, sign_in, user, proof, origin, session, remember_days=days)

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
        autofill on the first page. Raises Invalid, WrongCredentials, Throttled.
        """
        sign_in, step = situation.sign_in, situation.step
        challenge = sign_in.challenge
        second = isinstance(step, UsePasskey) and step.second
        if challenge is None or not (second or "passkey" in pool.mfa.first_factors):
            raise Invalid("Start again.", field="credential")
        # The challenge goes first: it may be answered once, whatever the answer is worth.
        sign_in = await self._keeping.change(sign_in, challenge=self._random.token(32))
        asked = situation.user if second else None
        proven = await self._passkeys.finish_authentication(
            pool, asked, challenge, response, origin, client_id=sign_in.request.client_id
        )
        user = await self._directory.user(pool.id, proven.user_id)
        if user is None or not user.may_begin:
            raise WrongCredentials
        proof = Proof("passkey", self._now(), verified=proven.verified, device_bound=proven.device_bound)
        days = step.remember_days if remember and isinstance(step, UsePasskey) else 0
        return await self.proven(pool, sign_in, user, proof, origin, session, remember_days=days)

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
        return await self._advance(pool, sign_in, moved, origin, session)

    async def set_password(
        self, pool: Pool, situation: Situation, password: str, origin: Origin, session: Session | None
    ) -> Moved:
        """The person replaces a temporary password. Raises Invalid, WeakPassword, Busy."""
        if not isinstance(situation.step, SetPassword) or situation.user is None:
            return Moved(situation)
        stamp = await self._changes.change(pool, situation.user, password)
        kept = tuple(replace(p, stamp=stamp) if p.method == "password" else p for p in situation.sign_in.proofs)
        return await self._advance(pool, situation.sign_in, replace(situation.sign_in, proofs=kept), origin, session)

    async def keep_account(self, pool: Pool, situation: Situation, origin: Origin, session: Session | None) -> Moved:
        """The person takes the deletion of the account back."""
        if isinstance(situation.step, KeepAccount) and situation.user is not None:
            await self._closing.cancel(pool, situation.user)
        return await self.resume(pool, situation.sign_in, origin, session)

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
            return await self._advance(pool, situation.sign_in, candidate, origin, session)
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
        chosen = replace(situation.sign_in, method=method, code=None, challenge=None)
        return await self._advance(pool, situation.sign_in, chosen, origin, session)

    async def resend(self, pool: Pool, situation: Situation, origin: Origin) -> SignIn:
        """Send the code of this step once more. Raises Throttled."""
        sign_in, step = situation.sign_in, situation.step
        if isinstance(step, EnterCode) and step.method in SENT:
            return await self._keeping.change(sign_in, code=await self._send(pool, situation, step, origin))
        if isinstance(step, ConfirmAddress):
            return await self._keeping.change(sign_in, code=await self._send_confirmation(pool, situation, origin))
        return sign_in

    async def passkey_options(self, pool: Pool, situation: Situation) -> str | None:
        """What the browser needs for this sign-in's challenge, as JSON; None if there is none."""
        challenge, step = situation.sign_in.challenge, situation.step
        if challenge is None:
            return None
        user = situation.user if isinstance(step, UsePasskey) and step.second else None
        ceremony = await self._passkeys.begin_authentication(pool, user, challenge=challenge)
        return ceremony.options

    # ------------------------------------------------------------------------------------------ setting up

    async def enrol(self, pool: Pool, situation: Situation, kind: str, origin: Origin) -> SignIn:
        """The person chooses the factor to set up. Raises Invalid, Conflict, Throttled."""
        step, user = situation.step, situation.user
        if not isinstance(step, Enrol) or user is None or kind not in step.choices:
            raise Invalid("Choose one of the factors.", field="method")
        sign_in = situation.sign_in
        state = await self._enrolling.begin(
            pool,
            user,
            kind,
            binding=sign_in.id,
            language=origin.language,
            client_name=situation.client.client_name,
        )
        return await self._keeping.change(sign_in, enrolling=kind, enrolment=state)

    async def enrol_none(self, situation: Situation) -> SignIn:
        """Back to the choice of factors to set up."""
        return await self._keeping.change(situation.sign_in, enrolling=None, enrolment=None)

    async def accept_invitation(self, pool: Pool, situation: Situation, origin: Origin) -> SignIn:
        """The person wants a passkey."""
        if situation.user is None:
            raise Invalid("Start again.", field="method")
        state = await self._enrolling.begin(
            pool, situation.user, "passkey", binding=situation.sign_in.id, language=origin.language
        )
        return await self._keeping.change(situation.sign_in, enrolling="passkey", enrolment=state)

    async def decline_enrolment(self, situation: Situation) -> SignIn:
        """The person leaves an invitation that was taken."""
        declined = (*situation.sign_in.declined, "passkey")
        return await self._keeping.change(situation.sign_in, enrolling=None, enrolment=None, declined=declined)

    async def enrolled(
        self, pool: Pool, situation: Situation, answer: str, name: str, origin: Origin, session: Session | None
    ) -> tuple[Moved, tuple[str, ...]]:
        """The person showed that the new factor works: it counts as proven. Returns backup codes too, if they are due.

        Raises Invalid, Conflict, WrongCode, CodeExpired, Throttled.
        """
        sign_in, step, user = situation.sign_in, situation.step, situation.user
        if not isinstance(step, Enrol) or step.chosen is None or sign_in.enrolment is None or user is None:
            raise Invalid("Start again.", field="method")
        if step.chosen == "passkey":  # its challenge may be answered once
            challenge = self._random.token(32)
            sign_in = await self._keeping.change(sign_in, enrolment=challenge)
        proof = await self._enrolling.finish(
            pool, user, step.chosen, situation.sign_in.enrolment or "", answer, name, binding=sign_in.id
        )
        codes = await self._enrolling.backup_codes_due(pool, user)
        done = replace(sign_in, enrolling=None, enrolment=None)
        if not step.required:
            kept = await self._keeping.change(
                sign_in, enrolling=None, enrolment=None, declined=(*sign_in.declined, "passkey")
            )
            return Moved(await self._situations.of(pool, kept, session)), codes
        return await self.proven(pool, done, user, proof, origin, session), codes

    # ------------------------------------------------------------------------------------------ moving on

    async def proven(
        self,
        pool: Pool,
        sign_in: SignIn,
        user: User,
        proof: Proof,
        origin: Origin,
        session: Session | None,
        *,
        remember_days: int = 0,
    ) -> Moved:
        """A factor of this user was proven: add it to those before, and go on."""
        same = sign_in.user_id == user.id and sign_in.authentication is None
        before = sign_in.proofs if same else ()
        risks = sign_in.risks if before else await self._watch.signals(pool, user, origin)
        candidate = replace(
            sign_in,
            authentication=None,
            user_id=user.id,
            proofs=(*before, proof),
            risks=risks,
            method=None,
            code=None,
            challenge=None,
            enrolling=None,
            enrolment=None,
        )
        return await self._advance(pool, sign_in, candidate, origin, session, remember_days=remember_days)

    async def reopen(self, pool: Pool, session: Session, origin: Origin) -> str:
        """A session in place of one that just ended with all the others, because its own person changed the password.
        Returns the secret of its cookie.
        """
        opened, secret = await self._sessions.open(pool, session.authentication, None, origin, session.place)
        await self._watch.remember(pool, opened.authentication.user_id, origin)
        return secret

    async def resume(self, pool: Pool, sign_in: SignIn, origin: Origin, session: Session | None) -> Moved:
        """Go on with what is proven, as when the account was confirmed from another browser."""
        return await self._advance(pool, sign_in, sign_in, origin, session)

    async def _advance(
        self,
        pool: Pool,
        stored: SignIn,
        candidate: SignIn,
        origin: Origin,
        session: Session | None,
        *,
        remember_days: int = 0,
    ) -> Moved:
        """Store the candidate in place of what is stored, once it is known what it leads to."""
        situation = await self._situations.of(pool, candidate, session)
        step = situation.step
        if candidate.proofs and situation.user is None:
            raise WrongCredentials  # disabled or deleted meanwhile
        if isinstance(step, Open):
            return await self._open(pool, stored, replace(situation, sign_in=candidate), step, origin, remember_days)
        if isinstance(step, EnterCode) and step.method in SENT and candidate.code is None:
            candidate = replace(candidate, method=step.method, code=await self._send(pool, situation, step, origin))
        elif isinstance(step, ConfirmAddress) and candidate.code is None:
            candidate = replace(candidate, code=await self._send_confirmation(pool, situation, origin))
        elif isinstance(step, Recover) and step.demanded:
            candidate = await self._to_recovery(pool, situation, candidate, origin)
        if isinstance(step, UsePasskey) and candidate.challenge is None:
            candidate = replace(candidate, challenge=self._random.token(32))
        if isinstance(step, Blocked) and candidate.proofs != stored.proofs:
            await self._watch.blocked(pool, situation.user, candidate, origin, situation.client.client_name)
        if candidate is stored:
            return Moved(situation)
        kept = await self._keeping.change(replace(candidate, version=stored.version))
        return Moved(replace(situation, sign_in=kept))

    async def _send(self, pool: Pool, situation: Situation, step: EnterCode, origin: Origin) -> str:
        """Send the code of this step, or, for a name that nobody has, do what looks the same. Returns its handle."""
        user = situation.user if step.second else await self._named(pool, step.identifier)
        medium = SENT[step.method]
        target = proven_address(user, medium)
        device = await self.known_device(pool, user, origin)
        sent = await self._codes.send(
            pool,
            purpose="factor" if step.second else "sign_in",
            user=user if target is not None else None,
            medium=medium,
            target=target or step.identifier,
            binding=situation.sign_in.id,
            language=origin.language,
            client_name=situation.client.client_name,
            device=device,
        )
        return sent.handle

    async def _send_confirmation(self, pool: Pool, situation: Situation, origin: Origin) -> str:
        """Send the code that confirms a new account; where that is no more, do what looks the same."""
        sent = await self._confirmations.send(
            pool,
            situation.user,
            binding=situation.sign_in.id,
            language=origin.language,
            client_name=situation.client.client_name,
            target=situation.sign_in.identifier or "",
        )
        return sent.handle

    async def _to_recovery(self, pool: Pool, situation: Situation, candidate: SignIn, origin: Origin) -> SignIn:
        """The password has to be replaced before it is good for anything: from here on it is as if it was forgotten."""
        user = situation.user
        known_as = (sign_in_name(user, pool) or user.username) if user is not None else ""
        identifier = candidate.identifier or known_as
        sent = await send_recovery_code(
            self._codes,
            pool,
            user,
            identifier,
            None,
            binding=candidate.id,
            language=origin.language,
            client_name=situation.client.client_name,
            device=await self.known_device(pool, user, origin),
        )
        return replace(
            candidate, identifier=identifier, method="recover", code=sent.handle, user_id=None, proofs=(), risks=()
        )

    async def _open(
        self, pool: Pool, stored: SignIn, situation: Situation, step: Open, origin: Origin, remember_days: int
    ) -> Moved:
        """Open the session. Whatever could take back what was proven is looked at once the session is there, for whoever
        takes it back ends the sessions after (decisions 13).
        """
        candidate, client, session = situation.sign_in, situation.client, situation.session
        await self._watch.may_enter(pool, step.user_id, client.client_id, origin)
        authentication = authentication_of(pool, step.user_id, step.proofs, amr(step.proofs))
        try:
            moved = await self._keeping.change(
                replace(candidate, version=stored.version), authentication=authentication, method=None, code=None
            )
        except Conflict:
            # Sent twice, and the other one was faster. The browser has dropped the answer to that, cookie and all, so
            # this proof must open a session of its own.
            moved = replace(candidate, authentication=authentication)
        where = self._watch.where(origin) if origin.user_agent else None
        opened, secret = await self._sessions.open(
            pool, authentication, session, origin, where.place if where is not None else ""
        )
        if not await self._still_holds(pool, step):
            await self._sessions.end(pool, opened)
            raise WrongCredentials
        # Only now, and not after one right factor of several, or whoever knows one could guess at the next without end.
        await self._guessing.forget(pool, step.user_id)
        await self._watch.entered(
            pool,
            step.user_id,
            client.client_id,
            client.client_name,
            origin,
            opened,
            moved.risks,
            remember_days,
        )
        return Moved(await self._situations.of(pool, moved, opened), secret)

    async def _still_holds(self, pool: Pool, step: Open) -> bool:
        """Whether what was proven is true now: a hashing takes long enough for a password to be replaced, or a user
        disabled, meanwhile.
        """
        user = await self._directory.user(pool.id, step.user_id)
        if user is None or not user.can_sign_in:
            return False
        for proof in step.proofs:
            if proof.method == "password":
                credential = await self._directory.password(pool.id, step.user_id)
                if credential is None or credential.set_at != proof.stamp:
                    return False
        return True

    async def known_device(self, pool: Pool, user: User | None, origin: Origin) -> str | None:
        """The browser, if it signed this user in before."""
        return await self._watch.known_device(pool, user, origin)

    async def _named(self, pool: Pool, identifier: str) -> User | None:
        """Who has this name and may sign in."""
        user = await self._directory.find_user(pool.id, identifier, pool.sign_in_with)
        return user if user is not None and user.may_begin else None
