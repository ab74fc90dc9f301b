"""After a login by OpenID Connect: refreshing, and signing out there."""

import pytest

from federation.errors import BadAnswer, ProviderRefused
from federation.model import FormPost, Redirect, UpstreamSession
from tests.federation.cases import ACME, acme, with_metadata
from tests.federation.host import CALLBACK
from tests.federation.standins.openid import OpenIdProvider
from tests.resource_servers import forge

pytestmark = pytest.mark.anyio


async def test_a_refresh_without_id_token_asks_userinfo() -> None:
    world = acme()
    world.site.refresh_has_id_token = False
    identity = await world.log_in()
    again = await world.connector.refresh(identity.refresh_token, "ada-0001", world.now)
    assert again.claims["name"] == "Ada Lovelace"
    world.site.said = {"sub": "bob-0002"}
    with pytest.raises(BadAnswer):
        await world.connector.refresh(again.refresh_token, "ada-0001", world.now)


async def test_a_refresh_that_says_nothing_of_the_person_is_refused() -> None:
    site = OpenIdProvider(with_metadata(userinfo_endpoint=""))
    site.refresh_has_id_token = False
    world = acme(site=site)
    identity = await world.log_in()
    with pytest.raises(BadAnswer, match="nothing of the person"):
        await world.connector.refresh(identity.refresh_token, "ada-0001", world.now)


async def test_a_refresh_token_that_was_taken_back_is_refused_by_the_provider() -> None:
    with pytest.raises(ProviderRefused) as refusal:
        await acme().connector.refresh("revoked", "ada-0001", forge.NOW)
    assert refusal.value.error == "invalid_grant"


async def test_without_rotation_the_refresh_token_stays() -> None:
    world = acme()
    identity = await world.log_in()
    world.site.answers = {"refresh_token": ...}
    again = await world.connector.refresh(identity.refresh_token, "ada-0001", world.now)
    assert again.refresh_token is None


async def test_a_sign_out_goes_to_the_end_session_endpoint() -> None:
    world = acme()
    identity = await world.log_in()
    assert identity.session is not None
    begun = await world.connector.sign_out(identity.session, "https://login.example/bye", "st", world.now)
    assert isinstance(begun.outgoing, Redirect)
    assert begun.outgoing.url.startswith(f"{ACME.end_session_endpoint}?")
    for part in ("id_token_hint=ey", "client_id=client-1", "post_logout_redirect_uri=https%3A%2F%2Flogin", "state=st"):
        assert part in begun.outgoing.url


async def test_a_long_sign_out_goes_by_post() -> None:
    session = UpstreamSession("ada-0001", id_token="x" * 5000)
    begun = await acme().connector.sign_out(session, "https://login.example/bye", "st", forge.NOW)
    assert isinstance(begun.outgoing, FormPost)
    assert dict(begun.outgoing.fields)["id_token_hint"] == "x" * 5000


async def test_a_provider_without_sign_out_offers_none() -> None:
    world = acme(site=OpenIdProvider(with_metadata(end_session_endpoint="")))
    assert await world.connector.sign_out(UpstreamSession("a"), CALLBACK, "st", forge.NOW) is None
