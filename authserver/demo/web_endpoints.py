"""What the pages of the demo client application do: log in, call the API, refresh, log out."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from authserver.demo.authorization import authorization_url, begin, code_of, login_options, match
from authserver.demo.browser_sessions import BrowserSessions, Login, Session, mark_of
from authserver.demo.failures import ServerRefused, StaleForm
from authserver.demo.orders_client import OrdersClient
from authserver.demo.origin import from_own_page, origin_of
from authserver.demo.provider import Provider, TokenResponse
from authserver.demo.reading import read_form
from authserver.demo.render import Pages, page_policy, static_routes
from authserver.demo.token_view import view_token
from authserver.effects import Clock, Random

_MOST_MARKS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class WebEndpoints:
    """The handlers, and what they share. See `web.demo_web` for the values."""

    provider: Provider
    orders: OrdersClient
    sessions: BrowserSessions
    pages: Pages
    own_url: str
    scope: str
    clock: Clock
    random: Random
    welcome: Mapping[str, object]
    spa: Mapping[str, str]

    def routes(self) -> list[Route]:
        return [
            Route("/", self.home),
            Route("/login", self.log_in, methods=["GET", "POST"]),
            Route("/callback", self.callback),
            Route("/call-api", self.call_api, methods=["POST"]),
            Route("/place-order", self.place_order, methods=["POST"]),
            Route("/refresh", self.refresh, methods=["POST"]),
            Route("/logout", self.log_out, methods=["POST"]),
            Route("/spa", self.single_page),
            *static_routes("/static"),
        ]

    async def home(self, request: Request) -> Response:
        """GET: who is logged in and with which tokens, or a page to log in from."""
        cookie = self._cookie(request)
        session = self.sessions.find(cookie)
        fresh = cookie or self.sessions.new_cookie()
        form_token = self.sessions.form_token(fresh)
        if session is not None and session.login is not None:
            response = self.page("signed_in.html", {"form_token": form_token, **self._shown(session.login)})
        else:
            state = request.query_params.get("state")
            left = session is not None and state is not None and state == session.farewell
            response = self.page("signed_out.html", {"form_token": form_token, "logged_out": left, **self.welcome})
        if cookie is None:
            self._give_cookie(response, fresh)
        return response

    async def log_in(self, request: Request) -> Response:
        """GET or POST: send the browser to the server. The query may hold `authorization.OPTIONS`.

        GET needs no form token: a login may begin anywhere (OpenID Connect Core 4), for it ends only in the browser
        that has its state.
        """
        cookie = self._cookie(request)
        if request.method == "POST":
            await self._own_form(request)
        elif request.method == "HEAD":
            return Response()
        options = login_options(request.query_params)
        metadata = await self.provider.metadata()
        fresh = cookie or self.sessions.new_cookie()
        attempt = begin(self.random, self.clock(), options, self.scope)
        self.sessions.open(fresh).add(attempt)
        response = RedirectResponse(
            authorization_url(
                metadata.authorization_endpoint,
                attempt,
                client_id=self.provider.client_id,
                redirect_uri=f"{self.own_url}/callback",
                options=options,
            ),
            303,
        )
        if cookie is None:
            self._give_cookie(response, fresh)
        return response

    async def callback(self, request: Request) -> Response:
        """GET: the authorization response. Redeems its code and logs the browser in, under a new cookie."""
        if request.method == "HEAD":
            return Response()
        cookie = self._cookie(request)
        session = self.sessions.find(cookie) or Session(0)
        query = request.query_params
        attempt = match(session.attempts, query.get("state"), self.clock())
        names_issuer = (await self.provider.metadata()).names_issuer
        code = code_of(query, issuer=self.provider.issuer, names_issuer=names_issuer)
        tokens, claims = await self.provider.redeem(code, attempt, f"{self.own_url}/callback")
        login = Login(tokens, claims, claims, scope=tuple((tokens.scope or attempt.scope).split()))
        _mark(login, tokens)
        if cookie is not None:
            self.sessions.end(cookie)
        fresh = self.sessions.new_cookie()
        self.sessions.open(fresh).login = login
        response = RedirectResponse("/", 303)
        self._give_cookie(response, fresh)
        return response

    async def call_api(self, request: Request) -> Response:
        """POST: read the orders."""
        _, login = await self._logged_in(request)
        if login is not None:
            login.result = await self.orders.read(login.tokens.access_token)
        return RedirectResponse("/#api-result", 303)

    async def place_order(self, request: Request) -> Response:
        """POST: place an order. What was typed goes to the API as it is, which judges it."""
        form, login = await self._logged_in(request)
        if login is not None:
            login.result = await self.orders.write(login.tokens.access_token, _order(form))
        return RedirectResponse("/#api-result", 303)

    async def refresh(self, request: Request) -> Response:
        """POST: swap the refresh token for fresh tokens. If the server refuses it, the login has ended."""
        _, login = await self._logged_in(request)
        if login is None or login.tokens.refresh_token is None:
            return RedirectResponse("/", 303)
        async with login.turn:  # a token presented twice would end its family (RFC 9700 4.14.2)
            try:
                tokens, claims = await self.provider.refresh(login.tokens.refresh_token, login.first)
            except ServerRefused as refused:
                if refused.code == "invalid_grant":
                    self.sessions.end(self._cookie(request) or "")
                raise
            login.tokens = replace(
                tokens,
                id_token=tokens.id_token or login.tokens.id_token,
                refresh_token=tokens.refresh_token or login.tokens.refresh_token,
            )
            login.identity = claims or login.identity
            login.scope = tuple(tokens.scope.split()) if tokens.scope is not None else login.scope
            _mark(login, tokens)
        return RedirectResponse("/#refresh-token", 303)

    async def log_out(self, request: Request) -> Response:
        """POST: forget the tokens here, then end the session at the server (RP-Initiated Logout 1.0)."""
        _, login = await self._logged_in(request)
        if login is None or login.tokens.id_token is None:
            return RedirectResponse("/", 303)
        cookie = self.sessions.new_cookie()
        state = self.random.token()
        self.sessions.end(self._cookie(request) or "")
        self.sessions.open(cookie).farewell = state
        target = await self.provider.logout_url(login.tokens.id_token, f"{self.own_url}/", state)
        response = RedirectResponse(target or "/", 303)
        self._give_cookie(response, cookie)
        return response

    async def single_page(self, _request: Request) -> Response:
        """GET: the client that runs in the browser."""
        policy = page_policy(scripts=True, connect=(origin_of(self.spa["issuer"]), origin_of(self.spa["api_url"])))
        return self.pages.page("spa.html", policy, self.spa)

    def _shown(self, login: Login) -> dict[str, object]:
        now = self.clock()
        tokens = login.tokens
        return {
            "account_url": f"{self.provider.issuer}/account",
            "identity": login.identity,
            "scope": login.scope,
            "access_token": view_token(tokens.access_token, now),
            "id_token": view_token(tokens.id_token or "", now),
            "marks": login.marks,
            "result": login.result,
        }

    def page(self, template: str, values: Mapping[str, object], *, status: int = 200) -> Response:
        """A page whose forms may lead to the server."""
        # Buttons lead to the server by a redirect, which is part of the form's journey (CSP 3, 6.4.2).
        policy = page_policy(forms=[origin_of(self.provider.issuer)])
        return self.pages.page(template, policy, values, status=status)

    async def _logged_in(self, request: Request) -> tuple[dict[str, str], Login | None]:
        """The form and the login it belongs to. Raises StaleForm."""
        form = await self._own_form(request)
        session = self.sessions.find(self._cookie(request))
        return form, session.login if session is not None else None

    async def _own_form(self, request: Request) -> dict[str, str]:
        form = await read_form(request)
        if not from_own_page(request) or not self.sessions.accepts(self._cookie(request), form.get("csrf", "")):
            raise StaleForm
        return form

    @property
    def _cookie_name(self) -> str:
        # Cookies know no ports: two demos on one host would end each other's sessions.
        return f"demo-app-{urlsplit(self.own_url).port or 'web'}"

    def _cookie(self, request: Request) -> str | None:
        return self.sessions.cookie_in(request.cookies.get(self._cookie_name))

    def _give_cookie(self, response: Response, value: str) -> None:
        response.set_cookie(
            self._cookie_name, value, httponly=True, samesite="lax", secure=self.own_url.startswith("https:")
        )


def _mark(login: Login, tokens: TokenResponse) -> None:
    if tokens.refresh_token is not None:
        login.marks = [*login.marks, mark_of(tokens.refresh_token)][-_MOST_MARKS:]


def _order(form: Mapping[str, str]) -> dict[str, object]:
    """What was typed, as the API wants it; a quantity that is no number stays a text, and the API says what it thinks."""
    quantity = form.get("quantity", "")
    number = len(quantity) < 10 and quantity.isascii() and quantity.isdecimal()
    return {"item": form.get("item", ""), "quantity": int(quantity) if number else quantity}
