"""Reading an authorization request: every parameter of OpenID Connect Core 3.1.2.1 that OAuth itself does not know."""

import re

import orjson

from authserver.errors import ProtocolRefusal
from authserver.model.clients import Client
from authserver.model.pools import Pool
from authserver.model.sessions import AuthorizationRequest
from authserver.signin.levels import (
    supported_levels,
)
from authserver.tokens.claims import STANDARD_CLAIMS, covering_scope
from authserver.tokens.issuer import Issuer
from authserver.web import Params
from resource_servers.errors import InvalidToken
from resource_servers.tokens import Audience, verify_jwt

PROMPTS = ("none", "login", "consent", "select_account")

READ = frozenset(
    (
        *(
            "response_type",
            "response_mode",
            "client_id",
            "redirect_uri",
            "scope",
            "state",
            "nonce",
            "prompt",
            "max_age",
        ),
        *("code_challenge", "code_challenge_method", "login_hint", "id_token_hint", "ui_locales", "acr_values"),
        *("claims", "resource", "lang", "identity_provider", "idp_identifier", "domain_hint"),
    )
)
"""The parameters of an authorization request that mean something here; others are ignored (RFC 6749 3.1)."""

_MOST = {
    "state": 4096,
    "nonce": 1024,
    "login_hint": 320,
    "claims": 8192,
    "ui_locales": 256,
    "acr_values": 512,
    "id_token_hint": 8192,
    "identity_provider": 64,
    "idp_identifier": 320,
    "domain_hint": 320,
}
_SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,256}")
_MAX_AGE = re.compile(r"[0-9]{1,9}", re.ASCII)
_MOST_SCOPES = 100


def invalid(sentence: str, code: str = "invalid_request") -> ProtocolRefusal:
    return ProtocolRefusal(code, sentence)


def requested_scope(params: Params, client: Client, pool: Pool) -> tuple[str, ...]:
    """The scopes asked for, or the pool's defaults among the client's; each once. Raises ProtocolRefusal.

    `offline_access` is ignored for a client that gets no refresh tokens (Core 11).
    """
    text = params.get("scope")
    wanted = tuple(dict.fromkeys(text.split(" "))) if text is not None else ()
    if len(wanted) > _MOST_SCOPES or not all(_SCOPE_TOKEN.fullmatch(s) for s in wanted):
        raise invalid("The scope is malformed (RFC 6749 3.3).", "invalid_scope")
    if not wanted:
        wanted = tuple(s for s in pool.default_scopes if s in client.scope)
        if not wanted:
            raise invalid("The scope is missing.", "invalid_scope")
    if "refresh_token" not in client.grant_types or "offline_access" not in client.scope:
        wanted = tuple(s for s in wanted if s != "offline_access")
    return wanted


def check_supported(params: Params) -> None:
    """Raises ProtocolRefusal for what this server does not do, each with its own registered code (Core 3.1.2.6)."""
    response_type = params.get("response_type")
    if response_type is None:
        raise invalid("The response_type is missing.")
    if response_type != "code":
        raise invalid("The only response_type here is code.", "unsupported_response_type")
    if params.get("response_mode") not in {None, "query"}:
        raise invalid("The only response_mode here is query.")
    for name in ("request", "request_uri", "registration"):
        if params.get(name) is not None:
            raise invalid(f"The parameter {name} is not supported.", f"{name}_not_supported")
    for name, most in _MOST.items():
        if len(params.get(name) or "") > most:
            raise invalid(f"The parameter {name} is longer than {most} characters.")


def read_request(
    params: Params, *, client: Client, issuer: Issuer, scope: tuple[str, ...], redirect_uri: str, query: str, now: int
) -> AuthorizationRequest:
    """The request as a value, once redirect URI, scope and PKCE are judged. Raises ProtocolRefusal."""
    if "openid" in scope and params.get("redirect_uri") is None:
        raise invalid("OpenID Connect requests must name the redirect_uri.")
    claims, subs, essential_acr = _claims(params.get("claims"), client, issuer.pool)
    hint = params.get("id_token_hint")
    if hint is not None:
        subs.add(hinted_subject(hint, issuer, client.client_id, now))
    if len(subs) > 1:
        raise invalid("The request insists on more than one user.")
    resource = tuple(params.all("resource"))
    issuer.access_plan(client, scope, resource)  # what cannot be issued is refused now, not after a sign-in
    return AuthorizationRequest(
        client_id=client.client_id,
        redirect_uri=redirect_uri,
        redirect_uri_sent=params.get("redirect_uri") is not None,
        scope=scope,
        query=query,
        state=params.get("state"),
        nonce=params.get("nonce"),
        code_challenge=params.get("code_challenge"),
        prompt=_prompt(params.get("prompt")),
        max_age=_max_age(params.get("max_age"), client),
        login_hint=params.get("login_hint"),
        id_token_hint_sub=next(iter(subs), None),
        ui_locales=tuple((params.get("ui_locales") or "").split()),
        acr_values=essential_acr or tuple((params.get("acr_values") or "").split()),
        resource=resource,
        claims=claims,
    )


def _prompt(text: str | None) -> tuple[str, ...]:
    values = tuple(dict.fromkeys((text or "").split()))
    if any(v not in PROMPTS for v in values):
        raise invalid("The prompt holds an unknown value.")
    if "none" in values and len(values) > 1:
        raise invalid("prompt=none goes with no other value.")
    return values


def _max_age(text: str | None, client: Client) -> int | None:
    if text is None:
        return client.default_max_age
    if not _MAX_AGE.fullmatch(text):
        raise invalid("The max_age is not a number of seconds.")
    return int(text)


def hinted_subject(hint: str, issuer: Issuer, client_id: str, now: int) -> str:
    """The `sub` of an ID token of ours for this client, expired or not (Core 3.1.2.1). Raises ProtocolRefusal."""
    try:
        # An expired ID token is a fine hint, so it is judged as of the moment it was made.
        claims = verify_jwt(
            hint, issuer.keys, issuer=issuer.url, now=now, audience=Audience.ANY, types=("JWT",), leeway=10**9
        )
    except InvalidToken:
        raise invalid("The id_token_hint is not an ID token of this issuer.") from None
    if claims.get("aud") != client_id:
        raise invalid("The id_token_hint was issued to another client.")
    return str(claims["sub"])


def _claims(
    text: str | None, client: Client, pool: Pool
) -> tuple[dict[str, tuple[str, ...]], set[str], tuple[str, ...]]:
    """The `claims` parameter (Core 5.5): the names that this client may ask for, each `sub` it insists on, and the
    levels of authentication, one of which it insists on.

    A name is asked for in vain unless the client may have the scope that covers it: what a client may learn is one
    rule, whichever way it asks. Raises ProtocolRefusal.
    """
    if text is None:
        return {}, set(), ()
    try:
        wanted = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise invalid("The claims parameter is not JSON.") from None
    if not isinstance(wanted, dict):
        raise invalid("The claims parameter is not a JSON object.")
    known = {*STANDARD_CLAIMS, *(a.name for a in pool.attributes)} - {"sub"}
    names: dict[str, tuple[str, ...]] = {}
    subs: set[str] = set()
    for member in ("id_token", "userinfo"):
        asked = wanted.get(member)
        if asked is None:
            continue
        if not isinstance(asked, dict) or not all(v is None or isinstance(v, dict) for v in asked.values()):
            raise invalid("The claims parameter is malformed.")
        names[member] = tuple(name for name in asked if name in known and covering_scope(name) in client.scope)
        subs |= set(_insisted(asked.get("sub")))
    acr = (wanted.get("id_token") or {}).get("acr") or {}
    acceptable = _insisted(acr)
    if acr.get("essential") is not True:
        return names, subs, ()
    reached = tuple(value for value in acceptable if value in supported_levels(pool))
    if acceptable and not reached:
        raise invalid("No way to sign in here reaches that acr.", "unmet_authentication_requirements")
    return names, subs, reached


def _insisted(request: dict[str, object] | None) -> list[str]:
    """The values, one of which a claim must have: `value` or `values` (Core 5.5.1). Raises ProtocolRefusal."""
    request = request or {}
    values = request.get("values", [request["value"]] if "value" in request else [])
    if not isinstance(values, list) or not all(isinstance(v, str) for v in values):
        raise invalid("The claims parameter is malformed.")
    return values
