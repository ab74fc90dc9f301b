"""`poolgate keys`: listed and rotated."""

import pytest

from tests.journeys.command_line import DEMO, Terminal
from tests.unit.installation import NOW


@pytest.fixture
def shell(bare: Terminal) -> Terminal:
    """The demo pool with real keys."""
    assert bare("apply", str(DEMO)).code == 0
    return bare


def states(shell: Terminal) -> dict[str, tuple[str, str]]:
    return {key["kid"]: (key["alg"], key["state"]) for key in shell("keys", "list", "--json").value}


def test_keys_are_listed_without_their_private_part(shell: Terminal) -> None:
    listed = shell("keys", "list", "--json")
    assert sorted(states(shell).values()) == [
        ("ES256", "current"),
        ("ES256", "next"),
        ("RS256", "current"),
        ("RS256", "next"),
    ]
    assert '"d"' not in listed.out
    assert "sealed" not in listed.out
    assert listed.value[0]["created_at"] == "2027-01-15T08:00:00Z"
    assert [row[0] for row in shell("keys", "list").rows] == ["demo_Pool1"] * 4


def test_a_rotation_makes_the_next_key_sign_and_publishes_another(shell: Terminal) -> None:
    before = states(shell)
    shell.place.clock.now = NOW + 3600
    rotated = shell("keys", "rotate", "--alg", "ES256", "--json")
    assert (rotated.code, rotated.err) == (0, "")
    after = states(shell)
    coming = next(k for k, v in before.items() if v == ("ES256", "next"))
    signing = next(k for k, v in before.items() if v == ("ES256", "current"))
    assert after[coming] == ("ES256", "current")
    assert after[signing] == ("ES256", "retired")
    assert sorted(after.values()) == sorted([*before.values(), ("ES256", "retired")])
    assert {k["kid"] for k in rotated.value} == {k for k, v in after.items() if v[0] == "ES256" and v[1] != "retired"}


def test_a_rotation_warns_of_a_key_that_verifiers_cannot_know_yet(shell: Terminal) -> None:
    shell.place.clock.now = NOW + 299
    early = shell("keys", "rotate", "--alg", "RS256")
    assert early.code == 0
    assert early.err.startswith("warning: the RS256 key that signs now had been published for 299 s only")
    shell.place.clock.now += 300
    late = shell("keys", "rotate", "--alg", "RS256")
    assert (late.code, late.err) == (0, "")


def test_an_unknown_algorithm_or_pool_is_refused(shell: Terminal) -> None:
    before = states(shell)
    refused = shell("keys", "rotate", "--alg", "HS256")
    assert refused.code == 2
    assert "--alg: HS256 is not a signing algorithm" in refused.err
    assert shell("keys", "rotate", "--pool", "none_x").code == 1
    assert shell("keys", "list", "--pool", "none_x").code == 1
    assert states(shell) == before


def test_without_pools_there_are_no_keys(bare: Terminal) -> None:
    assert bare("keys", "list").out == ""
    assert bare("keys", "list", "--json").value == []
