"""The demo pool's clients as the foreign programs get to know them."""

from typing import Any

from tests.dev_server import DevServer, demo_client

RESOURCE = "https://orders.example"
RETURN_PORT = 7001
"""Nobody listens there: no person follows the last redirect. Not the port of the pool file, so RFC 8252 7.3 is tried."""


def web() -> dict[str, Any]:
    """The confidential client."""
    return _moved(demo_client("demo-web"))


def spa() -> dict[str, Any]:
    """The public client."""
    return _moved(demo_client("demo-spa"))


def machine() -> dict[str, Any]:
    """The client without people."""
    return demo_client("demo-machine")


def settings(server: DevServer, part: str) -> dict[str, Any]:
    """What a program is told: the server, the clients, and which of its parts to run."""
    return {
        "part": part,
        "issuer": server.issuer,
        "resource": RESOURCE,
        "web": web(),
        "spa": spa(),
        "machine": machine(),
    }


def _moved(client: dict[str, Any]) -> dict[str, Any]:
    """With its loopback URIs on `RETURN_PORT`."""
    return {
        **client,
        "redirect_uri": _loopback(client["redirect_uris"]),
        "post_logout_redirect_uri": _loopback(client["post_logout_redirect_uris"]),
    }


def _loopback(uris: list[str]) -> str:
    uri = next(uri for uri in uris if uri.startswith("http://127.0.0.1:"))
    return uri.replace(":8001/", f":{RETURN_PORT}/")
