"""Where a sign-in begins at an OpenID provider, which then sends the browser here (OpenID Connect Core 4).

Nothing is taken over from there but the wish: the browser goes back to the provider with a request of ours, and only the answer
to that signs anybody in. Anybody can make such an address, as anybody can make one that begins at an app.
"""

from urllib.parse import urlencode

from authserver.browser import browser_cookie
from authserver.crypto.secrets import digest
from authserver.errors import NotFound, ProtocolRefusal
from authserver.model.sessions import AuthorizationRequest
from authserver.pages.sign_in import current_session
from authserver.services import Services
from authserver.signin.service import MOST_IDENTIFIER
from authserver.signin.situations import ACCOUNT, account_client
from authserver.tokens.issuer import Issuer
from authserver.web import Answer, Params, Request, redirect

PATH = "oauth2/idplogin"

_LONGEST_CLIENT_ID = 128


async def start(services: Services, issuer: Issuer, request: Request) -> Answer:
    """GET `/oauth2/idplogin/{provider}?iss=&login_hint=&client_id=`: to the provider, and then to the account page, or to the
    home page of the app that `client_id` names. `target_link_uri` is not followed: no address is taken from anybody.

    Raises NotFound where no enabled OpenID provider has this name and an issuer of its own, Throttled, ProtocolRefusal.
    """
    params, pool = request.query(), issuer.pool
    if params.repeated:
        raise ProtocolRefusal("invalid_request", "The request repeats a parameter.")
    name = request.path.removeprefix(f"{PATH}/")
    provider = await services.choices.usable(pool.id, account_client(pool), name)
    known_as = provider.setting("issuer") if provider is not None else ""
    if not known_as:
        raise NotFound(detail="no identity provider from which sign-ins may begin")
    if params.get("iss") != known_as:
        raise ProtocolRefusal("invalid_request", "The parameter iss is missing, or is not that of this provider.")
    hint = params.get("login_hint")
    wanted = AuthorizationRequest(
        client_id=ACCOUNT,
        redirect_uri=await home_of(services, issuer, params.get("client_id") or ""),
        redirect_uri_sent=True,
        scope=(),
        query="/account",
        login_hint=hint if hint is not None and hint.isprintable() and len(hint) <= MOST_IDENTIFIER else None,
        identity_provider=name,
    )
    browser, new_cookie = browser_cookie(services, pool.id, request)
    session = await current_session(services, issuer, request)
    situation = await services.sign_ins.start(pool, wanted, digest(browser), session)
    await services.sign_ins.keep(situation.sign_in, request.address)
    return redirect(302, f"{issuer.url}/login?{urlencode({'signin': situation.sign_in.id})}", *new_cookie)


async def start_post(_services: Services, issuer: Issuer, request: Request) -> Answer:
    """POST: the same as a form, sent on as GET, since a form that another site posts comes without our Lax cookies."""
    form: Params = await request.form()
    return redirect(303, f"{issuer.url}/{request.path}?{urlencode(form.pairs())}")


async def home_of(services: Services, issuer: Issuer, client_id: str) -> str:
    """Where somebody goes who began at the provider: to the home page of this client, which then asks for tokens as always;
    else to the account page.
    """
    named = 0 < len(client_id) <= _LONGEST_CLIENT_ID
    client = await services.registry.client(issuer.pool.id, client_id) if named else None
    if client is not None and client.enabled and client.client_uri is not None:
        return client.client_uri
    return f"{issuer.url}/account"
