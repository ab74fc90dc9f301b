"""Which client we are, and how we prove it."""

import pytest

from federation.connectors.client_auth import choose
from federation.errors import Misconfigured
from resource_servers.keys import VerificationKeys
from tests.federation.cases import ACME, acme
from tests.federation.host import Signer
from tests.federation.standins.openid import OpenIdProvider
from tests.resource_servers import forge

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"])
async def test_each_way_of_proving_the_client_signs_in(method: str) -> None:
    site = OpenIdProvider(ACME)
    site.auth_methods = (method,)
    site.client_keys = VerificationKeys.parse(Signer().jwks())
    world = acme(site=site, token_endpoint_auth_method=method, token_endpoint_auth_signing_alg="ES256")
    assert (await world.log_in()).subject == "ada-0001"
    sent = next(sent for sent in world.network.sent if sent.url == ACME.token_endpoint)
    assert ("authorization" in sent.headers) is (method == "client_secret_basic")
    assert ("client_secret" in sent.form) is (method == "client_secret_post")
    assert ("client_assertion" in sent.form) is (method == "private_key_jwt")
    assert "client_secret" not in sent.url


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "private_key_jwt"])
async def test_the_way_is_found_out_from_the_metadata(method: str) -> None:
    site = OpenIdProvider(ACME)
    site.auth_methods = (method,)
    site.client_keys = VerificationKeys.parse(Signer().jwks())
    secrets = {} if method == "private_key_jwt" else None
    assert (await acme(site=site, secrets=secrets).log_in()).subject == "ada-0001"


def test_without_metadata_the_way_is_basic() -> None:
    assert choose("", None, has_secret=True) == "client_secret_basic"
    assert choose("", None, has_secret=False) == "none"
    assert choose("", ("client_secret_post", "client_secret_basic"), has_secret=True) == "client_secret_basic"
    assert choose("", ("tls_client_auth",), has_secret=True) == "client_secret_basic"


@pytest.mark.parametrize("alg", ["ES256", "RS256"])
async def test_an_assertion_is_signed_as_the_provider_takes_it(alg: str) -> None:
    site = OpenIdProvider(ACME)
    site.auth_methods = ("private_key_jwt",)
    site.document = {"token_endpoint_auth_signing_alg_values_supported": [alg]}
    site.client_keys = VerificationKeys.parse({"keys": [forge.key(alg, f"pool-{alg}").jwk()]})
    assert (await acme(site=site, secrets={}).log_in()).subject == "ada-0001"


async def test_an_assertion_is_for_the_issuer_unless_a_setting_says_otherwise() -> None:
    """CVE-2025-27370: an assertion for a URL could be presented at another server."""
    for setting, audience in (("issuer", ACME.issuer), ("token_endpoint", ACME.token_endpoint)):
        site = OpenIdProvider(ACME)
        site.auth_methods, site.client_keys = ("private_key_jwt",), VerificationKeys.parse(Signer().jwks())
        site.assertion_audience = audience
        world = acme(site=site, secrets={}, client_assertion_audience=setting)
        assert (await world.log_in()).subject == "ada-0001"


async def test_a_secret_that_is_asked_for_must_be_there() -> None:
    with pytest.raises(Misconfigured) as refusal:
        await acme(secrets={}, token_endpoint_auth_method="client_secret_post").depart()
    assert refusal.value.setting == "client_secret"
