"""The pool as an identity provider: from an application's request to the assertion that answers it."""

from dataclasses import dataclass
from io import BytesIO

from authserver.assertions.names import Names
from authserver.assertions.people import attributes_of, known_as, name_of
from authserver.broker.ground import Ground, Workers
from authserver.broker.key_pairs import AS_PROVIDER, OwnKeyPairs
from authserver.errors import ProtocolRefusal
from authserver.events import Emit, Event
from authserver.model.clients import Client
from authserver.model.sessions import AuthorizationRequest, Session
from authserver.model.users import User
from authserver.signin.handing_over import HandOver
from authserver.store.cached import CachedRegistry
from authserver.tokens.issuer import Issuer
from federation.connectors.saml.keys import OwnKey, own_keys
from federation.errors import FederationError
from federation.model import Callback, FormPost
from federation.saml_idp import levels, responses
from federation.saml_idp.metadata import SSO, entity_id_of, provider_metadata
from federation.saml_idp.model import Asserted, Named, ServiceProvider
from federation.saml_idp.requests import AuthnRequest, as_query, begun_here, issuer_of, read_authn_request
from federation.saml_idp.responses import Status, Writer

START = "saml2/idp/start"
"""Where a sign-on begins here, below the issuer."""

_STATUSES = {
    "login_required": responses.NO_PASSIVE,
    "interaction_required": responses.NO_PASSIVE,
    "consent_required": responses.NO_PASSIVE,
    "access_denied": responses.REQUEST_DENIED,
    "unmet_authentication_requirements": responses.NO_AUTHN_CONTEXT,
}
"""What ends a sign-in, as OAuth and as SAML say it."""


@dataclass(frozen=True, slots=True)
class Asking:
    """An application and its request, proven."""

    client: Client
    sp: ServiceProvider
    request: AuthnRequest


class Assertions:
    """Reads requests of applications, and answers them.

    Args:
        name_key: makes the opaque names of people.
    """

    def __init__(self, registry: CachedRegistry, ground: Ground, names: Names, name_key: bytes, emit: Emit) -> None:
        self._registry = registry
        self._ground = ground
        self._names = names
        self._name_key = name_key
        self._emit = emit
        self._work = Workers(ground.threads)
        self._pairs: dict[str, OwnKeyPairs] = {}

    async def keys(self, pool: str) -> tuple[OwnKey, ...]:
        """The pool's keys as an identity provider; the first signs."""
        pairs = self._pairs.setdefault(pool, OwnKeyPairs(self._ground, pool, AS_PROVIDER))
        current = await pairs.current()
        return await self._work(lambda: own_keys(current))

    async def metadata(self, issuer: Issuer) -> bytes:
        """What applications read about us."""
        keys = await self.keys(issuer.pool.id)
        return await self._work(lambda: provider_metadata(issuer.url, keys))

    async def application(self, issuer: Issuer, callback: Callback) -> tuple[Client, ServiceProvider]:
        """The application whose message this says to be. Raises ProtocolRefusal."""
        try:
            entity_id = await self._work(lambda: issuer_of(callback))
        except FederationError as error:
            raise refusal_of(error) from error
        client = await self._registry.service_provider(issuer.pool.id, entity_id)
        if client is None or client.saml is None or not client.enabled:
            raise ProtocolRefusal("invalid_client", "This application is not set up here.", detail=entity_id[:300])
        return client, client.saml

    async def posted(self, callback: Callback) -> str:
        """A posted request as a query, to come again by GET. Raises ProtocolRefusal."""
        try:
            return await self._work(lambda: as_query(callback))
        except FederationError as error:
            raise refusal_of(error) from error

    async def asked(self, issuer: Issuer, callback: Callback) -> Asking:
        """What an application asks, by GET. Raises ProtocolRefusal: nothing may be sent to anybody."""
        client, sp = await self.application(issuer, callback)
        try:
            request = await self._work(lambda: read_authn_request(callback, sp, f"{issuer.url}/{SSO}"))
        except FederationError as error:
            raise refusal_of(error) from error
        return Asking(client, sp, request)

    async def begun_here(self, issuer: Issuer, client_id: str, relay_state: str | None) -> Asking:
        """A sign-on that begins here. Raises ProtocolRefusal."""
        client = await self._registry.client(issuer.pool.id, client_id)
        if client is None or client.saml is None or not client.enabled:
            raise ProtocolRefusal("invalid_client", "This application is not set up here.", detail=client_id[:128])
        try:
            return Asking(client, client.saml, begun_here(client.saml, relay_state))
        except FederationError as error:
            raise refusal_of(error) from error

    @staticmethod
    def wanted(issuer: Issuer, asking: Asking, query: str) -> AuthorizationRequest | Status:
        """The sign-in that the request asks for, or why there can be none.

        Args:
            query: the path, with its query, where the answer is fetched, and the same request starts again.
        """
        request, names = asking.request, issuer.pool.mfa.acr_levels
        level = levels.wanted_level(request, names)
        if level is None:
            return responses.NO_AUTHN_CONTEXT
        prompt = ("none",) if request.is_passive else ("login",) if request.force_authn else ()
        if request.is_passive and request.force_authn:
            return responses.NO_PASSIVE
        return AuthorizationRequest(
            client_id=asking.client.client_id,
            redirect_uri=f"{issuer.url}/{SSO}",
            redirect_uri_sent=True,
            scope=(),
            query=query,
            prompt=prompt,
            max_age=asking.client.default_max_age,
            login_hint=request.subject,
            acr_values=(names[level - 1],) if level > 1 else (),
        )

    async def refusal(self, issuer: Issuer, asking: Asking, status: Status) -> FormPost:
        """The form that tells the application why nobody is signed in."""
        writer, now = await self._writer(issuer), int(self._ground.clock())
        details = {"status": status[1].rpartition(":")[2]}
        self._emit(Event("assertion.refused", issuer.pool.id, None, asking.client.client_id, details=details))
        return await self._work(lambda: writer.failure(asking.request, status, now))

    async def answer(
        self, issuer: Issuer, asking: Asking, came_of_it: HandOver, session: Session | None, user: User | None
    ) -> FormPost:
        """The form that signs the person in to the application, or tells it why not.

        Args:
            came_of_it: what became of the sign-in; it has been used up.
            session: the browser's, in which that took place; None if it is over.
            user: whose it is.
        """
        if came_of_it.error is not None:
            return await self.refusal(issuer, asking, _STATUSES.get(came_of_it.error, responses.AUTHN_FAILED))
        if session is None or user is None or not user.can_sign_in:
            return await self.refusal(issuer, asking, responses.AUTHN_FAILED)
        pool, sp, request = issuer.pool, asking.sp, asking.request
        reached = levels.Reached(came_of_it.level, came_of_it.two_factors, came_of_it.by_password)
        if not levels.reaches(request, reached, pool.mfa.acr_levels):
            return await self.refusal(issuer, asking, responses.NO_AUTHN_CONTEXT)
        name_id = name_of(user, sp, request.name_id_format, session.sid, self._name_key)
        if name_id is None:
            return await self.refusal(issuer, asking, responses.INVALID_NAME_ID_POLICY)
        if request.subject is not None and request.subject not in {name_id.value, *known_as(user)}:
            return await self.refusal(issuer, asking, responses.UNKNOWN_PRINCIPAL)  # Core 3.4.1: that person, or nobody
        index = self._names.index(session.sid, asking.client.client_id)
        asserted = Asserted(
            named=Named(name_id, index),
            authenticated_at=came_of_it.auth_time,
            context=levels.context_of(request, reached, pool.mfa.acr_levels),
            attributes=attributes_of(user, asking.client, sp),
            session_ends_at=session.created_at + pool.session.absolute,
        )
        writer, now = await self._writer(issuer), int(self._ground.clock())
        form = await self._work(lambda: writer.success(sp, request, asserted, now))
        await self._names.note(pool, session, name_id, index)
        self._emit(Event("assertion.issued", pool.id, user.id, asking.client.client_id))
        return form

    async def _writer(self, issuer: Issuer) -> Writer:
        keys = await self.keys(issuer.pool.id)
        # Drawn here, and not on the thread that uses it.
        return Writer(entity_id_of(issuer.url), keys[0], BytesIO(self._ground.random.bytes(128)).read)


def refusal_of(error: FederationError) -> ProtocolRefusal:
    """What is wrong with a message of an application, for whoever set it up."""
    sentence = f"The application's request cannot be taken: {error.detail}."
    return ProtocolRefusal("invalid_request", sentence, detail=error.detail)
