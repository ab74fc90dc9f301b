"""How a sign-in goes on, and the session that opens once enough is proven.

What comes next is the dispatcher's word (`steps.next_step`); what the step needs before its page can be shown, such as a
code that is sent, is done here. When the word is `Open`, the session is opened here, and nowhere else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from authserver.accounts.confirmation import Confirmations
from authserver.accounts.links import Links
from authserver.accounts.mail_codes import MailCodes
from authserver.effects import Random
from authserver.errors import Conflict, WrongCredentials
from authserver.model.credentials import Medium
from authserver.model.pools import Pool
from authserver.model.sessions import Proof, Session, SignIn
from authserver.model.users import User
from authserver.signin.challenges import Challenges
from authserver.signin.factors.guessing import Guessing
from authserver.signin.factors.summary import amr
from authserver.signin.joining import Joining
from authserver.signin.keeping import Keeping
from authserver.signin.levels import authentication_of
from authserver.signin.origin import Origin
from authserver.signin.passwords import sign_in_name
from authserver.signin.recovery_code import RECOVER_PAGE, proven_address, send_recovery_code
from authserver.signin.sessions import BrowserSessions
from authserver.signin.situations import Situation, Situations
from authserver.signin.step_types import (
    AnswerChallenge,
    Blocked,
    ConfirmAddress,
    EnterCode,
    Open,
    Recover,
    UsePasskey,
)
from authserver.signin.upstream import UpstreamSessions
from authserver.signin.watch import Watch
from authserver.store import Directory, Identities

SENT: Mapping[str, Medium] = {"email_code": "email", "sms_code": "sms"}
"""The methods whose code we send, and how."""


@dataclass(frozen=True, slots=True)
class Moved:
    """Where the sign-in stands now; `secret` is that of the cookie of a session that was opened."""

    situation: Situation
    secret: str | None = None


class Moving:
    """Moves sign-ins on."""

    def __init__(
        self,
        *,
        directory: Directory,
        situations: Situations,
        keeping: Keeping,
        sessions: BrowserSessions,
        codes: MailCodes,
        guessing: Guessing,
        watch: Watch,
        confirmations: Confirmations,
        challenges: Challenges,
        links: Links,
        joining: Joining,
        upstream: UpstreamSessions,
        identities: Identities,
        random: Random,
    ) -> None:
        self._directory = directory
        self._situations = situations
        self._keeping = keeping
        self._sessions = sessions
        self._codes = codes
        self._guessing = guessing
        self._watch = watch
        self._confirmations = confirmations
        self._challenges = challenges
        self._links = links
        self._joining = joining
        self._upstream = upstream
        self._identities = identities
        self._random = random

    async def proven(
        self,
        pool: Pool,
        sign_in: SignIn,
        user: User,
        proof: Proof,
        origin: Origin,
        session: Session | None,
        *,
        together: tuple[Proof, ...] = (),
        remember_days: int = 0,
    ) -> Moved:
        """A factor of this user was proven, `together` with others just before: add them to what is proven, and go on."""
        same = sign_in.user_id == user.id and sign_in.authentication is None
        before = sign_in.proofs if same else ()
        risks = sign_in.risks if before else await self._watch.signals(pool, user, origin)
        candidate = replace(
            sign_in,
            authentication=None,
            user_id=user.id,
            proofs=(*before, *together, proof),
            risks=risks,
            method=None,
            code=None,
            challenge=None,
            custom=None,
            custom_asks=None,
            enrolling=None,
            enrolment=None,
            provider=None,
            trouble=None,
        )
        if not same and proof.method != "federated":
            candidate = replace(candidate, upstream=None)  # of whoever came before
        if candidate.joining_user != user.id:
            candidate = replace(candidate, joining=None, joining_by=None, joining_user=None)
        return await self.advance(pool, sign_in, candidate, origin, session, remember_days=remember_days)

    async def resume(self, pool: Pool, sign_in: SignIn, origin: Origin, session: Session | None) -> Moved:
        """Go on with what is proven, as when the account was confirmed from another browser."""
        return await self.advance(pool, sign_in, sign_in, origin, session)

    async def advance(
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
        if isinstance(step, AnswerChallenge) and not step.begun:
            device = await self.known_device(pool, await self.named(pool, step.identifier), origin)
            candidate = await self._challenges.begin(pool, stored, candidate, device)
            situation = await self._situations.of(pool, candidate, session)
            step = situation.step
        if isinstance(step, Open):
            return await self._open(pool, stored, replace(situation, sign_in=candidate), step, origin, remember_days)
        if isinstance(step, EnterCode) and step.method in SENT and candidate.code is None:
            candidate = replace(candidate, method=step.method, code=await self.send(pool, situation, step, origin))
        elif isinstance(step, ConfirmAddress) and candidate.code is None:
            candidate = replace(candidate, code=await self.send_confirmation(pool, situation, origin))
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

    async def send(self, pool: Pool, situation: Situation, step: EnterCode, origin: Origin) -> str:
        """Send the code of this step, or, for a name that nobody has, do what looks the same. Returns its handle."""
        user = situation.user if step.second else await self.named(pool, step.identifier)
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

    async def send_confirmation(self, pool: Pool, situation: Situation, origin: Origin) -> str:
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
            link=self._links.to(pool, RECOVER_PAGE),
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
        place = where.place if where is not None else ""
        opened, secret = await self._sessions.open(pool, authentication, session, origin, place, candidate.upstream)
        await self._upstream.note(pool, step.user_id, candidate.upstream)
        if not await self._still_holds(pool, step):
            await self._sessions.end(pool, opened)
            raise WrongCredentials
        # And not before: the owner may just have locked out who knew the old password, and a login that is joined stays.
        await self._joining.join(pool, candidate, step.user_id)
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
            if proof.method == "federated":
                linked = await self._identities.identities(pool.id, step.user_id)
                if proof.provider not in {one.provider for one in linked}:
                    return False
        return True

    async def reopen(self, pool: Pool, session: Session, origin: Origin) -> str:
        """A session in place of one that just ended with all the others, because its own person changed the password.
        Returns the secret of its cookie.
        """
        opened, secret = await self._sessions.open(pool, session.authentication, None, origin, session.place)
        await self._watch.remember(pool, opened.authentication.user_id, origin)
        return secret

    async def known_device(self, pool: Pool, user: User | None, origin: Origin) -> str | None:
        """The browser, if it signed this user in before."""
        return await self._watch.known_device(pool, user, origin)

    async def named(self, pool: Pool, identifier: str) -> User | None:
        """Who has this name and may sign in."""
        user = await self._directory.find_user(pool.id, identifier, pool.sign_in_with)
        return user if user is not None and user.may_begin else None
