"""`poolgate idp add --register`: we become a client of a provider from the command line, and cease to be one."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from authserver.accounts.provider_plan import provider_record
from authserver.crypto.secrets import b64url_decode
from federation.model import IdentityProvider
from tests.federation.cases import ACME
from tests.federation.host import Network
from tests.federation.standins.registering import RegisteringProvider
from tests.journeys.command_line import Outcome, Terminal
from tests.journeys.elsewhere import Wire

POOL = "demo_Pool1"
ISSUER = f"http://localhost:8000/{POOL}"
TOKEN = "leave-to-register-0123456789abcdef"


@dataclass
class Place:
    """A terminal, and a provider that it reaches."""

    shell: Terminal
    site: RegisteringProvider
    network: Network

    def add(self, *more: str, stdin: str = "") -> Outcome:
        return self.shell(
            *("idp", "add", "Acme", "--type", "oidc", "--set", f"issuer={ACME.issuer}", "--register", *more),
            stdin=stdin,
        )

    def stored(self) -> IdentityProvider | None:
        return asyncio.run(self.shell.place.stores.registry.provider(POOL, "Acme"))

    def secret(self, name: str) -> str:
        provider = self.stored()
        assert provider is not None
        sealed = b64url_decode(provider.sealed_secrets[name])
        return self.shell.place.sealer.open(sealed, provider_record(POOL, "Acme", name)).decode()


@pytest.fixture
def place(shell: Terminal) -> Place:
    site, network = RegisteringProvider(ACME), Network()
    network.serve(site.app(), *site.hosts())
    shell.place.http = Wire(network)
    return Place(shell, site, network)


def test_a_provider_takes_us_and_what_it_gave_is_kept(place: Place) -> None:
    made = place.add("--domain", "acme.example", "--json")
    assert made.code == 0, made.err
    provider = place.stored()
    assert provider is not None
    assert (provider.client_id, provider.enabled, provider.managed) == ("client-1", False, False)
    assert provider.settings == {
        "issuer": ACME.issuer,
        "token_endpoint_auth_method": "client_secret_basic",
        "id_token_signed_response_alg": "RS256",
        "registration_client_uri": f"{ACME.issuer}/register/client-1",
    }
    assert place.secret("client_secret") == place.site.client_secret
    assert (
        place.secret("registration_access_token") == place.site.registrations["client-1"]["registration_access_token"]
    )
    assert set(provider.secret_digests) == {"client_secret", "registration_access_token"}


def test_what_was_registered_is_printed_without_secrets(place: Place) -> None:
    made = place.add("--json")
    assert made.value["client_id"] == "client-1"
    assert made.value["registered"]["redirect_uris"] == [f"{ISSUER}/oauth2/idpresponse/Acme"]
    assert made.value["registered"]["post_logout_redirect_uris"] == [f"{ISSUER}/oauth2/idplogout"]
    assert made.value["registered"]["client_name"] == "Demo"
    everything = made.out + made.err + place.shell("idp", "show", "Acme", "--json").out
    everything += place.shell("idp", "list", "--json").out + str(place.stored())
    for secret in ("client_secret", "registration_access_token"):
        assert place.secret(secret) not in everything


def test_it_reads_as_lines_too(place: Place) -> None:
    place.site.answers_registration = {"client_name": "Another"}
    made = place.add("--enabled")
    assert "client_id:" in made.out
    assert "client_name is 'Another', and not 'Demo'" in made.out
    assert "idp enable" not in made.out


def test_the_leave_to_register_comes_by_standard_input(place: Place) -> None:
    place.site.leave = TOKEN
    refused = place.add()
    assert (refused.code, "an initial access token is needed" in refused.err) == (1, True)
    assert place.stored() is None
    made = place.add("--initial-access-token-stdin", stdin=f"{TOKEN}\n")
    assert made.code == 0, made.err
    assert TOKEN not in made.out + str(place.stored())


@pytest.mark.parametrize(
    "refuses", [("invalid_redirect_uri", "not this one"), ("invalid_client_metadata", "no such grant")]
)
def test_a_refusal_is_told_in_words_and_nothing_is_stored(place: Place, refuses: tuple[str, str]) -> None:
    place.site.refuses = (400, *refuses)
    refused = place.add("--json")
    assert refused.code == 1
    assert refused.out == ""
    assert all(word in refused.err for word in ("Acme", *refuses))
    assert "Traceback" not in refused.err
    assert place.stored() is None
    assert asyncio.run(place.shell.place.stores.identities.kept(POOL, "Acme", "document openid-configuration")) is None
    place.site.refuses = None
    assert place.add().code == 0


def test_an_answer_that_will_not_do_is_taken_back_and_nothing_is_stored(place: Place) -> None:
    place.site.answers_registration = {"redirect_uris": ["https://evil.example/"]}
    refused = place.add()
    assert (refused.code, place.stored(), place.site.registrations) == (1, None, {})
    assert "redirect_uris was asked to be" in refused.err
    assert "taken back" in refused.err


def test_a_provider_that_does_not_answer_is_told_in_words(place: Place) -> None:
    place.network.down = {"id.acme.example"}
    refused = place.add()
    assert (refused.code, place.stored()) == (1, None)
    assert "does not answer" in refused.err


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--map", "custom:nothing=x"), "is no attribute of the pool"),
        (("--domain", "taken.example"), "belongs to another provider"),
        (("--set", "identifiers=['other']"), "belongs to another provider"),
    ],
)
def test_what_is_wrong_here_is_said_before_anything_is_registered(place: Place, more: Any, says: str) -> None:
    place.shell(
        *("idp", "add", "Other", "--type", "oidc", "--client-id", "x", "--set", "issuer=https://other.example"),
        *("--domain", "taken.example", "--set", "identifiers=['other']"),
    )
    refused = place.add(*more)
    assert (refused.code, says in refused.err) == (1, True), refused.err
    assert place.site.asked == []
    assert place.add("--domain", "free.example").code == 0


def test_a_name_is_taken_before_anything_is_registered(place: Place) -> None:
    assert place.add().code == 0
    assert "already" in place.add().err
    assert len(place.site.asked) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--type", "oidc", "--register", "--client-id", "x"), "the provider gives"),
        (("--type", "oidc", "--register", "--client-secret-stdin"), "the provider gives"),
        (("--type", "google", "--register"), "register at google by hand"),
        (("--type", "oidc", "--client-id", "x", "--initial-access-token-stdin"), "is for --register"),
        (("--type", "oidc", "--register"), "`issuer`"),
    ],
)
def test_options_that_do_not_go_together_are_refused(place: Place, arguments: tuple[str, ...], says: str) -> None:
    refused = place.shell("idp", "add", "Acme", *arguments, stdin="x\n")
    assert refused.code in {1, 2}
    assert says in refused.err
    assert (place.stored(), place.network.sent) == (None, [])


def test_who_is_overtaken_while_registering_hears_what_remains_there(place: Place) -> None:
    other = IdentityProvider("Other", "oidc", client_id="x", domains=("acme.example",))

    async def somebody_is_faster() -> None:
        await place.shell.place.stores.registry.put_provider(POOL, other)

    place.site.meanwhile = somebody_is_faster
    refused = place.add("--domain", "acme.example")
    assert (refused.code, place.stored()) == (1, None)
    assert "client-1 is registered at the provider all the same" in refused.err
    assert place.add("--domain", "free.example").code == 0


# --------------------------------------------------------------------------------------------------------- its end


def test_deleting_says_what_remains_there(place: Place) -> None:
    place.add()
    gone = place.shell("idp", "delete", "Acme", "--yes")
    assert (gone.code, "its client client-1 is still registered there" in gone.out) == (0, True)
    assert list(place.site.registrations) == ["client-1"]


def test_unregistering_ends_it_there_first(place: Place) -> None:
    place.add()
    gone = place.shell("idp", "delete", "Acme", "--yes", "--unregister", "--json")
    assert gone.code == 0, gone.err
    assert gone.value == {"name": "Acme", "deleted": True}
    assert (place.stored(), place.site.registrations) == (None, {})


def test_what_could_not_be_ended_there_is_not_deleted_here(place: Place) -> None:
    place.add()
    token = place.secret("registration_access_token")
    place.site.manages = "badly"
    kept = place.shell("idp", "delete", "Acme", "--yes", "--unregister")
    assert (kept.code, "503" in kept.err, token in kept.err) == (1, True, False)
    assert place.stored() is not None
    assert place.shell("idp", "delete", "Acme", "--yes").code == 0


def test_who_did_not_register_cannot_unregister(place: Place) -> None:
    place.site.manages = False
    place.add()
    kept = place.shell("idp", "delete", "Acme", "--yes", "--unregister")
    assert (kept.code, "delete it there" in kept.err) == (1, True)
    assert place.stored() is not None


def test_a_secret_that_will_end_is_kept_in_view(place: Place) -> None:
    now = int(place.shell.place.clock())
    place.site.answers_registration = {"client_secret_expires_at": now + 20 * 86400}
    assert "expires" in place.add().out
    place.shell.place.clock.now += 3600

    def looked() -> dict[str, Any]:
        checks = place.shell("idp", "test", "Acme", "--json").value["checks"]
        return next(check for check in checks if check["name"] == "client_secret")

    assert (looked()["outcome"], looked()["found"]) == ("warning", "it expires in 19 days")
    place.shell.place.clock.now += 20 * 86400
    assert looked()["outcome"] == "error"
