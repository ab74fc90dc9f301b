"""The grants of the token endpoint. Each is one function: load, judge, spend, mint, save, and the response's members."""

from dataclasses import dataclass

from authserver.model.clients import Client
from authserver.oauth.client_auth import Credentials
from authserver.oauth.engine import Facts
from authserver.tokens.claims import STANDARD_SCOPES
from authserver.tokens.issuer import Issuer
from authserver.tokens.mint import Minted
from authserver.web import Params

STANDARD = frozenset(STANDARD_SCOPES)


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A parsed token request. `client` is None if there is none of that name."""

    issuer: Issuer
    client: Client | None
    credentials: Credentials
    form: Params
    address: str

    def facts(self) -> Facts:
        """The facts every grant needs; a grant adds its own."""
        return Facts(self.client, self.credentials, known_scopes=self.issuer.known_scopes)

    def judged_client(self) -> Client:
        """The client, once a judgement has passed."""
        if self.client is None:
            raise AssertionError("the engine passed a request without a client")
        return self.client

    def still_allowed(self, granted: tuple[str, ...]) -> tuple[str, ...]:
        """What of a granted scope the client may have now: it, or the API, may have lost some since the consent."""
        allowed, known = self.judged_client().scope, self.issuer.known_scopes
        return tuple(s for s in granted if s in allowed and s in known)


def token_response(minted: Minted, refresh_token: str | None = None) -> dict[str, object]:
    """The members of the token response (RFC 6749 5.1)."""
    response: dict[str, object] = {
        "access_token": minted.access_token,
        "token_type": "Bearer",
        "expires_in": minted.expires_in,
        "scope": minted.scope,
    }
    if refresh_token is not None:
        response["refresh_token"] = refresh_token
    if minted.id_token is not None:
        response["id_token"] = minted.id_token
    return response
