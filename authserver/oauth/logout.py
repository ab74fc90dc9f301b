"""The end-session endpoint (OpenID Connect RP-Initiated Logout 1.0)."""

from urllib.parse import urlencode

from authserver.assertions.sign_outs import onward_path
from authserver.browser import known_browser
from authserver.crypto.secrets import digest
from authserver.events import Event
from authserver.oauth.engine import refuse_repeated
from authserver.services import Services
from authserver.signin import sign_out
from authserver.tokens.issuer import Issuer
from authserver.web import Answer, Request, clear_cookie, redirect


async def logout(services: Services, issuer: Issuer, request: Request) -> Answer:
    """GET: end the session at once if the request proves that it may, else ask the person on `/logout`."""
    # load
    params = request.query()
    refuse_repeated(params)
    pool = issuer.pool
    cookie = services.cookie_name(pool.id, "session")
    session = await services.sessions.find(pool, request.cookie(cookie))
    client, hint = await sign_out.load(services.registry, issuer, params.values, services.clock())

    # judge
    plan = sign_out.judge(params.values, client, hint, session)
    if plan.ask:
        return redirect(302, f"{issuer.url}/logout?{urlencode(params.pairs())}")

    # save
    if session is not None:
        await services.sessions.end(pool, session)
        user_id = session.authentication.user_id
        services.emit(
            Event("session.ended", pool.id, user_id, client.client_id if client is not None else None, request.address)
        )

    # answer: by way of the applications, and of the provider that the person came from, whose sessions are to end too
    target = plan.return_to or f"{issuer.url}/logout"
    handle, browser = None, known_browser(services, pool.id, request)
    if session is not None and browser is not None:
        handle = await services.sign_outs.begin(issuer, session, target, digest(browser))
    if handle is not None:
        target = f"{issuer.url}/{onward_path(handle)}"
    return redirect(302, target, clear_cookie(cookie, secure=services.secure))


async def logout_post(_services: Services, issuer: Issuer, request: Request) -> Answer:
    """POST: the same as a form, sent on as GET, since a form that another site posts comes without our Lax cookies."""
    form = await request.form()
    return redirect(303, f"{issuer.url}/oauth2/logout?{urlencode(form.pairs())}")
