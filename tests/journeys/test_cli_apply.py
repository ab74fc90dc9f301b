"""`poolgate apply`: the difference shown, carried out, and carried out again."""

import asyncio
import json
import re
import tomllib
from collections.abc import Iterator
from typing import get_args, get_origin

import pytest
from pydantic import BaseModel

from authserver.cli._difference import _DURATIONS
from authserver.crypto.secrets import digest
from authserver.poolfile.client_model import ClientModel
from authserver.poolfile.fields import Seconds
from authserver.poolfile.pool_model import PoolModel
from authserver.tomlfile.document import inner_models
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
    assert 'redirect_uris  ["https://app.example/cb"]' in shown.out
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
        '      tokens.access_ttl  "15m" -> "5m"',
        "demo_Pool1: 1 change to make; nothing was changed",
    ]


def shown_values(out: str) -> dict[str, str]:
    return dict(line.strip().split("  ", 1) for line in out.splitlines() if line.startswith("      "))


def test_values_are_shown_as_a_pool_file_has_them(bare: Terminal) -> None:
    bare.environ = {name: SECRET + name for name in ("SHOP_SECRET", "REPORT_SECRET", "HOOK_SECRET")}
    out = bare("apply", str(DEMO.parent / "example.toml"), "--dry-run").out
    shown = shown_values(out)
    assert (shown["min"], shown["max"], shown["self_editable"]) == ("2", "40", "false")
    assert shown["sign_up.terms_changed"] == "2026-01-31T00:00:00Z"
    assert shown["default_max_age"] == '"12h"'
    assert re.search(r'^ +scope +"https://orders\.example\.com/read"$', out, re.MULTILINE)
    assert shown["triggers"].startswith(
        '[{ point = "pre_sign_up", url = "https://hooks.example.com/pre-sign-up", secret'
    )
    assert shown["triggers"].endswith('{ point = "pre_token_generation", callable = "acme.auth:claims" }]')
    for name, value in shown.items():
        if value != "(secret)":
            tomllib.loads(f"{json.dumps(name)} = {value}")


def test_what_is_told_of_a_table_is_what_differs(bare: Terminal) -> None:
    bare.place.key_ring.ensure = bare.place.quick_keys  # type: ignore[assignment,method-assign] - real keys take a third of a second
    api = '[[resource_servers]]\nidentifier = "https://a.example"\nscopes = [{ name = "read", description = "One" }]\n'
    hook = '[[pool.triggers]]\npoint = "pre_sign_up"\ncallable = "acme.auth:check"\n'
    bare("apply", bare.write("pool.toml", POOL + hook + api))
    hook += 'timeout = "1s"\n'
    shown = shown_values(
        bare("apply", bare.write("pool.toml", POOL + hook + api.replace("One", "Two")), "--dry-run").out
    )
    hook_before = '[{ point = "pre_sign_up", callable = "acme.auth:check" }]'
    hook_after = '[{ point = "pre_sign_up", callable = "acme.auth:check", timeout = "1s" }]'
    assert shown == {
        "triggers": f"{hook_before} -> {hook_after}",
        "scopes": '[{ name = "read", description = "One" }] -> [{ name = "read", description = "Two" }]',
    }


def test_every_duration_of_a_pool_file_is_shown_as_one() -> None:
    def durations(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
        for name, field in model.model_fields.items():
            if any(isinstance(note, Seconds) for note in (*field.metadata, *_inner_notes(field.annotation))):
                yield f"{prefix}{name}"
            for inner in inner_models(field.annotation):
                if get_origin(field.annotation) is not list:
                    yield from durations(inner, f"{prefix}{name}.")

    assert {*durations(PoolModel), *durations(ClientModel)} == _DURATIONS


def _inner_notes(annotation: object) -> list[object]:
    """Of `Annotated[int, Seconds()] | None` what stands in the brackets."""
    return [note for inner in get_args(annotation) for note in getattr(inner, "__metadata__", ())]


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


# ------------------------------------------------------------------------------------------ attributes that change

OLD = """
[pool]
id = "t_Pool1"
[[pool.attributes]]
name = "custom:floor"
[[pool.attributes]]
name = "custom:desk"
[[pool.attributes]]
name = "custom:team"
"""

NEW = """
[pool]
id = "t_Pool1"
[[pool.attributes]]
name = "custom:floor"
type = "number"
[[pool.attributes]]
name = "custom:place"
renamed_from = "custom:desk"
max = 3
[[pool.attributes]]
name = "custom:badge"
backfill = "none"
"""


@pytest.fixture
def staffed(bare: Terminal) -> Terminal:
    """A pool whose users have attributes."""
    bare.place.key_ring.ensure = bare.place.quick_keys  # type: ignore[assignment,method-assign] - real keys take a third of a second
    assert bare("apply", bare.write("pool.toml", OLD)).code == 0
    for name, floor, desk in (("ada", "3", "a1"), ("bob", "12", "window"), ("carol", "ground", "c3")):
        values = ("--attribute", f"custom:floor={floor}", "--attribute", f"custom:desk={desk}")
        bare("user", "create", name, "--no-password", *values, "--attribute", "custom:team=blue")
    bare.write("pool.toml", NEW)
    return bare


def values_of(shell: Terminal, name: str) -> dict[str, object]:
    found: dict[str, object] = shell("user", "show", name, "--json").value["attributes"]
    return found


def test_values_that_are_none_of_the_new_type_keep_everything_as_it_is(staffed: Terminal) -> None:
    before = values_of(staffed, "ada")
    for options in ([], ["--dry-run"], ["--json"]):
        refused = staffed("apply", "pool.toml", *options)
        assert (refused.code, refused.out) == (1, "")
        assert "the value of `custom:floor` of the user carol is no number" in refused.err
        assert "--drop-unconvertible" in refused.err
        assert "ground" not in refused.err
    assert values_of(staffed, "ada") == before
    assert staffed("user", "update", "carol", "custom:floor=0").code == 0
    assert staffed("apply", "pool.toml").code == 0
    assert values_of(staffed, "carol")["custom:floor"] == 0


def test_a_dry_run_counts_what_would_change(staffed: Terminal) -> None:
    shown = staffed("apply", "pool.toml", "--dry-run", "--drop-unconvertible")
    assert [line for line in shown.out.splitlines() if line.startswith("note: ")] == [
        "note: custom:place: 3 values will move there from custom:desk",
        "note: custom:floor: 2 values will be converted to number",
        "note: custom:badge: 3 users will be given the value of `backfill`",
        "note: custom:place: 1 value will not fit its new bounds; they stay until they are changed",
        "note: 1 value cannot be converted and will be deleted",
    ]
    assert "~ attribute custom:place" in shown.out
    assert 'name  "custom:desk" -> "custom:place"' in shown.out
    assert values_of(staffed, "ada") == {"custom:floor": "3", "custom:desk": "a1", "custom:team": "blue"}


def test_values_follow_their_attributes(staffed: Terminal) -> None:
    assert staffed("apply", "pool.toml", "--drop-unconvertible").code == 0
    assert values_of(staffed, "ada") == {
        "custom:floor": 3, "custom:place": "a1", "custom:badge": "none", "custom:team": "blue"
    }  # fmt: skip
    assert values_of(staffed, "bob")["custom:place"] == "window"
    assert "custom:floor" not in values_of(staffed, "carol")
    assert staffed("apply", "pool.toml").out == "t_Pool1: up to date\n"
    (entry,) = staffed("audit", "--kind", "pool.schema_changed", "--json").value
    assert entry["actor"] == "operator:olive"
    assert entry["details"] == {
        "added": ["custom:badge"], "renamed": {"custom:desk": "custom:place"}, "converted": {"custom:floor": "number"},
        "users": 3, "dropped": 1,
    }  # fmt: skip


def test_an_attribute_that_is_not_mentioned_goes_with_its_values_only_if_pruned(staffed: Terminal) -> None:
    staffed("apply", "pool.toml", "--drop-unconvertible")
    assert staffed("user", "update", "ada", "custom:team=red").code == 0, "it is defined still"
    shown = staffed("apply", "pool.toml", "--prune", "--dry-run")
    assert "- attribute custom:team" in shown.out
    assert "note: custom:team: 3 values will be deleted" in shown.out
    staffed("apply", "pool.toml", "--prune")
    assert "custom:team" not in values_of(staffed, "ada")
    assert "does not define it" in staffed("user", "update", "ada", "custom:team=red").err


# --------------------------------------------------------------------------------------------------- first users


def test_a_first_user_whose_password_everybody_knows_is_noted(bare: Terminal) -> None:
    bare.place.key_ring.ensure = bare.place.quick_keys  # type: ignore[assignment,method-assign] - real keys take a third of a second
    users = '[pool]\nid = "t_Pool1"\n[[users]]\nusername = "ada"\npassword = "{}"\n'
    noted = bare("apply", "--dry-run", bare.write("p.toml", users.format("password1")))
    assert (noted.code, "note: the password of the user ada is known from data breaches" in noted.out) == (0, True)
    assert "note:" not in bare("apply", "--dry-run", bare.write("p.toml", users.format("wobbly-teapot-orchard"))).out
    off = users.replace("[[users]]", '[pool.password_policy]\nbreached = "off"\n[[users]]')
    assert "note:" not in bare("apply", bare.write("p.toml", off.format("password1"))).out


HASHES = {
    "bcrypt": (
        "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2b$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "time",
    ),
    "argon2id": (
        "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$Zm9yIHRoZSBleGFtcGxlIG9ubHksIG5vIHBhc3N3b3Jk",
        "$argon2id$v=19$m=9999999,t=99,p=1$c29tZXNhbHRzb21lc2FsdA$Zm9yIHRoZSBleGFtcGxlIG9ubHksIG5vIHBhc3N3b3Jk",
        "memory or time",
    ),
    "pbkdf2": (
        "$pbkdf2-sha256$i=600000$c29tZXNhbHRzb21lc2FsdA$Zm9yIHRoZSBleGFtcGxlIG9ubHksIG5vIHBhc3N3b3Jk",
        "$md5$c29tZXNhbHRzb21lc2FsdA$Zm9yIHRoZSBleGFtcGxlIG9ubHksIG5vIHBhc3N3b3Jk",
        "is not a password hash of a known form",
    ),
}


@pytest.mark.parametrize("kind", HASHES)
def test_first_users_bring_hashes_of_other_systems_within_bounds(bare: Terminal, kind: str) -> None:
    good, bad, says = HASHES[kind]
    bare.place.key_ring.ensure = bare.place.quick_keys  # type: ignore[assignment,method-assign] - real keys take a third of a second
    users = '[pool]\nid = "t_Pool1"\n[[users]]\nusername = "ada"\npassword_hash = "{}"\n'
    refused = bare("apply", bare.write("p.toml", users.format(bad)))
    assert (refused.code, says in refused.err) == (1, True)
    assert "p.toml line 3: the user `ada` cannot be created: `password_hash`" in refused.err
    assert bad not in refused.err
    assert says in bare("check", "p.toml").err
    assert bare("apply", bare.write("p.toml", users.format(good))).code == 0
    ada = bare("user", "show", "ada", "--json").value
    stored = asyncio.run(bare.place.stores.directory.password("t_Pool1", ada["id"]))
    assert stored is not None
    assert stored.hash == good


# --------------------------------------------------------------------------------------------------------- the trail


def trail_of(shell: Terminal) -> list[tuple[str, str | None, object]]:
    entries = shell("audit", "--all", "--json").value
    assert {entry["actor"] for entry in entries} == {"operator:olive"}
    return [(entry["kind"], entry["client_id"], entry["details"]) for entry in reversed(entries)]


CLIENT = """
[[clients]]
client_id = "web"
redirect_uris = ["https://app.example/callback"]
client_secret = "q8YtC2vXn4kLw0Zs7uBd"
"""


def test_what_is_applied_is_in_the_trail_once_and_without_values(bare: Terminal) -> None:
    bare.place.key_ring.ensure = bare.place.quick_keys  # type: ignore[assignment,method-assign] - real keys take a third of a second
    pool = '[pool]\nid = "t_Pool1"\n'
    group = '[[groups]]\nname = "staff"\n'
    apply = ("apply", "p.toml")
    bare.write("p.toml", pool + group + CLIENT)
    assert bare(*apply, "--dry-run").code == 0
    assert bare(*apply).code == 0
    assert bare(*apply).code == 0
    first = [("pool.created", None, {}), ("group.created", None, {"group": "staff"}), ("client.created", "web", {})]
    assert trail_of(bare) == first
    changed = pool + 'name = "Renamed"\n[[pool.attributes]]\nname = "custom:desk"\n' + CLIENT
    bare.write("p.toml", changed.replace("q8YtC2v", "another") + 'client_name = "Web shop"\n')
    assert bare(*apply, "--prune").code == 0
    then = [
        ("pool.changed", None, {"changes": ["name", "attribute custom:desk"]}),
        ("group.deleted", None, {"group": "staff"}),
        ("client.secret_changed", "web", {}),
        ("client.changed", "web", {"changes": ["client_name"]}),
    ]
    assert trail_of(bare) == [*first, *then]
    bare.write("p.toml", pool + 'name = "Renamed"\n')
    assert bare(*apply, "--prune").code == 0
    assert trail_of(bare)[7:] == [
        ("pool.changed", None, {"changes": ["attribute custom:desk"]}),
        ("pool.schema_changed", None, {"removed": ["custom:desk"]}),
        ("client.deleted", "web", {}),
    ]
    assert bare("client", "create", "own", "--redirect-uri", "https://app.example/callback").code == 0
    assert bare("client", "rotate-secret", "own").code == 0
    assert bare("client", "delete", "own", "--yes").code == 0
    assert [kind for kind, client, _ in trail_of(bare) if client == "own"] == [
        "client.created", "client.secret_changed", "client.deleted"
    ]  # fmt: skip
