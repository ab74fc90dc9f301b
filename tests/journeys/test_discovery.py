"""The metadata, the keys, and their rotation while tokens are about."""

from typing import Any

import jwt
import orjson
import pytest
from joserfc.jwk import JWKRegistry

from tests.journeys.house import (
    BASE,
    ISSUER,
    ORDERS,
    POOL,
    SIGNED_OUT,
    Browser,
    answered,
    claims,
    each,
    house,
    pool,
)

pytestmark = pytest.mark.anyio

FORMS = {
    "OpenID Connect": f"{ISSUER}/.well-known/openid-configuration",
    "RFC 8414": f"{BASE}/.well-known/oauth-authorization-server/{POOL}",
    "OpenID Connect, inserted": f"{BASE}/.well-known/openid-configuration/{POOL}",
}


async def metadata(browser: Browser) -> dict[str, Any]:
    return (await browser.http.get(FORMS["OpenID Connect"])).json()


@each("form", FORMS)
async def test_the_metadata_is_the_same_wherever_it_is_asked_for(form: str) -> None:
    async with house() as at:
        browser = at.browser()
        answer = await browser.http.get(form)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["cache-control"] == "public, max-age=300"
        assert answer.json() == await metadata(browser)
        assert answer.json()["issuer"] == ISSUER
        head = await browser.http.head(form)
        assert (head.status_code, head.headers["content-type"]) == (200, "application/json")
        preflight = await browser.http.options(form)
        assert preflight.status_code == 204
        assert (await browser.http.get(form.replace(POOL, "no_Pool"))).status_code == 404


async def test_every_endpoint_it_names_answers() -> None:
    async with house() as at:
        browser = at.browser()
        said = await metadata(browser)
        endpoints = {k: v for k, v in said.items() if k.endswith(("_endpoint", "_uri"))}
        assert len(endpoints) == 6
        for name, url in endpoints.items():
            assert url.startswith(f"{ISSUER}/")
            answer = await browser.http.request(
                "POST" if name in {"token_endpoint", "revocation_endpoint"} else "GET", url
            )
            assert answer.status_code in {200, 302, 400, 401}, name
            assert (await browser.http.request("DELETE", url)).status_code == 405


async def test_what_it_promises_is_true() -> None:
    async with house() as at:
        browser = at.browser()
        said = await metadata(browser)
        await browser.arrive()
        assert said["response_types_supported"] == ["code"]
        assert said["code_challenge_methods_supported"] == ["S256"]
        assert said["authorization_response_iss_parameter_supported"] is True
        for prompt in said["prompt_values_supported"]:
            assert (await browser.authorize(prompt=prompt)).status_code == 302
        for mode in said["response_modes_supported"]:
            assert "code" in answered(await browser.authorize(response_mode=mode))
        for name in ("request", "request_uri"):
            key = f"{name}_parameter_supported"
            assert said[key] is ("error" not in answered(await browser.authorize(**{name: "x"})))
        grants = {"authorization_code", "refresh_token", "client_credentials"}
        assert set(said["grant_types_supported"]) == grants
        for grant in grants:
            answer = await browser.token("web", grant_type=grant)
            assert answer.json()["error"] != "unsupported_grant_type"
        for alg in said["id_token_signing_alg_values_supported"]:
            await at.change_client("web", id_token_signed_response_alg=alg)
            tokens = await browser.tokens()
            assert jwt.get_unverified_header(tokens["id_token"])["alg"] == alg
        scopes = set(said["scopes_supported"])
        assert {"openid", "offline_access", f"{ORDERS}/read"} < scopes
        tokens = await browser.tokens(scope=" ".join(sorted(s for s in scopes if not s.startswith("https://stock"))))
        assert set(claims(tokens["id_token"])) <= {*said["claims_supported"], "azp", "at_hash"}
        assert said["acr_values_supported"] == [claims(tokens["id_token"])["acr"]]
        locale = said["ui_locales_supported"][-1]
        page = await browser.login_page(prompt="login", ui_locales=locale)
        assert page.headers["content-language"] == locale


async def test_it_follows_the_pools_settings_at_once() -> None:
    async with house() as at:
        browser = at.browser()
        assert f"{ORDERS}/read" in (await metadata(browser))["scopes_supported"]
        await at.change_pool(resource_servers=(), languages=("ko",))
        said = await metadata(browser)
        assert not [s for s in said["scopes_supported"] if s.startswith("https:")]
        assert said["ui_locales_supported"] == ["ko"]


async def test_the_keys_are_public_whole_and_fit_for_verifying() -> None:
    """O26: never a private member."""
    async with house() as at:
        browser = at.browser()
        answer = await browser.http.get(f"{ISSUER}/.well-known/jwks.json")
        assert answer.headers["cache-control"] == "public, max-age=300"
        keys = answer.json()["keys"]
        assert sorted((k["alg"], k["use"]) for k in keys) == [("ES256", "sig")] * 2 + [("RS256", "sig")] * 2
        for key in keys:
            allowed = {"EC": {"kty", "crv", "x", "y"}, "RSA": {"kty", "n", "e"}}[key["kty"]]
            assert set(key) == allowed | {"kid", "use", "alg"}
            public = JWKRegistry.import_key({k: v for k, v in key.items() if k in allowed})
            assert public.thumbprint() == key["kid"]
            assert not public.is_private
        assert len({k["kid"] for k in keys}) == 4
        assert {k["kid"] for k in keys[:2]} == {s.kid for s in (await at.services.issuers.get(POOL)).signers.values()}


async def verify(browser: Browser, token: str) -> str:
    """Verify as a client does that fetches the keys now. Returns the kid."""
    keys = (await browser.http.get(f"{ISSUER}/.well-known/jwks.json")).json()["keys"]
    header = jwt.get_unverified_header(token)
    key = next(k for k in keys if k["kid"] == header["kid"])
    options: Any = {"verify_exp": False, "verify_iat": False, "verify_aud": False}
    jwt.decode(token, jwt.PyJWK(key), [header["alg"]], issuer=ISSUER, options=options)
    return header["kid"]


async def published(browser: Browser) -> set[str]:
    keys = (await browser.http.get(f"{ISSUER}/.well-known/jwks.json")).json()["keys"]
    return {k["kid"] for k in keys}


async def test_keys_rotate_while_tokens_are_about() -> None:
    """R10: what was published as next signs now, and what signed before still verifies."""
    async with house() as at:
        browser = at.browser()
        old = await browser.tokens()
        before = await published(browser)
        plans = await at.opened.key_ring.rotate(POOL)
        new = await browser.tokens()
        for kind in ("access_token", "id_token"):
            kid = await verify(browser, new[kind])
            assert kid in before  # a client that fetched the keys a moment ago can verify it
            assert kid != await verify(browser, old[kind])
        assert (await browser.userinfo(old["access_token"])).status_code == 200
        assert (await browser.userinfo(new["access_token"])).status_code == 200
        assert set(plans) == {"ES256", "RS256"}
        assert len(await published(browser)) == 6
        refreshed = (await browser.refresh(old["refresh_token"])).json()
        assert await verify(browser, refreshed["access_token"]) == await verify(browser, new["access_token"])


async def test_one_algorithm_rotates_alone() -> None:
    async with house() as at:
        browser = at.browser()
        old = await browser.tokens()
        await at.opened.key_ring.rotate(POOL, ["RS256"])
        new = await browser.tokens()
        assert await verify(browser, new["access_token"]) == await verify(browser, old["access_token"])
        assert len(await published(browser)) == 5


async def test_a_retired_key_is_published_until_its_last_token_has_expired() -> None:
    async with house() as at:
        browser = at.browser()
        old = await browser.tokens()
        kid = await verify(browser, old["access_token"])
        await at.opened.key_ring.rotate(POOL)
        at.time.pass_(24 * 3600 - 1)
        at.opened.registry.drop()  # what a reading's lifetime of half a minute does in a server
        assert kid in await published(browser)
        at.time.pass_(1)
        at.opened.registry.drop()
        assert kid not in await published(browser)
        at.time.pass_(1)
        await at.opened.key_ring.rotate(POOL)
        assert kid not in {k.kid for k in await at.stores.registry.keys(POOL)}


async def test_a_reading_of_the_keys_does_not_outlive_its_half_minute() -> None:
    """Another process rotates, and no heartbeat says so."""
    async with house() as at:
        browser = at.browser()
        old = await browser.tokens()
        registry = at.opened.registry._inner
        stored = await registry.keys(POOL)
        from dataclasses import replace

        swap = {"current": "next", "next": "current"}
        now = int(at.time())
        rotated = [replace(k, state=swap[k.state], activated_at=now) for k in stored]
        await registry.change_keys(POOL, expected=[k.kid for k in stored], put=rotated)
        await registry.put_pool(replace(pool(), name="Renamed"))
        assert await verify(browser, (await browser.tokens())["access_token"]) == await verify(
            browser, old["access_token"]
        )
        at.time.pass_(30)
        assert await verify(browser, (await browser.tokens())["access_token"]) != await verify(
            browser, old["access_token"]
        )


async def test_a_pool_without_keys_issues_nothing_and_says_no_more() -> None:
    async with house() as at:
        browser = at.browser()
        await at.stores.registry.put_pool(pool("bare_Pool3"))
        answer = await browser.http.get(f"{BASE}/bare_Pool3/.well-known/jwks.json")
        assert answer.status_code == 404
        assert (await browser.http.get(f"{ISSUER}/.well-known/jwks.json")).status_code == 200


async def test_a_wrong_master_key_is_our_fault_and_is_not_explained_to_strangers() -> None:
    from authserver.crypto.sealing import Sealer
    from authserver.effects import SystemRandom

    async with house() as at:
        browser = at.browser()
        at.opened.key_ring._sealer = Sealer(b"another master key of 32 bytes..", SystemRandom())
        at.opened.key_ring._signers = {}
        answer = await browser.http.get(f"{ISSUER}/.well-known/jwks.json")
        assert answer.status_code == 500
        assert answer.json() == {
            "error": "server_error",
            "error_description": "Something went wrong on our side.",
        }
        assert (await browser.authorize()).status_code == 500


async def test_the_end_session_endpoint_is_the_one_that_signs_out() -> None:
    async with house() as at:
        browser = at.browser()
        tokens = await browser.tokens()
        endpoint = (await metadata(browser))["end_session_endpoint"]
        params = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": SIGNED_OUT}
        assert (await browser.http.get(endpoint, params=params)).headers["location"] == SIGNED_OUT
        assert orjson.loads((await browser.userinfo(tokens["access_token"])).content)["error"] == "invalid_token"
