"""Becoming a client of an OpenID provider by asking it (OpenID Connect Dynamic Client Registration 1.0, RFC 7591), and
ceasing to be one (RFC 7592).

What we ask for and whether the answer will do are pure functions, apart from what is sent. A provider may change what was
asked for (RFC 7591 3.2.1): what makes no login worse is taken as it came and said, everything else is refused.
"""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from federation.connectors.calls import check_endpoint, is_token, json_of, refusal
from federation.connectors.client import SIGNATURES, assertion_alg_of
from federation.connectors.discovery import Metadata, names_in, read_metadata, well_known
from federation.connectors.jws import HMACS, SHORTEST_SECRET
from federation.connectors.published import document_at
from federation.errors import BadAnswer, FederationError, Misconfigured, ProviderRefused
from federation.model import IdentityProvider
from federation.ports import Http
from resource_servers.errors import shown
from resource_servers.fetching import is_loopback

MOST_ANSWERED = 64 * 1024
"""Bytes of a registration's answer."""
PATIENCE = 15.0
"""Seconds for a registration: some providers write it to several places before they answer."""

_TEXT = re.compile(r"[\x20-\x7e]{1,4096}")  # RFC 6749 A.1 and A.2
_BY_SECRET = ("client_secret_basic", "client_secret_post")
_ASKED_WITHOUT_BEING_TOLD = ("client_secret_basic", "client_secret_post", "private_key_jwt")
_EXACT = frozenset(
    {
        *("redirect_uris", "post_logout_redirect_uris", "initiate_login_uri", "jwks_uri"),
        *("backchannel_logout_uri", "frontchannel_logout_uri"),
        *("token_endpoint_auth_signing_alg", "userinfo_signed_response_alg"),
        *("id_token_encrypted_response_alg", "id_token_encrypted_response_enc"),
    }
)
"""What must be as it was asked for, or codes and notices go elsewhere, or no login comes to an end."""
_NEEDED = {"response_types": "code", "grant_types": "authorization_code"}
_NOT_DONE = (
    *("id_token_encrypted_response_alg", "userinfo_encrypted_response_alg"),
    *("require_pushed_authorization_requests", "require_signed_request_object"),
    *("dpop_bound_access_tokens", "tls_client_certificate_bound_access_tokens"),
)
"""What a provider may demand of its clients, and this one does not do unless it asked for it."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a provider says to whoever wants to register.

    Attributes:
        metadata: as for logins.
        endpoint: where clients register.
        grant_types: `grant_types_supported`; None if nothing is said.
        back_channel, back_channel_sessions, front_channel: whether it tells its clients of sign-outs (Back-Channel Logout
            1.0 2.1, Front-Channel Logout 1.0 3), and of which session.
    """

    metadata: Metadata
    endpoint: str
    grant_types: tuple[str, ...] | None = None
    back_channel: bool = False
    back_channel_sessions: bool = False
    front_channel: bool = False


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a provider finds us: browsers come back to `redirect` and `signed_out`, notices of sign-outs go to `logout`,
    somebody who begins there goes to `start`, and our keys are at `keys`.
    """

    redirect: str
    signed_out: str
    logout: str
    start: str
    keys: str


@dataclass(frozen=True, slots=True)
class Registered:
    """What became of a registration.

    Attributes:
        client_id: ours from now on.
        settings: what was agreed, by the keys of a pool file.
        secrets: `client_secret` and `registration_access_token`, as far as there are any.
        metadata: what was asked for, as it stands there; for reading.
        notes: what the operator should know: what the provider left out or changed.
    """

    client_id: str
    settings: Mapping[str, object]
    secrets: Mapping[str, str] = field(repr=False)
    metadata: Mapping[str, object]
    notes: tuple[str, ...] = ()


def read_offer(document: Mapping[str, Any], issuer: str) -> Offer:
    """What the document of `issuer` offers to whoever registers (OpenID Connect Discovery 3). Raises BadAnswer."""
    metadata = read_metadata(document, issuer)
    endpoint = document.get("registration_endpoint")
    if not isinstance(endpoint, str) or not endpoint:
        raise BadAnswer("the metadata have no registration_endpoint: the provider registers nobody by itself")
    return Offer(
        metadata,
        check_endpoint(endpoint, loopback=is_loopback(issuer)),
        names_in(document, "grant_types_supported"),
        back_channel=document.get("backchannel_logout_supported") is True,
        back_channel_sessions=document.get("backchannel_logout_session_supported") is True,
        front_channel=document.get("frontchannel_logout_supported") is True,
    )


async def offer_of(http: Http, issuer: str) -> Offer:
    """What the provider offers now. Nothing is kept. Raises Misconfigured, ProviderUnavailable, BadAnswer."""
    url = well_known(check_endpoint(issuer, setting="issuer"))
    return read_offer(json_of(await document_at(http, url), url), issuer)


# ------------------------------------------------------------------------------------------------------- what we ask for


def client_metadata(provider: IdentityProvider, offer: Offer, ours: Addresses, name: str) -> dict[str, object]:
    """What we ask to be registered as (Registration 1.0 2, RFC 7591 2). Pure.

    Args:
        name: what people are shown there.

    Raises Misconfigured where the provider does not have what the settings insist on.
    """
    setting, metadata = provider.setting, offer.metadata
    method = _method(setting("token_endpoint_auth_method"), metadata.token_auth_methods)
    asked: dict[str, object] = {
        "client_name": name,
        "application_type": "web",
        "redirect_uris": [ours.redirect],
        "response_types": ["code"],
        "grant_types": _grant_types(provider, offer),
        "token_endpoint_auth_method": method,
        "id_token_signed_response_alg": _signature(setting("id_token_signed_response_alg"), metadata),
    }
    if provider.scope:
        asked["scope"] = " ".join(provider.scope)
    if method == "private_key_jwt":
        asked["token_endpoint_auth_signing_alg"] = assertion_alg_of(provider, metadata)
    if alg := setting("id_token_encrypted_response_alg"):
        asked["id_token_encrypted_response_alg"] = alg
        asked["id_token_encrypted_response_enc"] = setting("id_token_encrypted_response_enc") or "A128CBC-HS256"
    if alg := setting("userinfo_signed_response_alg"):
        asked["userinfo_signed_response_alg"] = alg
    if method == "private_key_jwt" or "id_token_encrypted_response_alg" in asked:
        asked["jwks_uri"] = ours.keys
    if metadata.end_session_endpoint:
        asked["post_logout_redirect_uris"] = [ours.signed_out]
    if offer.back_channel:
        asked["backchannel_logout_uri"] = ours.logout
        # Without `sid` a notice names a person, and ends all that came by the provider.
        asked["backchannel_logout_session_required"] = offer.back_channel_sessions
    if offer.front_channel and provider.settings.get("frontchannel_logout") is True:
        asked["frontchannel_logout_uri"] = ours.logout
        asked["frontchannel_logout_session_required"] = True
    if ours.start.startswith("https:"):  # Registration 1.0 2: it must be
        asked["initiate_login_uri"] = ours.start
    return asked


def _method(wanted: str, supported: Collection[str] | None) -> str:
    """How we would prove ourselves: as the settings say; else by a secret, or by our keys where no secret is taken. A
    provider that says nothing takes client_secret_basic (OpenID Connect Discovery 3).
    """
    if supported is None or wanted in supported:
        return wanted or "client_secret_basic"
    if not wanted and (found := [method for method in _ASKED_WITHOUT_BEING_TOLD if method in supported]):
        return found[0]
    takes = shown(", ".join(supported))
    raise Misconfigured(
        f"the provider takes {takes}, and none of it is {wanted or 'ours'}", setting="token_endpoint_auth_method"
    )


def _signature(wanted: str, metadata: Metadata) -> str:
    """Of ID tokens: as the settings say; else RS256, which every provider has (OpenID Connect Discovery 3)."""
    supported = metadata.signing_algorithms
    if supported is None or wanted in supported:
        return wanted or "RS256"
    if not wanted and (found := [alg for alg in SIGNATURES if alg in supported]):
        return found[0]
    signs = shown(", ".join(supported))
    raise Misconfigured(f"the provider signs ID tokens with {signs}", setting="id_token_signed_response_alg")


def _grant_types(provider: IdentityProvider, offer: Offer) -> list[str]:
    refreshes = provider.keep_refresh_token or "offline_access" in provider.scope
    there = offer.grant_types is None or "refresh_token" in offer.grant_types
    return ["authorization_code", *(["refresh_token"] if refreshes and there else [])]


# --------------------------------------------------------------------------------------------------- what came of it


async def register(
    http: Http, provider: IdentityProvider, offer: Offer, asked: Mapping[str, object], now: int, initial_token: str = ""
) -> Registered:
    """Register. What the provider made of it, and will not do, is taken back there if the provider lets us.

    Args:
        asked: from `client_metadata`.
        now: seconds since the epoch.
        initial_token: the provider's leave to register (RFC 7591 3, "initial access token"), if it wants one.

    Raises Misconfigured, ProviderRefused with the provider's code (RFC 7591 3.2.2), ProviderUnavailable, BadAnswer.
    """
    if initial_token and not is_token(initial_token):
        raise Misconfigured("the initial access token is none: it has spaces, or is empty or too long")
    leave = {"authorization": f"Bearer {initial_token}"} if initial_token else {}
    response = await http.request(
        "POST",
        offer.endpoint,
        headers={"accept": "application/json", "content-type": "application/json", **leave},
        body=json.dumps(asked).encode(),
        limit=MOST_ANSWERED,
        timeout=PATIENCE,
    )
    what = "the registration endpoint"
    if response.status not in {200, 201}:  # 3.2.1 says 201
        try:
            said = json_of(response, what)
        except BadAnswer:
            said = {}
        error = refusal(response.status, said, what, (initial_token,), plain=asked.keys())
        raise _with_advice(error, response.status, initial_token)
    answer = json_of(response, what)
    try:
        return judged(provider, offer, asked, answer, now)
    except BadAnswer as unfit:
        raise BadAnswer(f"{unfit.detail}; {await _undone(http, offer, answer)}") from None


def _with_advice(error: FederationError, status: int, initial_token: str) -> FederationError:
    """A refusal to let us register at all says what would be needed."""
    if not isinstance(error, ProviderRefused) or status not in {401, 403}:
        return error
    advice = "the initial access token is not taken" if initial_token else "an initial access token is needed"
    return ProviderRefused(error.error, f"{error.detail}; {advice}")


def judged(
    provider: IdentityProvider, offer: Offer, asked: Mapping[str, object], answer: Mapping[str, Any], now: int
) -> Registered:
    """What a provider's answer amounts to (Registration 1.0 3.2, RFC 7591 3.2.1). Pure. Raises BadAnswer."""
    notes: list[str] = []
    stands = {name: answer[name] if answer.get(name) is not None else wanted for name, wanted in asked.items()}
    for name, wanted in asked.items():
        if not _will_do(provider, name, wanted, stands[name]):
            raise BadAnswer(f"{name} was asked to be {shown(wanted)}, and is registered as {shown(stands[name])}")
        if stands[name] != wanted and not _same_names(stands[name], wanted):
            notes.append(f"{name} is {shown(stands[name])}, and not {shown(wanted)}")
    for name in _NOT_DONE:
        if name not in asked and answer.get(name) not in (None, False, ""):
            raise BadAnswer(f"it demands {name}, which is not done here")
    if silent := [name for name in asked if answer.get(name) is None]:
        notes.append(f"the provider does not say what became of {', '.join(silent)}")
    settings: dict[str, object] = {
        name: stands[name]
        for name in (
            "token_endpoint_auth_method",
            "token_endpoint_auth_signing_alg",
            "id_token_signed_response_alg",
        )
        if name in stands
    }
    secrets = _client_secret(settings, answer)
    if secrets and (expires := _expiry(answer, now)):
        settings["client_secret_expires_at"] = expires
        notes.append("the client secret expires (client_secret_expires_at), and nothing here renews it")
    if (management := management_of(offer.metadata.issuer, answer)) is not None:
        settings["registration_client_uri"], secrets["registration_access_token"] = management
    else:
        notes.append("the provider gives no access to the registration: it can be changed and ended there alone")
    # A terminal shows it: of what the provider wrote itself only what is harmless there.
    told = {name: value if value == asked[name] else shown(value) for name, value in stands.items()}
    return Registered(_client_id(answer), settings, secrets, told, tuple(notes))


def _will_do(provider: IdentityProvider, name: str, wanted: object, said: object) -> bool:
    """Whether a login works as well with what the provider made of a member."""
    if said == wanted:
        return True
    if name in _EXACT:
        return isinstance(wanted, list) and _same_names(said, wanted)
    if name in _NEEDED:
        return isinstance(said, list) and _NEEDED[name] in said
    if name == "token_endpoint_auth_method":
        return said in _BY_SECRET and wanted in _BY_SECRET and not provider.setting(name)
    if name == "id_token_signed_response_alg":
        return said in SIGNATURES and wanted in SIGNATURES and not provider.setting(name)
    if name == "scope":
        return isinstance(said, str) and "openid" in said.split()
    return True


def _same_names(said: object, wanted: object) -> bool:
    """Whether two lists hold the same texts, in whatever order."""
    if not isinstance(said, list) or not isinstance(wanted, list) or not all(isinstance(one, str) for one in said):
        return False
    return set(said) == set(wanted)


def _client_id(answer: Mapping[str, Any]) -> str:
    client_id = answer.get("client_id")
    if not isinstance(client_id, str) or not _TEXT.fullmatch(client_id):
        raise BadAnswer("the registration's answer has no client_id that could be used")
    return client_id


def _client_secret(settings: Mapping[str, object], answer: Mapping[str, Any]) -> dict[str, str]:
    """The secret, where what was agreed needs one."""
    method, alg = settings["token_endpoint_auth_method"], settings["id_token_signed_response_alg"]
    if method not in _BY_SECRET and alg not in HMACS:
        return {}
    secret = answer.get("client_secret")
    if not isinstance(secret, str) or not _TEXT.fullmatch(secret):
        raise BadAnswer(f"the registration's answer has no client_secret for {method}")
    if alg in HMACS and len(secret) < SHORTEST_SECRET:
        raise BadAnswer(f"the client_secret has fewer than {SHORTEST_SECRET} characters, too few for {alg}")
    return {"client_secret": secret}


def _expiry(answer: Mapping[str, Any], now: int) -> int:
    """When the secret ends, in seconds since the epoch; 0 for never (Registration 1.0 3.2)."""
    at = answer.get("client_secret_expires_at", 0)
    if type(at) is not int or (at and at <= now):
        raise BadAnswer(f"the client_secret expires at {shown(at)}, which is no time to come")
    return at


# ---------------------------------------------------------------------------------------------------------- its end


def management_of(issuer: str, answer: Mapping[str, Any]) -> tuple[str, str] | None:
    """Where a registration can be ended, and the token for it (RFC 7592 3); None if the provider lets nobody do so."""
    uri, token = answer.get("registration_client_uri"), answer.get("registration_access_token")
    if not isinstance(uri, str) or not is_token(token):
        return None
    try:
        return check_endpoint(uri, loopback=is_loopback(issuer)), str(token)
    except BadAnswer:
        return None


async def unregister(http: Http, uri: str, token: str) -> None:
    """End a registration there (RFC 7592 2.3). Raises ProviderRefused, ProviderUnavailable, BadAnswer."""
    headers = {"accept": "application/json", "authorization": f"Bearer {token}"}
    response = await http.request("DELETE", uri, headers=headers, limit=MOST_ANSWERED, timeout=PATIENCE)
    if response.status in {200, 204}:
        return
    what = "the client configuration endpoint"
    if response.status == 405:
        raise ProviderRefused("http_405", f"{what} lets no client end its registration (405)")
    try:
        said = json_of(response, what)
    except BadAnswer:
        said = {}
    raise refusal(response.status, said, what, (token,))


async def _undone(http: Http, offer: Offer, answer: Mapping[str, Any]) -> str:
    """Takes back what will not do; says how that went."""
    client = f"the client {shown(answer.get('client_id'))} is registered there now"
    if (management := management_of(offer.metadata.issuer, answer)) is None:
        return f"{client}, and can be deleted there alone"
    try:
        await unregister(http, *management)
    except FederationError as error:
        return f"{client}, and could not be taken back: {error.detail}"
    return "the registration was taken back"
