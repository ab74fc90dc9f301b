"""The tokens of a provider, verified: with the keys that it publishes or the secret that it shares, decrypted first where
that is set up. Used for ID tokens, signed UserInfo answers and logout tokens alike.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from federation.connectors.client import Client
from federation.connectors.discovery import Metadata
from federation.connectors.jwe import decrypt, is_encrypted, public_keys
from federation.connectors.jws import HMACS, Keys, SharedSecret
from federation.connectors.published import PublishedKeys
from federation.errors import BadAnswer
from federation.ports import Host

T = TypeVar("T")


class Tokens:
    """Reads what one provider signs."""

    def __init__(self, host: Host, client: Client) -> None:
        self._host = host
        self._client = client
        self._published = PublishedKeys(host)

    @property
    def jwks_uri(self) -> str:
        """Where the host shows the provider our keys: those that sign, and those to encrypt for."""
        return f"{self._host.issuer}/oauth2/idpjwks/{self._client.provider.name}"

    async def read(
        self, token: str, metadata: Metadata, now: int, verify: Callable[[str, Keys], T], *, may_be_plain: bool = False
    ) -> T:
        """What `verify` makes of the token and the keys that may sign it.

        Args:
            may_be_plain: where encryption is set up, a token that is signed alone is read too.

        Raises ProviderUnavailable, BadAnswer.
        """
        signed = await self.opened(token, may_be_plain=may_be_plain)
        return await self.check(metadata, now, lambda keys: verify(signed, keys))

    async def opened(self, token: str, *, may_be_plain: bool = False) -> str:
        """The signed token, decrypted if it has to be: as in `read`, and not verified. Raises BadAnswer."""
        alg, enc = self._client.encryption()
        if alg and not (may_be_plain and not is_encrypted(token)):
            return await decrypt(token, self._host, alg=alg, enc=enc)
        if is_encrypted(token):
            raise BadAnswer("the token is encrypted, and id_token_encrypted_response_alg is not set")
        return token

    async def encryption_keys(self) -> list[dict[str, str]]:
        """Our public keys that tokens are encrypted for; none where they must not be."""
        alg, _ = self._client.encryption()
        return await public_keys(self._host, alg=alg) if alg else []

    async def check(self, metadata: Metadata, now: int, use: Callable[[Keys], T]) -> T:
        """What `use` makes of the keys that may sign. Raises ProviderUnavailable, BadAnswer."""
        if self._client.algorithms(metadata) <= HMACS.keys():
            return use(SharedSecret(self._client.secret(now)))
        if not metadata.jwks_uri:
            raise BadAnswer("the provider publishes no keys (jwks_uri)")
        return await self._published.check(metadata.jwks_uri, now, use)

    async def claims_of_userinfo(
        self, body: bytes, metadata: Metadata, now: int, algorithms: frozenset[str]
    ) -> dict[str, Any]:
        """The claims of a signed UserInfo answer (OpenID Connect Core 5.3.2). Raises ProviderUnavailable, BadAnswer."""
        from federation.connectors.id_token import check_issuer
        from federation.connectors.jws import check_audience, check_times, signed_claims

        what = "the UserInfo answer"

        def verify(token: str, keys: Keys) -> dict[str, Any]:
            claims, _ = signed_claims(token, keys, algorithms=algorithms, types=(None, "jwt"), what=what)
            check_issuer(claims, lambda said: self._client.dialect.issuers(said, metadata), what)
            check_audience(claims, self._client.provider.client_id, what)
            check_times(claims, now, what, required=())
            return claims

        try:
            token = body.decode("ascii").strip()
        except ValueError:
            raise BadAnswer(f"{what} is no JWT") from None
        # How UserInfo is encrypted is agreed apart from ID tokens (userinfo_encrypted_response_alg).
        return await self.read(token, metadata, now, verify, may_be_plain=True)
