"""`poolgate idp`: providers added, tried and switched on from the command line."""

import asyncio
from dataclasses import replace

from authserver.model.users import User
from federation.model import LinkedIdentity
from tests.journeys.command_line import Terminal

POOL = "demo_Pool1"
SECRET = "a-secret-of-the-provider-0123456789"


def stored(shell: Terminal, name: str = "Acme"):
    return asyncio.run(shell.place.stores.registry.provider(POOL, name))


def add(shell: Terminal, *more: str):
    return shell(
        *("idp", "add", "Acme", "--type", "oidc", "--client-id", "poolgate", "--client-secret-stdin"),
        *("--set", "issuer=https://id.acme.example", "--domain", "acme.example", *more, "--json"),
        stdin=f"{SECRET}\n",
    )


def test_a_provider_is_added_switched_off_with_what_to_register_there(shell: Terminal) -> None:
    made = add(shell, "--map", "given_name=first")
    assert made.code == 0, made.err
    assert made.value["redirect_uri"] == f"http://localhost:8000/{POOL}/oauth2/idpresponse/Acme"
    assert made.value["enabled"] is False
    provider = stored(shell)
    assert (provider.settings, provider.domains) == ({"issuer": "https://id.acme.example"}, ("acme.example",))
    assert provider.attribute_mapping == {"given_name": "first"}
    assert set(provider.sealed_secrets) == {"client_secret"}
    everything = made.out + shell("idp", "show", "Acme", "--json").out + shell("idp", "list", "--json").out
    assert SECRET not in everything
    assert SECRET not in str(provider)


def test_a_provider_that_needs_our_keys_is_told_where_they_are(shell: Terminal) -> None:
    add(shell)
    assert "jwks_uri" not in shell("idp", "show", "Acme", "--json").value
    shell("idp", "delete", "Acme", "--yes")
    for setting in ("token_endpoint_auth_method=private_key_jwt", "id_token_encrypted_response_alg=RSA-OAEP-256"):
        add(shell, "--set", setting)
        shown = shell("idp", "show", "Acme", "--json").value
        assert shown["jwks_uri"] == f"http://localhost:8000/{POOL}/oauth2/idpjwks/Acme"
        shell("idp", "delete", "Acme", "--yes")


def test_it_is_switched_on_and_off_and_deleted(shell: Terminal) -> None:
    add(shell)
    shell("idp", "enable", "Acme")
    assert stored(shell).enabled
    shell("idp", "disable", "Acme")
    assert not stored(shell).enabled
    assert shell("idp", "delete", "Acme").code == 1
    assert shell("idp", "delete", "Acme", "--yes").code == 0
    assert stored(shell) is None


def test_what_may_not_be_is_refused_with_its_key(shell: Terminal) -> None:
    cases = {
        ("--type", "oidcc"): "there is no type 'oidcc'",
        ("--type", "google"): "`client_id`",
        ("--type", "oidc", "--client-id", "x", "--set", "isuer=https://x"): "did you mean `issuer`",
        ("--type", "oidc", "--client-id", "x", "--domain", "ACME"): "must be a domain name in lower case",
        ("--type", "saml", "--set", "request_binding=fax"): "must be 'redirect' or 'post'",
        ("--type", "saml", "--set", "metadata_file=nowhere.xml"): "cannot be read",
    }
    for arguments, says in cases.items():
        refused = shell("idp", "add", "Acme", *arguments)
        assert refused.code in {1, 2}, arguments
        assert says in refused.err, (arguments, refused.err)
        assert stored(shell) is None


def test_a_mapping_is_of_attributes_that_the_pool_has(shell: Terminal) -> None:
    refused = add(shell, "--map", "custom:nothing=x")
    assert (refused.code, "is no attribute of the pool" in refused.err) == (1, True)
    assert stored(shell) is None


def test_who_comes_from_a_provider_alone_still_does_after_being_disabled_and_enabled(shell: Terminal) -> None:
    add(shell)
    store = shell.place.stores
    carol = User("carol", POOL, "Acme_carol-1", state="external")
    identity = LinkedIdentity(POOL, "carol", "Acme", "carol-1", "https://id.acme.example", 1)
    asyncio.run(store.directory.create_user(POOL, carol, identities=[identity]))
    shell("user", "disable", "Acme_carol-1")
    assert shell("user", "enable", "Acme_carol-1").code == 0
    user = asyncio.run(store.directory.user(POOL, "carol"))
    assert user is not None
    assert user.state == "external"


def test_a_name_or_a_domain_is_given_once(shell: Terminal) -> None:
    add(shell)
    assert "already" in add(shell).err
    other = shell(
        *("idp", "add", "Other", "--type", "oidc", "--client-id", "x", "--set", "issuer=https://other.example"),
        *("--domain", "acme.example"),
    )
    assert other.code == 1
    assert "belongs to another provider" in other.err


def test_a_provider_of_a_pool_file_is_left_alone(shell: Terminal) -> None:
    add(shell)
    managed = replace(stored(shell), managed=True)
    asyncio.run(shell.place.stores.registry.put_provider(POOL, managed))
    for command in (("enable", "Acme"), ("delete", "Acme", "--yes")):
        refused = shell("idp", *command)
        assert (refused.code, "belongs to a pool file" in refused.err) == (1, True)


def test_types_and_their_settings_are_listed(shell: Terminal) -> None:
    types = {row["type"]: row["protocol"] for row in shell("idp", "types", "--json").value}
    assert types["saml"] == "saml"
    assert len(types) == 14
    keys = {row["key"]: row["required"] for row in shell("idp", "types", "apple", "--json").value}
    assert keys["team_id"] is True
    assert keys["private_key"] is True


def test_a_trial_says_what_is_wrong_with_a_provider_that_does_not_answer(shell: Terminal) -> None:
    shell(
        *("idp", "add", "Acme", "--type", "oidc", "--client-id", "x", "--set", "issuer=http://127.0.0.1:1/none"),
        *("--client-secret-stdin",),
        stdin=f"{SECRET}\n",
    )
    tried = shell("idp", "test", "Acme", "--json")
    assert tried.code == 1
    assert tried.value["ok"] is False
    assert any(check["outcome"] == "error" and check["advice"] for check in tried.value["checks"])
    assert "FAIL" in shell("idp", "test", "Acme").out


def test_a_login_is_linked_beforehand_and_unlinked(shell: Terminal) -> None:
    add(shell)
    made = shell("idp", "link", "ada", "Acme", "ada-0001")
    assert made.code == 0, made.err
    linked = asyncio.run(shell.place.stores.identities.identity(POOL, "Acme", "ada-0001"))
    assert linked is not None
    user: User | None = asyncio.run(shell.place.stores.directory.user(POOL, linked.user_id))
    assert user is not None
    assert user.username == "ada"
    taken = shell("idp", "link", "bob", "Acme", "ada-0001")
    assert (taken.code, "another user's" in taken.err) == (1, True)
    second = shell("idp", "link", "ada", "Acme", "ada-0002")
    assert (second.code, "already" in second.err) == (1, True)
    assert shell("idp", "unlink", "ada", "Acme").code == 0
    assert shell("idp", "unlink", "ada", "Acme").code == 1


def test_without_a_kept_token_a_provider_is_not_asked_again(shell: Terminal) -> None:
    add(shell)
    shell("idp", "link", "ada", "Acme", "ada-0001")
    refused = shell("idp", "refresh", "Acme", "ada")
    assert (refused.code, "keep_refresh_token" in refused.err) == (1, True)
    assert shell("idp", "refresh", "Acme", "nobody").code == 1
    assert shell("idp", "refresh", "Other", "ada").code == 1
