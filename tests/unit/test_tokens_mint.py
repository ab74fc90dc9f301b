"""Minting: which tokens come of a grant, signed by whom, for how long."""

from dataclasses import replace
from typing import Any

import jwt
import pytest

from authserver.effects import SystemRandom
from authserver.model.clients import Client
from authserver.model.grants import Grant
from authserver.model.pools import TokenPolicy
from authserver.tokens.issuer import Issuer
from authserver.tokens.mint import half_hash, mint_for_client, mint_for_user
from authserver.triggers.answers import ClaimChanges, TokenAmendment
from tests.journeys.house import ADA, POOL, claims, house, pool

pytestmark = pytest.mark.anyio

CLIENT = Client("web", POOL, scope=("openid", "email"), id_token_signed_response_alg="ES256")
GRANT = Grant("grant", POOL, "web", ADA.id, "sid", ("openid", "email"), 5, ("pwd",), "acr", 6)
NOW = 1_800_000_000


def minted(issuer: Issuer, client: Client = CLIENT, grant: Grant = GRANT) -> Any:
    plan = issuer.access_plan(client, grant.scope, ())
    return mint_for_user(issuer, plan, client, grant, ADA, nonce="n", now=NOW, random=SystemRandom())


def test_at_hash_is_the_specifications() -> None:
    """OpenID Connect Core A.3."""
    assert half_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y") == "77QmUPtjPfzWtF2AnpK9RQ"


async def test_an_id_token_is_bound_to_its_access_token() -> None:
    async with house() as at:
        both = minted(await at.services.issuers.get(POOL))
        assert claims(both.id_token)["at_hash"] == half_hash(both.access_token)
        assert claims(both.id_token)["nonce"] == "n"
        assert both.scope == "openid email"


async def test_without_openid_there_is_no_id_token() -> None:
    async with house() as at:
        issuer = await at.services.issuers.get(POOL)
        assert minted(issuer, grant=replace(GRANT, scope=("email",))).id_token is None
        assert minted(issuer).id_token is not None


@pytest.mark.parametrize("alg", ["ES256", "RS256"])
async def test_a_client_chooses_who_signs_its_id_token(alg: str) -> None:
    async with house() as at:
        issuer = await at.services.issuers.get(POOL)
        token = minted(issuer, replace(CLIENT, id_token_signed_response_alg=alg)).id_token
        assert jwt.get_unverified_header(token)["alg"] == alg


async def test_lifetimes_are_the_clients_or_the_pools() -> None:
    policy = TokenPolicy(access_ttl=100, id_ttl=200)
    async with house(replace(pool(), tokens=policy)) as at:
        issuer = await at.services.issuers.get(POOL)
        for client, ttl in ((CLIENT, 100), (replace(CLIENT, access_ttl=7), 7)):
            both = minted(issuer, client)
            assert both.expires_in == ttl
            assert claims(both.access_token)["exp"] == NOW + ttl
            assert claims(both.id_token)["exp"] == NOW + 200
            plan = issuer.access_plan(client, (), ())
            own = mint_for_client(issuer, plan, client, now=NOW, random=SystemRandom())
            assert (own.expires_in, own.id_token, claims(own.access_token)["exp"]) == (ttl, None, NOW + ttl)


async def test_no_two_tokens_have_one_id() -> None:
    """S14."""
    async with house() as at:
        issuer = await at.services.issuers.get(POOL)
        ids = {claims(minted(issuer).access_token)["jti"] for _ in range(100)}
        assert len(ids) == 100
        assert {i.split(".")[0] for i in ids} == {"grant"}
        assert all(len(i.split(".")[1]) == 16 for i in ids)


async def test_a_client_reads_the_attributes_that_it_may() -> None:
    async with house() as at:
        issuer = await at.services.issuers.get(POOL)
        both = claims(minted(issuer).id_token)
        assert both["email"] == ADA.email
        neither = claims(minted(issuer, replace(CLIENT, read_attributes=("name",))).id_token)
        assert "email" not in neither
        assert claims(minted(issuer, replace(CLIENT, read_attributes=("email",))).id_token)["email"] == ADA.email


async def test_a_trigger_changes_the_token_of_a_machine() -> None:
    changes = ClaimChanges(add={"tenant": "blue", "sub": "ada"}, add_scopes=("more",), suppress_scopes=("orders/read",))
    async with house() as at:
        issuer = await at.services.issuers.get(POOL)
        machine = replace(CLIENT, scope=("orders/read", "orders/write"))
        plan = issuer.access_plan(machine, machine.scope, ())
        arguments = {"now": NOW, "random": SystemRandom()}
        plain = mint_for_client(issuer, plan, machine, **arguments)
        changed = mint_for_client(issuer, plan, machine, **arguments, amendment=TokenAmendment(access_token=changes))
        assert plain.scope == "orders/read orders/write"
        assert changed.scope == claims(changed.access_token)["scope"] == "orders/write more"
        assert claims(changed.access_token)["tenant"] == "blue"
        assert claims(changed.access_token)["sub"] == claims(plain.access_token)["sub"]
