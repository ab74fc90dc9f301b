"""Providers elsewhere for journeys: stand-ins behind our outbound client, and the browser's way there and back."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from authserver.accounts.provider_plan import with_secrets
from authserver.effects import HttpAnswer, HttpUnreachable
from federation.connectors.discovery import Metadata
from federation.errors import ProviderUnavailable
from federation.model import IdentityProvider
from tests.federation.host import Network
from tests.federation.standins.openid import ADA, OpenIdProvider
from tests.journeys.house import ISSUER, POOL, Browser, House, house


def metadata(host: str) -> Metadata:
    """An OpenID provider at that host."""
    at = f"https://{host}"
    return Metadata(
        issuer=at,
        authorization_endpoint=f"{at}/authorize",
        token_endpoint=f"{at}/token",
        jwks_uri=f"{at}/jwks",
        userinfo_endpoint=f"{at}/userinfo",
        end_session_endpoint=f"{at}/logout",
    )


class Wire:
    """Satisfies `effects.Http` over a network of stand-ins."""

    def __init__(self, network: Network) -> None:
        self.network = network

    async def request(self, method: str, url: str, **how: Any) -> HttpAnswer:
        how.pop("redirects", None)
        try:
            answer = await self.network.request(method, url, **how)
        except ProviderUnavailable as error:
            raise HttpUnreachable(error.detail) from error
        return HttpAnswer(answer.status, dict(answer.headers), answer.body)


@dataclass
class World:
    """A house with providers elsewhere."""

    at: House
    network: Network
    sites: dict[str, Any] = field(default_factory=dict)

    async def add(self, name: str = "Acme", site: Any = None, **changes: Any) -> Any:
        """A provider of the pool, and who stands in for it."""
        site = site or OpenIdProvider(metadata(f"id.{name.lower()}.example"), dict(ADA))
        site.redirect_uri = f"{ISSUER}/oauth2/idpresponse/{name}"
        site.now = int(self.at.time())
        self.network.serve(site.app(), *site.hosts())
        settings = {"issuer": site.metadata.issuer} if isinstance(site, OpenIdProvider) else {}
        provider = IdentityProvider(name, "oidc", client_id=site.client_id, settings=settings)
        provider = replace(provider, **changes)
        provider = with_secrets(POOL, provider, {"client_secret": site.client_secret}, self.at.opened.sealer)
        await self.at.stores.registry.put_provider(POOL, provider)
        self.sites[name] = site
        return site

    async def change(self, name: str = "Acme", **changes: Any) -> None:
        provider = await self.at.stores.registry.provider(POOL, name)
        assert provider is not None
        await self.at.stores.registry.put_provider(POOL, replace(provider, **changes))

    async def visit(self, url: str) -> httpx.Response:
        """The browser at the provider: what it answers, not followed."""
        host = urlsplit(url).netloc
        transport = httpx.ASGITransport(app=self.network.apps[host])
        async with httpx.AsyncClient(transport=transport) as there:
            return await there.get(url)

    async def away(self, answer: httpx.Response) -> str:
        """Follow what sends the browser away, to the address at which it comes back."""
        url = departure(answer)
        there = await self.visit(url)
        assert there.status_code == 302, there.text
        return there.headers["location"]

    async def come_back(self, browser: Browser, answer: httpx.Response) -> httpx.Response:
        """Be sent away, and be back: what our address for returns answers."""
        return await browser.http.get(await self.away(answer))

    async def sign_in(self, browser: Browser, name: str = "Acme", **changes: str | None) -> httpx.Response:
        """Authorize, press the provider's button, and be back: the answer that the sign-in's page gives then."""
        page = await browser.login_page(**changes)
        answer = await self.come_back(browser, await browser.submit(page, step="provider", provider=name))
        return await browser.open(answer)


def departure(answer: httpx.Response) -> str:
    """Where the browser is sent: by a redirect, or by the page after a form."""
    if answer.status_code in {302, 303}:
        return answer.headers["location"]
    assert answer.status_code == 200, answer.text
    return answer.headers["refresh"].removeprefix("0;url=")


def asked(answer: httpx.Response) -> dict[str, str]:
    """What the provider is asked."""
    return dict(parse_qsl(urlsplit(departure(answer)).query))


@asynccontextmanager
async def elsewhere(*pools: Any, **options: Any) -> AsyncIterator[World]:
    """A house whose outbound client leads to stand-ins."""
    network = Network()
    async with house(*pools, http=Wire(network), **options) as at:
        yield World(at, network)


def person(**changes: Any) -> Mapping[str, Any]:
    """Somebody at a provider."""
    return {k: v for k, v in {**ADA, **changes}.items() if v is not ...}
