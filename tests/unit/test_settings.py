"""Settings: the file, the environment, what is refused and how it is said (DESIGN 2)."""

import ipaddress
import os
import re
import stat
import threading
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest

from authserver.effects import SystemRandom
from authserver.errors import Invalid
from authserver.settings import (
    HostPort,
    Settings,
    load_or_create_master_key,
    load_settings,
    master_key_file,
    refuse_unsafe,
    serve_refusals,
)
from authserver.settings.load import env_name, setting_keys
from authserver.settings.reference import settings_table
from authserver.tomlfile import BadConfig

ROOT = Path(__file__).parents[2]
HEX = "00112233445566778899aabbccddeeff102132435465768798a9bacbdcedfe0f"

Load = Callable[..., Settings]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Settings from the text of a poolgate.toml and an environment."""

    def loaded(text: str | None = None, environ: Mapping[str, str] | None = None, **more: object) -> Settings:
        if text is not None:
            (tmp_path / "poolgate.toml").write_text(text)
        return load_settings(environ=environ or {}, folder=tmp_path, **more)  # type: ignore[arg-type] - test keywords

    return loaded


def refusal(load: Load, text: str | None = None, environ: Mapping[str, str] | None = None) -> list[str]:
    with pytest.raises(BadConfig) as refused:
        load(text, environ)
    assert str(refused.value) == "\n".join(fault.sentence for fault in refused.value.faults)
    return [fault.sentence for fault in refused.value.faults]


# ---------------------------------------------------------------------------------------------------- sources


def test_without_a_file_the_defaults_of_the_design_are_in_force(load: Load, tmp_path: Path) -> None:
    settings = load()
    assert settings.base_url == "http://localhost:8000"
    assert settings.data_dir == tmp_path / "var"
    assert settings.database_url is None
    assert settings.redis_url is None
    assert settings.pool_files == ()
    assert settings.master_key is None
    assert settings.outbound_allow == ()
    assert settings.metrics == HostPort("127.0.0.1", 9090)
    assert settings.single_node is False
    assert settings.workers == 1
    assert settings.listen == HostPort("127.0.0.1", 8000)
    assert settings.config_file is None
    assert settings.places == {}


def test_settings_are_frozen(load: Load) -> None:
    with pytest.raises(FrozenInstanceError):
        load().base_url = "https://evil.example"  # type: ignore[misc] - that it fails is the point


def test_the_file_is_read_and_the_environment_wins(load: Load) -> None:
    text = 'base_url = "https://file.example"\nworkers = 2\n[log]\nlevel = "error"\n'
    assert load(text).base_url == "https://file.example"
    settings = load(text, {"POOLGATE_BASE_URL": "https://env.example", "POOLGATE_LOG__LEVEL": "debug"})
    assert settings.base_url == "https://env.example"
    assert settings.log_level == "debug"
    assert settings.workers == 2
    assert settings.place("base_url") == "(environment variable POOLGATE_BASE_URL)"
    assert settings.place("workers") == "in poolgate.toml line 2"
    assert settings.place("listen") == "(its default)"


def test_what_a_command_gives_stands_below_or_above_the_file(load: Load) -> None:
    defaults, overrides = {"workers": 3, "metrics": "off"}, {"data_dir": "/elsewhere"}
    settings = load('workers = 2\ndata_dir = "here"\n', defaults=defaults, overrides=overrides)
    assert settings.workers == 2
    assert settings.metrics is None
    assert settings.data_dir == Path("/elsewhere")


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="cannot be read: No such file"):
        load_settings(tmp_path / "named.toml", environ={})


def test_types_of_environment_variables_follow_the_key(load: Load) -> None:
    settings = load(
        environ={
            "POOLGATE_WORKERS": "4",
            "POOLGATE_SINGLE_NODE": "yes",
            "POOLGATE_TRUSTED_PROXIES": "10.0.0.0/8, ::1",
            "POOLGATE_OUTBOUND__ALLOW": '["hooks.internal", "192.168.0.0/16"]',
            "POOLGATE_POOL_FILES": "",
            "POOLGATE_METRICS": "off",
        }
    )
    assert settings.workers == 4
    assert settings.single_node is True
    assert settings.trusted_proxies == (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("::1"))
    assert settings.outbound_allow == ("hooks.internal", "192.168.0.0/16")
    assert settings.pool_files == ()
    assert settings.metrics is None


def test_paths_start_from_the_file_that_names_them(tmp_path: Path) -> None:
    etc = tmp_path / "etc"
    etc.mkdir()
    (etc / "pg.toml").write_text(
        'data_dir = "data"\npool_files = ["pools/a.toml", "/srv/b.toml"]\ndatabase_url = "sqlite:///db/x.sqlite"\n'
    )
    settings = load_settings(etc / "pg.toml", environ={}, folder=tmp_path)
    assert settings.data_dir == etc / "data"
    assert settings.pool_files == (etc / "pools/a.toml", Path("/srv/b.toml"))
    assert settings.database_url == f"sqlite:///{etc}/db/x.sqlite"
    settings = load_settings(etc / "pg.toml", environ={"POOLGATE_DATA_DIR": "data"}, folder=tmp_path)
    assert settings.data_dir == tmp_path / "data"


# ---------------------------------------------------------------------------------------------------- unknown names


def test_an_unknown_key_is_refused_with_its_line_and_the_nearest_name(load: Load) -> None:
    text = 'workers = 2\n\nbase_urll = "https://a.example"\n'
    assert refusal(load, text) == ["unknown key `base_urll` in poolgate.toml line 3; did you mean `base_url`?"]
    assert load(text.replace("urll", "url")).base_url == "https://a.example"


def test_an_unknown_key_of_a_table_is_refused_too(load: Load) -> None:
    assert refusal(load, '[log]\nlevell = "info"\n') == [
        "unknown key `levell` of [log] in poolgate.toml line 2; did you mean `level`?"
    ]
    assert refusal(load, "[outbond]\nallow = []\n") == [
        "unknown key `outbond` in poolgate.toml line 1; did you mean `outbound`?"
    ]


def test_a_key_in_the_wrong_table_is_sent_to_the_right_one(load: Load) -> None:
    assert refusal(load, 'format = "json"\n') == ["unknown key `format` in poolgate.toml line 1; it belongs in [log]"]
    (sentence,) = refusal(load, '[log]\nmaster_key = "x"\n')
    assert sentence.startswith("unknown key `master_key` of [log] in poolgate.toml line 2; it belongs at the top of")


def test_a_name_like_no_other_gets_the_list(load: Load) -> None:
    assert refusal(load, "[log]\nzzz = 1\n") == [
        "unknown key `zzz` of [log] in poolgate.toml line 2; known here: `format`, `level`, `requests`"
    ]


def test_an_unknown_variable_is_refused_with_the_nearest_name(load: Load) -> None:
    assert refusal(load, environ={"POOLGATE_BASE_URLL": "x"}) == [
        "unknown environment variable `POOLGATE_BASE_URLL`; did you mean `POOLGATE_BASE_URL`?"
    ]
    assert refusal(load, environ={"POOLGATE_LOG_LEVEL": "info"}) == [
        "unknown environment variable `POOLGATE_LOG_LEVEL`; did you mean `POOLGATE_LOG__LEVEL`?"
    ]
    assert refusal(load, environ={"POOLGATE_base_url": "x"})
    assert load(environ={"POOLGATE_LOG__LEVEL": "info", "POOL": "x", "HOME": "/"}).log_level == "info"


def test_a_word_that_is_none_of_the_choices_is_named_with_the_nearest(load: Load) -> None:
    choices = "must be 'debug', 'info', 'warning' or 'error'; "
    for word, nearest in (("warn", "warning"), ("INFO", "info")):
        sentence = f"{choices}`{word}` is none of them, did you mean `{nearest}`?"
        assert refusal(load, f'[log]\nlevel = "{word}"\n') == [f"`log.level` in poolgate.toml line 2 {sentence}"]
        assert refusal(load, environ={"POOLGATE_LOG__LEVEL": word}) == [
            f"`log.level` (environment variable POOLGATE_LOG__LEVEL) {sentence}"
        ]
    (sentence,) = refusal(load, '[log]\nlevel = "zzz"\nformat = "json"\n')
    assert sentence.endswith(f"{choices}`zzz` is none of them")


def test_variables_of_a_kubernetes_service_of_our_name_are_passed_over(load: Load) -> None:
    links = {
        "POOLGATE_SERVICE_HOST": "10.0.0.1",
        "POOLGATE_SERVICE_PORT": "8000",
        "POOLGATE_SERVICE_PORT_HTTP": "8000",
        "POOLGATE_PORT": "tcp://10.0.0.1:8000",
        "POOLGATE_PORT_8000_TCP": "tcp://10.0.0.1:8000",
        "POOLGATE_PORT_8000_TCP_PROTO": "tcp",
        "POOLGATE_ADMIN_SERVICE_HOST": "10.0.0.2",
    }
    assert load(environ=links).base_url == "http://localhost:8000"
    assert "`POOLGATE_PORT`" in refusal(load, environ={"POOLGATE_PORT": "8080"})[0]


def test_all_faults_are_told_at_once_in_the_order_of_the_lines(load: Load) -> None:
    sentences = refusal(load, 'workers = "many"\nsingle_node = 1\nbogus = 1\n[log]\nformat = "xml"\n')
    assert [re.search(r"line (\d)", s)[1] for s in sentences] == ["1", "2", "3", "5"]  # type: ignore[index] - all have one


# ---------------------------------------------------------------------------------------------------- values

GOOD_AND_BAD = [
    ("base_url", '"https://login.example.com"', '"https://login.example.com/"', "write `https://login.example.com`"),
    ("base_url", '"https://login.example.com:8443"', '"https://login.example.com:443"', "write `https://login"),
    ("base_url", '"https://login.example.com"', '"https://login.example.com/auth"', "without path"),
    ("base_url", '"https://login.example.com"', '"https://login.example.com?x=1"', "without path"),
    ("base_url", '"https://login.example.com"', '"https://ada@login.example.com"', "without path, query, user"),
    ("base_url", '"https://login.example.com"', '"https://Login.Example.com"', "write `https://login.example.com`"),
    ("base_url", '"http://[::1]:8000"', '"http://[::1]:99999"', "port"),
    ("base_url", '"http://localhost:8000"', '"ftp://localhost"', "must be an origin"),
    ("base_url", '"http://localhost:8000"', '"localhost:8000"', "must be an origin"),
    ("base_url", '"https://xn--bcher-kva.example"', '"https://bücher.example"', "ASCII"),
    ("listen", '"0.0.0.0:8000"', '"8000"', "host:port"),
    ("listen", '"[::]:8000"', '":::8000x"', "host:port"),
    ("listen", '"localhost:0"', '"localhost:65536"', "host:port"),
    ("metrics", '"off"', '"on"', 'or "off"'),
    ("workers", "2", "0", "greater than or equal to 1"),
    ("workers", "2", '"2"', "whole number"),
    ("single_node", "true", '"true"', "true or false"),
    ("trusted_proxies", '["10.0.0.0/8"]', '["10.0.0.1/8"]', "write `10.0.0.0/8`"),
    ("trusted_proxies", '["10.0.0.1"]', '["proxy.example.com"]', "must be a network"),
    ("trusted_proxies", '["::1"]', '"::1"', "must be a list"),
    ("outbound.allow", '["10.0.0.0/8", "hooks.internal"]', '["https://hooks.internal"]', "must be a network"),
    ("log.format", '"pretty"', '"xml"', "'json' or 'pretty'"),
    ("log.requests", "true", '"true"', "true or false"),
    ("guessing.per_address", "5", "0", "greater than or equal to 1"),
    ("guessing.sign_ins_per_address", "50", "0", "greater than or equal to 1"),
    ("log.level", '"warning"', '"loud"', "'debug', 'info', 'warning' or 'error'"),
    ("database_url", '"postgresql+asyncpg://u:pw-7@db/pg"', '"mysql://u:pw-7@db/pg"', "must begin with"),
    ("database_url", '"postgresql+asyncpg://u:pw-7@db/pg"', '"postgresql+asyncpg://u:pw-7@db"', "names no database"),
    ("database_url", '"sqlite:////srv/x.db"', '"sqlite://"', "names no file"),
    ("redis_url", '"rediss://:pw-7@cache:6379/1"', '"http://:pw-7@cache"', "must begin with"),
    ("redis_url", '"redis+sentinel://:pw-7@a:1,b:2/main"', '"redis://"', "names no host"),
    ("mail.url", '"smtps://u:pw-7@mail"', '"mailto:pw-7@mail"', "must begin with"),
    ("sms.url", '"https://u:pw-7@sms.example/hook"', '"twilo://x:pw-7@"', "must begin with"),
    ("master_key", f'"{HEX}"', f'"{HEX[:-2]}"', "must be 32 random bytes"),
    ("master_key", f'"{HEX}"', '"' + "00" * 32 + '"', "is not random"),
    ("data_dir", '"here"', '""', "must be a path"),
    ("pool_files", '["a.toml"]', '"a.toml"', "must be a list of paths"),
    ("protection.breached_file", '"breached.bin"', "5", "must be a path"),
    ("protection.geoip_file", '"city.mmdb"', "true", "must be a path"),
    ("audit.keep_days", "30", "0", "greater than or equal to 1"),
    ("audit.webhook_url", '"https://siem.example/feed"', '"ftp://siem.example"', "must begin with"),
    ("audit.webhook_secret", '"a-secret-of-24-characters"', '"pw-7"', "at least 24 characters"),
]


@pytest.mark.parametrize(("key", "good", "bad", "says"), GOOD_AND_BAD)
def test_a_bad_value_is_refused_by_name_and_its_good_twin_is_not(
    load: Load, key: str, good: str, bad: str, says: str
) -> None:
    table, _, name = key.rpartition(".")
    head = f"[{table}]\n" if table else "\n"
    load(f"{head}{name} = {good}\n")
    (sentence,) = refusal(load, f"{head}{name} = {bad}\n")
    assert sentence.startswith(f"`{key}` in poolgate.toml line 2 ")
    assert says in sentence
    assert "pw-7" not in sentence


def test_every_setting_has_a_refusal() -> None:
    assert set(setting_keys()) == {key for key, *_ in GOOD_AND_BAD}


def test_a_bad_variable_is_refused_by_the_name_of_the_variable(load: Load) -> None:
    assert refusal(load, environ={"POOLGATE_WORKERS": "many"}) == [
        "`workers` (environment variable POOLGATE_WORKERS) must be a whole number"
    ]


# ---------------------------------------------------------------------------------------------------- secrets


def test_a_list_in_the_environment_that_is_no_json_is_refused(load: Load) -> None:
    assert load(environ={"POOLGATE_POOL_FILES": '["a.toml"]'}).pool_files[0].name == "a.toml"
    (sentence,) = refusal(load, environ={"POOLGATE_POOL_FILES": '["a.toml"'})
    assert sentence == "`pool_files` (environment variable POOLGATE_POOL_FILES) must be a list of paths"


def test_secrets_come_by_reference_from_the_file_and_the_environment(load: Load, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(HEX + "\n")
    by_file = load('master_key = { file = "key" }\nredis_url = { env = "CACHE" }\n', {"CACHE": "redis://:pw@cache"})
    assert by_file.master_key == bytes.fromhex(HEX)
    assert by_file.redis_url == "redis://:pw@cache"
    assert by_file.plain_secrets == ()
    by_name = load("", {"POOLGATE_MASTER_KEY__FILE": "key", "POOLGATE_REDIS_URL__ENV": "CACHE", "CACHE": "redis://c"})
    assert by_name.master_key == bytes.fromhex(HEX)
    assert by_name.redis_url == "redis://c"


def test_a_secret_in_the_file_itself_is_noticed(load: Load) -> None:
    text = f'master_key = "{HEX}"\ndatabase_url = "postgresql+asyncpg://u:pw@db/x"\nredis_url = "redis://cache"\n'
    assert load(text).plain_secrets == ("database_url", "master_key")


def test_a_reference_in_the_environment_replaces_one_in_the_file(load: Load, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(HEX)
    settings = load('master_key = { env = "UNSET" }\n', {"POOLGATE_MASTER_KEY__FILE": "key"})
    assert settings.master_key == bytes.fromhex(HEX)


def test_a_secret_given_twice_in_the_environment_is_refused(load: Load) -> None:
    (sentence,) = refusal(load, environ={"POOLGATE_MASTER_KEY": HEX, "POOLGATE_MASTER_KEY__FILE": "key"})
    assert "`master_key` is given twice" in sentence


def test_a_reference_that_leads_nowhere_is_refused(load: Load) -> None:
    assert refusal(load, 'master_key = { env = "NOWHERE" }\n') == [
        "`master_key` in poolgate.toml line 1 refers to the environment variable NOWHERE, which is not set"
    ]
    (sentence,) = refusal(load, 'redis_url = { file = "nowhere" }\n')
    assert re.fullmatch(r"`redis_url` in poolgate.toml line 1 refers to .*nowhere, which cannot be read: .*", sentence)


def test_no_secret_is_in_repr(load: Load) -> None:
    settings = load(
        f'master_key = "{HEX}"\ndatabase_url = "postgresql+asyncpg://u:s3cr3t@db/x"\nredis_url = "redis://:s3cr3t@c"\n'
        '[mail]\nurl = "smtp://u:s3cr3t@m"\n[sms]\nurl = "https://u:s3cr3t@s"\n'
    )
    assert "s3cr3t" in (settings.database_url or "")
    assert "s3cr3t" not in repr(settings)
    assert HEX not in repr(settings)
    assert repr(bytes.fromhex(HEX)) not in repr(settings)


# ---------------------------------------------------------------------------------------------------- serve


def test_serve_refuses_plain_http_off_loopback(load: Load) -> None:
    for url in ("http://login.example.com", "http://10.0.0.1:8000", "http://localhost.example.com"):
        (sentence,) = serve_refusals(load(f'base_url = "{url}"\n'))
        assert sentence.startswith("`base_url` in poolgate.toml line 1 is plain http")
    for url in ("https://login.example.com", "http://localhost:8000", "http://127.0.0.2", "http://[::1]:1"):
        assert serve_refusals(load(f'base_url = "{url}"\n')) == ()


REMOTE = 'database_url = "postgresql+asyncpg://u@db/x"\n'


def test_serve_refuses_to_share_a_database_with_a_key_and_codes_of_its_own(load: Load) -> None:
    both = serve_refusals(load(REMOTE))
    assert len(both) == 2
    assert "`master_key` would be generated" in both[0]
    assert "`redis_url`" in both[1]
    assert len(serve_refusals(load(REMOTE + f'master_key = "{HEX}"\n'))) == 1
    assert len(serve_refusals(load(REMOTE + 'redis_url = "rediss://cache"\n'))) == 1
    assert serve_refusals(load(REMOTE + f'master_key = "{HEX}"\nredis_url = "rediss://cache"\n')) == ()
    assert serve_refusals(load(REMOTE + "single_node = true\n")) == ()
    assert serve_refusals(load('database_url = "sqlite:////srv/x.db"\n')) == ()


def test_a_database_server_on_loopback_may_be_a_tunnel_and_counts_as_shared(load: Load) -> None:
    assert len(serve_refusals(load(REMOTE.replace("@db", "@127.0.0.1")))) == 2


def test_refusing_names_every_reason(load: Load) -> None:
    settings = load('base_url = "http://login.example.com"\n' + REMOTE)
    with pytest.raises(Invalid) as refused:
        refuse_unsafe(settings)
    assert len(refused.value.sentence.splitlines()) == 3
    refuse_unsafe(load(""))


# ---------------------------------------------------------------------------------------------------- master key


def test_a_master_key_is_made_once_and_kept(load: Load) -> None:
    settings = load()
    key = load_or_create_master_key(settings, SystemRandom())
    path = master_key_file(settings)
    assert len(key) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(settings.data_dir.stat().st_mode) == 0o700
    assert load_or_create_master_key(settings, SystemRandom()) == key
    assert [p.name for p in settings.data_dir.iterdir()] == ["master.key"]


def test_a_master_key_that_is_given_is_used_and_none_is_made(load: Load) -> None:
    settings = load(f'master_key = "{HEX}"\n')
    assert load_or_create_master_key(settings, SystemRandom()) == bytes.fromhex(HEX)
    assert not settings.data_dir.exists()


def test_both_spellings_are_the_same_key(load: Load) -> None:
    text = "ABEiM0RVZneImaq7zN3u_xAhMkNUZXaHmKm6y9zt_g8"
    for spelling in (text, text + "=", HEX, HEX.upper()):
        assert load(f'master_key = "{spelling}"\n').master_key == bytes.fromhex(HEX)


def test_processes_that_start_together_get_the_same_key(load: Load) -> None:
    settings = load()
    start = threading.Barrier(8)
    keys: list[bytes] = []

    def one() -> None:
        start.wait()
        keys.append(load_or_create_master_key(settings, SystemRandom()))

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1


def test_a_damaged_key_file_is_refused_and_kept(load: Load) -> None:
    settings = load()
    settings.data_dir.mkdir()
    master_key_file(settings).write_text("damaged")
    with pytest.raises(Invalid, match="restore it from a backup"):
        load_or_create_master_key(settings, SystemRandom())
    assert master_key_file(settings).read_text() == "damaged"


def test_a_draft_left_by_a_crash_is_no_obstacle(load: Load) -> None:
    settings = load()
    settings.data_dir.mkdir()
    (settings.data_dir / f".master.key.{os.getpid()}").write_text("half a k")
    assert len(load_or_create_master_key(settings, SystemRandom())) == 32


# ---------------------------------------------------------------------------------------------------- documents


def test_the_table_in_the_documentation_is_the_code_s() -> None:
    text = (ROOT / "docs/settings.md").read_text()
    shown = text.partition("<!-- settings -->\n")[2].partition("<!-- /settings -->")[0]
    assert shown.strip() == settings_table().strip()


def test_the_example_has_every_key_and_loads_with_its_marks_removed(tmp_path: Path) -> None:
    text = (ROOT / "config/example.toml").read_text()
    live = re.sub(r"^# (?=(?:[a-z_]+ = |\[[a-z]+\]$))", "", text, flags=re.MULTILINE)
    data = tomllib.loads(live)
    keys = {
        f"{k}.{i}" if isinstance(v, dict) and k != "master_key" else k
        for k, v in data.items()
        for i in (v if isinstance(v, dict) else [""])
    }
    assert keys == set(setting_keys())
    assert tomllib.loads(text) == {}
    (tmp_path / "poolgate.toml").write_text(live)
    (tmp_path / "master.key").write_text(HEX)
    settings = load_settings(environ={}, folder=tmp_path)
    defaults = load_settings(environ={}, folder=tmp_path / "none")
    given = ("database_url", "redis_url", "mail_url", "sms_url", "master_key", "config_file", "places", "plain_secrets")
    files = ("data_dir", "breached_file", "geoip_file", "audit_webhook_url", "audit_webhook_secret")
    same = replace(settings, **{name: getattr(defaults, name) for name in (*given, *files)})
    assert same == replace(defaults)


def test_every_key_has_a_variable() -> None:
    assert env_name("log.level") == "POOLGATE_LOG__LEVEL"
    assert len({env_name(key) for key in setting_keys()}) == len(setting_keys())
