"""A server of ours whose people come from providers that nobody here wrote: pools with one provider each, and their app."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx

from tests.browser.client_app import Attempt, ClientApp, Site, claims_of
from tests.interop.traveller import Page, Traveller
from tests.system.installation import Installation, installation

APP = "http://127.0.0.1:7002"
"""Where the app lives. Nobody listens there: no person follows the last redirect."""
PROVIDER = "Elsewhere"

_POOL = """
[pool]
id = "{pool}"
name = "People from elsewhere"
[pool.mfa]
nudge = false
[pool.messages]
from_address = "pool@example.com"
[[groups]]
name = "staff"

[[clients]]
client_id = "{client_id}"
client_name = "Shop"
client_secret = "shop-keeps-this-from-nobody-4Kd9Wq2x"
redirect_uris = ["{app}/callback"]
post_logout_redirect_uris = ["{app}/goodbye"]
client_uri = "{app}/"
grant_types = ["authorization_code", "refresh_token"]
scope = "openid profile email"

[[identity_providers]]
name = "{provider}"
{settings}
"""
_SETTINGS = '[outbound]\nallow = ["127.0.0.1", "localhost", "::1"]\n'


def client_id(pool: str) -> str:
    """The app of a pool."""
    return f"shop-of-{pool.partition('_')[0]}"


@dataclass(frozen=True)
class Upstream:
    """The server."""

    at: Installation

    def issuer(self, pool: str) -> str:
        return self.at.issuer(pool)

    def entity_id(self, pool: str) -> str:
        """What a SAML provider calls us, and where our metadata is."""
        return f"{self.issuer(pool)}/saml2/metadata/{PROVIDER}"

    def app(self, pool: str) -> ClientApp:
        return ClientApp(client_id(pool), self.issuer(pool), Site(APP), pool_file=self.at.folder / f"{pool}.toml")

    def events(self, kind: str) -> list[dict[str, Any]]:
        """The events of a kind that the log has, oldest first."""
        return [record for record in self.at.records() if record.get("event") == kind]

    def settle(self) -> None:
        """Nothing may have gone wrong here, whatever went wrong there."""
        faults = [r for r in self.at.records() if r.get("level") in {"error", "critical"}]
        assert faults == []


@contextlib.contextmanager
def upstream(folder: Path, pools: Mapping[str, Mapping[str, Any]], *, start: bool = True) -> Iterator[Upstream]:
    """The server, with pools by what they say of their provider."""
    texts = {
        pool: _POOL.format(pool=pool, client_id=client_id(pool), app=APP, provider=PROVIDER, settings=_toml(settings))
        for pool, settings in pools.items()
    }
    with installation(folder, pools=texts, extra=_SETTINGS, host="localhost", start=start) as at:
        yield Upstream(at)


def _toml(settings: Mapping[str, Any]) -> str:
    return "\n".join(f"{json.dumps(name)} = {_value(value)}" for name, value in settings.items())


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(name)} = {_value(each)}" for name, each in value.items()) + "}"
    return json.dumps(value)


class Member(Traveller):
    """Somebody who uses the app of one pool. Addresses that begin with one of `ends` are not visited either."""

    def __init__(self, server: Upstream, pool: str, *ends: str) -> None:
        super().__init__(f"{APP}/", *ends)
        self.server = server
        self.app = server.app(pool)
        self.attempt: Attempt | None = None

    def leave(self, **parameters: str) -> Page:
        """From the app to the provider's first page; or back at the app, where the provider knows who that is."""
        self.attempt = self.app.begin(**{"identity_provider": PROVIDER, **parameters})
        return self.visit(self.attempt.url)

    def tokens(self, page: Page) -> dict[str, Any]:
        """Back at the app: its tokens."""
        assert self.attempt is not None
        assert page.url.startswith(self.app.callback), f"{page.url} {page.status}:\n{page.text}\n{self.server.at.log()}"
        return self.app.redeem(self.attempt, page.url)

    def who(self, page: Page) -> Mapping[str, Any]:
        """Back at the app: who it is, by the ID token, and of which groups, by the access token."""
        tokens = self.tokens(page)
        return {**claims_of(tokens["id_token"]), "groups": claims_of(tokens["access_token"])["groups"]}

    def sign_out(self, tokens: Mapping[str, Any]) -> Page:
        """From the app, by its tokens (OpenID Connect RP-Initiated Logout 1.0)."""
        query = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": f"{APP}/goodbye"}
        return self.visit(f"{self.app.issuer}/oauth2/logout?{urlencode(query)}")

    def is_known(self, tokens: Mapping[str, Any]) -> bool:
        """Whether the access token still says something of somebody."""
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        answer = httpx.get(f"{self.app.issuer}/oauth2/userInfo", headers=headers, timeout=30, trust_env=False)
        assert answer.status_code in {200, 401}, answer.text
        return answer.status_code == 200
