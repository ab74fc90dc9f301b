"""The main job end to end: sign in, redeem, ask who it is, refresh, sign out."""

import jwt
import pytest

from tests.journeys.house import ADA, CALLBACK, ISSUER, SIGNED_OUT, answered, claims, house

pytestmark = pytest.mark.anyio


async def test_a_person_signs_in_and_the_client_gets_verifiable_tokens() -> None:
    async with house() as at:
        browser = at.browser()
        answer = answered(await browser.sign_in())
        assert answer["state"] == "the-state"
        assert answer["iss"] == ISSUER
        response = await browser.redeem(answer["code"])
        tokens = response.json()
        assert response.headers["cache-control"] == "no-store"
        jwks = (await browser.http.get(f"{ISSUER}/.well-known/jwks.json")).json()
        keys = {k["kid"]: jwt.PyJWK(k) for k in jwks["keys"]}
        kid = jwt.get_unverified_header(tokens["id_token"])["kid"]
        at_time = {"verify_exp": False, "verify_iat": False}
        verified = jwt.decode(tokens["id_token"], keys[kid], ["ES256"], audience="web", issuer=ISSUER, options=at_time)
        assert verified["sub"] == ADA.id
        assert verified["nonce"] == "the-nonce"
        assert verified["email"] == "ada@example.com"
        access = claims(tokens["access_token"])
        assert access["groups"] == ["staff", "all"]
        who = await browser.userinfo(tokens["access_token"])
        assert who.json()["name"] == "Ada Lovelace"


async def test_refresh_rotates_and_signing_out_ends_it() -> None:
    async with house() as at:
        browser = at.browser()
        tokens = await browser.tokens()
        fresh = (await browser.refresh(tokens["refresh_token"])).json()
        assert fresh["refresh_token"] != tokens["refresh_token"]
        out = await browser.http.get(
            f"{ISSUER}/oauth2/logout",
            params={"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": SIGNED_OUT, "state": "bye"},
        )
        assert out.headers["location"] == f"{SIGNED_OUT}?state=bye"
        assert (await browser.refresh(fresh["refresh_token"])).json()["error"] == "invalid_grant"
        assert (await browser.userinfo(fresh["access_token"])).status_code == 401


async def test_an_error_that_may_travel_goes_to_the_client_and_one_that_may_not_stays() -> None:
    async with house() as at:
        browser = at.browser()
        assert answered(await browser.authorize(scope="openid nonsense"))["error"] == "invalid_scope"
        stays = await browser.authorize(redirect_uri=CALLBACK + "/evil")
        assert stays.status_code == 400
        assert 'data-code="invalid_request"' in stays.text
