"""People, apps and pools that the pages in the tests speak of."""

import base64
import json
from dataclasses import replace

from authserver.model.pools import Branding, Pool, ResourceServer, Scope
from authserver.pages.i18n import Catalogues
from authserver.pages.render import Renderer
from authserver.pages.views import (
    THEME_COOKIE,
    Account,
    ClientMark,
    PageContext,
    View,
)

NONCE = "bm9uY2Utb2YtdGhpcy1vbmUtcmVzcG9uc2U"
ORIGIN = "https://login.example"
ACTION = "/demo_Pool1/login?signin=7hQ2"
NOW = 1_796_040_000
"""30 November 2026, noon."""

HOUR, DAY = 3600, 86_400
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
_WORDMARK_DARK = _WORDMARK.replace(b"#7c3aed", b"#c4b5fd")
_PHOTOS = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48"><rect width="48" height="48" rx="10" fill="#be185d"/>'
    b'<circle cx="24" cy="25" r="8" fill="none" stroke="#fff" stroke-width="3"/></svg>'
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
PHOTOS = ClientMark(name="Photos", logo_uri=_inline(_PHOTOS))
BRANDED = Branding(
    tokens={
        "color-accent": "light-dark(#7c3aed, #8b5cf6)",
        "radius": "6px",
        "color-background": "light-dark(#faf8ff, #0e0b16)",
    },
    logo=_inline(_WORDMARK),
    logo_dark=_inline(_WORDMARK_DARK),
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
        theme_cookie=THEME_COOKIE,
        now=NOW,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


State = tuple[View, dict[str, object]]
"""A view, and what of the context differs from `context()`."""

RESTART = "/demo_Pool1/oauth2/authorize?client_id=demo-web&state=x"
BACK = "https://orders.example/"


REQUEST_OPTIONS = json.dumps(
    {
        "challenge": "Y2hhbGxlbmdlLW9mLXRoaXMtb25lLXNpZ24taW4",
        "rpId": "login.example",
        "timeout": 300_000,
        "userVerification": "preferred",
        "allowCredentials": [],
    }
)
CREATION_OPTIONS = json.dumps(
    {
        "challenge": "Y2hhbGxlbmdlLW9mLXRoaXMtb25lLXNpZ24taW4",
        "rp": {"id": "login.example", "name": "Demo"},
        "user": {"id": "YTE", "name": "ada", "displayName": "Ada Lovelace"},
        "pubKeyCredParams": [{"type": "public-key", "alg": -7}, {"type": "public-key", "alg": -257}],
        "authenticatorSelection": {"residentKey": "required", "userVerification": "preferred"},
        "excludeCredentials": [{"type": "public-key", "id": "AQID"}],
        "attestation": "none",
    }
)
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
OTPAUTH = f"otpauth://totp/Demo:ada?secret={SECRET}&issuer=Demo"
