"""The demo, its fake provider and a mailbox on real ports of this machine, for a real browser."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import uvicorn
from playwright.sync_api import Page, sync_playwright
from starlette.applications import Starlette
from starlette.types import ASGIApp

from authserver.demo.api import demo_api
from authserver.demo.mailbox import Mailbox, mailbox_routes
from authserver.demo.web import demo_web
from tests.demo.fake_op import CLIENT_ID, CLIENT_SECRET, FakeProvider
from tests.tools import chromium, chromium_arguments

_MAIL = """<!doctype html><html lang="en"><head><title>Your code</title></head>
<body style="margin:0;background:#f4f5f7;font-family:sans-serif">
<div style="max-width:28rem;margin:2rem auto;padding:2rem;background:#fff;border-radius:12px">
<h1 style="font-size:1.25rem">Confirm your email address</h1><p>Your code is</p>
<p style="font-size:1.75rem;letter-spacing:.1em"><strong>482913</strong></p>
<p><a href="/go">Confirm</a></p></div><script>document.title = "a script ran"</script></body></html>"""


@dataclass(frozen=True)
class Servers:
    """Where everything listens."""

    op: FakeProvider
    mailbox: Mailbox
    mailbox_url: str
    web: str
    api: str

    def fill_mailbox(self) -> None:
        link = f"{self.op.issuer}/confirm?code=482913"
        at = time.time()
        self.mailbox.add(
            "email",
            "demo_Pool1",
            "bob@example.com",
            "Reset your password",
            "Open the link.",
            None,
            None,
            link,
            at - 600,
        )
        self.mailbox.add(
            "sms", "demo_Pool1", "+821012345678", None, "Your code is 771204", None, "771204", None, at - 90
        )
        self.mailbox.add(
            "email",
            "demo_Pool1",
            "ada@example.com",
            "Confirm your email address",
            "Your code is 482913",
            _MAIL,
            "482913",
            link,
            at - 4,
        )


@contextlib.contextmanager
def serving() -> Iterator[Servers]:
    """All of it, until the block ends."""
    with contextlib.ExitStack() as running:
        listeners = [running.enter_context(_listener()) for _ in range(3)]
        op_port, web_port, api_port = (listener.getsockname()[1] for listener in listeners)
        base_url, web, api = (
            f"http://localhost:{op_port}",
            f"http://127.0.0.1:{web_port}",
            f"http://127.0.0.1:{api_port}",
        )
        op, mailbox = FakeProvider(f"{base_url}/demo_Pool1", clock=time.time), Mailbox()
        server = Starlette(routes=[*mailbox_routes(mailbox), *op.app().routes], middleware=op.app().user_middleware)
        client = demo_web(
            op.issuer,
            CLIENT_ID,
            CLIENT_SECRET,
            api,
            web,
            id_token_algorithms=("ES256",),
            users={"ada": "of the group staff", "bob": "of no group"},
            password="correct-horse-battery",
        )
        apps: list[ASGIApp] = [server, client, demo_api(op.issuer, own_url=api, web_url=web)]
        for app, listener in zip(apps, listeners, strict=True):
            running.enter_context(_running(app, listener))
        yield Servers(op, mailbox, f"{base_url}/dev/mailbox", web, api)


@contextlib.contextmanager
def _listener() -> Iterator[socket.socket]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener


@contextlib.contextmanager
def _running(app: ASGIApp, listener: socket.socket) -> Iterator[None]:
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", loop="asyncio", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(10)


@contextlib.contextmanager
def browsing(complaints: list[str]) -> Iterator[Page]:
    """A browser's page. What its console says lands in `complaints`."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=chromium_arguments())
        try:
            page = browser.new_page(reduced_motion="reduce")
            page.set_default_timeout(10_000)
            page.on("console", lambda said: complaints.append(said.text))
            page.on("pageerror", lambda error: complaints.append(str(error)))
            yield page
        finally:
            browser.close()
