"""Single logout (SAML Profiles 4.4) seen from the identity provider: an application's requests and answers, and ours."""

from dataclasses import dataclass

from federation.connectors.saml.claims import NameId
from federation.connectors.saml.keys import OwnKey
from federation.connectors.saml.logout import read_logout_request, read_logout_response
from federation.connectors.saml.metadata import Endpoint
from federation.connectors.saml.names import POST, REDIRECT
from federation.connectors.saml.requests import Party, logout_request, logout_response
from federation.model import Callback, Outgoing, UpstreamSession
from federation.saml_idp.model import Named, ServiceProvider


@dataclass(frozen=True, slots=True)
class SignOutRequest:
    """An application's wish to end a session. `session_indexes` is empty for all of the person's at that application."""

    request_id: str
    name_id: NameId | None
    session_indexes: tuple[str, ...]
    binding: str
    relay_state: str


def party_of(entity_id: str, sp: ServiceProvider) -> Party:
    """We as who writes, and the application as who reads."""
    outs = {
        binding: Endpoint(url, sp.logout_response_urls.get(binding, url)) for binding, url in sp.logout_urls.items()
    }
    return Party(entity_id, outs)


def read_request(callback: Callback, sp: ServiceProvider, entity_id: str, slo_url: str) -> SignOutRequest:
    """A samlp:LogoutRequest of an application.

    Args:
        entity_id: ours.
        slo_url: where it came in, as our metadata says.

    Raises BadAnswer, NotForUs.
    """
    ended = read_logout_request(callback, sp, slo_url, issuer=entity_id, audience=sp.entity_id)
    return SignOutRequest(
        request_id=ended.request_id,
        name_id=ended.name_id,
        session_indexes=ended.session_indexes,
        binding=REDIRECT if callback.method == "GET" else POST,
        relay_state=callback.one("RelayState") or "",
    )


def check_response(callback: Callback, sp: ServiceProvider, request_id: str, slo_url: str) -> None:
    """Return if an application says that it has carried out our request. Raises BadAnswer, NotForUs, ProviderRefused."""
    read_logout_response(callback, sp, request_id, slo_url)


def request_to(
    entity_id: str, sp: ServiceProvider, named: Named, ident: str, key: OwnKey, state: str, now: int
) -> Outgoing | None:
    """The browser's way to end a session at an application; None if it has no address for that."""
    name = {
        "value": named.name_id.value,
        "format": named.name_id.format,
        "name_qualifier": entity_id,
        "sp_name_qualifier": sp.entity_id,
    }
    session = UpstreamSession(named.name_id.value, named.session_index, name)
    return logout_request(party_of(entity_id, sp), session, ident, key, state, now)


def response_to(
    entity_id: str, sp: ServiceProvider, request: SignOutRequest, ident: str, key: OwnKey, now: int, *, whole: bool
) -> Outgoing | None:
    """The answer to an application's request; None if it has no address for one.

    Args:
        whole: whether the session was ended everywhere (Core 3.7.3.2, PartialLogout).
    """
    return logout_response(
        party_of(entity_id, sp), request.request_id, request.binding, ident, key, request.relay_state, now, whole=whole
    )
