"""Protected resource metadata (RFC 9728): where a client learns which issuer to ask for a token for this API.

app = ResourceMetadata(Protect(api, validator, resource_metadata=metadata_url("https://orders.example")),
resource="https://orders.example",
authorization_servers=["https://login.example/acme_Pool1"])
"""

import json
from collections.abc import Iterable
from urllib.parse import urlsplit, urlunsplit

from resource_servers.asgi import App, Receive, Scope, Send
from resource_servers.scopes import format_scope

_WELL_KNOWN = "/.well-known/oauth-protected-resource"


def metadata_url(resource: str) -> str:
    """Where the metadata of `resource` stands: the well-known part goes between host and path (RFC 9728 section 3.1).

    Raises ValueError for a resource identifier that is not https (http only for tests) with a host and no fragment.
    """
    parts = urlsplit(resource)
    if parts.scheme not in {"https", "http"} or not parts.hostname or "#" in resource:
        raise ValueError(f"{resource!r} is not a resource identifier (RFC 9728 section 1.2)")
    return urlunsplit(parts._replace(path=_WELL_KNOWN + ("" if parts.path == "/" else parts.path)))


class ResourceMetadata:
    """ASGI middleware that serves the metadata document, to everyone, and passes everything else on.

    Args:
        app: the rest, usually a `Protect`: put this one outside, for the document needs no token.
        resource: the API's identifier, the audience of its tokens: an https URL.
        authorization_servers: the issuers whose tokens are accepted.
        scopes: the scopes that the API knows.
        name: what people call the API.

    Raises ValueError for an identifier that is no URL and for a scope outside RFC 6749 section 3.3.
    """

    def __init__(
        self,
        app: App,
        *,
        resource: str,
        authorization_servers: Iterable[str],
        scopes: Iterable[str] = (),
        name: str | None = None,
    ) -> None:
        self._app = app
        self._path = urlsplit(metadata_url(resource)).path
        document: dict[str, object] = {
            "resource": resource,
            "authorization_servers": list(authorization_servers),
            "bearer_methods_supported": ["header"],
        }
        if words := format_scope(scopes):
            document["scopes_supported"] = words.split(" ")
        if name is not None:
            document["resource_name"] = name
        self._body = json.dumps(document).encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One ASGI connection."""
        if scope["type"] != "http" or scope["path"] != self._path:
            await self._app(scope, receive, send)
            return
        readable = scope["method"] in {"GET", "HEAD"}
        body = self._body if readable else b""
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"public, max-age=3600"),
            (b"access-control-allow-origin", b"*"),
        ]
        if not readable:
            headers.append((b"allow", b"GET, HEAD"))
        await send({"type": "http.response.start", "status": 200 if readable else 405, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
