"""A pool's own way to sign in: its triggers define, create and verify challenges (Cognito's CUSTOM_AUTH).

What was answered so far is sealed into the sign-in, bound to its id and to whom the name belonged when it began, so that
it is worth nothing elsewhere. A name that nobody has takes the same way, and ends nowhere.
"""

from dataclasses import dataclass, replace
from typing import NoReturn, TypeVar

from authserver.crypto.secrets import digest
from authserver.effects import Clock
from authserver.errors import CodeExpired, Invalid, Refusal, Throttled, TriggerFailed, WrongCredentials
from authserver.events import Emit, Event
from authserver.model.pools import Pool
from authserver.model.sessions import Proof, SignIn
from authserver.model.users import User, fold
from authserver.signin.challenge_state import MOST_ROUNDS, ChallengeState, ChallengeStates, asked_of, begun_key
from authserver.signin.factors.guessing import Guessing, Try
from authserver.signin.keeping import STARTED_OVER, Keeping
from authserver.signin.origin import Origin
from authserver.signin.passwords import PasswordFactor, PreAuthentication
from authserver.store import Counters, Directory
from authserver.triggers import Triggers
from authserver.triggers.answers import Challenge
from authserver.triggers.challenge_points import (
    CreateAuthChallenge,
    DefineAuthChallenge,
    VerifyAuthChallenge,
)
from authserver.triggers.points import TriggerRequest
from authserver.triggers.user_attributes import attributes_of

R = TypeVar("R")
_Proofs = tuple[Proof, ...]

MOST_ANSWER = 2048
"""Characters of an answer."""

BEGUN_PER_HOUR = 20
"""How often a pool's challenges may be begun for one name: making one may well send a message."""

_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Went:
    """What became of an answer: `candidate` goes on in place of what is `stored`; or `user` is proven, by the `proofs`.
    `wrong`: it was not the answer, and there is another question.
    """

    stored: SignIn
    candidate: SignIn
    user: User | None = None
    proofs: tuple[Proof, ...] = ()
    wrong: bool = False


class Challenges:
    """Asks a pool's triggers, and keeps count of what is answered."""

    def __init__(
        self,
        *,
        directory: Directory,
        counters: Counters,
        triggers: Triggers,
        states: ChallengeStates,
        keeping: Keeping,
        passwords: PasswordFactor,
        guessing: Guessing,
        clock: Clock,
        emit: Emit,
        pre_authentication: PreAuthentication,
    ) -> None:
        self._directory = directory
        self._counters = counters
        self._triggers = triggers
        self._states = states
        self._keeping = keeping
        self._passwords = passwords
        self._guessing = guessing
        self._clock = clock
        self._emit = emit
        self._pre_authentication = pre_authentication

    async def begin(self, pool: Pool, stored: SignIn, candidate: SignIn, device: str | None) -> SignIn:
        """The candidate with the first challenge, for the name that was typed.

        Args:
            device: the browser, if it signed the user in before: it is counted apart.

        Raises:
            WrongCredentials: the triggers want nobody of this name; the sign-in has started over.
            Throttled, TriggerFailed, Vetoed, Conflict.
        """
        user = await self._named(pool, candidate)
        await self._admit_beginning(pool, candidate, user, device)
        await self._pre_authentication(pool, user, candidate.request.client_id)
        state = ChallengeState(user.id if user is not None else "")
        went = await self._ask(pool, candidate, user, state)
        if not isinstance(went, ChallengeState):
            await self._fail(pool, stored, user, "no challenge is defined for this user")
        return self._states.with_state(pool, candidate, went)

    async def answer(self, pool: Pool, sign_in: SignIn, answer: str, origin: Origin) -> Went:
        """The person answers. Counted before it is judged, and by the limits of every factor (`guessing`).

        Raises:
            Invalid: there is no answer, or a far too long one (field `answer`).
            WrongCredentials: the triggers fail the authentication; the sign-in has started over.
            Throttled, TriggerFailed, Vetoed, Conflict; after the last two nothing has changed.
        """
        if not answer.strip() or len(answer) > MOST_ANSWER:
            raise Invalid("Enter your answer.", field="answer")
        state, user = self._states.of(pool, sign_in), await self._named(pool, sign_in)
        if state is None or state.user_id != (user.id if user is not None else ""):
            await self._fail(pool, sign_in, user, "the name is another user's by now")
        attempt = await self._admit(pool, sign_in, user, origin)
        if attempt is None:
            user = None  # closed: from here on it is as if there was nobody
        sign_in = await self._keeping.change(sign_in)  # of answers at once, the last to come here goes on
        try:
            request = VerifyAuthChallenge(_attributes(user), state.private, answer, user_not_found=user is None)
            verdict = await self._call(pool, request, sign_in, user)
            state = state.answered("CUSTOM_CHALLENGE", right=verdict.answer_correct)
            went = await self._ask(pool, sign_in, user, state)
        except Refusal:
            if attempt is not None:
                await self._guessing.spare(attempt)
            raise
        proven = isinstance(went, tuple)
        await self._judged(pool, attempt, right=verdict.answer_correct, proven=proven)
        return await self._gone(pool, sign_in, user, went, wrong=not verdict.answer_correct)

    async def password(self, pool: Pool, sign_in: SignIn, password: str, origin: Origin) -> Went:
        """The person gives the password that the triggers asked for (PASSWORD_VERIFIER). A wrong one may be given again.

        Raises as `answer`, and Busy.
        """
        if not password:
            raise Invalid("Enter your password.", field="password")
        state, identifier = self._states.of(pool, sign_in), sign_in.identifier or ""
        client_id = sign_in.request.client_id
        right = await self._passwords.prove(pool, identifier, password, origin, client_id, announced=True)
        if state is None or state.user_id != right.user.id:
            # Nobody had the name when it began: the user has just come over from another system.
            return Went(sign_in, replace(sign_in, custom=None, custom_asks=None))
        state = state.answered("PASSWORD_VERIFIER", right=True, password=(int(self._clock()), right.stamp))
        went = await self._ask(pool, sign_in, right.user, state)
        return await self._gone(pool, sign_in, right.user, went, wrong=False)

    # ------------------------------------------------------------------------------------------- what comes next

    async def _ask(
        self, pool: Pool, sign_in: SignIn, user: User | None, state: ChallengeState
    ) -> ChallengeState | _Proofs | None:
        """What the triggers want next: a state that asks something, the proofs for which tokens may be issued, or None
        where the authentication failed. Raises TriggerFailed, Vetoed.
        """
        while True:
            request = DefineAuthChallenge(_attributes(user), state.results, user_not_found=user is None)
            said = await self._call(pool, request, sign_in, user)
            if said.fail_authentication:
                return None
            if said.issue_tokens:
                # Whoever is let in has answered something; and nobody is let in by a name that nobody has.
                return state.proofs(int(self._clock())) if user is not None and state.proves else None
            if len(state.results) >= MOST_ROUNDS:
                return None
            match said.challenge_name:
                case "SRP_A":  # how Cognito's clients begin to prove a password; here a page asks for it
                    state = state.answered("SRP_A", right=True)
                case "PASSWORD_VERIFIER":
                    return state.asking_password()
                case "CUSTOM_CHALLENGE":
                    return asked_of(state, await self._create(pool, sign_in, user, state))
                case other:
                    raise TriggerFailed(detail=f"the challenge {str(other)[:50]!r} is none that a page can show")

    async def _create(self, pool: Pool, sign_in: SignIn, user: User | None, state: ChallengeState) -> Challenge:
        request = CreateAuthChallenge(_attributes(user), "CUSTOM_CHALLENGE", state.results, user_not_found=user is None)
        return await self._call(pool, request, sign_in, user)

    async def _call(self, pool: Pool, request: TriggerRequest[R], sign_in: SignIn, user: User | None) -> R:
        answer = await self._triggers.call(
            pool,
            request,
            username=user.username if user is not None else sign_in.identifier or "",
            user_id=user.id if user is not None else None,
            client_id=sign_in.request.client_id,
        )
        if answer is None:
            raise TriggerFailed(detail=f"the pool has no trigger at {request.point}")
        return answer

    async def _gone(
        self, pool: Pool, sign_in: SignIn, user: User | None, went: ChallengeState | _Proofs | None, *, wrong: bool
    ) -> Went:
        if isinstance(went, ChallengeState):
            asks = self._states.with_state(pool, sign_in, went)
            return Went(sign_in, asks, wrong=wrong and went.asks == "answer")
        if went is None or user is None:
            await self._fail(pool, sign_in, user, "the pool's triggers fail the authentication")
        return Went(sign_in, sign_in, user, went)

    async def _fail(self, pool: Pool, stored: SignIn, user: User | None, reason: str) -> NoReturn:
        """The same words as for a wrong password, and everything from the beginning."""
        await self._keeping.change(stored, **STARTED_OVER)
        details = {"reason": reason, "method": "custom"}
        user_id = user.id if user is not None else None
        self._emit(Event("sign_in.failed", pool.id, user_id, stored.request.client_id, details=details))
        raise WrongCredentials

    # ------------------------------------------------------------------------------------------------- counting

    async def _admit_beginning(self, pool: Pool, sign_in: SignIn, user: User | None, device: str | None) -> None:
        who = user.id if user is not None else f"unknown {digest(fold(sign_in.identifier or ''))}"
        admission = await self._counters.admit_within(
            pool.id, begun_key(who, device), now=self._clock(), limit=BEGUN_PER_HOUR, window=_HOUR
        )
        if not admission.allowed:
            raise Throttled(admission.retry_after)

    async def _admit(self, pool: Pool, sign_in: SignIn, user: User | None, origin: Origin) -> Try | None:
        """The try, counted; None if the account is closed to this browser, which must look like no account at all."""
        name, client_id = sign_in.identifier or "", sign_in.request.client_id
        try:
            return await self._guessing.admit(pool, "custom", user, origin, name=name, client_id=client_id)
        except CodeExpired:
            return None

    async def _judged(self, pool: Pool, attempt: Try | None, *, right: bool, proven: bool) -> None:
        if attempt is None:
            return
        if not right:
            await self._guessing.wrong(pool, attempt, "wrong answer")
        elif proven:
            await self._guessing.right(attempt)
        else:
            # Nobody is proven yet: were the tries forgotten, one answer that is known would buy guesses at the next.
            await self._guessing.spare(attempt)

    async def _named(self, pool: Pool, sign_in: SignIn) -> User | None:
        """Who has the name and may sign in."""
        user = await self._directory.find_user(pool.id, sign_in.identifier or "", pool.sign_in_with)
        return user if user is not None and user.may_begin else None


def _attributes(user: User | None) -> dict[str, str]:
    return attributes_of(user) if user is not None else {}
