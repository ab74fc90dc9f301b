"""Sign-outs at other providers: the way back from one, and notices that a session ended there (DESIGN 4).

`/oauth2/idplogout` takes the browser back from an OpenID provider, and `/oauth2/idplogout/{provider}` the logout tokens of
OpenID Connect Back-Channel Logout 1.0 and the frames of Front-Channel Logout 1.0. `/saml2/logout` takes both kinds of messages of SAML's Single Logout, by redirect and
by POST. `/saml2/metadata/{provider}` is what a SAML provider reads about us, `/oauth2/idpjwks/{provider}` an OpenID one.
"""

import orjson

from authserver.broker.departures import Gone
from authserver.errors import NotFound, ProtocolRefusal, SignInGone
from authserver.pages.frame import Frame
from authserver.pages.security import form_target
from authserver.pages.sign_in import current_session, leaving_headers, leaving_view
from authserver.services import Services
from authserver.tokens.issuer import Issuer
from authserver.tokens.keyring import JWKS_MAX_AGE
from authserver.web import HTML, JSON, NO_STORE, Answer, Headers, Params, Request, clear_cookie, redirect
from federation.connector import EndedThere
from federation.errors import FederationError
from federation.model import Callback, FormPost, IdentityProvider, Redirect

OAUTH, SAML, METADATA, KEYS = "oauth2/idplogout", "saml2/logout", "saml2/metadata", "oauth2/idpjwks"

_MOST_POSTED = 256 * 1024
_LONGEST_STATE = 128
_OF_FRAMES: Headers = [(b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer")]


class ProviderSignOutPage:
    """Where browsers and providers come when a session ended there."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def back(self, services: Services, issuer: Issuer, request: Request) -> Answer:
        """GET `/oauth2/idplogout`: the browser is back from signing out at an OpenID provider.

        Without our `state`, or with one that was used, nobody knows where it was to go; but that it was signing out is
        sure, so the page says so that always does.
        """
        params = request.query()
        try:
            return await self._on(services, issuer, request, _callback(services, "GET", params, request))
        except SignInGone:
            return redirect(302, f"{issuer.url}/logout")

    async def notice(self, services: Services, issuer: Issuer, request: Request) -> Answer:
        """POST `/oauth2/idplogout/{provider}`: a logout token (Back-Channel Logout 1.0, 2.5 to 2.8)."""
        provider = await self._named(services, issuer, request)
        callback = _callback(services, "POST", await request.form(_MOST_POSTED), request)
        ended = await self._heard(services, issuer, provider, callback, "The logout token is not valid.")
        await services.upstream.ended(issuer.pool, provider.name, ended)
        return Answer(200, list(NO_STORE))

    async def frame(self, services: Services, issuer: Issuer, request: Request) -> Answer:
        """GET `/oauth2/idplogout/{provider}?iss=&sid=`: the provider's page that signs somebody out has us in a frame
        (Front-Channel Logout 1.0, 2). Only where `frontchannel_logout` is set.

        The frame brings none of our cookies, so the session is found by its id there. The answer is the same whether there
        was one. Raises NotFound, Throttled, ProtocolRefusal.
        """
        provider = await self._named(services, issuer, request)
        if provider.settings.get("frontchannel_logout") is not True:
            raise NotFound(detail="frontchannel_logout is not set")  # and nothing is written down of it
        await services.upstream.admit_frame(issuer.pool, request.address)
        callback = _callback(services, "GET", request.query(), request)
        ended = await self._heard(services, issuer, provider, callback, "The sign-out is not valid.")
        await services.upstream.ended(issuer.pool, provider.name, ended)
        sources = " ".join(dict.fromkeys(form_target(url) for url in ended.framed_by)) or "'none'"
        policy = f"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors {sources}"
        return Answer(200, [HTML, (b"content-security-policy", policy.encode()), *_OF_FRAMES, *NO_STORE])

    @staticmethod
    async def _named(services: Services, issuer: Issuer, request: Request) -> IdentityProvider:
        provider = await services.registry.provider(issuer.pool.id, request.path.removeprefix(f"{OAUTH}/"))
        if provider is None:
            raise NotFound(detail="no such identity provider")
        return provider

    @staticmethod
    async def _heard(
        services: Services, issuer: Issuer, provider: IdentityProvider, callback: Callback, sentence: str
    ) -> EndedThere:
        """What the provider says has ended. Raises ProtocolRefusal with the sentence where it is not to be believed."""
        try:
            return await services.broker.hear(issuer, provider, callback)
        except FederationError as error:
            raise ProtocolRefusal("invalid_request", sentence, detail=error.detail) from error

    async def saml(self, services: Services, issuer: Issuer, request: Request) -> Answer:
        """GET and POST `/saml2/logout`: an answer to our request, or a request of the provider's."""
        if request.method == "POST":
            params = await request.form(_MOST_POSTED)
            callback = _callback(services, "POST", params, request)
        else:
            params = request.query()
            callback = _callback(services, "GET", params, request)
        if params.get("SAMLResponse") is not None:
            return await self._on(services, issuer, request, callback)
        provider = await services.broker.recognized(issuer, callback)
        if provider is None:
            raise ProtocolRefusal("invalid_request", "No identity provider here sends this message.")
        ended = await self._heard(services, issuer, provider, callback, "The message could not be verified.")
        here = await current_session(services, issuer, request)
        await services.upstream.ended(issuer.pool, provider.name, ended, here)
        outgoing = ended.answer
        cookies: Headers = []
        if here is not None and await current_session(services, issuer, request) is None:
            # It came of the session that ended; another one is none of this provider's business.
            cookies = [clear_cookie(services.cookie_name(issuer.pool.id, "session"), secure=services.secure)]
        if isinstance(outgoing, Redirect):
            return redirect(302, outgoing.url, *cookies)
        if isinstance(outgoing, FormPost):
            view = await leaving_view(services, issuer, provider.name, outgoing)
            return self._frame.page(
                services,
                issuer,
                request,
                view,
                form_targets=(form_target(outgoing.url),),
                headers=[*leaving_headers(outgoing), *cookies],
            )
        return redirect(302, f"{issuer.url}/logout", *cookies)

    async def metadata(self, services: Services, issuer: Issuer, request: Request) -> Answer:
        """GET `/saml2/metadata/{provider}`."""
        name = request.path.removeprefix(f"{METADATA}/")
        try:
            document = await services.broker.published(issuer, name)
        except FederationError as error:
            raise NotFound(detail=error.detail) from error
        headers = [(b"content-type", b"application/samlmetadata+xml"), (b"cache-control", b"public, max-age=3600")]
        return Answer(200, headers, document)

    async def keys(self, services: Services, issuer: Issuer, request: Request) -> Answer:
        """GET `/oauth2/idpjwks/{provider}`: the pool's keys, which sign, and those of ours that this provider encrypts for."""
        name = request.path.removeprefix(f"{KEYS}/")
        try:
            own = await services.broker.encryption_keys(issuer, name)
        except FederationError as error:
            raise NotFound(detail=error.detail) from error
        document = {"keys": [*orjson.loads(issuer.jwks)["keys"], *own]}
        return Answer(200, [*JSON, (b"cache-control", b"public, max-age=%d" % JWKS_MAX_AGE)], orjson.dumps(document))

    async def _on(self, services: Services, issuer: Issuer, request: Request, callback: Callback) -> Answer:
        """On to where the sign-out was to end."""
        found = [value for key, value in callback.params if key in {"state", "RelayState"} and value]
        if len(found) != 1 or len(found[0]) > _LONGEST_STATE:
            raise SignInGone("unnamed", detail="a return without state")
        try:
            target = await services.broker.signed_out_there(issuer, callback, found[0])
        except Gone as gone:
            raise SignInGone("unnamed", detail=gone.detail) from gone
        return redirect(302 if request.method == "GET" else 303, target or f"{issuer.url}/logout")


def _callback(services: Services, method: str, params: Params, request: Request) -> Callback:
    query = str(request.scope["query_string"], "latin-1") if method == "GET" else ""
    return Callback(
        method="POST" if method == "POST" else "GET",
        params=tuple(params.pairs()),
        query=query,
        now=int(services.clock()),
    )
