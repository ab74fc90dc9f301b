"""One object that says whether a token is good for this API. Knows no web framework.

validator = Validator(issuer="https://login.example/acme_Pool1", audience="https://orders.example")
token = await validator.validate(bearer)
token.require("https://orders.example/read")
"""

import time
from collections.abc import Awaitable, Callable, Collection, Container
from inspect import isawaitable

from resource_servers.errors import RevokedToken, UnknownKey
from resource_servers.jwks import Clock, JwksCache, KeySource
from resource_servers.keys import VerificationKeys
from resource_servers.tokens import ALGORITHMS, AccessToken, Profile, validate_access_token

IsRevoked = Callable[[AccessToken], bool | Awaitable[bool]]
"""Whether a token that holds otherwise has been revoked: its `jti`, the grant in front of it, or its `sid`."""


class Validator:
    """Validates access tokens of one issuer for one API.

    Args:
        issuer: the issuer's identifier, to the letter (RFC 9068 section 4).
        audience: this API's identifier, or several. None only for the Cognito profile with `client_ids`.
        keys: where the keys come from; by default a `JwksCache` over the issuer's discovery document.
        profile: "standard" (RFC 9068) or "cognito".
        client_ids: the only clients whose tokens are accepted; None: all.
        is_revoked: asked about each token that holds otherwise. What it raises goes through, and nothing is let in.
        algorithms: the `alg` values allowed, out of `ALGORITHMS`.
        leeway: seconds after `exp` in which a token still holds.
        clock: seconds since the epoch.

    Raises ValueError if neither `audience` nor `client_ids` could ever tell that a token is meant for this API.
    """

    def __init__(
        self,
        *,
        issuer: str,
        audience: str | Collection[str] | None = None,
        keys: KeySource | None = None,
        profile: Profile = "standard",
        client_ids: Container[str] | None = None,
        is_revoked: IsRevoked | None = None,
        algorithms: Collection[str] = ALGORITHMS,
        leeway: int = 0,
        clock: Clock = time.time,
    ) -> None:
        if not audience and not (profile == "cognito" and client_ids):
            raise ValueError("name the audience: without it any token of the issuer, for whatever API, would do")
        self._issuer = issuer
        self._audience = audience
        self._keys = keys or JwksCache(issuer)
        self._profile = profile
        self._client_ids = client_ids
        self._is_revoked = is_revoked
        self._algorithms = algorithms
        self._leeway = leeway
        self._clock = clock

    async def validate(self, token: str) -> AccessToken:
        """The validated token.

        Raises InvalidToken (ExpiredToken, UnknownKey, RevokedToken among them), or KeysUnavailable if the issuer's keys
        cannot be had.
        """
        keys = await self._keys.keys()
        try:
            valid = self._validated(token, keys)
        except UnknownKey:
            newer = await self._keys.newer_than(keys)
            if newer is keys:
                raise
            valid = self._validated(token, newer)
        if self._is_revoked is not None:
            revoked = self._is_revoked(valid)
            if await revoked if isawaitable(revoked) else revoked:
                raise RevokedToken(f"revoked: {valid!r}")
        return valid

    def _validated(self, token: str, keys: VerificationKeys) -> AccessToken:
        return validate_access_token(
            token,
            keys,
            issuer=self._issuer,
            audience=self._audience,
            now=self._clock(),
            leeway=self._leeway,
            profile=self._profile,
            client_ids=self._client_ids,
            algorithms=self._algorithms,
        )
