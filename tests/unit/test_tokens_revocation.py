"""The list of what is revoked, held in process and fed from the store."""

from typing import Any

import pytest

from authserver.model.grants import Grant
from authserver.store.memory import MemoryGrants
from authserver.tokens.revocation import HORIZON, OVERLAP, WIDE_EVERY, WIDE_OVERLAP, Revocations

pytestmark = pytest.mark.anyio

TOKEN: dict[str, object] = {"jti": "grant.token", "sid": "sid", "scope": "openid profile"}


class Book:
    """Revocations of one process over a feed that others may share."""

    def __init__(self, grants: MemoryGrants | None = None, now: float = 10**6) -> None:
        self.now = now
        self.hints = 0
        self.grants = grants or MemoryGrants()
        self.list = Revocations(self.grants, lambda: self.now, self._hint)

    async def _hint(self) -> None:
        self.hints += 1


def grant(grant_id: str = "grant", **changes: Any) -> Grant:
    return Grant(**{"id": grant_id, "pool": "p", "client_id": "web", "user_id": "ada", "sid": "sid", "scope": (), "auth_time": 0, "amr": (), "acr": "", "created_at": 0, **changes})  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "ident", "claims", "dead"),
    [
        ("grant", "grant", TOKEN, True),
        ("grant", "other", TOKEN, False),
        ("grant", "grant.token", TOKEN, False),
        ("token", "grant.token", TOKEN, True),
        ("token", "grant", TOKEN, False),
        ("token", "grant.other", TOKEN, False),
        ("session", "sid", TOKEN, True),
        ("session", "other", TOKEN, False),
        ("session", "sid", {**TOKEN, "scope": "openid offline_access"}, False),
        ("session", "sid", {**TOKEN, "scope": "openid xoffline_access"}, True),
        ("session", "sid", {"jti": "machine.x"}, False),
        ("grant", "", {}, True),
    ],
)
async def test_which_tokens_an_entry_covers(kind: str, ident: str, claims: dict[str, object], dead: bool) -> None:
    book = Book()
    assert book.list.covers("p", claims) is False
    if kind == "grant":
        await book.list.revoke_grant("p", ident, 100)
    elif kind == "token":
        await book.list.revoke_token("p", ident, int(book.now) + 100)
    else:
        await book.list.revoke_session("p", ident, 100)
    assert book.list.covers("p", claims) is dead
    assert book.list.covers("q", claims) is False
    assert book.hints == 1


async def test_what_one_process_revokes_another_learns_at_its_next_look() -> None:
    here = Book()
    there = Book(here.grants)
    await here.grants.create_grant("p", grant())
    assert await here.list.revoke_grant("p", "grant", 100) is True
    assert await here.list.revoke_grant("p", "grant", 100) is False
    assert not there.list.covers("p", TOKEN)
    await there.list.follow()
    assert there.list.covers("p", TOKEN)


async def test_ending_a_user_ends_every_grant_offline_ones_too() -> None:
    book = Book()
    for one in (grant("a"), grant("b", offline=True), grant("c", user_id="bob")):
        await book.grants.create_grant("p", one)
    assert await book.list.revoke_user("p", "ada", 100) == 2
    assert [book.list.covers("p", {"jti": f"{g}.x"}) for g in "abc"] == [True, True, False]
    assert book.hints == 1


async def test_ending_a_session_spares_what_is_for_offline_use() -> None:
    book = Book()
    for one in (grant("a"), grant("b", offline=True), grant("c", sid="other")):
        await book.grants.create_grant("p", one)
    assert await book.list.revoke_session("p", "sid", 100) == 1
    assert book.list.covers("p", {"jti": "x.y", "sid": "sid"})


async def test_a_process_without_others_needs_no_hint() -> None:
    grants = MemoryGrants()
    alone = Revocations(grants, lambda: 0.0)
    await grants.create_grant("p", grant())
    assert await alone.revoke_user("p", "ada", 100) == 1
    await alone.revoke_token("p", "a.b", 100)
    assert alone.covers("p", {"jti": "a.b"})


async def test_entries_are_forgotten_once_no_token_can_live() -> None:
    book = Book()
    await book.list.follow()
    await book.list.revoke_token("p", "a.b", int(book.now) + 100)
    book.now += 59
    await book.list.follow()
    assert book.list.covers("p", {"jti": "a.b"})
    book.now += 41  # expired; the sweep is due as well
    await book.list.follow()
    assert not book.list.covers("p", {"jti": "a.b"})
    assert book.list._until == {}


async def test_a_start_reads_back_two_days_and_a_look_some_seconds() -> None:
    grants = MemoryGrants()
    now = 10**6
    for n, at in enumerate((now - HORIZON - 1, now - HORIZON, now - OVERLAP)):
        await grants.revoke_token("p", f"{n}.x", at, now + 1000)
    book = Book(grants, now)
    await book.list.follow()
    assert [book.list.covers("p", {"jti": f"{n}.x"}) for n in range(3)] == [False, True, True]
    await grants.revoke_token("p", "late.x", now - OVERLAP, now + 1000)  # of a transaction that took its time
    await book.list.follow()
    assert book.list.covers("p", {"jti": "late.x"})


async def test_a_node_whose_clock_is_behind_is_heard_within_half_a_minute() -> None:
    book = Book()
    await book.list.follow()
    behind = int(book.now) - WIDE_OVERLAP + 60
    await book.grants.revoke_token("p", "slow.x", behind, int(book.now) + 1000)
    await book.grants.revoke_token("p", "ancient.x", behind - 120, int(book.now) + 1000)
    for seconds, heard in ((1, False), (WIDE_EVERY, True)):
        book.now += seconds
        await book.list.follow()
        assert book.list.covers("p", {"jti": "slow.x"}) is heard
    assert not book.list.covers("p", {"jti": "ancient.x"})


@pytest.mark.parametrize("offline", [False, True])
async def test_a_grant_is_dead_by_itself_or_by_its_session_unless_it_is_for_offline_use(offline: bool) -> None:
    book = Book()
    of_session, by_itself = grant(offline=offline), grant("other", sid="else", offline=offline)
    assert not book.list.covers_grant(of_session)
    await book.list.revoke_session("p", "sid", 900)
    assert book.list.covers_grant(of_session) is not offline
    assert not book.list.covers_grant(by_itself)
    await book.list.revoke_grant("p", "other", 900)
    assert book.list.covers_grant(by_itself)
