"""A signed-in browser (Session) and a sign-in under way (SignIn). Both live in Redis."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

ProofMethod = Literal[
    "password", "passkey", "totp", "email_code", "sms_code", "backup_codes", "device", "custom", "federated"
]


@dataclass(frozen=True, slots=True)
class Proof:
    """One factor proven in a sign-in. `stamp` is what must still hold when the session opens: the time at which the
    password that was given had been set. `verified`: the authenticator made sure of the person too, so that a passkey
    counts as two factors (WebAuthn 6.1, UV). `device_bound`: the passkey's key cannot leave its authenticator
    (WebAuthn 6.1.3, no BE), which `amr` tells.

    Of another provider's word (`federated`): `provider` is its name, `verified` whether it stands for two factors by the
    pool's policy, and `amr` is what it said of the methods, where the pool trusts it in that.
    """

    method: ProofMethod
    at: int
    stamp: int = 0
    verified: bool = False
    device_bound: bool = False
    provider: str | None = None
    amr: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Authentication:
    """Who proved to be whom, when and how (`auth_time`, `amr` of RFC 8176, `acr`), by which proofs."""

    user_id: str
    auth_time: int
    amr: tuple[str, ...]
    acr: str
    proofs: tuple[Proof, ...] = ()


@dataclass(frozen=True, slots=True)
class Session:
    """A browser's session with a pool.

    `key` is the digest of the cookie's secret; `sid` is the public id that tokens carry. `clients` are those that got
    tokens in this session, for logout. `last_seen` moves the idle limit. `device` is the digest of the browser cookie.
    `tasks` are what the account page has begun and not finished: the state of each by its name, no secret in the clear.
    `upstream` is the session at the provider that the person came from, sealed.
    """

    key: str
    sid: str
    pool: str
    authentication: Authentication
    created_at: int
    last_seen: int
    clients: tuple[str, ...] = ()
    device: str = ""
    user_agent: str = ""
    address: str = ""
    place: str = ""
    tasks: Mapping[str, str] = field(default_factory=dict)
    upstream: str | None = None


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A validated authorization request (RFC 6749 4.1.1, OpenID Connect Core 3.1.2.1).

    `redirect_uri` is where the answer goes; `redirect_uri_sent` whether the request named it. `query` is the original
    query string, from which the same request can be started again; or a path below the issuer, with its query, where that
    is done elsewhere than at the authorization endpoint. `identity_provider` is who is to sign the person in,
    if the request says so; "Pool" is the pool itself.
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
    identity_provider: str | None = None


@dataclass(frozen=True, slots=True)
class SignIn:
    """A sign-in under way, stored under its id, which stands in the URL (DESIGN 6.3, one dispatcher).

    `browser` is the digest of the browser cookie it is bound to. `identifier` is what the person typed, known or not.
    `version` grows with each change, so that two submissions cannot both win. `status` is "open" or "finished".
    `other_account`: the person asked for another account than the one signed in, so the session does not count.
    `account_chosen`: the person chose to go on with the account signed in. `consented_by`: the user who allowed, here,
    what the client asks for; it says nothing of anybody who signs in after.

    `user_id` and `proofs`: whom the factors given so far belong to. `method`: the factor that the person chose to give
    next. `code`: the handle of the code sent for it. `challenge`: what a passkey must sign (WebAuthn 13.4.3).
    `enrolling`: the factor being set up, with `enrolment` holding its sealed secret. `declined`: invitations that the
    person turned down here. `risks`: the signals that this sign-in showed. `custom` is the sealed state of the pool's own
    challenges, and `custom_asks` what the one under way asks for.

    `provider`: whom the person is to be sent to. `trouble`: what went wrong there, as `<code> <provider>`, to be told on the
    next page. `upstream`: the session there, sealed. `joining`: an identity that becomes one of `joining_user`'s once that
    account is proven, sealed; `joining_by` is its provider.
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
    user_id: str | None = None
    proofs: tuple[Proof, ...] = ()
    method: str | None = None
    code: str | None = None
    challenge: str | None = None
    enrolling: str | None = None
    enrolment: str | None = None
    declined: tuple[str, ...] = ()
    risks: tuple[str, ...] = ()
    custom: str | None = None
    custom_asks: Literal["answer", "password"] | None = None
    provider: str | None = None
    trouble: str | None = None
    upstream: str | None = None
    joining: str | None = None
    joining_by: str | None = None
    joining_user: str | None = None
