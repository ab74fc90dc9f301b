"""What tokens say: pure functions from values to claims (DESIGN 5; OpenID Connect Core 5; RFC 9068 2.2)."""

from collections.abc import Collection, Iterable
from dataclasses import replace

from authserver.model.clients import Client
from authserver.model.grants import Grant
from authserver.model.pools import Pool
from authserver.model.users import User

Claims = dict[str, object]

PROFILE_CLAIMS = (
    "name",
    "family_name",
    "given_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "updated_at",
)
EMAIL_CLAIMS = ("email", "email_verified")
PHONE_CLAIMS = ("phone_number", "phone_number_verified")
STANDARD_CLAIMS = ("sub", *PROFILE_CLAIMS, *EMAIL_CLAIMS, "address", *PHONE_CLAIMS)
STANDARD_SCOPES = ("openid", "profile", "email", "phone", "address", "offline_access")

USERINFO_CLAIMS = "userinfo_claims"
"""Our own claim: the names that the `claims` request parameter asked of UserInfo, so that it need not look them up."""

_PROFILE = frozenset(PROFILE_CLAIMS)
_BY_SCOPE = {
    "profile": PROFILE_CLAIMS,
    "email": EMAIL_CLAIMS,
    "phone": PHONE_CLAIMS,
    "address": ("address",),
}


def covering_scope(claim: str) -> str:
    """The scope whose grant covers a claim (Core 5.4); custom attributes go with `profile`."""
    return next((scope for scope, claims in _BY_SCOPE.items() if claim in claims), "profile")


def user_claims(user: User, scope: Collection[str], names: Iterable[str] = ()) -> Claims:
    """The user's claims that the scopes cover (Core 5.4), and those asked for by name (Core 5.5). Without `sub`.

    Custom attributes go with `profile`. A claim without a value is left out, as Core 5.3.2 advises.
    """
    claims: Claims = {}
    attributes = user.attributes
    if "profile" in scope:
        for name, value in attributes.items():
            if value is not None and (name in _PROFILE or name.startswith("custom:")):
                claims[name] = value
        claims.setdefault("preferred_username", user.username)
        if user.updated_at:
            claims["updated_at"] = user.updated_at
    if "email" in scope and user.email:
        claims["email"] = user.email
        claims["email_verified"] = user.email_verified
    if "phone" in scope and user.phone_number:
        claims["phone_number"] = user.phone_number
        claims["phone_number_verified"] = user.phone_number_verified
    if "address" in scope:
        _add(claims, user, "address")
    for name in names:
        _add(claims, user, name)
    return claims


def _add(claims: Claims, user: User, name: str) -> None:
    if name in {"email", "email_verified"}:
        value: object = (user.email if name == "email" else user.email_verified) if user.email else None
    elif name in {"phone_number", "phone_number_verified"}:
        number = user.phone_number
        value = (number if name == "phone_number" else user.phone_number_verified) if number else None
    elif name == "updated_at":
        value = user.updated_at or None
    elif name == "preferred_username":
        value = user.attributes.get(name) or user.username
    else:
        value = user.attributes.get(name)
    if value is not None:
        claims[name] = value


def readable(user: User, names: Collection[str]) -> User:
    """The user as a client sees it that may read these attributes alone. Groups and the username are no attributes."""
    return replace(
        user,
        email=user.email if "email" in names else None,
        phone_number=user.phone_number if "phone_number" in names else None,
        attributes={name: value for name, value in user.attributes.items() if name in names},
    )


def access_claims(
    *, issuer: str, pool: Pool, grant: Grant, user: User, audience: list[str], scope: str, jti: str, now: int, ttl: int
) -> Claims:
    """The claims of a user's access token."""
    claims: Claims = {
        "iss": issuer,
        "sub": user.id,
        "aud": audience,
        "client_id": grant.client_id,
        "scope": scope,
        "exp": now + ttl,
        "iat": now,
        "jti": jti,
        "auth_time": grant.auth_time,
        "acr": grant.acr,
        "amr": grant.amr,
        "groups": user.groups,
        "sid": grant.sid,
    }
    if names := grant.claims.get("userinfo"):
        claims[USERINFO_CLAIMS] = names
    if pool.claims_profile == "cognito":
        if not audience:
            del claims["aud"]
        del claims["groups"]
        claims |= {"token_use": "access", "username": user.username, "version": 2, "origin_jti": grant.id}
        _cognito_groups(claims, user)
    return claims


def machine_claims(
    *, issuer: str, pool: Pool, client: Client, audience: list[str], scope: str, jti: str, now: int, ttl: int
) -> Claims:
    """The claims of a client's own access token (RFC 9068 2.2: `sub` is the client)."""
    claims: Claims = {
        "iss": issuer,
        "sub": client.client_id,
        "aud": audience,
        "client_id": client.client_id,
        "scope": scope,
        "exp": now + ttl,
        "iat": now,
        "jti": jti,
    }
    if pool.claims_profile == "cognito":
        if not audience:
            del claims["aud"]
        claims |= {"token_use": "access", "version": 2}
    return claims


def id_claims(
    *, issuer: str, pool: Pool, grant: Grant, user: User, nonce: str | None, at_hash: str, jti: str, now: int, ttl: int
) -> Claims:
    """The claims of an ID token (Core 2). `nonce` only from the authorization itself, not on refresh (Core 12.2)."""
    claims: Claims = {
        "iss": issuer,
        "sub": user.id,
        "aud": grant.client_id,
        "exp": now + ttl,
        "iat": now,
        "auth_time": grant.auth_time,
        "acr": grant.acr,
        "amr": grant.amr,
        "azp": grant.client_id,
        "sid": grant.sid,
        "at_hash": at_hash,
    }
    if nonce is not None:
        claims["nonce"] = nonce
    claims |= user_claims(user, grant.scope, grant.claims.get("id_token", ()))
    if pool.claims_profile == "cognito":
        claims |= {"token_use": "id", "cognito:username": user.username, "origin_jti": grant.id, "jti": jti}
        _cognito_groups(claims, user)
        roles = [g.role for name in user.groups for g in pool.groups if g.name == name and g.role]
        if roles:
            claims |= {"cognito:roles": roles, "cognito:preferred_role": roles[0]}
    return claims


def _cognito_groups(claims: Claims, user: User) -> None:
    if user.groups:  # Cognito leaves the claim out for a user without groups
        claims["cognito:groups"] = user.groups


def userinfo_claims(user: User, scope: Collection[str], names: Iterable[str], *, cognito: bool) -> Claims:
    """The UserInfo response (Core 5.3.2)."""
    claims: Claims = {"sub": user.id, **user_claims(user, scope, names)}
    if cognito:
        claims["username"] = user.username
    return claims
