"""People of oidc-provider, a certified OpenID provider in JavaScript, come to our app."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey, KeyParameters, RSAKey

from tests import tools
from tests.interop import foreign
from tests.interop.program import PROGRAMS
from tests.interop.traveller import Page
from tests.interop.upstream import APP, PROVIDER, Member, Upstream, client_id, upstream

pytestmark = pytest.mark.xdist_group("oidc-provider")

PLAIN, SEALED, CURVE, ROLL = "plain_Pool1", "sealed_Pool1", "curve_Pool1", "roll_Pool1"
SECRET = "the-provider-keeps-this-from-nobody-7Fh2"
LEAVE = "whoever-shows-this-may-register-9Rt4"
PEOPLE = {
    "grace": {
        "email": "grace@id.example",
        "email_verified": True,
        "name": "Grace Hopper",
        "given_name": "Grace",
        "family_name": "Hopper",
        "groups": ["engineers", "navy"],
    },
    "alan": {"email": "alan@id.example", "email_verified": False, "name": "Alan Türing"},
    "ada": {"email": "ada@id.example", "email_verified": True, "name": "Ada Lovelace"},
    "edsger": {"email": "edsger@id.example", "email_verified": True, "name": "Edsger Dijkstra"},
}

Join = Callable[[str], Member]


@dataclass
class OidcProvider:
    """The provider, which runs with one set of keys after the other."""

    port: int
    folder: Path
    clients: list[dict[str, Any]] = field(default_factory=list)
    keys: list[dict[str, Any]] = field(default_factory=list)
    server: foreign.Foreign | None = None
    _running: ExitStack = field(default_factory=ExitStack)

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """With these clients and keys, the first of which signs. It forgets who had signed in."""
        self._running.close()
        settings = {
            "issuer": self.issuer,
            "port": self.port,
            "jwks": {"keys": self.keys},
            "clients": self.clients,
            "people": PEOPLE,
            "leave": LEAVE,
        }
        command: list[str | Path] = [tools.node(), PROGRAMS / "oidc_provider.mjs", json.dumps(settings)]
        ready = f"{self.issuer}/.well-known/openid-configuration"
        self.server = self._running.enter_context(foreign.running(self.folder, command, ready))

    def close(self) -> None:
        self._running.close()

    @property
    def output(self) -> str:
        assert self.server is not None
        return self.server.output


def key(kid: str, *, curve: bool = False) -> dict[str, Any]:
    """A private key for signatures, as a JWK."""
    parameters: KeyParameters = {"kid": kid, "use": "sig"}
    made = ECKey.generate_key("P-256", parameters) if curve else RSAKey.generate_key(2048, parameters)
    return dict(made.as_dict(private=True))


def client(server: Upstream, pool: str, **changes: Any) -> dict[str, Any]:
    """Us, as the provider knows us."""
    issuer = server.issuer(pool)
    return {
        "client_id": client_id(pool),
        "redirect_uris": [f"{issuer}/oauth2/idpresponse/{PROVIDER}"],
        "post_logout_redirect_uris": [f"{issuer}/oauth2/idplogout"],
        "backchannel_logout_uri": f"{issuer}/oauth2/idplogout/{PROVIDER}",
        "backchannel_logout_session_required": True,
        "scope": "openid email profile groups",
        **changes,
    }


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Upstream, OidcProvider]]:
    """Ours and theirs, each known to the other."""
    tools.node_modules()
    (port,) = foreign.free_ports()
    provider = OidcProvider(port, tmp_path_factory.mktemp("oidc-provider"))
    common: dict[str, Any] = {
        "type": "oidc",
        "issuer": provider.issuer,
        "scope": "openid email profile groups",
        "sign_out": True,
        "groups": {"source": "groups", "names": {"engineers": "staff"}},
    }
    by_key = {
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks_uri": "{issuer}/oauth2/idpjwks/" + PROVIDER,
    }
    secret = {"client_secret": SECRET}
    sealed = {"id_token_encrypted_response_alg": "RSA-OAEP-256", "id_token_encrypted_response_enc": "A256GCM"}
    curve = {"id_token_encrypted_response_alg": "ECDH-ES+A256KW", "id_token_signed_response_alg": "ES256"}
    signed = {"userinfo_signed_response_alg": "RS256"}
    ours: Mapping[str, Mapping[str, Any]] = {
        PLAIN: {**secret, "token_endpoint_auth_method": "client_secret_basic"},
        SEALED: {**sealed, **signed, "token_endpoint_auth_method": "private_key_jwt", "response_mode": "form_post"},
        CURVE: {**secret, **curve, "token_endpoint_auth_method": "client_secret_post"},
        ROLL: secret,
    }
    theirs: Mapping[str, Mapping[str, Any]] = {
        PLAIN: secret,
        SEALED: {**sealed, **signed, **by_key},
        CURVE: {**secret, **curve, "token_endpoint_auth_method": "client_secret_post", "jwks_uri": by_key["jwks_uri"]},
        ROLL: secret,
    }
    pools = {pool: {**common, "client_id": client_id(pool), **settings} for pool, settings in ours.items()}
    with upstream(tmp_path_factory.mktemp("poolgate"), pools) as server, contextlib.closing(provider):
        provider.clients = [
            client(server, pool, **{k: v.format(issuer=server.issuer(pool)) for k, v in settings.items()})
            for pool, settings in theirs.items()
        ]
        for pool in (SEALED, CURVE):
            # The first look makes our keys, for which the provider's patience (2.5 seconds) may not be enough.
            httpx.get(by_key["jwks_uri"].format(issuer=server.issuer(pool)), timeout=60)
        provider.keys = [key("first"), key("curve", curve=True)]
        provider.start()
        yield server, provider
        server.settle()


@pytest.fixture
def server(both: tuple[Upstream, OidcProvider]) -> Upstream:
    return both[0]


@pytest.fixture
def provider(both: tuple[Upstream, OidcProvider]) -> OidcProvider:
    return both[1]


@pytest.fixture
def join(server: Upstream) -> Iterator[Join]:
    """Makes somebody with a new browser, for the app of a pool."""
    with ExitStack() as leaving:
        yield lambda pool: leaving.enter_context(Member(server, pool))


def prove(member: Member, page: Page, name: str = "grace", *, consent: bool = True) -> Page:
    """Through the provider's form, and its consent."""
    assert "/interaction/" in page.url, f"{page.url} {page.status}:\n{page.text}"
    page = member.submit(page, login=name, password="any")
    return member.submit(page, "Continue") if consent else page


@pytest.mark.parametrize("pool", [PLAIN, SEALED, CURVE])
def test_somebody_new_comes_and_comes_again(join: Join, pool: str):
    grace = join(pool)
    first = grace.who(prove(grace, grace.leave()))
    assert (first["email"], first["email_verified"]) == ("grace@id.example", True)
    assert (first["given_name"], first["family_name"], first["groups"]) == ("Grace", "Hopper", ["staff"])
    elsewhere = join(pool)
    assert elsewhere.who(prove(elsewhere, elsewhere.leave()))["sub"] == first["sub"]


def test_a_login_that_must_be_fresh_asks_there_again(join: Join):
    alan = join(PLAIN)
    first = alan.who(prove(alan, alan.leave(), "alan"))
    assert (first["email"], first["email_verified"]) == ("alan@id.example", False)
    again = alan.who(prove(alan, alan.leave(prompt="login"), "alan", consent=False))
    assert again["sub"] == first["sub"]
    assert again["auth_time"] >= first["auth_time"]


@pytest.mark.parametrize("pool", [PLAIN, SEALED])
def test_who_turns_back_there_finds_our_first_page(join: Join, server: Upstream, pool: str):
    member = join(pool)
    there = member.leave()
    page = member.visit(f"{there.url}/abort")
    assert (page.status, page.error) == (200, None)
    assert page.url.startswith(f"{server.issuer(pool)}/login")
    event = server.events("provider.cancelled")[-1]
    assert (event["pool"], event["provider"], event["error"]) == (pool, PROVIDER, "provider_cancelled")


@pytest.mark.parametrize("pool", [PLAIN, SEALED, CURVE])
def test_signing_out_of_the_app_ends_the_session_there(join: Join, pool: str):
    grace = join(pool)
    tokens = grace.tokens(prove(grace, grace.leave()))
    page = grace.sign_out(tokens)
    assert "Do you want to sign-out" in page.text, f"{page.url}:\n{page.text}"
    assert grace.submit(page, "Yes, sign me out").url == f"{APP}/goodbye"
    assert not grace.is_known(tokens)
    prove(grace, grace.leave())


@pytest.mark.parametrize("pool", [PLAIN, SEALED])
def test_signing_out_there_ends_the_session_here_behind_the_browsers_back(
    join: Join, provider: OidcProvider, pool: str
):
    grace, other = join(pool), join(pool)
    tokens = grace.tokens(prove(grace, grace.leave()))
    others = other.tokens(prove(other, other.leave()))
    told = f"backchannel.success {client_id(pool)}"
    before = provider.output.count(told)
    page = grace.visit(f"{provider.issuer}/session/end")
    grace.submit(page, "Yes, sign me out")
    assert provider.output.count(told) == before + 1
    assert not grace.is_known(tokens)
    assert other.is_known(others), "it named one session"


def test_keys_change_without_a_pause(join: Join, provider: OidcProvider):
    old, curve = provider.keys
    new = key("second")

    def come() -> Any:
        member = join(ROLL)
        return member.who(prove(member, member.leave()))["sub"]

    try:
        provider.keys = [old, curve, new]
        provider.start()
        first = come()
        provider.keys = [new, curve, old]
        provider.start()
        assert come() == first, "it was published beside the old one"
        provider.keys = [new, curve]
        provider.start()
        assert come() == first
    finally:
        provider.keys = [old, curve]
        provider.start()


@pytest.mark.nightly
def test_keys_that_change_without_notice_are_looked_up(join: Join, provider: OidcProvider):
    """Half a minute after the last look, or forged tokens would have us ask all the time."""
    old = provider.keys
    first = join(ROLL)
    known = first.who(prove(first, first.leave()))["sub"]
    try:
        provider.keys = [key("third"), key("third-curve", curve=True)]
        provider.start()
        time.sleep(31)
        again = join(ROLL)
        assert again.who(prove(again, again.leave()))["sub"] == known
    finally:
        provider.keys = old
        provider.start()


def test_an_operator_who_looks_finds_nothing_wrong(server: Upstream):
    looked = server.at.run("idp", "test", PROVIDER, "--pool", SEALED, "--json")
    report = json.loads(looked.stdout)
    assert report["ok"], report
    found = {check["name"]: check["found"] for check in report["checks"]}
    assert found["client_authentication"].startswith("private_key_jwt")
    assert found["id_token_encryption"] == "RSA-OAEP-256, A256GCM"


@pytest.mark.parametrize(("method", "name_there"), [("client_secret_basic", "ada"), ("private_key_jwt", "edsger")])
def test_we_register_ourselves_sign_people_in_and_end_it_again(
    join: Join, server: Upstream, provider: OidcProvider, method: str, name_there: str
):
    """RFC 7591 and 7592, from the command line, with a provider that checks both."""
    name = f"By-{method}"
    add = ("idp", "add", name, "--type", "oidc", "--set", f"issuer={provider.issuer}", "--pool", PLAIN, "--json")
    add = (*add, "--set", f"token_endpoint_auth_method={method}", "--set", "sign_out=true", "--enabled", "--register")
    refused = server.at.run(*add)
    assert (refused.returncode, "an initial access token is needed" in refused.stderr) == (1, True), refused.stderr
    made = server.at.run(*add, "--initial-access-token-stdin", typed=f"{LEAVE}\n")
    assert made.returncode == 0, made.stderr
    said = json.loads(made.stdout)
    issuer = server.issuer(PLAIN)
    assert said["notes"] == []
    assert said["registered"]["redirect_uris"] == [f"{issuer}/oauth2/idpresponse/{name}"]
    assert said["registered"]["backchannel_logout_uri"] == f"{issuer}/oauth2/idplogout/{name}"
    looked = server.at.run("idp", "test", name, "--pool", PLAIN, "--json")
    assert json.loads(looked.stdout)["ok"], looked.stdout

    person = join(PLAIN)
    tokens = person.tokens(prove(person, person.leave(identity_provider=name), name_there))
    page = person.visit(f"{provider.issuer}/session/end")
    person.submit(page, "Yes, sign me out")
    assert f"backchannel.success {said['client_id']}" in provider.output
    assert not person.is_known(tokens)

    gone = server.at.run("idp", "delete", name, "--pool", PLAIN, "--yes", "--unregister", "--json")
    assert (gone.returncode, json.loads(gone.stdout)) == (0, {"name": name, "deleted": True}), gone.stderr
    asked = {"client_id": said["client_id"], "response_type": "code", "scope": "openid"}
    there = httpx.get(f"{provider.issuer}/auth", params=asked, timeout=30, trust_env=False)
    assert (there.status_code, "invalid_client" in there.text) == (400, True)


def test_what_the_provider_will_not_register_is_told_in_its_words(server: Upstream, provider: OidcProvider):
    add = ("idp", "add", "Odd", "--type", "oidc", "--set", f"issuer={provider.issuer}", "--pool", PLAIN)
    add = (*add, "--set", "userinfo_signed_response_alg=PS384", "--register", "--initial-access-token-stdin")
    refused = server.at.run(*add, typed=f"{LEAVE}\n")
    assert refused.returncode == 1
    assert "invalid_client_metadata" in refused.stderr
    assert "userinfo_signed_response_alg" in refused.stderr
    assert server.at.run("idp", "show", "Odd", "--pool", PLAIN).returncode == 1
