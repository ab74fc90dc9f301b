"""Where a deleted account leaves its person: signed out."""

from authserver.pages.frame import Frame
from authserver.pages.views import Deleted
from authserver.services import Services
from authserver.tokens.issuer import Issuer
from authserver.web import Answer, MethodNotAllowed, Request

DELETED = "/account/deleted"


class GonePage:
    """GET of `/account/deleted`."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def show(self, services: Services, issuer: Issuer, request: Request) -> Answer:
        """It says so."""
        return self._frame.page(services, issuer, request, Deleted(), path=DELETED)

    async def submit(self, _services: Services, _issuer: Issuer, _request: Request) -> Answer:
        """There is nothing to send here."""
        raise MethodNotAllowed("GET, HEAD")
