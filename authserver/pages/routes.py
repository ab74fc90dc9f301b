"""The hosted pages by their path below the pool, and their static files."""

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from authserver.assertions.service import START
from authserver.assertions.sign_outs import ONWARD
from authserver.errors import Busy, Refusal, StoreUnavailable, Throttled, Unexpected
from authserver.pages.frame import Frame
from authserver.pages.mail_links import ConfirmLinkPage, NotMePage
from authserver.pages.provider_return import OAUTH, SAML, ProviderReturnPage
from authserver.pages.provider_sign_out import KEYS, METADATA, ProviderSignOutPage
from authserver.pages.provider_sign_out import OAUTH as SIGNED_OUT
from authserver.pages.provider_sign_out import SAML as SAML_SIGNED_OUT
from authserver.pages.provider_start import PATH as STARTED
from authserver.pages.provider_start import start, start_post
from authserver.pages.provider_trial import PATH as TRIAL
from authserver.pages.provider_trial import ProviderTrialPage
from authserver.pages.recover import RecoverPage
from authserver.pages.recover_link import RecoverLinkPage
from authserver.pages.saml_sign_on import SamlSignOnPage
from authserver.pages.sign_in import SignInPage
from authserver.pages.sign_out import SignOutPage
from authserver.pages.sign_up import SignUpPage
from authserver.pages.signing_out import SigningOutPage
from authserver.services import Endpoint, Handler, Services
from authserver.signin.recovery_code import RECOVER_PAGE
from authserver.tokens.issuer import Issuer
from authserver.web import NO_STORE, Answer, MethodNotAllowed, Request, json_answer
from federation.saml_idp.metadata import METADATA as OUR_METADATA
from federation.saml_idp.metadata import SLO, SSO

if TYPE_CHECKING:
    from authserver.pages.account.gone import GonePage
    from authserver.pages.account.room import Room


ACCOUNT_ROOMS = (
    *("security", "sessions", "apps", "activity", "data", "notMe", "address", "password", "factor", "remove", "codes"),
    *("delete", "deleted", "rename", "identities", "identities/unlink"),
)
"""The addresses below `account`. What stands behind them is loaded with the first visit: it would be a tenth of the
server's start.
"""

_OF_PROVIDERS: Mapping[type[Refusal], int] = {
    StoreUnavailable: 503,
    Busy: 503,
    Unexpected: 500,
    Throttled: 429,
    MethodNotAllowed: 405,
}
"""What a provider that tells us something is answered, where that is not 400."""


def _room(frame: Frame, path: str) -> Mapping[str, Handler]:
    async def show(services: Services, issuer: Issuer, request: Request) -> Answer:
        return await _rooms(frame)[path].show(services, issuer, request)

    async def submit(services: Services, issuer: Issuer, request: Request) -> Answer:
        return await _rooms(frame)[path].submit(services, issuer, request)

    return {"GET": show, "HEAD": show, "POST": submit}


@lru_cache(maxsize=4)
def _rooms(frame: Frame) -> "Mapping[str, Room | GonePage]":
    from authserver.pages.account.rooms import rooms

    return rooms(frame)


async def _looked_at(_services: Services, _issuer: Issuer, _request: Request) -> Answer:
    """HEAD of an address whose GET uses something up: whoever only looks, as scanners of links do, uses nothing."""
    return Answer(200, list(NO_STORE))


def endpoints(frame: Frame) -> Mapping[str, Endpoint]:
    """The pages of a pool."""
    sign_in, signing_out, sign_on = SignInPage(frame), SigningOutPage(frame), SamlSignOnPage(frame)
    sign_out, trial = SignOutPage(frame, signing_out), ProviderTrialPage(frame)
    returns, outs = ProviderReturnPage(sign_in), ProviderSignOutPage(frame)
    sign_up, recover = SignUpPage(sign_in), RecoverPage(sign_in)
    confirm, not_me, by_link = ConfirmLinkPage(frame), NotMePage(frame), RecoverLinkPage(frame)

    def refuse(services: Services, request: Request, issuer: Issuer | None, refusal: Refusal) -> Answer:
        return frame.error(services, request, issuer, refusal)

    def refuse_oauth(_services: Services, _request: Request, _issuer: Issuer | None, refusal: Refusal) -> Answer:
        """A provider is no person: it gets JSON (Back-Channel Logout 1.0, 2.8)."""
        status = next((status for kind, status in _OF_PROVIDERS.items() if isinstance(refusal, kind)), 400)
        code = "server_error" if status >= 500 else "invalid_request"
        return json_answer(status, {"error": code, "error_description": refusal.sentence})

    return {
        "login": Endpoint("login", {"GET": sign_in.show, "HEAD": sign_in.show, "POST": sign_in.submit}, refuse),
        "signup": Endpoint("sign-up", {"GET": sign_up.show, "HEAD": sign_up.show, "POST": sign_up.submit}, refuse),
        "forgotPassword": Endpoint(
            "recovery", {"GET": recover.show, "HEAD": recover.show, "POST": recover.submit}, refuse
        ),
        "confirm": Endpoint("link", {"GET": confirm.show, "HEAD": confirm.show, "POST": confirm.submit}, refuse),
        RECOVER_PAGE: Endpoint("link", {"GET": by_link.show, "HEAD": by_link.show, "POST": by_link.submit}, refuse),
        "notMe": Endpoint("objection", {"GET": not_me.show, "HEAD": not_me.show, "POST": not_me.submit}, refuse),
        **{
            path: Endpoint("account", _room(frame, path), refuse)
            for path in ("account", *(f"account/{name}" for name in ACCOUNT_ROOMS))
        },
        **{
            path: Endpoint("provider return", {"GET": returns.show, "HEAD": _looked_at, "POST": returns.submit}, refuse)
            for path in (OAUTH, f"{OAUTH}/*", SAML)
        },
        SIGNED_OUT: Endpoint("provider sign-out", {"GET": outs.back, "HEAD": _looked_at}, refuse),
        f"{SIGNED_OUT}/*": Endpoint("provider sign-out", {"GET": outs.frame, "POST": outs.notice}, refuse_oauth),
        SAML_SIGNED_OUT: Endpoint(
            "provider sign-out", {"GET": outs.saml, "HEAD": _looked_at, "POST": outs.saml}, refuse
        ),
        f"{STARTED}/*": Endpoint("provider start", {"GET": start, "HEAD": start, "POST": start_post}, refuse),
        f"{KEYS}/*": Endpoint("provider keys", {"GET": outs.keys, "HEAD": outs.keys}, refuse),
        f"{METADATA}/*": Endpoint("provider metadata", {"GET": outs.metadata, "HEAD": outs.metadata}, refuse),
        TRIAL: Endpoint("provider trial", {"GET": trial.show, "HEAD": trial.show, "POST": trial.submit}, refuse),
        SSO: Endpoint("saml sign-on", {"GET": sign_on.sign_on, "HEAD": _looked_at, "POST": sign_on.posted}, refuse),
        START: Endpoint("saml sign-on", {"GET": sign_on.start, "HEAD": _looked_at}, refuse),
        OUR_METADATA: Endpoint("saml metadata", {"GET": sign_on.metadata, "HEAD": sign_on.metadata}, refuse),
        SLO: Endpoint(
            "saml sign-out",
            {"GET": signing_out.message, "HEAD": _looked_at, "POST": signing_out.message},
            refuse,
        ),
        ONWARD: Endpoint("sign-out", {"GET": signing_out.show, "HEAD": _looked_at}, refuse),
        "logout": Endpoint("sign-out", {"GET": sign_out.show, "HEAD": sign_out.show, "POST": sign_out.submit}, refuse),
    }
