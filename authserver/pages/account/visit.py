"""Who visits the account page, and the frame that is around every section."""

from dataclasses import dataclass
from typing import Literal, get_args
from urllib.parse import urlencode

from authserver.browser import browser_cookie
from authserver.crypto.secrets import digest
from authserver.model.pools import Pool
from authserver.model.sessions import AuthorizationRequest, Session
from authserver.model.users import User
from authserver.pages.sign_in import BY, current_session
from authserver.pages.step_views import account_of
from authserver.pages.taking import origin_of
from authserver.pages.views import AccountFrame, Flash, Notice, Section
from authserver.services import Services
from authserver.signin.origin import Origin
from authserver.signin.situations import ACCOUNT
from authserver.tokens.issuer import Issuer
from authserver.web import Answer, Headers, Params, Request, redirect

HOME = "/account"
PATHS: dict[Section, str] = {
    "profile": HOME,
    "security": f"{HOME}/security",
    "sessions": f"{HOME}/sessions",
    "apps": f"{HOME}/apps",
    "identities": f"{HOME}/identities",
    "activity": f"{HOME}/activity",
    "data": f"{HOME}/data",
}
_NOTICES: frozenset[str] = frozenset(get_args(Notice))


@dataclass(frozen=True, slots=True)
class Visit:
    """A signed-in person at the account page."""

    services: Services
    issuer: Issuer
    request: Request
    session: Session
    user: User
    query: Params
    federated: bool = False
    """Whether the pool has other providers, or had."""

    @property
    def pool(self) -> Pool:
        return self.issuer.pool

    @property
    def now(self) -> int:
        return int(self.services.clock())

    @property
    def origin(self) -> Origin:
        return origin_of(self.services, self.issuer, self.request)

    @property
    def fresh(self) -> bool:
        """Whether the person signed in, or proved it again, so lately that nobody else can be at the keyboard."""
        last = max((p.at for p in self.session.authentication.proofs), default=self.session.authentication.auth_time)
        return self.now - last <= self.pool.account.reauthenticate

    def url(self, path: str, **query: str) -> str:
        return f"{self.issuer.url}{path}" + (f"?{urlencode(query)}" if query else "")

    def frame(self, section: Section) -> AccountFrame:
        """What is around a section, with the notice of what just happened."""
        said = self.query.get("notice")
        flash: Flash | None = None
        if said in _NOTICES:
            flash = Flash(notice=said)  # type: ignore[arg-type]  # looked up
        return AccountFrame(
            account=account_of(self.user),
            section=section,
            urls=tuple(
                (name, self.url(path)) for name, path in PATHS.items() if name != "identities" or self.federated
            ),
            sign_out_url=self.url("/logout"),
            flash=flash,
            closing_at=self.user.delete_after,
        )


async def enter(services: Services, issuer: Issuer, request: Request, path: str) -> Visit | Answer:
    """The visit, or the way to the sign-in that leads back to `path`."""
    query = request.query()
    session = await current_session(services, issuer, request)
    if session is not None:
        user = await services.stores.directory.user(issuer.pool.id, session.authentication.user_id)
        _, new_cookie = browser_cookie(services, issuer.pool.id, request)
        if user is not None and user.can_sign_in and not new_cookie:
            federated = bool(await services.registry.shown_providers(issuer.pool.id, 1)) or bool(
                await services.linked_logins.of(issuer.pool, user)
            )
            return Visit(services, issuer, request, session, user, query, federated)
        if user is not None and user.can_sign_in and request.method != "POST":
            # Forms are bound to the browser's cookie, so it must have one before a page is made.
            asked = urlencode(query.pairs())
            return redirect(302, f"{issuer.url}{path}" + (f"?{asked}" if asked else ""), *new_cookie)
    return await begin_sign_in(services, issuer, request, path, session=None)


async def begin_sign_in(
    services: Services,
    issuer: Issuer,
    request: Request,
    path: str,
    *,
    session: Session | None,
    prompt: tuple[Literal["login"], ...] = (),
    status: int = 302,
) -> Answer:
    """Start a sign-in that comes back to a page of the account."""
    browser, new_cookie = browser_cookie(services, issuer.pool.id, request)
    kept = [(n, v) for n, v in request.query().pairs() if n in {"id", "kind"}]
    back = f"?{urlencode(kept)}" if kept else ""
    wanted = AuthorizationRequest(
        client_id=ACCOUNT,
        redirect_uri=f"{issuer.url}{path}{back}",
        redirect_uri_sent=True,
        scope=(),
        query=f"{path}{back}",
        prompt=prompt,
    )
    situation = await services.sign_ins.start(issuer.pool, wanted, digest(browser), session)
    await services.sign_ins.keep(situation.sign_in, request.address)
    headers: Headers = new_cookie
    query = {"signin": situation.sign_in.id, **({BY: "form"} if status == 303 else {})}
    return redirect(status, f"{issuer.url}/login?{urlencode(query)}", *headers)
