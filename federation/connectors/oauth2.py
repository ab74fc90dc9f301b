"""Providers that speak OAuth 2.0 alone (RFC 6749): an authorization code with PKCE, then a profile by the provider's own API.

What differs from one to the next is a `Vendor`: data, and one function that reads the profile. Without ID tokens the answer
counts because it came from the provider's own endpoint, over TLS, for a code that this login's verifier belongs to.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from federation.connector import Check
from federation.connectors.calls import (
    access_token_of,
    api_answer,
    check_endpoint,
    get,
    post_form,
    refresh_token_of,
    token_answer,
    with_query,
    without_tokens,
)
from federation.connectors.client_auth import prove
from federation.connectors.pkce import challenge_of
from federation.connectors.returning import check_handoff, code_of, same
from federation.errors import BadAnswer, Misconfigured, NotForUs, ProviderRefused, ProviderUnavailable
from federation.mapping import find, is_missing
from federation.model import (
    Asked,
    Begun,
    Callback,
    ExternalIdentity,
    Handoff,
    IdentityProvider,
    Redirect,
    UpstreamSession,
)
from federation.ports import Host
from resource_servers.encoding import parse_json_object


@dataclass(frozen=True, slots=True)
class Person:
    """Who it is by the provider's API: a subject, claims in the names of OpenID Connect, and the answer itself."""

    subject: str
    claims: Mapping[str, object]
    said: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Api:
    """The provider's API in the name of the person who came.

    Attributes:
        secret: our client secret, for proofs that an API asks for.
        wanted: the paths that the pool maps from.
    """

    host: Host
    access_token: str = field(repr=False)
    secret: str = field(repr=False)
    wanted: frozenset[str]
    scope: tuple[str, ...]

    async def get(
        self, url: str, parameters: Mapping[str, str] | None = None, *, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """A JSON object. Raises any FederationError."""
        full = with_query(url, parameters) if parameters else url
        response = await get(self.host.http, full, bearer=self.access_token, headers=headers)
        return api_answer(response, url, (self.access_token, self.secret))

    async def get_list(self, url: str, *, headers: Mapping[str, str] | None = None) -> Sequence[Any]:
        """A JSON array. Raises any FederationError."""
        response = await get(self.host.http, url, bearer=self.access_token, headers=headers)
        if response.status != 200:
            api_answer(response, url, (self.access_token, self.secret))
        try:
            answer = parse_json_object(b'{"list":' + response.body + b"}")
        except ValueError:
            raise BadAnswer(f"{url} is no JSON") from None
        found = answer["list"]
        if not isinstance(found, list) or len(answer) != 1:
            raise BadAnswer(f"{url} is no JSON array")
        return found


@dataclass(frozen=True, slots=True)
class Vendor:
    """A provider, as data.

    Attributes:
        issuer: what its identities are known by; it has no `iss` of its own.
        read: the person whom an access token speaks for.
        auth_method: at the token endpoint.
        challenge: whether the provider bears PKCE.
        separator: between the names in `scope`.
        parameters: further parameters of the authorization request.
        fresh: parameters that come nearest to a fresh sign-in.
        silent: parameters that forbid a page; empty if there are none.
    """

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    read: Callable[[Api], Awaitable[Person]]
    auth_method: str = "client_secret_post"
    challenge: bool = True
    separator: str = " "
    parameters: tuple[tuple[str, str], ...] = ()
    fresh: tuple[tuple[str, str], ...] = ()
    silent: tuple[tuple[str, str], ...] = ()


class OAuth2Connector:
    """One provider that speaks OAuth 2.0. Satisfies Connector and Examines."""

    def __init__(
        self,
        provider: IdentityProvider,
        host: Host,
        vendor: Vendor,
        *,
        scope: tuple[str, ...],
        mapping: Mapping[str, str],
    ) -> None:
        check_endpoint(vendor.authorization_endpoint, setting="endpoints")
        check_endpoint(vendor.token_endpoint, setting="endpoints")
        self._provider = provider
        self._host = host
        self._vendor = vendor
        self._scope = provider.scope or scope
        self._wanted = frozenset({**mapping, **provider.attribute_mapping}.values())

    async def begin(self, asked: Asked) -> Begun:
        """To the authorization endpoint (RFC 6749 4.1.1). Raises Misconfigured."""
        vendor, verifier = self._vendor, self._host.random.token()
        self._secret()
        if asked.silent and not vendor.silent:
            raise ProviderRefused("login_required", "the provider cannot be asked without showing a page")
        parameters = {
            **dict(vendor.parameters),
            **dict(vendor.silent if asked.silent else vendor.fresh if asked.fresh else ()),
            "response_type": "code",
            "client_id": self._provider.client_id,
            "redirect_uri": asked.callback_url,
            "scope": vendor.separator.join(self._scope),
            "state": asked.state,
            "code_challenge": challenge_of(verifier) if vendor.challenge else "",
            "code_challenge_method": "S256" if vendor.challenge else "",
        }
        memo = {"code_verifier": verifier, "issuer": vendor.issuer}
        return Begun(Redirect(with_query(vendor.authorization_endpoint, parameters)), memo)

    async def finish(self, handoff: Handoff, callback: Callback) -> ExternalIdentity:
        """The code becomes an access token, and that a person. Raises any FederationError."""
        check_handoff(handoff, self._provider.name, ("code_verifier", "issuer"))
        if handoff.memo["issuer"] != self._vendor.issuer:
            raise NotForUs("the provider was set up anew while the person was there")
        code = code_of(callback, handoff, issuer=(self._vendor.issuer,))
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": handoff.callback_url,
            "code_verifier": handoff.memo["code_verifier"] if self._vendor.challenge else "",
        }
        return await self._granted(form, callback.now)

    async def _granted(self, form: Mapping[str, str], now: int) -> ExternalIdentity:
        vendor, secret = self._vendor, self._secret()
        proof = await prove(vendor.auth_method, self._provider.client_id, secret, self._host, now)
        sent = {**form, **proof.form}
        response = await post_form(self._host.http, vendor.token_endpoint, sent, headers=proof.headers)
        secrets = (*proof.secrets, *(form.get(name, "") for name in ("code", "code_verifier", "refresh_token")))
        answer = token_answer(response, secrets)
        api = Api(self._host, access_token_of(answer), secret, self._wanted, self._scope)
        person = await vendor.read(api)
        return ExternalIdentity(
            provider=self._provider.name,
            issuer=vendor.issuer,
            subject=person.subject,
            claims=person.claims,
            session=UpstreamSession(person.subject),
            refresh_token=refresh_token_of(answer),
            sources={"userInfo": person.said, "tokenResponse": without_tokens(answer)},
        )

    def _secret(self) -> str:
        secret = self._host.secrets.open("client_secret")
        if not secret:
            raise Misconfigured("there is no client_secret", setting="client_secret")
        return secret

    async def examine(self, callback_url: str, now: int) -> list[Check]:  # noqa: ARG002 - nothing here ages
        """What there is to say without a login: such a provider publishes nothing."""
        checks = [Check("redirect_uri", "ok", callback_url, "Register exactly this at the provider.")]
        try:
            self._secret()
        except Misconfigured as wrong:
            return [*checks, Check("settings", "error", wrong.detail, "Look at client_secret.")]
        try:
            await self._host.http.request("GET", self._vendor.token_endpoint, headers={"accept": "application/json"})
        except ProviderUnavailable as failure:
            return [*checks, Check("reachable", "error", failure.detail, "Does this machine reach the provider?")]
        return [*checks, Check("settings", "ok", "complete"), Check("reachable", "ok", self._vendor.token_endpoint)]


class RefreshingOAuth2Connector(OAuth2Connector):
    """One whose provider gives refresh tokens: Refreshes as well (RFC 6749 6)."""

    async def refresh(self, refresh_token: str, subject: str, now: int) -> ExternalIdentity:
        """The identity anew: of the same person, or it is refused. Raises any FederationError."""
        identity = await self._granted({"grant_type": "refresh_token", "refresh_token": refresh_token}, now)
        if not same(identity.subject, subject):
            raise BadAnswer("the refreshed access token is another person's")
        return identity


def identifier(value: object) -> str:
    """A subject: a text, or a whole number as text. Raises BadAnswer for what is neither."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return str(value)
    if isinstance(value, str) and 0 < len(value) <= 255 and value.isprintable() and value.strip() == value:
        return value
    raise BadAnswer("the provider's answer has no identifier of the person")


def renamed(said: Mapping[str, object], names: Mapping[str, str]) -> dict[str, object]:
    """Claims by the names of OpenID Connect: `names` maps each to its path in the answer. What is not there, or is null, is
    left out.
    """
    found = {name: find(said, path) for name, path in names.items()}
    return {name: value for name, value in found.items() if not is_missing(value) and value is not None}
