"""How Authlib is driven: it judges, over facts that were loaded before, and does nothing else (DESIGN 6.1).

Authlib's grants are run up to their validation and no further: they never mint, store, log a token or read a clock.
Their callbacks read `Facts` and write a `Record`; a fact that nobody loaded raises `FactMissing`, a programming error.
What Authlib leaves loose is overridden here: PKCE is S256 only and refused where it is missing; only the method that
was presented is tried; parameters that are repeated are refused.
"""

import re
from dataclasses import dataclass
from typing import Any, NoReturn

from authlib.oauth2.rfc6749 import (
    AuthorizationServer,
    ClientMixin,
    OAuth2Error,
    OAuth2Payload,
    OAuth2Request,
    grants,
)
from authlib.oauth2.rfc6749.authenticate_client import ClientAuthentication
from authlib.oauth2.rfc6749.errors import InvalidClientError, InvalidRequestError, InvalidScopeError
from authlib.oauth2.rfc7636 import CodeChallenge

from authserver.crypto.secrets import digest, same
from authserver.errors import ProtocolRefusal
from authserver.model.clients import Client
from authserver.model.grants import AuthorizationCode, Grant
from authserver.oauth.client_auth import METHODS, Credentials, InvalidClient
from authserver.web import Params

S256_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
"""An S256 challenge is the base64url of 32 bytes: 43 characters exactly (RFC 7636 4.2)."""

MAY_REPEAT = frozenset({"resource"})
"""RFC 8707 2 lets `resource` be sent more than once; nothing else may be (RFC 6749 3.1 and 3.2)."""


class FactMissing(AssertionError):  # noqa: N818 - reads as what it says
    """A rule asked for a fact that the endpoint did not load: a mistake in our code, never the caller's."""


_MISSING: Any = object()


@dataclass(slots=True)
class Facts:
    """What an endpoint loaded before it judges. None means looked for and not there."""

    client: Client | None
    credentials: Credentials | None = None
    code: AuthorizationCode | None = _MISSING
    refresh_grant: Grant | None = _MISSING
    known_scopes: frozenset[str] = _MISSING

    def get(self, name: str) -> Any:
        value = getattr(self, name)
        if value is _MISSING:
            raise FactMissing(name)
        return value


class _Payload(OAuth2Payload):  # type: ignore[misc]  # Authlib ships no types
    def __init__(self, params: Params) -> None:
        self._params = params

    @property
    def data(self) -> dict[str, str]:
        return self._params.values

    @property
    def datalist(self) -> dict[str, list[str]]:
        return {name: ["", ""] if name in self._params.repeated else [""] for name in self._params.values}


class _Request(OAuth2Request):  # type: ignore[misc]  # Authlib ships no types
    def __init__(self, params: Params, facts: Facts) -> None:
        # The base class checks the transport by the URI it is given and by an environment variable; our URLs come from
        # settings alone, where plain http off loopback is refused.
        self.method = "POST"
        self.payload = _Payload(params)
        self.facts = facts
        self.client = None
        self.auth_method = None
        self.user = None
        self.authorization_code = None
        self.refresh_token = None
        self._scope = None

    @property
    def form(self) -> dict[str, str]:
        return self.payload.data


class _Client(ClientMixin):  # type: ignore[misc]  # Authlib ships no types
    """Our Client as Authlib asks about it."""

    __slots__ = ("_client", "_known_scopes")

    def __init__(self, client: Client, known_scopes: frozenset[str]) -> None:
        self._client = client
        self._known_scopes = known_scopes

    def get_client_id(self) -> str:
        return self._client.client_id

    def get_default_redirect_uri(self) -> str | None:
        uris = self._client.redirect_uris
        return uris[0] if len(uris) == 1 else None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return self._client.accepts_redirect_uri(redirect_uri)

    def get_allowed_scope(self, scope: str | None) -> str | None:
        allowed = self.scopes()
        wanted = (scope or "").split()
        return " ".join(wanted) if all(s in allowed for s in wanted) else None

    def scopes(self) -> set[str]:
        return {s for s in self._client.scope if s in self._known_scopes}

    def check_client_secret(self, client_secret: str) -> bool:
        presented = digest(client_secret)
        return any(same(presented, stored) for stored in self._client.secret_digests)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return bool(endpoint) and method == self._client.token_endpoint_auth_method

    def check_response_type(self, response_type: str) -> bool:
        return response_type in self._client.response_types

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in self._client.grant_types


def _presented(method: str) -> Any:
    """An Authlib client authentication method over the credentials that were parsed before."""

    def authenticate(query_client: Any, request: _Request) -> _Client | None:
        credentials = request.facts.get("credentials")
        if credentials is None or credentials.method != method:
            return None
        client: _Client | None = query_client(credentials.client_id)
        if client is None:
            same(digest(credentials.secret or ""), digest(""))  # the same work as for a known client
            return None
        if method == "none":
            return client
        return client if client.check_client_secret(credentials.secret) else None

    return authenticate


_METHODS = {name: _presented(name) for name in METHODS}


class _Authentication(ClientAuthentication):  # type: ignore[misc]  # Authlib ships no types
    def __init__(self, query_client: Any) -> None:
        self.query_client = query_client
        self._methods = _METHODS


class _Server(AuthorizationServer):  # type: ignore[misc]  # Authlib ships no types
    """One judgement's view of the server: it knows the facts and refuses to do anything but judge."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self.scopes_supported = None
        self._client_auth = _Authentication(self.query_client)

    def query_client(self, client_id: str) -> _Client | None:
        client = self._facts.client
        if client is None or not client.enabled or client.client_id != client_id:
            return None
        return _Client(client, self._facts.get("known_scopes"))

    def validate_requested_scope(self, scope: str | None) -> None:
        client = self._facts.client
        if client is None or _Client(client, self._facts.get("known_scopes")).get_allowed_scope(scope) is None:
            raise InvalidScopeError

    def send_signal(self, *args: object, **kwargs: object) -> None:
        """Authlib announces its progress; nobody listens."""

    def save_token(self, token: object, request: object) -> NoReturn:
        raise FactMissing("Authlib must not save")

    def generate_token(self, *args: object, **kwargs: object) -> NoReturn:
        raise FactMissing("Authlib must not mint")


class _StrictChallenge(CodeChallenge):  # type: ignore[misc]  # Authlib ships no types
    """PKCE, S256 only (RFC 7636, RFC 9700 2.1.1). A missing method means `plain` there, and so a refusal here."""

    DEFAULT_CODE_CHALLENGE_METHOD = "S256"
    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        data = grant.request.payload.data
        challenge, method = data.get("code_challenge"), data.get("code_challenge_method")
        client = grant.request.facts.client
        if challenge is None and method is None:
            if client.require_pkce or client.public:
                raise InvalidRequestError("This client must send a code_challenge (PKCE).")
            if data.get("nonce") is None:
                raise InvalidRequestError("Without PKCE this client must send a nonce.")
            return
        if challenge is None or method != "S256" or not S256_CHALLENGE.fullmatch(challenge):
            raise InvalidRequestError("PKCE needs code_challenge_method=S256 and a code_challenge of 43 characters.")

    def validate_code_verifier(self, grant: Any, result: object) -> None:
        code = grant.request.authorization_code
        if code.code_challenge is None and grant.request.facts.client.public:
            raise InvalidRequestError("The authorization request had no code_challenge.")
        super().validate_code_verifier(grant, result)

    def get_authorization_code_challenge_method(self, authorization_code: object) -> str:
        return "S256"


class _Code:
    """An AuthorizationCode as Authlib asks about it."""

    __slots__ = ("code_challenge", "redirect_uri")

    def __init__(self, code: AuthorizationCode) -> None:
        self.code_challenge = code.code_challenge
        self.redirect_uri = code.redirect_uri

    def get_redirect_uri(self) -> str | None:
        return self.redirect_uri


class _CodeGrant(grants.AuthorizationCodeGrant):  # type: ignore[misc]  # Authlib ships no types
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS

    def query_authorization_code(self, code: str, client: _Client) -> _Code | None:
        found = self.request.facts.get("code")
        if found is None or not same(found.client_id, client.get_client_id()):
            return None
        return _Code(found)

    @staticmethod
    def validate_authorization_redirect_uri(request: _Request, client: _Client) -> str:
        # Authlib would put the URI into the error text, where most characters of a URI are forbidden.
        redirect_uri = request.payload.redirect_uri or client.get_default_redirect_uri()
        if redirect_uri is None:
            raise InvalidRequestError("The redirect_uri is missing.")
        if not client.check_redirect_uri(redirect_uri):
            raise InvalidRequestError("The redirect_uri is not registered for this client.")
        return str(redirect_uri)


class _RefreshGrant(grants.RefreshTokenGrant):  # type: ignore[misc]  # Authlib ships no types
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS

    def authenticate_refresh_token(self, refresh_token: str) -> "_Refresh | None":
        grant = self.request.facts.get("refresh_grant")
        return _Refresh(grant) if grant is not None else None


class _Refresh:
    """A refresh token's grant as Authlib asks about it."""

    __slots__ = ("_grant",)

    def __init__(self, grant: Grant) -> None:
        self._grant = grant

    def check_client(self, client: _Client) -> bool:
        return same(self._grant.client_id, client.get_client_id())

    def get_scope(self) -> str:
        return " ".join(self._grant.scope)


class _ClientCredentialsGrant(grants.ClientCredentialsGrant):  # type: ignore[misc]  # Authlib ships no types
    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post")


_CHALLENGE = _StrictChallenge(required=True)

_SENTENCES = {
    "invalid_grant": "The code or token is not valid: unknown, used, expired, revoked, or another client's.",
    "invalid_scope": "A requested scope is unknown or not allowed to this client.",
    "unauthorized_client": "The client may not use this grant or response type.",
}


def _refusal(error: OAuth2Error, facts: Facts) -> ProtocolRefusal:
    if isinstance(error, InvalidClientError):
        credentials = facts.credentials
        return InvalidClient(challenge=credentials is not None and credentials.method == "client_secret_basic")
    sentence = _SENTENCES.get(error.error) or str(error.description or "The request is not valid.")
    return ProtocolRefusal(error.error, sentence)


def refuse_repeated(params: Params) -> None:
    """Raises ProtocolRefusal if a parameter was sent twice."""
    if params.repeated and params.repeated - MAY_REPEAT:
        name = min(params.repeated - MAY_REPEAT)
        shown = name if re.fullmatch(r"[a-z_]{1,40}", name) else "a parameter"
        raise ProtocolRefusal("invalid_request", f"The request repeats {shown}.")


def prove_redirect_uri(params: Params, facts: Facts) -> str:
    """The client's registered redirect URI that this request may be answered to (RFC 6749 3.1.2.4).

    Raises ProtocolRefusal, which is shown to the person: nothing is proven yet.
    """
    client = _Server(facts).query_client(params.get("client_id") or "")
    if client is None:
        raise ProtocolRefusal("invalid_client", "The application that sent you here is not known.")
    if "redirect_uri" in params.repeated or "client_id" in params.repeated:
        raise ProtocolRefusal("invalid_request", "The request repeats client_id or redirect_uri.")
    try:
        return _CodeGrant.validate_authorization_redirect_uri(_Request(params, facts), client)
    except OAuth2Error as error:
        raise _refusal(error, facts) from None


def judge_authorization(params: Params, facts: Facts) -> str:
    """Judge an authorization request by RFC 6749 4.1.1 and RFC 7636 4.3. Returns the proven redirect URI.

    Raises ProtocolRefusal, which the client hears of: its redirect URI was proven first.
    """
    grant = _CodeGrant(_Request(params, facts), _Server(facts))
    _CHALLENGE(grant)
    try:
        return str(grant.validate_authorization_request())
    except OAuth2Error as error:
        raise _refusal(error, facts) from None


def judge_code(params: Params, facts: Facts) -> None:
    """Judge an authorization_code token request: client, grant type, code, redirect URI, PKCE. Raises ProtocolRefusal."""
    grant = _CodeGrant(_Request(params, facts), _Server(facts))
    _CHALLENGE(grant)
    _run(grant, facts)


def judge_refresh(params: Params, facts: Facts) -> None:
    """Judge a refresh_token request: client, grant type, token's client, scope. Raises ProtocolRefusal."""
    _run(_RefreshGrant(_Request(params, facts), _Server(facts)), facts)


def judge_client_credentials(params: Params, facts: Facts) -> None:
    """Judge a client_credentials request: client, grant type, scope. Raises ProtocolRefusal."""
    _run(_ClientCredentialsGrant(_Request(params, facts), _Server(facts)), facts)


def judge_client(params: Params, facts: Facts, endpoint: str) -> None:
    """Authenticate the client at another endpoint (RFC 7009 2.1). Raises InvalidClient."""
    try:
        _Server(facts).authenticate_client(_Request(params, facts), METHODS, endpoint)
    except OAuth2Error as error:
        raise _refusal(error, facts) from None


def _run(grant: Any, facts: Facts) -> None:
    try:
        grant.validate_token_request()
    except OAuth2Error as error:
        raise _refusal(error, facts) from None
