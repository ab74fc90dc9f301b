"""The grants of the token endpoint. Each is one function: load, judge, spend, mint, save, and the response's members."""

from dataclasses import dataclass

from authserver.errors import ProtocolRefusal
from authserver.model.clients import Client
from authserver.model.grants import Grant
from authserver.oauth.client_auth import Credentials
from authserver.oauth.engine import Facts
from authserver.tokens.claims import STANDARD_SCOPES, covering_scope
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

    def claims_still_allowed(self, grant: Grant) -> dict[str, tuple[str, ...]]:
        """The claims granted by name whose scope the client may have now (Core 5.5)."""
        allowed = self.judged_client().scope
        return {
            member: tuple(name for name in names if covering_scope(name) in allowed)
            for member, names in grant.claims.items()
        }

    def resource(self, grant: Grant) -> tuple[str, ...]:
        """The resources of the request, or of the grant: of those granted, or of those whose scopes were (RFC 8707 2.2).

        Raises ProtocolRefusal invalid_target.
        """
        asked = tuple(self.form.all("resource"))
        granted = grant.resource or self.issuer.resources_of(grant.scope)
        if not set(asked) <= set(granted):
            raise ProtocolRefusal("invalid_target", "The resource was not part of the authorization request.")
        return asked or grant.resource


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
