"""How a client hears that nobody was signed in: by a redirect with an error, or by what its own protocol has for that."""

from authserver.errors import ProtocolRefusal
from authserver.model.clients import Client
from authserver.model.sessions import SignIn
from authserver.signin.handing_over import HandOvers
from authserver.signin.responses import response_uri
from authserver.signin.situations import ACCOUNT


class Refusals:
    """Answers clients with errors."""

    def __init__(self, hand_overs: HandOvers) -> None:
        self._hand_overs = hand_overs

    async def tell(self, issuer: str, sign_in: SignIn, client: Client, code: str, sentence: str) -> str:
        """The URI that tells the client of an error (RFC 6749 4.1.2.1). Raises ProtocolRefusal where no client waits."""
        if client.client_id == ACCOUNT:
            raise ProtocolRefusal(code, sentence)
        if client.saml is not None:
            return await self._hand_overs.failure(issuer, sign_in, code)
        return response_uri(sign_in.request, issuer, error=code, error_description=sentence)
