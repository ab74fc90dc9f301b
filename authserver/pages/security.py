"""What a browser is told about an HTML page: the Content-Security-Policy and the headers beside it (DESIGN 4).

Nothing here escapes anything: a value that is not of the exact form expected is refused, so that no redirect URI and no
logo can add a directive of its own to the policy.
"""

import re
from collections.abc import Iterable
from ipaddress import AddressValueError, IPv6Address
from urllib.parse import urlsplit

from authserver.errors import Invalid
from authserver.model.clients import well_formed_uri
from authserver.pages.links import image_source
from authserver.pages.views import PageContext, View

_NONCE = re.compile(r"[A-Za-z0-9+/_-]{16,128}={0,2}", re.ASCII)  # CSP 3, 2.3.1: base64-value
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9_])?\.?", re.ASCII)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{0,62}", re.ASCII)
_SOURCE = re.compile(
    r"(?:https?://(?:\*|[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?\.?)(?::[0-9]{1,5})?|[a-z][a-z0-9+.-]{0,62}:)", re.ASCII
)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_SCRIPTABLE = frozenset({"javascript", "data", "blob", "filesystem", "vbscript", "about", "file", "view-source"})

_PERMISSIONS = ", ".join(
    (
        *(
            f"{feature}=()"
            for feature in (
                "accelerometer",
                "autoplay",
                "browsing-topics",
                "camera",
                "display-capture",
                "fullscreen",
                "geolocation",
                "gyroscope",
                "hid",
                "magnetometer",
                "microphone",
                "midi",
                "payment",
                "screen-wake-lock",
                "serial",
                "usb",
                "xr-spatial-tracking",
            )
        ),
        "publickey-credentials-create=(self)",
        "publickey-credentials-get=(self)",
    )
)


def form_target(redirect_uri: str) -> str:
    """The CSP source that lets a form's answer redirect to `redirect_uri`.

    That is the origin for http and https, and `scheme:` for a private-use scheme (RFC 8252 7.1). CSP has no notation
    for IPv6 addresses and browsers drop a source that holds one, so there the port of any host is the tightest source
    that works.

    Raises:
        Invalid: the URI has no origin that a policy can name; `field` is "redirect_uri".
    """
    scheme, colon, _rest = redirect_uri.lower().partition(":")
    if scheme not in _DEFAULT_PORTS:
        fit = colon and _SCHEME.fullmatch(scheme) and scheme not in _SCRIPTABLE and well_formed_uri(redirect_uri)
        if not fit:
            raise Invalid("The redirect URI has no scheme a form may lead to.", field="redirect_uri")
        return f"{scheme}:"
    origin = _web_origin(redirect_uri)
    if origin is None:
        raise Invalid("The redirect URI has no proper origin.", field="redirect_uri")
    return origin


def image_sources(context: PageContext, view: View | None = None) -> tuple[str, ...]:
    """The CSP sources of the page's images beyond our own origin: the pool's logos, the client's, and the view's."""
    sources: list[str] = []
    listed: tuple[str | None, ...] = getattr(view, "images", ())
    images = (*context.logos, context.client.logo if context.client else None, *map(image_source, listed))
    for image in images:
        if image is None or image.startswith("/"):
            continue
        source = "data:" if image.startswith("data:") else _web_origin(image)
        if source is not None and source not in sources:
            sources.append(source)
    return tuple(sources)


def content_security_policy(nonce: str, form_targets: Iterable[str] = (), images: Iterable[str] = ()) -> str:
    """The policy of one page: what carries `nonce`, which are our few modules and one `<style>` element, and our own
    style sheets. Nothing is fetched by script, and no text becomes markup there (Trusted Types).

    Args:
        nonce: of this response alone; at least 16 characters of base64 or base64url.
        form_targets: what forms may redirect to beyond our own origin, each from `form_target`.
        images: from `image_sources`.

    Raises:
        Invalid: the nonce or a source is not of the form above; `field` says which.
    """
    if _NONCE.fullmatch(nonce) is None:
        raise Invalid("A nonce is at least 16 characters of base64.", field="nonce")
    directives = {
        "default-src": ("'none'",),
        "script-src": (f"'nonce-{nonce}'",),
        "style-src": ("'self'", f"'nonce-{nonce}'"),
        "img-src": ("'self'", *_sources(images, "images")),
        "form-action": ("'self'", *_sources(form_targets, "form_targets")),
        "frame-ancestors": ("'none'",),
        "base-uri": ("'none'",),
        "object-src": ("'none'",),
        "connect-src": ("'none'",),
        "require-trusted-types-for": ("'script'",),
        "trusted-types": ("'none'",),
    }
    return "; ".join(f"{name} {' '.join(values)}" for name, values in directives.items())


def html_headers(context: PageContext, form_targets: Iterable[str] = (), view: View | None = None) -> dict[str, str]:
    """All headers that an HTML page is sent with, besides its Content-Type.

    Args:
        context: what the page was rendered with: its nonce and its logos go into the policy.
        form_targets: each from `form_target`.
        view: what was rendered, for the images it lists; without it a page has its logos alone.

    Raises:
        Invalid: as `content_security_policy`.
    """
    return {
        "Content-Security-Policy": content_security_policy(context.nonce, form_targets, image_sources(context, view)),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Origin-Agent-Cluster": "?1",
        "Permissions-Policy": _PERMISSIONS,
        "Cache-Control": "no-store",
    }


def _sources(sources: Iterable[str], field: str) -> tuple[str, ...]:
    checked = tuple(dict.fromkeys(sources))
    for source in checked:
        allowed = source == "data:" if field == "images" and source.startswith("data") else _SOURCE.fullmatch(source)
        if not allowed or (field == "form_targets" and source.removesuffix(":") in _SCRIPTABLE):
            raise Invalid("This is not a source that a policy may hold.", field=field, detail=repr(source))
    return checked


def _web_origin(url: str) -> str | None:
    """The CSP source of an http(s) URL; None if it is malformed, or holds user information."""
    if not well_formed_uri(url):
        return None
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    scheme = parts.scheme
    if scheme not in _DEFAULT_PORTS or not host or "@" in parts.netloc:
        return None
    if parts.netloc.startswith("["):
        try:
            IPv6Address(host)
        except AddressValueError:
            return None
        return f"{scheme}://*:{port or _DEFAULT_PORTS[scheme]}"
    if _HOST.fullmatch(host) is None:
        return None
    return f"{scheme}://{host}" if port is None or port == _DEFAULT_PORTS[scheme] else f"{scheme}://{host}:{port}"
