"""Departures: what is kept of a browser that went to another provider, until it comes back. Once, and for minutes."""

from dataclasses import dataclass, replace
from typing import Literal

import orjson

from authserver.crypto.sealing import Sealer, Unsealable
from authserver.crypto.secrets import digest
from authserver.errors import Refusal
from authserver.store import OneTime
from federation.model import Callback, Handoff

KIND = "departure"

LIFETIME = 15 * 60
"""Seconds that a person may take at the other provider."""

Purpose = Literal["sign_in", "link", "sign_out", "trial", "unsolicited"]


@dataclass(frozen=True, slots=True)
class Departure:
    """One departure.

    Attributes:
        browser: the digest of the browser's cookie; "" where the browser needs none: a trial from the command line, or
            what a SAML provider sent without our asking, which the person at the browser has to agree to.
        purpose: what it was for.
        target: what goes on with it: the id of the sign-in; the user who adds an identity.
        parked: what came back by a POST, which brings no cookies; it is judged once the browser has shown its own.
    """

    handoff: Handoff
    browser: str
    purpose: Purpose
    target: str
    parked: Callback | None = None


class Departures:
    """Keeps departures, sealed: a hand-off holds the secrets of a login under way."""

    def __init__(self, one_time: OneTime, sealer: Sealer) -> None:
        self._one_time = one_time
        self._sealer = sealer

    async def keep(self, departure: Departure) -> None:
        handoff = departure.handoff
        sealed = self._sealed(departure)
        await self._one_time.put(handoff.pool, KIND, digest(handoff.state), sealed, LIFETIME)

    async def find(self, pool: str, state: str) -> Departure | None:
        """The departure with this `state`, if it is not over or used."""
        kept = await self._one_time.peek(pool, KIND, digest(state))
        return self._opened(pool, state, kept) if kept is not None else None

    async def park(self, departure: Departure, callback: Callback) -> bool:
        """Keep what came back. False if something had come back before, or it is over: the first counts."""
        handoff = departure.handoff
        key = digest(handoff.state)
        kept = await self._one_time.peek(handoff.pool, KIND, key)
        if kept is None or departure.parked is not None:
            return False
        parked = self._sealed(replace(departure, parked=callback))
        return await self._one_time.swap(handoff.pool, KIND, key, kept, parked)

    async def spend(self, departure: Departure) -> bool:
        """Use it up. True for exactly one of any number of callers."""
        handoff = departure.handoff
        spent = await self._one_time.spend(handoff.pool, KIND, digest(handoff.state))
        return spent is not None and not spent.replayed

    def _sealed(self, departure: Departure) -> bytes:
        handoff = departure.handoff
        return self._sealer.seal(orjson.dumps(departure), _record(handoff.pool, handoff.state))

    def _opened(self, pool: str, state: str, kept: bytes) -> Departure | None:
        try:
            raw = orjson.loads(self._sealer.open(kept, _record(pool, state)))
            parked = raw.pop("parked")
            callback = _callback(parked) if parked is not None else None
            return Departure(handoff=Handoff(**raw.pop("handoff")), parked=callback, **raw)
        except (Unsealable, ValueError, KeyError, TypeError):
            return None  # of another version of the server, or under another key: the login starts over


def _callback(raw: dict[str, object]) -> Callback:
    params = tuple((str(name), str(value)) for name, value in raw["params"])  # type: ignore[attr-defined]  # pairs
    return Callback(**{**raw, "params": params})  # type: ignore[arg-type]  # as it was written


def _record(pool: str, state: str) -> str:
    return f"departures/{pool}/{digest(state)}"


class Gone(Refusal):
    """The hand-off was used, is over, or is another browser's. `reason`: "unknown", "foreign" or "used"."""

    code = "handoff_gone"
    sentence = "This return belongs to no sign-in of this browser."

    def __init__(self, reason: str) -> None:
        super().__init__(detail=reason)
        self.reason = reason
