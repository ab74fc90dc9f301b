"""`poolgate idp refresh`: a provider is asked again what it says of a user."""

from typing import TYPE_CHECKING

from authserver.broker.asking_again import ask_again
from authserver.broker.kept_tokens import KeptTokens
from authserver.cli._context import House
from authserver.cli._trying_provider import At
from authserver.errors import Invalid
from federation.errors import FederationError

if TYPE_CHECKING:
    from authserver.model.pools import Pool
    from federation.model import IdentityProvider


async def asked_again(house: House, pool: "Pool", provider: "IdentityProvider", username: str) -> dict[str, object]:
    """What the provider says. Raises Refusal with what went wrong."""
    user = await house.users().find(pool, username)
    issuer, broker = At(f"{house.settings.base_url}/{pool.id}", pool), house.broker()
    tokens = KeptTokens(house.opened.sealer)
    try:
        identity = await ask_again(house.stores.identities, broker, tokens, issuer, provider, user.id)
    except FederationError as error:
        raise Invalid(f"{provider.name}: {error.detail or error.sentence}", field="name") from error
    finally:
        broker.close()
    return {"username": user.username, "provider": provider.name, "subject": identity.subject, **dict(identity.claims)}
