"""The broker: sends browsers to identity providers, and takes them back."""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Protocol

import orjson

from authserver.broker.departures import Departure, Departures, Gone, Purpose
from authserver.broker.ground import Ground
from authserver.broker.host import host_of
from authserver.crypto.secrets import same
from authserver.effects import Clock
from authserver.errors import NotFound
from authserver.events import Emit, Event
from authserver.model.pools import Pool
from authserver.store import Registry
from federation.connector import (
    Connector,
    EndedThere,
    FinishesSignOut,
    HearsSignOut,
    Publishes,
    ReadsEncrypted,
    Recognizes,
    Refreshes,
    SignsOut,
    Tends,
    Unsolicited,
)
from federation.connectors import connector_for, kind_of
from federation.errors import BadAnswer, Cancelled, FederationError, Misconfigured
from federation.model import (
    Asked,
    Callback,
    ExternalIdentity,
    Handoff,
    IdentityProvider,
    Outgoing,
    UpstreamSession,
)

_MOST_CONNECTORS = 512
_THREADS = 2


class Place(Protocol):
    """A pool and its issuer identifier: a `tokens.issuer.Issuer`, of which no more is needed here."""

    @property
    def url(self) -> str: ...
    @property
    def pool(self) -> Pool: ...


Observe = Callable[[str, str, str, float], None]
"""Takes pool, provider, how it went ("ok" or the error's code), and how many seconds our dealings with it took."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a departure is to say, beside what the broker adds itself (`federation.model.Asked`)."""

    login_hint: str | None = None
    fresh: bool = False
    max_age: int | None = None
    acr_values: tuple[str, ...] = ()
    ui_locales: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Returned:
    """A browser is back: from which departure and provider, and with whom; or what went wrong there."""

    departure: Departure
    provider: IdentityProvider
    identity: ExternalIdentity | None
    error: FederationError | None = None


class Broker:
    """Drives connectors."""

    def __init__(
        self, registry: Registry, ground: Ground, departures: Departures, observe: Observe, emit: Emit
    ) -> None:
        self._registry = registry
        self._ground = ground
        self._departures = departures
        self._observe = observe
        self._emit = emit
        self._connectors: OrderedDict[tuple[str, str], tuple[IdentityProvider, str, Connector]] = OrderedDict()
        self._due: dict[tuple[str, str], int] = {}

    @staticmethod
    def threads() -> ThreadPoolExecutor:
        """The threads for what takes milliseconds: XML signatures, keys."""
        return ThreadPoolExecutor(_THREADS, "federation")

    async def tend(self) -> None:
        """See to what connectors in use have to see to, such as metadata that grows old, before a login has to wait for it."""
        now = int(self.clock())
        for key, (_, _, connector) in list(self._connectors.items()):
            if isinstance(connector, Tends) and self._due.get(key, 0) <= now:
                self._due[key] = await connector.tend(now)
        self._due = {key: due for key, due in self._due.items() if key in self._connectors}

    def close(self) -> None:
        """Let the threads end."""
        self._ground.threads.shutdown(wait=False, cancel_futures=True)

    @property
    def clock(self) -> Clock:
        return self._ground.clock

    # ---------------------------------------------------------------------------------------- there and back

    def connector(self, issuer: str, pool: str, provider: IdentityProvider) -> Connector:
        """The provider's connector, which keeps the keys that it has read. Raises Misconfigured."""
        key = pool, provider.name
        found = self._connectors.get(key)
        if found is not None and found[0] == provider and found[1] == issuer:
            self._connectors.move_to_end(key)
            return found[2]
        connector = connector_for(provider, host_of(self._ground, issuer, pool, provider))
        self._connectors[key] = provider, issuer, connector
        if len(self._connectors) > _MOST_CONNECTORS:
            self._connectors.popitem(last=False)
        return connector

    async def depart(
        self, issuer: Place, provider: IdentityProvider, purpose: Purpose, target: str, browser: str, wish: Wish
    ) -> Outgoing:
        """Where the browser goes. What it needs on its return is kept.

        Args:
            browser: the digest of its cookie.

        Raises:
            FederationError: it cannot begin.
        """
        now = int(self.clock())
        state = self._ground.random.token(32)
        callback_url = callback_url_of(issuer.url, provider)
        asked = Asked(
            state=state,
            callback_url=callback_url,
            now=now,
            login_hint=wish.login_hint,
            fresh=wish.fresh,
            max_age=wish.max_age,
            acr_values=wish.acr_values,
            ui_locales=wish.ui_locales,
        )
        pool = issuer.pool.id
        began = time.perf_counter()
        try:
            begun = await self.connector(issuer.url, pool, provider).begin(asked)
        except FederationError as error:
            self._failed(pool, provider, error, began)
            raise
        handoff = Handoff(
            state=state,
            pool=pool,
            provider=provider.name,
            callback_url=callback_url,
            begun_at=now,
            fresh=wish.fresh,
            max_age=wish.max_age,
            memo=dict(begun.memo),
        )
        await self._departures.keep(Departure(handoff, browser, purpose, target))
        return begun.outgoing

    async def depart_to_sign_out(
        self, issuer: Place, name: str, session: UpstreamSession, return_to: str
    ) -> Outgoing | None:
        """Where the browser goes to end its session at the provider; None where that is not set up, or not possible.

        Args:
            return_to: where it goes once it is back.

        Raises:
            FederationError: it cannot begin.
        """
        pool = issuer.pool.id
        provider = await self._registry.provider(pool, name)
        if provider is None or provider.settings.get("sign_out") is not True:
            return None
        connector = self.connector(issuer.url, pool, provider)
        if not isinstance(connector, SignsOut):
            return None
        now, state = int(self.clock()), self._ground.random.token(32)
        return_url = sign_out_url_of(issuer.url, provider)
        begun = await connector.sign_out(session, return_url, state, now)
        if begun is None:
            return None
        handoff = Handoff(
            state=state,
            pool=pool,
            provider=provider.name,
            callback_url=return_url,
            begun_at=now,
            memo=dict(begun.memo),
        )
        await self._departures.keep(Departure(handoff, "", "sign_out", return_to))
        return begun.outgoing

    async def signed_out_there(self, issuer: Place, callback: Callback, state: str) -> str:
        """The browser is back from signing out at a provider: where it goes on to. Raises Gone."""
        pool = issuer.pool.id
        departure = await self._departures.find(pool, state)
        if departure is None or departure.purpose != "sign_out" or not await self._departures.spend(departure):
            raise Gone("unknown")
        provider = await self._registry.provider(pool, departure.handoff.provider)
        if provider is not None:
            began = time.perf_counter()
            try:
                connector = self.connector(issuer.url, pool, provider)
                if isinstance(connector, FinishesSignOut):
                    await connector.sign_out_finished(departure.handoff, callback)
            except FederationError as error:  # our session is over in any case
                self._failed(pool, provider, error, began)
        return departure.target

    async def refresh(self, issuer: Place, provider: IdentityProvider, token: str, subject: str) -> ExternalIdentity:
        """What the provider says of somebody now, by a refresh token of theirs. Raises FederationError; ProviderRefused
        where the access was taken back.
        """
        pool, began = issuer.pool.id, time.perf_counter()
        try:
            connector = self.connector(issuer.url, pool, provider)
            if not isinstance(connector, Refreshes):
                raise Misconfigured("this provider gives no refresh tokens", setting="keep_refresh_token")
            identity = await connector.refresh(token, subject, int(self.clock()))
            _check_keepable(identity)
        except FederationError as error:
            self._failed(pool, provider, error, began)
            raise
        self._observe(pool, provider.name, "ok", time.perf_counter() - began)
        return identity

    async def hear(self, issuer: Place, provider: IdentityProvider, callback: Callback) -> EndedThere:
        """The provider, or the browser on its behalf, says that a session ended there. Raises FederationError."""
        began = time.perf_counter()
        try:
            connector = self.connector(issuer.url, issuer.pool.id, provider)
            if not isinstance(connector, HearsSignOut):
                raise BadAnswer("this provider has no way to say that")
            return await connector.signed_out(callback)
        except FederationError as error:
            self._failed(issuer.pool.id, provider, error, began)
            raise

    async def recognized(self, issuer: Place, callback: Callback) -> IdentityProvider | None:
        """The enabled SAML provider whose message this says to be: several share the addresses where such come in."""
        for provider in await self._registry.providers(issuer.pool.id):
            if not provider.enabled or kind_of(provider.type).protocol != "saml":
                continue
            try:
                connector = self.connector(issuer.url, issuer.pool.id, provider)
            except FederationError:
                continue
            if isinstance(connector, Recognizes) and await connector.recognizes(callback):
                return provider
        return None

    async def published(self, issuer: Place, name: str) -> bytes:
        """Our metadata for a provider. Raises NotFound, FederationError."""
        provider = await self._registry.provider(issuer.pool.id, name)
        if provider is None:
            raise NotFound(detail=f"no identity provider {name[:32]}")
        connector = self.connector(issuer.url, issuer.pool.id, provider)
        if not isinstance(connector, Publishes):
            raise NotFound(detail="it reads no metadata of ours")
        return await connector.metadata()

    async def encryption_keys(self, issuer: Place, name: str) -> Sequence[Mapping[str, str]]:
        """Our public keys that a provider encrypts for, as JWKs. Raises NotFound, FederationError."""
        provider = await self._registry.provider(issuer.pool.id, name)
        if provider is None:
            raise NotFound(detail=f"no identity provider {name[:32]}")
        connector = self.connector(issuer.url, issuer.pool.id, provider)
        if not isinstance(connector, ReadsEncrypted):
            raise NotFound(detail="it encrypts nothing for us")
        return await connector.encryption_keys()

    async def park(self, pool: str, address: str, callback: Callback, state: str) -> bool:
        """Something came back by a POST to this address, without the browser's cookies: keep it. False if nobody waits
        for it there.
        """
        departure = await self._departures.find(pool, state)
        if departure is None or departure.handoff.callback_url != address:
            return False
        return await self._departures.park(departure, callback)

    async def take(self, issuer: Place, address: str, callback: Callback, state: str, browser: str | None) -> Returned:
        """The browser is back. What it brought, or what was parked before, is judged by the provider's connector.

        Args:
            address: where it came to, which must be what the provider was told.
            browser: the digest of its cookie; None if it has none. What nobody asked for needs none.

        Raises:
            Gone: it belongs to no departure of this browser. Nothing is used up.
            NotFound: the provider is no more.
        """
        pool = issuer.pool.id
        departure = await self._departures.find(pool, state)
        if departure is None:
            raise Gone("unknown")
        if departure.handoff.callback_url != address:
            # Another provider's answer, be it at the address that some share: the mix-up of RFC 9700 4.4.
            raise Gone("foreign")
        if departure.purpose != "unsolicited" and (browser is None or not same(departure.browser, browser)):
            raise Gone("foreign")
        provider = await self._registry.provider(pool, departure.handoff.provider)
        if provider is None:
            raise NotFound(detail="the identity provider is gone")
        if not await self._departures.spend(departure):
            raise Gone("used")
        # Anybody who has seen the state may have posted something. What the browser brings itself goes first.
        brought = any(name not in {"state", "RelayState"} for name, _ in callback.params)
        came = callback if brought or departure.parked is None else departure.parked
        return await self._finished(issuer, provider, departure, came)

    async def _finished(
        self, issuer: Place, provider: IdentityProvider, departure: Departure, callback: Callback
    ) -> Returned:
        pool = issuer.pool.id
        began = time.perf_counter()
        try:
            connector = self.connector(issuer.url, pool, provider)
            # A form that was parked is as old as its arrival; what is judged is whether it is good now.
            callback = replace(callback, now=int(self.clock()))
            identity = await self._judged(connector, departure, callback)
            _check_keepable(identity)
        except FederationError as error:
            self._failed(pool, provider, error, began)
            return Returned(departure, provider, None, error)
        self._observe(pool, provider.name, "ok", time.perf_counter() - began)
        return Returned(departure, provider, identity)

    @staticmethod
    async def _judged(connector: Connector, departure: Departure, callback: Callback) -> ExternalIdentity:
        if departure.purpose != "unsolicited":
            return await connector.finish(departure.handoff, callback)
        if not isinstance(connector, Unsolicited):
            raise BadAnswer("this provider begins no sign-ins")
        identity, _relay_state = await connector.unsolicited(callback, departure.handoff.callback_url)
        return identity

    async def park_unsolicited(self, issuer: Place, provider: IdentityProvider, callback: Callback) -> str:
        """Keep what a provider sent without our asking, until the person at the browser agrees. Returns its state. Nothing
        is judged yet.
        """
        state = self._ground.random.token(32)
        url = callback_url_of(issuer.url, provider)
        handoff = Handoff(
            state=state, pool=issuer.pool.id, provider=provider.name, callback_url=url, begun_at=int(self.clock())
        )
        await self._departures.keep(Departure(handoff, "", "unsolicited", "", callback))
        return state

    async def unsolicited(self, pool: str, address: str, state: str) -> IdentityProvider | None:
        """Whose message, which came to this address, waits for somebody to agree to it; None if none does."""
        departure = await self._departures.find(pool, state)
        if departure is None or departure.purpose != "unsolicited" or departure.handoff.callback_url != address:
            return None
        return await self._registry.provider(pool, departure.handoff.provider)

    def _failed(self, pool: str, provider: IdentityProvider, error: FederationError, began: float) -> None:
        details: Mapping[str, object] = {"provider": provider.name, "error": error.code, "reason": error.detail[:500]}
        if isinstance(error, Cancelled):
            self._emit(Event("provider.cancelled", pool, details=details))
            return
        self._observe(pool, provider.name, error.code, time.perf_counter() - began)
        self._emit(Event("provider.failed", pool, details=details))


def _check_keepable(identity: ExternalIdentity) -> None:
    """Raises BadAnswer where it holds what we could not write down, such as a whole number of a hundred digits: a sign-in
    carries it, a trial shows it, the pool's own code is asked of it.
    """
    try:
        orjson.dumps((dict(identity.claims), {name: dict(said) for name, said in identity.sources.items()}))
    except TypeError as error:
        raise BadAnswer(f"the claims cannot be kept: {error}") from error


def callback_url_of(issuer: str, provider: IdentityProvider) -> str:
    """Where browsers come back from this provider (DESIGN 4)."""
    if kind_of(provider.type).protocol == "saml":
        return f"{issuer}/saml2/idpresponse"
    return f"{issuer}/oauth2/idpresponse" + (f"/{provider.name}" if provider.callback == "own" else "")


def sign_out_url_of(issuer: str, provider: IdentityProvider) -> str:
    """Where browsers come back after signing out at this provider."""
    return f"{issuer}/saml2/logout" if kind_of(provider.type).protocol == "saml" else f"{issuer}/oauth2/idplogout"
