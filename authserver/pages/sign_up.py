"""The page where people create an account, in the course of a sign-in: `/signup?signin=<id>`."""

from urllib.parse import urlencode

from authserver.accounts.sign_up import Registration
from authserver.errors import Conflict, InvalidForm, Refusal, SignInGone, Throttled, Vetoed, WeakPassword
from authserver.model.clients import POOL
from authserver.model.pools import Pool
from authserver.model.users import User
from authserver.pages.errors import restart_url
from authserver.pages.fields import field_views, typed
from authserver.pages.frame import check_form
from authserver.pages.new_passwords import new_password
from authserver.pages.sign_in import SignInPage, address, current_session, look
from authserver.pages.taken import session_cookie
from authserver.pages.taking import origin_of
from authserver.pages.views import SignUpClosed, SignUpForm, Terms, View
from authserver.rules.fields import sign_up_fields
from authserver.services import Services
from authserver.signin.situations import Situation
from authserver.signin.step_types import (
    ConfirmAddress,
    Finish,
    Refuse,
)
from authserver.tokens.issuer import Issuer
from authserver.web import Answer, Headers, Params, Request, redirect

PATH = "/signup"
_LONGEST = 2048


class SignUpPage:
    """GET and POST of `/signup?signin=<id>`; with an authorization request instead, the sign-in begins here."""

    def __init__(self, sign_in: SignInPage) -> None:
        self._sign_in = sign_in

    async def show(self, services: Services, issuer: Issuer, request: Request) -> Answer:
        """GET: the form, or that there is none."""
        params = request.query()
        if params.get("signin") is None and params.get("client_id") is not None:
            query = urlencode([*params.pairs(), ("screen_hint", "signup")])
            return redirect(302, f"{issuer.url}/oauth2/authorize?{query}")
        session = await current_session(services, issuer, request)
        situation = await look(services, issuer, request, params, session)
        view = sign_up_view(issuer, params, situation)
        return self._sign_in.page(services, issuer, request, situation, view, path=PATH)

    async def submit(self, services: Services, issuer: Issuer, request: Request) -> Answer:
        """POST: register, then on to what the sign-in needs: most often the code that was sent."""
        params, form = request.query(), await request.form()
        check_form(services, issuer, request, form, params.get("signin") or "")
        session = await current_session(services, issuer, request)
        situation = await look(services, issuer, request, params, session)
        if not _offered(issuer.pool, situation):
            closed = sign_up_view(issuer, params, situation)
            return self._sign_in.page(services, issuer, request, situation, closed, status=422, path=PATH)
        origin = origin_of(services, issuer, request)
        cookies: Headers = []
        try:
            registration = Registration(
                # One more than fits, so that what is too long is found to be.
                form={name: value[: _LONGEST + 1] for name, value in form.values.items()},
                password=form.get("new_password"),
                accepted_terms=form.get("terms") == "true",
                language=origin.language,
                network=origin.network,
                binding=situation.sign_in.id,
            )
            registered = await services.sign_up.register(
                issuer.pool, situation.client, registration, before=_just_registered(situation)
            )
            moved = await services.proving.registered(issuer.pool, situation, registered, origin, session)
            cookies = session_cookie(services, issuer, moved)
            if isinstance(moved.situation.step, Finish | Refuse):
                target = await services.sign_ins.conclude(issuer.pool, issuer.url, moved.situation)
                return redirect(303, target, *cookies)
        except (Conflict, SignInGone) as gone:
            restart = restart_url(gone, issuer) if isinstance(gone, SignInGone) else None
            return redirect(303, restart or address(issuer, params), *cookies)
        except (InvalidForm, WeakPassword, Vetoed, Throttled) as refusal:
            headers: Headers = []
            if isinstance(refusal, Throttled):
                headers = [(b"retry-after", b"%d" % refusal.retry_after)]
            view = sign_up_view(issuer, params, situation, refusal=refusal, form=form)
            status = 429 if isinstance(refusal, Throttled) else 422
            return self._sign_in.page(
                services, issuer, request, situation, view, status=status, path=PATH, headers=headers
            )
        return redirect(303, address(issuer, params), *cookies)


def _just_registered(situation: Situation) -> User | None:
    """Whom the same person registered in this sign-in, and came back to correct."""
    waits = isinstance(situation.step, ConfirmAddress) and situation.sign_in.method == "confirm"
    return situation.user if waits else None


def _offered(pool: Pool, situation: Situation) -> bool:
    """Whether an account of the pool's own is of any use here: the client may take people of other providers alone."""
    return pool.sign_up.enabled and situation.client.signs_in_by(POOL)


def sign_up_view(
    issuer: Issuer, params: Params, situation: Situation, *, refusal: Refusal | None = None, form: Params | None = None
) -> View:
    """The form of the pool's schema, with what was typed and what was wrong with it."""
    pool = issuer.pool
    sign_in_url = address(issuer, params)
    if not _offered(pool, situation):
        return SignUpClosed(sign_in_url=sign_in_url)
    return SignUpForm(
        fields=field_views(sign_up_fields(pool), refusal, typed(form)),
        password=new_password(pool, _about_password(refusal), unlike=_names(form))
        if "password" in pool.mfa.first_factors
        else None,
        terms=_terms(pool, refusal, form),
        allowed_domains=pool.sign_up.allowed_domains,
        fault="throttled" if isinstance(refusal, Throttled) else "refused" if isinstance(refusal, Vetoed) else None,
        sentence=refusal.sentence if isinstance(refusal, Vetoed) else "",
        retry_after=refusal.retry_after if isinstance(refusal, Throttled) else None,
        sign_in_url=sign_in_url,
    )


def _names(form: Params | None) -> tuple[str, ...]:
    """What the password should not hold, of what was typed."""
    names = ((form.get(n) or "")[:_LONGEST] for n in ("username", "email")) if form is not None else ()
    return tuple(n for n in names if n)


def _about_password(refusal: Refusal | None) -> Refusal | None:
    if isinstance(refusal, InvalidForm):
        rules = tuple(rule for name, rule, _ in refusal.faults if name == "new_password")
        return WeakPassword(rules) if rules else None
    return refusal


def _terms(pool: Pool, refusal: Refusal | None, form: Params | None) -> Terms | None:
    if pool.sign_up.terms_uri is None and pool.sign_up.policy_uri is None:
        return None
    missing = isinstance(refusal, InvalidForm) and any(name == "terms" for name, _, _ in refusal.faults)
    return Terms(
        tos_uri=pool.sign_up.terms_uri,
        policy_uri=pool.sign_up.policy_uri,
        accepted=form is not None and form.get("terms") == "true",
        missing=missing,
    )
