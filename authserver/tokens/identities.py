"""The claim `identities` of ID tokens in the cognito profile: by whom the user signs in (cognito reference 6)."""

from collections.abc import Mapping, Sequence

from authserver.model.pools import Pool
from authserver.store import Identities, Registry
from authserver.triggers.federation_points import PROVIDER_TYPES

Claim = Sequence[Mapping[str, object]]


async def identities_claim(identities: Identities, registry: Registry, pool: Pool, user_id: str) -> Claim:
    """The claim's value: the user's linked logins, oldest first; empty in the standard profile, which has no such claim.

    As Cognito writes it: `primary` is a text, `dateCreated` a text of milliseconds, and a social provider has no `issuer`.
    """
    if pool.claims_profile != "cognito":
        return ()
    found = []
    for n, one in enumerate(await identities.identities(pool.id, user_id)):
        provider = await registry.provider(pool.id, one.provider)
        called = PROVIDER_TYPES.get(provider.type, "OIDC") if provider is not None else "OIDC"
        found.append(
            {
                "userId": one.subject,
                "providerName": one.provider,
                "providerType": called,
                "issuer": one.issuer if called in {"OIDC", "SAML"} else None,
                "primary": "true" if n == 0 else "false",
                "dateCreated": str(one.linked_at * 1000),
            }
        )
    return found
