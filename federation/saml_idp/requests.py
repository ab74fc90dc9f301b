"""What an application asks: a samlp:AuthnRequest, read and verified (SAML Core 3.4.1, Profiles 4.1.4.1)."""

from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote_plus

from federation.connectors.saml.bindings import check_query, field_of, message_of, redirect
from federation.connectors.saml.claims import name_id_of
from federation.connectors.saml.documents import Element, check_schema, only_child, parse, text_of
from federation.connectors.saml.judging import check_issuer
from federation.connectors.saml.moments import moment
from federation.connectors.saml.names import (
    LARGEST_CANONICAL,
    LONGEST_MESSAGE,
    POST,
    SKEW,
    UNSPECIFIED,
    ds,
    saml,
    samlp,
)
from federation.connectors.saml.signatures import verified
from federation.errors import BadAnswer, NotForUs
from federation.model import Callback
from federation.saml_idp.model import ServiceProvider

OLDEST = 24 * 3600
"""Seconds: a page that was left open for so long can still go on. What an old request may do is the application's to judge,
which gets its ID back.
"""

LONGEST_ADDRESS = 12_000
"""Characters of a query: as it came, or as a posted request becomes one. Sign-ins keep it."""

LARGEST_POSTED = 32_000
"""Bytes of a request that is posted, before it is packed for its way."""

LONGEST_RELAY_STATE = 1024
"""Bytes. The binding says 80, and everybody sends more."""

_YES = frozenset({"true", "1"})
_READ = ("SAMLRequest", "RelayState", "SigAlg", "Signature")


@dataclass(frozen=True, slots=True)
class AuthnRequest:
    """A request that is proven: the answer may go to its address, whatever it is.

    Attributes:
        id: for `InResponseTo`; "" for a sign-on that begins here.
        force_authn: the person must prove anew who they are.
        is_passive: no page may be shown.
        name_id_format: a URI; "" leaves it to us.
        contexts: the AuthnContextClassRefs of which one is asked for; `comparison` says how they are meant.
        subject: whom the application asks about, by whatever name.
    """

    id: str
    acs_url: str
    relay_state: str = ""
    force_authn: bool = False
    is_passive: bool = False
    name_id_format: str = ""
    contexts: tuple[str, ...] = ()
    comparison: str = "exact"
    subject: str | None = None


def issuer_of(callback: Callback) -> str:
    """Whose message this says to be. Raises BadAnswer."""
    root = parse(message_of(callback, field_of(callback)), LONGEST_MESSAGE)
    return text_of(only_child(root, saml("Issuer")))


def as_query(callback: Callback) -> str:
    """A posted request as a query, so that it can come again by GET, with the browser's cookies.

    What is signed is in the message itself, so nothing is lost but its size. Raises BadAnswer.
    """
    message = message_of(callback, "SAMLRequest")
    if len(message) > LARGEST_POSTED:
        raise BadAnswer("the request is too large")
    if len(relay_state := callback.one("RelayState") or "") > LONGEST_RELAY_STATE:
        raise BadAnswer("the RelayState is too long")
    query = redirect("", "SAMLRequest", message, relay_state, None).url.removeprefix("?")
    if len(query) > LONGEST_ADDRESS:
        raise BadAnswer("the request is too large")
    return query


def query_of(callback: Callback) -> str:
    """The parts of the query that belong to the request, as they were sent: a signature is over them."""
    pairs = (pair for pair in callback.query.split("&") if unquote_plus(pair.partition("=")[0]) in _READ)
    return "&".join(pairs)


def callback_of(query: str, now: int) -> Callback:
    """The request that `query_of` or `as_query` kept."""
    return Callback("GET", tuple(parse_qsl(query, keep_blank_values=True)), query, now)


def read_authn_request(callback: Callback, sp: ServiceProvider, sso_url: str) -> AuthnRequest:
    """What is asked, by GET.

    Args:
        sso_url: where the request came in, as our metadata says.

    Raises:
        BadAnswer, NotForUs: and nothing may be sent anywhere.
    """
    if len(callback.one("RelayState") or "") > LONGEST_RELAY_STATE:
        raise BadAnswer("the RelayState is too long")
    if len(callback.query) > LONGEST_ADDRESS:
        raise BadAnswer("the request is too large")
    root = parse(message_of(callback, "SAMLRequest"), LONGEST_MESSAGE)
    if root.tag != samlp("AuthnRequest"):
        raise BadAnswer("the message is no AuthnRequest")
    check_schema(root)
    root, signed = _verified(callback, root, sp)
    check_issuer(only_child(root, saml("Issuer")), sp.entity_id)
    if root.get("Version") != "2.0":
        raise BadAnswer("the message is of another version of SAML")
    destination = root.get("Destination")
    if destination != sso_url and (signed or destination is not None):
        raise NotForUs("the request was sent to another address")
    issued = moment(root.get("IssueInstant"))
    if issued is None or not callback.now - OLDEST <= issued <= callback.now + SKEW:
        raise NotForUs("the request is too old, or from the future")
    return _read(root, sp, callback.one("RelayState") or "")


def _verified(callback: Callback, root: Element, sp: ServiceProvider) -> tuple[Element, bool]:
    """The request as far as it was signed, and whether it was. A signature that is there must be right; but where nobody
    has told us a key of the application, it says as little as none.
    """
    if not sp.certificates and not sp.require_signed_requests:
        return root, False
    if callback.one("Signature") is not None:
        check_query(callback, sp.certificates)
        return root, True
    if root.find(ds("Signature")) is not None:
        return parse(verified(root, root, sp.certificates), LARGEST_CANONICAL), True
    if sp.require_signed_requests:
        raise BadAnswer("the request is not signed")
    return root, False


def _read(root: Element, sp: ServiceProvider, relay_state: str) -> AuthnRequest:
    if root.get("ProtocolBinding", POST) != POST:
        raise BadAnswer("the response is asked for by a binding other than POST")
    policy = only_child(root, samlp("NameIDPolicy"))
    wanted = (policy.get("Format") or "") if policy is not None else ""
    if policy is not None and policy.get("SPNameQualifier") not in {None, "", sp.entity_id}:
        raise BadAnswer("the person is to be named for another application")
    contexts = only_child(root, samlp("RequestedAuthnContext"))
    refs = contexts.iterfind(saml("AuthnContextClassRef")) if contexts is not None else ()
    return AuthnRequest(
        id=root.get("ID"),
        acs_url=_acs_url(root, sp),
        relay_state=relay_state,
        force_authn=(root.get("ForceAuthn") or "").strip() in _YES,
        is_passive=(root.get("IsPassive") or "").strip() in _YES,
        name_id_format=wanted if wanted != UNSPECIFIED else "",
        contexts=tuple(text_of(ref).strip() for ref in refs) or (("",) if contexts is not None else ()),
        comparison=contexts.get("Comparison", "exact") if contexts is not None else "exact",
        subject=_subject(root),
    )


def _acs_url(root: Element, sp: ServiceProvider) -> str:
    """Where the answer goes: only ever to an address that is set up (Profiles 4.1.4.1)."""
    url, index = root.get("AssertionConsumerServiceURL"), root.get("AssertionConsumerServiceIndex")
    if url is not None:
        if url not in sp.acs_urls or index is not None:
            raise BadAnswer("the application's AssertionConsumerServiceURL is not one that is set up")
        return str(url)
    if index is not None:
        if index not in sp.acs_indexes:
            raise BadAnswer("the application's AssertionConsumerServiceIndex is not one that is set up")
        return sp.acs_indexes[index]
    return sp.acs_urls[0]


def _subject(root: Element) -> str | None:
    subject = only_child(root, saml("Subject"))
    if subject is None:
        return None
    element = only_child(subject, saml("NameID"))
    if element is None:
        raise BadAnswer("the request asks about somebody, and does not say who")
    return name_id_of(element).value.strip()[:320]


def begun_here(sp: ServiceProvider, relay_state: str | None) -> AuthnRequest:
    """A sign-on that nobody asked for (Profiles 4.1.5). Raises NotForUs where that, or the RelayState, is not set up."""
    if not sp.idp_initiated:
        raise NotForUs("a sign-on for this application does not begin here (idp_initiated)")
    if relay_state is not None and relay_state not in sp.relay_states:
        raise NotForUs("this RelayState is not among the application's relay_states")
    chosen = relay_state if relay_state is not None else next(iter(sp.relay_states), "")
    return AuthnRequest("", sp.acs_urls[0], chosen)
