"""`poolgate user import` and `export`: an operator takes people over from elsewhere, and writes them out."""

import asyncio
import csv
import json
import stat
from pathlib import Path

import pytest

from authserver.accounts.transfer import importing
from authserver.cli._progress import Bar
from authserver.errors import StoreUnavailable
from authserver.model.credentials import seed_record
from tests.journeys.command_line import Outcome, Terminal

POOL = "demo_Pool1"
VECTORS = json.loads((Path(__file__).parents[1] / "vectors/password_hashes.json").read_text("utf-8"))
BCRYPT = "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"  # of "U*U"
UUID = "0b0f3b5e-6c1c-4f6e-9d53-6a1f0f5c7a11"


def verifies(shell: Terminal, username: str, password: str) -> bool:
    async def verify() -> bool:
        directory = shell.place.stores.directory
        user = await directory.find_user(POOL, username, ("username",))
        assert user is not None
        credential = await directory.password(POOL, user.id)
        return await shell.place.passwords.verify(credential.hash if credential else None, password)

    return asyncio.run(verify())


def imported(shell: Terminal, name: str, text: str, *arguments: str) -> Outcome:
    return shell("user", "import", shell.write(name, text), *arguments)


# -------------------------------------------------------------------------------------------------------- importing


def test_people_keep_their_passwords(shell: Terminal) -> None:
    lines = (
        f'{{"username":"carol","email":"carol@example.com","email_verified":true,"password_hash":"{BCRYPT}"}}\n'
        '{"username":"dave","email":"dave@example.com","email_verified":true,"groups":["staff"],'
        '"attributes":{"given_name":"Dave"}}\n'
    )
    done = imported(shell, "users.jsonl", lines)
    assert (done.code, done.err) == (0, "")
    assert done.out == "users.jsonl: 2 rows: 2 created\n"
    assert verifies(shell, "carol", "U*U")
    assert not verifies(shell, "carol", "other")
    states = {row[0]: row[2] for row in shell("user", "list").rows}
    assert (states["carol"], states["dave"]) == ("confirmed", "reset_required")


def test_running_it_again_changes_nothing(shell: Terminal) -> None:
    lines = "".join(f'{{"username":"user-{n}"}}\n' for n in range(90))
    assert imported(shell, "users.jsonl", lines).out.splitlines()[0] == "users.jsonl: 90 rows: 90 created"
    again = imported(shell, "users.jsonl", lines + '{"username":"one-more"}\n', "--json").value
    assert (again["rows"], again["created"], again["unchanged"], again["fault_count"]) == (91, 1, 90, 0)


def test_cognitos_csv_is_taken_as_it_comes(shell: Terminal) -> None:
    header = (
        "profile,address,birthdate,gender,preferred_username,updated_at,website,picture,phone_number,"
        "phone_number_verified,zoneinfo,locale,email,email_verified,given_name,family_name,middle_name,name,nickname,"
        "cognito:mfa_enabled,cognito:username"
    )
    rows = (
        ',,,,,1700000000,,,+15550100200,TRUE,,,"carol@example.com",TRUE,Carol,"O\'Hara, ""Caz""",,,,FALSE,carol\r\n'
        ",Somewhere 5,,,,,,,,,,,dave@example.com,false,,,,,,TRUE,dave\r\n"
    )
    done = imported(shell, "cognito.csv", f"{header}\r\n{rows}")
    assert done.code == 0
    assert done.out.splitlines() == [
        "cognito.csv: 2 rows: 2 created",
        "note: a second factor has to be set up again (1)",
        "note: has neither a password nor a proven address: an operator must set a password (1)",
    ]
    carol = shell("user", "show", "carol", "--json").value
    assert carol["attributes"] == {"given_name": "Carol", "family_name": 'O\'Hara, "Caz"'}
    assert (carol["phone_number"], carol["phone_number_verified"]) == ("+15550100200", True)
    assert (carol["state"], carol["updated_at"]) == ("reset_required", "2023-11-14T22:13:20Z")
    dave = shell("user", "show", "dave", "--json").value
    assert dave["attributes"] == {"address": {"formatted": "Somewhere 5"}}


def test_keycloaks_realm_is_taken_with_its_passwords_ids_and_groups(shell: Terminal) -> None:
    vector = VECTORS["keycloak"][1]
    password = {"type": "password", "createdDate": 1700000000000}
    realm = {
        "realm": "old",
        "clients": [{"clientId": "x", "users": []}],
        "users": [
            {
                "id": UUID,
                "username": "carol",
                "email": "carol@example.com",
                "emailVerified": True,
                "firstName": "Carol",
                "enabled": True,
                "createdTimestamp": 1600000000123,
                "attributes": {"locale": ["ko"], "shoeSize": ["38"]},
                "groups": ["/staff"],
                "credentials": [
                    {**password, "secretData": vector["secretData"], "credentialData": vector["credentialData"]},
                    {"type": "otp", "secretData": "{}"},
                ],
            },
            {"username": "dave", "enabled": False},
            {"username": "service-account-x", "serviceAccountClientId": "x"},
        ],
        "groups": [],
    }
    done = imported(shell, "realm.json", json.dumps(realm, indent=2))
    assert done.code == 0
    assert done.out.splitlines()[0] == "realm.json: 2 rows: 2 created"
    carol = shell("user", "show", "carol", "--json").value
    assert (carol["id"], carol["groups"], carol["state"]) == (UUID, ["staff"], "confirmed")
    assert carol["attributes"] == {"given_name": "Carol", "locale": "ko"}
    assert carol["created_at"] == "2020-09-13T12:26:40Z"
    assert verifies(shell, "carol", vector["password"])
    assert shell("user", "show", "dave", "--json").value["state"] == "disabled"
    notes = "\n".join(done.out.splitlines()[1:])
    assert "the attribute `shoeSize` is left out: the pool does not define custom:shoeSize (1)" in notes
    assert (
        "an authenticator app has to be set up again: its codes are not of SHA-1, six digits and 30 seconds (1)"
        in notes
    )


def test_firebases_users_need_the_parameters_of_their_project(shell: Terminal) -> None:
    vector = VECTORS["firebase"][0]
    user = {
        "localId": "-JgXBgWcvSIFsD-Lgx3ooooo",
        "email": "carol@example.com",
        "emailVerified": True,
        "passwordHash": vector["hash"],
        "salt": vector["salt"],
        "displayName": "Carol",
        "createdAt": "1600000000123",
        "providerUserInfo": [{"providerId": "google.com"}],
    }
    text = json.dumps({"users": [user]})
    refused = imported(shell, "users.json", text)
    assert refused.code == 1
    assert (
        "line 1 has a password, which needs the project's hash parameters: give them with --firebase-config"
        in refused.err
    )
    assert refused.out == "users.json: 1 row, 1 fault; nothing was imported\n"
    config = shell.write("hash_config", vector["config"])
    done = imported(shell, "users.json", text, "--firebase-config", config)
    assert done.code == 0
    assert verifies(shell, "carol@example.com", vector["password"])
    broken = imported(shell, "users.json", text, "--firebase-config", shell.write("hash_config", "rounds: 8"))
    assert broken.err.startswith("poolgate: hash_config does not say base64_signer_key")


def test_auth0s_lines_and_djangos_dump_are_told_apart(shell: Terminal) -> None:
    auth0 = f'{{"_id":{{"$oid":"1"}},"email":"carol@example.com","email_verified":true,"passwordHash":"{BCRYPT}"}}\n'
    assert imported(shell, "auth0.json", auth0).out.startswith("auth0.json: 1 row: 1 created")
    assert verifies(shell, "carol@example.com", "U*U")
    dump = [
        {"model": "auth.group", "pk": 1, "fields": {"name": "staff", "permissions": []}},
        {
            "model": "auth.user",
            "pk": 7,
            "fields": {
                "username": "dave",
                "password": "pbkdf2_sha256$10000$seasalt$Fyn79fpW9Qv3L9z4gcTPZL5xSdLBMx2NcXV2mq9E6QI=",
                "email": "dave@example.com",
                "first_name": "Dave",
                "is_active": True,
                "is_staff": True,
                "date_joined": "2020-01-31T12:00:00Z",
                "groups": [["staff"]],
            },
        },
        {"model": "auth.user", "pk": 8, "fields": {"username": "erin", "password": "!unusable", "groups": [1]}},
    ]
    done = imported(shell, "dump.json", json.dumps(dump))
    assert done.code == 0
    assert done.out.splitlines()[0] == "dump.json: 2 rows: 2 created"
    assert verifies(shell, "dave", "correct-horse-battery")
    assert shell("user", "show", "dave", "--json").value["groups"] == ["staff"]
    assert shell("user", "show", "erin", "--json").value["state"] == "reset_required"


def test_every_fault_is_told_with_its_line_and_nothing_is_imported(shell: Terminal) -> None:
    lines = [
        '{"username":"carol"}',
        "",
        '{"username":"dave","email":"nowhere","groups":["nobody"]}',
        "not json",
        '{"username":"CAROL"}',
        '{"username":"erin","password":"secret"}',
        '{"username":"frank","pasword_hash":"x"}',
        '{"username":"grace","password_hash":"$2b$20$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"}',
        '{"email":"heidi@example.com"}',
    ]
    refused = imported(shell, "users.jsonl", "\n".join(lines))
    assert refused.code == 1
    assert refused.err.splitlines() == [
        "poolgate: line 3 `email` is not an email address",
        "poolgate: line 3 `groups` `nobody` is no group of the pool: add it to the pool first",
        "poolgate: line 4 is not JSON",
        "poolgate: line 5 `username` is also that of line 1",
        "poolgate: line 6 `password` must be an object with a hash: passwords themselves are not taken",
        (
            "poolgate: line 7 `pasword_hash` is no key that is known here; known are accepted_terms_at, attributes, "
            "created_at, delete_after, email, email_verified, groups, id, password, password_hash, phone_number, "
            "phone_number_verified, state, updated_at, username"
        ),
        "poolgate: line 8 `password_hash` asks for more time than is allowed (a bcrypt cost of at most 14)",
        "poolgate: line 9 `username` must have 1 to 128 characters",
    ]
    assert refused.out == "users.jsonl: 8 rows, 8 faults; nothing was imported\n"
    assert len(shell("user", "list").rows) == 2


def test_of_very_many_faults_the_first_are_told(shell: Terminal) -> None:
    refused = imported(shell, "users.jsonl", '{"username":""}\n' * 5000)
    assert refused.code == 1
    assert len(refused.err.splitlines()) == 101
    assert refused.err.splitlines()[0].startswith("poolgate: line 1 ")
    assert refused.err.splitlines()[99].startswith("poolgate: line 100 ")
    assert refused.err.splitlines()[100] == "poolgate: and 4,900 more"
    told = imported(shell, "users.jsonl", '{"username":""}\n' * 5000, "--json").value
    assert (told["fault_count"], len(told["faults"]), told["begun"]) == (5000, 100, False)


def test_whoever_is_there_with_other_data_is_left_alone(shell: Terminal) -> None:
    lines = '{"username":"carol"}\n{"username":"ADA","email":"other@example.com"}\n{"username":"dave","email":"ada@example.com","email_verified":true}\n'
    done = imported(shell, "users.jsonl", lines)
    assert done.code == 1
    assert done.err.splitlines() == [
        "poolgate: line 2 the user ada exists with other data, and was left alone",
        "poolgate: line 3 the email address is taken",
    ]
    assert done.out.splitlines()[0] == "users.jsonl: 3 rows: 1 created, 1 left alone, 1 refused"
    assert shell("user", "show", "ada", "--json").value["email"] == "ada@example.com"


def test_a_dry_run_tells_the_same_and_changes_nothing(shell: Terminal) -> None:
    imported(shell, "users.jsonl", '{"username":"erin"}\n')
    lines = (
        '{"username":"carol"}\n{"username":"ada","email":"other@example.com"}\n{"username":"erin"}\n'
        '{"username":"dave","email":"ada@example.com","email_verified":true}\n'
    )
    before = shell("user", "list").out
    foretold = imported(shell, "users.jsonl", lines, "--dry-run").out.splitlines()[0]
    assert foretold == (
        "users.jsonl: 4 rows: 1 would be created, 1 there already, 1 would be left alone, 1 would be refused; "
        "nothing was changed"
    )
    dry = imported(shell, "users.jsonl", lines, "--dry-run", "--json").value
    assert shell("user", "list").out == before
    real = imported(shell, "users.jsonl", lines, "--json").value
    assert (dry["dry_run"], real["dry_run"]) == (True, False)
    assert {**dry, "dry_run": False} == real


def test_broken_off_in_the_middle_it_goes_on_where_it_ended(shell: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = "".join(f'{{"username":"user-{n}"}}\n' for n in range(120))
    directory = shell.place.stores.directory
    create, calls = directory.create_user, 0

    async def fails(*arguments: object) -> None:
        nonlocal calls
        calls += 1
        own = calls
        await asyncio.sleep(0)
        if own == 100:
            raise StoreUnavailable
        await create(*arguments)  # type: ignore[arg-type] - as they came

    monkeypatch.setattr(directory, "create_user", fails)
    stopped = imported(shell, "users.jsonl", lines)
    assert stopped.code == 1
    assert "does not answer" in stopped.err
    assert 2 < len(shell("user", "list", "--limit", "1000").rows) < 122
    monkeypatch.setattr(directory, "create_user", create)
    again = imported(shell, "users.jsonl", lines, "--json").value
    assert again["created"] + again["unchanged"] == 120
    assert again["unchanged"] > 0
    assert len(shell("user", "list", "--limit", "1000").rows) == 122


@pytest.mark.parametrize(
    ("name", "text", "arguments", "says"),
    [
        ("users.csv", "", (), "The file has no header"),
        ("users.csv", "a,b\n1,2\n", (), "The header has no column `cognito:username` or `username`"),
        ("users.csv", "username,shoe_size\nx,5\n", (), "The column `shoe_size` is no attribute"),
        ("users.csv", "username,email,email\nx,,\n", (), "The header names the column `email` twice."),
        ("users.csv", "username,password\nx,secret\n", (), "Passwords themselves are not taken"),
        ("users.json", "{]", (), "users.json: line 1 is not JSON"),
        ("users.json", "{}", ("--format", "xml"), ""),
        ("users.json", '{"users": 5}', ("--format", "keycloak"), "line 1 `users` must be a list"),
        ("users.json", "[1, 2]", (), "line 1 is no JSON object"),
        ("users.jsonl", '{"username": "x"\n', (), "line 1 is not JSON"),
        ("users.json", "", ("--firebase-config", "none"), "none: No such file or directory"),
    ],
)
def test_a_file_that_cannot_be_used_is_a_sentence(
    shell: Terminal, name: str, text: str, arguments: tuple[str, ...], says: str
) -> None:
    refused = imported(shell, name, text, *arguments)
    assert refused.code == (2 if "xml" in arguments else 1)
    assert says in refused.err
    assert "Traceback" not in refused.err
    assert len(shell("user", "list").rows) == 2


def test_a_file_that_is_not_there_is_named(shell: Terminal) -> None:
    refused = shell("user", "import", "none.csv")
    assert (refused.code, refused.err) == (1, "poolgate: none.csv: No such file or directory\n")


def test_on_a_terminal_there_is_a_bar_and_elsewhere_a_line_now_and_then(
    shell: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = "".join(f'{{"username":"user-{n}"}}\n' for n in range(25))
    path = shell.write("users.jsonl", lines)
    monkeypatch.setattr(importing, "_PAUSE", 10)
    shown = shell("user", "import", path, screen=True)
    assert shown.code == 0
    assert "━" in shown.err
    assert " 25 " in shown.err
    monkeypatch.setattr(Bar.__init__, "__kwdefaults__", {"every": 10, "quiet": False})
    told = shell("user", "import", path).err.splitlines()
    assert told == ["10 rows checked", "20 rows checked", "10 rows imported", "20 rows imported"]
    assert shell("user", "import", path, "--json").err == ""


# -------------------------------------------------------------------------------------------------------- exporting


def test_an_export_is_imported_again_whole(shell: Terminal) -> None:
    shell("user", "create", "carol", "--password-stdin", "--group", "staff", stdin="some-other-passphrase\n")
    written = shell("user", "export", "--with-hashes")
    assert written.code == 0
    assert [json.loads(line)["username"] for line in written.out.splitlines()] == ["ada", "bob", "carol"]
    for name in ("ada", "bob", "carol"):
        shell("user", "delete", name, "--yes")
    assert imported(shell, "all.jsonl", written.out).out == "all.jsonl: 3 rows: 3 created\n"
    assert shell("user", "export", "--with-hashes").out == written.out
    assert verifies(shell, "carol", "some-other-passphrase")


def test_hashes_are_written_only_when_they_are_asked_for(shell: Terminal) -> None:
    assert "argon2" not in shell("user", "export").out
    assert "argon2" not in shell("user", "export", "--format", "csv").out
    assert shell("user", "export", "--with-hashes").out.count("$argon2id$") == 2
    assert shell("user", "export", "--with-hashes", "--format", "csv").out.count("$argon2id$") == 2


def test_a_file_is_new_and_for_its_owner_alone(shell: Terminal) -> None:
    done = shell("user", "export", "--output", "out.jsonl", "--with-hashes", "--json")
    assert done.value == {"file": "out.jsonl", "users": 2, "format": "jsonl", "with_hashes": True}
    file = shell.folder / "out.jsonl"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(file.read_text().splitlines()) == 2
    refused = shell("user", "export", "--output", "out.jsonl")
    assert (refused.code, refused.err) == (
        1,
        "poolgate: out.jsonl exists already; give another name, or remove it.\n",
    )
    assert shell("user", "export", "-o", "two.jsonl").out == "two.jsonl: 2 users\n"
    assert not [p for p in shell.folder.iterdir() if p.name.startswith(".")]
    assert shell("user", "export", "--format", "xml").code == 2


def test_csv_holds_no_formula_and_comes_back_the_same(shell: Terminal) -> None:
    formula = '=HYPERLINK("https://evil.example","x")'
    for name, value in (
        ("carol", formula),
        ("dave", "'t Hooft"),
        ("erin", "@SUM(A1)"),
        ("frank", "-5"),
        ("gina", "'=x"),
    ):
        shell(
            "user",
            "create",
            name,
            "--no-password",
            "--attribute",
            f"nickname={value}",
            "--phone-number",
            "+15550100200",
        )
    written = shell("user", "export", "--format", "csv").out
    rows = {row["username"]: row for row in csv.DictReader(written.splitlines())}
    assert rows["carol"]["nickname"] == f"'{formula}"
    assert rows["dave"]["nickname"] == "'t Hooft"
    assert rows["erin"]["nickname"] == "'@SUM(A1)"
    assert rows["frank"]["nickname"] == "-5"
    assert rows["gina"]["nickname"] == "''=x"
    assert rows["gina"]["phone_number"] == "+15550100200"
    again = imported(shell, "users.csv", written, "--json").value
    assert (again["rows"], again["unchanged"], again["fault_count"]) == (7, 7, 0)


def test_only_the_wanted_are_written(shell: Terminal) -> None:
    assert '"ada"' in shell("user", "export", "--group", "staff").out
    assert '"bob"' not in shell("user", "export", "--group", "staff").out
    assert shell("user", "export", "--state", "disabled").out == ""


# --------------------------------------------------------------------------------------------------------- searching


def test_users_are_found_by_what_is_known_of_them(shell: Terminal) -> None:
    shell.place.clock.now += 10 * 86400
    shell("user", "create", "carol", "--no-password", "--attribute", "name=Carol van der Berg")
    shell("user", "disable", "bob")

    def found(*arguments: str) -> list[str]:
        return [row[0] for row in shell("user", "list", *arguments).rows]

    assert found("--search", "van ber") == ["carol"]
    assert found("--search", "erg") == []
    assert found("--state", "disabled") == ["bob"]
    assert found("--group", "staff") == ["ada"]
    assert found("--created-since", "1d") == ["carol"]
    assert found("--created-since", "30d") == ["ada", "bob", "carol"]
    assert found("--created-since", "2027-01-20") == ["carol"]
    assert found("--created-since", "2027-01-20T00:00:00+09:00", "--state", "confirmed") == ["carol"]
    assert found("--search", "a", "--group", "nobody") == []


@pytest.mark.parametrize("arguments", [("--state", "gone"), ("--created-since", "yesterday"), ("--created-since", "5")])
def test_a_wish_that_makes_no_sense_is_wrong_usage(shell: Terminal, arguments: tuple[str, ...]) -> None:
    assert shell("user", "list", *arguments).code == 2


# ------------------------------------------------------------------------------------------------- second factors


def otp(secret: str, **data: object) -> dict[str, object]:
    """An authenticator app as a realm export of Keycloak has it."""
    how = {"subType": "totp", "digits": 6, "counter": 0, "period": 30, "algorithm": "HmacSHA1"} | data
    return {
        "id": UUID,
        "type": "otp",
        "userLabel": "my phone",
        "createdDate": 1_700_000_000_000,
        "secretData": json.dumps({"value": secret}),
        "credentialData": json.dumps(how),
    }


def keycloak(shell: Terminal, *credentials: dict[str, object]) -> Outcome:
    text = json.dumps({"users": [{"username": "carol", "credentials": list(credentials)}]}, indent=1)
    return imported(shell, "realm.json", text, "--json")


async def seeds_of(shell: Terminal, username: str) -> list[bytes]:
    """The seeds of the user's apps, opened."""
    stores = shell.place.stores
    user = await stores.directory.find_user(POOL, username, ("username",))
    assert user is not None
    own = await stores.credentials.credentials(POOL, user.id)
    return [shell.place.sealer.open(c.sealed or b"", seed_record(POOL, user.id, c.id)) for c in own]


SECRET = "4GsQ3xwhkDqf0Q2zVq8k"
BASE32_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


@pytest.mark.parametrize(
    ("credential", "seed"),
    [
        (otp(SECRET), SECRET.encode()),
        (otp(BASE32_SECRET, secretEncoding="BASE32"), b"12345678901234567890"),
        (otp(BASE32_SECRET), BASE32_SECRET.encode()),
    ],
)
def test_an_authenticator_app_goes_on_working(shell: Terminal, credential: dict[str, object], seed: bytes) -> None:
    done = keycloak(shell, credential)
    assert (done.code, done.value["created"]) == (0, 1)
    assert not any("second factor" in note or "authenticator" in note for note in done.value["notes"])
    assert asyncio.run(seeds_of(shell, "carol")) == [seed]
    (row,) = shell("user", "factors", "carol", "--json").value
    assert (row["kind"], row["name"], row["created_at"]) == ("totp", "my phone", "2023-11-14T22:13:20Z")
    assert keycloak(shell, credential).value["unchanged"] == 1
    assert len(asyncio.run(seeds_of(shell, "carol"))) == 1, "once, however often it is imported"


@pytest.mark.parametrize(
    "credential",
    [
        otp(SECRET, algorithm="HmacSHA256"),
        otp(SECRET, digits=8),
        otp(SECRET, period=60),
        otp(SECRET, subType="hotp"),
        otp("short"),
        otp("not base32!", secretEncoding="BASE32"),
        otp(SECRET, secretEncoding="HEX"),
        {**otp(SECRET), "secretData": "{"},
        {**otp(SECRET), "secretData": "[]"},
        {**otp(SECRET), "credentialData": "{}"},
        {**otp(SECRET), "secretData": None},
        {**otp(SECRET), "secretData": "[" * 100_000},
    ],
)
def test_an_app_with_other_codes_is_counted_and_left_out(shell: Terminal, credential: dict[str, object]) -> None:
    done = keycloak(shell, credential)
    assert (done.code, done.value["created"]) == (0, 1)
    assert [count for note, count in done.value["notes"].items() if note.startswith("an authenticator app")] == [1]
    assert asyncio.run(seeds_of(shell, "carol")) == []


def test_passkeys_of_another_origin_stay_behind_and_are_counted(shell: Terminal) -> None:
    done = keycloak(shell, otp(SECRET), {"type": "webauthn-passwordless"})
    assert "a second factor of the kind webauthn-passwordless has to be set up again" in done.value["notes"]
    assert len(asyncio.run(seeds_of(shell, "carol"))) == 1


# -------------------------------------------------------------------------------------------------------- the trail


def events(shell: Terminal) -> list[tuple[str, object]]:
    found = shell("audit", "--kind", "users.*", "--json").value
    return [(entry["kind"], entry["details"]) for entry in reversed(found)]


def test_imports_and_exports_are_in_the_trail_with_their_counts(shell: Terminal) -> None:
    imported(shell, "users.jsonl", '{"username":"carol"}\n{"username":"dave"}\n', "--dry-run")
    imported(shell, "bad.jsonl", '{"username":""}\n')
    assert events(shell) == []
    imported(shell, "users.jsonl", '{"username":"carol"}\n{"username":"dave"}\n')
    imported(shell, "users.jsonl", '{"username":"carol","attributes":{"nickname":"c"}}\n{"username":"erin"}\n')
    shell("user", "export", "--output", "out.jsonl", "--with-hashes")
    shell("user", "export", "--search", "carol")
    assert shell("user", "export", "--output", "out.jsonl").code == 1  # it exists: nothing goes out
    assert events(shell) == [
        ("users.imported", {"count": 2, "refused": 0}),
        ("users.imported", {"count": 1, "refused": 1}),
        ("users.exported", {"count": 5, "with_hashes": True}),
        ("users.exported", {"count": 1, "with_hashes": False}),
    ]
    (*_, last) = shell("audit", "--kind", "users.*", "--json").value
    assert last["actor"] == "operator:olive"
