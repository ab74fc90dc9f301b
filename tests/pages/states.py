"""Every hosted page in every state, for the tests that go through all of them and for the gallery."""

import base64
from dataclasses import replace

from authserver.model.pools import Branding, Pool, ResourceServer, Scope
from authserver.pages.i18n import Catalogues
from authserver.pages.render import Renderer
from authserver.pages.views import (
    Account,
    ClientMark,
    ConsentStep,
    ErrorPage,
    IdentifierStep,
    PageContext,
    PasswordStep,
    SignedOut,
    SignOutConfirm,
    View,
    scope_groups,
)

NONCE = "bm9uY2Utb2YtdGhpcy1vbmUtcmVzcG9uc2U"
ORIGIN = "https://login.example"
ACTION = "/demo_Pool1/login?signin=7hQ2"
RENDERER = Renderer("/static")

_LOGO = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48"><rect width="48" height="48" rx="10" fill="#0f766e"/>'
    b'<path d="M14 18h20l-2.5 16h-15zM19 18a5 5 0 0 1 10 0" fill="none" stroke="#fff" stroke-width="2.5"/></svg>'
)
_WORDMARK = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 132 32"><circle cx="16" cy="16" r="11" fill="none" '
    b'stroke="#7c3aed" stroke-width="6"/><g fill="#7c3aed"><rect x="40" y="9" width="16" height="14" rx="3"/>'
    b'<rect x="60" y="9" width="26" height="14" rx="3"/><rect x="90" y="9" width="38" height="14" rx="3"/></g></svg>'
)


def _inline(svg: bytes) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg).decode()


POOL = Pool(
    id="demo_Pool1",
    name="Demo",
    resource_servers=(
        ResourceServer(
            identifier="https://orders.example",
            name="Orders API",
            scopes=(Scope("read", "Read your orders"), Scope("write", "Place and cancel orders for you")),
        ),
        ResourceServer(identifier="https://files.example", scopes=(Scope("all"),)),
    ),
)
CLIENT = ClientMark(
    name="Orders",
    policy_uri="https://orders.example/privacy",
    tos_uri="https://orders.example/terms",
    client_uri="https://orders.example/",
)
SHOP = replace(CLIENT, name="Harbour Market", logo_uri=_inline(_LOGO))
BRANDED = Branding(
    tokens={
        "color-accent": "light-dark(#7c3aed, #8b5cf6)",
        "radius": "6px",
        "color-background": "light-dark(#faf8ff, #0e0b16)",
    },
    logo=_inline(_WORDMARK),
    texts={
        "en": {"sign_in.note": "Staff: use your company email.", "footer.note": "Questions? Call 1234."},
        "ko": {"sign_in.note": "임직원은 회사 이메일로 로그인해 주세요.", "footer.note": "문의: 1234"},
    },
)
ADA = Account(id="a1", name="ada", detail="ada@example.com")
BOB = Account(id="b2", name="Bob Kim", detail="bob.kim@example.com")
ALL_SCOPES = ("openid", "profile", "email", "phone", "address", "offline_access")
API_SCOPES = ("https://orders.example/read", "https://orders.example/write", "https://files.example/all")

WORKER = "maria-fernanda.oliveira-santos.the-third@subsidiary.international-holding.example"
LONG = "Extraordinarily Long Product Name That Nobody Would Ever Print On A Business Card " * 4
HOSTILE = "\u202e\"><script>alert('x')</script>{{7*7}}{% raw %}&amp;<!--\u2066\x00\n</title></style>" + "<b>W" * 90


def context(language: str = "en", **changes: object) -> PageContext:
    catalogues = Catalogues()
    base = PageContext(
        language=language,
        nonce=NONCE,
        request_id="01JD9Z6T4Q-5f2c",
        pool_name=POOL.name,
        client=CLIENT,
        action=ACTION,
        csrf="Zm9ybS10b2tlbg",
        languages=catalogues.menu(POOL.languages, lambda tag: f"{ACTION}&lang={tag}"),
    )
    return replace(base, **changes)  # type: ignore[arg-type]


RESTART = "/demo_Pool1/oauth2/authorize?client_id=demo-web&state=x"
BACK = "https://orders.example/"

VIEWS: dict[str, tuple[View, dict[str, object]]] = {
    "identifier": (IdentifierStep(sign_up_url="/demo_Pool1/signup?x=1"), {}),
    "identifier-bare": (IdentifierStep(sign_in_with=("email",)), {"client": None, "languages": ()}),
    "identifier-typed": (
        IdentifierStep(identifier=WORKER, sign_in_with=("phone_number", "username")),
        {"client": SHOP},
    ),
    "identifier-accounts": (IdentifierStep(accounts=(ADA, BOB), sign_up_url="/signup"), {}),
    "identifier-empty": (IdentifierStep(fault="empty"), {}),
    "identifier-throttled": (IdentifierStep(identifier="ada", fault="throttled", retry_after=42), {}),
    "identifier-branded": (IdentifierStep(sign_up_url="/signup"), {"branding": BRANDED, "client": SHOP}),
    "identifier-long": (
        IdentifierStep(identifier=WORKER, accounts=(Account(id="w", name=WORKER, detail=LONG),)),
        {"client": ClientMark(name=LONG), "pool_name": LONG},
    ),
    "identifier-hostile": (
        IdentifierStep(identifier=HOSTILE, accounts=(Account(id=HOSTILE, name=HOSTILE, detail=HOSTILE),)),
        {"client": ClientMark(name=HOSTILE), "pool_name": HOSTILE, "csrf": HOSTILE, "action": "/" + HOSTILE},
    ),
    "password": (PasswordStep(identifier="ada", forgot_password_url="/demo_Pool1/forgotPassword"), {}),
    "password-empty": (PasswordStep(identifier=WORKER, fault="empty"), {}),
    "password-wrong": (
        PasswordStep(identifier="ada", fault="wrong_credentials", forgot_password_url="/forgotPassword"),
        {},
    ),
    "password-throttled": (PasswordStep(identifier="ada", fault="throttled", retry_after=240), {}),
    "password-again": (PasswordStep(identifier="ada@example.com", reauthentication=True), {}),
    "password-hostile": (PasswordStep(identifier=HOSTILE), {"client": ClientMark(name=HOSTILE)}),
    "consent": (
        ConsentStep(
            account=ADA,
            groups=scope_groups(POOL, ("openid", "profile", "email", *API_SCOPES[:2])),
            returns_to="orders.example",
        ),
        {},
    ),
    "consent-all": (
        ConsentStep(account=BOB, groups=scope_groups(POOL, (*ALL_SCOPES, *API_SCOPES)), returns_to="127.0.0.1:8001"),
        {"client": SHOP},
    ),
    "consent-new": (
        ConsentStep(
            account=ADA,
            groups=scope_groups(POOL, ("openid", "profile", "email", *API_SCOPES[:2]), ("openid", "profile")),
        ),
        {"client": replace(SHOP, policy_uri=None, tos_uri=None), "branding": BRANDED},
    ),
    "consent-hostile": (
        ConsentStep(
            account=Account(name=HOSTILE, detail=HOSTILE),
            groups=scope_groups(
                Pool(id="p_1", name="p", resource_servers=(ResourceServer("r", HOSTILE, (Scope("s", HOSTILE),)),)),
                ("openid", "r/s", HOSTILE),
            ),
            returns_to=HOSTILE,
        ),
        {
            "client": ClientMark(
                name=HOSTILE,
                logo_uri="javascript:alert(1)",
                policy_uri="javascript:alert(1)",
                tos_uri='https://x.example/"onclick=',
            )
        },
    ),
    "sign-out": (SignOutConfirm(account=ADA, cancel_url="/demo_Pool1/account"), {"client": None}),
    "sign-out-bare": (SignOutConfirm(), {"client": None}),
    "signed-out": (SignedOut(return_url="https://orders.example/", return_name="Orders"), {"client": None}),
    "signed-out-bare": (SignedOut(), {"client": None}),
    "error-invalid_request": (
        ErrorPage(
            code="invalid_request",
            details=(
                ("error", "invalid_request"),
                (
                    "error_description",
                    "The redirect_uri is not registered for this client: https://evil.example/callback",
                ),
            ),
        ),
        {"client": None},
    ),
    "error-access_denied": (ErrorPage(code="access_denied", back_url=BACK), {}),
    "error-expired": (ErrorPage(code="expired", restart_url=RESTART), {}),
    "error-foreign": (ErrorPage(code="expired", reason="foreign", restart_url=RESTART), {}),
    "error-finished": (ErrorPage(code="expired", reason="finished", restart_url=RESTART, back_url=BACK), {}),
    "error-throttled": (ErrorPage(code="throttled", retry_after=60), {}),
    "error-csrf": (ErrorPage(code="csrf", restart_url=RESTART), {}),
    "error-unavailable": (ErrorPage(code="unavailable", retry_after=2), {}),
    "error-not_found": (ErrorPage(code="not_found"), {"client": None}),
    "error-neutral": (ErrorPage(code="internal"), {"client": None, "pool_name": None, "languages": ()}),
}


def html(name: str, language: str = "en") -> str:
    view, changes = VIEWS[name]
    return RENDERER.render(view, context(language, **changes))


def context_of(name: str, language: str = "en") -> PageContext:
    return context(language, **VIEWS[name][1])
