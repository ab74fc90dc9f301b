"""What a provider says of somebody now, without them: by the refresh token that was kept (OpenID Connect Core 12)."""

from dataclasses import replace

from authserver.broker.kept_tokens import KeptTokens
from authserver.broker.service import Broker, Place
from authserver.errors import NotFound
from authserver.store import Identities
from federation.errors import ProviderRefused
from federation.model import ExternalIdentity, IdentityProvider


async def ask_again(
    identities: Identities,
    broker: Broker,
    tokens: KeptTokens,
    issuer: Place,
    provider: IdentityProvider,
    user_id: str,
) -> ExternalIdentity:
    """The identity anew. The token that replaces the old one is kept; one that the provider takes no longer is dropped.

    Raises:
        NotFound: the user has no login of this provider, or no token of it is kept.
        FederationError: what the provider says; ProviderRefused where the access was taken back.
    """
    pool = issuer.pool.id
    linked = next((one for one in await identities.identities(pool, user_id) if one.provider == provider.name), None)
    if linked is None:
        raise NotFound(f"The user has no login of {provider.name}.")
    token = tokens.open(linked)
    if token is None:
        raise NotFound(f"No refresh token of {provider.name} is kept for the user; see keep_refresh_token.")
    try:
        identity = await broker.refresh(issuer, provider, token, linked.subject)
    except ProviderRefused:
        await identities.change_identity(pool, replace(linked, sealed_refresh_token=None))
        raise
    if identity.refresh_token is not None and identity.refresh_token != token:
        sealed = tokens.seal(pool, provider.name, linked.subject, identity.refresh_token)
        await identities.change_identity(pool, replace(linked, sealed_refresh_token=sealed))
    return identity
