"""Who a person is at an application, for as long as the session lasts: what a sign-out will name (Profiles 4.4.3.2)."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson

from authserver.crypto.secrets import b64url, digest, mac
from authserver.errors import Conflict
from authserver.model.pools import Pool
from authserver.model.sessions import Session
from authserver.store import OneTime
from federation.saml_idp.model import Named, NameIdentifier

KIND = "saml_session"


@dataclass(frozen=True, slots=True)
class Known:
    """A session at an application: whose, of which of ours, and who it is there."""

    user_id: str
    sid: str
    named: Named


class Names:
    """Remembers them.

    Args:
        key: makes the indexes.
    """

    def __init__(self, one_time: OneTime, key: bytes) -> None:
        self._one_time = one_time
        self._key = key

    def index(self, sid: str, client_id: str) -> str:
        """The index of our session at an application. Each gets another, and OAuth clients know the `sid`: so that nobody
        can tell that it is one session.
        """
        return f"_{b64url(mac(self._key, f'session {sid} {client_id}'.encode()))}"

    async def note(self, pool: Pool, session: Session, name_id: NameIdentifier, index: str) -> None:
        """From now on the person has this name there."""
        known = {
            "user_id": session.authentication.user_id,
            "sid": session.sid,
            "value": name_id.value,
            "format": name_id.format,
        }
        key, new = digest(index), orjson.dumps(known)
        with suppress(Conflict):
            return await self._one_time.put(pool.id, KIND, key, new, pool.session.absolute)
        before = await self._one_time.peek(pool.id, KIND, key)
        if before is not None and before != new:  # such as an address that has changed meanwhile
            await self._one_time.swap(pool.id, KIND, key, before, new)
        return None

    async def find(self, pool: Pool, index: str) -> Known | None:
        """The session at an application by its index."""
        stored = await self._one_time.peek(pool.id, KIND, digest(index))
        if stored is None:
            return None
        raw: dict[str, Any] = orjson.loads(stored)
        return Known(raw["user_id"], raw["sid"], Named(NameIdentifier(raw["value"], raw["format"]), index))
