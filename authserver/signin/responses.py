"""How a client hears of what became of its request."""

from urllib.parse import urlencode

from authserver.model.sessions import AuthorizationRequest


def restart_url(issuer: str, query: str) -> str:
    """Where a request starts again, by what it keeps of itself (`AuthorizationRequest.query`)."""
    return f"{issuer}{query}" if query.startswith("/") else f"{issuer}/oauth2/authorize?{query}"


def response_uri(request: AuthorizationRequest, issuer: str, **members: str) -> str:
    """The redirect URI with the response's members, `state` and `iss` in its query (RFC 6749 4.1.2, RFC 9207 2)."""
    values = dict(members)
    if request.state is not None:
        values["state"] = request.state
    values["iss"] = issuer
    separator = "&" if "?" in request.redirect_uri else "?"
    return f"{request.redirect_uri}{separator}{urlencode(values)}"
