"""How we prove to a token endpoint which client we are (OpenID Connect Core 9, RFC 6749 2.3.1, RFC 7523 2.2)."""

from base64 import b64encode
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args
from urllib.parse import quote_plus

from federation.errors import Misconfigured
from federation.ports import Host

Method = Literal["client_secret_basic", "client_secret_post", "private_key_jwt", "none"]
METHODS: tuple[str, ...] = get_args(Method)

ASSERTION_TTL = 60
"""Seconds that a client assertion holds."""

_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, slots=True)
class Proof:
    """What a request carries to prove the client. `secrets` are the texts in it that no error may show."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    form: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Assertions:
    """How client assertions are made: `alg`, and `audience`, which is the issuer's identifier and no URL of an endpoint
    (CVE-2025-27370: an assertion for a URL can be presented at another server).
    """

    alg: str
    audience: str


def choose(asked: str, supported: Collection[str] | None, *, has_secret: bool) -> str:
    """The method: the one that the settings ask for, else the one that fits the secret and the provider's metadata.

    Args:
        asked: the setting; "" leaves the choice to us.
        supported: `token_endpoint_auth_methods_supported`; None if nothing is said, which means client_secret_basic
            (OpenID Connect Discovery 3).
    """
    if asked:
        return asked
    if not has_secret:
        return "private_key_jwt" if supported is not None and "private_key_jwt" in supported else "none"
    if supported is not None and "client_secret_basic" not in supported and "client_secret_post" in supported:
        return "client_secret_post"
    return "client_secret_basic"


async def prove(
    method: str, client_id: str, secret: str, host: Host, now: int, *, assertions: Assertions | None = None
) -> Proof:
    """What to send along.

    Args:
        secret: the client's; "" if it has none.
        now: seconds since the epoch.
        assertions: for private_key_jwt.

    Raises Misconfigured if the method needs what is not there.
    """
    if method == "none":
        return Proof(form={"client_id": client_id})
    if method == "private_key_jwt":
        if assertions is None:
            raise Misconfigured("private_key_jwt is not possible here", setting="token_endpoint_auth_method")
        assertion = await host.signer.sign_jwt(
            {
                "iss": client_id,
                "sub": client_id,
                "aud": assertions.audience,
                "iat": now,
                "exp": now + ASSERTION_TTL,
                "jti": host.random.token(),
            },
            alg=assertions.alg,
            typ="JWT",
        )
        form = {"client_id": client_id, "client_assertion_type": _TYPE, "client_assertion": assertion}
        return Proof(form=form, secrets=(assertion,))
    if not secret:
        raise Misconfigured(f"{method} needs a client_secret", setting="client_secret")
    if method == "client_secret_post":
        return Proof(form={"client_id": client_id, "client_secret": secret}, secrets=(secret,))
    # RFC 6749 2.3.1: both parts are form-encoded before they are joined, so that a colon in them is no separator.
    pair = b64encode(f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()).decode()
    return Proof(headers={"authorization": f"Basic {pair}"}, secrets=(secret, pair))
