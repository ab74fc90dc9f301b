"""The provider under test with all that it needs, in a line."""

from dataclasses import replace
from typing import Any

import pytest

from federation.connectors.saml import KIND
from federation.connectors.saml.provider import SamlProvider
from federation.errors import FederationError
from federation.model import Callback, ExternalIdentity, Handoff, IdentityProvider
from federation.ports import KeyPair
from tests.federation.saml.host import MemoryHost
from tests.federation.saml.standin import ACS, NOW, REQUEST, Say, key, metadata, posted, response

HANDOFF = Handoff("state", "main", "corp", ACS, NOW - 20, memo={"request_id": REQUEST})


def connector(memory: MemoryHost | None = None, **settings: Any) -> SamlProvider:
    """A provider that knows the stand-in by the metadata in a file, unless something else is said."""
    if not {"metadata", "metadata_url", "mdq_url"} & set(settings):
        settings["metadata"] = metadata()
    provider = IdentityProvider("corp", "saml", settings=settings)
    made = KIND.build(provider, (memory or MemoryHost(pairs())).host())
    assert isinstance(made, SamlProvider)
    return made


def pairs(*names: str) -> list[KeyPair]:
    return [key(name).pair for name in names or ("sp",)]


async def sign_in(
    say: Say | str | bytes | Callback | None = None,
    at: SamlProvider | None = None,
    *,
    fresh: bool = False,
    **settings: Any,
) -> ExternalIdentity:
    """Who comes back with this response."""
    message = response(say) if isinstance(say, Say) or say is None else say
    callback = message if isinstance(message, Callback) else posted(message)
    return await (at or connector(**settings)).finish(replace(HANDOFF, fresh=fresh), callback)


async def refused(
    say: Say | str | bytes | Callback, at: SamlProvider | None = None, **settings: Any
) -> FederationError:
    """Why this response signs nobody in."""
    with pytest.raises(FederationError) as refusal:
        await sign_in(say, at, **settings)
    return refusal.value
