"""The page that begins to replace a forgotten password: `/forgotPassword?signin=<id>`. The sign-in's own page goes on."""

from urllib.parse import urlencode

from authserver.errors import Conflict, Invalid, Refusal, Throttled
from authserver.model.clients import POOL
from authserver.model.pools import Pool
from authserver.pages.frame import check_form
from authserver.pages.sign_in import SignInPage, address, current_session, look
from authserver.pages.taking import origin_of
from authserver.pages.views import RecoverAsk, RecoverClosed, View
from authserver.services import Services
from authserver.signin.recovering import offers_recovery
from authserver.signin.situations import Situation
from authserver.tokens.issuer import Issuer
from authserver.web import Answer, Headers, Params, Request, redirect

PATH = "/forgotPassword"


class RecoverPage:
    """GET and POST of `/forgotPassword?signin=<id>`."""

    def __init__(self, sign_in: SignInPage) -> None:
        self._sign_in = sign_in

    async def show(self, services: Services, issuer: Issuer, request: Request) -> Answer:
        """GET: asks whose password it is."""
        params = request.query()
        if params.get("signin") is None and params.get("client_id") is not None:
            return redirect(302, f"{issuer.url}/oauth2/authorize?{urlencode(params.pairs())}")
        session = await current_session(services, issuer, request)
        situation = await look(services, issuer, request, params, session)
        return self._sign_in.page(services, issuer, request, situation, _view(issuer, params, situation), path=PATH)

    async def submit(self, services: Services, issuer: Issuer, request: Request) -> Answer:
        """POST: sends a code, if there is somebody to send it to, and goes on to where it is entered."""
        params, form = request.query(), await request.form()
        check_form(services, issuer, request, form, params.get("signin") or "")
        session = await current_session(services, issuer, request)
        situation = await look(services, issuer, request, params, session)
        if not _offered(issuer.pool, situation):
            return self._sign_in.page(
                services, issuer, request, situation, _view(issuer, params, situation), path=PATH, status=422
            )
        try:
            name = form.get("username") or ""
            if issuer.pool.recovery.asks_medium:
                await services.recovering.ask_medium(situation, name)
            else:
                await services.recovering.begin(issuer.pool, situation, name, origin_of(services, issuer, request))
        except Conflict:
            pass  # sent twice: the other one was faster
        except (Invalid, Throttled) as refusal:
            headers: Headers = []
            if isinstance(refusal, Throttled):
                headers = [(b"retry-after", b"%d" % refusal.retry_after)]
            view = _view(issuer, params, situation, refusal, form)
            status = 429 if isinstance(refusal, Throttled) else 422
            return self._sign_in.page(
                services, issuer, request, situation, view, status=status, path=PATH, headers=headers
            )
        return redirect(303, address(issuer, params))


def _offered(pool: Pool, situation: Situation) -> bool:
    """Whether a password is of any use here: the client may take people of other providers alone."""
    return offers_recovery(pool) and situation.client.signs_in_by(POOL)


def _view(
    issuer: Issuer, params: Params, situation: Situation, refusal: Refusal | None = None, form: Params | None = None
) -> View:
    pool = issuer.pool
    if not _offered(pool, situation):
        return RecoverClosed(sign_in_url=address(issuer, params))
    typed = form.get("username") if form is not None else situation.sign_in.identifier
    return RecoverAsk(
        sign_in_with=pool.sign_in_with,
        identifier=(typed or situation.sign_in.request.login_hint or "")[:320],
        fault="throttled" if isinstance(refusal, Throttled) else "empty" if refusal is not None else None,
        retry_after=refusal.retry_after if isinstance(refusal, Throttled) else None,
        sign_in_url=address(issuer, params),
    )
