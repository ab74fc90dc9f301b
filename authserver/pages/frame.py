"""What all pages share: language, context, headers, anti-forgery checks. Handlers hand a view in and get an answer."""

from collections.abc import Iterable, Sequence
from urllib.parse import urlencode

from authserver.browser import csrf_matches, csrf_token, known_browser
from authserver.errors import Refusal
from authserver.model.clients import Client
from authserver.model.pools import Branding, Pool
from authserver.pages.branding import merge
from authserver.pages.errors import Forged, error_view
from authserver.pages.i18n import choose_language
from authserver.pages.render import Renderer
from authserver.pages.security import html_headers
from authserver.pages.views import THEME_COOKIE, ClientMark, PageContext, Theme, View
from authserver.services import Services
from authserver.tokens.issuer import Issuer
from authserver.web import HTML, Answer, Headers, Params, Request, set_cookie

LANGUAGE_COOKIE = "poolgate-language"
_LANGUAGE_LIFETIME = 400 * 86400
_NO_POOL_LANGUAGES = ("en", "ko")


class Frame:
    """Turns views into answers."""

    def __init__(self, renderer: Renderer) -> None:
        self.renderer = renderer

    def page(
        self,
        services: Services,
        issuer: Issuer | None,
        request: Request,
        view: View,
        *,
        status: int = 200,
        path: str = "",
        query: dict[str, str] | None = None,
        client: Client | None = None,
        purpose: str = "",
        ui_locales: tuple[str, ...] = (),
        form_targets: Iterable[str] = (),
        headers: Headers | None = None,
    ) -> Answer:
        """The answer that shows a view.

        Args:
            path: of the page below the issuer; its forms go there too.
            query: of the page, without `lang`.
            purpose: what the page's forms are for (the sign-in's id, ...); binds their anti-forgery token.
            form_targets: CSP sources that a form's answer may redirect to.
        """
        pool = issuer.pool if issuer is not None else None
        picked = _picked(request)
        offered = self.renderer.catalogues.offered(pool.languages if pool is not None else _NO_POOL_LANGUAGES)
        language = self._language(services, request, offered, ui_locales)
        base = f"{issuer.url}{path}" if issuer is not None else ""
        here = dict(query or {})
        kept = {**here, "lang": picked} if picked is not None else here
        browser = known_browser(services, pool.id, request) if pool is not None else None
        context = PageContext(
            language=language,
            nonce=services.random.token(16),
            request_id=request.id,
            pool_name=pool.name if pool is not None else None,
            branding=_branding(pool, client),
            client=ClientMark.of(client) if client is not None else None,
            action=f"{base}?{urlencode(kept)}" if kept else base,
            now=int(services.clock()),
            theme=_theme(services, request),
            theme_cookie=_theme_cookie(services),
            csrf=csrf_token(issuer.csrf_key, browser, purpose) if issuer is not None and browser is not None else "",
            languages=self.renderer.catalogues.menu(
                offered if path else (), lambda tag: f"{base}?{urlencode({**here, 'lang': tag})}"
            )
            if path
            else (),
        )
        body = self.renderer.render(view, context).encode()
        answer_headers: Headers = [HTML, (b"content-language", language.encode())]
        answer_headers += [
            (name.lower().encode(), value.encode()) for name, value in html_headers(context, form_targets, view).items()
        ]
        if picked is not None and picked in offered:
            answer_headers.append(
                set_cookie(_cookie_name(services), picked, secure=services.secure, max_age=_LANGUAGE_LIFETIME)
            )
        return Answer(status, answer_headers + (headers or []), body)

    def language(self, services: Services, issuer: Issuer, request: Request) -> str:
        """The language in which this browser's pages of the pool are."""
        return self._language(services, request, self.renderer.catalogues.offered(issuer.pool.languages), ())

    def language_names(self, pool: Pool) -> tuple[tuple[str, str], ...]:
        """The languages of the pool's pages: tags, and what each calls itself."""
        catalogues = self.renderer.catalogues
        return tuple((link.tag, link.name) for link in catalogues.menu(catalogues.offered(pool.languages), str))

    @staticmethod
    def _language(services: Services, request: Request, offered: Sequence[str], ui_locales: tuple[str, ...]) -> str:
        return choose_language(
            offered,
            picked=_picked(request),
            ui_locales=ui_locales,
            cookie=request.cookie(_cookie_name(services)),
            accept_language=request.header(b"accept-language"),
        )

    def error(self, services: Services, request: Request, issuer: Issuer | None, refusal: Refusal) -> Answer:
        """The error page for a refusal."""
        here = _here(issuer, request) if issuer is not None else None
        status, view, retry_after = error_view(refusal, issuer, here)
        headers: Headers = [(b"retry-after", b"%d" % retry_after)] if retry_after is not None else []
        return self.page(services, issuer, request, view, status=status, headers=headers)


def _branding(pool: Pool | None, client: Client | None) -> Branding:
    if pool is None:
        return Branding()
    return merge(pool.branding, client.branding if client is not None else None)


def _here(issuer: Issuer, request: Request) -> str | None:
    """The address that was asked for, if it can be opened again: a page's own forms are sent to the page, but what was
    sent to an endpoint of the protocol is gone.
    """
    query = str(request.scope["query_string"], "latin-1")
    if not query.isascii() or (request.method == "POST" and request.path.startswith("oauth2/")):
        return None
    return f"{issuer.url}/{request.path.lstrip('/')}{'?' if query else ''}{query}"


def _theme(services: Services, request: Request) -> Theme | None:
    """What the person chose in the theme menu; None follows the system."""
    match request.cookie(_theme_cookie(services)):
        case "light":
            return "light"
        case "dark":
            return "dark"
        case _:
            return None


def _theme_cookie(services: Services) -> str:
    return f"__Host-{THEME_COOKIE}" if services.secure else THEME_COOKIE


def _cookie_name(services: Services) -> str:
    return f"__Host-{LANGUAGE_COOKIE}" if services.secure else LANGUAGE_COOKIE


def _picked(request: Request) -> str | None:
    """The language taken from the page's own menu. An unreadable query is no reason to fail again on an error page."""
    try:
        lang = request.query().get("lang")
    except Refusal:
        return None
    return lang if lang is not None and len(lang) <= 35 and lang.replace("-", "").isalnum() and lang.isascii() else None  # noqa: PLR2004, RUF100 - RFC 5646 4.4.1


def check_form(services: Services, issuer: Issuer, request: Request, form: Params, purpose: str) -> None:
    """Raises Forged unless the form comes from the page that this browser was given for this purpose.

    The token is bound to the browser's cookie; where the browser says where the request comes from, that must be us
    (Fetch Metadata; Origin of RFC 6454 7).
    """
    site = request.header(b"sec-fetch-site")
    if site is not None and site not in {"same-origin", "none"}:
        raise Forged(detail=f"Sec-Fetch-Site: {site[:20]}")
    origin = request.header(b"origin")
    if site is None and origin is not None and origin != services.base_url:
        raise Forged(detail="the form comes from another origin")
    browser = known_browser(services, issuer.pool.id, request)
    if not csrf_matches(issuer.csrf_key, browser, purpose, form.get("csrf")):
        raise Forged(detail="the anti-forgery token does not match")
