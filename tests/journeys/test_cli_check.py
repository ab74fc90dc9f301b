"""`poolgate check`: what is wrong fails, what is unsafe is told with its reason."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from authserver.cli._context import Run
from authserver.crypto.sealing import Sealer
from authserver.errors import StoreUnavailable
from authserver.tokens.keyring import KeyRing
from tests.journeys.command_line import DEMO, Terminal

HEX = "00112233445566778899aabbccddeeff102132435465768798a9bacbdcedfe0f"
POOL = '[pool]\nid = "t_Pool1"\n[pool.recovery]\nenabled = false\n[pool.password_policy]\nmin_length = 15\n'
SAFE = 'base_url = "https://login.example.com"\ntrusted_proxies = ["10.0.0.0/8"]\n'
REMOTE = 'database_url = { env = "DB" }\n'


def codes(shell: Terminal, *arguments: str) -> list[str]:
    outcome = shell("check", *arguments, "--json")
    assert outcome.code == 0, outcome.out
    return [warning["code"] for warning in outcome.value["warnings"]]


def test_a_safe_installation_has_neither_errors_nor_warnings(bare: Terminal) -> None:
    bare.write("poolgate.toml", SAFE)
    done = bare("check", bare.write("pool.toml", POOL))
    assert done.code == 0
    assert done.err == ""
    assert [line.split()[0] for line in done.out.splitlines()] == ["ok", "ok", "ok"]
    assert bare("check", "--json").value["warnings"] == []


def test_without_arguments_the_files_of_the_settings_are_checked(bare: Terminal) -> None:
    bare.write("pool.toml", '[pool]\nid = "wrong"\n')
    bare.write("poolgate.toml", SAFE + 'pool_files = ["pool.toml"]\n')
    refused = bare("check")
    assert refused.code == 1
    assert "`pool.id` in" in refused.err


def test_the_demo_pool_is_told_to_be_no_pool_for_others(bare: Terminal) -> None:
    found = codes(bare, str(DEMO))
    assert {"http_base_url", "short_passwords", "plain_secret", "localhost_redirect", "no_carrier"} == set(found)


@pytest.mark.parametrize(
    ("safe", "unsafe", "code"),
    [
        (SAFE, SAFE.replace("https://login.example.com", "http://localhost:8000"), "http_base_url"),
        (SAFE, SAFE.replace('["10.0.0.0/8"]', "[]"), "no_trusted_proxies"),
        (SAFE + 'metrics = "127.0.0.1:9090"\n', SAFE + 'metrics = "0.0.0.0:9090"\n', "open_metrics"),
        (SAFE + 'redis_url = "rediss://cache"\n', SAFE + 'redis_url = "redis://cache"\n', "plain_redis"),
        (
            SAFE + 'redis_url = "redis://127.0.0.1"\n',
            SAFE + 'redis_url = "redis+sentinel://127.0.0.1,b/m"\n',
            "plain_redis",
        ),
        (SAFE + 'master_key = { env = "KEY" }\n', SAFE + f'master_key = "{HEX}"\n', "plain_secret"),
        (
            SAFE + REMOTE + 'master_key = { env = "KEY" }\nsingle_node = true\n',
            SAFE + REMOTE + "single_node = true\n",
            "generated_master_key",
        ),
    ],
)
def test_unsafe_settings_are_warned_of_and_their_safe_twins_are_not(
    bare: Terminal, safe: str, unsafe: str, code: str
) -> None:
    bare.environ = {"KEY": HEX, "DB": "postgresql+asyncpg://u:pw@db/x"}
    bare.write("poolgate.toml", safe)
    assert codes(bare) == []
    bare.write("poolgate.toml", unsafe)
    assert codes(bare) == [code]


@pytest.mark.parametrize(
    ("safe", "unsafe", "code"),
    [
        (POOL, POOL.replace("15", "14"), "short_passwords"),
        (
            POOL + '[pool.branding]\ntokens = { color-danger = "light-dark(#b00020, #ff8080)" }\n',
            POOL + '[pool.branding]\ntokens = { color-danger = "light-dark(#eeeeee, #ff8080)" }\n',
            "hard_to_read",
        ),
        (POOL + '[pool.tokens]\naccess_ttl = "1h"\n', POOL + '[pool.tokens]\naccess_ttl = "61m"\n', "long_lifetime"),
        (POOL + '[pool.tokens]\nrefresh_ttl = "90d"\n', POOL + '[pool.tokens]\nrefresh_ttl = "91d"\n', "long_lifetime"),
        (POOL + '[pool.session]\nabsolute = "30d"\n', POOL + '[pool.session]\nabsolute = "31d"\n', "long_lifetime"),
    ],
)
def test_unsafe_pools_are_warned_of_and_their_safe_twins_are_not(
    bare: Terminal, safe: str, unsafe: str, code: str
) -> None:
    bare.write("poolgate.toml", SAFE)
    assert codes(bare, bare.write("safe.toml", safe)) == []
    assert set(codes(bare, bare.write("unsafe.toml", unsafe))) == {code}  # a colour stands on several grounds


def test_a_short_password_is_no_fault_beside_a_required_factor(bare: Terminal) -> None:
    bare.write("poolgate.toml", SAFE)
    short = POOL.replace("15", "8") + '[pool.mfa]\nfactors = ["totp"]\nmode = "optional"\n'
    assert codes(bare, bare.write("pool.toml", short)) == ["short_passwords"]
    assert codes(bare, bare.write("pool.toml", short.replace("optional", "required"))) == []


MAIL = SAFE + 'mail.url = { env = "MAIL" }\n'
SMS = SAFE + 'sms.url = { env = "SMS" }\n'
PLACES = SAFE + 'protection.geoip_file = "places.mmdb"\n'


@pytest.mark.parametrize(
    ("tables", "settings", "sentence"),
    [
        ("[pool.sign_up]\nenabled = true\n", MAIL, "`pool.sign_up.verify` needs `mail.url`"),
        ('[pool.mfa]\nfactors = ["email_code", "totp"]\n', MAIL, "`pool.mfa.factors` needs `mail.url`"),
        ('[pool.mfa]\nfirst_factors = ["password", "email_code"]\n', MAIL, "`pool.mfa.first_factors` needs `mail.url`"),
        ('[pool.mfa]\nfactors = ["sms_code"]\n', SMS, "`pool.mfa.factors` needs `sms.url`"),
        ("[pool.recovery]\nenabled = true\n", MAIL, "`pool.recovery` needs `mail.url`"),
        ("[pool.recovery]\nenabled = true\n", SMS, "`pool.recovery` needs `mail.url`"),  # or the other
        ('[pool.recovery]\nenabled = true\nby = ["sms"]\n', SMS, "`pool.recovery` needs `sms.url`"),
        ('[pool.risk]\nimpossible_travel = "notify"\n', PLACES, "needs `protection.geoip_file`"),
        (
            '[pool.risk]\nimpossible_travel = "block"\n',
            PLACES,
            "`pool.risk.impossible_travel` needs `protection.geoip_file`",
        ),
    ],
)
def test_what_a_pool_needs_and_the_settings_lack_is_warned_of(
    bare: Terminal, tables: str, settings: str, sentence: str
) -> None:
    bare.environ = {"MAIL": "smtps://u:p@mail.example.com", "SMS": "https://:k7Tz8Qm2Rv7xw5Tb@sms.example.com/"}
    text = tables if "recovery" in tables else "[pool.recovery]\nenabled = false\n" + tables
    file = bare.write("pool.toml", '[pool]\nid = "t_Pool1"\n[pool.password_policy]\nmin_length = 15\n' + text)
    bare.write("poolgate.toml", SAFE)
    (warning,) = bare("check", file, "--json").value["warnings"]
    assert sentence in warning["sentence"]
    bare.write("poolgate.toml", settings)
    assert codes(bare, file) == []


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("tests.unit.trigger_functions:gone", "tests.unit.trigger_functions:gone is not there"),
        ("acme_is_nowhere.auth:check", "No module named 'acme_is_nowhere'"),
        ("tests.unit.trigger_functions:NOT_A_FUNCTION", "cannot be called"),
    ],
)
def test_a_function_that_cannot_be_called_is_warned_of(bare: Terminal, name: str, sentence: str) -> None:
    bare.write("poolgate.toml", SAFE)
    trigger = f'[[pool.triggers]]\npoint = "pre_sign_up"\ncallable = "{name}"\n'
    (warning,) = bare("check", bare.write("pool.toml", POOL + trigger), "--json").value["warnings"]
    assert warning["code"] == "no_function"
    assert "the trigger at pre_sign_up would fail here" in warning["sentence"]
    assert sentence in warning["sentence"]
    there = trigger.replace(name, "tests.unit.trigger_functions:confirm")
    assert codes(bare, bare.write("pool.toml", POOL + there)) == []


@pytest.mark.parametrize(
    ("right", "wrong", "code"),
    [
        ("require_pkce = true", "require_pkce = false", "no_pkce"),
        ('{ env = "SECRET" }', '"q8YtC2vXn4kLw0Zs7uBd"', "plain_secret"),
        ("http://127.0.0.1/cb", "http://localhost/cb", "localhost_redirect"),
        ('access_ttl = "1h"', 'access_ttl = "2h"', "long_lifetime"),
    ],
)
def test_unsafe_clients_are_warned_of_and_their_safe_twins_are_not(
    bare: Terminal, right: str, wrong: str, code: str
) -> None:
    bare.environ = {"SECRET": "m3HfR9eJp6aGx1Vo5iTz"}
    bare.write("poolgate.toml", SAFE)
    safe = (
        POOL + '[[clients]]\nclient_id = "web"\nclient_secret = { env = "SECRET" }\n'
        'redirect_uris = ["http://127.0.0.1/cb"]\nrequire_pkce = true\naccess_ttl = "1h"\n'
    )
    assert right in safe
    assert codes(bare, bare.write("safe.toml", safe)) == []
    assert codes(bare, bare.write("unsafe.toml", safe.replace(right, wrong))) == [code]


def test_files_that_others_can_read_are_warned_of(bare: Terminal) -> None:
    bare.write("poolgate.toml", SAFE)
    data = bare.folder / "var"
    data.mkdir(mode=0o700)
    (data / "master.key").touch(mode=0o600)
    (data / "master.key").write_text(HEX)
    assert codes(bare) == []
    (data / "master.key").chmod(0o640)
    data.chmod(0o755)
    assert codes(bare) == ["open_files", "open_files"]


def test_what_serve_would_refuse_is_an_error(bare: Terminal) -> None:
    bare.environ = {"DB": "postgresql+asyncpg://u:pw@db/x"}
    bare.write("poolgate.toml", 'base_url = "http://login.example.com"\n' + REMOTE)
    refused = bare("check")
    assert refused.code == 1
    assert refused.err.count("error    serve would refuse:") == 3
    assert "pw@" not in refused.out + refused.err


def test_a_seed_whose_password_breaks_the_policy_is_an_error(bare: Terminal) -> None:
    bare.environ = {"PW": "correct-horse-battery"}
    user = '[[users]]\nusername = "ada"\npassword = { env = "PW" }\n'
    bare.write("poolgate.toml", SAFE)
    assert codes(bare, bare.write("pool.toml", POOL + user)) == []
    refused = bare("check", bare.write("pool.toml", POOL.replace("15", "22") + user))
    assert (refused.code, refused.err) == (
        1,
        "error    pool.toml line 7: the user `ada` cannot be created: `password` must have at least 22 characters\n",
    )


def test_the_example_files_are_free_of_errors(bare: Terminal) -> None:
    bare.environ = {
        "SHOP_SECRET": "q8YtC2vXn4kLw0Zs7uBd",
        "REPORT_SECRET": "m3HfR9eJp6aGx1Vo5iTz",
        "HOOK_SECRET": "w5TbN1yKc8dPz4Ru0gLmXs7J",
        "MAIL": "smtps://u:p@mail.example.com",
        "SMS": "https://:k7Tz8Qm2Rv7xw5Tb@sms.example.com/",
    }
    bare.write("poolgate.toml", PLACES + 'mail.url = { env = "MAIL" }\nsms.url = { env = "SMS" }\n')
    # Its functions are made up.
    assert set(codes(bare, str(DEMO.parent / "example.toml"))) == {"no_function"}


def test_stores_that_do_not_answer_are_an_error(bare: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextlib.asynccontextmanager
    async def down(*_: object) -> AsyncIterator[None]:
        raise StoreUnavailable(detail="connection refused")
        yield

    monkeypatch.setattr(Run, "__init__", _with_stores(Run.__init__, down))
    bare.write("poolgate.toml", SAFE)
    refused = bare("check")
    assert refused.code == 1
    assert refused.err.startswith("error    the stores do not work: A part of the service does not answer")
    assert "connection refused" in refused.err
    assert bare("check", "--json").value["ok"] is False


def _with_stores(init: object, open_stores: object) -> object:
    def changed(self: Run, **given: object) -> None:
        init(self, **{**given, "open_stores": open_stores})  # type: ignore[operator] - a plain function

    return changed


def test_another_master_key_than_the_one_that_sealed_is_an_error(bare: Terminal) -> None:
    assert bare("apply", str(DEMO)).code == 0
    bare.write("poolgate.toml", SAFE)
    assert bare("check").code == 0
    place = bare.place
    place.sealer = Sealer(bytes(range(1, 33)), place.random)
    place.key_ring = KeyRing(place.stores.registry, place.sealer, place.clock)
    refused = bare("check")
    assert refused.code == 1
    assert "A sealed secret does not open under the configured master key" in refused.err


def test_checking_leaves_nothing_behind(bare: Terminal) -> None:
    bare.write("poolgate.toml", SAFE)
    version = asyncio.run(bare.place.stores.registry.version())
    assert bare("check").code == 0
    assert asyncio.run(bare.place.stores.registry.version()) == version
