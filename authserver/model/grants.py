"""What a user allowed a client: grants, refresh token families, authorization codes and consents (DESIGN 6.4)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from authserver.model.users import User


@dataclass(frozen=True, slots=True)
class Grant:
    """What a user or client allowed a client; the parent of every token issued from it.

    One grant per completed authorization, so that revoking one device's grant leaves the others alone. `sid` is the
    session it came from; `offline` means it outlives that session (scope `offline_access`). `claims` is the `claims`
    request parameter reduced to names: {"id_token": [...], "userinfo": [...]}. `resource` are the RFC 8707 values.
    """

    id: str
    pool: str
    client_id: str
    user_id: str
    sid: str
    scope: tuple[str, ...]
    auth_time: int
    amr: tuple[str, ...]
    acr: str
    created_at: int
    offline: bool = False
    resource: tuple[str, ...] = ()
    claims: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    revoked_at: int | None = None


@dataclass(frozen=True, slots=True)
class AuthorizationCode:
    """What a code stands for (RFC 6749 4.1.2). Kept in Redis under the code's digest; the grant row is in SQL already.

    `redirect_uri` is None if the authorization request left it out, so that the token request may leave it out too.
    """

    pool: str
    client_id: str
    user_id: str
    grant: Grant
    redirect_uri: str | None
    code_challenge: str | None
    nonce: str | None
    issued_at: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class RefreshFamily:
    """A chain of refresh tokens. Only the digest of its head may be presented (RFC 9700 4.14.2).

    `head` is the digest of the live token, `previous` the digest of the one it replaced, rotated at `rotated_at`:
    within the grace window the previous token still yields that same head, as long as the head is unused.
    `generation` counts rotations.
    """

    id: str
    pool: str
    grant_id: str
    head: str
    previous: str | None
    generation: int
    created_at: int
    rotated_at: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class RefreshFacts:
    """A family with its grant and the grant's user, as one read brings them. No user: it was deleted meanwhile."""

    family: RefreshFamily
    grant: Grant
    user: User | None


@dataclass(frozen=True, slots=True)
class Consent:
    """The scopes a user has allowed a client, remembered so as not to ask again."""

    pool: str
    user_id: str
    client_id: str
    scope: tuple[str, ...]
    updated_at: int


@dataclass(frozen=True, slots=True)
class Revocation:
    """One entry of the revocation feed: a grant, a session (`sid`) or a single token (`jti`) that is dead.

    `expires_at`: when the last token it could concern has expired, so that the list stays short.
    """

    pool: str
    kind: str  # "grant", "session", "token"
    id: str
    revoked_at: int
    expires_at: int
