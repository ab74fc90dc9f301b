"""Sign in with Apple: OpenID Connect with a client secret that is made from a key, and a name that is told once.

https://developer.apple.com/documentation/signinwithapplerestapi
"""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

from federation.connector import Kind, SettingSpec
from federation.connectors.dialect import Dialect
from federation.connectors.discovery import FixedMetadata, Metadata
from federation.connectors.oidc import OidcConnector
from federation.errors import BadAnswer, Misconfigured
from federation.model import Callback, ExternalIdentity, IdentityProvider
from federation.ports import Host
from resource_servers.encoding import parse_json_object

ENDPOINTS = Metadata(
    issuer="https://appleid.apple.com",
    authorization_endpoint="https://appleid.apple.com/auth/authorize",
    token_endpoint="https://appleid.apple.com/auth/token",
    jwks_uri="https://appleid.apple.com/auth/keys",
    signing_algorithms=("RS256",),
    token_auth_methods=("client_secret_post",),
    response_modes=("query", "fragment", "form_post"),
)

SECRET_TTL = 24 * 3600
"""Seconds that a client secret holds. Apple allows six months; a day suffices, for it costs nothing to make."""

RENEWED_BEFORE = 3600
"""Seconds before its end at which a client secret is made anew."""

LONGEST_NAME = 200
"""Characters of a first or last name that are taken."""

# Since June 2025 Apple's metadata say account.apple.com now and then, and its tokens appleid.apple.com.
_ISSUERS = ("https://appleid.apple.com", "https://account.apple.com")
_OWN_DOMAINS = frozenset({"icloud.com", "me.com", "mac.com", "privaterelay.appleid.com"})


def _issuers(_claims: Mapping[str, Any], metadata: Metadata) -> Collection[str]:
    return _ISSUERS if metadata.issuer in _ISSUERS else (metadata.issuer,)


def client_secret(
    sign: Callable[[Mapping[str, object], Mapping[str, object], str], str],
    *,
    team_id: str,
    key_id: str,
    client_id: str,
    private_key: Callable[[], str],
    audience: str,
) -> Callable[[int], str]:
    """Who makes the secret for a time, and keeps it until shortly before its end ("Creating a client secret").

    Args:
        sign: makes a JWT of a header, claims and a private key in PEM.
    """
    made: tuple[int, str] | None = None

    def secret(now: int) -> str:
        nonlocal made
        if made is None or not made[0] - SECRET_TTL <= now < made[0] - RENEWED_BEFORE:
            claims = {"iss": team_id, "iat": now, "exp": now + SECRET_TTL, "aud": audience, "sub": client_id}
            made = (now + SECRET_TTL, sign({"alg": "ES256", "kid": key_id}, claims, private_key()))
        return made[1]

    return secret


def _signed(header: Mapping[str, object], claims: Mapping[str, object], private_key: str) -> str:
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey

    if not private_key:
        raise Misconfigured("there is no private_key", setting="private_key")
    try:
        key = ECKey.import_key(private_key.strip())
        if key.curve_name != "P-256" or not key.is_private:
            raise Misconfigured("private_key is no private key on P-256", setting="private_key")
        return jwt.encode(dict(header), dict(claims), key, algorithms=["ES256"])
    except (JoseError, ValueError, TypeError):
        text = "private_key cannot be read: it must be the whole text of Apple's .p8 file"
        raise Misconfigured(text, setting="private_key") from None


def amend(claims: dict[str, object], callback: Callback | None) -> dict[str, object]:
    """The claims with the name, which Apple sends once, through the browser, and so without a signature; and whether the
    address is a relay's. The address beside that name is not taken: the ID token has it.
    """
    relay = claims.get("is_private_email")
    if relay is not None:
        claims["is_private_email"] = relay is True or relay == "true"
    user = callback.one("user") if callback else None
    if user is None:
        return claims
    try:
        name = parse_json_object(user.encode()).get("name")
    except (ValueError, UnicodeEncodeError):
        raise BadAnswer("the parameter user is no JSON object") from None
    said = name if isinstance(name, dict) else {}
    first, last = (_name(said.get(part)) for part in ("firstName", "lastName"))
    full = " ".join(part for part in (first, last) if part)
    return {**claims, **{k: v for k, v in {"given_name": first, "family_name": last, "name": full}.items() if v}}


def _name(value: object) -> str:
    return value.strip() if isinstance(value, str) and len(value) <= LONGEST_NAME and value.isprintable() else ""


def connector(provider: IdentityProvider, host: Host, endpoints: Metadata = ENDPOINTS) -> OidcConnector:
    """The connector; `endpoints` stands in for Apple's own in tests. Raises Misconfigured."""
    for name in ("team_id", "key_id"):
        if not provider.setting(name):
            raise Misconfigured(f"there is no {name}", setting=name)
    scope = provider.scope or KIND.scope
    dialect = Dialect(
        issuers=_issuers,
        auth_method="client_secret_post",
        secret=client_secret(
            _signed,
            team_id=provider.setting("team_id"),
            key_id=provider.setting("key_id"),
            client_id=provider.client_id,
            private_key=partial(host.secrets.open, "private_key"),
            audience="https://appleid.apple.com",
        ),
        tells_auth_time=False,
        fresh_prompt="",
        silent=False,
        verified_texts=True,  # "The value may be a String or Boolean"
        # Apple insists on it as soon as a name or an address is asked for.
        posts_back=bool({"name", "email"} & set(scope)),
        amend=amend,
    )
    return OidcConnector(
        provider, host, FixedMetadata(endpoints), dialect=dialect, scope=scope, mapping=KIND.mapping or {}
    )


def speaks_for(_identity: ExternalIdentity) -> Collection[str]:
    """Apple's own mail domains, and those of its relay."""
    return _OWN_DOMAINS


KIND = Kind(
    type="apple",
    label="Apple",
    protocol="oidc",
    build=connector,
    settings=(
        SettingSpec("team_id", required=True, example="A1B2C3D4E5", about="The team's identifier at Apple."),
        SettingSpec("key_id", required=True, example="F6G7H8I9J0", about="The identifier of the key below."),
        SettingSpec("private_key", required=True, secret=True, about="The text of the .p8 file that Apple gave."),
    ),
    scope=("openid", "email", "name"),
    mapping={name: name for name in ("email", "name", "given_name", "family_name")},
    posts_back=True,
    icon="apple",
    speaks_for=speaks_for,
)
