"""A signed-in browser (Session) and a sign-in under way (SignIn). Both live in Redis."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Authentication:
    """Who proved to be whom, when and how (`auth_time`, `amr` of RFC 8176, `acr`)."""

    user_id: str
    auth_time: int
    amr: tuple[str, ...]
    acr: str


@dataclass(frozen=True, slots=True)
class Session:
    """A browser's session with a pool.

    `key` is the digest of the cookie's secret; `sid` is the public id that tokens carry. `clients` are those that got
    tokens in this session, for logout. `last_seen` moves the idle limit.
    """

    key: str
    sid: str
    pool: str
    authentication: Authentication
    created_at: int
    last_seen: int
    clients: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A validated authorization request (RFC 6749 4.1.1, OpenID Connect Core 3.1.2.1).

    `redirect_uri` is where the answer goes; `redirect_uri_sent` whether the request named it. `query` is the original
    query string, from which the same request can be started again.
    """

    client_id: str
    redirect_uri: str
    redirect_uri_sent: bool
    scope: tuple[str, ...]
    query: str
    state: str | None = None
    nonce: str | None = None
    code_challenge: str | None = None
    prompt: tuple[str, ...] = ()
    max_age: int | None = None
    login_hint: str | None = None
    id_token_hint_sub: str | None = None
    ui_locales: tuple[str, ...] = ()
    acr_values: tuple[str, ...] = ()
    resource: tuple[str, ...] = ()
    claims: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SignIn:
    """A sign-in under way, stored under its id, which stands in the URL (DESIGN 6.3, one dispatcher).

    `browser` is the digest of the browser cookie it is bound to. `identifier` is what the person typed, known or not.
    `version` grows with each change, so that two submissions cannot both win. `status` is "open" or "finished".
    `other_account`: the person asked for another account than the one signed in, so the session does not count.
    `account_chosen`: the person chose to go on with the account signed in. `consented_by`: the user who allowed, here,
    what the client asks for; it says nothing of anybody who signs in after.
    """

    id: str
    pool: str
    browser: str
    request: AuthorizationRequest
    created_at: int
    expires_at: int
    version: int = 0
    status: str = "open"
    identifier: str | None = None
    authentication: Authentication | None = None
    account_chosen: bool = False
    other_account: bool = False
    consented_by: str | None = None
