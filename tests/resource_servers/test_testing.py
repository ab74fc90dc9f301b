"""The toy issuer makes real tokens: PyJWT and joserfc take them, and what these two make is taken here."""

from typing import Any

import httpx
import jwt as pyjwt
import pytest
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

from resource_servers.errors import ExpiredToken, InvalidToken
from resource_servers.testing import ToyIssuer
from resource_servers.tokens import validate_access_token
from tests.resource_servers.forge import AUDIENCE, CLAIMS, ISSUER, NOW, key, keys

pytestmark = pytest.mark.anyio

ALGORITHMS = ["ES256", "ES384", "ES512", "RS256", "PS256", "Ed25519"]


@pytest.mark.parametrize("algorithm", ALGORITHMS[:-1])  # PyJWT 2 knows Ed25519 by RFC 8037's name only
async def test_pyjwt_takes_the_toy_s_tokens(algorithm: str) -> None:
    issuer = ToyIssuer(algorithm=algorithm)
    token = issuer.token("ada", scope="a b", groups=["staff"])
    jwk = issuer.jwks()["keys"][0]
    claims = pyjwt.decode(token, pyjwt.PyJWK(jwk), [algorithm], audience=issuer.audience, issuer=issuer.issuer)
    assert (claims["sub"], claims["scope"], claims["groups"]) == ("ada", "a b", ["staff"])
    assert pyjwt.get_unverified_header(token) == {"alg": algorithm, "kid": "toy-1", "typ": "at+jwt"}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_joserfc_takes_the_toy_s_tokens(algorithm: str) -> None:
    issuer = ToyIssuer(algorithm=algorithm)
    token = issuer.token("ada", scope="a b")
    published: Any = issuer.jwks()
    read = joserfc_jwt.decode(token, KeySet.import_key_set(published), algorithms=[algorithm])
    assert read.claims["sub"] == "ada"
    assert (await issuer.validator().validate(token)).subject == "ada"


def validated(token: str, alg: str) -> str:
    return validate_access_token(token, keys(key(alg)), issuer=ISSUER, audience=AUDIENCE, now=NOW).subject


@pytest.mark.parametrize(
    "alg", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
)
async def test_tokens_that_pyjwt_makes_are_taken(alg: str) -> None:
    header = {"kid": "k1", "typ": "at+jwt"}
    token = pyjwt.encode(dict(CLAIMS), key(alg).private, alg, headers=header)
    assert validated(token, alg) == CLAIMS["sub"]
    with pytest.raises(InvalidToken):
        validated(pyjwt.encode(dict(CLAIMS), key(alg).private, alg, headers={"kid": "k1"}), alg)


@pytest.mark.parametrize("alg", ["RS256", "RS512", "PS256", "PS512", "ES256", "ES384", "ES512", "Ed25519"])
async def test_tokens_that_joserfc_makes_are_taken(alg: str) -> None:
    kind: Any = RSAKey if alg[1] == "S" and alg[0] in "RP" else OKPKey if alg.startswith("Ed") else ECKey
    signing = kind.import_key(key(alg).private)
    header = {"alg": alg, "kid": "k1", "typ": "at+jwt"}
    assert validated(joserfc_jwt.encode(header, dict(CLAIMS), signing, algorithms=[alg]), alg) == CLAIMS["sub"]
    header["typ"] = "JWT"
    with pytest.raises(InvalidToken):
        validated(joserfc_jwt.encode(header, dict(CLAIMS), signing, algorithms=[alg]), alg)


async def test_claims_and_header_can_be_changed() -> None:
    issuer = ToyIssuer()
    valid = issuer.validator()
    assert (await valid.validate(issuer.token(tenant="acme"))).claims["tenant"] == "acme"
    for wrong in (
        {"aud": "other"},
        {"jti": None},
        {"header": {"typ": "JWT"}},
        {"header": {"typ": None}},
        {"iss": "other"},
    ):
        with pytest.raises(InvalidToken):
            await valid.validate(issuer.token(**wrong))
    assert await valid.validate(issuer.token(header={"kid": None}))


async def test_expiry_follows_the_clock() -> None:
    now = [NOW]
    issuer = ToyIssuer(clock=lambda: now[0])
    valid = issuer.validator()
    token = issuer.token(expires_in=60)
    assert (await valid.validate(token)).expires_at == NOW + 60
    now[0] += 60
    with pytest.raises(ExpiredToken):
        await valid.validate(token)
    with pytest.raises(ExpiredToken):
        await valid.validate(issuer.token(expires_in=-1))


async def test_no_two_tokens_are_the_same() -> None:
    issuer = ToyIssuer(clock=lambda: NOW)
    assert issuer.token() != issuer.token()


async def test_keys_rotate() -> None:
    issuer = ToyIssuer()
    old = issuer.token()
    issuer.rotate()
    assert [jwk["kid"] for jwk in issuer.jwks()["keys"]] == ["toy-2", "toy-1"]
    assert await issuer.validator().validate(old)
    assert await issuer.validator().validate(issuer.token())
    issuer.rotate(keep_old=False)
    assert [jwk["kid"] for jwk in issuer.jwks()["keys"]] == ["toy-3"]
    with pytest.raises(InvalidToken):
        await issuer.validator().validate(old)


async def test_the_keys_can_be_had_without_asking() -> None:
    issuer = ToyIssuer(audience=AUDIENCE, clock=lambda: NOW)
    access = validate_access_token(issuer.token("ada"), issuer.keys(), issuer=issuer.issuer, audience=AUDIENCE, now=NOW)
    assert access.subject == "ada"
    assert issuer.fetched == []


async def test_no_private_key_is_published() -> None:
    for algorithm in ALGORITHMS:
        assert not {"d", "p", "q"} & ToyIssuer(algorithm=algorithm).jwks()["keys"][0].keys()


async def test_the_cognito_profile_looks_like_cognito() -> None:
    issuer = ToyIssuer(profile="cognito", algorithm="RS256")
    token = issuer.token("ada", groups=["admins"])
    assert "typ" not in pyjwt.get_unverified_header(token) or pyjwt.get_unverified_header(token)["typ"] == "JWT"
    access = await issuer.validator(client_ids=["client-1"]).validate(token)
    assert access.groups == {"admins"}
    assert access.claims["token_use"] == "access"
    with pytest.raises(InvalidToken):
        await issuer.validator(client_ids=["client-2"]).validate(token)


async def test_an_http_client_finds_the_toy() -> None:
    issuer = ToyIssuer()
    async with httpx.AsyncClient(transport=issuer.transport()) as client:
        document = (await client.get("https://issuer.test/.well-known/openid-configuration")).json()
        assert document == issuer.discovery()
        assert (await client.get(document["jwks_uri"])).json() == issuer.jwks()
        assert (await client.get("https://issuer.test/other")).status_code == 404
    assert issuer.fetched[0].endswith("/openid-configuration")


async def test_a_revocation_hook_can_be_tried_out() -> None:
    issuer = ToyIssuer()
    valid = issuer.validator(is_revoked=lambda access: access.sid == "gone")
    assert await valid.validate(issuer.token(sid="here"))
    with pytest.raises(InvalidToken):
        await valid.validate(issuer.token(sid="gone"))
