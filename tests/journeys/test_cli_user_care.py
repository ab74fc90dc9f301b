"""`poolgate user`: an operator helps one person: invites, updates, resets, unlocks, removes a lost factor."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, TypeVar

import pytest

from authserver.accounts.mail_codes.limits import WRONG_PER_DAY, keys_of_account
from authserver.accounts.passwords import check_password
from authserver.messages.kinds import Kind, Message
from authserver.messages.parcels import from_content, parcel_record
from authserver.model.credentials import Credential, CredentialKind, Device
from authserver.model.pools import PasswordPolicy, RecoveryPolicy
from authserver.model.users import User
from tests.journeys.command_line import Terminal
from tests.journeys.test_cli_user import PASSWORD, POOL, sign_in, signed_in, verifies
from tests.unit.installation import NOW

T = TypeVar("T")

WEEK = 7 * 86400


def do(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def user_of(shell: Terminal, name: str) -> User:
    found = do(shell.place.stores.directory.find_user(POOL, name, ("username",)))
    assert found is not None
    return found


def change(shell: Terminal, name: str, **values: Any) -> User:
    user = user_of(shell, name)
    return do(shell.place.stores.directory.change_user(POOL, user.id, lambda stored: replace(stored, **values)))


def change_pool(shell: Terminal, **values: Any) -> None:
    pool = do(shell.place.stores.registry.pool(POOL))
    assert pool is not None
    do(shell.place.stores.registry.put_pool(replace(pool, **values)))


def messages(shell: Terminal) -> list[Message]:
    """What waits in the outbox, oldest first; it is then taken out."""
    place, found = shell.place, []
    for parcel in do(place.stores.journal.parcels(POOL)):
        found.append(from_content(place.sealer.open(parcel.sealed, parcel_record(POOL, parcel.id)))[0])
        do(place.stores.journal.delivered(POOL, parcel.id))
    return found


def told(shell: Terminal, name: str) -> list[tuple[str, str, dict[str, Any]]]:
    """What the trail says of a user: kind, actor, details; oldest first."""
    entries = shell("audit", "--user", user_of(shell, name).id, "--json").value
    return [(entry["kind"], entry["actor"], entry["details"]) for entry in reversed(entries)]


def kinds(shell: Terminal, name: str) -> list[str]:
    return [kind for kind, _, _ in told(shell, name)]


# ---------------------------------------------------------------------------------------------------- the trail


def test_what_an_operator_does_is_in_the_trail_with_the_operators_name(shell: Terminal) -> None:
    shell("user", "create", "carol", "--no-password", "--group", "staff")
    shell("user", "set-password", "carol", "--password-stdin", stdin=PASSWORD)
    shell("user", "groups", "carol", "--remove", "staff")
    shell("user", "groups", "carol", "--remove", "staff")
    shell("user", "disable", "carol")
    shell("user", "enable", "carol")
    shell("user", "enable", "carol")
    who = f"operator:{shell.operator}"
    assert told(shell, "carol") == [
        ("user.created", who, {"state": "confirmed"}),
        ("password.set", who, {}),
        ("user.groups_changed", who, {"added": [], "removed": ["staff"]}),
        ("user.disabled", who, {}),
        ("user.enabled", who, {}),
    ]
    carol = user_of(shell, "carol").id
    shell("user", "delete", "carol", "--yes")
    (last, *_) = shell("audit", "--user", carol, "--json").value
    assert (last["kind"], last["actor"], last["details"]) == ("user.deleted", who, {"reason": "by an operator"})
    assert shell("audit", "verify").code == 0


# ----------------------------------------------------------------------------------------------------- updating


def test_attributes_are_set_and_removed(shell: Terminal) -> None:
    done = shell("user", "update", "ada", "nickname=The Countess", "locale=ko", "--json")
    assert done.code == 0
    assert done.value["attributes"]["nickname"] == "The Countess"
    assert shell("user", "update", "ada", "--remove", "nickname", "locale=en").out == "ada is changed\n"
    attributes = user_of(shell, "ada").attributes
    assert "nickname" not in attributes
    assert attributes["locale"] == "en"
    assert [details for kind, _, details in told(shell, "ada") if kind == "user.changed"] == [
        {"changes": ["locale", "nickname"]},
        {"changes": ["locale", "nickname"]},
    ]
    assert "Countess" not in str(told(shell, "ada")), "names of attributes, never values"


def test_nothing_to_change_is_told(shell: Terminal) -> None:
    refused = shell("user", "update", "ada")
    assert (refused.code, refused.err) == (
        1,
        "poolgate: Say what is to change: NAME=VALUE, --remove NAME, or one of the options.\n",
    )
    before = user_of(shell, "ada")
    for same in (
        ["--username", "ada"],
        ["--remove", "custom:shoe_size"],
        ["--remove", "phone_number"],
        ["name=Ada Lovelace"],
    ):
        done = shell("user", "update", "ada", *same)
        assert (done.code, done.out) == (0, "ada is like that already: nothing was changed\n")
    assert shell("user", "update", "ada", "--remove", "picture", "--json").value["changed"] is False
    assert shell("user", "update", "bob", "--remove", "gender", "--json").value["changed"] is True
    assert user_of(shell, "ada") == before
    assert "user.changed" not in kinds(shell, "ada")


def test_a_new_address_is_unverified_unless_it_is_said_and_the_old_one_is_told(shell: Terminal) -> None:
    ada = user_of(shell, "ada")
    assert ada.email_verified
    shell("user", "update", "ada", "--email", "Countess@Example.com")
    changed = user_of(shell, "ada")
    assert changed.email == "Countess@example.com"
    assert not changed.email_verified
    (message,) = messages(shell)
    assert (message.kind, message.to) == (Kind.EMAIL_CHANGED, ada.email)
    assert shell("user", "update", "ada", "--email-verified").code == 0
    assert user_of(shell, "ada").email_verified
    shell("user", "update", "ada", "--email", "c@example.com", "--email-verified")
    assert (user_of(shell, "ada").email, user_of(shell, "ada").email_verified) == ("c@example.com", True)
    shell("user", "update", "ada", "--email", "c@example.com")
    assert user_of(shell, "ada").email_verified, "the same address once more is as proven as it was"
    shell("user", "update", "ada", "--remove", "email")
    assert (user_of(shell, "ada").email, user_of(shell, "ada").email_verified) == (None, False)


def test_a_username_is_changed_and_stays_unique(shell: Terminal) -> None:
    assert shell("user", "update", "ada", "--username", "lovelace").code == 0
    assert shell("user", "show", "lovelace", "--json").value["id"]
    assert shell("user", "show", "ada").code == 1
    refused = shell("user", "update", "lovelace", "--username", "BOB")
    assert (refused.code, refused.err) == (1, "poolgate: The username is taken.\n")


FAULTS: dict[str, tuple[list[str], str]] = {
    "no attribute": (["shoe_size=5"], "`shoe_size` is no standard claim, and the pool does not define it"),
    "no date": (["birthdate=2030-13-45"], "`birthdate` must be a date such as 1990-04-01"),
    "no zone": (["zoneinfo=Mars"], "`zoneinfo` must be a name of the IANA time zone database"),
    "no address": (["--email", "nowhere"], "`email` is not an email address"),
    "set and removed": (["nickname=x", "--remove", "nickname"], "`nickname` is set and removed at once"),
    "verified without one": (["--phone-number-verified"], "`phone_number` cannot be verified: there is none"),
    "another's name": (["--username", "bob@example.com"], "`username` looks like an email address"),
    "an empty name": (["--username", " "], "`username`"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_may_not_be_changes_nothing(shell: Terminal, fault: str) -> None:
    arguments, sentence = FAULTS[fault]
    before = user_of(shell, "ada")
    refused = shell("user", "update", "ada", "given_name=Augusta", *arguments)
    assert refused.code == 1
    assert sentence in refused.err
    assert user_of(shell, "ada") == before
    assert shell("user", "update", "ada", "given_name=Augusta").code == 0


DEFINED = """
[pool]
id = "demo_Pool1"
[[pool.attributes]]
name = "custom:number"
mutable = false
[[pool.attributes]]
name = "custom:desk"
required = true
"""


def test_what_the_pool_requires_or_fixes_stays(shell: Terminal) -> None:
    shell("apply", shell.write("more.toml", DEFINED))
    assert shell("user", "update", "ada", "custom:number=1", "custom:desk=4").code == 0
    fixed = "poolgate: `custom:number` cannot be changed once it is set: the pool defines it so\n"
    assert shell("user", "update", "ada", "custom:number=2").err == fixed
    assert shell("user", "update", "ada", "--remove", "custom:number").err == fixed
    assert shell("user", "update", "ada", "custom:number=1").code == 0, "the same value changes nothing"
    refused = shell("user", "update", "ada", "--remove", "custom:desk")
    assert refused.err == "poolgate: `custom:desk` is required by the pool\n"
    assert shell("user", "update", "bob", "nickname=b").code == 0, "what was lacking before is not this change's fault"


# ----------------------------------------------------------------------------------------------------- inviting


def test_an_invitation_carries_a_temporary_password_that_must_be_replaced(shell: Terminal) -> None:
    made = shell("user", "create", "carol", "--email", "carol@example.com", "--invite", "--json")
    assert made.code == 0
    assert made.value["state"] == "must_change"
    assert made.value["invited_by"] == "email"
    (message,) = messages(shell)
    assert (message.kind, message.medium, message.to) == (Kind.INVITATION, "email", "carol@example.com")
    assert message.ends_at == NOW + WEEK
    assert message.link is not None
    assert message.link.endswith(f"/{POOL}/account")
    assert message.password is not None
    assert message.password not in made.out
    assert verifies(shell, made.value["id"], message.password)
    stored = do(shell.place.stores.directory.password(POOL, made.value["id"]))
    assert stored is not None
    assert stored.expires_at == NOW + WEEK
    shown = shell("user", "show", "carol", "--json").value
    assert shown["password_expires_at"] == "2027-01-22T08:00:00Z"
    assert kinds(shell, "carol") == ["user.created", "user.invited"]


def test_an_invitation_goes_by_text_message_where_there_is_no_mail_address(shell: Terminal) -> None:
    made = shell("user", "create", "carol", "--phone-number", "+15550100200", "--invite")
    assert made.out.startswith("carol is invited by text message")
    assert [(m.medium, m.to) for m in messages(shell)] == [("sms", "+15550100200")]


def test_an_invitation_is_sent_again_with_another_password(shell: Terminal) -> None:
    shell("user", "create", "carol", "--email", "carol@example.com", "--invite")
    (first,) = messages(shell)
    refused = shell("user", "invite", "carol")
    assert refused.code == 1
    assert "--resend sends another" in refused.err
    assert messages(shell) == []
    shell.place.clock.now += 86400
    assert shell("user", "invite", "carol", "--resend").code == 0
    (second,) = messages(shell)
    assert second.ends_at == NOW + 86400 + WEEK
    carol = user_of(shell, "carol")
    assert carol.state == "must_change"
    assert second.password is not None
    assert verifies(shell, carol.id, second.password)
    assert first.password is not None
    assert not verifies(shell, carol.id, first.password)


def test_only_who_has_no_password_of_their_own_is_invited(shell: Terminal) -> None:
    has_one = shell("user", "invite", "ada", "--resend")
    assert (has_one.code, has_one.err.splitlines()[-1]) == (
        1,
        "poolgate: The user ada has a password already; `user reset` asks for a new one.",
    )
    shell("user", "create", "carol", "--email", "carol@example.com", "--no-password")
    assert shell("user", "invite", "carol").code == 0
    shell("user", "disable", "carol")
    assert "is disabled" in shell("user", "invite", "carol", "--resend").err
    assert len(messages(shell)) == 1


def test_who_cannot_be_reached_is_not_created(shell: Terminal) -> None:
    for more, lacks in (
        ([], "neither an email address nor a phone number"),
        (["--email", "carol@example.com", "--by", "sms"], "no phone number"),
        (["--phone-number", "+15550100200", "--by", "email"], "no email address"),
    ):
        refused = shell("user", "create", "carol", "--invite", *more)
        assert refused.code == 1
        assert refused.err.endswith(f"poolgate: The invitation cannot be sent: carol has {lacks}.\n")
        assert shell("user", "show", "carol").code == 1
    assert messages(shell) == []


def test_an_invitation_may_lead_to_an_application(shell: Terminal) -> None:
    create = ("user", "create", "carol", "--email", "carol@example.com", "--invite", "--client")
    assert shell(*create, "nobody").code == 1
    client = do(shell.place.stores.registry.client(POOL, "demo-web"))
    assert client is not None
    do(shell.place.stores.registry.put_client(POOL, replace(client, client_uri=None)))
    assert "no client_uri" in shell(*create, "demo-web").err
    do(shell.place.stores.registry.put_client(POOL, replace(client, client_uri="https://app.example/start")))
    assert shell(*create, "demo-web").code == 0
    (message,) = messages(shell)
    assert (message.link, message.client_id) == ("https://app.example/start", "demo-web")


def test_a_pool_without_passwords_invites_nobody(shell: Terminal) -> None:
    pool = do(shell.place.stores.registry.pool(POOL))
    assert pool is not None
    change_pool(shell, mfa=replace(pool.mfa, first_factors=("email_code",)))
    refused = shell("user", "create", "carol", "--email", "carol@example.com", "--invite")
    assert "Nobody signs in by password here" in refused.err
    assert shell("user", "create", "carol", "--email", "carol@example.com", "--no-password").code == 0


def test_it_is_said_where_nothing_carries_the_message(shell: Terminal) -> None:
    create = ("user", "create", "--email", "c@example.com", "--invite")
    warned = shell(*create, "carol")
    assert warned.code == 0
    assert warned.err.startswith("warning: these settings have no `mail.url`")
    shell.environ = {"POOLGATE_MAIL__URL": "smtp://127.0.0.1:2525"}
    assert shell(*create, "dave").err == ""


def test_options_that_contradict_each_other_are_wrong_usage(shell: Terminal) -> None:
    for options in (
        ["--invite", "--no-password"],
        ["--invite", "--generate-password"],
        ["--temporary", "--no-password"],
        ["--by", "sms", "--no-password"],
    ):
        assert shell("user", "create", "carol", *options).code == 2


def test_a_medium_that_there_is_not_is_wrong_usage(shell: Terminal) -> None:
    for command in (["invite", "nobody"], ["create", "carol", "--invite"]):
        refused = shell("user", *command, "--by", "pigeon")
        assert refused.code == 2
        assert refused.err.endswith("Error: Invalid value for --by: must be email or sms\n")


def test_a_temporary_password_may_be_handed_over_in_person(shell: Terminal) -> None:
    made = shell("user", "create", "carol", "--temporary", "--generate-password", "--json").value
    assert made["state"] == "must_change"
    assert verifies(shell, made["id"], made["password"])
    change_pool(shell, password_policy=PasswordPolicy(temporary_days=2))
    done = shell("user", "set-password", "ada", "--temporary", "--password-stdin", "--json", stdin=PASSWORD)
    assert done.value["password_expires_at"] == "2027-01-17T08:00:00Z"
    assert user_of(shell, "ada").state == "must_change"
    shell("user", "disable", "ada")
    shell("user", "enable", "ada")
    assert user_of(shell, "ada").state == "must_change", "disabling does not make it a lasting one"
    shell("user", "set-password", "ada", "--password-stdin", stdin=PASSWORD)
    assert user_of(shell, "ada").state == "confirmed"


@pytest.mark.parametrize(
    "policy",
    [
        PasswordPolicy(),
        PasswordPolicy(
            min_length=12,
            max_length=64,
            require_lowercase=True,
            require_uppercase=True,
            require_numbers=True,
            require_symbols=True,
        ),
        PasswordPolicy(min_length=64, max_length=64),
        PasswordPolicy(min_length=20, max_length=64, require_numbers=True),
    ],
)
def test_temporary_passwords_meet_every_policy(shell: Terminal, policy: PasswordPolicy) -> None:
    from authserver.accounts.invitations import temporary_password

    made = {temporary_password(policy, shell.place.random) for _ in range(200)}
    assert len(made) == 200
    assert not any(check_password(policy, password) for password in made)
    assert not any(set(password) & set("0O1Il") for password in made)


# ------------------------------------------------------------------------------------------- resetting, confirming


def test_a_reset_signs_the_user_out_and_tells_the_owner(shell: Terminal) -> None:
    ada = user_of(shell, "ada")
    sign_in(shell, ada.id)
    do(shell.place.stores.credentials.put_device(POOL, Device("d", ada.id, remembered_until=NOW + 9)))
    refused = shell("user", "reset", "ada")
    assert (refused.code, refused.err) == (1, "poolgate: Reset the password of ada? Say so with --yes.\n")
    assert signed_in(shell)
    done = shell("user", "reset", "ada", "--yes")
    assert done.out == "ada has to choose a new password, and is signed out everywhere\n"
    assert user_of(shell, "ada").state == "reset_required"
    assert not signed_in(shell)
    assert do(shell.place.stores.credentials.devices(POOL, ada.id)) == []
    assert [(m.kind, m.to) for m in messages(shell)] == [(Kind.RESET_REQUIRED, ada.email)]
    assert kinds(shell, "ada")[-1] == "user.reset_required"


def test_nobody_is_reset_who_could_not_come_back(shell: Terminal) -> None:
    shell("user", "create", "carol", "--no-password", "--email", "carol@example.com", "--email-verified")
    assert "no password that could be replaced" in shell("user", "reset", "carol", "--yes").err
    shell("user", "set-password", "carol", "--password-stdin", stdin=PASSWORD)
    for fault, values in (
        ("no proven address", {"email_verified": False}),
        ("is disabled", {"state": "disabled"}),
        ("is unconfirmed", {"state": "unconfirmed"}),
    ):
        before = user_of(shell, "carol")
        change(shell, "carol", **values)
        assert fault in shell("user", "reset", "carol", "--yes").err
        change(shell, "carol", email_verified=before.email_verified, state=before.state)
    change_pool(shell, recovery=RecoveryPolicy(enabled=False))
    assert "set-password" in shell("user", "reset", "carol", "--yes").err
    change_pool(shell, recovery=RecoveryPolicy(by=("sms",)))
    assert "no proven address" in shell("user", "reset", "carol", "--yes").err
    change_pool(shell, recovery=RecoveryPolicy())
    assert shell("user", "reset", "carol", "--yes").code == 0


def test_an_account_is_confirmed_without_its_code(shell: Terminal) -> None:
    change(shell, "bob", state="unconfirmed", email_verified=False)
    assert shell("user", "confirm", "bob").out == "bob is confirmed\n"
    bob = user_of(shell, "bob")
    assert (bob.state, bob.email_verified) == ("confirmed", False)
    assert told(shell, "bob")[-1] == ("user.confirmed", f"operator:{shell.operator}", {})
    refused = shell("user", "confirm", "bob")
    assert (refused.code, refused.err) == (1, "poolgate: The user bob is not unconfirmed, but confirmed.\n")


def test_signing_out_ends_sessions_and_grants(shell: Terminal) -> None:
    bob = user_of(shell, "bob")
    sign_in(shell, bob.id)
    done = shell("user", "sign-out", "bob", "--json")
    assert done.value == {"username": "bob", "id": bob.id, "sessions_ended": 1}
    assert not signed_in(shell)
    assert user_of(shell, "bob").state == "confirmed"
    assert kinds(shell, "bob")[-1] == "user.signed_out"


def test_unlocking_forgets_every_wrong_try(shell: Terminal) -> None:
    stores, bob = shell.place.stores, user_of(shell, "bob")

    async def lock() -> None:
        await stores.credentials.put_device(POOL, Device("d", bob.id))
        for _ in range(101):
            await stores.directory.count_password_failure(POOL, bob.id)
        for key in (f"password {bob.id} ", f"totp {bob.id} d"):
            for _ in range(3):
                await stores.counters.admit_guess(POOL, key, now=NOW, free=1, first=60, longest=3600, memory=86400)
        for key in (f"day totp {bob.id} ", *keys_of_account(bob.id)):
            await stores.counters.admit_within(POOL, key, now=NOW, limit=1, window=86400)

    async def open_again() -> list[bool]:
        admissions = [
            await stores.counters.admit_guess(POOL, key, now=NOW, free=1, first=60, longest=3600, memory=86400)
            for key in (f"password {bob.id} ", f"totp {bob.id} d")
        ]
        admissions += [
            await stores.counters.admit_within(POOL, key, now=NOW, limit=1, window=86400)
            for key in (f"day totp {bob.id} ", *keys_of_account(bob.id))
        ]
        return [admission.allowed for admission in admissions]

    do(lock())
    assert not any(do(open_again()))
    assert shell("user", "show", "bob", "--json").value["password_failures"] == 101
    assert shell("user", "unlock", "bob", "--json").value["failures_forgotten"] == 101
    assert all(do(open_again()))
    assert shell("user", "show", "bob", "--json").value["password_failures"] == 0
    assert kinds(shell, "bob")[-1] == "user.unlocked"
    assert WRONG_PER_DAY > 1


# ------------------------------------------------------------------------------------------------------ factors


def enrol(shell: Terminal, user_id: str, kind: CredentialKind, ident: str) -> None:
    credential = Credential(ident, POOL, user_id, kind, name=f"my {kind}", handle=ident, created_at=NOW)
    do(shell.place.stores.credentials.add_credential(POOL, credential))


@pytest.fixture
def armed(shell: Terminal) -> Terminal:
    """Ada has two passkeys, an app, backup codes, and a browser that is remembered."""
    ada = user_of(shell, "ada").id
    enrol(shell, ada, "passkey", "p1")
    enrol(shell, ada, "passkey", "p2")
    enrol(shell, ada, "totp", "t1")
    do(shell.place.stores.credentials.put_backup_codes(POOL, ada, ("a", "b"), NOW))
    do(
        shell.place.stores.credentials.put_device(
            POOL, Device("d1", ada, "Firefox", "192.0.2.1", first_seen=NOW, last_seen=NOW, remembered_until=NOW + 60)
        )
    )
    return shell


def test_factors_are_listed(armed: Terminal) -> None:
    rows = armed("user", "factors", "ada", "--json").value
    assert sorted((row["kind"], row["id"] or "") for row in rows) == [
        ("backup_codes", ""),
        ("device", "d1"),
        ("passkey", "p1"),
        ("passkey", "p2"),
        ("totp", "t1"),
    ]
    assert next(row for row in rows if row["kind"] == "device")["remembered_until"] == "2027-01-15T08:01:00Z"
    shown = armed("user", "show", "ada", "--json").value
    assert sorted(shown["factors"]) == ["passkey", "passkey", "totp"]
    assert (shown["backup_codes"], shown["devices"]) == (2, 1)
    assert armed("user", "factors", "bob").out == ""


REMOVALS: dict[str, tuple[int, str, Kind | None]] = {
    "totp": (1, "factor.removed", Kind.FACTOR_REMOVED),
    "passkey": (2, "factor.removed", Kind.FACTOR_REMOVED),
    "passkey:p1": (1, "factor.removed", Kind.FACTOR_REMOVED),
    "backup_codes": (2, "backup_codes.removed", Kind.FACTOR_REMOVED),
    "devices": (1, "device.forgotten", None),
}


@pytest.mark.parametrize("what", REMOVALS)
def test_a_lost_factor_is_removed_and_the_owner_is_told(armed: Terminal, what: str) -> None:
    count, kind, notice = REMOVALS[what]
    before = len(armed("user", "factors", "ada", "--json").value)
    assert armed("user", "factors", "ada", "--remove", what).code == 1, "it was not confirmed"
    done = armed("user", "factors", "ada", "--remove", what, "--yes", "--json")
    assert (done.code, done.value["count"]) == (0, count)
    rows = 1 if what == "backup_codes" else count
    assert len(armed("user", "factors", "ada", "--json").value) == before - rows
    assert told(armed, "ada")[-1][:2] == (kind, f"operator:{armed.operator}")
    assert [m.kind for m in messages(armed)] == ([notice] if notice is not None else [])
    again = armed("user", "factors", "ada", "--remove", what, "--yes")
    assert again.code == 1
    assert "The user ada has no" in again.err


@pytest.mark.parametrize("what", ["password", "passkey:", "everything", "devices:d1", ""])
def test_what_is_no_factor_is_not_removed(armed: Terminal, what: str) -> None:
    refused = armed("user", "factors", "ada", "--remove", what, "--yes")
    assert (refused.code, "is none of totp" in refused.err) == (1, True)
    assert "Traceback" not in refused.err
    assert len(armed("user", "factors", "ada", "--json").value) == 5


def test_the_last_sign_in_is_shown(shell: Terminal) -> None:
    from authserver.audit.chain import link
    from authserver.audit.entries import entry_of
    from authserver.events import Event

    assert shell("user", "show", "ada", "--json").value["last_sign_in_at"] is None
    ada = user_of(shell, "ada").id
    entries = [entry_of(Event("sign_in.succeeded", POOL, ada), (NOW - age) * 1000) for age in (7200, 3600)]
    do(shell.place.stores.journal.append(POOL, entries, link))
    assert shell("user", "show", "ada", "--json").value["last_sign_in_at"] == "2027-01-15T07:00:00Z"


# ----------------------------------------------------------------------------------------------------- passwords


def test_a_password_that_everybody_knows_is_warned_of_and_not_refused(shell: Terminal) -> None:
    warned = shell("user", "create", "carol", "--password-stdin", "--json", stdin="password1\n")
    assert warned.code == 0
    assert warned.value["warnings"] == [
        "the password is known from data breaches, or many people use it: have it replaced"
    ]
    assert warned.err.startswith("warning: the password is known")
    fine = shell("user", "create", "dave", "--password-stdin", "--json", stdin=PASSWORD)
    assert "warnings" not in fine.value
    assert shell("user", "set-password", "dave", "--password-stdin", stdin="Password1").err.startswith("warning: ")
    change_pool(shell, password_policy=PasswordPolicy(breached="off"))
    assert shell("user", "set-password", "dave", "--password-stdin", stdin="password1").err == ""
