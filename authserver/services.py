"""What the composition root hands to the front ends: capabilities, stores, and a few settings. No adapters."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from authserver.crypto.passwords import Passwords
from authserver.effects import Clock, Random
from authserver.errors import Refusal
from authserver.events import Emit
from authserver.signin.service import SignIns
from authserver.signin.sessions import BrowserSessions
from authserver.store import Stores
from authserver.store.cached import CachedRegistry
from authserver.tokens.issuer import Issuer, Issuers
from authserver.tokens.keyring import KeyRing
from authserver.tokens.revocation import Revocations
from authserver.web import Answer, Request


@dataclass(slots=True)
class Services:
    """Everything a request may need."""

    clock: Clock
    random: Random
    registry: CachedRegistry
    stores: Stores
    issuers: Issuers
    key_ring: KeyRing
    passwords: Passwords
    revocations: Revocations
    sessions: BrowserSessions
    sign_ins: SignIns
    emit: Emit
    base_url: str
    show_error: "Refuse"
    """Makes the error page a person sees: the pages front end provides it, the OAuth endpoints call it."""

    @property
    def secure(self) -> bool:
        """Whether the public origin is https, so that cookies are."""
        return self.base_url.startswith("https:")

    def cookie_name(self, pool: str, kind: str) -> str:
        """The name of a pool's cookie (DESIGN 4): with the `__Host-` prefix wherever the browser allows it."""
        return f"__Host-{pool}-{kind}" if self.secure else f"{pool}-{kind}"


Handler = Callable[[Services, Issuer, Request], Awaitable[Answer]]
"""Handles one method at one address below a pool. May raise any Refusal."""

Refuse = Callable[[Services, Request, Issuer | None, Refusal], Answer]
"""A front end's one table from refusals to its wire form. The issuer is None if the pool is not known."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address below a pool: what handles each method, and how its refusals look.

    `cors`: whether pages of any origin may call it, without credentials (DESIGN 4).
    """

    name: str
    methods: Mapping[str, Handler]
    refuse: Refuse
    cors: bool = False
