"""What became of a form that a page of a sign-in sent."""

from dataclasses import dataclass, field

from authserver.model.sessions import Session
from authserver.pages.views import View
from authserver.services import Services
from authserver.signin.moving import Moved
from authserver.tokens.issuer import Issuer
from authserver.web import Answer, Headers, set_cookie


@dataclass(frozen=True, slots=True)
class Taken:
    """The session that there is now, with the cookie of a new one; or, instead of the next step, a view that is shown
    at once, or a whole answer.
    """

    session: Session | None
    cookies: Headers = field(default_factory=list)
    view: View | None = None
    answer: Answer | None = None


def session_cookie(services: Services, issuer: Issuer, moved: Moved | None) -> Headers:
    """The cookie of a session that was opened, if one was."""
    if moved is None or moved.secret is None:
        return []
    name = services.cookie_name(issuer.pool.id, "session")
    return [set_cookie(name, moved.secret, secure=services.secure)]


def taken(
    services: Services, issuer: Issuer, moved: Moved | None, before: Session | None, view: View | None = None
) -> Taken:
    """What a sign-in that moved on leaves with the browser."""
    cookies = session_cookie(services, issuer, moved)
    session = moved.situation.session if moved is not None and cookies else before
    return Taken(session, cookies, view)
