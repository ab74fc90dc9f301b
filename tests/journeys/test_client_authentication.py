"""Client authentication at token and revocation endpoint: one method, one text for every failure."""

import base64
from typing import Any
from urllib.parse import quote_plus

import httpx
import pytest

from authserver.crypto.secrets import digest
from tests.journeys.house import (
    BASE,
    CALLBACK,
    CLIENTS,
    ISSUER,
    ORDERS,
    SECRET,
    VERIFIER,
    House,
    client,
    each,
    house,
    pool,
)

pytestmark = pytest.mark.anyio

REFUSED = {"error": "invalid_client", "error_description": "Client authentication failed."}
ODD = "pässwörd:+%&= with 20 characters"


def basic(client_id: str, secret: str, *, encoded: bool = True) -> dict[str, str]:
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}" if encoded else f"{client_id}:{secret}"
    return {"authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


async def send(
    at: House, headers: dict[str, str] | list[tuple[str, str]], form: dict[str, str], grant: str = "client_credentials"
) -> httpx.Response:
    http = at.browser().http
    return await http.post(f"{ISSUER}/oauth2/token", data={"grant_type": grant, **form}, headers=headers)


MACHINES = (
    *CLIENTS,
    client(
        "m",
        grant_types=("client_credentials",),
        scope=(f"{ORDERS}/read",),
        secret_digests=(digest(SECRET), digest(ODD)),
    ),
    client(
        "mp",
        grant_types=("client_credentials",),
        scope=(f"{ORDERS}/read",),
        token_endpoint_auth_method="client_secret_post",
    ),
    client("o:+ %&=", grant_types=("client_credentials",), scope=(f"{ORDERS}/read",)),
    client("blank", grant_types=("client_credentials",), scope=(f"{ORDERS}/read",), secret_digests=(digest(""),)),
    client("off", grant_types=("client_credentials",), scope=(f"{ORDERS}/read",), enabled=False),
    client("elsewhere", pool="other_Pool2", grant_types=("client_credentials",)),
)

BAD: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "nothing": ({}, {}),
    "name alone": ({}, {"client_id": "m"}),
    "wrong secret": (basic("m", "wrong" + SECRET), {}),
    "empty secret": (basic("m", ""), {}),
    "empty stored secret": (basic("blank", ""), {}),
    "no colon": ({"authorization": "Basic " + base64.b64encode(b"m").decode()}, {}),
    "empty name": (basic("", SECRET), {}),
    "unknown client": (basic("nobody", SECRET), {}),
    "disabled client": (basic("off", SECRET), {}),
    "other pool's client": (basic("elsewhere", SECRET), {}),
    "other client's name": (basic("other", "x" + SECRET), {}),
    "post for basic": ({}, {"client_id": "m", "client_secret": SECRET}),
    "basic for post": (basic("mp", SECRET), {}),
    "empty post": ({}, {"client_id": "mp", "client_secret": ""}),
    "wrong post": ({}, {"client_id": "mp", "client_secret": "wrong" + SECRET}),
    "digest as secret": (basic("m", digest(SECRET)), {}),
    "not base64": ({"authorization": "Basic !!!"}, {}),
    "not UTF-8": ({"authorization": "Basic " + base64.b64encode(b"m:\xff\xfe").decode()}, {}),
    "bad escape": ({"authorization": "Basic " + base64.b64encode(b"m:%ff").decode()}, {}),
    "scheme alone": ({"authorization": "Basic"}, {}),
    "bearer": ({"authorization": f"Bearer {SECRET}"}, {}),
    "nul": (basic("m", SECRET + "\0"), {}),
    "space": (basic("m", SECRET + " "), {}),
    "secret of another case": (basic("m", SECRET.upper()), {}),
}


@each("case", BAD)
async def test_every_failure_has_the_same_answer(case: tuple[dict[str, str], dict[str, str]]) -> None:
    """O13."""
    headers, form = case
    async with house(pool(), pool("other_Pool2"), clients=MACHINES) as at:
        answer = await send(at, headers, form)
        assert answer.status_code == 401
        assert answer.json() == REFUSED
        assert answer.headers["cache-control"] == "no-store"
        challenged = "authorization" in headers
        assert answer.headers.get("www-authenticate", "").startswith("Basic ") is challenged
        assert at.kinds() == []


GOOD: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "basic": (basic("m", SECRET), {}),
    "basic with its name in the body": (basic("m", SECRET), {"client_id": "m"}),
    "scheme in lower case": ({"authorization": basic("m", SECRET)["authorization"].replace("Basic", "basic")}, {}),
    "second secret with odd characters": (basic("m", ODD), {}),
    "odd name": (basic("o:+ %&=", SECRET), {}),
    "not form-encoded": (basic("m", SECRET, encoded=False), {}),
    "post": ({}, {"client_id": "mp", "client_secret": SECRET}),
}


@each("case", GOOD)
async def test_the_registered_method_with_the_right_secret_passes(case: tuple[dict[str, str], dict[str, str]]) -> None:
    headers, form = case
    async with house(clients=MACHINES[:-1]) as at:
        answer = await send(at, headers, form)
        assert answer.status_code == 200, answer.text
        assert answer.json()["scope"] == f"{ORDERS}/read"


TWICE: dict[str, tuple[Any, dict[str, str]]] = {
    "basic and post": (basic("m", SECRET), {"client_secret": SECRET}),
    "basic and whole post": (basic("m", SECRET), {"client_id": "m", "client_secret": SECRET}),
    "other name in the body": (basic("m", SECRET), {"client_id": "mp"}),
    "two headers": ([("authorization", v) for v in basic("m", SECRET).values()] * 2, {}),
}


@each("case", TWICE)
async def test_two_ways_at_once_are_an_invalid_request(case: tuple[Any, dict[str, str]]) -> None:
    """RFC 6749 2.3 and 5.2."""
    headers, form = case
    async with house(clients=MACHINES[:-1]) as at:
        answer = await send(at, headers, form)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
        assert (await send(at, basic("m", SECRET), {})).status_code == 200


@each(
    "case",
    {
        "name alone": ({}, {"client_id": "spa"}, 200),
        "with a secret": ({}, {"client_id": "spa", "client_secret": SECRET}, 401),
        "with basic": (basic("spa", SECRET), {}, 401),
    },
)
async def test_a_public_client_has_no_secret_to_send(case: tuple[dict[str, str], dict[str, str], int]) -> None:
    headers, form, status = case
    async with house() as at:
        browser = at.browser()
        code = await browser.code(client_id="spa")
        redeem = {"code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
        answer = await send(at, headers, {**form, **redeem}, "authorization_code")
        assert answer.status_code == status
        assert status == 200 or answer.json() == REFUSED


async def test_a_public_client_cannot_act_for_itself() -> None:
    async with house(
        clients=(client("pub", token_endpoint_auth_method="none", grant_types=("client_credentials",)), *MACHINES[:-1])
    ) as at:
        assert (await send(at, {}, {"client_id": "pub"})).json() == REFUSED
        assert (await send(at, basic("m", SECRET), {})).status_code == 200


async def test_a_withdrawn_secret_is_dead_at_once_and_its_successor_works_beside_it_before() -> None:
    async with house(clients=MACHINES[:-1]) as at:
        assert (await send(at, basic("m", SECRET), {})).status_code == 200
        assert (await send(at, basic("m", ODD), {})).status_code == 200
        await at.change_client("m", secret_digests=(digest(ODD),))
        assert (await send(at, basic("m", SECRET), {})).json() == REFUSED
        assert (await send(at, basic("m", ODD), {})).status_code == 200


@each("name", ("grant_type", "code", "redirect_uri", "code_verifier", "client_id", "client_secret", "scope", "foo"))
async def test_a_repeated_parameter_at_the_token_endpoint_is_an_invalid_request(name: str) -> None:
    """O4 (RFC 6749 3.2)."""
    async with house() as at:
        browser = at.browser()
        code = await browser.code(client_id="post")
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
            "client_id": "post",
            "client_secret": SECRET,
        }
        for second in (form.get(name, "first"), "second"):
            first = {} if name in form else {name: "first"}
            doubled: dict[str, Any] = {**form, **first, name: [(form | first)[name], second]}
            answer = await browser.http.post(f"{ISSUER}/oauth2/token", data=doubled)
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
        assert (await browser.http.post(f"{ISSUER}/oauth2/token", data=form)).status_code == 200


async def test_parameters_in_the_query_of_the_token_endpoint_do_not_count() -> None:
    async with house() as at:
        browser = at.browser()
        code = await browser.code()
        query = f"grant_type=authorization_code&code={code}"
        rest = {"redirect_uri": CALLBACK, "code_verifier": VERIFIER}
        answer = await browser.http.post(f"{ISSUER}/oauth2/token?{query}", data=rest, auth=("web", SECRET))
        assert answer.json()["error"] == "invalid_request"
        assert (await browser.redeem(code)).status_code == 200


@each(
    "case",
    {
        "missing": ({"foo": "bar"}, "invalid_request"),
        "empty": ({"grant_type": ""}, "invalid_request"),
        "unknown": ({"grant_type": "password"}, "unsupported_grant_type"),
        "device": ({"grant_type": "urn:ietf:params:oauth:grant-type:device_code"}, "unsupported_grant_type"),
        "not this client's": ({"grant_type": "client_credentials"}, "unauthorized_client"),
    },
)
async def test_the_grant_type_must_be_one_the_client_may_use(case: tuple[dict[str, str], str]) -> None:
    form, code = case
    async with house() as at:
        http = at.browser().http
        answer = await http.post(f"{BASE}/test_Pool1/oauth2/token", data=form, auth=("web", SECRET))
        assert (answer.status_code, answer.json()["error"]) == (400, code)
        unknown = await http.post(f"{BASE}/test_Pool1/oauth2/token", data=form, auth=("nobody", SECRET))
        assert unknown.json() == REFUSED  # who is not known learns nothing about grant types


@each("grant", {"code": "authorization_code", "refresh": "refresh_token"})
async def test_a_machine_cannot_use_a_persons_grants(grant: str) -> None:
    async with house() as at:
        browser = at.browser()
        tokens = await browser.tokens()
        form = {"code": await browser.code(), "refresh_token": tokens["refresh_token"], "redirect_uri": CALLBACK}
        answer = await browser.token("machine", grant_type=grant, code_verifier=VERIFIER, **form)
        assert answer.json()["error"] == "unauthorized_client"
        web = await browser.token("web", grant_type=grant, code_verifier=VERIFIER, **form)
        assert web.status_code == 200
