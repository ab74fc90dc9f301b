"""A single-page app on an origin of its own: one page with oidc-client-ts, served on a free loopback port."""

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests import tools
from tests.interop.program import PROGRAMS


@contextlib.contextmanager
def spa_site() -> Iterator[str]:
    """Serves the app and yields its origin. Skips the test if the npm packages are missing."""
    library = tools.node_modules() / "oidc-client-ts" / "dist" / "browser" / "oidc-client-ts.js"
    with ThreadingHTTPServer(("127.0.0.1", 0), _serving(PROGRAMS / "spa.html", library)) as site:
        thread = threading.Thread(target=site.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{site.server_address[1]}"
        finally:
            site.shutdown()
            thread.join()


def _serving(page: Path, library: Path) -> type[BaseHTTPRequestHandler]:
    answers = {
        "/spa": ("text/html; charset=utf-8", page.read_bytes()),
        "/oidc-client-ts.js": ("text/javascript", library.read_bytes()),
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, body = answers.get(self.path.partition("?")[0], ("text/plain", b""))
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """The test's own requests are of no interest."""

    return Handler
