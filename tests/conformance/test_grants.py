"""What the Grants promise (store/protocols.py), over every implementation."""

import asyncio
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from authserver.errors import Conflict, NotFound
from authserver.model.clients import Client
from authserver.model.grants import Consent, RefreshFacts, Revocation
from authserver.store.protocols import Grants
from tests.conformance import sql_stores
from tests.conformance.sql_stores import (
    NOW,
    OTHER,
    POOL,
    Roles,
    default_fields,
    family,
    full_consent,
    full_family,
    full_grant,
    full_pool,
    grant,
    on_sql,
)

pytestmark = pytest.mark.anyio

sqlite_template = sql_stores.sqlite_template
postgres_url = sql_stores.postgres_url
any_url = sql_stores.any_url
stores = sql_stores.stores
elsewhere = sql_stores.elsewhere
grants = sql_stores.grants

DAY = 86400
END = NOW + 900


async def _with_family(grants: Grants, pool: str = POOL) -> None:
    """A live grant `grant-1` with the family `family-1`, whose head is `head-0`."""
    await grants.create_grant(pool, grant(pool, "grant-1"))
    assert await grants.redeem_code(pool, f"code-of-{pool}", END, family(pool, "grant-1"))


async def _facts(grants: Grants, pool: str = POOL, family_id: str = "family-1") -> RefreshFacts:
    facts = await grants.refresh_facts(pool, family_id)
    assert facts is not None
    return facts


# --- grants -----------------------------------------------------------------------------------------------------------


async def test_a_grant_comes_back_whole(grants: Grants, elsewhere: Roles) -> None:
    whole = full_grant(POOL, "grant-1")
    assert list(default_fields(whole)) == []
    await grants.create_grant(POOL, whole)
    assert await grants.grant(POOL, "grant-1") == whole
    assert await elsewhere.grants.grant(POOL, "grant-1") == whole


async def test_a_machines_grant_has_no_user(grants: Grants) -> None:
    machine = grant(POOL, "machine", user_id="", sid="", amr=(), acr="")
    await grants.create_grant(POOL, machine)
    assert await grants.grant(POOL, "machine") == machine


async def test_a_grant_that_nobody_created_is_none(grants: Grants) -> None:
    assert await grants.grant(POOL, "nobody") is None


async def test_a_grant_id_is_used_once(grants: Grants) -> None:
    await grants.create_grant(POOL, grant(POOL, "grant-1"))
    with pytest.raises(Conflict):
        await grants.create_grant(POOL, grant(POOL, "grant-1", user_id="bob"))
    assert await grants.grant(POOL, "grant-1") == grant(POOL, "grant-1")


async def test_grants_of_two_pools_never_meet(grants: Grants, elsewhere: Roles) -> None:
    await _with_family(grants, POOL)
    assert await grants.grant(OTHER, "grant-1") is None
    assert await grants.refresh_facts(OTHER, "family-1") is None
    assert await grants.rotate(OTHER, "family-1", presented="head-0", successor="x", now=NOW) is False
    assert await grants.revoke_grant(OTHER, "grant-1", NOW, END) is False
    assert await grants.revoke_session(OTHER, "session-1", NOW, END) == 0
    assert await grants.revoke_user(OTHER, "ada", NOW, END) == 0
    await _with_family(grants, OTHER)
    assert await grants.rotate(OTHER, "family-1", presented="head-0", successor="x", now=NOW) is True
    assert await grants.revoke_user(OTHER, "ada", NOW, END) == 1
    ada = await elsewhere.directory.user(POOL, "ada")
    assert await _facts(grants) == RefreshFacts(family(POOL, "grant-1"), grant(POOL, "grant-1"), ada)


# --- codes ------------------------------------------------------------------------------------------------------------


async def test_a_code_is_redeemed_once_with_its_family(grants: Grants, elsewhere: Roles) -> None:
    whole = full_family(POOL, "grant-1")
    assert list(default_fields(whole)) == []
    await grants.create_grant(POOL, full_grant(POOL, "grant-1"))
    assert await grants.redeem_code(POOL, "code", END, whole) is True
    user = await elsewhere.directory.user(POOL, full_grant(POOL, "grant-1").user_id)
    facts = await elsewhere.grants.refresh_facts(POOL, whole.id)
    assert facts == RefreshFacts(whole, full_grant(POOL, "grant-1"), user)
    assert await grants.redeem_code(POOL, "code", END, replace(whole, id="another")) is False
    assert await grants.refresh_facts(POOL, "another") is None
    assert await grants.redeem_code(POOL, "another code", END, replace(whole, id="another")) is True


async def test_a_code_is_redeemed_once_without_a_family(grants: Grants, elsewhere: Roles) -> None:
    await grants.create_grant(POOL, grant(POOL, "grant-1"))
    assert await grants.redeem_code(POOL, "code", END, None) is True
    assert await elsewhere.grants.redeem_code(POOL, "code", END, None) is False
    assert await elsewhere.grants.redeem_code(POOL, "code", END, family(POOL, "grant-1")) is False
    assert await grants.refresh_facts(POOL, "family-1") is None


async def test_the_same_digest_is_another_code_in_another_pool(grants: Grants) -> None:
    assert await grants.redeem_code(POOL, "code", END, None) is True
    assert await grants.redeem_code(OTHER, "code", END, None) is True


async def test_a_code_of_a_revoked_grant_is_redeemed(grants: Grants) -> None:
    await grants.create_grant(POOL, grant(POOL, "grant-1"))
    await grants.revoke_grant(POOL, "grant-1", NOW, END)
    assert await grants.redeem_code(POOL, "code", END, family(POOL, "grant-1")) is True
    assert (await _facts(grants)).grant.revoked_at == NOW


async def test_a_family_of_no_grant_yields_nothing(grants: Grants) -> None:
    await grants.create_grant(OTHER, grant(OTHER, "grant-1"))
    await grants.redeem_code(POOL, "code", END, family(POOL, "grant-1"))
    assert await grants.refresh_facts(POOL, "family-1") is None
    assert await grants.rotate(POOL, "family-1", presented="head-0", successor="x", now=NOW) is False


async def test_of_many_who_redeem_a_code_one_does(grants: Grants, elsewhere: Roles) -> None:
    await grants.create_grant(POOL, grant(POOL, "grant-1"))
    won = await asyncio.gather(
        *(
            role.redeem_code(POOL, "code", END, family(POOL, "grant-1", f"family-{n}"))
            for n, role in enumerate([grants, elsewhere.grants] * 25)
        )
    )
    assert won.count(True) == 1
    families = [n for n in range(50) if await grants.refresh_facts(POOL, f"family-{n}") is not None]
    assert families == [won.index(True)]


async def test_of_many_who_redeem_a_code_without_a_family_one_does(grants: Grants, elsewhere: Roles) -> None:
    won = await asyncio.gather(*(role.redeem_code(POOL, "code", END, None) for role in [grants, elsewhere.grants] * 25))
    assert won.count(True) == 1


# --- rotation ---------------------------------------------------------------------------------------------------------


async def test_rotation_moves_the_head(grants: Grants, elsewhere: Roles) -> None:
    await _with_family(grants)
    assert await grants.rotate(POOL, "family-1", presented="head-0", successor="head-1", now=NOW + 5) is True
    expected = family(POOL, "grant-1", head="head-1", previous="head-0", generation=1, rotated_at=NOW + 5)
    assert (await _facts(elsewhere.grants)).family == expected
    assert await elsewhere.grants.rotate(POOL, "family-1", presented="head-1", successor="head-2", now=NOW + 6) is True
    assert (await _facts(grants)).family == replace(
        expected, head="head-2", previous="head-1", generation=2, rotated_at=NOW + 6
    )


@pytest.mark.parametrize("presented", ["head-0", "never-a-head", "", "\0", "\ud800"])
async def test_what_is_not_the_head_rotates_nothing(grants: Grants, presented: str) -> None:
    await _with_family(grants)
    await grants.rotate(POOL, "family-1", presented="head-0", successor="head-1", now=NOW)
    before = await _facts(grants)
    if presented in {"head-0", "never-a-head", ""}:
        assert await grants.rotate(POOL, "family-1", presented=presented, successor="x", now=NOW + 9) is False
    assert await grants.refresh_facts(POOL, f"family-1{presented}") is None or presented == ""
    assert await _facts(grants) == before


async def test_a_revoked_grant_rotates_nothing(grants: Grants) -> None:
    await _with_family(grants)
    await grants.revoke_grant(POOL, "grant-1", NOW, END)
    assert await grants.rotate(POOL, "family-1", presented="head-0", successor="x", now=NOW) is False
    assert (await _facts(grants)).family == family(POOL, "grant-1")


async def test_rotation_leaves_other_families_alone(grants: Grants) -> None:
    await _with_family(grants)
    await grants.redeem_code(POOL, "code-2", END, family(POOL, "grant-1", "family-2"))
    await grants.rotate(POOL, "family-1", presented="head-0", successor="x", now=NOW)
    assert (await _facts(grants, family_id="family-2")).family == family(POOL, "grant-1", "family-2")


async def test_of_fifty_who_present_one_head_one_rotates_it(grants: Grants, elsewhere: Roles) -> None:
    await _with_family(grants)
    won = await asyncio.gather(
        *(
            role.rotate(POOL, "family-1", presented="head-0", successor=f"next-{n}", now=NOW)
            for n, role in enumerate([grants, elsewhere.grants] * 25)
        )
    )
    assert won.count(True) == 1
    stored = (await _facts(grants)).family
    assert (stored.head, stored.generation) == (f"next-{won.index(True)}", 1)


@on_sql
async def test_of_many_in_several_processes_one_wins(grants: Grants, any_url: str) -> None:
    await _with_family(grants)
    run = [sys.executable, "-m", "tests.conformance.sql_process", "race", any_url, POOL]

    def race() -> list[str]:
        pipe, root = subprocess.PIPE, Path(__file__).parents[2]
        racers = [subprocess.Popen([*run, name], cwd=root, stdin=pipe, stdout=pipe, text=True) for name in "ab"]
        try:
            assert {racer.stdout.readline() for racer in racers} == {"ready\n"}
            for racer in racers:
                racer.stdin.write("go\n")
                racer.stdin.flush()
            return [racer.communicate(timeout=60)[0] for racer in racers]
        finally:
            for racer in racers:
                racer.kill()
                racer.communicate()

    won = [tuple(map(int, line.split())) for line in await asyncio.to_thread(race)]
    assert [sum(counts) for counts in zip(*won, strict=True)] == [1, 1]


async def test_rotation_and_revocation_together_end_revoked(grants: Grants, elsewhere: Roles) -> None:
    for n in range(10):
        await grants.create_grant(POOL, grant(POOL, f"g{n}"))
        await grants.redeem_code(POOL, f"c{n}", END, family(POOL, f"g{n}", f"f{n}"))
        await asyncio.gather(
            grants.rotate(POOL, f"f{n}", presented="head-0", successor="head-1", now=NOW),
            elsewhere.grants.revoke_grant(POOL, f"g{n}", NOW, END),
        )
        head = (await _facts(grants, family_id=f"f{n}")).family.head
        assert await grants.rotate(POOL, f"f{n}", presented=head, successor="x", now=NOW) is False


# --- revocation -------------------------------------------------------------------------------------------------------


async def test_a_grant_is_revoked_once_and_told(grants: Grants, elsewhere: Roles) -> None:
    await grants.create_grant(POOL, grant(POOL, "grant-1"))
    assert await grants.revoke_grant(POOL, "grant-1", NOW + 1, END) is True
    assert await elsewhere.grants.grant(POOL, "grant-1") == grant(POOL, "grant-1", revoked_at=NOW + 1)
    assert await elsewhere.grants.revocations(NOW) == [Revocation(POOL, "grant", "grant-1", NOW + 1, END)]
    assert await grants.revoke_grant(POOL, "grant-1", NOW + 2, END + 2) is False
    assert await grants.grant(POOL, "grant-1") == grant(POOL, "grant-1", revoked_at=NOW + 1)
    assert await grants.revocations(NOW) == [Revocation(POOL, "grant", "grant-1", NOW + 1, END)]


async def test_an_unknown_grant_is_not_revoked(grants: Grants) -> None:
    assert await grants.revoke_grant(POOL, "nobody", NOW, END) is False
    assert await grants.revocations(0) == []


async def test_a_session_takes_its_grants_but_those_for_offline_use(grants: Grants) -> None:
    await grants.create_grant(POOL, grant(POOL, "one"))
    await grants.create_grant(POOL, grant(POOL, "two", user_id="bob"))
    await grants.create_grant(POOL, grant(POOL, "dead", revoked_at=NOW - 9))
    await grants.create_grant(POOL, grant(POOL, "offline", offline=True))
    await grants.create_grant(POOL, grant(POOL, "elsewhere", sid="session-2"))
    assert await grants.revoke_session(POOL, "session-1", NOW, END) == 2
    revoked_at = {}
    for grant_id in ("one", "two", "dead", "offline", "elsewhere"):
        stored = await grants.grant(POOL, grant_id)
        assert stored is not None
        revoked_at[grant_id] = stored.revoked_at
    assert revoked_at == {"one": NOW, "two": NOW, "dead": NOW - 9, "offline": None, "elsewhere": None}
    assert await grants.revocations(0) == [Revocation(POOL, "session", "session-1", NOW, END)]
    assert await grants.revoke_session(POOL, "session-1", NOW + 1, END) == 0


async def test_a_session_without_grants_is_told_too(grants: Grants) -> None:
    assert await grants.revoke_session(POOL, "bare", NOW, END) == 0
    assert await grants.revocations(0) == [Revocation(POOL, "session", "bare", NOW, END)]


async def test_a_user_takes_every_grant_and_each_is_told(grants: Grants) -> None:
    await grants.create_grant(POOL, grant(POOL, "one"))
    await grants.create_grant(POOL, grant(POOL, "offline", offline=True, sid="session-2"))
    await grants.create_grant(POOL, grant(POOL, "dead", revoked_at=NOW - 9))
    await grants.create_grant(POOL, grant(POOL, "of-bob", user_id="bob"))
    assert await grants.revoke_user(POOL, "ada", NOW, END) == 2
    told = await grants.revocations(0)
    assert sorted(told, key=lambda entry: entry.id) == [
        Revocation(POOL, "grant", "offline", NOW, END),
        Revocation(POOL, "grant", "one", NOW, END),
    ]
    of_bob = await grants.grant(POOL, "of-bob")
    assert of_bob is not None
    assert of_bob.revoked_at is None
    assert await grants.revoke_user(POOL, "ada", NOW, END) == 0
    assert await grants.revoke_user(POOL, "nobody", NOW, END) == 0


async def test_a_token_is_revoked_once(grants: Grants, elsewhere: Roles) -> None:
    await grants.revoke_token(POOL, "grant-1.abc", NOW, END)
    await grants.revoke_token(POOL, "grant-1.abc", NOW + 1, END + 1)
    await grants.revoke_token(OTHER, "grant-1.abc", NOW + 2, END)
    assert await elsewhere.grants.revocations(0) == [
        Revocation(POOL, "token", "grant-1.abc", NOW, END),
        Revocation(OTHER, "token", "grant-1.abc", NOW + 2, END),
    ]


async def test_the_feed_holds_all_pools_oldest_first(grants: Grants) -> None:
    for age, pool, jti in ((2, POOL, "c"), (0, OTHER, "a"), (1, POOL, "b")):
        await grants.revoke_token(pool, jti, NOW + age, END)
    assert [entry.id for entry in await grants.revocations(0)] == ["a", "b", "c"]
    assert [entry.id for entry in await grants.revocations(NOW + 1)] == ["b", "c"]
    assert [entry.id for entry in await grants.revocations(NOW + 3)] == []


# --- consents ---------------------------------------------------------------------------------------------------------


async def test_a_consent_comes_back_whole_and_is_replaced(grants: Grants, elsewhere: Roles) -> None:
    consent = full_consent(POOL)
    assert list(default_fields(consent)) == []
    await grants.put_consent(POOL, consent)
    assert await elsewhere.grants.consent(POOL, "ada", f"web-{POOL}") == consent
    more = Consent(POOL, "ada", f"web-{POOL}", ("openid", "phone"), NOW + 1)
    await grants.put_consent(POOL, more)
    assert await grants.consent(POOL, "ada", f"web-{POOL}") == more


async def test_a_consent_is_of_one_user_one_client_and_one_pool(grants: Grants) -> None:
    await grants.put_consent(POOL, full_consent(POOL))
    await grants.put_consent(OTHER, full_consent(OTHER))
    assert await grants.consent(POOL, "bob", f"web-{POOL}") is None
    assert await grants.consent(POOL, "ada", "another") is None
    assert await grants.delete_consent(OTHER, "ada", f"web-{POOL}") is False
    assert await grants.delete_consent(POOL, "ada", f"web-{POOL}") is True
    assert await grants.delete_consent(POOL, "ada", f"web-{POOL}") is False
    assert await grants.consent(POOL, "ada", f"web-{POOL}") is None
    assert await grants.consent(OTHER, "ada", f"web-{OTHER}") == full_consent(OTHER)


# --- purge ------------------------------------------------------------------------------------------------------------


async def test_purge_takes_what_has_expired_and_nothing_else(grants: Grants) -> None:
    await grants.create_grant(POOL, grant(POOL, "grant-1"))
    for name, expires_at in (("old", NOW), ("young", NOW + 1)):
        await grants.redeem_code(POOL, f"code-{name}", expires_at, None)
        fresh = family(POOL, "grant-1", f"family-{name}", expires_at=expires_at)
        await grants.redeem_code(POOL, f"code-of-family-{name}", END, fresh)
        await grants.revoke_token(POOL, f"token-{name}", NOW - 50, expires_at)

    assert await grants.purge(NOW) == 3

    assert await grants.refresh_facts(POOL, "family-old") is None
    assert await grants.refresh_facts(POOL, "family-young") is not None
    assert [entry.id for entry in await grants.revocations(0)] == ["token-young"]
    assert await grants.redeem_code(POOL, "code-young", END, None) is False
    assert await grants.redeem_code(POOL, "code-old", END, None) is True
    assert await grants.grant(POOL, "grant-1") == grant(POOL, "grant-1")
    assert await grants.purge(NOW) == 0


@on_sql
async def test_a_grant_is_purged_once_it_can_yield_nothing(grants: Grants) -> None:
    """The families here live 30 days; an access token lives at most a day after its family."""
    lived = family(POOL, "refreshing", expires_at=NOW + 30 * DAY)
    await grants.create_grant(POOL, grant(POOL, "bare"))
    await grants.create_grant(POOL, grant(POOL, "machine", user_id="", sid=""))
    await grants.create_grant(POOL, grant(POOL, "refreshing"))
    await grants.redeem_code(POOL, "code", NOW + 20 * DAY, lived)
    gone = {}
    for day in range(60):
        await grants.purge(NOW + day * DAY)
        for grant_id in ("bare", "refreshing", "machine"):
            if await grants.grant(POOL, grant_id) is None:
                gone.setdefault(grant_id, day)
    assert 1 < gone["bare"] < 10
    assert 31 < gone["refreshing"] < 40
    assert "machine" not in gone


@on_sql
async def test_a_grant_outlives_a_family_that_expired_while_nobody_purged(grants: Grants) -> None:
    await grants.create_grant(POOL, grant(POOL, "grant-1"))
    await grants.redeem_code(POOL, "code", END, family(POOL, "grant-1", expires_at=NOW + 30 * DAY))
    assert await grants.purge(NOW + 30 * DAY) == 2
    assert await grants.refresh_facts(POOL, "family-1") is None
    assert await grants.grant(POOL, "grant-1") is not None
    assert await grants.purge(NOW + 60 * DAY) == 1
    assert await grants.grant(POOL, "grant-1") is None


@on_sql
async def test_purge_goes_piece_by_piece(grants: Grants, elsewhere: Roles) -> None:
    for start in range(0, 2500, 500):
        await asyncio.gather(*(grants.redeem_code(POOL, f"c{n}", NOW, None) for n in range(start, start + 500)))
    counts = [await role.purge(NOW) for role in (grants, elsewhere.grants, grants, grants)]
    assert counts == [1000, 1000, 500, 0]


# --- what a user allowed ----------------------------------------------------------------------------------------------


async def test_a_users_live_grants_are_listed_newest_first(grants: Grants, elsewhere: Roles) -> None:
    assert await grants.grants_of_user(POOL, "ada") == []
    own = [grant(POOL, f"g{n}", created_at=NOW + at, offline=n == 1) for n, at in enumerate((5, 9, 5, 1))]
    for each in (*own, grant(POOL, "of-bob", user_id="bob"), grant(OTHER, "other")):
        await grants.create_grant(each.pool, each)
    await grants.create_grant(POOL, grant(POOL, "dead", created_at=NOW + 99))
    await grants.revoke_grant(POOL, "dead", NOW, NOW + 9)
    newest_first = [own[1], own[0], own[2], own[3]]
    assert await elsewhere.grants.grants_of_user(POOL, "ada") == newest_first
    assert await grants.grants_of_user(POOL, "ada", limit=2) == newest_first[:2]
    await grants.revoke_user(POOL, "ada", NOW, NOW + 9)
    assert await grants.grants_of_user(POOL, "ada") == []
    assert len(await grants.grants_of_user(POOL, "bob")) == 1


async def test_a_users_consents_are_listed_by_client(grants: Grants, stores: Roles, elsewhere: Roles) -> None:
    assert await grants.consents(POOL, "ada") == []
    for client_id in ("zoo", "abc"):
        await stores.registry.put_client(POOL, Client(client_id, POOL))
    own = [replace(full_consent(POOL), client_id=client_id) for client_id in ("abc", f"web-{POOL}", "zoo")]
    for consent in (own[2], own[0], own[1], replace(full_consent(POOL), user_id="bob"), full_consent(OTHER)):
        await grants.put_consent(consent.pool, consent)
    assert await elsewhere.grants.consents(POOL, "ada") == own
    await grants.delete_consent(POOL, "ada", "abc")
    assert await grants.consents(POOL, "ada") == own[1:]
    assert len(await grants.consents(OTHER, "ada")) == 1


# --- the databases alone ----------------------------------------------------------------------------------------------


@on_sql
async def test_a_grant_needs_its_client_and_user(grants: Grants) -> None:
    for orphan in (grant(POOL, "g", client_id="nobody"), grant(POOL, "g", user_id="nobody")):
        with pytest.raises(NotFound):
            await grants.create_grant(POOL, orphan)
    with pytest.raises(NotFound):
        await grants.put_consent(POOL, replace(full_consent(POOL), user_id="nobody"))
    await grants.create_grant(POOL, grant(POOL, "g"))


@on_sql
async def test_a_code_whose_grant_is_gone_is_not_redeemed(grants: Grants) -> None:
    assert await grants.redeem_code(POOL, "code", END, family(POOL, "nobody")) is False
    await grants.create_grant(POOL, grant(POOL, "grant-1"))
    assert await grants.redeem_code(POOL, "code", END, family(POOL, "grant-1")) is True


async def test_the_facts_of_a_refresh_hold_the_user_with_groups_in_order(grants: Grants, elsewhere: Roles) -> None:
    directory = elsewhere.directory
    await elsewhere.registry.put_pool(full_pool(POOL))
    ada = await directory.user(POOL, "ada")
    assert ada is not None
    await _with_family(grants)
    await directory.change_user(
        POOL, ada.id, lambda stored: replace(stored, email="ada@example.org", groups=("zebras", "ants", "bees"))
    )
    facts = await _facts(grants)
    assert facts.user == await directory.user(POOL, "ada")
    assert facts.user is not None
    assert facts.user.email == "ada@example.org"
    assert facts.user.groups == ("zebras", "ants", "bees")


async def test_a_disabled_user_is_seen_by_the_next_refresh(grants: Grants, elsewhere: Roles) -> None:
    await _with_family(grants)
    ada = await elsewhere.directory.user(POOL, "ada")
    assert ada is not None
    await elsewhere.directory.change_user(POOL, ada.id, lambda stored: replace(stored, state="disabled"))
    facts = await _facts(elsewhere.grants)
    assert facts.user is not None
    assert not facts.user.can_sign_in
