"""Clients in the hands of an operator. What a pool file owns is read-only here (DESIGN 3)."""

from dataclasses import replace

from authserver.accounts.directory import refuse
from authserver.crypto.secrets import digest
from authserver.effects import Clock, Random
from authserver.errors import Conflict, Invalid, NotFound
from authserver.events import Emit, Event
from authserver.model.clients import Client
from authserver.model.pools import Pool
from authserver.rules.clients import client_faults
from authserver.rules.names import client_id_fault
from authserver.store import Registry

MACHINE_GRANT_BYTES = 12


class Clients:
    """What an operator may do to the clients of a pool."""

    def __init__(self, registry: Registry, clock: Clock, random: Random, emit: Emit) -> None:
        self._registry = registry
        self._clock = clock
        self._random = random
        self._emit = emit

    async def find(self, pool: Pool, client_id: str) -> Client:
        """The client. Raises NotFound."""
        found = await self._registry.client(pool.id, client_id)
        if found is None:
            raise NotFound(f"There is no client {client_id!r} in the pool {pool.id}.")
        return found

    async def create(self, pool: Pool, client: Client) -> tuple[Client, str | None]:
        """Register a client. An empty `client_id` is generated.

        Returns:
            The client as it is stored, and its secret, which is not stored and cannot be shown again; None for a
            public client.

        Raises:
            Invalid: with everything that is wrong.
            Conflict: if the client id is taken, in any pool.
        """
        client_id = client.client_id or self._random.bytes(12).hex()
        secret = None if client.public else self._random.token(32)
        client = replace(
            client,
            client_id=client_id,
            pool=pool.id,
            client_name=client.client_name or client_id,
            secret_digests=(digest(secret),) if secret is not None else (),
            machine_grant=self._random.token(MACHINE_GRANT_BYTES),
            managed=False,
            created_at=int(self._clock()),
        )
        fault = client_id_fault(client_id)
        refuse([("client_id", fault)] if fault is not None else client_faults(client, set(pool.scope_descriptions())))
        if await self._registry.pool_of_client(client_id) is not None:
            raise Conflict(f"The client id {client_id} is taken.")
        if client.saml is not None and client.saml.entity_id in {
            c.saml.entity_id for c in await self._registry.clients(pool.id) if c.saml is not None
        }:
            raise Conflict(f"The pool has an application with the entity ID {client.saml.entity_id} already.")
        await self._registry.put_client(pool.id, client)
        self._emit(Event("client.created", pool.id, client_id=client_id))
        return client, secret

    async def rotate_secret(self, client: Client, *, keep_old: bool = False) -> str:
        """A new secret, shown this once. The old one ends now; with `keep_old` at the next rotation. Raises Conflict,
        Invalid.
        """
        self._refuse_managed(client)
        if client.public:
            raise Invalid(f"The client {client.client_id} is public: it has no secret.", field="client_id")
        secret = self._random.token(32)
        kept = client.secret_digests[:1] if keep_old else ()
        await self._registry.put_client(client.pool, replace(client, secret_digests=(digest(secret), *kept)))
        self._emit(Event("client.secret_changed", client.pool, client_id=client.client_id))
        return secret

    async def delete(self, client: Client) -> None:
        """Delete the client with its grants and consents. Raises Conflict if a pool file owns it."""
        self._refuse_managed(client)
        if await self._registry.delete_client(client.pool, client.client_id):
            self._emit(Event("client.deleted", client.pool, client_id=client.client_id))

    @staticmethod
    def _refuse_managed(client: Client) -> None:
        if client.managed:
            raise Conflict(
                f"The client {client.client_id} belongs to a pool file: change it there and run `poolgate apply`."
            )
