"""Trial logins: an administrator goes to a provider and back, nobody is signed in, and what came is shown.

A provider may be tried while it is disabled. The way back is that of every login; what was judged there is put aside for
whoever began the trial, sealed, once and for minutes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from authserver.broker.departures import LIFETIME
from authserver.broker.service import Broker, Place, Returned, Wish
from authserver.crypto.sealing import Sealer, Unsealable
from authserver.crypto.secrets import digest
from authserver.effects import Random
from authserver.store import OneTime
from federation.errors import Misconfigured
from federation.model import ExternalIdentity, IdentityProvider, Outgoing

KIND, INVITED = "trial", "trial_ticket"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a trial: the identity, or the error with its code, its reason and the setting it is about.

    `sources` is what the provider sent, decoded; it holds no token.
    """

    identity: ExternalIdentity | None = None
    error: str = ""
    reason: str = ""
    setting: str = ""
    sources: Mapping[str, object] = field(default_factory=dict)


class Trials:
    """Begins trials, and keeps what came of them."""

    def __init__(self, broker: Broker, one_time: OneTime, sealer: Sealer, random: Random) -> None:
        self._broker = broker
        self._one_time = one_time
        self._sealer = sealer
        self._random = random

    async def invite(self, pool: str, provider: IdentityProvider) -> str:
        """A ticket for the page where an administrator tries this provider: whoever has it may."""
        ticket = self._random.token(32)
        await self._one_time.put(pool, INVITED, digest(ticket), provider.name.encode(), LIFETIME)
        return ticket

    async def invited(self, pool: str, ticket: str) -> str | None:
        """Which provider a ticket is for; None where it is for none, or is over."""
        kept = await self._one_time.peek(pool, INVITED, digest(ticket))
        return kept.decode() if kept is not None else None

    async def begin(self, issuer: Place, provider: IdentityProvider, ticket: str, browser: str) -> Outgoing:
        """Where the administrator's browser, by the digest of its cookie, goes. What it comes back with is kept under the
        ticket. Raises FederationError.
        """
        return await self._broker.depart(issuer, provider, "trial", ticket, browser, Wish(fresh=False))

    async def note(self, returned: Returned) -> None:
        """Put aside what came back."""
        handoff, identity, error = returned.departure.handoff, returned.identity, returned.error
        outcome: dict[str, object] = {}
        if identity is not None:
            outcome["identity"] = {
                "provider": identity.provider,
                "issuer": identity.issuer,
                "subject": identity.subject,
                "claims": dict(identity.claims),
                "authenticated_at": identity.authenticated_at,
                "acr": identity.acr,
                "amr": list(identity.amr),
            }
            outcome["sources"] = {name: dict(said) for name, said in identity.sources.items()}
        if error is not None:
            outcome |= {"error": error.code, "reason": error.detail or error.sentence}
            if isinstance(error, Misconfigured):
                outcome["setting"] = error.setting
        ticket = returned.departure.target
        sealed = self._sealer.seal(orjson.dumps(outcome, default=str), _record(handoff.pool, ticket))
        key = digest(ticket)
        before = await self._one_time.peek(handoff.pool, KIND, key)
        if before is not None:  # tried once more
            await self._one_time.swap(handoff.pool, KIND, key, before, sealed)
            return
        await self._one_time.put(handoff.pool, KIND, key, sealed, LIFETIME)

    async def outcome(self, pool: str, ticket: str) -> Outcome | None:
        """What came back; None while nothing has."""
        kept = await self._one_time.peek(pool, KIND, digest(ticket))
        if kept is None:
            return None
        try:
            raw = orjson.loads(self._sealer.open(kept, _record(pool, ticket)))
        except (Unsealable, ValueError):
            return None
        identity = raw.pop("identity", None)
        if identity is not None:
            identity = ExternalIdentity(**{**identity, "amr": tuple(identity["amr"])})
        return Outcome(identity=identity, **raw)


def _record(pool: str, ticket: str) -> str:
    return f"trials/{pool}/{digest(ticket)}"
