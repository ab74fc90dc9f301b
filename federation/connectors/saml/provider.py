"""The connector of one SAML provider: what to do in which order. XML and signatures are handled on `Host.work` alone."""

import hashlib
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from federation.connector import Check, EndedThere
from federation.connectors.saml.bindings import field_of, message_of
from federation.connectors.saml.documents import only_child, parse, text_of
from federation.connectors.saml.examining import examine
from federation.connectors.saml.identity import identity_of
from federation.connectors.saml.judging import Expected, Statement, judge
from federation.connectors.saml.keys import OwnKey, own_keys
from federation.connectors.saml.logout import Ended, read_logout_request, read_logout_response
from federation.connectors.saml.metadata import IdpMetadata
from federation.connectors.saml.names import LONGEST_MESSAGE, POST, REDIRECT, SKEW, saml
from federation.connectors.saml.opening import open_response
from federation.connectors.saml.requests import Party, authn_request, logout_request, logout_response
from federation.connectors.saml.service import service_metadata
from federation.connectors.saml.settings import SamlSettings, read_settings
from federation.connectors.saml.signatures import UnknownKey
from federation.connectors.saml.sources import MetadataSource
from federation.errors import BadAnswer, FederationError, Misconfigured, NotForUs
from federation.model import (
    Asked,
    Begun,
    Callback,
    ExternalIdentity,
    Handoff,
    IdentityProvider,
    Outgoing,
    UpstreamSession,
)
from federation.ports import Host

T = TypeVar("T")

_LONGEST_USE = 24 * 3600


class SamlProvider:
    """A Connector that also SignsOut, HearsSignOut, FinishesSignOut, Examines, Recognizes, takes Unsolicited, Publishes and
    Tends. Raises Misconfigured if the settings cannot work.
    """

    def __init__(self, provider: IdentityProvider, host: Host) -> None:
        self._name = provider.name
        self._host = host
        self._settings: SamlSettings = read_settings(provider, host.issuer)
        self._source = MetadataSource(self._settings, host)
        self._logout_url = f"{host.issuer}/saml2/logout"

    async def begin(self, asked: Asked) -> Begun:
        idp, keys, ident = await self._source.current(asked.now), await self._keys(), self._ident()
        outgoing = await self._host.work(lambda: authn_request(self._settings, idp, asked, ident, keys[0]))
        return Begun(outgoing, {"request_id": ident})

    async def finish(self, handoff: Handoff, callback: Callback) -> ExternalIdentity:
        request_id = handoff.memo.get("request_id")
        if not request_id or callback.one("RelayState") != handoff.state:
            raise NotForUs("the response does not belong to this sign-in")
        since = handoff.begun_at if handoff.fresh or handoff.max_age is not None else None
        return await self._signed_in(callback, handoff.callback_url, request_id, since)

    async def unsolicited(self, callback: Callback, acs_url: str) -> tuple[ExternalIdentity, str]:
        if not self._settings.idp_initiated:
            raise NotForUs("sign-ins that begin at the provider are not allowed (idp_initiated)")
        return await self._signed_in(callback, acs_url, None, None), callback.one("RelayState") or ""

    async def recognizes(self, callback: Callback) -> bool:
        try:
            data = message_of(callback, field_of(callback))
            root = await self._host.work(lambda: parse(data, LONGEST_MESSAGE))
            issuer = text_of(only_child(root, saml("Issuer")))
            return issuer == (await self._source.current(callback.now)).entity_id
        except FederationError:
            return False

    async def sign_out(self, session: UpstreamSession, return_url: str, state: str, now: int) -> Begun | None:
        if not self._settings.sign_out:
            return None
        if return_url != self._logout_url:
            raise Misconfigured("a SAML provider answers at saml2/logout, as our metadata says")
        idp, keys, ident = await self._source.current(now), await self._keys(), self._ident()
        outgoing = await self._host.work(lambda: logout_request(self._party(idp), session, ident, keys[0], state, now))
        return Begun(outgoing, {"request_id": ident}) if outgoing is not None else None

    async def sign_out_finished(self, handoff: Handoff, callback: Callback) -> None:
        request_id = handoff.memo.get("request_id")
        if not request_id or callback.one("RelayState") != handoff.state:
            raise NotForUs("the answer does not belong to this sign-out")

        def job(idp: IdpMetadata) -> None:
            read_logout_response(callback, idp, request_id, self._logout_url)

        await self._by_current_keys(callback.now, job)

    async def signed_out(self, callback: Callback) -> EndedThere:
        keys, ident = await self._keys(), self._ident()
        relay_state = callback.one("RelayState") or ""

        def job(idp: IdpMetadata) -> tuple[Ended, Outgoing | None]:
            ended = read_logout_request(
                callback, idp, self._logout_url, issuer=idp.entity_id, audience=self._settings.entity_id
            )
            came_by = REDIRECT if callback.method == "GET" else POST
            return ended, logout_response(
                self._party(idp), ended.request_id, came_by, ident, keys[0], relay_state, callback.now
            )

        idp, (ended, answer) = await self._by_current_keys(callback.now, job)
        await self._spend(idp, ended.request_id, ended.usable_until)
        # Several sessions named at once are all that the person has there, as far as anybody could tell.
        session = ended.session_indexes[0] if len(ended.session_indexes) == 1 else None
        return EndedThere(ended.name_id.value, session, answer)

    async def metadata(self) -> bytes:
        keys = await self._keys()
        return await self._host.work(lambda: service_metadata(self._settings, self._host.issuer, keys))

    async def tend(self, now: int) -> int:
        return await self._source.tend(now)

    async def examine(self, callback_url: str, now: int) -> list[Check]:  # noqa: ARG002 - told by our metadata
        try:
            idp: IdpMetadata | FederationError = await self._source.current(now)
        except FederationError as failure:
            idp = failure
        return examine(self._settings, idp, self._source.failure, [k.certificate for k in await self._keys()], now)

    async def _signed_in(
        self, callback: Callback, acs_url: str, request_id: str | None, since: int | None
    ) -> ExternalIdentity:
        if callback.method != "POST":
            raise BadAnswer("a response comes by POST")
        settings, now = self._settings, callback.now
        data = message_of(callback, "SAMLResponse")
        ours = [key.private_key for key in await self._keys()]

        def judged(idp: IdpMetadata) -> Statement:
            expected = Expected(idp.entity_id, settings.entity_id, acs_url, request_id, now, since)
            return judge(open_response(data, settings, idp, ours), expected)

        idp, statement = await self._by_current_keys(now, judged)
        identity = identity_of(self._name, idp.entity_id, settings, statement)
        # Used up last: what is refused for another reason may still be used where it belongs.
        await self._spend(idp, statement.assertion_id, min(statement.usable_until, now + _LONGEST_USE) + SKEW)
        return identity

    async def _by_current_keys(self, now: int, job: Callable[[IdpMetadata], T]) -> tuple[IdpMetadata, T]:
        """What the job makes of the metadata; done once more with newer metadata where a key was not known."""
        idp = await self._source.current(now)
        try:
            return idp, await self._host.work(partial(job, idp))
        except UnknownKey:
            newer = await self._source.newer(now, idp)
            if newer is None:
                raise
            return newer, await self._host.work(partial(job, newer))

    async def _spend(self, idp: IdpMetadata, ident: str, until: int) -> None:
        """Use up what may be used once. Raises NotForUs if it was used before."""
        digest = hashlib.sha256(f"{idp.entity_id}\n{ident}".encode()).hexdigest()
        if not await self._host.once.first(f"saml:{digest}", until):
            raise NotForUs("the message was used before")

    async def _keys(self) -> tuple[OwnKey, ...]:
        pairs = await self._host.key_pairs.current()
        return await self._host.work(lambda: own_keys(pairs))

    def _party(self, idp: IdpMetadata) -> Party:
        return Party(self._settings.entity_id, idp.sign_out)

    def _ident(self) -> str:
        return f"_{self._host.random.token(20)}"  # an ID begins with a letter or an underscore
