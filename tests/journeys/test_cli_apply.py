"""`poolgate apply`: the difference shown, carried out, and carried out again."""

import asyncio

from authserver.crypto.secrets import digest
from tests.journeys.command_line import DEMO, Terminal

SECRET = "q8YtC2vXn4kLw0Zs7uBd"
POOL = '[pool]\nid = "t_Pool1"\nname = "Test"\n'
STAFF = '[[groups]]\nname = "staff"\n'
WEB = f'[[clients]]\nclient_id = "web"\nclient_secret = "{SECRET}"\nredirect_uris = ["https://app.example/cb"]\n'
ADA = '[[users]]\nusername = "ada"\npassword = "correct-horse-battery"\n'


def version(shell: Terminal) -> int:
    return asyncio.run(shell.place.stores.registry.version())


def test_a_dry_run_shows_the_difference_and_changes_nothing(bare: Terminal) -> None:
    name = bare.write("pool.toml", POOL + STAFF + WEB + ADA)
    shown = bare("apply", name, "--dry-run")
    assert shown.code == 0
    assert shown.err == ""
    assert "+ pool t_Pool1" in shown.out
    assert "+ client web" in shown.out
    assert "redirect_uris  https://app.example/cb" in shown.out
    assert "+ user ada" in shown.out
    assert shown.out.endswith("t_Pool1: 5 changes to make; nothing was changed\n")
    assert version(bare) == 0
    assert asyncio.run(bare.place.stores.registry.pools()) == []
    assert asyncio.run(bare.place.stores.directory.users("t_Pool1")) == []


def test_applying_twice_changes_nothing_the_second_time(bare: Terminal) -> None:
    name = bare.write("pool.toml", POOL + STAFF + WEB + ADA)
    first = bare("apply", name)
    assert first.code == 0
    assert first.out.endswith("t_Pool1: 5 changes made\n")
    before = version(bare)
    second = bare("apply", name)
    assert second.out == "t_Pool1: up to date\n"
    assert version(bare) == before


def test_the_demo_pool_applies(bare: Terminal) -> None:
    assert bare("apply", str(DEMO)).out.endswith("demo_Pool1: 9 changes made\n")
    assert bare("apply", str(DEMO)).out == "demo_Pool1: up to date\n"


def test_a_change_is_shown_with_its_before_and_after(shell: Terminal) -> None:
    text = DEMO.read_text().replace("[[groups]]", '[pool.tokens]\naccess_ttl = "5m"\n\n[[groups]]', 1)
    shown = shell("apply", shell.write("pool.toml", text), "--dry-run")
    assert shown.out.splitlines() == [
        "demo_Pool1 (pool.toml)",
        "  ~ pool demo_Pool1",
        "      tokens.access_ttl  15m -> 5m",
        "demo_Pool1: 1 change to make; nothing was changed",
    ]


def test_on_a_terminal_the_difference_has_colours(bare: Terminal) -> None:
    name = bare.write("pool.toml", POOL + STAFF.replace("staff", "[staff]"))
    shown = bare("apply", name, "--dry-run", screen=True).out
    assert "\x1b[32m  + group [staff]\x1b[0m" in shown
    assert "\x1b" not in bare("apply", name, "--dry-run").out


def test_no_secret_is_ever_printed(bare: Terminal) -> None:
    name = bare.write("pool.toml", POOL + WEB + ADA)
    outcomes = [bare("apply", name, "--dry-run"), bare("apply", name, "--dry-run", "--json"), bare("apply", name)]
    other = bare.write("other.toml", (POOL + WEB + ADA).replace(SECRET, "m3HfR9eJp6aGx1Vo5iTz"))
    outcomes += [bare("apply", other, "--dry-run"), bare("apply", other, "--json")]
    assert "client_secret  (secret) -> (secret changed)" in outcomes[3].out
    for outcome in outcomes:
        assert outcome.code == 0
        for secret in (SECRET, "m3HfR9eJp6aGx1Vo5iTz", digest(SECRET), "correct-horse-battery"):
            assert secret not in outcome.out + outcome.err


def test_json_holds_the_same_difference(bare: Terminal) -> None:
    name = bare.write("pool.toml", POOL + STAFF)
    value = bare("apply", name, "--dry-run", "--json").value
    assert value["dry_run"] is True
    (pool,) = value["pools"]
    assert (pool["pool"], pool["file"]) == ("t_Pool1", "pool.toml")
    assert pool["changes"][0] == {
        "kind": "pool",
        "name": "t_Pool1",
        "action": "create",
        "fields": {"name": {"before": None, "after": "Test"}},
    }
    assert version(bare) == 0
    assert bare("apply", name, "--json").value["dry_run"] is False
    assert version(bare) > 0


def test_branding_that_the_pages_cannot_wear_is_refused(bare: Terminal) -> None:
    branding = '[pool.branding]\ntokens = { color-accent = "#0b5fff" }\n'
    assert bare("apply", bare.write("pool.toml", POOL + branding)).code == 0
    refused = bare("apply", bare.write("pool.toml", POOL + branding.replace("#0b5fff", "url(x)")))
    assert refused.code == 1
    assert refused.err.startswith("poolgate: `pool.branding.tokens.color-accent` in pool.toml: a colour is #rgb")


def test_only_pruning_removes(bare: Terminal) -> None:
    bare("apply", bare.write("pool.toml", POOL + STAFF + WEB))
    smaller = bare.write("pool.toml", POOL)
    assert bare("apply", smaller).out == "t_Pool1: up to date\n"
    shown = bare("apply", smaller, "--prune", "--dry-run")
    assert shown.out.splitlines()[1:3] == ["  - group staff", "  - client web"]
    assert asyncio.run(bare.place.stores.registry.client("t_Pool1", "web")) is not None
    assert bare("apply", smaller, "--prune").code == 0
    assert asyncio.run(bare.place.stores.registry.client("t_Pool1", "web")) is None


def test_mistakes_of_all_files_are_told_and_nothing_is_opened(bare: Terminal) -> None:
    good = bare.write("good.toml", POOL)
    bad = bare.write("bad.toml", '[pool]\nid = "no"\nbogus = 1\n')
    refused = bare("apply", good, bad, "missing.toml")
    assert refused.code == 1
    assert refused.out == ""
    first, second, third = refused.err.splitlines()
    assert first.startswith("poolgate: `pool.id` in bad.toml line 2 must be letters, digits")
    assert second.startswith("poolgate: unknown key `bogus` of [pool] in bad.toml line 3; known here: `id`, `name`")
    assert third == "poolgate: missing.toml cannot be read: No such file or directory"
    assert bare.opened == 0


def test_of_several_files_none_is_applied_if_one_cannot_be(bare: Terminal) -> None:
    bare("apply", bare.write("first.toml", POOL + WEB))
    new = bare.write("new.toml", POOL.replace("Pool1", "Pool2"))
    taken = bare.write("taken.toml", POOL.replace("Pool1", "Pool3") + WEB)
    refused = bare("apply", new, taken)
    assert refused.code == 1
    assert refused.err == "poolgate: taken.toml line 4: the client id `web` belongs to the pool t_Pool1 already\n"
    assert [p.id for p in asyncio.run(bare.place.stores.registry.pools())] == ["t_Pool1"]


def test_secrets_come_from_the_environment(bare: Terminal) -> None:
    name = bare.write("pool.toml", POOL + WEB.replace(f'"{SECRET}"', '{ env = "WEB_SECRET" }'))
    refused = bare("apply", name)
    assert refused.code == 1
    assert "line 6 refers to the environment variable WEB_SECRET, which is not set" in refused.err
    bare.environ = {"WEB_SECRET": SECRET}
    assert bare("apply", name).code == 0


def test_settings_are_read_and_refused(bare: Terminal) -> None:
    name = bare.write("pool.toml", POOL)
    bare.write("poolgate.toml", 'base_urll = "http://localhost"\n')
    refused = bare("apply", name)
    assert (refused.code, refused.err) == (
        1,
        "poolgate: unknown key `base_urll` in poolgate.toml line 1; did you mean `base_url`?\n",
    )
    bare.write("other.toml", 'base_url = "http://localhost"\n')
    assert bare("apply", name, "--config", "other.toml").code == 0
