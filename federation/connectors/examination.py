"""Looks at an OpenID provider and our settings for it, without anybody signing in: what `poolgate idp test` shows."""

from collections.abc import Sized

from federation.connector import Check
from federation.connectors.calls import check_endpoint
from federation.connectors.client import SIGNATURES, Client
from federation.connectors.discovery import Metadata, MetadataSource
from federation.connectors.jws import Keys
from federation.connectors.tokens import Tokens
from federation.errors import FederationError, Misconfigured
from resource_servers.errors import shown

EXPIRES_SOON = 30
"""Days before the end of a client secret from which on there is a warning."""


async def examine(client: Client, source: MetadataSource, tokens: Tokens, callback_url: str, now: int) -> list[Check]:
    """What was found, the worst that stops a login included. `now` is in seconds since the epoch."""
    checks = [_redirect_uri(client, callback_url), _settings(client, now)]
    try:
        metadata = await source.fetch(now)
    except FederationError as failure:
        advice = "Compare issuer with the provider's documentation, and see whether this machine reaches it."
        return [*checks, Check("metadata", "error", failure.detail, advice)]
    found = [
        Check("metadata", "ok", f"those of {metadata.issuer}"),
        _endpoints(metadata),
        _challenge(client, metadata),
        _auth_method(client, metadata, tokens, now),
        _algorithms(client, metadata),
        _encryption(client, tokens.jwks_uri),
        _response_mode(client, metadata),
        _expiry(client, now),
        await _keys(client, metadata, tokens, now),
        _issuer_in_answers(metadata),
    ]
    return [*checks, *(check for check in found if check is not None)]


def _redirect_uri(client: Client, callback_url: str) -> Check:
    try:
        check_endpoint(callback_url, setting="base_url")
    except Misconfigured as unfit:
        return Check("redirect_uri", "error", unfit.detail, "Most providers take https alone.")
    mode = " (the browser comes back by POST)" if client.posts_back() else ""
    return Check("redirect_uri", "ok", callback_url + mode, "Register exactly this at the provider.")


def _settings(client: Client, now: int) -> Check:
    try:
        client.check(now)
    except Misconfigured as wrong:
        return Check("settings", "error", wrong.detail, f"Look at {wrong.setting}." if wrong.setting else "")
    return Check("settings", "ok", f"client_id {shown(client.provider.client_id)}")


def _endpoints(metadata: Metadata) -> Check:
    urls = {
        "authorization_endpoint": metadata.authorization_endpoint,
        "token_endpoint": metadata.token_endpoint,
        "userinfo_endpoint": metadata.userinfo_endpoint,
        "jwks_uri": metadata.jwks_uri,
    }
    plain = [name for name, url in urls.items() if url.startswith("http:")]
    if plain:
        return Check("endpoints", "warning", f"{', '.join(plain)} by plain http", "This is for this machine alone.")
    return Check("endpoints", "ok", ", ".join(name for name, url in urls.items() if url) + " by https")


def _challenge(client: Client, metadata: Metadata) -> Check:
    if not client.dialect.challenge:
        return Check("pkce", "warning", "not sent: this provider refuses it", "A client secret is needed.")
    methods = metadata.challenge_methods
    if methods is None or "S256" not in methods:
        return Check(
            "pkce", "warning", "the metadata do not name S256", "It is sent all the same, and may be ignored there."
        )
    return Check("pkce", "ok", "S256")


def _auth_method(client: Client, metadata: Metadata, tokens: Tokens, now: int) -> Check:
    try:
        method = client.auth_method(metadata, now)
    except FederationError as wrong:
        return Check("client_authentication", "error", wrong.detail)
    supported = metadata.token_auth_methods
    if supported is not None and method not in supported:
        advice = "Set token_endpoint_auth_method to one of those, or bring a client_secret."
        return Check("client_authentication", "error", f"{method}; the provider takes {', '.join(supported)}", advice)
    if method == "private_key_jwt":
        alg, algs = client.assertion_alg(metadata), metadata.token_auth_algorithms
        if algs is not None and alg not in algs:
            return Check("client_authentication", "error", f"{alg}; the provider takes {', '.join(algs)}")
        return Check(
            "client_authentication",
            "ok",
            f"{method} with {alg}",
            f"Register {tokens.jwks_uri} as our JWKS at the provider.",
        )
    if method == "none":
        return Check(
            "client_authentication", "warning", "none", "Bring a client_secret unless the client is public there."
        )
    return Check("client_authentication", "ok", method)


def _algorithms(client: Client, metadata: Metadata) -> Check:
    try:
        algorithms = client.algorithms(metadata)
    except FederationError as wrong:
        return Check("id_token_algorithms", "error", wrong.detail)
    supported = metadata.signing_algorithms
    if supported is not None and not algorithms & set(supported):
        found = f"{', '.join(sorted(algorithms))}; the provider signs with {', '.join(supported)}"
        return Check("id_token_algorithms", "error", found, "Look at id_token_signed_response_alg.")
    return Check("id_token_algorithms", "ok", ", ".join(sorted(algorithms)))


def _encryption(client: Client, jwks_uri: str) -> Check | None:
    alg, enc = client.encryption()
    if not alg:
        return None
    return Check("id_token_encryption", "ok", f"{alg}, {enc}", f"Register {jwks_uri} as our JWKS at the provider.")


def _response_mode(client: Client, metadata: Metadata) -> Check | None:
    if client.posts_back() and metadata.response_modes is not None and "form_post" not in metadata.response_modes:
        return Check("response_mode", "error", "the provider does not name form_post", "Leave response_mode out.")
    return None


def _expiry(client: Client, now: int) -> Check | None:
    at = client.provider.settings.get("client_secret_expires_at")
    if not isinstance(at, int) or not at:
        return None
    days, advice = (at - now) // 86400, "Get a new one there, and bring it as client_secret."
    if at <= now:
        return Check("client_secret", "error", "it has expired (client_secret_expires_at)", advice)
    return Check("client_secret", "warning" if days < EXPIRES_SOON else "ok", f"it expires in {days} days", advice)


async def _keys(client: Client, metadata: Metadata, tokens: Tokens, now: int) -> Check:
    try:
        if not client.algorithms(metadata) <= set(SIGNATURES):
            return Check("keys", "ok", "the client secret")
        return await tokens.check(metadata, now, _count)
    except FederationError as failure:
        return Check("keys", "error", failure.detail, "Without keys nobody can sign in.")


def _count(keys: Keys) -> Check:
    count = len(keys) if isinstance(keys, Sized) else 0
    if not count:
        return Check("keys", "error", "none for signatures", "Without keys nobody can sign in.")
    return Check("keys", "ok", f"{count} pairs of key and algorithm")


def _issuer_in_answers(metadata: Metadata) -> Check:
    if metadata.sends_issuer:
        return Check("issuer_in_answers", "ok", "every answer names the issuer (RFC 9207)")
    return Check("issuer_in_answers", "ok", "not promised; the redirect URI of its own tells this provider apart")
