"""APIs that know nothing but our JWKS address accept our tokens: jose and aws-jwt-verify in Node, PyJWT here.

oauthlib obtains the tokens: another client that nobody here wrote.
"""

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import jwt
import pytest
from oauthlib.oauth2 import WebApplicationClient

from tests.dev_server import DevServer
from tests.interop import clients
from tests.interop.person import Person
from tests.interop.program import Program

pytestmark = pytest.mark.xdist_group("dev server")

Claims = dict[str, Any]


@dataclass(frozen=True)
class Tokens:
    access: str
    id: str
    jwks_uri: str
    nonce: str
    issuer: str
    client_id: str


@pytest.fixture(scope="module")
def tokens(dev_server: DevServer, person: Person) -> Iterator[Tokens]:
    """Signs in with oauthlib's code + PKCE; it insists on https unless told otherwise."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
        yield _sign_in(dev_server, person, clients.web())


def _sign_in(server: DevServer, person: Person, registered: dict[str, Any]) -> Tokens:
    metadata = httpx.get(f"{server.issuer}/.well-known/openid-configuration").json()
    client, state, nonce = WebApplicationClient(registered["client_id"]), "a-state", "a-nonce"
    verifier = client.create_code_verifier(64)
    url = client.prepare_request_uri(
        metadata["authorization_endpoint"],
        redirect_uri=registered["redirect_uri"],
        scope=registered["scope"],
        state=state,
        nonce=nonce,
        code_challenge=client.create_code_challenge(verifier, "S256"),
        code_challenge_method="S256",
    )
    answer = client.parse_request_uri_response(person.visit(url, registered["redirect_uri"]), state=state)
    body = client.prepare_request_body(
        code=answer["code"], redirect_uri=registered["redirect_uri"], include_client_id=False, code_verifier=verifier
    )
    response = httpx.post(
        metadata["token_endpoint"],
        content=body,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        auth=(registered["client_id"], registered["client_secret"]),
    )
    # Raises on an error, and on a scope that is not the one asked for.
    given = client.parse_request_body_response(response.text, scope=registered["scope"])
    return Tokens(
        access=given["access_token"],
        id=given["id_token"],
        jwks_uri=metadata["jwks_uri"],
        nonce=nonce,
        issuer=server.issuer,
        client_id=registered["client_id"],
    )


@pytest.fixture(scope="module")
def verdicts(tokens: Tokens) -> dict[str, Any]:
    settings = {
        "issuer": tokens.issuer,
        "jwksUri": tokens.jwks_uri,
        "resource": clients.RESOURCE,
        "clientId": tokens.client_id,
        "accessToken": tokens.access,
        "idToken": tokens.id,
    }
    return Program.here().run("verifiers", settings)


@pytest.mark.parametrize("library", ["jose", "aws"])
def test_node_libraries_accept_both_tokens(verdicts: dict[str, Any], tokens: Tokens, library: str):
    access, id_token = verdicts[library]["access"], verdicts[library]["id"]
    assert access["client_id"] == id_token["aud"] == tokens.client_id
    assert access["sub"] == id_token["sub"]
    assert id_token["nonce"] == tokens.nonce


@pytest.mark.parametrize(
    ("library", "case"), [("jose", "idTokenAsAccess"), ("jose", "foreignAudience"), ("aws", "foreignAudience")]
)
def test_node_libraries_refuse_what_is_not_for_the_api(verdicts: dict[str, Any], library: str, case: str):
    refused = verdicts[library][case]
    assert re.search(r"aud|typ", refused["message"], re.IGNORECASE), refused


def _with_pyjwt(token: str, tokens: Tokens, algorithm: str, audience: str, *required: str) -> Claims:
    key = jwt.PyJWKClient(tokens.jwks_uri).get_signing_key_from_jwt(token)
    return jwt.decode(
        token,
        key,
        algorithms=[algorithm],
        audience=audience,
        issuer=tokens.issuer,
        options={"require": ["iss", "sub", "aud", "exp", "iat", *required]},
    )


def test_pyjwt_accepts_the_access_token(tokens: Tokens):
    claims = _with_pyjwt(tokens.access, tokens, "ES256", clients.RESOURCE, "jti", "client_id", "scope")
    assert jwt.get_unverified_header(tokens.access)["typ"] == "at+jwt"
    assert claims["groups"] == ["staff"]


def test_pyjwt_accepts_the_id_token_which_is_bound_to_the_access_token(tokens: Tokens):
    claims = _with_pyjwt(tokens.id, tokens, "RS256", tokens.client_id, "nonce", "auth_time", "at_hash")
    assert claims["nonce"] == tokens.nonce
    half = hashlib.sha256(tokens.access.encode()).digest()[:16]  # OpenID Connect Core 3.1.3.6, for RS256
    assert claims["at_hash"] == base64.urlsafe_b64encode(half).rstrip(b"=").decode()


def test_pyjwt_refuses_a_foreign_audience_and_a_changed_token(tokens: Tokens):
    with pytest.raises(jwt.InvalidAudienceError):
        _with_pyjwt(tokens.access, tokens, "ES256", "https://else.example")
    header, payload, signature = tokens.access.split(".")
    changed = f"{header}.{payload}.{'B' if signature[0] != 'B' else 'C'}{signature[1:]}"
    with pytest.raises(jwt.InvalidSignatureError):
        _with_pyjwt(changed, tokens, "ES256", clients.RESOURCE)


def test_the_jwks_publishes_public_halves_only(tokens: Tokens):
    keys = httpx.get(tokens.jwks_uri).json()["keys"]
    assert len({key["kid"] for key in keys}) == len(keys)
    for key in keys:
        assert key["use"] == "sig"
        assert key["alg"] in {"ES256", "RS256"}
        assert not key.keys() & {"d", "p", "q", "dp", "dq", "qi", "k"}
