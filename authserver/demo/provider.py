"""The authorization server as the demo client sees it: its metadata, its token endpoint, its keys."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

from authserver.demo.authorization import Attempt
from authserver.demo.failures import BadAnswer, ServerDown, ServerRefused
from authserver.demo.id_token import validate_id_token, validate_refreshed_id_token
from authserver.demo.outbound import LazyClient, fetch_with
from authserver.effects import Clock
from resource_servers.encoding import parse_json_object
from resource_servers.errors import InvalidToken, KeysUnavailable, UnknownKey
from resource_servers.fetching import FetchFailed
from resource_servers.jwks import JwksCache
from resource_servers.tokens import VerificationKeys

_FRESH = 300
"""Seconds for which the metadata are not asked for again."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """The part of the discovery document that this client uses (OpenID Connect Discovery 3, RFC 9207 3)."""

    authorization_endpoint: str
    token_endpoint: str
    end_session_endpoint: str | None
    names_issuer: bool


@dataclass(frozen=True, slots=True)
class TokenResponse:
    """A successful answer of the token endpoint (RFC 6749 5.1). `scope` is None where it is what was asked for."""

    access_token: str = field(repr=False)
    id_token: str | None = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_in: int | None
    scope: str | None


class Provider:
    """The server, for one client.

    Args:
        issuer: its identifier.
        client_id: ours.
        client_secret: ours, sent with HTTP Basic (`client_secret_basic`); None for a public client.
        algorithms: the `alg` values that an ID token may have.
        client: the HTTP client.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        issuer: str,
        client_id: str,
        client_secret: str | None,
        *,
        algorithms: Collection[str],
        client: LazyClient,
        clock: Clock,
    ) -> None:
        self.issuer = issuer
        self.client_id = client_id
        self._secret = client_secret
        self._algorithms = frozenset(algorithms)
        self._client = client
        self._clock = clock
        self._fetch = fetch_with(client)
        self._keys = JwksCache(issuer, fetch=self._fetch, clock=clock)
        self._metadata: Metadata | None = None
        self._metadata_until = 0.0

    async def metadata(self) -> Metadata:
        """The server's metadata. Raises ServerDown, BadAnswer."""
        now = self._clock()
        if self._metadata is None or now >= self._metadata_until:
            try:
                answer = await self._fetch(f"{self.issuer}/.well-known/openid-configuration")
            except FetchFailed as failure:
                raise ServerDown(str(failure)) from failure
            if answer.status != 200:
                raise ServerDown(f"The discovery document answers {answer.status}.")
            self._metadata = _metadata(answer.body, self.issuer)
            self._metadata_until = now + _FRESH
        return self._metadata

    async def redeem(self, code: str, attempt: Attempt, redirect_uri: str) -> tuple[TokenResponse, Mapping[str, Any]]:
        """The tokens of a code (RFC 6749 4.1.3), and the claims of the validated ID token.

        Raises ServerDown, ServerRefused, BadAnswer.
        """
        tokens = await self._ask_for_tokens(
            grant_type="authorization_code", code=code, redirect_uri=redirect_uri, code_verifier=attempt.verifier
        )
        id_token = tokens.id_token
        if id_token is None:
            raise BadAnswer("The token response has no ID token.")
        claims = await self._checked(
            lambda keys: validate_id_token(
                id_token,
                keys,
                issuer=self.issuer,
                client_id=self.client_id,
                access_token=tokens.access_token,
                nonce=attempt.nonce,
                now=self._clock(),
                algorithms=self._algorithms,
                max_age=attempt.max_age,
            )
        )
        return tokens, claims

    async def refresh(
        self, refresh_token: str, earlier: Mapping[str, Any]
    ) -> tuple[TokenResponse, Mapping[str, Any] | None]:
        """Fresh tokens (RFC 6749 6), and the claims of the new ID token if one came along.

        Args:
            refresh_token: the newest one.
            earlier: the claims of the login's first ID token.

        Raises ServerDown, ServerRefused, BadAnswer.
        """
        tokens = await self._ask_for_tokens(grant_type="refresh_token", refresh_token=refresh_token)
        id_token = tokens.id_token
        if id_token is None:
            return tokens, None
        claims = await self._checked(
            lambda keys: validate_refreshed_id_token(
                id_token,
                keys,
                issuer=self.issuer,
                client_id=self.client_id,
                access_token=tokens.access_token,
                earlier=earlier,
                now=self._clock(),
                algorithms=self._algorithms,
            )
        )
        return tokens, claims

    async def logout_url(self, id_token: str, return_to: str, state: str) -> str | None:
        """Where the browser ends its session at the server (RP-Initiated Logout 1.0, 2); None if it offers no such.

        Raises ServerDown, BadAnswer.
        """
        endpoint = (await self.metadata()).end_session_endpoint
        if endpoint is None:
            return None
        params = {
            "id_token_hint": id_token,
            "client_id": self.client_id,
            "post_logout_redirect_uri": return_to,
            "state": state,
        }
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(params)}"

    async def _ask_for_tokens(self, **form: str) -> TokenResponse:
        import httpx  # noqa: TID251 - the demo stands for somebody else's client and brings its own HTTP

        endpoint = (await self.metadata()).token_endpoint
        credentials = httpx.Auth()  # sends nothing
        if self._secret is None:
            form["client_id"] = self.client_id
        else:  # RFC 6749 2.3.1: both parts are form-encoded first
            credentials = httpx.BasicAuth(quote_plus(self.client_id), quote_plus(self._secret))
        try:
            response = await self._client.get().post(
                endpoint, data=form, auth=credentials, headers={"accept": "application/json"}
            )
        except httpx.HTTPError as failure:
            raise ServerDown(f"{endpoint} does not answer: {type(failure).__name__}") from failure
        return _token_response(response.status_code, response.content)

    async def _checked(self, check: Callable[[VerificationKeys], Mapping[str, Any]]) -> Mapping[str, Any]:
        """What `check` returns, with a newer copy of the keys if the first one lacks the token's."""
        try:
            keys = await self._keys.keys()
            try:
                return check(keys)
            except UnknownKey:
                newer = await self._keys.newer_than(keys)
                return check(newer)
        except InvalidToken as flaw:
            raise BadAnswer(f"The ID token does not hold: {flaw.reason}.") from flaw
        except KeysUnavailable as failure:
            raise ServerDown(failure.reason) from failure


def _metadata(body: bytes, issuer: str) -> Metadata:
    try:
        document = parse_json_object(body)
    except ValueError as damaged:
        raise BadAnswer(f"The discovery document is damaged: {damaged}.") from damaged
    if document.get("issuer") != issuer:  # Discovery 4.3
        raise BadAnswer("The discovery document names another issuer.")
    logout = document.get("end_session_endpoint")
    return Metadata(
        authorization_endpoint=_endpoint(document.get("authorization_endpoint")),
        token_endpoint=_endpoint(document.get("token_endpoint")),
        end_session_endpoint=None if logout is None else _endpoint(logout),
        names_issuer=document.get("authorization_response_iss_parameter_supported") is True,
    )


def _endpoint(url: object) -> str:
    if not isinstance(url, str) or urlsplit(url).scheme not in {"http", "https"}:
        raise BadAnswer("The discovery document lacks an endpoint.")
    return url


def _token_response(status: int, body: bytes) -> TokenResponse:
    try:
        answer = parse_json_object(body)
    except ValueError:
        answer = {}
    error = answer.get("error")
    if isinstance(error, str) and status != 200:
        raise ServerRefused(error[:100], str(answer.get("error_description", ""))[:500])
    if status >= 500:
        raise ServerDown(f"The token endpoint answers {status}.")
    access_token, kind, expires_in = answer.get("access_token"), answer.get("token_type"), answer.get("expires_in")
    if status != 200 or not isinstance(access_token, str) or not access_token:
        raise BadAnswer(f"The token endpoint answers {status}, without a token and without an error.")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise BadAnswer("The access token is of another type than Bearer.")
    texts = {name: answer.get(name) for name in ("id_token", "refresh_token", "scope")}
    if not all(isinstance(value, str | None) for value in texts.values()):
        raise BadAnswer("The token response is damaged.")
    return TokenResponse(access_token, expires_in=expires_in if type(expires_in) is int else None, **texts)
