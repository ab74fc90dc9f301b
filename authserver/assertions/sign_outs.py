"""Signing out everywhere: at the applications that speak SAML, one after the other, and at the provider the person came from.

The browser carries it (SAML Profiles 4.4.3): each application is told by a redirect or a form, and sends the browser back.
What is left to do is kept in the meantime, under a secret that goes along as RelayState. Our own session is over before
the first one is told, so an application that does not answer costs the rest of the round, and nothing more.
"""

from dataclasses import dataclass, replace
from typing import Any

import orjson

from authserver.assertions.names import Known, Names
from authserver.assertions.service import Assertions, refusal_of
from authserver.broker.ground import Ground, Workers
from authserver.broker.host import UsedOnce
from authserver.crypto.secrets import digest, same
from authserver.errors import ProtocolRefusal
from authserver.events import Emit, Event
from authserver.model.clients import Client
from authserver.model.pools import Pool
from authserver.model.sessions import Session
from authserver.signin.sessions import BrowserSessions
from authserver.signin.upstream import UpstreamSessions
from authserver.store.cached import CachedRegistry
from authserver.tokens.issuer import Issuer
from federation.connectors import label_of
from federation.errors import FederationError
from federation.model import Callback, Outgoing
from federation.saml_idp.logout import SignOutRequest, check_response, read_request, request_to, response_to
from federation.saml_idp.metadata import SLO, entity_id_of

KIND = "leaving"
WAITS_FOR = 600
"""Seconds for the whole round."""

_MOST_TRIES = 3
_SEVERAL = 2


@dataclass(frozen=True, slots=True)
class _Round:
    """What is left to do.

    Attributes:
        sid: of the session that is over.
        left: the applications that are still to be told.
        asked, request_id: the one that was told last, and by which request.
        upstream: the session at the provider that the person came from, sealed.
        return_to: where the browser goes in the end, unless an application waits for an `answer` to its request.
        whole: whether everybody who was told has agreed.
        browser: the digest of the cookie of the browser that goes round: what applications and the provider are told says
            who the person is there, and every one of them knows the round's secret. "" where nobody is left to be told.
    """

    sid: str
    left: tuple[str, ...]
    upstream: str | None
    return_to: str
    asked: str = ""
    request_id: str = ""
    answer: tuple[str, str, str, str] | None = None
    whole: bool = True
    browser: str = ""


@dataclass(frozen=True, slots=True)
class Hop:
    """Where the browser goes next: to an application or a provider, which people know as `label`; or, that being done, to
    `target`.
    """

    outgoing: Outgoing | None
    label: str = ""
    target: str = ""


class SignOuts:
    """Ends sessions at applications, and ours at their wish."""

    def __init__(
        self,
        *,
        registry: CachedRegistry,
        assertions: Assertions,
        names: Names,
        sessions: BrowserSessions,
        upstream: UpstreamSessions,
        ground: Ground,
        emit: Emit,
    ) -> None:
        self._registry = registry
        self._assertions = assertions
        self._names = names
        self._sessions = sessions
        self._upstream = upstream
        self._ground = ground
        self._emit = emit
        self._work = Workers(ground.threads)

    async def begin(self, issuer: Issuer, session: Session, return_to: str, browser: str) -> str | None:
        """After our session has ended: the secret of a round through everybody who should know; None if nobody should.

        Args:
            return_to: where the browser goes after that.
            browser: the digest of its cookie.
        """
        left = await self._told(issuer.pool, session)
        if not left and session.upstream is None:
            return None
        return await self._keep(issuer.pool, _Round(session.sid, left, session.upstream, return_to, browser=browser))

    async def _told(self, pool: Pool, session: Session, but: str = "") -> tuple[str, ...]:
        found = [await self._registry.client(pool.id, client_id) for client_id in session.clients if client_id != but]
        return tuple(c.client_id for c in found if c is not None and c.saml is not None and c.saml.logout_urls)

    async def onward(self, issuer: Issuer, handle: str, browser: str | None) -> Hop | None:
        """The next step of a round; None if there is no such round, it is over, or another browser's.

        Args:
            browser: the digest of the cookie of whoever asks.
        """
        for _ in range(_MOST_TRIES):
            kept = await self._ground.one_time.peek(issuer.pool.id, KIND, digest(handle))
            if kept is None:
                return None
            before = _read(kept)
            if before.browser and (browser is None or not same(before.browser, browser)):
                return None
            hop, after = await self._next(issuer, handle, before)
            if after is None:
                spent = await self._ground.one_time.spend(issuer.pool.id, KIND, digest(handle))
                return hop if spent is not None and not spent.replayed else None
            if await self._ground.one_time.swap(issuer.pool.id, KIND, digest(handle), kept, orjson.dumps(after)):
                return hop
        return None

    async def _next(self, issuer: Issuer, handle: str, now: _Round) -> tuple[Hop, _Round | None]:
        """What comes next, and what is left then."""
        left = list(now.left)
        while left:
            client = await self._registry.client(issuer.pool.id, left.pop(0))
            ident = self._ident()
            outgoing = await self._request(issuer, client, now.sid, ident, handle) if client is not None else None
            if client is not None and outgoing is not None:
                after = replace(now, left=tuple(left), asked=client.client_id, request_id=ident)
                return Hop(outgoing, client.client_name), after
        if now.upstream is not None:
            back = f"{issuer.url}/{onward_path(handle)}" if now.answer is not None else now.return_to
            away = await self._upstream.begin(issuer, now.upstream, back)
            if away is not None:
                name, outgoing = away
                provider = await self._registry.provider(issuer.pool.id, name)
                label = label_of(provider) if provider is not None else name
                after = replace(now, left=(), asked="", upstream=None)
                return Hop(outgoing, label), after if now.answer is not None else None
        if now.answer is not None:
            answered = await self._answer(issuer, *now.answer, whole=now.whole)
            if answered is not None:
                return answered, None
        return Hop(None, target=now.return_to), None

    async def _request(self, issuer: Issuer, client: Client, sid: str, ident: str, handle: str) -> Outgoing | None:
        known = await self._names.find(issuer.pool, self._names.index(sid, client.client_id))
        sp = client.saml
        if known is None or sp is None:
            return None
        entity_id, now = entity_id_of(issuer.url), int(self._ground.clock())
        keys = await self._assertions.keys(issuer.pool.id)
        return await self._work(lambda: request_to(entity_id, sp, known.named, ident, keys[0], handle, now))

    async def _answer(
        self, issuer: Issuer, client_id: str, request_id: str, binding: str, relay_state: str, *, whole: bool
    ) -> Hop | None:
        client = await self._registry.client(issuer.pool.id, client_id)
        sp = client.saml if client is not None else None
        if client is None or sp is None:
            return None
        request = SignOutRequest(request_id, None, (), binding, relay_state)
        entity_id, ident, now = entity_id_of(issuer.url), self._ident(), int(self._ground.clock())
        keys = await self._assertions.keys(issuer.pool.id)
        outgoing = await self._work(lambda: response_to(entity_id, sp, request, ident, keys[0], now, whole=whole))
        return Hop(outgoing, client.client_name) if outgoing is not None else None

    async def heard(self, issuer: Issuer, callback: Callback, handle: str) -> None:
        """An application answers. Whatever it says, the round goes on; who did not agree is remembered."""
        pool = issuer.pool.id
        kept = await self._ground.one_time.peek(pool, KIND, digest(handle))
        if kept is None:
            return
        now = _read(kept)
        client = await self._registry.client(pool, now.asked) if now.asked else None
        try:
            sp = client.saml if client is not None else None
            if sp is None:
                return
            await self._work(lambda: check_response(callback, sp, now.request_id, f"{issuer.url}/{SLO}"))
        except FederationError as error:
            details = {"error": error.code, "reason": error.detail[:500]}
            self._emit(Event("application.not_signed_out", pool, None, now.asked, details=details))
            await self._ground.one_time.swap(pool, KIND, digest(handle), kept, orjson.dumps(replace(now, whole=False)))

    async def asked(self, issuer: Issuer, callback: Callback, session: Session | None, browser: str | None) -> str:
        """An application ends a session: ours, and with it those at all others. Returns the secret of the round.

        Others are told by the session's own browser alone. Where that is known not to be the one that brings the message,
        the application hears at once that the round was not made.

        Args:
            session: of the browser that brings the message, as far as that showed its cookies.
            browser: the digest of its cookie; None by POST, which brings none.

        Raises ProtocolRefusal.
        """
        pool = issuer.pool
        client, sp = await self._assertions.application(issuer, callback)
        entity_id, slo_url = entity_id_of(issuer.url), f"{issuer.url}/{SLO}"
        try:
            request = await self._work(lambda: read_request(callback, sp, entity_id, slo_url))
        except FederationError as error:
            raise refusal_of(error) from error
        if not await UsedOnce(self._ground, pool.id).first(
            f"saml:{sp.entity_id}\n{request.request_id}", int(self._ground.clock()) + WAITS_FOR
        ):
            raise ProtocolRefusal("invalid_request", "The application's request was used before.")
        known = await self._meant(pool, client, request, session)
        ended = [found for one in known if (found := await self._end(pool, one, client)) is not None]
        here = next((s for s in ended if session is not None and s.key == session.key), ended[0] if ended else None)
        left = await self._told(pool, here, but=client.client_id) if here is not None else ()
        upstream = here.upstream if here is not None else None
        goes = browser if session is not None and here is not None and here.key == session.key else None
        if goes is None and here is not None and callback.method == "POST":
            goes = here.device or None  # whoever comes on by GET shows whether it is that browser
        answer = (client.client_id, request.request_id, request.binding, request.relay_state)
        rest = bool(left or upstream)
        whole = bool(known) and len(ended) < _SEVERAL and not (rest and goes is None)
        if not rest or goes is None:
            left, upstream, goes = (), None, ""
        sid = here.sid if here is not None else ""
        back = f"{issuer.url}/logout"
        return await self._keep(pool, _Round(sid, left, upstream, back, answer=answer, whole=whole, browser=goes))

    async def _meant(self, pool: Pool, client: Client, request: SignOutRequest, session: Session | None) -> list[Known]:
        """The sessions that the application may end: of the person whom we named so, to it."""
        indexes = list(request.session_indexes)
        if not indexes and session is not None:
            indexes = [self._names.index(session.sid, client.client_id)]
        found = []
        for index in indexes[:20]:
            known = await self._names.find(pool, index)
            if known is None or index != self._names.index(known.sid, client.client_id):
                continue
            if request.name_id is not None and request.name_id.value == known.named.name_id.value:
                found.append(known)
        return found

    async def _end(self, pool: Pool, known: Known, client: Client) -> Session | None:
        of_user = await self._sessions.of_user(pool, known.user_id)
        session = next((one for one in of_user if one.sid == known.sid), None)
        if session is not None:
            await self._sessions.end(pool, session)
            self._emit(Event("session.ended", pool.id, known.user_id, client.client_id))
        return session

    async def _keep(self, pool: Pool, left: _Round) -> str:
        handle = self._ground.random.token(32)
        await self._ground.one_time.put(pool.id, KIND, digest(handle), orjson.dumps(left), WAITS_FOR)
        return handle

    def _ident(self) -> str:
        return f"_{self._ground.random.token(20)}"


ONWARD = "logout/onward"
HANDLE = "round"


def onward_path(handle: str) -> str:
    """Where a round goes on, below the issuer."""
    return f"{ONWARD}?{HANDLE}={handle}"


def _read(kept: bytes) -> _Round:
    raw: dict[str, Any] = orjson.loads(kept)
    answer = raw.pop("answer")
    return _Round(**{**raw, "left": tuple(raw["left"]), "answer": tuple(answer) if answer is not None else None})
