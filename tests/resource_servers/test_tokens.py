"""Access tokens of both profiles, and JWTs of other kinds."""

from typing import Any

import pytest

from resource_servers.errors import ExpiredToken, InsufficientScope, InvalidToken
from resource_servers.tokens import AccessToken, Audience, validate_access_token, verify_jwt
from tests.resource_servers.forge import AUDIENCE, CLAIMS, HEADER, ISSUER, NOW, READ, changed, compact, key, keys, token


def validate(jwt: str, **changes: Any) -> AccessToken:
    arguments: dict[str, Any] = {"issuer": ISSUER, "audience": AUDIENCE, "now": NOW, **changes}
    return validate_access_token(jwt, arguments.pop("keys", None) or keys(), **arguments)


def refused(jwt: str, **changes: Any) -> str:
    with pytest.raises(InvalidToken) as refusal:
        validate(jwt, **changes)
    return refusal.value.reason


# ------------------------------------------------------------------------------------------------ RFC 9068


def test_a_good_token_says_who_and_what() -> None:
    access = validate(token())
    assert access.claims == CLAIMS
    assert access.issuer == ISSUER
    assert access.subject == CLAIMS["sub"]
    assert access.client_id == "web"
    assert access.jti == "grant.token"
    assert access.sid == "session"
    assert access.issued_at == NOW
    assert access.expires_at == NOW + 900
    assert access.scopes == {"openid", READ}
    assert access.groups == {"staff"}


def test_an_access_token_cannot_be_changed() -> None:
    access = validate(token())
    with pytest.raises(TypeError):
        access.claims["sub"] = "someone else"  # type: ignore[index]  # the attempt
    with pytest.raises(AttributeError):
        access.scopes = frozenset({"all"})  # type: ignore[misc]  # the attempt


def test_an_access_token_in_a_log_shows_ids_only() -> None:
    shown = repr(validate(token(email="ada@example.com")))
    assert shown == f"AccessToken(jti='grant.token', client_id='web', sub='{CLAIMS['sub']}')"


@pytest.mark.parametrize("alg", ["ES256", "ES384", "ES512", "RS256", "PS384", "EdDSA", "Ed25519"])
def test_every_algorithm_carries_a_token(alg: str) -> None:
    signing = key(alg)
    published = keys(signing)
    for _ in range(2):  # read, then remembered
        assert validate(token(signing=signing), keys=published).client_id == "web"
    assert len(published.headers) == 1


def test_only_a_header_under_a_good_signature_is_remembered() -> None:
    published = keys()
    refused(token(signing=key(nth=1)), keys=published)
    refused(token(signing=key(nth=1), header={"x": 1}), keys=published)
    assert not published.headers
    validate(token(), keys=published)
    assert len(published.headers) == 1


def test_a_remembered_header_still_needs_its_signature() -> None:
    published = keys()
    good = token()
    validate(good, keys=published)
    assert "signature" in refused(token(signing=key(nth=1)), keys=published)
    assert "signature" in refused(good[:-6] + "AAAAAA", keys=published)


@pytest.mark.parametrize("name", ["iss", "sub", "aud", "client_id", "exp", "iat", "jti"])
def test_every_claim_that_rfc_9068_requires_is_required(name: str) -> None:
    assert refused(token(**{name: ...}))
    assert validate(token())


@pytest.mark.parametrize("name", ["sub", "client_id", "jti", "sid"])
@pytest.mark.parametrize("value", [7, None, ["x"], {}, True, ""])
def test_identifiers_are_texts(name: str, value: Any) -> None:
    if name == "sid" and value == "":
        assert validate(token(sid="")).sid == ""
    else:
        assert "not a text" in refused(token(**{name: value}))


def test_a_session_is_optional() -> None:
    assert validate(token(sid=...)).sid is None


@pytest.mark.parametrize("scope", [..., "", None])
def test_a_token_without_scope_grants_nothing(scope: Any) -> None:
    assert validate(token(scope=scope)).scopes == frozenset()


@pytest.mark.parametrize("scope", [["openid"], 7, {}, "a  b", " a", "a\tb", 'a"b', "é"])
def test_a_scope_outside_the_grammar_is_refused(scope: Any) -> None:
    assert "scope" in refused(token(scope=scope))


@pytest.mark.parametrize("groups", [..., None, []])
def test_a_user_may_be_in_no_group(groups: Any) -> None:
    assert validate(token(groups=groups)).groups == frozenset()


@pytest.mark.parametrize("groups", ["staff", 7, {"staff": 1}, [7], [["staff"]], ["staff", None]])
def test_groups_are_an_array_of_texts(groups: Any) -> None:
    assert "group" in refused(token(groups=groups))


def test_the_clients_can_be_limited() -> None:
    assert validate(token(), client_ids=["web", "app"]).client_id == "web"
    assert "'web' is not one of ours" in refused(token(), client_ids=["app"])
    assert refused(token(), client_ids=[])


def test_the_standard_profile_needs_an_audience() -> None:
    assert "audience" in refused(token(), audience=None)
    assert "aud" in refused(token(aud=...), audience=None)
    assert "aud" in refused(token(aud=...), audience=None, client_ids=["web"])
    assert "audience" in refused(token(aud=[""]), audience="")


def test_a_token_grants_what_is_asked_or_says_what_is_missing() -> None:
    access = validate(token())
    access.require(READ)
    access.require("openid", READ, groups=["boss", "staff"])
    with pytest.raises(InsufficientScope) as missing:
        access.require(READ, "https://orders.example/write")
    assert missing.value.needed == (READ, "https://orders.example/write")
    with pytest.raises(InsufficientScope):
        access.require(groups=["boss"])


# ------------------------------------------------------------------------------------------------ Cognito

COGNITO: dict[str, Any] = {
    "token_use": "access",
    "aud": ...,
    "groups": ...,
    "sid": ...,
    "cognito:groups": ["admins"],
    "username": "ada",
    "version": 2,
    "origin_jti": "o",
    "event_id": "e",
}


def cognito(**claims: Any) -> str:
    """As Cognito signs them: RS256, and nothing in the header but `alg` and `kid`."""
    header = {"typ": ..., **claims.pop("header", {})}
    return token(signing=key("RS256"), header=header, **{**COGNITO, **claims})


def validate_cognito(jwt: str, **changes: Any) -> AccessToken:
    arguments: dict[str, Any] = {"audience": None, "client_ids": ["web"], "keys": keys(key("RS256")), **changes}
    return validate(jwt, profile="cognito", **arguments)


def refused_cognito(jwt: str, **changes: Any) -> str:
    with pytest.raises(InvalidToken) as refusal:
        validate_cognito(jwt, **changes)
    return refusal.value.reason


@pytest.mark.parametrize("typ", [..., "JWT", "at+jwt"])
def test_a_cognito_token_is_read_when_asked_for(typ: Any) -> None:
    access = validate_cognito(cognito(header={"typ": typ}))
    assert access.groups == {"admins"}
    assert access.scopes == {"openid", READ}
    assert access.client_id == "web"


def test_a_cognito_token_is_no_rfc_9068_token() -> None:
    for typ in (..., "JWT", "at+jwt"):
        assert refused(cognito(header={"typ": typ}), keys=keys(key("RS256")))


@pytest.mark.parametrize("use", ["id", "Access", "refresh", "", None, ["access"], ...])
def test_a_cognito_token_is_for_access(use: Any) -> None:
    assert "token_use" in refused_cognito(cognito(token_use=use))
    assert validate_cognito(cognito())


def test_a_cognito_token_without_audience_names_one_of_our_clients() -> None:
    assert "not one of ours" in refused_cognito(cognito(), client_ids=["other"])
    assert refused_cognito(cognito(client_id=...))
    assert refused_cognito(cognito(client_id=["web"]))
    assert "aud" in refused_cognito(cognito(), client_ids=None)
    assert "aud" in refused_cognito(cognito(), client_ids=None, audience=AUDIENCE)


def test_a_cognito_token_with_an_audience_must_name_us() -> None:
    assert validate_cognito(cognito(aud=AUDIENCE), audience=AUDIENCE)
    assert validate_cognito(cognito(aud=AUDIENCE), audience=AUDIENCE, client_ids=None)
    assert "audience" in refused_cognito(cognito(aud="https://other.example"), audience=AUDIENCE)
    assert "audience" in refused_cognito(cognito(aud=AUDIENCE))
    assert "aud" in refused_cognito(cognito(aud=None), audience=AUDIENCE)
    assert "not one of ours" in refused_cognito(cognito(aud=AUDIENCE), audience=AUDIENCE, client_ids=["other"])


def test_groups_of_the_other_profile_are_not_groups() -> None:
    assert validate_cognito(cognito(groups=["staff"])).groups == {"admins"}
    assert validate(token(**{"cognito:groups": ["admins"]})).groups == {"staff"}


# ------------------------------------------------------------------------------------------------ other JWTs


def id_token(**changes: Any) -> str:
    claims = {"iss": ISSUER, "sub": "ada", "aud": "web", "exp": NOW + 60, "iat": NOW}
    header = {**HEADER, "typ": "JWT", **changes.pop("header", {})}
    return compact(changed(header, {}), changed(claims, changes), key())


def verify(jwt: str, **changes: Any) -> dict[str, Any]:
    arguments: dict[str, Any] = {"issuer": ISSUER, "audience": "web", "now": NOW, **changes}
    return verify_jwt(jwt, keys(), **arguments)


def test_a_jwt_gives_its_claims() -> None:
    assert verify(id_token(nonce="n"))["nonce"] == "n"
    assert verify(id_token(iat=...))["sub"] == "ada"


@pytest.mark.parametrize(
    ("typ", "types", "good"),
    [
        ("JWT", ["JWT"], True),
        ("jwt", ["JWT"], True),
        ("JWT", ["jwt"], True),
        ("logout+jwt", ["logout+jwt"], True),
        ("application/logout+jwt", ["logout+jwt"], True),
        ("logout+jwt", ["application/Logout+JWT"], True),
        (..., [None], True),
        (..., ["JWT", None], True),
        (..., ["JWT"], False),
        ("JWT", [None], False),
        ("at+jwt", ["JWT", None], False),
        ("logout+jwt", ["JWT"], False),
        ("JWT", [], False),
    ],
)
def test_a_jwt_is_of_one_of_the_kinds_asked_for(typ: Any, types: list[str | None], good: bool) -> None:
    jwt = id_token(header={"typ": typ})
    if good:
        assert verify(jwt, types=types)
    else:
        with pytest.raises(InvalidToken, match="type"):
            verify(jwt, types=types)


def test_whoever_has_no_name_takes_only_what_is_addressed_to_nobody() -> None:
    assert verify(id_token(aud=...), audience=None)
    for aud in ("web", [], None):
        with pytest.raises(InvalidToken, match="no name"):
            verify(id_token(aud=aud), audience=None)
    with pytest.raises(InvalidToken, match="aud"):
        verify(id_token(aud=...))


@pytest.mark.parametrize("aud", ["web", "other", ["a", "b"], ...])
def test_a_token_that_comes_back_may_be_for_anyone(aud: Any) -> None:
    assert verify(id_token(aud=aud), audience=Audience.ANY)["iss"] == ISSUER


def test_an_expired_jwt_is_one_refusal_of_its_own() -> None:
    with pytest.raises(ExpiredToken):
        verify(id_token(exp=NOW))
    assert verify(id_token(exp=NOW), leeway=1)
    with pytest.raises(InvalidToken, match="exp"):
        verify(id_token(exp=...))


def test_a_jwt_of_another_issuer_is_refused() -> None:
    with pytest.raises(InvalidToken, match="issuer"):
        verify(id_token(), issuer="https://other.example")
