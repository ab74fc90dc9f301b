"""The page where an administrator tries an identity provider: what can be looked at, a login, and what came of it.

There is no session to go by: `poolgate idp test --login` prints its address, with a ticket in it that is good for minutes.
Whoever logs in at the provider sees what that says of them, and what would become of them here.
"""

import orjson

from authserver.broker.trials import Outcome
from authserver.broker.verdicts import Verdict, examined, judged
from authserver.browser import browser_cookie, known_browser
from authserver.crypto.secrets import digest
from authserver.errors import SignInGone
from authserver.pages.frame import Frame, check_form
from authserver.pages.security import form_target
from authserver.pages.sign_in import leaving_headers, leaving_view
from authserver.pages.step_views import provider_view
from authserver.pages.views import CheckLine, ProviderTrial, TrialLogin
from authserver.services import Services
from authserver.tokens.issuer import Issuer
from authserver.web import Answer, Request, redirect
from federation.errors import FederationError, Misconfigured
from federation.model import IdentityProvider

PATH = "providerTrial"
PURPOSE = "trial"
_LONGEST_TICKET = 128
_LONGEST_VALUE = 1000


class ProviderTrialPage:
    """GET and POST of `/providerTrial?ticket=<secret>`."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def show(self, services: Services, issuer: Issuer, request: Request) -> Answer:
        """GET: what was found so far. Raises SignInGone."""
        provider, ticket = await _invited(services, issuer, request)
        _, new_cookie = browser_cookie(services, issuer.pool.id, request)
        if new_cookie:  # the form's token is bound to the browser's cookie, so it must have one first
            return redirect(302, f"{issuer.url}/{PATH}?ticket={ticket}", *new_cookie)
        return await self._page(services, issuer, request, provider, ticket)

    async def submit(self, services: Services, issuer: Issuer, request: Request) -> Answer:
        """POST: on to the provider. Raises SignInGone."""
        form = await request.form()
        check_form(services, issuer, request, form, PURPOSE)
        provider, ticket = await _invited(services, issuer, request)
        try:
            browser = known_browser(services, issuer.pool.id, request) or ""
            outgoing = await services.trials.begin(issuer, provider, ticket, digest(browser))
        except FederationError as error:
            setting = error.setting if isinstance(error, Misconfigured) else ""
            failed = Outcome(error=error.code, reason=error.detail or error.sentence, setting=setting)
            return await self._page(services, issuer, request, provider, ticket, failed)
        view = await leaving_view(services, issuer, provider.name, outgoing)
        return self._frame.page(
            services,
            issuer,
            request,
            view,
            form_targets=(form_target(outgoing.url),),
            headers=leaving_headers(outgoing),
        )

    async def _page(
        self,
        services: Services,
        issuer: Issuer,
        request: Request,
        provider: IdentityProvider,
        ticket: str,
        outcome: Outcome | None = None,
    ) -> Answer:
        outcome = outcome or await services.trials.outcome(issuer.pool.id, ticket)
        checks = await examined(services.broker, issuer, provider, int(services.clock()))
        login = None
        if outcome is not None:
            login = _login(await judged(services.stores, issuer.pool, provider, outcome))
        view = ProviderTrial(
            provider=provider_view(provider),
            enabled=provider.enabled,
            checks=tuple(
                CheckLine(name=c.name, outcome=c.outcome, found=c.found[:_LONGEST_VALUE], advice=c.advice)
                for c in checks
            ),
            login=login,
        )
        query = {"ticket": ticket}
        return self._frame.page(services, issuer, request, view, path=f"/{PATH}", query=query, purpose=PURPOSE)


async def _invited(services: Services, issuer: Issuer, request: Request) -> tuple[IdentityProvider, str]:
    """The provider that the ticket is for. Raises SignInGone."""
    ticket = request.query().get("ticket") or ""
    name = await services.trials.invited(issuer.pool.id, ticket) if 0 < len(ticket) <= _LONGEST_TICKET else None
    provider = await services.registry.provider(issuer.pool.id, name) if name is not None else None
    if provider is None:
        raise SignInGone("expired", detail="no trial of a provider has this ticket")
    return provider, ticket


def _login(verdict: Verdict) -> TrialLogin:
    return TrialLogin(
        verified=verdict.verified,
        reason=verdict.reason,
        advice=verdict.advice,
        subject=verdict.subject,
        claims=_pairs(verdict.claims),
        mapped=_pairs(verdict.mapped),
        skipped=verdict.skipped,
        groups=verdict.groups,
        unknown_groups=verdict.unknown_groups,
        decision=verdict.decision,
        sources=tuple((name, _text(said, indent=True)) for name, said in (verdict.sources or {}).items()),
    )


def _pairs(values: object) -> tuple[tuple[str, str], ...]:
    found = values.items() if isinstance(values, dict) else ()
    return tuple(sorted((name, _text(value)[:_LONGEST_VALUE]) for name, value in found))


def _text(value: object, *, indent: bool = False) -> str:
    if isinstance(value, str):
        return value
    return orjson.dumps(value, default=str, option=orjson.OPT_INDENT_2 if indent else 0).decode()
