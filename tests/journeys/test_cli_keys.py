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


def saml(shell: Terminal, *command: str):
    return shell("keys", "saml", *command)


def test_a_key_of_saml_is_changed_in_three_steps(shell: Terminal) -> None:
    (first,) = saml(shell, "list", "--json").value
    assert first["role"] == "signs"
    refused = saml(shell, "use")
    assert (refused.code, "add one first" in refused.err) == (1, True)
    assert saml(shell, "drop").code == 1
    added = saml(shell, "add", "--json").value
    assert [row["role"] for row in added] == ["signs", "published"]
    assert added[0]["sha256"] == first["sha256"]
    assert saml(shell, "add").code == 1, "one at a time"
    used = saml(shell, "use", "--json").value
    assert [row["sha256"] for row in used] == [added[1]["sha256"], first["sha256"]]
    (left,) = saml(shell, "drop", "--json").value
    assert left["sha256"] == added[1]["sha256"]
    assert saml(shell, "list", "--json").value == [left]


def test_each_saml_provider_has_keys_of_its_own(shell: Terminal) -> None:
    shell("idp", "add", "Corp", "--type", "saml", "--set", "metadata_url=https://idp.corp.example/metadata")
    shell("idp", "add", "Acme", "--type", "oidc", "--client-id", "x", "--set", "issuer=https://id.acme.example")
    (of_pool,), (of_corp,) = (
        saml(shell, "list", "--json").value,
        saml(shell, "list", "--provider", "Corp", "--json").value,
    )
    assert of_pool["sha256"] != of_corp["sha256"]
    assert len(saml(shell, "add", "--provider", "Corp", "--json").value) == 2
    assert len(saml(shell, "list", "--json").value) == 1
    assert saml(shell, "list", "--provider", "Nobody").code == 1
    assert "no SAML provider" in saml(shell, "list", "--provider", "Acme").err
