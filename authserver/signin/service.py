"""Sign-ins: started, moved on step by step, and finished with a grant and a code.

Each method loads nothing from HTTP and writes no page. Whoever drives a sign-in (the hosted pages today) calls one
method, then asks `look` for the next step.
"""

from dataclasses import dataclass, replace
from urllib.parse import urlencode

from authserver.crypto.secrets import digest, same
from authserver.effects import Clock, Random
from authserver.errors import Conflict, Invalid, NotFound, SignInGone, WrongCredentials
from authserver.events import Emit, Event
from authserver.model.clients import Client
from authserver.model.grants import AuthorizationCode, Consent, Grant
from authserver.model.pools import Pool
from authserver.model.sessions import Authentication, AuthorizationRequest, Session, SignIn
from authserver.model.users import User
from authserver.signin.passwords import Origin, PasswordFactor, sign_in_name
from authserver.signin.sessions import BrowserSessions
from authserver.signin.steps import Facts, Finish, Refuse, Step, asked_scope, next_step, too_old
from authserver.store import Directory, Grants, OneTime, Registry, Sessions
from authserver.tokens import codes


def response_uri(request: AuthorizationRequest, issuer: str, **members: str) -> str:
    """The redirect URI with the response's members, `state` and `iss` in its query (RFC 6749 4.1.2, RFC 9207 2)."""
    values = dict(members)
    if request.state is not None:
        values["state"] = request.state
    values["iss"] = issuer
    separator = "&" if "?" in request.redirect_uri else "?"
    return f"{request.redirect_uri}{separator}{urlencode(values)}"


LIFETIME = 30 * 60
"""Seconds in which a sign-in can be completed."""

RESTARTABLE = 24 * 3600
"""Seconds for which an expired sign-in still knows the request that it can restart."""

MOST_IDENTIFIER = 320
PASSWORD_AMR = ("pwd",)  # RFC 8176 2
PASSWORD_ACR = "urn:poolgate:acr:1"


@dataclass(frozen=True, slots=True)
class Situation:
    """A sign-in as it stands: what is known, and the step it needs."""

    sign_in: SignIn
    client: Client
    session: Session | None
    user: User | None
    step: Step


class SignIns:
    """The sign-in machine of all pools."""

    def __init__(
        self,
        *,
        registry: Registry,
        directory: Directory,
        grants: Grants,
        store: Sessions,
        one_time: OneTime,
        sessions: BrowserSessions,
        password_factor: PasswordFactor,
        clock: Clock,
        random: Random,
        emit: Emit,
    ) -> None:
        self._registry = registry
        self._directory = directory
        self._grants = grants
        self._store = store
        self._one_time = one_time
        self._sessions = sessions
        self._password = password_factor
        self._clock = clock
        self._random = random
        self._emit = emit

    def _now(self) -> int:
        return int(self._clock())

    async def start(
        self, pool: Pool, request: AuthorizationRequest, browser: str, session: Session | None
    ) -> Situation:
        """A new sign-in bound to the browser (digest of its cookie). It is stored only once it needs a page: see
        `keep`.
        """
        now = self._now()
        identifier = None
        if session is not None and "select_account" not in request.prompt:
            again = "login" in request.prompt or too_old(session.authentication, request.max_age, now)
            user = await self._directory.user(pool.id, session.authentication.user_id) if again else None
            identifier = sign_in_name(user, pool) if user is not None else None
        sign_in = SignIn(
            id=self._random.token(16),
            pool=pool.id,
            browser=browser,
            request=request,
            created_at=now,
            expires_at=now + LIFETIME,
            identifier=identifier,
        )
        return await self._situation(pool, sign_in, session)

    async def keep(self, sign_in: SignIn) -> None:
        """Store a started sign-in, so that its pages can find it."""
        await self._store.create_sign_in(sign_in.pool, sign_in, RESTARTABLE)

    async def look(self, pool: Pool, sign_in_id: str, browser: str | None, session: Session | None) -> Situation:
        """The sign-in of this id as it stands. Raises SignInGone if it expired, finished, or is another browser's."""
        sign_in = await self._store.sign_in(pool.id, sign_in_id)
        if sign_in is None:
            raise SignInGone(detail="unknown sign-in")
        restart = sign_in.request.query
        if browser is None or not same(sign_in.browser, browser):
            raise SignInGone("foreign", restart=restart, detail="another browser's sign-in")
        if sign_in.status != "open":
            raise SignInGone("finished", restart=restart)
        if self._now() >= sign_in.expires_at:
            raise SignInGone("expired", restart=restart)
        return await self._situation(pool, sign_in, session)

    async def _situation(self, pool: Pool, sign_in: SignIn, session: Session | None) -> Situation:
        client = await self._registry.client(pool.id, sign_in.request.client_id)
        if client is None or not client.enabled:
            raise NotFound(detail=f"client {sign_in.request.client_id} is gone")
        proven = sign_in.authentication
        if proven is not None and (session is None or session.authentication.user_id != proven.user_id):
            # The session that the proof opened is over: signed out, expired, or somebody else's by now. It takes a new
            # proof, and of the person who began, not of whoever is signed in now.
            sign_in = replace(sign_in, authentication=None, other_account=True)
        elif proven is None and session is not None and sign_in.identifier is not None:
            meant = await self._directory.find_user(pool.id, sign_in.identifier, pool.sign_in_with)
            if meant is None or meant.id != session.authentication.user_id:
                # Another tab signed somebody in meanwhile, but not whom the person named here.
                sign_in = replace(sign_in, other_account=True)
        who = sign_in.authentication or (session.authentication if session is not None else None)
        user = await self._directory.user(pool.id, who.user_id) if who is not None else None
        if user is None or not user.can_sign_in:
            # Disabled or deleted meanwhile: neither the session nor what was proven here counts any more.
            session, user = None, None
            sign_in = replace(sign_in, authentication=None)
        consent = None
        if user is not None and client.require_consent:
            consent = await self._grants.consent(pool.id, user.id, client.client_id)
        step = next_step(Facts(sign_in, client, session, consent), self._now())
        return Situation(sign_in, client, session, user, step)

    async def identify(self, sign_in: SignIn, identifier: str) -> SignIn:
        """The person says who they are; whether such a user exists is not looked at. Raises Invalid, SignInGone."""
        identifier = identifier.strip()
        if not identifier or len(identifier) > MOST_IDENTIFIER or not identifier.isprintable():
            raise Invalid("Enter the name you sign in with.", field="username")
        return await self._replace(sign_in, identifier=identifier, authentication=None)

    async def forget_identifier(self, sign_in: SignIn) -> SignIn:
        """Back to asking who it is, somebody else than the account signed in."""
        return await self._replace(sign_in, identifier=None, authentication=None, other_account=True)

    async def choose_account(self, pool: Pool, sign_in: SignIn, user: User) -> SignIn:
        """The person goes on with the account that is signed in; should the session not do, its password is asked."""
        return await self._replace(sign_in, account_chosen=True, identifier=sign_in_name(user, pool))

    async def enter_password(
        self, pool: Pool, sign_in: SignIn, password: str, origin: Origin, session: Session | None
    ) -> tuple[SignIn, Session, str]:
        """The person gives the password. Returns the sign-in moved on, the new session and the secret of its cookie.

        Raises Invalid, WrongCredentials, Throttled, Busy, SignInGone.
        """
        if not password:
            raise Invalid("Enter your password.", field="password")
        if sign_in.identifier is None:
            raise Invalid("Enter the name you sign in with.", field="username")
        client_id = sign_in.request.client_id
        proof = await self._password.prove(pool, sign_in.identifier, password, origin, client_id)
        user = proof.user
        authentication = Authentication(user.id, self._now(), PASSWORD_AMR, PASSWORD_ACR)
        try:
            moved = await self._replace(sign_in, authentication=authentication)
        except Conflict:
            # Sent twice, and the other one was faster. The browser has dropped the answer to that, cookie and all, so
            # this proof must open a session of its own.
            moved = sign_in
        opened, secret = await self._sessions.open(pool, authentication, session)
        if not await self._password.still_holds(pool, proof, password):
            await self._sessions.end(pool, opened)
            raise WrongCredentials
        self._emit(Event("sign_in.succeeded", pool.id, user.id, client_id, origin.address, {"amr": PASSWORD_AMR}))
        return moved, opened, secret

    async def allow(self, pool: Pool, sign_in: SignIn, user: User) -> SignIn:
        """The person allows what the client asked for; remembered so as not to ask again."""
        request = sign_in.request
        before = await self._grants.consent(pool.id, user.id, request.client_id)
        scope = tuple(dict.fromkeys((*(before.scope if before is not None else ()), *asked_scope(request))))
        moved = await self._replace(sign_in, consented_by=user.id)
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
            await self._replace(sign_in, status="finished")
        request = sign_in.request
        if isinstance(step, Refuse):
            return response_uri(request, issuer, error=step.code, error_description=step.sentence)
        if not isinstance(step, Finish) or situation.session is None:
            raise AssertionError(f"a sign-in was concluded at {step!r}")
        code = await self._grant(pool, sign_in, situation.client, situation.session, step.authentication)
        return response_uri(request, issuer, code=code)

    async def deny(self, issuer: str, situation: Situation) -> str:
        """The person says no (RFC 6749 4.1.2.1). Returns the URI that tells the client."""
        request = situation.sign_in.request
        await self._replace(situation.sign_in, status="finished")
        self._emit(Event("consent.denied", situation.sign_in.pool, client_id=request.client_id))
        return response_uri(
            request, issuer, error="access_denied", error_description="The person did not allow the access."
        )

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

    async def _replace(self, sign_in: SignIn, **changes: object) -> SignIn:
        moved = replace(sign_in, version=sign_in.version + 1, **changes)  # type: ignore[arg-type]  # field names above
        if not await self._store.replace_sign_in(sign_in.pool, moved, RESTARTABLE):
            raise Conflict("This page was sent twice.", detail="the sign-in moved on meanwhile")
        return moved
