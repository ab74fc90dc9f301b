"""`poolgate client`: clients made by hand, and those of files left alone."""

import asyncio

import pytest

from authserver.crypto.secrets import digest
from authserver.model.clients import Client
from tests.journeys.command_line import Terminal

REDIRECT = ("--redirect-uri", "https://app.example/cb")


def stored(shell: Terminal, client_id: str) -> Client | None:
    return asyncio.run(shell.place.stores.registry.client("demo_Pool1", client_id))


def test_a_client_is_created_and_its_secret_printed_once(shell: Terminal) -> None:
    made = shell("client", "create", "app", *REDIRECT, "--name", "App", "--json").value
    client = stored(shell, "app")
    assert client is not None
    assert client.secret_digests == (digest(made["client_secret"]),)
    assert client.grant_types == ("authorization_code", "refresh_token")
    assert client.scope == ("openid", "profile", "email")
    shown = shell("client", "show", "app", "--json")
    assert shown.value["client_name"] == "App"
    assert made["client_secret"] not in shown.out + shell("client", "list", "--json").out
    assert client.secret_digests[0] not in shown.out


def test_machine_and_public_clients_are_created(shell: Terminal) -> None:
    machine = shell(
        *("client", "create", "job", "--grant-type", "client_credentials", "--scope", "https://orders.example/read"),
        "--json",
    )
    assert machine.value["scope"] == "https://orders.example/read"
    assert machine.value["response_types"] == []
    public = shell("client", "create", "--public", "--native", *REDIRECT, "--json").value
    assert "client_secret" not in public
    assert public["token_endpoint_auth_method"] == "none"
    assert public["application_type"] == "native"
    assert len(public["client_id"]) == 24


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "`--redirect-uri` is needed for authorization_code"),
        (("--redirect-uri", "http://app.example"), "`--redirect-uri` `http://app.example` may use plain http on"),
        ((*REDIRECT, "--scope", "nonsense"), "`--scope` `nonsense` is neither"),
        ((*REDIRECT, "--auth-method", "tls"), "`--auth-method` `tls` is not known"),
        ((*REDIRECT, "--id-token-alg", "none"), "`--id-token-alg` `none` is not known"),
        (("--public", "--grant-type", "client_credentials"), "`--grant-type` names client_credentials, which needs"),
    ],
)
def test_what_may_not_be_is_refused(shell: Terminal, arguments: tuple[str, ...], says: str) -> None:
    refused = shell("client", "create", "app", *arguments)
    assert refused.code == 1
    assert refused.err.startswith(f"poolgate: {says}")
    assert stored(shell, "app") is None


def test_a_taken_client_id_is_refused(shell: Terminal) -> None:
    refused = shell("client", "create", "demo-web", *REDIRECT)
    assert (refused.code, refused.err) == (1, "poolgate: The client id demo-web is taken.\n")


def test_clients_are_listed_in_plain_lines(shell: Terminal) -> None:
    shell("client", "create", "app", *REDIRECT)
    rows = shell("client", "list").rows
    assert [(row[0], row[4]) for row in rows] == [
        ("app", "no"),
        ("demo-machine", "yes"),
        ("demo-spa", "yes"),
        ("demo-web", "yes"),
    ]


def test_a_secret_is_rotated_with_and_without_the_old_one(shell: Terminal) -> None:
    first = shell("client", "create", "app", *REDIRECT, "--json").value["client_secret"]
    second = shell("client", "rotate-secret", "app", "--keep-old", "--json").value["client_secret"]
    client = stored(shell, "app")
    assert client is not None
    assert client.secret_digests == (digest(second), digest(first))
    third = shell("client", "rotate-secret", "app", "--json").value["client_secret"]
    client = stored(shell, "app")
    assert client is not None
    assert client.secret_digests == (digest(third),)


def test_what_a_file_owns_is_read_only(shell: Terminal) -> None:
    says = "poolgate: The client demo-web belongs to a pool file: change it there and run `poolgate apply`.\n"
    assert shell("client", "rotate-secret", "demo-web").err == says
    assert shell("client", "delete", "demo-web", "--yes").err == says
    assert stored(shell, "demo-web") is not None


def test_a_client_is_deleted_only_when_it_is_meant(shell: Terminal) -> None:
    shell("client", "create", "app", *REDIRECT)
    assert shell("client", "delete", "app").code == 1
    assert stored(shell, "app") is not None
    assert shell("client", "delete", "app", "--yes").out == "app is deleted\n"
    assert stored(shell, "app") is None
    assert (
        shell("client", "delete", "app", "--yes").err == "poolgate: There is no client 'app' in the pool demo_Pool1.\n"
    )
