"""oauth4webapi 3 judges each of our answers by itself (programs/oauth4webapi.mjs)."""

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
    program = Program.here()
    with Person("ada", dev_server.base_url) as person:
        return program.run("oauth4webapi", clients.settings(dev_server, request.param), person)


def test_both_discovery_documents_are_accepted_and_say_the_same(dev_server: DevServer):
    metadata = Program.here().run("oauth4webapi", clients.settings(dev_server, "metadata"))
    assert metadata["oidc"] == metadata["oauth2"]
    assert metadata["oidc"]["issuer"] == dev_server.issuer


def test_the_token_response_is_bearer_and_is_not_kept(journey: Result):
    assert journey["tokenType"] == "bearer"  # the library puts it in lower case (RFC 6749 5.1)
    assert journey["cacheControl"] == "no-store"


def test_userinfo_belongs_to_the_id_token(journey: Result):
    assert journey["userinfo"]["sub"] == journey["claims"]["sub"]
    assert journey["userinfo"]["email"] == "ada@example.com"


def test_the_access_token_is_one_of_rfc_9068_for_the_api_and_for_userinfo(journey: Result, dev_server: DevServer):
    access = journey["access"]
    assert set(access["aud"]) == {clients.RESOURCE, dev_server.issuer}
    assert access["client_id"] == journey["claims"]["aud"]
    assert access["sub"] == journey["claims"]["sub"] == journey["atIssuer"]
    assert f"{clients.RESOURCE}/read" in access["scope"].split()
    assert access["groups"] == ["staff"]
    assert {"jti", "iat", "exp", "auth_time", "acr", "amr", "sid"} <= access.keys()


@pytest.mark.parametrize("case", ["foreignAudience", "idTokenAsAccess"])
def test_an_api_refuses_what_is_not_for_it(journey: Result, case: str):
    assert journey[case]["name"] in {"OperationProcessingError", "UnsupportedOperationError"}, journey[case]


def test_a_refresh_keeps_the_subject_and_a_revoked_token_is_over(journey: Result):
    assert journey["refreshedSub"] == journey["claims"]["sub"]
    assert (journey["revoked"]["status"], journey["revoked"]["error"]) == (400, "invalid_grant")


def test_a_spent_code_yields_nothing_and_revokes_what_it_bought(journey: Result):
    assert (journey["replay"]["status"], journey["replay"]["error"]) == (400, "invalid_grant")
    assert (journey["afterReplay"]["status"], journey["afterReplay"]["error"]) == (401, "invalid_token")


def test_a_services_access_token_is_one_of_rfc_9068(dev_server: DevServer):
    service = Program.here().run("oauth4webapi", clients.settings(dev_server, "service"))
    assert service["scope"] == f"{clients.RESOURCE}/read"
    assert service["access"]["sub"] == service["access"]["client_id"] == "demo-machine"
