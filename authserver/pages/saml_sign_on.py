"""Sign-on for applications that speak SAML: `/saml2/idp/sso`, `/saml2/idp/start`, `/saml2/idp/metadata` (SAML Profiles 4.1).

A request begins a sign-in like any other, and the same address answers it once that is done: the browser comes back with
`answer`, and gets the assertion in a form that sends itself to the application.
"""

from dataclasses import dataclass
from urllib.parse import urlencode

from authserver.assertions.service import START, Asking
from authserver.browser import browser_cookie, known_browser
from authserver.crypto.secrets import digest
from authserver.errors import ProtocolRefusal, SignInGone
from authserver.model.sessions import AuthorizationRequest
from authserver.pages.frame import Frame
from authserver.pages.security import form_target
from authserver.pages.sign_in import current_session
from authserver.pages.views import OnwardStep
from authserver.services import Services
from authserver.signin.handing_over import ANSWER
from authserver.signin.step_types import Finish, Refuse
from authserver.tokens.issuer import Issuer
from authserver.web import Answer, Request, redirect
from federation.model import Callback, FormPost
from federation.saml_idp.metadata import SSO
from federation.saml_idp.requests import callback_of, query_of

_MOST_POSTED = 256 * 1024
_LONGEST_SECRET = 128


@dataclass(frozen=True, slots=True)
class _Load:
    """A request of an application: what it is, and the path with its query where it can be made again."""

    asking: Asking
    again: str


class SamlSignOnPage:
    """The endpoints of the identity provider."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def metadata(self, services: Services, issuer: Issuer, _request: Request) -> Answer:
        """GET `/saml2/idp/metadata`: who we are, for applications."""
        document = await services.assertions.metadata(issuer)
        headers = [(b"content-type", b"application/samlmetadata+xml"), (b"cache-control", b"public, max-age=3600")]
        return Answer(200, headers, document)

    async def sign_on(self, services: Services, issuer: Issuer, request: Request) -> Answer:
        """GET `/saml2/idp/sso`: an AuthnRequest by redirect, or its answer. Raises ProtocolRefusal, SignInGone."""
        query = query_of(Callback("GET", (), str(request.scope["query_string"], "latin-1"), 0))
        asking = await services.assertions.asked(issuer, callback_of(query, int(services.clock())))
        return await self._go(services, issuer, request, _Load(asking, f"/{SSO}?{query}"))

    async def posted(self, services: Services, issuer: Issuer, request: Request) -> Answer:
        """POST `/saml2/idp/sso`: the same as a form, sent on as GET, since another site's form comes without our cookies."""
        params = await request.form(_MOST_POSTED)
        if params.repeated:
            raise ProtocolRefusal("invalid_request", "The request repeats a parameter.")
        query = await services.assertions.posted(Callback("POST", tuple(params.pairs()), "", int(services.clock())))
        return redirect(303, f"{issuer.url}/{SSO}?{query}")

    async def start(self, services: Services, issuer: Issuer, request: Request) -> Answer:
        """GET `/saml2/idp/start?client_id=...`: a sign-on that begins here, or its answer. Raises ProtocolRefusal."""
        params = request.query()
        if params.repeated:
            raise ProtocolRefusal("invalid_request", "The request repeats a parameter.")
        client_id, relay_state = params.get("client_id") or "", params.get("RelayState")
        asking = await services.assertions.begun_here(issuer, client_id, relay_state)
        sent = {"client_id": client_id, **({"RelayState": relay_state} if relay_state is not None else {})}
        return await self._go(services, issuer, request, _Load(asking, f"/{START}?{urlencode(sent)}"))

    async def _go(self, services: Services, issuer: Issuer, request: Request, load: _Load) -> Answer:
        secret = request.query().get(ANSWER)
        if secret is not None:
            return await self._answer(services, issuer, request, load, secret[:_LONGEST_SECRET])
        # judge
        wanted = services.assertions.wanted(issuer, load.asking, load.again)
        if not isinstance(wanted, AuthorizationRequest):
            await services.sign_ins.admit_unasked(issuer.pool, request.address)  # a signature for anybody who asks
            form = await services.assertions.refusal(issuer, load.asking, wanted)
            return self._form(services, issuer, request, load, form)
        return await self._begin(services, issuer, request, load, wanted)

    @staticmethod
    async def _begin(
        services: Services, issuer: Issuer, request: Request, load: _Load, wanted: AuthorizationRequest
    ) -> Answer:
        """Start the sign-in that was asked for; where there is nothing left to prove, on to the answer at once."""
        pool, client = issuer.pool, load.asking.client
        session = await current_session(services, issuer, request)
        browser, new_cookie = browser_cookie(services, pool.id, request)
        only = await services.choices.only_one(pool.id, client)
        if only is None and wanted.login_hint is not None:
            only = await services.choices.of_domain(pool.id, client, wanted.login_hint)
        situation = await services.sign_ins.start(pool, wanted, digest(browser), session, provider=only)
        if isinstance(situation.step, Refuse):
            await services.sign_ins.admit_unasked(pool, request.address)  # and something to keep
        if isinstance(situation.step, Finish | Refuse):
            target = await services.sign_ins.conclude(pool, issuer.url, situation, kept=False)
            return redirect(302, target, *new_cookie)
        await services.sign_ins.keep(situation.sign_in, request.address)
        return redirect(302, f"{issuer.url}/login?{urlencode({'signin': situation.sign_in.id})}", *new_cookie)

    async def _answer(self, services: Services, issuer: Issuer, request: Request, load: _Load, secret: str) -> Answer:
        """The sign-in is over: the assertion, or why there is none. Raises SignInGone."""
        # load
        pool, asking = issuer.pool, load.asking
        browser = known_browser(services, pool.id, request)
        bound = digest(browser) if browser is not None else None
        found = await services.hand_overs.find(pool.id, secret, asking.client.client_id, load.again, bound)
        session = await current_session(services, issuer, request)
        if found is None:
            raise SignInGone("finished", restart=load.again, detail="no answer waits there for this browser")
        if session is not None and (session.sid != found.sid or session.authentication.user_id != found.user_id):
            session = None
        if session is None and found.error is None:
            raise SignInGone("expired", restart=load.again, detail="the session ended meanwhile")
        user = await services.stores.directory.user(pool.id, found.user_id) if session is not None else None
        # spend, mint, save, answer
        if not await services.hand_overs.spend(pool.id, secret):
            raise SignInGone("finished", restart=load.again, detail="the answer was fetched already")
        form = await services.assertions.answer(issuer, asking, found, session, user)
        return self._form(services, issuer, request, load, form)

    def _form(self, services: Services, issuer: Issuer, request: Request, load: _Load, form: FormPost) -> Answer:
        view = OnwardStep(url=form.url, fields=form.fields)
        return self._frame.page(
            services,
            issuer,
            request,
            view,
            client=load.asking.client,
            form_targets=(form_target(form.url),),
        )
