"""`poolgate idp add --register` and `idp delete --unregister`: we become a client of a provider, and cease to be one."""

from dataclasses import replace
from typing import TYPE_CHECKING

from authserver.cli._context import House
from authserver.errors import Invalid
from federation.connectors.registration import (
    Addresses,
    Registered,
    client_metadata,
    offer_of,
    register,
    unregister,
)
from federation.errors import FederationError, Misconfigured
from federation.model import IdentityProvider

if TYPE_CHECKING:
    from authserver.model.pools import Pool
    from authserver.poolfile import ProviderSpec

TO_COME = "to-be-registered"
"""Stands for the client_id until the provider has given one."""


async def registered(house: House, pool: "Pool", spec: "ProviderSpec", initial_token: str) -> Registered:
    """Register this pool at the provider. Nothing is stored. Raises Invalid with what the provider says."""
    from authserver.broker.host import GuardedHttp

    provider, http = spec.provider, GuardedHttp(house.opened.http)
    try:
        offer = await offer_of(http, provider.setting("issuer"))
        asked = client_metadata(provider, offer, addresses_of(house, pool, provider), pool.name or pool.id)
        return await register(http, provider, offer, asked, int(house.clock()), initial_token)
    except FederationError as error:
        raise _told(provider, error) from error


def addresses_of(house: House, pool: "Pool", provider: IdentityProvider) -> Addresses:
    """Where the provider finds us (DESIGN 4)."""
    from authserver.broker.service import callback_url_of, sign_out_url_of

    issuer = f"{house.settings.base_url}/{pool.id}"
    return Addresses(
        redirect=callback_url_of(issuer, provider),
        signed_out=sign_out_url_of(issuer, provider),
        logout=f"{issuer}/oauth2/idplogout/{provider.name}",
        start=f"{issuer}/oauth2/idplogin/{provider.name}",
        keys=f"{issuer}/oauth2/idpjwks/{provider.name}",
    )


def with_registration(provider: IdentityProvider, made: Registered) -> IdentityProvider:
    """The provider with what was agreed. Its secrets are sealed when it is stored."""
    return replace(provider, client_id=made.client_id, settings={**provider.settings, **made.settings})


def told(made: Registered) -> dict[str, object]:
    """What was registered, without secrets."""
    return {"client_id": made.client_id, "registered": dict(made.metadata), "notes": list(made.notes)}


async def unregistered(house: House, pool: "Pool", provider: IdentityProvider) -> None:
    """End the registration at the provider. Raises Invalid: there is none that we may end, or the provider does not."""
    from authserver.broker.host import GuardedHttp, SealedSecrets

    uri = provider.setting("registration_client_uri")
    try:
        token = SealedSecrets(house.opened.sealer, pool.id, provider).open("registration_access_token")
        if not uri or not token:
            raise Misconfigured("no registration is kept that could be ended from here; delete it there")
        await unregister(GuardedHttp(house.opened.http), uri, token)
    except FederationError as error:
        raise _told(provider, error) from error


def _told(provider: IdentityProvider, error: FederationError) -> Invalid:
    return Invalid(f"{provider.name}: {error.detail or error.sentence}", field="register")
