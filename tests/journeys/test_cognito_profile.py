"""The claims profile that clients of a Cognito user pool expect (DESIGN 5)."""

import jwt
import pytest

from tests.journeys.house import ADA, BOB, CALLBACK, ISSUER, ORDERS, STOCK, claims, house, pool

pytestmark = pytest.mark.anyio

COGNITO = pool(claims_profile="cognito")


async def test_the_tokens_say_what_cognitos_say() -> None:
    async with house(COGNITO) as at:
        tokens = await at.browser().tokens(scope=f"openid email profile {ORDERS}/read")
        access, identity = claims(tokens["access_token"]), claims(tokens["id_token"])
        grant = access["jti"].split(".")[0]
        assert access["token_use"] == "access"
        assert access["username"] == "Ada"
        assert access["cognito:groups"] == ["staff", "all"]
        assert (access["origin_jti"], access["version"]) == (grant, 2)
        assert access["client_id"] == "web"
        assert "aud" not in access
        assert "groups" not in access
        assert identity["token_use"] == "id"
        assert identity["aud"] == "web"
        assert identity["cognito:username"] == "Ada"
        assert identity["cognito:groups"] == ["staff", "all"]
        assert identity["cognito:roles"] == ["arn:staff"]
        assert identity["cognito:preferred_role"] == "arn:staff"
        assert identity["origin_jti"] == grant
        assert identity["jti"] != access["jti"]
        assert identity["event_id"] == access["event_id"]
        assert identity["sub"] == access["sub"] == ADA.id
        assert identity["iss"] == ISSUER


async def test_both_tokens_are_signed_with_rs256() -> None:
    async with house(COGNITO) as at:
        tokens = await at.browser().tokens()
        for kind in ("access_token", "id_token"):
            assert jwt.get_unverified_header(tokens[kind])["alg"] == "RS256"
    async with house() as at:
        assert jwt.get_unverified_header((await at.browser().tokens())["access_token"])["alg"] == "ES256"


async def test_userinfo_knows_the_tokens_without_an_audience() -> None:
    async with house(COGNITO) as at:
        browser = at.browser()
        tokens = await browser.tokens()
        said = (await browser.userinfo(tokens["access_token"])).json()
        assert said["username"] == "Ada"
        assert said["sub"] == ADA.id
        assert said["email"] == "ada@example.com"
        assert (await browser.userinfo(tokens["id_token"])).status_code == 401


async def test_userinfo_is_as_strict_as_in_the_other_profile() -> None:
    async with house(COGNITO) as at:
        browser = at.browser()
        token = (await browser.tokens())["access_token"]
        machine = (await browser.token("machine", grant_type="client_credentials")).json()["access_token"]
        assert (await browser.userinfo(machine)).status_code == 403
        await browser.revoke(token)
        assert (await browser.userinfo(token)).status_code == 401
        other = (await browser.tokens())["access_token"]
        assert (await browser.userinfo(other)).status_code == 200
        await at.change_client("web", enabled=False)
        assert (await browser.userinfo(other)).status_code == 401


async def test_a_resource_makes_an_audience_and_openid_adds_userinfo() -> None:
    async with house(COGNITO) as at:
        browser = at.browser()
        tokens = await browser.tokens(scope=f"openid {ORDERS}/read {STOCK}/count", resource=ORDERS)
        assert claims(tokens["access_token"])["aud"] == [ORDERS, ISSUER]
        assert tokens["scope"] == f"openid {ORDERS}/read"
        assert (await browser.userinfo(tokens["access_token"])).status_code == 200
        bound = await browser.tokens(scope=f"{ORDERS}/read", resource=ORDERS)
        assert claims(bound["access_token"])["aud"] == [ORDERS]
        assert (await browser.userinfo(bound["access_token"])).status_code == 401


async def test_scopes_of_two_apis_may_stand_in_one_token() -> None:
    async with house(COGNITO) as at:
        browser = at.browser()
        scope = f"openid {ORDERS}/read {STOCK}/count"
        tokens = await browser.tokens(scope=scope)
        assert claims(tokens["access_token"])["scope"] == scope
        again = (await browser.refresh(tokens["refresh_token"])).json()
        assert again["scope"] == scope


async def test_a_user_without_groups_has_no_claims_about_groups() -> None:
    async with house(COGNITO) as at:
        browser = at.browser()
        await browser.arrive(BOB)
        tokens = await browser.tokens()
        for kind in ("access_token", "id_token"):
            assert not [
                name for name in claims(tokens[kind]) if name.startswith("cognito:") and name != "cognito:username"
            ]


async def test_a_machines_token() -> None:
    async with house(COGNITO) as at:
        answer = await at.browser().token("machine", grant_type="client_credentials")
        said = claims(answer.json()["access_token"])
        assert (said["token_use"], said["version"], said["sub"], said["client_id"]) == (
            "access",
            2,
            "machine",
            "machine",
        )
        assert "aud" not in said
        bound = await at.browser().token("machine", grant_type="client_credentials", resource=ORDERS)
        assert claims(bound.json()["access_token"])["aud"] == [ORDERS]


async def test_hints_of_this_profile_work_too() -> None:
    async with house(COGNITO) as at:
        browser = at.browser()
        hint = (await browser.tokens())["id_token"]
        answer = await browser.authorize(id_token_hint=hint, prompt="none")
        assert answer.headers["location"].startswith(f"{CALLBACK}?code=")
        out = await browser.http.get(f"{ISSUER}/oauth2/logout", params={"id_token_hint": hint})
        assert out.headers["location"] == f"{ISSUER}/logout"
