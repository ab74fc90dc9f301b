"""Single logout, the other side of it: its requests to end a session, and its answers to ours (SAML Profiles 4.4)."""

from dataclasses import dataclass
from typing import Protocol

from federation.connectors.saml.bindings import Field, check_query, message_of
from federation.connectors.saml.claims import NameId, name_id_of
from federation.connectors.saml.documents import Element, check_schema, only_child, parse, text_of
from federation.connectors.saml.judging import check_issuer, check_qualifiers, check_status
from federation.connectors.saml.moments import moment
from federation.connectors.saml.names import FRESH, LARGEST_CANONICAL, LONGEST_MESSAGE, SKEW, saml, samlp
from federation.connectors.saml.signatures import verified
from federation.errors import BadAnswer, NotForUs
from federation.model import Callback


@dataclass(frozen=True, slots=True)
class Ended:
    """A session that the provider ends. `session_indexes` is empty for all of the person."""

    request_id: str
    name_id: NameId
    session_indexes: tuple[str, ...]
    usable_until: int


class Peer(Protocol):
    """Whoever the message is from: a provider, or an application."""

    @property
    def entity_id(self) -> str: ...
    @property
    def certificates(self) -> tuple[str, ...]: ...


def read_logout_request(callback: Callback, peer: Peer, logout_url: str, *, issuer: str, audience: str) -> Ended:
    """Which session a samlp:LogoutRequest ends.

    Args:
        logout_url: where it came in, as we announced it.
        issuer: the entity ID of the one who named the person.
        audience: of the one who was told the name.

    Raises BadAnswer, NotForUs.
    """
    root = _verified(callback, "SAMLRequest", "LogoutRequest", peer, logout_url)
    ends = moment(root.get("NotOnOrAfter"))
    if ends is not None and ends <= callback.now - SKEW:
        raise NotForUs("the request has expired")
    element = only_child(root, saml("NameID"))
    if element is None:
        raise BadAnswer("the request names nobody, or in a form that we do not know")
    name = name_id_of(element)
    check_qualifiers(name, issuer, audience)
    indexes = tuple(text_of(e) for e in root.iterfind(samlp("SessionIndex")))
    return Ended(root.get("ID"), name, indexes, callback.now + FRESH + 2 * SKEW)


def read_logout_response(callback: Callback, peer: Peer, request_id: str, logout_url: str) -> None:
    """Return if a samlp:LogoutResponse says that our request was carried out. Raises BadAnswer, NotForUs, ProviderRefused."""
    root = _verified(callback, "SAMLResponse", "LogoutResponse", peer, logout_url)
    if root.get("InResponseTo") != request_id:
        raise NotForUs("the response is not to our request")
    check_status(root)


def _verified(callback: Callback, field: Field, name: str, peer: Peer, logout_url: str) -> Element:
    """The message as far as it was signed; by the binding, or in itself."""
    root = parse(message_of(callback, field), LONGEST_MESSAGE)
    if root.tag != samlp(name):
        raise BadAnswer(f"the message is no {name}")
    check_schema(root)
    if callback.method == "GET":
        check_query(callback, peer.certificates)
    else:
        root = parse(verified(root, root, peer.certificates), LARGEST_CANONICAL)
    check_issuer(only_child(root, saml("Issuer")), peer.entity_id)
    if root.get("Version") != "2.0":
        raise BadAnswer("the message is of another version of SAML")
    if root.get("Destination") != logout_url:
        raise NotForUs("the message was sent to another address")
    issued = moment(root.get("IssueInstant"))
    if issued is None or not callback.now - FRESH <= issued <= callback.now + SKEW:
        raise NotForUs("the message was not issued just now")
    return root
