"""Sessions at other providers: ended there when ours ends, and ours ended when theirs does.

OpenID Connect RP-Initiated, Back-Channel and Front-Channel Logout 1.0; SAML 2.0 Single Logout (Profiles 4.4).
"""

from contextlib import suppress

from authserver.broker.service import Broker
from authserver.crypto.secrets import digest
from authserver.effects import Clock
from authserver.errors import Conflict, Throttled
from authserver.events import Emit, Event
from authserver.model.pools import Pool
from authserver.model.sessions import Session
from authserver.signin.identities import Carried, Upstream
from authserver.signin.origin import network_of
from authserver.signin.sessions import BrowserSessions
from authserver.store import Counters, Identities, OneTime
from authserver.tokens.issuer import Issuer
from federation.connector import EndedThere
from federation.errors import FederationError
from federation.model import Outgoing

KIND = "upstream"
"""The kind of one-time entries that lead from a session there to the user whose it is."""

FRAMES = 3000
FRAMES_WITHIN = 3600
"""Sign-outs by frames that one network address may bring within so many seconds: as many as it may start sign-ins."""


class UpstreamSessions:
    """Follows sign-outs in both directions."""

    def __init__(
        self,
        *,
        broker: Broker,
        identities: Identities,
        one_time: OneTime,
        sessions: BrowserSessions,
        carried: Carried,
        counters: Counters,
        clock: Clock,
        emit: Emit,
    ) -> None:
        self._broker = broker
        self._identities = identities
        self._one_time = one_time
        self._sessions = sessions
        self._carried = carried
        self._counters = counters
        self._clock = clock
        self._emit = emit

    async def note(self, pool: Pool, user_id: str, sealed: str | None) -> None:
        """Remember whose a session there is: a notice of its end may name nothing else."""
        upstream = self._carried.upstream_of(pool.id, sealed)
        if upstream is None or upstream.session.session is None:
            return
        with suppress(Conflict):  # signed in once more in the same session there
            key = _key(upstream.provider, upstream.session.session)
            await self._one_time.put(pool.id, KIND, key, user_id.encode(), pool.session.absolute)

    async def begin(self, issuer: Issuer, sealed: str, return_to: str) -> tuple[str, Outgoing] | None:
        """The provider where a session is to end too, and where the browser goes for that; None if it cannot be ended.

        Args:
            sealed: the session there, as ours has kept it.
            return_to: where the browser goes after that.
        """
        upstream = self._carried.upstream_of(issuer.pool.id, sealed)
        if upstream is None:
            return None
        with suppress(FederationError):  # the person is signed out here in any case
            outgoing = await self._broker.depart_to_sign_out(issuer, upstream.provider, upstream.session, return_to)
            return (upstream.provider, outgoing) if outgoing is not None else None
        return None

    async def admit_frame(self, pool: Pool, address: str) -> None:
        """Before a sign-out is believed that nobody signed: ids of sessions are not for trying out. Raises Throttled."""
        admission = await self._counters.admit_within(
            pool.id, f"frames {network_of(address)}", now=self._clock(), limit=FRAMES, window=FRAMES_WITHIN
        )
        if not admission.allowed:
            raise Throttled(admission.retry_after, "Too many sign-outs came.", detail="frames of an address")

    async def ended(self, pool: Pool, provider: str, ended: EndedThere, here: Session | None = None) -> int:
        """A session ended there: end those that came of it. Returns how many.

        Args:
            here: the session of the browser that brought the notice, if one did.
        """
        user_id = await self._user_of(pool, provider, ended)
        found = await self._sessions.of_user(pool, user_id) if user_id is not None else []
        if here is not None and here.key not in {one.key for one in found}:
            found = [*found, here]
        chosen = [one for one in found if self._is_meant(pool, provider, one, ended)]
        for session in chosen:
            await self._sessions.end(pool, session)
            user = session.authentication.user_id
            self._emit(Event("session.ended", pool.id, user, None, details={"provider": provider}))
        return len(chosen)

    async def _user_of(self, pool: Pool, provider: str, ended: EndedThere) -> str | None:
        if ended.subject is not None:
            linked = await self._identities.identity(pool.id, provider, ended.subject)
            if linked is not None:
                return linked.user_id
        if ended.session is not None:
            kept = await self._one_time.peek(pool.id, KIND, _key(provider, ended.session))
            return kept.decode() if kept is not None else None
        return None

    def _is_meant(self, pool: Pool, provider: str, session: Session, ended: EndedThere) -> bool:
        upstream = self._carried.upstream_of(pool.id, session.upstream)
        if upstream is None or upstream.provider != provider:
            return False
        if ended.session is not None and upstream.session.session is not None:
            return upstream.session.session == ended.session
        return ended.subject is not None and ended.subject in {upstream.session.subject, _name_of(upstream)}


def _name_of(upstream: Upstream) -> str | None:
    """What SAML names the person by, where the subject is another attribute."""
    return upstream.session.name_id.get("value")


def _key(provider: str, session: str) -> str:
    return digest(f"{provider}\n{session}")
