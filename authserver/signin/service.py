"""Sign-ins: started, moved on step by step, and finished with a grant and a code.

Each method loads nothing from HTTP and writes no page. Whoever drives a sign-in (the hosted pages today) calls one
method, then asks `look` for the next step.
"""

from contextlib import suppress

from authserver.crypto.secrets import digest, same
from authserver.effects import Clock, Random
from authserver.errors import Conflict, Invalid, SignInGone, Throttled
from authserver.events import Emit, Event
from authserver.model.clients import POOL, Client
from authserver.model.grants import AuthorizationCode, Consent, Grant
from authserver.model.pools import Pool
from authserver.model.sessions import Authentication, AuthorizationRequest, Session, SignIn
from authserver.model.users import User
from authserver.signin.handing_over import HandOvers
from authserver.signin.keeping import LIFETIME, NOTHING_PROVEN, Keeping
from authserver.signin.levels import provider_of
from authserver.signin.origin import network_of
from authserver.signin.passwords import sign_in_name
from authserver.signin.refusing import Refusals
from authserver.signin.responses import response_uri
from authserver.signin.sessions import BrowserSessions
from authserver.signin.situations import ACCOUNT, DECLINED, Situation, Situations
from authserver.signin.step_types import (
    Finish,
    Refuse,
)
from authserver.signin.steps import (
    asked_scope,
    too_old,
)
from authserver.store import Counters, Directory, Grants, OneTime
from authserver.tokens import codes

MOST_IDENTIFIER = 320

DECLINED_FOR = 90 * 86400
"""Seconds for which an invitation that was turned down does not come again; one put off, for `POSTPONED_FOR`."""

POSTPONED_FOR = 7 * 86400


STARTS = 3000
STARTS_WITHIN = 3600
"""Sign-ins that one network address may start within so many seconds."""

UNASKED = 300
UNASKED_WITHIN = 900
"""And sign-ins that began at a provider, as they say: nobody has verified them, and each may be large."""


PARKED, PARKED_LARGE = 5000, 200
LARGE = 64 * 1024
"""Forms from providers that are kept for one network address within the same time, and those of more characters than that."""


class SignIns:
    """The sign-in machine of all pools."""

    def __init__(
        self,
        *,
        directory: Directory,
        grants: Grants,
        one_time: OneTime,
        keeping: Keeping,
        situations: Situations,
        sessions: BrowserSessions,
        hand_overs: HandOvers,
        refusals: Refusals,
        counters: Counters,
        clock: Clock,
        random: Random,
        emit: Emit,
        per_address: int = STARTS,
    ) -> None:
        self._directory = directory
        self._grants = grants
        self._one_time = one_time
        self._keeping = keeping
        self._situations = situations
        self._sessions = sessions
        self._hand_overs = hand_overs
        self._refusals = refusals
        self._clock = clock
        self._random = random
        self._emit = emit
        self._counters = counters
        self._per_address = per_address

    def _now(self) -> int:
        return int(self._clock())

    async def start(
        self,
        pool: Pool,
        request: AuthorizationRequest,
        browser: str,
        session: Session | None,
        provider: str | None = None,
    ) -> Situation:
        """A new sign-in bound to the browser (digest of its cookie). It is stored only once it needs a page: see
        `keep`. `provider` is where the person is sent first, if there is anything to prove.
        """
        now = self._now()
        identifier = None
        if request.identity_provider not in {None, POOL}:
            provider = request.identity_provider
        if session is not None and "select_account" not in request.prompt:
            again = "login" in request.prompt or too_old(session.authentication, request.max_age, now)
            came_by = provider_of(session.authentication.proofs)
            if again and came_by is not None:
                provider = provider or came_by
            user = await self._directory.user(pool.id, session.authentication.user_id) if again else None
            identifier = sign_in_name(user, pool) if user is not None and came_by is None else None
        sign_in = SignIn(
            id=self._random.token(16),
            pool=pool.id,
            browser=browser,
            request=request,
            created_at=now,
            expires_at=now + LIFETIME,
            identifier=identifier,
            challenge=self._first_challenge(pool),
            provider=provider,
        )
        return await self._situations.of(pool, sign_in, session)

    def _first_challenge(self, pool: Pool) -> str | None:
        """What a passkey must sign that a browser offers on the very first page."""
        return self._random.token(32) if "passkey" in pool.mfa.first_factors else None

    async def keep(self, sign_in: SignIn, address: str) -> None:
        """Store a started sign-in, so that its pages can find it. Raises Throttled: each waits in memory for a day,
        so what one address can have wait is bounded.
        """
        await self._admit(sign_in.pool, "sign-ins", address, self._per_address, STARTS_WITHIN)
        await self._keeping.create(sign_in)

    async def admit_unasked(self, pool: Pool, address: str) -> None:
        """Before what somebody sent without our asking is kept, for a person to agree to. Raises Throttled."""
        await self._admit(pool.id, "unasked sign-ins", address, UNASKED, UNASKED_WITHIN)

    async def admit_parked(self, pool: Pool, address: str, size: int) -> None:
        """Before a form of so many characters that came back from a provider is kept: each is held in memory for minutes.
        Raises Throttled.
        """
        limit, what = (PARKED_LARGE, "large returns") if size > LARGE else (PARKED, "returns")
        await self._admit(pool.id, what, address, limit, UNASKED_WITHIN)

    async def _admit(self, pool: str, what: str, address: str, limit: int, window: int) -> None:
        admission = await self._counters.admit_within(
            pool, f"{what} {network_of(address)}", now=self._clock(), limit=limit, window=window
        )
        if not admission.allowed:
            raise Throttled(admission.retry_after, "Too many sign-ins were started.", detail=f"{what} of an address")

    async def look(self, pool: Pool, sign_in_id: str, browser: str | None, session: Session | None) -> Situation:
        """The sign-in of this id as it stands. Raises SignInGone if it expired, finished, or is another browser's."""
        sign_in = await self._keeping.find(pool.id, sign_in_id)
        if sign_in is None:
            raise SignInGone(detail="unknown sign-in")
        restart = sign_in.request.query
        if browser is None or not same(sign_in.browser, browser):
            raise SignInGone("foreign", restart=restart, detail="another browser's sign-in")
        if sign_in.status != "open":
            raise SignInGone("finished", restart=restart)
        if self._now() >= sign_in.expires_at:
            raise SignInGone("expired", restart=restart)
        return await self._situations.of(pool, sign_in, session)

    async def waits(self, pool: Pool, sign_in_id: str) -> bool:
        """Whether a sign-in can still be completed, in its own browser."""
        return await self._keeping.waiting(pool.id, sign_in_id, self._now()) is not None

    async def identify(self, sign_in: SignIn, identifier: str, provider: str | None = None) -> SignIn:
        """The person says who they are; whether such a user exists is not looked at. With `provider`, the name is one of
        its people's, who prove it there. Raises Invalid, SignInGone.
        """
        identifier = identifier.strip()
        if not identifier or len(identifier) > MOST_IDENTIFIER or not identifier.isprintable():
            raise Invalid("Enter the name you sign in with.", field="username")
        named = {**NOTHING_PROVEN, "identifier": identifier, "provider": provider}
        return await self._keeping.change(sign_in, **named)

    async def forget_identifier(self, sign_in: SignIn) -> SignIn:
        """Back to asking who it is, somebody else than the account signed in."""
        challenge = self._random.token(32)  # the first page may offer passkeys
        return await self._keeping.change(
            sign_in, identifier=None, other_account=True, challenge=challenge, **NOTHING_PROVEN
        )

    async def choose_account(self, pool: Pool, sign_in: SignIn, user: User) -> SignIn:
        """The person goes on with the account that is signed in; should the session not do, its password is asked."""
        identifier = sign_in_name(user, pool) if user.may_begin else None
        return await self._keeping.change(sign_in, account_chosen=True, identifier=identifier)

    async def answer_invitation(self, pool: Pool, situation: Situation, *, postponed: bool) -> SignIn:
        """The person does not want a passkey, now or for long."""
        user = situation.user
        if user is not None:
            lifetime = POSTPONED_FOR if postponed else DECLINED_FOR
            with suppress(Conflict):  # said in another tab as well
                await self._one_time.put(pool.id, DECLINED, user.id, b"passkey", lifetime)
        return await self._keeping.change(situation.sign_in, declined=(*situation.sign_in.declined, "passkey"))

    async def allow(self, pool: Pool, sign_in: SignIn, user: User) -> SignIn:
        """The person allows what the client asked for; remembered so as not to ask again."""
        request = sign_in.request
        before = await self._grants.consent(pool.id, user.id, request.client_id)
        scope = tuple(dict.fromkeys((*(before.scope if before is not None else ()), *asked_scope(request))))
        moved = await self._keeping.change(sign_in, consented_by=user.id)
        await self._grants.put_consent(pool.id, Consent(pool.id, user.id, request.client_id, scope, self._now()))
        self._emit(Event("consent.given", pool.id, user.id, request.client_id, details={"scope": request.scope}))
        return moved

    async def conclude(self, pool: Pool, issuer: str, situation: Situation, *, kept: bool = True) -> str:
        """End the sign-in and return the URI that answers the client: with a code, or with the error of the step.

        Only for a situation whose step is Finish or Refuse. `kept`: whether the sign-in was stored; then it is closed
        first, so that of two submissions one gets the answer. Raises Conflict for the other.
        """
        sign_in, step = situation.sign_in, situation.step
        if kept:
            await self._keeping.change(sign_in, status="finished")
        request, client = sign_in.request, situation.client
        if isinstance(step, Refuse):
            return await self._refusals.tell(issuer, sign_in, client, step.code, step.sentence)
        if not isinstance(step, Finish) or situation.session is None:
            raise AssertionError(f"a sign-in was concluded at {step!r}")
        if client.client_id == ACCOUNT:
            return request.redirect_uri  # our own page, which the session is enough for
        if client.saml is not None:
            if not await self._sessions.note_client(pool, situation.session, client.client_id):
                raise SignInGone("expired", restart=request.query, detail="the session ended meanwhile")
            return await self._hand_overs.success(issuer, sign_in, situation.session, step.authentication)
        code = await self._grant(pool, sign_in, client, situation.session, step.authentication)
        return response_uri(request, issuer, code=code)

    async def deny(self, issuer: str, situation: Situation) -> str:
        """The person says no (RFC 6749 4.1.2.1). Returns the URI that tells the client."""
        sign_in = situation.sign_in
        await self._keeping.change(sign_in, status="finished")
        self._emit(Event("consent.denied", sign_in.pool, client_id=sign_in.request.client_id))
        sentence = "The person did not allow the access."
        return await self._refusals.tell(issuer, sign_in, situation.client, "access_denied", sentence)

    async def _grant(
        self, pool: Pool, sign_in: SignIn, client: Client, session: Session, authentication: Authentication
    ) -> str:
        """Write the grant, then the code that names it, and return the code (DESIGN 6.1)."""
        request, now = sign_in.request, self._now()
        grant = Grant(
            id=self._random.token(12),
            pool=pool.id,
            client_id=client.client_id,
            user_id=authentication.user_id,
            sid=session.sid,
            scope=request.scope,
            auth_time=authentication.auth_time,
            amr=authentication.amr,
            acr=authentication.acr,
            created_at=now,
            offline="offline_access" in request.scope,
            resource=request.resource,
            claims=request.claims,
        )
        code = AuthorizationCode(
            pool=pool.id,
            client_id=client.client_id,
            user_id=authentication.user_id,
            grant=grant,
            redirect_uri=request.redirect_uri if request.redirect_uri_sent else None,
            code_challenge=request.code_challenge,
            nonce=request.nonce,
            issued_at=now,
            expires_at=now + pool.tokens.code_ttl,
        )
        secret = self._random.token(32)
        await self._grants.create_grant(pool.id, grant)
        # Looked at once the grant is there: whoever ends the session from now on finds the grant and revokes it.
        if not await self._sessions.note_client(pool, session, client.client_id):
            await self._grants.revoke_grant(pool.id, grant.id, now, now + LIFETIME)
            raise SignInGone("expired", restart=request.query, detail="the session ended meanwhile")
        # Kept longer than it is valid, so that a late replay is still recognised and revokes what it bought.
        await self._one_time.put(pool.id, codes.KIND, digest(secret), codes.encode(code), pool.tokens.code_ttl + 600)
        self._emit(Event("grant.created", pool.id, grant.user_id, client.client_id, details={"scope": grant.scope}))
        return secret
