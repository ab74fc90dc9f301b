"""`[pool.ldap]` in pool files: what it says, and which mistakes are found."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from authserver.adapters.sql.registry_rows import pool_of, pool_values
from authserver.model.ldap import LdapPolicy
from authserver.poolfile import PoolFile, load_pool_file
from authserver.tomlfile import BadConfig

ROOT = Path(__file__).parents[2]
BASE = 'base_dn = "ou=people,dc=x"\nfilter = "(uid={username})"\nattribute_mapping = { username = "uid" }\n'
TABLE = '[pool]\nid = "t_Pool1"\n[pool.ldap]\nurl = "ldaps://ldap.example.com"\n' + BASE
GROUPS = '[pool.ldap.groups]\nsource = "memberOf"\nnames = { "cn=eng,dc=x" = "staff" }\n[[groups]]\nname = "staff"\n'

Read = Callable[[str], PoolFile]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def loaded(text: str) -> PoolFile:
        (tmp_path / "pool.toml").write_text(text)
        return load_pool_file(tmp_path / "pool.toml", environ={"LDAP_PASSWORD": "a-password"}, name="pool.toml")

    return loaded


def refusals(read: Read, text: str) -> str:
    with pytest.raises(BadConfig) as refused:
        read(text)
    return "\n".join(fault.sentence for fault in refused.value.faults)


def test_a_table_of_what_is_needed(read: Read) -> None:
    assert read(TABLE).pool.ldap == LdapPolicy(
        url="ldaps://ldap.example.com",
        base_dn="ou=people,dc=x",
        filter="(uid={username})",
        attribute_mapping={"username": "uid"},
    )
    assert not read('[pool]\nid = "t_Pool1"\n').pool.ldap.enabled


def test_the_comment_of_the_example_can_be_taken_as_it_stands(read: Read, tmp_path: Path) -> None:
    lines = (ROOT / "config/pools/example.toml").read_text().splitlines()
    first = lines.index("# [pool.ldap]")
    last = next(n for n in range(first, len(lines)) if not lines[n].startswith("# "))
    table = "\n".join(line.removeprefix("# ") for line in lines[first:last])
    keys = set(re.findall(r"^(\w+) =", table, re.MULTILINE))
    schema = json.loads((ROOT / "config/pool.schema.json").read_text())["$defs"]
    known = {*schema["LdapModel"]["properties"], *schema["LdapGroupsModel"]["properties"]}
    assert keys == known - {"groups"}
    table = table.replace("start_tls = true", "").replace("ca_file", "# ca_file")
    file = read(f'[pool]\nid = "t_Pool1"\n{table}\n[[groups]]\nname = "staff"\n')
    assert file.ldap_password is not None
    assert file.ldap_password.value == "a-password"
    assert file.pool.ldap.timeout == 5.0
    assert "a-password" not in repr(file)


@pytest.mark.parametrize(
    ("text", "key", "sentence"),
    [
        (TABLE.replace("ldaps://ldap.example.com", "https://x"), "url", "must be ldaps://host"),
        (TABLE + "start_tls = false\n", "start_tls", "means nothing for ldaps://"),
        (TABLE + 'bind_dn = "cn=a,dc=x"\n', "bind_dn", "needs bind_password"),
        (TABLE + 'bind_password = { env = "LDAP_PASSWORD" }\n', "bind_password", "bind_dn is missing"),
        (TABLE.replace("ou=people,dc=x", "people"), "base_dn", "not of the form type=value"),
        (TABLE.replace("(uid={username})", "(uid=*{username}*)"), "filter", "must compare {username} by ="),
        (TABLE.replace("username =", "email ="), "attribute_mapping", "must name `username`"),
        (TABLE.replace('"uid" }', '"u id" }'), "attribute_mapping.username", "must be the name of an attribute"),
        (TABLE.replace('"uid" }', '"uid", color = "c" }'), "attribute_mapping.color", "is no attribute of the pool"),
        (TABLE.replace('"uid" }', '"uid", email_verified = "c" }'), "email_verified", "is not mapped"),
        (TABLE + 'ca_file = "nowhere.pem"\n', "ca_file", "cannot be read"),
        (TABLE + 'ca_file = "pool.toml"\n', "ca_file", "holds no certificate in PEM"),
        (TABLE + 'timeout = "1m"\n', "timeout", "at most 30s"),
        (TABLE + GROUPS.replace('"staff" }', '"board" }'), "groups.names", "`board` is no group of this file"),
        (TABLE + GROUPS.replace("cn=eng,dc=x", "eng"), "groups.names", "not of the form type=value"),
        (
            TABLE + GROUPS.replace(" }\n[[", ', "CN=Eng, dc=x" = "staff" }\n[['),
            "groups.names",
            "is the same group as another",
        ),
        (TABLE + GROUPS.replace('source = "memberOf"\n', ""), "groups", "needs either source, or base_dn and filter"),
        (
            TABLE + GROUPS.replace('source = "memberOf"', 'source = "memberOf"\nbase_dn = "dc=x"'),
            "groups.source",
            "give one way to find groups",
        ),
        (TABLE + GROUPS.replace("memberOf", "member of"), "groups.source", "must be the name of an attribute"),
        (
            TABLE + GROUPS.replace('source = "memberOf"', 'base_dn = "groups"\nfilter = "(cn=all)"'),
            "groups.base_dn",
            "not of the form type=value",
        ),
        (
            TABLE + GROUPS.replace('source = "memberOf"', 'base_dn = "dc=x"\nfilter = "(cn=all)"'),
            "groups.filter",
            "must hold {username} or {dn}",
        ),
    ],
)
def test_mistakes_are_told_with_their_key(read: Read, text: str, key: str, sentence: str) -> None:
    told = refusals(read, text)
    assert f"{key}" in told
    assert sentence in told


def test_without_the_extra_the_table_is_refused_with_what_to_do(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sansldap", None)
    told = refusals(read, TABLE)
    assert "`pool.ldap.url`" in told
    assert "pip install 'poolgate[ldap]'" in told


def test_a_pool_is_stored_with_its_directory_and_one_of_before_has_none(read: Read) -> None:
    pool = read(TABLE + GROUPS).pool
    values = pool_values(pool)
    assert pool_of(tuple(values.values()), ()).ldap == pool.ldap
    values["policies"] = "{}"
    assert pool_of(tuple(values.values()), ()).ldap == LdapPolicy()
