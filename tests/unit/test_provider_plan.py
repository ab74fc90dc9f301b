"""Identity providers of a pool file: what applying it would change."""

from dataclasses import replace
from pathlib import Path

import pytest

from authserver.accounts.provider_plan import provider_faults, provider_plan, sealed_provider
from authserver.crypto.sealing import Sealer
from authserver.crypto.secrets import b64url_decode
from authserver.effects import SystemRandom
from authserver.poolfile import PoolFile, load_pool_file
from federation.model import IdentityProvider

POOL = '[pool]\nid = "t_Pool1"\n'
ACME = """
[[identity_providers]]
name = "Acme"
type = "oidc"
issuer = "https://id.acme.example"
client_id = "poolgate"
client_secret = "a-secret-of-the-provider-0123456789"
domains = ["acme.example"]
"""
OTHER = ACME.replace("Acme", "Other").replace("acme.example", "other.example")


@pytest.fixture
def read(tmp_path: Path):
    def read(text: str) -> PoolFile:
        (tmp_path / "pool.toml").write_text(POOL + text)
        return load_pool_file(tmp_path / "pool.toml", environ={})

    return read


def stored(file: PoolFile) -> list[IdentityProvider]:
    """As they are once the file was applied."""
    sealer = Sealer(bytes(32), SystemRandom())
    plan = provider_plan((), file, prune=False)
    return [sealed_provider("t_Pool1", provider, file, sealer) for _, provider in plan.put]


def test_a_file_that_was_applied_changes_nothing(read) -> None:
    file = read(ACME + OTHER)
    plan = provider_plan(stored(file), file, prune=True)
    assert (plan.changes, plan.put, plan.delete) == ((), (), ())


def test_another_secret_is_a_change_and_what_is_sealed_stays_sealed(read) -> None:
    before = stored(read(ACME))
    same = provider_plan(before, read(ACME.replace("acme.example", "acme2.example")), prune=False)
    assert same.put[0][1].sealed_secrets == before[0].sealed_secrets
    other = provider_plan(before, read(ACME.replace("0123456789", "9876543210")), prune=False)
    (change,) = other.changes
    assert [field.after for field in change.fields] == ["(secret changed)"]
    assert other.put[0][1].sealed_secrets == {}


def test_a_secret_is_sealed_for_its_provider_alone(read) -> None:
    (acme,) = stored(read(ACME))
    sealer = Sealer(bytes(32), SystemRandom())
    sealed = b64url_decode(acme.sealed_secrets["client_secret"])
    assert sealer.open(sealed, "pools/t_Pool1/providers/Acme/client_secret").decode().startswith("a-secret")
    with pytest.raises(Exception, match="does not open"):
        sealer.open(sealed, "pools/t_Pool1/providers/Other/client_secret")


def test_another_order_moves_the_buttons(read) -> None:
    before = stored(read(ACME + OTHER))
    plan = provider_plan(before, read(OTHER + ACME), prune=False)
    assert [(position, provider.name) for position, provider in plan.put] == [(0, "Other"), (1, "Acme")]
    assert {(change.name, change.fields[0].name) for change in plan.changes} == {
        ("Other", "position"),
        ("Acme", "position"),
    }


def test_what_the_file_does_not_mention_goes_only_if_a_file_owns_it_and_pruning_is_asked_for(read) -> None:
    before = stored(read(ACME + OTHER))
    assert provider_plan(before, read(ACME), prune=False).delete == ()
    assert provider_plan(before, read(ACME), prune=True).delete == ("Other",)
    by_hand = [before[0], replace(before[1], managed=False)]
    assert provider_plan(by_hand, read(ACME), prune=True).delete == ()


def test_a_domain_of_a_provider_that_the_file_does_not_mention_is_told(read) -> None:
    before = stored(read(OTHER))
    file = read(ACME.replace("acme.example", "other.example"))
    (fault,) = provider_faults(before, file, ())
    assert "belongs to the provider Other already" in fault.sentence
    assert list(provider_faults(before, file, ("Other",))) == []
