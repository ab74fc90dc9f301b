"""A sign-in as it stands: reads what the next step depends on, and asks the dispatcher."""

from dataclasses import dataclass, replace

from authserver.effects import Clock
from authserver.errors import NotFound
from authserver.model.clients import Client
from authserver.model.grants import Consent
from authserver.model.pools import Pool
from authserver.model.sessions import Session, SignIn
from authserver.model.users import User
from authserver.protection.risk import strongest
from authserver.signin.factors.summary import Summary, summarize
from authserver.signin.step_types import (
    Facts,
    Step,
)
from authserver.signin.steps import (
    needs_factors,
    next_step,
)
from authserver.store import Credentials, Directory, Grants, OneTime, Registry

ACCOUNT = ":account"
"""Stands for a client_id in sign-ins that lead to the pool's own account page. No client can have it."""

DECLINED = "declined"
"""The kind of one-time entry that remembers an invitation turned down."""


def account_client(pool: Pool) -> Client:
    """The account page in the place of a client: it is answered by a redirect, and gets no code."""
    return Client(client_id=ACCOUNT, pool=pool.id, client_name=pool.name, grant_types=(), response_types=())


@dataclass(frozen=True, slots=True)
class Situation:
    """A sign-in as it stands: what is known, and the step it needs. `user` is whom the session or the proofs belong to;
    `summary` are that user's factors, where they were looked at.
    """

    sign_in: SignIn
    client: Client
    session: Session | None
    user: User | None
    step: Step
    summary: Summary | None = None


class Situations:
    """Finds out where sign-ins stand."""

    def __init__(
        self,
        registry: Registry,
        directory: Directory,
        credentials: Credentials,
        grants: Grants,
        one_time: OneTime,
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._directory = directory
        self._credentials = credentials
        self._grants = grants
        self._one_time = one_time
        self._clock = clock

    async def of(self, pool: Pool, sign_in: SignIn, session: Session | None) -> Situation:
        """Raises NotFound if the client is gone."""
        now = int(self._clock())
        client = await self._client(pool, sign_in.request.client_id)
        sign_in = await self._believed(pool, sign_in, session)
        user = await self._user(pool, sign_in, session)
        if user is None and (sign_in.authentication or sign_in.proofs or session is not None):
            # Disabled or deleted meanwhile: neither the session nor what was proven here counts any more.
            session = None
            sign_in = replace(sign_in, authentication=None, user_id=None, proofs=())
        elif user is not None and not user.can_sign_in and (sign_in.authentication or sign_in.user_id is None):
            session, user = None, None
            sign_in = replace(sign_in, authentication=None, user_id=None, proofs=())
        consent: Consent | None = None
        if user is not None and client.require_consent:
            consent = await self._grants.consent(pool.id, user.id, client.client_id)
        joining = None
        if sign_in.joining_user is not None and not sign_in.proofs and sign_in.authentication is None:
            joining = await self._directory.user(pool.id, sign_in.joining_user)
        risk = strongest(pool.risk, sign_in.risks)
        facts = Facts(pool, sign_in, client, session, consent, user, risk=risk, joining=joining)
        if user is not None and needs_factors(facts, now):
            facts = await self._with_factors(facts, user, now)
        return Situation(sign_in, client, session, user, next_step(facts, now), facts.summary)

    async def _client(self, pool: Pool, client_id: str) -> Client:
        if client_id == ACCOUNT:
            return account_client(pool)
        client = await self._registry.client(pool.id, client_id)
        if client is None or not client.enabled:
            raise NotFound(detail=f"client {client_id} is gone")
        return client

    async def _believed(self, pool: Pool, sign_in: SignIn, session: Session | None) -> SignIn:
        """The sign-in without what the session does not bear out any more."""
        proven = sign_in.authentication
        if proven is not None and (session is None or session.authentication.user_id != proven.user_id):
            # The session that the proof opened is over: signed out, expired, or somebody else's by now. It takes a new
            # proof, and of the person who began, not of whoever is signed in now.
            return replace(sign_in, authentication=None, user_id=None, proofs=(), other_account=True)
        if proven is None and session is not None and sign_in.user_id is not None:
            if sign_in.user_id != session.authentication.user_id:
                return replace(sign_in, other_account=True)
        elif proven is None and session is not None and sign_in.identifier is not None:
            meant = await self._directory.find_user(pool.id, sign_in.identifier, pool.sign_in_with)
            if meant is None or meant.id != session.authentication.user_id:
                # Another tab signed somebody in meanwhile, but not whom the person named here.
                return replace(sign_in, other_account=True)
        return sign_in

    async def _user(self, pool: Pool, sign_in: SignIn, session: Session | None) -> User | None:
        if sign_in.user_id is not None and sign_in.authentication is None:
            user = await self._directory.user(pool.id, sign_in.user_id)
            return user if user is not None and user.may_go_on else None
        who = sign_in.authentication or (session.authentication if session is not None else None)
        return await self._directory.user(pool.id, who.user_id) if who is not None else None

    async def _with_factors(self, facts: Facts, user: User, now: int) -> Facts:
        pool, sign_in = facts.pool, facts.sign_in
        credentials = await self._credentials.credentials(pool.id, user.id)
        left = 0
        if "backup_codes" in pool.mfa.factors:
            left = await self._credentials.backup_codes_left(pool.id, user.id)
        summary = summarize(pool, user, credentials, left)
        remembered = False
        if sign_in.proofs and pool.session.remember_device_days:
            device = await self._credentials.device(pool.id, user.id, sign_in.browser)
            remembered = device is not None and device.remembered_until > now
        invitable = False
        if (
            pool.mfa.nudge
            and sign_in.authentication is not None
            and sign_in.request.client_id != ACCOUNT
            and "passkey" in summary.enrollable
            and not any(c.kind == "passkey" for c in credentials)
        ):
            declined = "passkey" in sign_in.declined or await self._one_time.peek(pool.id, DECLINED, user.id)
            invitable = not declined
        who = sign_in.authentication or (facts.session.authentication if facts.session is not None else None)
        passed_by = who is not None and any(
            c.kind in summary.usable and c.created_at <= who.auth_time for c in credentials
        )
        return replace(facts, summary=summary, remembered=remembered, passed_by=passed_by, invitable=invitable)
