"""What tokens say: by scope, by name, in both profiles."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver.model.clients import Client
from authserver.model.grants import AuthorizationCode, Grant
from authserver.model.pools import AttributeDefinition, Group, Pool
from authserver.model.users import User
from authserver.tokens import codes
from authserver.tokens.claims import (
    EMAIL_CLAIMS,
    PHONE_CLAIMS,
    PROFILE_CLAIMS,
    STANDARD_CLAIMS,
    access_claims,
    covering_scope,
    id_claims,
    machine_claims,
    user_claims,
    userinfo_claims,
)

ADA = User(
    "ada-id",
    "pool",
    "ada",
    email="ada@example.com",
    phone_number="+82",
    phone_number_verified=True,
    attributes={"name": "Ada", "address": {"country": "UK"}, "custom:team": "engines", "x": "y", "locale": None},
    groups=("staff", "all", "none"),
    updated_at=7,
)
BARE = User("bare-id", "pool", "bare")
POOL = Pool("pool", "Pool", groups=(Group("all", role="arn:all"), Group("staff", role="arn:staff"), Group("none")))
COGNITO = replace(POOL, claims_profile="cognito")
GRANT = Grant("grant", "pool", "web", "ada-id", "sid", ("openid", "email"), 5, ("pwd",), "acr", 6)
TIMES = {"issuer": "https://issuer", "now": 1000, "ttl": 60}


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ((), {}),
        (("openid", "offline_access", "https://api/read"), {}),
        (("email",), {"email": "ada@example.com", "email_verified": False}),
        (("phone",), {"phone_number": "+82", "phone_number_verified": True}),
        (("address",), {"address": {"country": "UK"}}),
        (("profile",), {"name": "Ada", "preferred_username": "ada", "updated_at": 7, "custom:team": "engines"}),
    ],
)
def test_a_scope_covers_its_claims(scope: tuple[str, ...], expected: dict[str, Any]) -> None:
    """OpenID Connect Core 5.4; what has no value is left out (5.3.2)."""
    assert user_claims(ADA, scope) == expected


def test_who_has_nothing_says_nothing() -> None:
    assert user_claims(BARE, ("profile", "email", "phone", "address")) == {"preferred_username": "bare"}
    assert user_claims(BARE, (), STANDARD_CLAIMS) == {"preferred_username": "bare"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("email", "ada@example.com"),
        ("email_verified", False),
        ("phone_number", "+82"),
        ("phone_number_verified", True),
        ("updated_at", 7),
        ("preferred_username", "ada"),
        ("name", "Ada"),
        ("custom:team", "engines"),
    ],
)
def test_a_claim_can_be_had_by_name(name: str, value: object) -> None:
    """OpenID Connect Core 5.5."""
    assert user_claims(ADA, (), (name,)) == {name: value}
    assert user_claims(BARE, (), (name,)) == ({"preferred_username": "bare"} if name == "preferred_username" else {})


def test_a_preferred_username_of_ones_own_comes_first() -> None:
    lady = replace(ADA, attributes={"preferred_username": "lady"})
    assert user_claims(lady, ("profile",))["preferred_username"] == "lady"
    assert user_claims(lady, (), ("preferred_username",)) == {"preferred_username": "lady"}


def test_every_claim_has_the_scope_that_covers_it() -> None:
    for scope, names in (
        ("profile", PROFILE_CLAIMS),
        ("email", EMAIL_CLAIMS),
        ("phone", PHONE_CLAIMS),
        ("address", ("address",)),
    ):
        assert {covering_scope(name) for name in names} == {scope}
    assert covering_scope(AttributeDefinition("custom:team").name) == "profile"


scopes = st.lists(
    st.sampled_from(("openid", "profile", "email", "phone", "address", "offline_access", "api/x")), unique=True
)
users = st.builds(
    replace,
    st.just(ADA),
    email=st.sampled_from((None, "a@b.example")),
    phone_number=st.sampled_from((None, "+1")),
    updated_at=st.sampled_from((0, 9)),
    attributes=st.dictionaries(
        st.sampled_from((*PROFILE_CLAIMS[:-1], "address", "custom:a", "sub", "iss", "aud", "exp", "secret")),
        st.sampled_from(("value", {"a": 1}, None)),
    ),
)


@given(users, scopes, st.lists(st.sampled_from(STANDARD_CLAIMS[1:])))
def test_nothing_comes_that_was_not_asked_for(user: User, scope: list[str], names: list[str]) -> None:
    said = user_claims(user, scope, names)
    for name, value in said.items():
        assert value is not None
        assert name in names or covering_scope(name) in scope
        assert name in STANDARD_CLAIMS or name.startswith("custom:")
    assert not {"sub", "iss", "aud", "exp", "secret"} & set(said)


@given(users, scopes)
def test_scopes_say_what_their_names_say(user: User, scope: list[str]) -> None:
    """The two ways to the same claims agree."""
    names = [name for name in STANDARD_CLAIMS[1:] if covering_scope(name) in scope]
    by_name = user_claims(
        user, (), [*names, *(n for n in user.attributes if n.startswith("custom:") and "profile" in scope)]
    )
    by_scope = user_claims(user, scope)
    if user.attributes.get("preferred_username") is None:
        assert by_scope == by_name
    else:
        assert set(by_scope) == set(by_name)


def test_the_id_token_is_about_the_authentication() -> None:
    grant = replace(GRANT, claims={"id_token": ("name",)})
    said = id_claims(
        issuer="https://issuer", pool=POOL, grant=grant, user=ADA, nonce="n", at_hash="h", jti="", now=1000, ttl=60
    )
    assert said == {
        "iss": "https://issuer",
        "sub": "ada-id",
        "aud": "web",
        "exp": 1060,
        "iat": 1000,
        "auth_time": 5,
        "acr": "acr",
        "amr": ("pwd",),
        "azp": "web",
        "sid": "sid",
        "at_hash": "h",
        "nonce": "n",
        "email": "ada@example.com",
        "email_verified": False,
        "name": "Ada",
    }
    again = id_claims(issuer="i", pool=POOL, grant=GRANT, user=ADA, nonce=None, at_hash="h", jti="", now=1000, ttl=60)
    assert "nonce" not in again


def access(pool: Pool, grant: Grant = GRANT, user: User = ADA, audience: tuple[str, ...] = ("api",)) -> dict[str, Any]:
    return access_claims(
        issuer="https://issuer", pool=pool, grant=grant, user=user, audience=list(audience), scope="s", jti="grant.x", now=1000, ttl=60
    )  # fmt: skip


def test_the_access_token_carries_what_userinfo_was_asked_for() -> None:
    assert "userinfo_claims" not in access(POOL)
    assert access(POOL, replace(GRANT, claims={"userinfo": ("name",)}))["userinfo_claims"] == ("name",)


def test_the_cognito_profile_has_an_audience_only_if_there_is_one() -> None:
    assert access(COGNITO)["aud"] == ["api"]
    assert "aud" not in access(COGNITO, audience=())
    assert "cognito:groups" not in access(COGNITO, user=BARE)
    client = Client("machine", "pool")
    for pool, audience, expected in ((POOL, ["api"], True), (COGNITO, ["api"], True), (COGNITO, [], False)):
        said = machine_claims(issuer="i", pool=pool, client=client, audience=audience, scope="s", jti="j", now=1, ttl=2)
        assert ("aud" in said) is expected
        assert ("token_use" in said) is (pool is COGNITO)


def test_roles_come_in_the_order_of_the_users_groups() -> None:
    def said(user: User) -> dict[str, Any]:
        return id_claims(
            issuer="i", pool=COGNITO, grant=GRANT, user=user, nonce=None, at_hash="h", jti="j", now=1, ttl=2
        )

    assert said(ADA)["cognito:roles"] == ["arn:staff", "arn:all"]
    assert said(ADA)["cognito:preferred_role"] == "arn:staff"
    assert "cognito:roles" not in said(replace(ADA, groups=("none", "unknown")))


def test_userinfo_names_the_user_in_the_cognito_profile() -> None:
    assert userinfo_claims(ADA, ("openid",), ("name",), cognito=False) == {"sub": "ada-id", "name": "Ada"}
    assert userinfo_claims(ADA, ("openid",), (), cognito=True) == {"sub": "ada-id", "username": "ada"}


text = st.text(max_size=20)
names_ = st.lists(text, max_size=4).map(tuple)


@given(
    st.builds(
        AuthorizationCode,
        pool=text, client_id=text, user_id=text, redirect_uri=st.one_of(st.none(), text),
        code_challenge=st.one_of(st.none(), text), nonce=st.one_of(st.none(), text),
        issued_at=st.integers(0, 2**40), expires_at=st.integers(0, 2**40),
        grant=st.builds(
            Grant, id=text, pool=text, client_id=text, user_id=text, sid=text, scope=names_, auth_time=st.integers(0, 2**40),
            amr=names_, acr=text, created_at=st.integers(0, 2**40), offline=st.booleans(), resource=names_,
            claims=st.dictionaries(text, names_, max_size=3), revoked_at=st.one_of(st.none(), st.integers(0, 2**40)),
        ),
    )
)  # fmt: skip
def test_a_code_is_read_back_as_it_was_written(code: AuthorizationCode) -> None:
    assert codes.decode(codes.encode(code)) == code
