"""The hosted pages by their path below the pool, and their static files."""

from collections.abc import Mapping

from authserver.errors import Refusal
from authserver.pages.frame import Frame
from authserver.pages.sign_in import SignInPage
from authserver.pages.sign_out import SignOutPage
from authserver.services import Endpoint, Services
from authserver.tokens.issuer import Issuer
from authserver.web import Answer, Request


def endpoints(frame: Frame) -> Mapping[str, Endpoint]:
    """The pages of a pool."""
    sign_in, sign_out = SignInPage(frame), SignOutPage(frame)

    def refuse(services: Services, request: Request, issuer: Issuer | None, refusal: Refusal) -> Answer:
        return frame.error(services, request, issuer, refusal)

    return {
        "login": Endpoint("login", {"GET": sign_in.show, "HEAD": sign_in.show, "POST": sign_in.submit}, refuse),
        "logout": Endpoint("sign-out", {"GET": sign_out.show, "HEAD": sign_out.show, "POST": sign_out.submit}, refuse),
    }
