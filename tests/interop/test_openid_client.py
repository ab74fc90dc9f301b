"""openid-client 6 goes through what it knows and we offer, with its own checks on (programs/openid_client.mjs)."""

from typing import Any

import pytest

from tests.dev_server import DevServer
from tests.interop import clients
from tests.interop.person import Person
from tests.interop.program import Program

pytestmark = pytest.mark.xdist_group("dev server")

Result = dict[str, Any]


@pytest.fixture(scope="module", params=["confidential", "public"])
def journey(request: pytest.FixtureRequest, dev_server: DevServer) -> Result:
    """One person's way through everything, for a confidential and for a public client."""
    program = Program.here()
    with Person("ada", dev_server.base_url) as person:
        return program.run("openid_client", clients.settings(dev_server, request.param), person)


@pytest.fixture(scope="module")
def service(dev_server: DevServer) -> Result:
    return Program.here().run("openid_client", clients.settings(dev_server, "service"))


def test_discovery_names_what_the_client_needs(dev_server: DevServer):
    metadata = Program.here().run("openid_client", clients.settings(dev_server, "metadata"))
    assert metadata["issuer"] == dev_server.issuer
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    assert metadata["authorization_response_iss_parameter_supported"] is True
    assert metadata["end_session_endpoint"] == f"{dev_server.issuer}/oauth2/logout"


def test_the_id_token_is_for_this_client_and_this_sign_in(journey: Result, dev_server: DevServer):
    claims = journey["claims"]
    assert claims["iss"] == dev_server.issuer
    assert claims["aud"] in {"demo-web", "demo-spa"}
    assert claims["amr"] == ["pwd"]
    assert {"nonce", "auth_time", "at_hash", "sid", "acr"} <= claims.keys()


def test_scope_and_lifetime_are_told(journey: Result):
    assert {"openid", "profile", "email", f"{clients.RESOURCE}/read"} <= set(journey["scope"].split())
    assert 800 < journey["expiresIn"] <= 900


def test_userinfo_is_about_the_person_who_signed_in(journey: Result):
    userinfo = journey["userinfo"]
    assert userinfo["sub"] == journey["claims"]["sub"]
    assert userinfo["email"] == "ada@example.com"
    assert userinfo["email_verified"] is True
    assert userinfo["given_name"] == "Ada"


@pytest.mark.parametrize("check", ["iss", "foreignIss", "state", "nonce"])
def test_the_client_checks_what_it_should(journey: Result, check: str):
    """The library would have stopped the journey: this proves that its checks were on."""
    assert journey["strict"][check]["code"] in {
        "OAUTH_INVALID_RESPONSE",
        "OAUTH_JWT_CLAIM_COMPARISON_FAILED",
    }, journey["strict"][check]


@pytest.mark.parametrize("moment", ["loginRequired", "loginRequiredAgain"])
def test_a_silent_request_without_session_returns_login_required(journey: Result, moment: str):
    assert journey[moment]["code"] == "OAUTH_AUTHORIZATION_RESPONSE_ERROR"
    assert journey[moment]["error"] == "login_required"


def test_a_silent_request_with_session_is_answered_for_the_same_person(journey: Result):
    assert journey["samePerson"] is True


def test_a_wrong_verifier_yields_nothing(journey: Result):
    assert (journey["wrongVerifier"]["status"], journey["wrongVerifier"]["error"]) == (400, "invalid_grant")


def test_a_refresh_rotates_the_token_and_keeps_person_and_sign_in(journey: Result):
    assert journey["rotated"] is True
    before, after = journey["claims"], journey["refreshedClaims"]
    assert [after[name] for name in ("iss", "sub", "aud", "auth_time")] == [
        before[name] for name in ("iss", "sub", "aud", "auth_time")
    ]  # OpenID Connect Core 12.2
    assert journey["refreshedUserinfo"] == journey["userinfo"]


def test_a_refresh_may_ask_for_less(journey: Result):
    assert journey["narrowedScope"] == "openid"


def test_revoking_the_refresh_token_ends_its_access_tokens_too(journey: Result):
    assert (journey["revokedRefresh"]["status"], journey["revokedRefresh"]["error"]) == (400, "invalid_grant")
    assert journey["revokedAccess"]["code"] == "OAUTH_WWW_AUTHENTICATE_CHALLENGE"
    assert (journey["revokedAccess"]["status"], journey["revokedAccess"]["error"]) == (401, "invalid_token")


def test_logout_returns_to_the_app_with_its_state(journey: Result):
    uri = {"demo-web": clients.web, "demo-spa": clients.spa}[journey["claims"]["aud"]]()["post_logout_redirect_uri"]
    assert journey["signedOut"] == {"at": uri, "state": True}


def test_a_service_gets_what_it_asks_for(service: Result):
    both = {f"{clients.RESOURCE}/read", f"{clients.RESOURCE}/write"}
    everything, read, by_resource = service["scopes"]
    assert set(everything.split()) == both
    assert read == f"{clients.RESOURCE}/read"
    assert set(by_resource.split()) == both
    assert service["refreshToken"] is None  # RFC 6749 4.4.3


def test_a_service_gets_nothing_beyond_its_scopes_and_nothing_without_its_secret(service: Result):
    assert (service["tooMuch"]["status"], service["tooMuch"]["error"]) == (400, "invalid_scope")
    assert service["wrongSecret"]["status"] == 401
    assert service["wrongSecret"]["error"] == "invalid_client"
