"""Where browsers come back from other providers (DESIGN 4): OAuth redirects, form_post, and SAML responses.

What comes by POST from another site brings none of our cookies. It is parked with its hand-off, once, and the browser is
sent on by GET; only then, with its cookie, is it judged.
"""

from dataclasses import replace
from typing import Literal
from urllib.parse import parse_qsl, urlencode

from authserver.accounts.external import NotLinked
from authserver.broker.departures import Gone
from authserver.broker.service import Returned
from authserver.browser import browser_cookie, known_browser
from authserver.crypto.secrets import digest
from authserver.errors import Conflict, SignInGone, Throttled, TriggerFailed, Vetoed, WrongCredentials
from authserver.model.sessions import AuthorizationRequest
from authserver.model.users import User
from authserver.pages.frame import check_form
from authserver.pages.provider_start import home_of
from authserver.pages.provider_trial import PATH as TRIAL
from authserver.pages.sign_in import BY, SignInPage, current_session
from authserver.pages.step_views import provider_view, refused_view
from authserver.pages.taken import session_cookie
from authserver.pages.taking import origin_of
from authserver.pages.views import UnsolicitedStep
from authserver.services import Services
from authserver.signin.situations import ACCOUNT, account_client
from authserver.tokens.issuer import Issuer
from authserver.web import Answer, Params, Request, redirect
from federation.model import Callback, ExternalIdentity, IdentityProvider

OAUTH, SAML = "oauth2/idpresponse", "saml2/idpresponse"

MOST_POSTED = 256 * 1024
"""Bytes of a form: a SAML response of 100,000 characters, each of which may be escaped."""

_LONGEST_STATE = 128


class ProviderReturnPage:
    """GET and POST of `/oauth2/idpresponse[/{provider}]` and `/saml2/idpresponse`."""

    def __init__(self, sign_in: SignInPage) -> None:
        self._sign_in = sign_in

    async def show(self, services: Services, issuer: Issuer, request: Request) -> Answer:
        """GET: the browser is back, with its cookie. Raises SignInGone where it belongs to nothing that was begun here."""
        params = request.query()
        state = _state_of(params)
        waiting = await services.broker.unsolicited(issuer.pool.id, _address(issuer, request), state)
        if waiting is not None:
            return self._ask(services, issuer, request, waiting, state)
        return await self._taken(services, issuer, request, params, state)

    async def _taken(self, services: Services, issuer: Issuer, request: Request, params: Params, state: str) -> Answer:
        browser = known_browser(services, issuer.pool.id, request)
        callback = _callback("GET", params, str(request.scope["query_string"], "latin-1"), int(services.clock()))
        try:
            returned = await services.broker.take(
                issuer, _address(issuer, request), callback, state, digest(browser) if browser is not None else None
            )
        except Gone as gone:
            raise SignInGone(gone.reason, detail=gone.detail) from gone
        if returned.departure.purpose == "trial":
            await services.trials.note(returned)
            query = urlencode({"ticket": returned.departure.target})
            return redirect(302, f"{issuer.url}/{TRIAL}?{query}")
        if returned.departure.purpose == "link":
            return await self._added(services, issuer, request, returned)
        return await self._signed_in(services, issuer, request, returned)

    async def submit(self, services: Services, issuer: Issuer, request: Request) -> Answer:
        """POST: keep it until the browser shows its cookie. Nothing is judged or used up here."""
        params = await request.form(MOST_POSTED)
        if params.get("step") == "unsolicited":
            return await self._agreed(services, issuer, request, params)
        callback = _callback("POST", params, "", int(services.clock()))
        if request.path == SAML and params.get("SAMLResponse") is not None:
            state = (params.get("RelayState") or "")[:_LONGEST_STATE]
        else:
            state = _state_of(params)
        here = _address(issuer, request)
        size = sum(len(value) for _, value in callback.params)
        await services.sign_ins.admit_parked(issuer.pool, request.address, size)
        if not (state and await services.broker.park(issuer.pool.id, here, callback, state)):
            state = await self._unasked(services, issuer, request, callback)
        return redirect(303, f"{here}?{urlencode({'state': state})}")

    # ------------------------------------------------------------------------------- what begins at the provider

    @staticmethod
    async def _unasked(services: Services, issuer: Issuer, request: Request, callback: Callback) -> str:
        """Keep a SAML response that nobody asked for, where its provider may send such. Raises SignInGone, Throttled."""
        provider = await services.broker.recognized(issuer, callback) if request.path == SAML else None
        if provider is None or provider.settings.get("idp_initiated") is not True:
            raise SignInGone(
                "unnamed" if request.path == SAML else "finished", detail="nobody waits for what was posted"
            )
        await services.sign_ins.admit_unasked(issuer.pool, request.address)
        read = tuple((name, value) for name, value in callback.params if name in {"SAMLResponse", "RelayState"})
        return await services.broker.park_unsolicited(issuer, provider, replace(callback, params=read))

    def _ask(
        self, services: Services, issuer: Issuer, request: Request, provider: IdentityProvider, state: str
    ) -> Answer:
        """Whether the person wants to be signed in. Otherwise any site could sign people in as somebody else (W16)."""
        view = UnsolicitedStep(provider=provider_view(provider))
        _, new_cookie = browser_cookie(services, issuer.pool.id, request)
        query = {"state": state}
        if new_cookie:  # the form's token is bound to the browser's cookie, so it must have one first
            return redirect(302, f"{issuer.url}/{request.path}?{urlencode(query)}", *new_cookie)
        return self._sign_in.frame.page(
            services, issuer, request, view, path=f"/{request.path}", query=query, purpose=state
        )

    async def _agreed(self, services: Services, issuer: Issuer, request: Request, form: Params) -> Answer:
        """The person does. From here on it is a sign-in like any other, that leads to the account page or to an app."""
        state = _state_of(request.query())
        check_form(services, issuer, request, form, state)
        browser = known_browser(services, issuer.pool.id, request) or ""
        callback = _callback("POST", Params(()), "", int(services.clock()))
        here = _address(issuer, request)
        if await services.broker.unsolicited(issuer.pool.id, here, state) is None:
            raise SignInGone("finished", detail="nothing waits there to be agreed to")
        try:
            returned = await services.broker.take(issuer, here, callback, state, None)
        except Gone as gone:
            raise SignInGone(gone.reason, detail=gone.detail) from gone
        target = await _target_of(services, issuer, returned.departure.parked)
        wanted = AuthorizationRequest(
            client_id=ACCOUNT, redirect_uri=target, redirect_uri_sent=True, scope=(), query="/account"
        )
        situation = await services.sign_ins.start(issuer.pool, wanted, digest(browser), None)
        await services.sign_ins.keep(situation.sign_in, request.address)
        bound = replace(returned.departure, target=situation.sign_in.id, browser=digest(browser))
        answer = await self._signed_in(services, issuer, request, replace(returned, departure=bound))
        return Answer(303 if answer.status == 302 else answer.status, answer.headers, answer.body)

    # ------------------------------------------------------------------------------------------------ what was begun

    async def _signed_in(self, services: Services, issuer: Issuer, request: Request, returned: Returned) -> Answer:
        """On with the sign-in, at its own address."""
        pool, departure = issuer.pool, returned.departure
        session = await current_session(services, issuer, request)
        here = f"{issuer.url}/login?{urlencode({'signin': departure.target, BY: 'provider'})}"
        situation = await services.sign_ins.look(pool, departure.target, departure.browser, session)
        if returned.error is not None or returned.identity is None:
            if returned.error is not None:
                await services.arriving.failed(situation, returned.provider, returned.error)
            return redirect(302, here)
        origin = origin_of(services, issuer, request)
        try:
            moved = await services.arriving.arrived(
                pool, situation, returned.provider, returned.identity, origin, session
            )
        except Vetoed as veto:
            view = refused_view(issuer, situation, veto)
            return self._sign_in.page(services, issuer, request, situation, view, status=403)
        except (Conflict, WrongCredentials, Throttled):
            return redirect(302, here)
        except TriggerFailed:
            await services.arriving.failed_here(situation, returned.provider)
            raise
        return redirect(302, here, *session_cookie(services, issuer, moved))

    async def _added(self, services: Services, issuer: Issuer, request: Request, returned: Returned) -> Answer:
        """Back at the account page, where the person asked for one more way to sign in."""
        pool, departure = issuer.pool, returned.departure
        session = await current_session(services, issuer, request)
        if session is None or session.authentication.user_id != departure.target:
            raise SignInGone("foreign", detail="another person is signed in by now")
        user = await services.stores.directory.user(pool.id, departure.target)
        if user is None or not user.can_sign_in:
            raise SignInGone("expired", detail="the user is gone")
        notice = "identity_failed"
        # It may have been disabled while the person was there.
        usable = await services.choices.usable(pool.id, account_client(pool), returned.provider.name)
        if returned.identity is not None and usable is not None:
            notice = await _linked(services, issuer, returned.provider, returned.identity, user)
        return redirect(302, f"{issuer.url}/account/identities?{urlencode({'notice': notice})}")


async def _target_of(services: Services, issuer: Issuer, parked: Callback | None) -> str:
    """Where somebody goes who began at the provider, by the RelayState. Anybody may have written one: no address is taken
    from it.
    """
    relay_state = next((value for name, value in parked.params if name == "RelayState"), "") if parked else ""
    try:
        named = dict(parse_qsl(relay_state)).get("client_id", relay_state)
    except ValueError:
        named = ""
    return await home_of(services, issuer, named)


async def _linked(
    services: Services, issuer: Issuer, provider: IdentityProvider, identity: ExternalIdentity, user: User
) -> str:
    if not await services.linked_logins.may_add_way(issuer.pool, user):
        return "identity_failed"
    try:
        await services.external.link(issuer.pool, provider, identity, user, None)
    except NotLinked as refusal:
        return "identity_taken" if refusal.reason == "linked_elsewhere" else "identity_failed"
    except (Vetoed, TriggerFailed):
        return "identity_failed"
    return "identity_linked"


def _state_of(params: Params) -> str:
    """The `state`, or SAML's RelayState. Raises SignInGone if there is none, or more than one."""
    found = [*params.all("state"), *params.all("RelayState")]
    if len(found) != 1 or len(found[0]) > _LONGEST_STATE:
        raise SignInGone("unnamed", detail=f"a return with {len(found)} states")
    return found[0]


def _address(issuer: Issuer, request: Request) -> str:
    """Where the browser came back to. Anybody may have written it, until a departure is found that leads there."""
    return f"{issuer.url}/{request.path}"


def _callback(method: Literal["GET", "POST"], params: Params, query: str, now: int) -> Callback:
    return Callback(method=method, params=tuple(params.pairs()), query=query, now=now)
