"""Examples printed in the specifications."""

import pytest
from cryptography.exceptions import InvalidSignature

from resource_servers.encoding import decode_base64url
from resource_servers.errors import ExpiredToken, InvalidToken
from resource_servers.keys import VerificationKeys
from resource_servers.tokens import validate_access_token, verify_jwt
from tests.resource_servers.forge import compact, key, keys

JOE = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
JOE_CLAIMS = {"iss": "joe", "exp": 1300819380, "http://example.com/is_root": True}

RFC7515_A2_KEY = {
    "kty": "RSA",
    "n": (
        "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pC"
        "gNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg6"
        "65xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRW"
        "yuXpoQ"
    ),
    "e": "AQAB",
}
RFC7515_A2 = (
    "eyJhbGciOiJSUzI1NiJ9." + JOE + "."
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZ"
    "cAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-e"
    "OkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
)
RFC7515_A3_KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}
RFC7515_A3 = (
    "eyJhbGciOiJFUzI1NiJ9." + JOE + "."
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
)
RFC8037_A4_KEY = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
RFC8037_A4 = (
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
)
RFC7519_6_1 = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."


@pytest.mark.parametrize(
    ("jwk", "jws"), [(RFC7515_A2_KEY, RFC7515_A2), (RFC7515_A3_KEY, RFC7515_A3)], ids=["RFC 7515 A.2", "RFC 7515 A.3"]
)
def test_the_signed_examples_of_rfc_7515_hold(jwk: dict[str, str], jws: str) -> None:
    published = VerificationKeys.parse({"keys": [jwk]})
    assert verify_jwt(jws, published, issuer="joe", now=1300819379, types=[None]) == JOE_CLAIMS
    with pytest.raises(ExpiredToken):
        verify_jwt(jws, published, issuer="joe", now=1300819380, types=[None])
    with pytest.raises(InvalidToken, match="type"):
        verify_jwt(jws, published, issuer="joe", now=1300819379)
    other = RFC7515_A3 if jws is RFC7515_A2 else RFC7515_A2
    mixed = jws.rpartition(".")[0] + "." + other.rpartition(".")[2]
    with pytest.raises(InvalidToken, match="signature"):
        verify_jwt(mixed, published, issuer="joe", now=1300819379, types=[None])


def test_the_ed25519_example_of_rfc_8037_holds() -> None:
    verify = VerificationKeys.parse({"keys": [RFC8037_A4_KEY]}).find(None, "EdDSA")
    signing_input, _, signature = RFC8037_A4.rpartition(".")
    verify(decode_base64url(signature.encode()), signing_input.encode())
    with pytest.raises(InvalidSignature):
        verify(decode_base64url(signature.encode()), signing_input.encode() + b"A")


def test_the_unsecured_example_of_rfc_7519_is_refused() -> None:
    published = VerificationKeys.parse({"keys": [RFC7515_A3_KEY]})
    with pytest.raises(InvalidToken, match="algorithm is 'none'"):
        verify_jwt(RFC7519_6_1, published, issuer="joe", now=1300819379, types=[None])


def test_the_access_token_of_rfc_9068_is_read() -> None:
    """Section 2.2.4's example, signed with a key of ours; note its `at+JWT`."""
    signing = key("RS256", "RjEwOwOA")
    claims = {
        "iss": "https://authorization-server.example.com/",
        "sub": "5ba552d67",
        "aud": "https://rs.example.com/",
        "exp": 1639528912,
        "iat": 1618354090,
        "jti": "dbe39bf3a3ba4238a513f51d6e1691c4",
        "client_id": "s6BhdRkqt3",
        "scope": "openid profile reademail",
    }
    jwt = compact({"typ": "at+JWT", "alg": "RS256", "kid": "RjEwOwOA"}, claims, signing)
    token = validate_access_token(
        jwt, keys(signing), issuer=claims["iss"], audience="https://rs.example.com/", now=1618354090
    )
    assert token.claims == claims
    assert token.scopes == {"openid", "profile", "reademail"}
