"""Pool files: what they say, which mistakes are found, and how they are told (DESIGN 3)."""

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from authserver.model.pools import PasswordPolicy, Pool, SessionPolicy, TokenPolicy
from authserver.poolfile import PoolFile, load_pool_file, load_pool_files
from authserver.poolfile.schema import pool_schema, pool_schema_text
from authserver.rules import clients as client_rules
from authserver.rules import names
from authserver.rules.attributes import TEXT_CLAIMS
from authserver.tokens import claims, keyring
from authserver.tomlfile import BadConfig
from tests.unit.json_schema import problems

ROOT = Path(__file__).parents[2]
SECRETS = {
    "SHOP_SECRET": "q8YtC2vXn4kLw0Zs7uBd",
    "REPORT_SECRET": "m3HfR9eJp6aGx1Vo5iTz",
    "HOOK_SECRET": "k" * 12 + "w5Tz8Qm2Rv7x",
}

Read = Callable[[str], PoolFile]

POOL = '[pool]\nid = "t_Pool1"\n'
SERVER = '[[resource_servers]]\nidentifier = "https://api.example"\nscopes = [{ name = "read" }]\n'
WEB = (
    '[[clients]]\nclient_id = "web"\nclient_secret = "q8YtC2vXn4kLw0Zs7uBd"\n'
    'redirect_uris = ["https://app.example/cb"]\n'
)


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """A pool file of the given text, called pool.toml in messages."""

    def loaded(text: str) -> PoolFile:
        (tmp_path / "pool.toml").write_text(text)
        return load_pool_file(tmp_path / "pool.toml", environ=SECRETS, name="pool.toml")

    return loaded


def refusal(read: Read, text: str) -> list[str]:
    with pytest.raises(BadConfig) as refused:
        read(text)
    return [fault.sentence for fault in refused.value.faults]


# ---------------------------------------------------------------------------------------------------- what it says


def test_a_pool_of_two_lines_has_the_defaults_of_the_design(read: Read) -> None:
    pool = read(POOL).pool
    assert pool == Pool(id="t_Pool1", name="t_Pool1")
    assert pool.tokens == TokenPolicy(60, 900, 3600, 2592000, 1209600, 10, "ES256")
    assert pool.session == SessionPolicy(28800, 86400)
    assert pool.password_policy == PasswordPolicy(min_length=8)


def test_the_demo_pool_is_the_one_of_the_design() -> None:
    demo = load_pool_file(ROOT / "config/pools/demo.toml", environ={})
    assert demo.pool.id == "demo_Pool1"
    assert [s.scope_names() for s in demo.pool.resource_servers] == [
        ("https://orders.example/read", "https://orders.example/write")
    ]
    ada, bob = demo.users
    assert (ada.username, ada.groups, ada.email, ada.email_verified) == ("ada", ("staff",), "ada@example.com", True)
    assert (bob.username, bob.groups, bob.email, bob.email_verified) == ("bob", (), "bob@example.com", True)
    assert [u.password and u.password.value for u in demo.users] == ["correct-horse-battery"] * 2
    assert {"given_name", "family_name", "name", "locale"} <= set(ada.attributes)
    web, machine, spa = (spec.client for spec in demo.clients)
    assert web.client_id == "demo-web"
    assert web.redirect_uris == ("http://127.0.0.1:8001/callback",)
    assert web.accepts_redirect_uri("http://127.0.0.1:9001/callback")
    assert web.accepts_post_logout_redirect_uri("http://127.0.0.1:9001/")
    assert web.grant_types == ("authorization_code", "refresh_token")
    assert machine.grant_types == ("client_credentials",)
    assert machine.scope == demo.pool.resource_servers[0].scope_names()
    assert spa.public
    assert spa.require_pkce


def test_the_example_has_every_key_that_can_be_given() -> None:
    example = load_pool_file(ROOT / "config/pools/example.toml", environ=SECRETS)
    assert example.pool.id == "example_Pool1"
    data = tomllib.loads((ROOT / "config/pools/example.toml").read_text())
    schema = pool_schema()
    absent = {
        "PoolModel.domain",
        "PoolModel.ldap",  # a comment, so that the example asks no host that there is not; tests/unit/test_poolfile_ldap.py
        "RegistrationModel.initial_access_token",
        "ClientModel.jwks",
        "ClientModel.jwks_uri",
        "UserModel.password",
        # Files, and what stands for one: tests/unit/test_poolfile_service_providers.py
        "ServiceProviderModel.metadata",
        "ServiceProviderModel.metadata_file",
        "ServiceProviderModel.certificate_files",
        "ServiceProviderModel.encryption_certificate_file",
    }
    assert set(unused(data, schema, schema, "PoolFileModel")) == absent


def unused(data: Any, node: dict[str, Any], root: dict[str, Any], label: str) -> set[str]:
    """The properties of the schema that the data (a list counts as all its elements) leave out."""
    items = data if isinstance(data, list) else [data]
    if node.get("type") == "array":
        node = node.get("items", {})
    if "$ref" in node:
        label = node["$ref"].removeprefix("#/$defs/")
        node = root["$defs"][label]
    found: set[str] = set()
    for name, inner in node.get("properties", {}).items():
        given = [item[name] for item in items if name in item]
        nested = [x for g in given for x in (g if isinstance(g, list) else [g])]
        found |= unused(nested, inner, root, label) if given else {f"{label}.{name}"}
    return found


def test_scopes_left_out_are_the_pool_s_defaults(read: Read) -> None:
    file = read(POOL + 'default_scopes = ["openid", "phone"]\n' + WEB)
    assert file.clients[0].client.scope == ("openid", "phone")


def test_a_machine_client_has_neither_response_types_nor_default_scopes(read: Read) -> None:
    text = POOL + WEB.replace('redirect_uris = ["https://app.example/cb"]', 'grant_types = ["client_credentials"]')
    client = read(text).clients[0].client
    assert client.response_types == ()
    assert client.scope == ()


def test_the_cognito_profile_signs_access_tokens_with_rs256(read: Read) -> None:
    assert read(POOL + 'claims_profile = "cognito"\n').pool.tokens.access_alg == "RS256"
    assert read(POOL).pool.tokens.access_alg == "ES256"


def test_addresses_come_out_in_their_normal_forms(read: Read) -> None:
    user = '[[users]]\nusername = "ada"\nemail = "Ada@EXAMPLE.com"\nphone_number = "+1 (555) 555-0100"\n'
    seed = read(POOL + user).users[0]
    assert seed.email == "Ada@example.com"
    assert seed.phone_number == "+15555550100"


def test_dates_of_toml_become_text(read: Read) -> None:
    text = POOL + '[[pool.attributes]]\nname = "custom:hired"\ntype = "datetime"\n[[users]]\nusername = "ada"\n'
    text += '[users.attributes]\n"custom:hired" = 2026-01-31T12:00:00Z\n'
    assert read(text).users[0].attributes == {"custom:hired": "2026-01-31T12:00:00Z"}


def test_secrets_by_reference_are_read_and_are_not_plain(read: Read, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("m3HfR9eJp6aGx1Vo5iTz\n")
    by_name = read(POOL + WEB.replace('"q8YtC2vXn4kLw0Zs7uBd"', '{ env = "SHOP_SECRET" }'))
    by_file = read(POOL + WEB.replace('"q8YtC2vXn4kLw0Zs7uBd"', '{ file = "secret" }'))
    plain = read(POOL + WEB)
    assert by_name.clients[0].secret is not None
    assert by_name.clients[0].secret.value == SECRETS["SHOP_SECRET"]
    assert by_file.clients[0].secret is not None
    assert by_file.clients[0].secret.value == "m3HfR9eJp6aGx1Vo5iTz"
    assert by_name.plain_secrets == by_file.plain_secrets == ()
    assert plain.plain_secrets == ("`clients.client_secret` in pool.toml line 5",)


def test_no_secret_is_in_repr(read: Read) -> None:
    text = POOL + WEB + '[[users]]\nusername = "ada"\npassword = "s3cr3t-words"\n'
    assert "s3cr3t-words" not in repr(read(text))
    assert "q8YtC2vXn4kLw0Zs7uBd" not in repr(read(text))


# ---------------------------------------------------------------------------------------------------- unknown keys


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (POOL + "namee = 1\n", "unknown key `namee` of [pool] in pool.toml line 3; did you mean `name`?"),
        (
            POOL + "[pool.tokens]\nacess_ttl = 5\n",
            "unknown key `acess_ttl` of [pool.tokens] in pool.toml line 4; did you mean `access_ttl`?",
        ),
        (
            POOL + WEB + 'redirect_uri = "x"\n',
            "unknown key `redirect_uri` of [clients] in pool.toml line 7; did you mean `redirect_uris`?",
        ),
        (
            POOL + SERVER.replace("name =", "namee ="),
            "unknown key `namee` of [resource_servers.scopes] in pool.toml line 5; did you mean `name`?",
        ),
        (POOL + "[[client]]\n", "unknown key `client` in pool.toml line 3; did you mean `clients`?"),
        (
            POOL + '[pool.tokens]\nlanguages = ["en"]\n',
            "unknown key `languages` of [pool.tokens] in pool.toml line 4; it belongs in [pool]",
        ),
        (
            POOL + '[[users]]\nusername = "ada"\nrequire_consent = true\n',
            "unknown key `require_consent` of [users] in pool.toml line 5; it belongs in [[clients]]",
        ),
        ('languages = ["en"]\n' + POOL, "unknown key `languages` in pool.toml line 1; it belongs in [pool]"),
    ],
)
def test_an_unknown_key_is_refused_with_its_line_and_the_nearest_name(read: Read, text: str, says: str) -> None:
    assert says in refusal(read, text)


def test_all_mistakes_are_told_at_once(read: Read) -> None:
    text = (
        '[pool]\nid = "no"\nbogus = 1\n'
        "[pool.tokens]\naccess_ttl = true\n"
        '[[groups]]\nname = "a b"\n'
        '[[users]]\nusername = " ada"\ngroups = ["nobody"]\n'
        '[[clients]]\nclient_id = "a"\nredirect_uris = ["http://app.example/cb"]\n'
        "[[clients]]\nclient_id = 5\n"
    )
    lines = [int(re.search(r"line (\d+)", s)[1]) for s in refusal(read, text)]  # type: ignore[index] - all have one
    assert lines == sorted(lines)
    assert {2, 3, 5, 7, 9, 13, 15} <= set(lines)


def test_several_files_are_refused_together(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('[pool]\nid = "x"\n')
    (tmp_path / "b.toml").write_text("[pool\n")
    with pytest.raises(BadConfig) as refused:
        load_pool_files([tmp_path / "a.toml", tmp_path / "b.toml", tmp_path / "c.toml"], environ={})
    assert [Path(f.file).name for f in refused.value.faults] == ["a.toml", "b.toml", "c.toml"]


def test_two_files_may_not_share_a_pool_or_a_client(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(POOL + WEB)
    (tmp_path / "b.toml").write_text(POOL)
    (tmp_path / "c.toml").write_text(POOL.replace("Pool1", "Pool2") + WEB)
    with pytest.raises(BadConfig, match="describes the pool t_Pool1, as"):
        load_pool_files([tmp_path / "a.toml", tmp_path / "b.toml"], environ={})
    with pytest.raises(BadConfig, match="line 3: the client id `web` is in"):
        load_pool_files([tmp_path / "a.toml", tmp_path / "c.toml"], environ={})
    assert len(load_pool_files([tmp_path / "b.toml", tmp_path / "c.toml"], environ={})) == 2


def test_a_table_where_several_are_expected_is_refused(read: Read) -> None:
    assert refusal(read, POOL + '[groups]\nname = "staff"\n') == [
        "`groups` in pool.toml line 3 must be an array of tables: [[groups]]"
    ]
    assert refusal(read, "pool = 5\n") == ["`pool` in pool.toml line 1 must be a table"]


def test_a_file_without_a_pool_is_refused(read: Read) -> None:
    assert refusal(read, WEB) == ["pool.toml has no [pool] table"]


# ---------------------------------------------------------------------------------------------------- rules

USER = '[[users]]\nusername = "ada"\n'
ATTRIBUTE = '[[pool.attributes]]\nname = "custom:level"\ntype = "number"\nmin = 1\nmax = 9\n'
HASH = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$aGFzaA"
PUBLIC = WEB.replace('client_secret = "q8YtC2vXn4kLw0Zs7uBd"', 'token_endpoint_auth_method = "none"')

PAIRS = {
    "pool id": (POOL, 't_Pool1"', 't-Pool1"', "`pool.id` in pool.toml line 2 must be letters"),
    "pool id length": (POOL, "t_Pool1", "t_" + "x" * 54, "at most 55"),
    "redirect uri": (POOL + WEB, "https://app", "http://app", "`http://app.example/cb` may use plain http on loopback"),
    "redirect fragment": (POOL + WEB, "/cb", "/cb#x", "is not a URI"),
    "redirect wildcard": (POOL + WEB, "/cb", "/*", "wildcard"),
    "redirect scheme": (POOL + WEB, "https://app.example", "myapp:", "private scheme"),
    "redirect twice": (POOL + WEB, 'cb"]', 'cb", "https://app.example/cb"]', "names a URI twice"),
    "redirect missing": (POOL + WEB, "redirect_uris", "post_logout_redirect_uris", "is needed for authorization_code"),
    "pkce of public": (POOL + PUBLIC + "require_pkce = true\n", "= true", "= false", "only for a client with a secret"),
    "public secret": (POOL + PUBLIC, "[[clients]]", '[[clients]]\nclient_secret = "q8YtC2vXn4kLw0Zs7uBd"', "left out"),
    "no secret": (POOL + WEB, "client_secret =", "client_name =", "is needed for client_secret_basic"),
    "short secret": (POOL + WEB, "q8YtC2vXn4kLw0Zs7uBd", "q8YtC2vXn4kLw0Z", "16 to 512"),
    "sample secret": (POOL + WEB, "q8YtC2vXn4kLw0Zs7uBd", "changeme-changeme", "looks like a sample"),
    "sample secret 2": (POOL + WEB, "q8YtC2vXn4kLw0Zs7uBd", "my-super-secret-secret", "looks like a sample"),
    "sample secret 3": (POOL + WEB, "q8YtC2vXn4kLw0Zs7uBd", "12345678901234567890", "looks like a sample"),
    "one letter secret": (POOL + WEB, "q8YtC2vXn4kLw0Zs7uBd", "aaaaaaaaaaaaaaaaaaaaa", "looks like a sample"),
    "secret alphabet": (POOL + WEB, "q8YtC2vXn4kLw0Zs7uBd", "q8YtC2vXn4kLwäöüs7uBd", "printable ASCII"),
    "secret reference": (POOL + WEB, '"q8YtC2vXn4kLw0Zs7uBd"', '{ env = "NOPE" }', "NOPE, which is not set"),
    "grant type": (POOL + WEB + 'grant_types = ["authorization_code"]\n', '_code"]', '_code", "password"]', "must be"),
    "no grant type": (
        POOL + WEB + 'grant_types = ["authorization_code"]\n',
        '["authorization_code"]',
        "[]",
        "at least one",
    ),
    "machine without secret": (
        POOL + PUBLIC + 'grant_types = ["authorization_code"]\n',
        '_code"]',
        '_code", "client_credentials"]',
        "needs a secret",
    ),
    "refresh alone": (
        POOL + WEB + 'grant_types = ["authorization_code", "refresh_token"]\n',
        '"authorization_code", ',
        "",
        "refresh_token without authorization_code",
    ),
    "auth method": (
        POOL + WEB + 'token_endpoint_auth_method = "client_secret_post"\n',
        "client_secret_post",
        "private_key_jwt",
        "'client_secret_basic', 'client_secret_post' or 'none'",
    ),
    "response type": (POOL + WEB + 'response_types = ["code"]\n', '"code"', '"token"', "must be 'code'"),
    "response types": (POOL + WEB + 'response_types = ["code"]\n', '["code"]', "[]", 'must be ["code"]'),
    "standard scope": (POOL + WEB + 'scope = "openid email"\n', "email", "emails", "`emails` is neither"),
    "custom scope": (
        POOL + SERVER + WEB + 'scope = "https://api.example/read"\n',
        'example/read"',
        'example/write"',
        "`https://api.example/write` is neither",
    ),
    "scope twice": (POOL + WEB + 'scope = "openid email"\n', "email", "openid", "names a scope twice"),
    "default scope": (POOL + 'default_scopes = ["openid"]\n', '"openid"', '"open"', "`open` is neither"),
    "client twice": (POOL + WEB + WEB.replace('"web"', '"app"'), '"app"', '"web"', "is `web` a second time"),
    "client id": (POOL + WEB, '"web"', '"we b"', "must be 1 to 128 letters"),
    "client access ttl": (POOL + WEB + 'access_ttl = "24h"\n', "24h", "25h", "must be at most 1d"),
    "id token alg": (POOL + WEB + 'id_token_signed_response_alg = "ES256"\n', "ES256", "none", "'ES256' or 'RS256'"),
    "client page": (POOL + WEB + 'client_uri = "https://app.example"\n', "https", "javascript", "must be an https URL"),
    "access ttl": (POOL + '[pool.tokens]\naccess_ttl = "24h"\n', "24h", "86401s", "must be at most 1d"),
    "id ttl": (POOL + '[pool.tokens]\nid_ttl = "1d"\n', "1d", "2d", "must be at most 1d"),
    "code ttl": (POOL + "[pool.tokens]\ncode_ttl = 600\n", "600", "601", "must be at most 10m"),
    "duration": (POOL + '[pool.tokens]\nrefresh_ttl = "30d"\n', "30d", "30 days", "must be a duration"),
    "access alg": (POOL + '[pool.tokens]\naccess_alg = "RS256"\n', "RS256", "HS256", "'ES256' or 'RS256'"),
    "language": (POOL + 'languages = ["en", "pt-BR"]\n', "pt-BR", "portuguese!", "must be a language tag"),
    "languages": (POOL + 'languages = ["en", "ko"]\n', "ko", "en", "names something twice"),
    "no language": (POOL + 'languages = ["en"]\n', '"en"', "", "at least 1 item"),
    "sign in with": (POOL + 'sign_in_with = ["email"]\n', "email", "mail", "must be 'username', 'email'"),
    "password length": (POOL + "[pool.password_policy]\nmin_length = 15\n", "15", "4", "greater than or equal to 6"),
    "password lengths": (
        POOL + "[pool.password_policy]\nmin_length = 64\nmax_length = 64\n",
        "min_length = 64",
        "min_length = 65",
        "is greater than max_length",
    ),
    "attribute name": (POOL + ATTRIBUTE, "custom:level", "level", "must be a standard claim"),
    "attribute type": (POOL + ATTRIBUTE, '"number"', '"int"', "must be 'string'"),
    "attribute bounds": (POOL + ATTRIBUTE, "min = 1", "min = 10", "is greater than max"),
    "attribute bounds of a flag": (POOL + ATTRIBUTE, '"number"', '"boolean"', "has no meaning for the type boolean"),
    "standard attribute": (POOL + ATTRIBUTE, "custom:level", "nickname", "must be string"),
    "attribute twice": (
        POOL + ATTRIBUTE + ATTRIBUTE.replace("level", "grade"),
        "custom:grade",
        "custom:level",
        "is `custom:level` a second time",
    ),
    "group name": (POOL + '[[groups]]\nname = "staff"\n', "staff", "the staff", "must not hold spaces"),
    "group twice": (
        POOL + '[[groups]]\nname = "staff"\n[[groups]]\nname = "boss"\n',
        "boss",
        "staff",
        "is `staff` a second time",
    ),
    "precedence": (POOL + '[[groups]]\nname = "staff"\nprecedence = 0\n', "= 0", "= -1", "greater than or equal to 0"),
    "identifier": (POOL + SERVER, "https://api.example", "https://api example", "RFC 6749 3.3"),
    "identifier fragment": (POOL + SERVER, "https://api.example", "https://api.example#x", "fragment"),
    "identifier twice": (
        POOL + SERVER + SERVER.replace("api", "apj"),
        "apj",
        "api",
        "is `https://api.example` a second time",
    ),
    "scope name": (POOL + SERVER, '"read"', '"orders/read"', "must not hold a slash"),
    "scope name quote": (POOL + SERVER, '"read"', "'re\"ad'", "RFC 6749 3.3"),
    "scope name twice": (POOL + SERVER, "[{", '[{ name = "write" }, {', ""),
    "username": (POOL + USER, '"ada"', '"ada\\u0007"', "must not hold control characters"),
    "username space": (POOL + USER, '"ada"', '"ada "', "surrounding space"),
    "username empty": (POOL + USER, '"ada"', '""', "1 to 128"),
    "username invisible": (POOL + USER, '"ada"', '"\\u200d"', "a visible character"),
    "username twice": (POOL + USER + '[[users]]\nusername = "bob"\n', "bob", "ADA", "is `ada` a second time"),
    "email": (POOL + USER + 'email = "ada@example.com"\n', "ada@", "ada", "is not an email address"),
    "email verified": (
        POOL + USER + 'email = "ada@example.com"\nemail_verified = true\n',
        'email = "ada@example.com"\n',
        "",
        "is true without email",
    ),
    "email twice": (
        POOL + USER + 'email = "ada@x.example"\nemail_verified = true\n'
        '[[users]]\nusername = "bob"\nemail = "bob@x.example"\nemail_verified = true\n',
        "bob@x",
        "ADA@X",
        "is `ada@x.example` a second time",
    ),
    "phone": (POOL + USER + 'phone_number = "+15555550100"\n', "+1", "", "with its country code"),
    "two passwords": (
        POOL + USER + 'password = "correct-horse"\n',
        "[[users]]",
        f'[[users]]\npassword_hash = "{HASH}"',
        "stands beside a password",
    ),
    "former name": (
        POOL + ATTRIBUTE + 'renamed_from = "custom:grade"\n',
        '"custom:grade"',
        '"email"',
        "is about a key of its own beside the attributes",
    ),
    "former name that is there": (
        POOL + ATTRIBUTE + 'renamed_from = "custom:grade"\n[[pool.attributes]]\nname = "custom:other"\n',
        '"custom:other"',
        '"custom:grade"',
        "is `custom:grade`, which is an attribute still",
    ),
    "former name of two": (
        POOL
        + ATTRIBUTE
        + 'renamed_from = "custom:grade"\n'
        + '[[pool.attributes]]\nname = "custom:other"\nrenamed_from = "custom:before"\n',
        '"custom:before"',
        '"custom:grade"',
        "is `custom:grade` a second time",
    ),
    "backfill": (POOL + ATTRIBUTE + "backfill = 3\n", "backfill = 3", 'backfill = "x"', "must be a number"),
    "backfill that is no number": (
        POOL + ATTRIBUTE + "backfill = 3.5\n",
        "3.5",
        "inf",
        "is too large for a number",
    ),
    "backfill of an address": (
        POOL + '[[pool.attributes]]\nname = "nickname"\nbackfill = "a@example.com"\n',
        '"nickname"',
        '"email"',
        "email is each user's own",
    ),
    "user's group": (
        POOL + '[[groups]]\nname = "staff"\n' + USER + 'groups = ["staff"]\n',
        'groups = ["staff"]',
        'groups = ["stuff"]',
        "`stuff` is no group of this file",
    ),
    "user's attribute": (
        POOL + ATTRIBUTE + USER + 'attributes = { "custom:level" = 3 }\n',
        "= 3 }",
        "= 30 }",
        "`users.attributes.custom:level` in pool.toml line 10 must be at most 9",
    ),
    "unknown attribute": (
        POOL + USER + 'attributes = { given_name = "Ada" }\n',
        "given_name",
        "givenname",
        "is no standard claim",
    ),
    "attribute value": (POOL + USER + 'attributes = { given_name = "Ada" }\n', '"Ada"', "5", "must be text"),
    "own attribute": (
        POOL + USER + 'attributes = { given_name = "Ada" }\n',
        "given_name",
        "email",
        "is a key of its own",
    ),
    "required attribute": (
        POOL + ATTRIBUTE + "required = true\n" + USER + 'attributes = { "custom:level" = 3 }\n',
        'attributes = { "custom:level" = 3 }',
        "",
        "lacks `custom:level`",
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_a_mistake_is_refused_and_its_twin_is_not(read: Read, name: str) -> None:
    good, right, wrong, says = PAIRS[name]
    assert right in good
    read(good)
    if name == "scope name twice":
        read(good.replace(right, wrong))
        wrong, says = '[{ name = "read" }, {', "is `read` a second time"
    bad = good.replace(right, wrong) if name in {"pool id", "sign in with"} else wrong.join(good.rsplit(right, 1))
    assert any(says in sentence for sentence in refusal(read, bad)), refusal(read, bad)


NOT_YET = {
    "domain": (POOL + 'domain = "login.acme.com"\n', "a domain of the pool's own"),
    "dynamic": (POOL + '[pool.registration]\ndynamic = "open"\n', "dynamic client registration"),
    "jwks": (POOL + WEB + 'jwks_uri = "https://app.example/jwks"\n', "clients with keys of their own"),
}


@pytest.mark.parametrize("name", NOT_YET)
def test_a_feature_of_later_versions_is_refused_rather_than_ignored(read: Read, name: str) -> None:
    text, feature = NOT_YET[name]
    (sentence,) = refusal(read, text)
    assert f"asks for {feature}, which this version does not have yet" in sentence
    assert f"in pool.toml line {text.count(chr(10))} " in sentence


def test_a_word_that_is_none_of_those_that_may_be_is_named_with_the_nearest(read: Read) -> None:
    factors = '[pool.mfa]\nmode = "optional"\nfactors = ["backup_codes", "totpp"]\n'
    (sentence,) = refusal(read, POOL + factors)
    assert sentence == (
        "`pool.mfa.factors` in pool.toml line 5 must be 'totp', 'email_code', 'sms_code', 'passkey' or 'backup_codes'; "
        "`totpp` is none of them, did you mean `totp`?"
    )
    (sentence,) = refusal(read, POOL + WEB + 'mfa = "zzz"\n')
    assert sentence.endswith("'off', 'optional' or 'required'; `zzz` is none of them")
    (sentence,) = refusal(read, POOL + '[pool.tokens]\naccess_alg = "es256"\n')
    assert sentence.endswith("'ES256' or 'RS256'; `es256` is none of them, did you mean `ES256`?")
    (sentence,) = refusal(read, POOL + WEB + "mfa = true\n")
    assert sentence.endswith("'off', 'optional' or 'required'")


@pytest.mark.parametrize("mode", ["optional", "required"])
def test_a_client_cannot_ask_for_a_factor_that_nobody_can_set_up(read: Read, mode: str) -> None:
    client = f'{WEB}mfa = "{mode}"\n'
    (sentence,) = refusal(read, POOL + client)
    assert sentence == (
        f"`clients.mfa` in pool.toml line 7 is {mode}, but pool.mfa.factors names no factor that could be set up"
    )
    assert read(f'{POOL}[pool.mfa]\nfactors = ["totp"]\n{client}').clients[0].client.mfa == mode
    assert read(POOL + client.replace(mode, "off")).clients[0].client.mfa == "off"


FAULTY_POLICIES = {
    "nothing to set up": ('[pool.mfa]\nmode = "required"\n', "mfa.mode", "names no factor that could be set up"),
    "backup codes alone": (
        '[pool.mfa]\nmode = "optional"\nfactors = ["backup_codes"]\n',
        "mfa.mode",
        "names no factor that could be set up",
    ),
    "one mailbox twice": (
        '[pool.mfa]\nmode = "required"\nfactors = ["totp"]\nfirst_factors = ["password", "email_code"]\n',
        "mfa.first_factors",
        "must not begin with a sent code",
    ),
    "passkeys alone": ('[pool.mfa]\nfirst_factors = ["passkey"]\n', "mfa.first_factors", "names passkey alone"),
    "challenges without triggers": (
        '[pool.mfa]\nfirst_factors = ["custom"]\n',
        "mfa.first_factors",
        "needs a trigger at define_auth_challenge and create_auth_challenge and verify_auth_challenge_response",
    ),
    "challenges without one of the triggers": (
        (
            '[pool.mfa]\nfirst_factors = ["password", "custom"]\n'
            '[[pool.triggers]]\npoint = "define_auth_challenge"\ncallable = "a:b"\n'
            '[[pool.triggers]]\npoint = "verify_auth_challenge_response"\ncallable = "a:b"\n'
        ),
        "mfa.first_factors",
        "needs a trigger at create_auth_challenge",
    ),
    "nothing to agree to": (
        "[pool.sign_up]\nterms_required = true\n",
        "sign_up.terms_required",
        "needs terms_uri or policy_uri",
    ),
    "terms that nobody is asked for": (
        '[pool.sign_up]\nterms_uri = "https://a.example/t"\nterms_changed = 2026-01-31T00:00:00Z\n',
        "sign_up.terms_changed",
        "asks nobody",
    ),
    "a moment without its offset": (
        (
            '[pool.sign_up]\nterms_uri = "https://a.example/t"\nterms_required = true\n'
            "terms_changed = 2026-01-31T00:00:00\n"
        ),
        "sign_up.terms_changed",
        "must be a date and time with its offset",
    ),
    "a moment that is none": (
        '[pool.sign_up]\nterms_uri = "https://a.example/t"\nterms_required = true\nterms_changed = "yesterday"\n',
        "sign_up.terms_changed",
        "must be a date and time with its offset",
    ),
    "a factor twice": ('[pool.mfa]\nfactors = ["totp", "totp"]\n', "mfa.factors", "names something twice"),
    "an unknown attribute": (
        '[pool.sign_up]\nrequired_attributes = ["custom:badge"]\n',
        "sign_up.required_attributes",
        "is not defined in [[pool.attributes]]",
    ),
    "an address in parts": (
        '[pool.sign_up]\nrequired_attributes = ["address"]\n',
        "sign_up.required_attributes",
        "is made of several parts",
    ),
    "domains of unproven addresses": (
        '[pool.sign_up]\nenabled = true\nverify = []\nallowed_domains = ["acme.com"]\n',
        "sign_up.verify",
        "must name email",
    ),
    "addresses that nobody proves as names": (
        'sign_in_with = ["email"]\n[pool.sign_up]\nenabled = true\nverify = []\n',
        "sign_up.verify",
        "must name an address of sign_in_with",
    ),
    "codes to addresses that nobody proves": (
        '[pool.mfa]\nfirst_factors = ["email_code"]\n[pool.sign_up]\nenabled = true\nverify = []\n',
        "sign_up.verify",
        "there is no password",
    ),
    "codes to the other address": (
        '[pool.mfa]\nfirst_factors = ["passkey", "sms_code"]\n[pool.sign_up]\nenabled = true\n',
        "sign_up.verify",
        "there is no password",
    ),
    "a trigger to nowhere": (
        '[[pool.triggers]]\npoint = "pre_sign_up"\n',
        "triggers.point",
        "needs either url or callable",
    ),
    "an unsigned trigger": (
        '[[pool.triggers]]\npoint = "pre_sign_up"\nurl = "https://hook.example/"\n',
        "triggers.url",
        "needs a secret",
    ),
    "a short secret": (
        '[[pool.triggers]]\npoint = "pre_sign_up"\nurl = "https://hook.example/"\nsecret = "short"\n',
        "triggers.secret",
        "at least 24 characters",
    ),
    "a secret for a function": (
        '[[pool.triggers]]\npoint = "pre_sign_up"\ncallable = "acme.auth:check"\nsecret = "0123456789012345678901234"\n',
        "triggers.secret",
        "signs the calls of a url",
    ),
    "a version of another point": (
        '[[pool.triggers]]\npoint = "pre_sign_up"\ncallable = "acme.auth:check"\nversion = "V2_0"\n',
        "triggers.version",
        "is for pre_token_generation",
    ),
}


@pytest.mark.parametrize("name", FAULTY_POLICIES)
def test_policies_that_cannot_work_together_are_refused(read: Read, name: str) -> None:
    text, key, says = FAULTY_POLICIES[name]
    sentences = refusal(read, POOL + text)
    assert any(f"`pool.{key}`" in sentence and says in sentence for sentence in sentences), sentences


SOUND_POLICIES = {
    "addresses as names": 'sign_in_with = ["email"]\n[pool.sign_up]\nenabled = true\n',
    "a username beside them": "[pool.sign_up]\nenabled = true\nverify = []\n",
    "a code to the address that is proven": (
        '[pool.mfa]\nfirst_factors = ["passkey", "email_code"]\n[pool.sign_up]\nenabled = true\n'
    ),
    "nobody registers": 'sign_in_with = ["email"]\n[pool.sign_up]\nverify = []\n',
    "a mailbox first where factors are optional": (
        '[pool.mfa]\nmode = "optional"\nfactors = ["totp"]\nfirst_factors = ["email_code"]\n'
    ),
    "a passkey with a way to begin": '[pool.mfa]\nfirst_factors = ["passkey", "password"]\n',
}


@pytest.mark.parametrize("name", SOUND_POLICIES)
def test_policies_that_can_work_together_are_taken(read: Read, name: str) -> None:
    read(POOL + SOUND_POLICIES[name])


def test_policies_become_values(read: Read) -> None:
    pool = read(
        POOL
        + """
[pool.sign_up]
enabled = true
allowed_domains = ["acme.com"]
[pool.password_policy]
history = 3
breached = "warn"
[pool.mfa]
mode = "required"
factors = ["totp", "backup_codes"]
[pool.session]
remember_device_days = 30
[pool.account]
deletable = false
[pool.risk]
new_device = "require_factor"
[[pool.triggers]]
point = "pre_token_generation"
callable = "acme.auth:claims"
version = "V2_0"
"""
    ).pool
    assert pool.sign_up.enabled
    assert pool.sign_up.allowed_domains == ("acme.com",)
    assert (pool.password_policy.history, pool.password_policy.breached) == (3, "warn")
    assert (pool.mfa.mode, pool.mfa.factors) == ("required", ("totp", "backup_codes"))
    assert pool.session.remember_device_days == 30
    assert pool.account.delete_days is None
    assert pool.risk.new_device == "require_factor"
    trigger = pool.trigger("pre_token_generation")
    assert trigger is not None
    assert (trigger.callable, trigger.version, trigger.timeout) == ("acme.auth:claims", "V2_0", 5.0)


def test_what_asks_for_nothing_is_accepted(read: Read) -> None:
    read(
        POOL + "[pool.sign_up]\nenabled = false\n"
        '[pool.mfa]\nmode = "off"\nfactors = ["totp"]\n'
        '[pool.registration]\ndynamic = "off"\n'
        '[pool.linking]\npolicy = "ask"\n'
        "[pool.session]\nremember_device_days = 0\n" + WEB + 'identity_providers = ["Pool"]\n'
    )


def test_pkce_may_be_waived_for_a_client_with_a_secret(read: Read) -> None:
    assert read(POOL + WEB + "require_pkce = false\n").clients[0].client.require_pkce is False


def test_a_fault_in_one_table_does_not_raise_a_fault_about_it_in_another(read: Read) -> None:
    """A scope of a resource server that is itself faulty is not called unknown."""
    text = POOL + SERVER.replace("identifier", "identifierr") + WEB + 'scope = "https://api.example/read"\n'
    sentences = refusal(read, text)
    assert sorted(re.sub(r"^(\S+ \S+ \S+).*", r"\1", s) for s in sentences) == [
        "`resource_servers.identifier` in pool.toml",
        "unknown key `identifierr`",
    ]


# ---------------------------------------------------------------------------------------------------- schema


def test_the_schema_in_the_repository_is_the_models_own() -> None:
    assert (ROOT / "config/pool.schema.json").read_text() == pool_schema_text(), "run: poolgate schema"


@pytest.mark.parametrize("name", ["demo", "example"])
def test_the_schema_accepts_the_example_files(name: str) -> None:
    data = tomllib.loads((ROOT / f"config/pools/{name}.toml").read_text())
    assert list(problems(data, pool_schema())) == []


@pytest.mark.parametrize(
    "text",
    [
        POOL + "bogus = 1\n",
        '[pool]\nname = "x"\n',
        POOL + "[pool.tokens]\naccess_ttl = 86401\n",
        POOL + '[pool.tokens]\naccess_ttl = "5 minutes"\n',
        POOL + WEB + 'grant_types = ["password"]\n',
        POOL + '[pool.sign_up]\nenabled = "yes"\n',
        POOL + '[[identity_providers]]\nname = "x"\n',
        POOL + WEB.replace('"q8YtC2vXn4kLw0Zs7uBd"', "{ environment = 'X' }"),
    ],
)
def test_the_schema_refuses_what_the_models_refuse(text: str) -> None:
    assert list(problems(tomllib.loads(text), pool_schema()))


def test_every_key_in_the_schema_is_described() -> None:
    schema = pool_schema()
    for label, model in schema["$defs"].items():
        assert model["description"], label
        for name, field in model["properties"].items():
            assert "$ref" in field or field.get("description"), f"{label}.{name}"


def test_numbers_and_names_repeated_from_other_layers_are_the_same() -> None:
    assert client_rules.LONGEST_TOKEN == keyring.LONGEST_TOKEN
    assert set(names.STANDARD_SCOPES) == set(claims.STANDARD_SCOPES)
    assert {*TEXT_CLAIMS, "updated_at"} == set(claims.PROFILE_CLAIMS)
