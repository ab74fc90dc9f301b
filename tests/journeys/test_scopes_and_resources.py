"""What a token reaches: scopes, resource servers, audiences, and the client acting for itself."""

from dataclasses import replace
from typing import Any

import pytest

from authserver.model.pools import ResourceServer, Scope
from tests.journeys.house import (
    CLIENTS,
    ISSUER,
    ORDERS,
    STOCK,
    answered,
    claims,
    client,
    each,
    house,
    pool,
)

pytestmark = pytest.mark.anyio

READ, WRITE, COUNT = f"{ORDERS}/read", f"{ORDERS}/write", f"{STOCK}/count"

SMALL = client("small", scope=("openid", READ))
MACHINE = client("both", grant_types=("client_credentials",), scope=("openid", READ, WRITE, COUNT))
POOLED = (*CLIENTS, SMALL, MACHINE, client("idle", grant_types=("client_credentials",), scope=("openid",)))


@each(
    "scope",
    {
        "not the client's": f"openid {WRITE}",
        "standard but not the client's": "openid email",
        "unknown": "openid nonsense",
        "unknown of the API": f"openid {ORDERS}/delete",
        "API alone": f"openid {ORDERS}",
        "prefix": f"openid {READ[:-1]}",
        "longer": f"openid {READ}/all",
        "other case": f"openid {READ.upper()}",
        "quoted": 'openid "profile"',
        "backslash": "openid a\\b",
        "tab": "openid\tprofile",
        "two spaces": "openid  profile",
        "leading space": " openid",
        "not ASCII": "openid pr\u00f6file",
        "a thousand": " ".join(f"s{n}" for n in range(1000)),
        "a thousand known": " ".join(["openid", *(f"{READ}" for _ in range(3)), *(f"x{n}" for n in range(101))]),
        "long": "openid " + "x" * 300,
    },
)
async def test_a_scope_beyond_the_clients_is_invalid(scope: str) -> None:
    """O12."""
    async with house(clients=POOLED) as at:
        browser = at.browser()
        await browser.arrive()
        assert answered(await browser.authorize(client_id="small", scope=scope))["error"] == "invalid_scope"
        assert "code" in answered(await browser.authorize(client_id="small", scope=f"openid {READ} openid"))


async def test_a_scope_of_a_megabyte_is_too_large() -> None:
    async with house(clients=POOLED) as at:
        answer = await at.raw("GET", "/test_Pool1/oauth2/authorize", b"scope=" + b"x" * 1_000_000)
        assert answer.status == 413


@each(
    "case",
    {
        "the client's": (READ, 200),
        "several of one API": (f"{READ} {WRITE}", 200),
        "more than the client's": (f"{READ} {ORDERS}/delete", 400),
        "a person's": ("openid", 400),
        "a person's beside": (f"{READ} openid", 400),
        "offline": ("offline_access", 400),
        "of another API": (COUNT, 400),
        "a thousand": (" ".join(f"s{n}" for n in range(1000)), 400),
    },
)
async def test_a_machine_gets_api_scopes_alone(case: tuple[str, int]) -> None:
    scope, status = case
    async with house() as at:
        answer = await at.browser().token("machine", grant_type="client_credentials", scope=scope)
        assert answer.status_code == status
        if status == 200:
            assert set(answer.json()) == {"access_token", "token_type", "expires_in", "scope"}
        else:
            assert answer.json()["error"] == "invalid_scope"


async def test_a_machines_token_is_about_the_machine() -> None:
    async with house() as at:
        answer = await at.browser().token("machine", grant_type="client_credentials")
        assert answer.json()["scope"] == f"{READ} {WRITE}"
        said = claims(answer.json()["access_token"])
        assert said["sub"] == said["client_id"] == "machine"
        assert said["aud"] == [ORDERS]
        assert not {"sid", "auth_time", "groups", "username"} & set(said)


async def test_a_machine_without_api_scopes_gets_a_token_that_reaches_nothing() -> None:
    async with house(clients=POOLED) as at:
        browser = at.browser()
        answer = (await browser.token("idle", grant_type="client_credentials")).json()
        assert (answer["scope"], claims(answer["access_token"])["aud"]) == ("", [ISSUER])
        assert (await browser.userinfo(answer["access_token"])).status_code == 403


async def test_a_machine_of_two_apis_names_the_one_it_means() -> None:
    async with house(clients=POOLED) as at:
        browser = at.browser()
        person = await browser.token("both", grant_type="client_credentials", scope="openid")
        assert (person.status_code, person.json()["error"]) == (400, "invalid_scope")  # though the client may have it
        both = await browser.token("both", grant_type="client_credentials")
        assert (both.status_code, both.json()["error"]) == (400, "invalid_scope")
        for resource, scope in ((ORDERS, f"{READ} {WRITE}"), (STOCK, COUNT)):
            one = (await browser.token("both", grant_type="client_credentials", resource=resource)).json()
            assert (one["scope"], claims(one["access_token"])["aud"]) == (scope, [resource])
        unknown = await browser.token("both", grant_type="client_credentials", resource="https://evil.example")
        assert unknown.json()["error"] == "invalid_target"


@each(
    "case",
    {
        "identity alone": ("openid email", None, [ISSUER]),
        "identity and an API": (f"openid {READ}", None, [ORDERS, ISSUER]),
        "an API alone": (READ, None, [ORDERS]),
        "a resource without its scopes": ("openid", ORDERS, [ORDERS, ISSUER]),
        "a resource and its scopes": (f"openid {READ}", ORDERS, [ORDERS, ISSUER]),
        "one of two": (f"openid {READ} {COUNT}", STOCK, [STOCK, ISSUER]),
        "profile alone": ("profile", None, [ISSUER]),
    },
)
async def test_the_audience_is_the_api_and_the_issuer_if_it_is_asked_who(
    case: tuple[str, str | None, list[str]],
) -> None:
    """DESIGN 5, RFC 8707."""
    scope, resource, audience = case
    async with house() as at:
        browser = at.browser()
        tokens = await browser.tokens(scope=scope, resource=resource)
        said = claims(tokens["access_token"])
        assert said["aud"] == audience
        assert said["scope"] == tokens["scope"]
        reach = 401 if ISSUER not in audience else 200 if "openid" in scope else 403
        assert (await browser.userinfo(tokens["access_token"])).status_code == reach


@each(
    "case",
    {
        "two APIs": ({"scope": f"openid {READ} {COUNT}"}, "invalid_scope"),
        "unknown resource": ({"resource": "https://evil.example"}, "invalid_target"),
        "resource with a slash": ({"resource": f"{ORDERS}/"}, "invalid_target"),
        "resource of another case": ({"resource": ORDERS.upper()}, "invalid_target"),
        "relative resource": ({"resource": "/orders"}, "invalid_target"),
        "one API": ({"scope": f"openid {READ} {WRITE}", "resource": ORDERS}, None),
    },
)
async def test_what_could_not_be_issued_is_refused_before_anybody_signs_in(
    case: tuple[dict[str, str], str | None],
) -> None:
    changes, error = case
    async with house() as at:
        answer = await at.browser().authorize(**changes)
        if error is None:
            assert "/login?" in answer.headers["location"]
        else:
            assert answered(answer)["error"] == error


async def test_two_resources_at_once_are_refused_though_the_parameter_may_repeat() -> None:
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        base = f"{ISSUER}/oauth2/authorize?" + "&".join(f"{k}={v}" for k, v in browser.request(scope="openid").items())
        twice = answered(await browser.http.get(f"{base}&resource={ORDERS}&resource={STOCK}"))
        assert twice["error"] == "invalid_target"
        assert "code" in answered(await browser.http.get(f"{base}&resource={ORDERS}&resource="))


async def test_the_token_request_may_pick_the_resource_but_not_another_than_was_allowed() -> None:
    async with house() as at:
        browser = at.browser()
        code = await browser.code(scope=f"openid {READ}", resource=ORDERS)
        foreign = await browser.redeem(code, resource=STOCK)
        assert (foreign.status_code, foreign.json()["error"]) == (400, "invalid_target")
        assert (await browser.redeem(code, resource=ORDERS)).status_code == 200  # the code was not spent


async def test_without_a_resource_at_first_the_token_request_may_name_one() -> None:
    async with house() as at:
        browser = at.browser()
        code = await browser.code(scope=f"openid {READ}")
        assert (await browser.redeem(code, resource=STOCK)).json()["error"] == "invalid_target"  # nobody allowed that
        answer = (await browser.redeem(code, resource=ORDERS)).json()
        assert claims(answer["access_token"])["aud"] == [ORDERS, ISSUER]
        refused = await browser.refresh(answer["refresh_token"], resource=STOCK)
        assert refused.json()["error"] == "invalid_target"
        assert (await browser.refresh(answer["refresh_token"], resource=ORDERS)).status_code == 200


async def test_a_client_has_no_token_made_for_an_api_it_may_not_use() -> None:
    async with house(clients=POOLED) as at:
        browser = at.browser()
        await browser.arrive()
        foreign = await browser.token("machine", grant_type="client_credentials", resource=STOCK)
        assert foreign.json()["error"] == "invalid_target"
        assert (await browser.token("machine", grant_type="client_credentials", resource=ORDERS)).status_code == 200
        small = {"client_id": "small", "scope": "openid"}
        assert answered(await browser.authorize(resource=STOCK, **small))["error"] == "invalid_target"
        code = answered(await browser.authorize(resource=ORDERS, **small))["code"]
        assert (await browser.redeem(code, "small")).status_code == 200
        code = answered(await browser.authorize(**small))["code"]
        assert (await browser.redeem(code, "small", resource=STOCK)).json()["error"] == "invalid_target"
        assert (await browser.redeem(code, "small", resource=ORDERS)).json()["error"] == "invalid_target"
        assert (await browser.redeem(code, "small")).status_code == 200


async def test_an_api_without_scopes_is_open_to_every_client() -> None:
    bare = "https://bare.example"
    async with house(replace(pool(), resource_servers=(ResourceServer(bare), *pool().resource_servers))) as at:
        tokens = await at.browser().tokens(scope="openid", resource=bare)
        assert claims(tokens["access_token"])["aud"] == [bare, ISSUER]


async def test_an_api_may_have_its_tokens_signed_as_it_likes() -> None:
    import jwt

    server = ResourceServer(ORDERS, "Orders", (Scope("read"), Scope("write")), access_alg="RS256")
    async with house(replace(pool(), resource_servers=(server, *pool().resource_servers[1:]))) as at:
        browser = at.browser()
        for scope, alg in ((READ, "RS256"), (COUNT, "ES256")):
            token = (await browser.tokens(scope=f"openid {scope}"))["access_token"]
            assert jwt.get_unverified_header(token)["alg"] == alg


async def test_the_default_scopes_are_the_pools_that_the_client_may_have() -> None:
    async with house(clients=(*POOLED, client("apis", scope=(READ,)))) as at:
        browser = at.browser()
        assert (await browser.tokens(scope=None))["scope"] == "openid profile email"
        assert (await browser.tokens(scope=None, client_id="small"))["scope"] == "openid"
        assert answered(await browser.authorize(scope=None, client_id="apis"))["error"] == "invalid_scope"


@each("scope", {"empty": "", "missing": None})
async def test_a_scope_without_a_value_counts_as_left_out(scope: str | None) -> None:
    async with house() as at:
        assert (await at.browser().tokens(scope=scope))["scope"] == "openid profile email"


@each(
    "case",
    {
        "granted": ({}, True),
        "without refresh tokens": ({"grant_types": ("authorization_code",)}, False),
        "not the client's": ({"scope": ("openid",)}, False),
    },
)
async def test_offline_access_is_only_for_who_can_use_it(case: tuple[dict[str, Any], bool]) -> None:
    """OpenID Connect Core 11: ignored where it has no meaning."""
    changes, kept = case
    async with house(clients=(client(**changes),)) as at:
        tokens = await at.browser().tokens(scope="openid offline_access")
        assert tokens["scope"] == ("openid offline_access" if kept else "openid")


async def test_an_access_token_is_what_rfc_9068_says() -> None:
    import jwt

    async with house() as at:
        browser = at.browser()
        token = (await browser.tokens(scope=f"openid {READ}"))["access_token"]
        assert jwt.get_unverified_header(token)["typ"] == "at+jwt"
        said = claims(token)
        assert set(said) == {
            "iss", "sub", "aud", "client_id", "scope", "exp", "iat", "jti", "auth_time", "acr", "amr", "groups", "sid",
        }  # fmt: skip
        assert said["exp"] - said["iat"] == 900
        assert (said["amr"], said["client_id"], said["iss"]) == (["pwd"], "web", ISSUER)
