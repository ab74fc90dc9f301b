"""A sign-out on its way through the applications that speak SAML and the provider the person came from (SAML Profiles 4.4).

`/logout/onward` is where the browser goes from one to the next, and `/saml2/idp/slo` where applications send it back, or end
the session themselves. Each step is a page that goes on by itself: the browser may have come by a form, ours or an
application's, and the policy of the page that the form was on held for what it is redirected to (see `sign_in.BY`).
"""

from urllib.parse import urlencode

from authserver.assertions.sign_outs import HANDLE, ONWARD, Hop
from authserver.browser import known_browser
from authserver.crypto.secrets import digest
from authserver.errors import ProtocolRefusal, SignInGone
from authserver.pages.frame import Frame
from authserver.pages.security import form_target
from authserver.pages.sign_in import BY, current_session, leaving_headers
from authserver.pages.views import SigningOutStep
from authserver.services import Services
from authserver.tokens.issuer import Issuer
from authserver.web import Answer, Headers, Request, clear_cookie, redirect
from federation.model import Callback, FormPost, Redirect

_MOST_POSTED = 256 * 1024
_LONGEST_HANDLE = 128


class SigningOutPage:
    """GET `/logout/onward?round=<secret>`, GET and POST `/saml2/idp/slo`."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def show(self, services: Services, issuer: Issuer, request: Request) -> Answer:
        """GET `/logout/onward`: to whoever is to be told next. Raises SignInGone."""
        params = request.query()
        handle = params.get(HANDLE) or ""
        return await self.onward(services, issuer, request, handle, straight=params.get(BY) is None)

    async def message(self, services: Services, issuer: Issuer, request: Request) -> Answer:
        """GET and POST `/saml2/idp/slo`: an application's answer, or its own wish. Raises SignInGone, ProtocolRefusal."""
        callback = await _callback(services, request)
        cookies: Headers = []
        if callback.one("SAMLResponse") is not None:
            handle = callback.one("RelayState") or ""
            await services.sign_outs.heard(issuer, callback, handle)
        else:
            before = await current_session(services, issuer, request)
            browser = known_browser(services, issuer.pool.id, request)
            bound = digest(browser) if browser is not None else None
            handle = await services.sign_outs.asked(issuer, callback, before, bound)
            if before is not None and await current_session(services, issuer, request) is None:
                cookies = [clear_cookie(services.cookie_name(issuer.pool.id, "session"), secure=services.secure)]
        if request.method == "POST" and 0 < len(handle) <= _LONGEST_HANDLE:
            # Another site's form brings none of our cookies, and only the round's own browser may go on.
            query = urlencode({HANDLE: handle, BY: "form"})
            return redirect(303, f"{issuer.url}/{ONWARD}?{query}", *cookies)
        return await self.onward(services, issuer, request, handle, straight=False, cookies=cookies)

    async def onward(
        self,
        services: Services,
        issuer: Issuer,
        request: Request,
        handle: str,
        *,
        straight: bool,
        cookies: Headers | None = None,
    ) -> Answer:
        """The next step of the round with this secret. `straight`: by a redirect where one does. Raises SignInGone."""
        browser = known_browser(services, issuer.pool.id, request)
        bound = digest(browser) if browser is not None else None
        hop = await services.sign_outs.onward(issuer, handle, bound) if 0 < len(handle) <= _LONGEST_HANDLE else None
        if hop is None:
            raise SignInGone("finished", detail="no sign-out is on its way there")
        return await self.to(services, issuer, request, hop, straight=straight, cookies=cookies)

    async def to(
        self,
        services: Services,
        issuer: Issuer,
        request: Request,
        hop: Hop,
        *,
        straight: bool,
        cookies: Headers | None = None,
    ) -> Answer:
        """The browser's way to where a step leads."""
        headers = cookies or []
        if hop.outgoing is None:
            return redirect(302 if request.method == "GET" else 303, hop.target, *headers)
        if straight and isinstance(hop.outgoing, Redirect):
            return redirect(302, hop.outgoing.url, *headers)
        view = SigningOutStep(
            name=hop.label,
            url=hop.outgoing.url,
            fields=hop.outgoing.fields if isinstance(hop.outgoing, FormPost) else (),
        )
        return self._frame.page(
            services,
            issuer,
            request,
            view,
            form_targets=(form_target(hop.outgoing.url),),
            headers=[*leaving_headers(hop.outgoing), *headers],
        )


async def _callback(services: Services, request: Request) -> Callback:
    """The message. Raises ProtocolRefusal where it is not exactly one."""
    posted = request.method == "POST"
    params = await request.form(_MOST_POSTED) if posted else request.query()
    if params.repeated or (params.get("SAMLRequest") is None) == (params.get("SAMLResponse") is None):
        raise ProtocolRefusal("invalid_request", "There is not exactly one SAML message.")
    query = "" if posted else str(request.scope["query_string"], "latin-1")
    return Callback("POST" if posted else "GET", tuple(params.pairs()), query, int(services.clock()))
