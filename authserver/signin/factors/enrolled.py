"""The factors that a user enrolled: named anew and removed."""

from authserver.errors import NotFound
from authserver.events import Emit, Event
from authserver.model.credentials import Credential
from authserver.model.pools import Pool
from authserver.model.users import User
from authserver.signin.factors.names import credential_name
from authserver.store import Credentials


class Enrolled:
    """What the account page and operators do to enrolled factors of every kind but backup codes, which have no names.

    Nothing is asked for here: whoever calls has made sure of the person, and of what the pool's policy demands.
    """

    def __init__(self, *, credentials: Credentials, emit: Emit) -> None:
        self._credentials = credentials
        self._emit = emit

    async def rename(self, pool: Pool, user: User, credential_id: str, name: str) -> None:
        """Raises Invalid (field `name`), NotFound."""
        label = credential_name(name)
        if not await self._credentials.rename_credential(pool.id, user.id, credential_id, label):
            raise NotFound(detail=f"no credential {credential_id[:64]} of {user.id}")
        self._emit(Event("factor.renamed", pool.id, user.id, details={"credential": credential_id}))

    async def remove(self, pool: Pool, user: User, credential_id: str) -> Credential:
        """From now on it proves nothing. Returns what it was. Raises NotFound."""
        own = await self._credentials.credentials(pool.id, user.id)
        credential = next((c for c in own if c.id == credential_id), None)
        if credential is None or not await self._credentials.delete_credential(pool.id, user.id, credential_id):
            raise NotFound(detail=f"no credential {credential_id[:64]} of {user.id}")
        details = {"factor": credential.kind, "credential": credential.id}
        self._emit(Event("factor.removed", pool.id, user.id, details=details))
        return credential
