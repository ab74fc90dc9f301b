"""The Prometheus page on its own port: the numbers of this process, or of all workers added up."""

import socket
import threading
from collections.abc import Callable
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from authserver.errors import Conflict


class _SixServer(WSGIServer):
    address_family = socket.AF_INET6


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Scrapes are not worth a line."""


def serve_metrics(host: str, port: int, text: Callable[[], bytes]) -> Callable[[], None]:
    """Serve `text()` at `/metrics` from a thread. Returns what ends it. Raises Conflict if the port is taken."""
    from prometheus_client import CONTENT_TYPE_LATEST

    def app(environ: dict[str, str], start_response: Callable[..., object]) -> list[bytes]:
        if environ.get("PATH_INFO") != "/metrics":
            start_response("404 Not Found", [("content-type", "text/plain")])
            return [b"the metrics are at /metrics\n"]
        start_response("200 OK", [("content-type", CONTENT_TYPE_LATEST)])
        return [text()]

    try:
        kind = _SixServer if ":" in host else WSGIServer
        server: WSGIServer = make_server(host, port, app, kind, _Quiet)
    except OSError as error:
        raise Conflict(
            f"The metrics page cannot listen on {host}:{port}: {error.strerror}. Set `metrics` to another port or `off`."
        ) from None
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server.shutdown
