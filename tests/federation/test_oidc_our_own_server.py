"""The connector against a real OpenID provider that was written apart from it: our own server, whole and in process."""

from dataclasses import replace
from typing import Any

import pytest

from federation.connectors import connector_for
from federation.errors import Cancelled, FederationError, NotForUs, ProviderRefused
from federation.model import Asked, Begun, Callback, ExternalIdentity, Handoff, IdentityProvider
from tests.federation.host import Network, changed, make_host
from tests.journeys.house import ADA, CALLBACK, ISSUER, SECRET, Browser, House, answered, house

pytestmark = pytest.mark.anyio


class Relying:
    """A pool elsewhere, to which our server is one provider among others."""

    def __init__(self, at: House, client_id: str = "web", secret: str = SECRET, **settings: Any) -> None:
        self.at = at
        self.network = Network()
        self.network.serve(at.app, "localhost:8000")
        provider = IdentityProvider("Us", "oidc", client_id=client_id, settings={"issuer": ISSUER, **settings})
        self.connector: Any = connector_for(provider, make_host(self.network, {"client_secret": secret}))

    @property
    def now(self) -> int:
        return int(self.at.time())

    async def depart(self, **asked: Any) -> tuple[Begun, Handoff]:
        question = Asked("the-state", CALLBACK, self.now, **asked)
        begun = await self.connector.begin(question)
        handoff = Handoff("the-state", "pool", "Us", CALLBACK, self.now, question.fresh, question.max_age, begun.memo)
        return begun, handoff

    async def log_in(self, browser: Browser, **asked: Any) -> ExternalIdentity:
        begun, handoff = await self.depart(**asked)
        answer = answered(await browser.http.get(begun.outgoing.url))
        return await self.connector.finish(handoff, Callback("GET", tuple(answer.items()), "", self.now))  # type: ignore[no-any-return]


@pytest.mark.parametrize(("client_id", "secret"), [("web", SECRET), ("post", SECRET), ("spa", "")])
async def test_somebody_signs_in_at_us(client_id: str, secret: str) -> None:
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        method = {"web": "client_secret_basic", "post": "client_secret_post", "spa": "none"}[client_id]
        relying = Relying(at, client_id, secret, token_endpoint_auth_method=method)
        identity = await relying.log_in(browser, max_age=600)
        assert (identity.subject, identity.issuer) == (ADA.id, ISSUER)
        assert identity.email_verified
        assert identity.claims["name"] == "Ada Lovelace"
        assert identity.authenticated_at == relying.now
        assert identity.session is not None
        assert identity.session.session


async def test_an_answer_without_our_issuer_is_refused() -> None:
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        relying = Relying(at)
        begun, handoff = await relying.depart()
        answer = answered(await browser.http.get(begun.outgoing.url))
        callback = Callback("GET", tuple(answer.items()), "", relying.now)
        for iss in (..., f"{ISSUER}/", "https://evil.example"):
            with pytest.raises(NotForUs):
                await relying.connector.finish(handoff, changed(callback, iss=iss))
        assert (await relying.connector.finish(handoff, callback)).subject == ADA.id


async def test_a_code_counts_once_and_with_its_verifier_alone() -> None:
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        relying = Relying(at)
        for spoil in (True, False):
            begun, handoff = await relying.depart()
            answer = answered(await browser.http.get(begun.outgoing.url))
            callback = Callback("GET", tuple(answer.items()), "", relying.now)
            if spoil:
                lost = replace(handoff, memo={**handoff.memo, "code_verifier": "x" * 43})
                with pytest.raises(ProviderRefused) as refusal:
                    await relying.connector.finish(lost, callback)
                assert refusal.value.error == "invalid_grant"
                continue
            assert (await relying.connector.finish(handoff, callback)).subject == ADA.id
            with pytest.raises(ProviderRefused):
                await relying.connector.finish(handoff, callback)


async def test_refreshing_goes_on_until_it_is_taken_back() -> None:
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        relying = Relying(at)
        first = await relying.log_in(browser)
        second = await relying.connector.refresh(first.refresh_token, ADA.id, relying.now)
        assert second.subject == ADA.id
        await browser.revoke(second.refresh_token)
        with pytest.raises(ProviderRefused) as refusal:
            await relying.connector.refresh(second.refresh_token, ADA.id, relying.now)
        assert refusal.value.error == "invalid_grant"


async def test_silence_and_refusal_come_back_as_errors() -> None:
    async with house() as at:
        browser = at.browser()
        relying = Relying(at)
        with pytest.raises(ProviderRefused) as refusal:
            await relying.log_in(browser, silent=True)
        assert refusal.value.error == "login_required"
        assert not isinstance(refusal.value, Cancelled)


async def test_a_wrong_secret_is_told_as_such() -> None:
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        with pytest.raises(ProviderRefused) as refusal:
            await Relying(at, secret="another-secret-0123456789-0123456789").log_in(browser)
        assert refusal.value.error == "invalid_client"


async def test_signing_out_there_is_understood() -> None:
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        relying = Relying(at)
        identity = await relying.log_in(browser)
        begun = await relying.connector.sign_out(
            identity.session, "https://app.example.com/signed-out", "bye", relying.now
        )
        page = await browser.http.get(begun.outgoing.url)
        assert page.status_code in {200, 302, 303}
        assert page.status_code == 200 or page.headers["location"] == "https://app.example.com/signed-out?state=bye"


async def test_an_examination_of_us_finds_nothing_wrong() -> None:
    async with house() as at:
        checks = await Relying(at).connector.examine(CALLBACK, int(at.time()))
        assert {check.name: check.outcome for check in checks if check.outcome != "ok"} == {"endpoints": "warning"}


async def test_another_pool_of_ours_is_another_issuer() -> None:
    async with house() as at:
        relying = Relying(at, issuer=f"{ISSUER}x")
        with pytest.raises(FederationError):
            await relying.depart()
