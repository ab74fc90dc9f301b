"""`poolgate user`: an operator looks after people."""

import asyncio
import re

import pytest

from authserver.model.grants import Grant
from authserver.model.sessions import Authentication, Session
from tests.journeys.command_line import Terminal
from tests.unit.installation import NOW

POOL = "demo_Pool1"
PASSWORD = "some-other-passphrase"


def verifies(shell: Terminal, user_id: str, password: str) -> bool:
    async def verify() -> bool:
        credential = await shell.place.stores.directory.password(POOL, user_id)
        return await shell.place.passwords.verify(credential.hash if credential else None, password)

    return asyncio.run(verify())


def sign_in(shell: Terminal, user_id: str) -> None:
    async def put() -> None:
        session = Session("key", "sid", POOL, Authentication(user_id, NOW, ("pwd",), "1"), NOW, NOW)
        grant = Grant("grant", POOL, "demo-web", user_id, "sid", ("openid",), NOW, ("pwd",), "1", NOW)
        await shell.place.stores.sessions.put_session(POOL, session, 3600)
        await shell.place.stores.grants.create_grant(POOL, grant)

    asyncio.run(put())


def signed_in(shell: Terminal) -> bool:
    async def look() -> bool:
        session = await shell.place.stores.sessions.session(POOL, "key")
        grant = await shell.place.stores.grants.grant(POOL, "grant")
        alive = [session is not None, grant is not None and grant.revoked_at is None]
        assert alive[0] == alive[1]
        return alive[0]

    return asyncio.run(look())


def test_a_user_is_created_with_a_password_from_standard_input(shell: Terminal) -> None:
    made = shell(
        *("user", "create", "carol", "--email", "carol@example.com", "--email-verified", "--group", "staff"),
        *("--attribute", "given_name=Carol", "--password-stdin", "--json"),
        stdin=PASSWORD + "\n",
    )
    assert made.code == 0
    assert made.value["username"] == "carol"
    assert made.value["groups"] == ["staff"]
    assert "password" not in made.value
    assert PASSWORD not in made.out
    assert verifies(shell, made.value["id"], PASSWORD)
    shown = shell("user", "show", "carol@example.com", "--json").value
    assert shown["attributes"] == {"given_name": "Carol"}
    assert shown["has_password"] is True


def test_a_generated_password_is_printed_once_and_works(shell: Terminal) -> None:
    made = shell("user", "create", "carol", "--generate-password", "--json").value
    assert len(made["password"]) > 20
    assert verifies(shell, made["id"], made["password"])
    assert made["password"] not in shell("user", "show", "carol", "--json").out


def test_a_password_is_never_guessed_at(shell: Terminal) -> None:
    refused = shell("user", "create", "carol")
    assert refused.code == 1
    assert refused.err == (
        "poolgate: Give the password with --password-stdin, or have one made with --generate-password.\n"
    )
    assert shell("user", "create", "carol", "--password-stdin").err == "poolgate: Standard input held no password.\n"
    both = shell("user", "create", "carol", "--password-stdin", "--generate-password")
    assert both.code == 2
    assert shell("user", "create", "carol", "--no-password").code == 0
    assert shell("user", "show", "carol", "--json").value["has_password"] is False


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("carol", "--email", "nowhere"), "`--email` is not an email address"),
        (("carol", "--group", "nobody"), "`--group` `nobody` is no group of the pool"),
        (
            ("carol", "--attribute", "shoe_size=5"),
            "`--attribute shoe_size` is no standard claim, and the pool does not define it",
        ),
        (("ADA",), "The username ADA is taken."),
        (("carol", "--email", "ada@example.com", "--email-verified"), "The email address is taken."),
    ],
)
def test_what_may_not_be_is_refused_with_a_sentence(shell: Terminal, arguments: tuple[str, ...], says: str) -> None:
    refused = shell("user", "create", *arguments, "--password-stdin", stdin=PASSWORD)
    assert (refused.code, refused.out, refused.err) == (1, "", f"poolgate: {says}\n")


def test_an_attribute_that_is_no_pair_is_wrong_usage(shell: Terminal) -> None:
    refused = shell("user", "create", "carol", "--no-password", "--attribute", "given_name")
    assert refused.code == 2
    assert "--attribute: `given_name` is not NAME=VALUE" in refused.err


def test_attributes_have_the_types_of_the_pool(shell: Terminal) -> None:
    typed = (
        '[pool]\nid = "typed_Pool1"\n[[pool.attributes]]\nname = "custom:level"\ntype = "number"\n'
        '[[pool.attributes]]\nname = "custom:on_call"\ntype = "boolean"\n'
    )
    shell("apply", shell.write("typed.toml", typed))
    create = ("user", "create", "carol", "--no-password", "--pool", "typed_Pool1")
    refused = shell(*create, "--attribute", "custom:level=high")
    assert refused.err == "poolgate: `--attribute custom:level` must be a number\n"
    given = ("custom:level=3", "custom:on_call=true", "nickname=a=b")
    made = shell(*create, *(part for text in given for part in ("--attribute", text)))
    assert made.code == 0
    shown = shell("user", "show", "carol", "--pool", "typed_Pool1", "--json").value
    assert shown["attributes"] == {"custom:level": 3, "custom:on_call": True, "nickname": "a=b"}


def test_all_rules_of_the_password_are_told(shell: Terminal) -> None:
    refused = shell("user", "create", "grace", "--password-stdin", stdin="Grace\n")
    assert refused.err.splitlines() == [
        "poolgate: `password` must have at least 8 characters",
        "poolgate: `password` must not hold the username or the name in the email address",
    ]


def test_users_are_listed_in_plain_lines_and_pages(shell: Terminal) -> None:
    for name in ("carol", "dave", "erin"):
        shell("user", "create", name, "--no-password")
    rows = shell("user", "list").rows
    assert [row[0] for row in rows] == ["ada", "bob", "carol", "dave", "erin"]
    assert rows[0][1:4] == ["ada@example.com", "confirmed", "staff"]
    assert [row[0] for row in shell("user", "list", "--limit", "2", "--after", "bob").rows] == ["carol", "dave"]
    assert [row[0] for row in shell("user", "list", "--search", "ADA@").rows] == ["ada"]
    assert [u["username"] for u in shell("user", "list", "--json").value][:2] == ["ada", "bob"]
    assert shell("user", "list", "--search", "zz").out == ""


def test_on_a_terminal_users_are_a_table_with_headings(shell: Terminal) -> None:
    shown = re.sub("\x1b\\[[0-9;]*m", "", shell("user", "list", screen=True).out)
    heading, ada, bob = shown.splitlines()
    assert heading.split() == ["username", "email", "state", "groups", "created", "at", "id"]
    assert ada.split()[:4] == ["ada", "ada@example.com", "confirmed", "staff"]
    assert bob.startswith("bob")
    assert shell("user", "list", "--search", "zz", screen=True).out == "There is no such user.\n"


def test_a_name_is_shown_as_it_is(shell: Terminal) -> None:
    """A username may look like the markup of what draws the table."""
    shell("user", "create", "[red]carol[/red]", "--no-password")
    assert "[red]carol[/red]" in shell("user", "list", screen=True).out


def test_an_unknown_user_is_named(shell: Terminal) -> None:
    refused = shell("user", "show", "nobody")
    assert (refused.code, refused.err) == (1, "poolgate: There is no user 'nobody' in the pool demo_Pool1.\n")


def test_a_new_password_signs_the_user_out(shell: Terminal) -> None:
    user_id = shell("user", "show", "bob", "--json").value["id"]
    sign_in(shell, user_id)
    assert signed_in(shell)
    refused = shell("user", "set-password", "bob", "--password-stdin", stdin="short\n")
    assert refused.code == 1
    assert signed_in(shell)
    done = shell("user", "set-password", "bob", "--password-stdin", stdin=PASSWORD + "\n")
    assert (done.code, done.out) == (0, "bob has a new password, and is signed out everywhere\n")
    assert not signed_in(shell)
    assert verifies(shell, user_id, PASSWORD)


def test_a_disabled_user_is_signed_out_until_enabled(shell: Terminal) -> None:
    sign_in(shell, shell("user", "show", "bob", "--json").value["id"])
    assert shell("user", "disable", "bob").out == "bob is disabled, and signed out everywhere\n"
    assert not signed_in(shell)
    assert shell("user", "show", "bob", "--json").value["state"] == "disabled"
    assert shell("user", "enable", "bob").out == "bob may sign in again\n"
    refused = shell("user", "enable", "bob")
    assert (refused.code, refused.err) == (1, "poolgate: The user bob is not disabled, but confirmed.\n")


def test_a_user_is_deleted_only_when_it_is_meant(shell: Terminal) -> None:
    refused = shell("user", "delete", "bob")
    assert (refused.code, refused.err) == (1, "poolgate: Delete the user bob? Say so with --yes.\n")
    assert shell("user", "show", "bob").code == 0
    assert shell("user", "delete", "bob", "--yes", "--json").value["deleted"] is True
    assert shell("user", "show", "bob").code == 1


@pytest.mark.parametrize(("answer", "code", "left"), [("n\n", 1, True), ("\n", 1, True), ("y\n", 0, False)])
def test_on_a_terminal_deleting_asks_first(shell: Terminal, answer: str, code: int, *, left: bool) -> None:
    asked = shell("user", "delete", "bob", stdin=answer, screen=True)
    assert "Delete the user bob?" in asked.out
    assert asked.code == code
    assert (shell("user", "show", "bob").code == 0) is left


def test_groups_are_shown_and_changed(shell: Terminal) -> None:
    assert shell("user", "groups", "ada").out == "staff\n"
    assert shell("user", "groups", "bob", "--add", "staff", "--json").value["groups"] == ["staff"]
    assert shell("user", "groups", "bob", "--remove", "staff").out == "bob is in no group\n"
    assert shell("user", "groups", "bob", "--add", "nobody").code == 1


def test_the_pool_must_be_said_once_there_are_two(shell: Terminal) -> None:
    shell("apply", shell.write("other.toml", '[pool]\nid = "b_Pool2"\n'))
    refused = shell("user", "list")
    assert (refused.code, refused.err) == (1, "poolgate: Say which pool with --pool: b_Pool2, demo_Pool1.\n")
    assert len(shell("user", "list", "--pool", "demo_Pool1").rows) == 2
    assert shell("user", "list", "--pool", "b_Pool2").out == ""
    refused = shell("user", "list", "--pool", "none_x")
    assert refused.err == "poolgate: There is no pool 'none_x'; create it with `poolgate apply POOLFILE`.\n"


def test_without_a_pool_the_way_to_one_is_told(bare: Terminal) -> None:
    refused = bare("user", "list")
    assert (refused.code, refused.err) == (
        1,
        "poolgate: There is no pool yet; create one with `poolgate apply POOLFILE`.\n",
    )
