"""An identity that waits for the proof of an account becomes one of that account's."""

from authserver.accounts.external import ExternalAccounts, NotLinked
from authserver.errors import TriggerFailed, Vetoed
from authserver.events import Emit, Event
from authserver.model.pools import Pool
from authserver.model.sessions import SignIn
from authserver.signin.identities import Carried
from authserver.store import Directory, Registry


class Joining:
    """Called when a sign-in has proven an account, once it is sure that the proof still holds."""

    def __init__(
        self, *, registry: Registry, directory: Directory, accounts: ExternalAccounts, carried: Carried, emit: Emit
    ) -> None:
        self._registry = registry
        self._directory = directory
        self._accounts = accounts
        self._carried = carried
        self._emit = emit

    async def join(self, pool: Pool, sign_in: SignIn, user_id: str) -> None:
        """Join what waits, if it waits for this very account. That it could not be joined keeps nobody out."""
        if sign_in.joining is None or sign_in.joining_user != user_id:
            return
        identity = self._carried.identity_of(pool.id, sign_in.joining)
        provider = await self._registry.provider(pool.id, sign_in.joining_by or "")
        user = await self._directory.user(pool.id, user_id)
        client_id = sign_in.request.client_id
        if identity is None or provider is None or not provider.enabled or user is None:
            return
        try:
            await self._accounts.link(pool, provider, identity, user, client_id)
        except (NotLinked, Vetoed, TriggerFailed) as refusal:
            reason = refusal.reason if isinstance(refusal, NotLinked) else refusal.sentence
            details = {"provider": provider.name, "reason": reason}
            self._emit(Event("identity.not_linked", pool.id, user_id, client_id, details=details))
