"""The ASGI front: gives each request its id, finds the endpoint, and turns whatever happens into an answer.

Endpoints below a pool are found by one dictionary look-up; everything else is Starlette's. Nothing leaves without the
security headers; nothing unexpected leaves but a bare server error with an id that the log also has.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import structlog
from starlette.types import ASGIApp

from authserver.audit import Caller, caller
from authserver.effects import Random
from authserver.errors import Busy, Refusal, Unexpected
from authserver.logs import request_id
from authserver.metrics import Metrics
from authserver.services import Endpoint, Services
from authserver.web import HTML, JSON, Answer, Gone, Headers, Message, MethodNotAllowed, Receive, Request, Scope, Send

log = structlog.get_logger("requests")

_PREFLIGHT: Headers = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"GET, POST, OPTIONS"),
    (
        b"access-control-allow-headers",
        b"authorization, content-type, dpop, cache-control, x-amz-user-agent, x-requested-with",
    ),
    (b"access-control-max-age", b"7200"),
]


_FOR_PROBES = frozenset(("/healthz", "/readyz"))
"""Whoever looks whether we live calls us by address."""
_OTHER_HOST = b'{"error":"invalid_request","error_description":"This server is not known by that Host."}'
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")

_HSTS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
_POLICY = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
"""Of whatever is no page: should a browser ever show it as one, it may load and run nothing. Pages bring their own."""


@dataclass(slots=True)
class Lifecycle:
    """Whether the server takes new work. While it drains, answers ask the peer to close the connection."""

    draining: bool = False


def _hosts_of(base_url: str) -> frozenset[bytes]:
    """How the Host header may spell our origin. On loopback all of its names mean us."""
    parts = urlsplit(base_url)
    usual = 443 if parts.scheme == "https" else 80
    port = parts.port or usual
    host = parts.netloc.lower().removesuffix(f":{port}")
    names = _LOOPBACK if host in _LOOPBACK else (host,)
    suffixes = (f":{port}", "") if port == usual else (f":{port}",)
    return frozenset(f"{name}{suffix}".encode() for name in names for suffix in suffixes)


class Gate:
    """The outermost ASGI application.

    Args:
        endpoints: by the path below the pool, without its leading slash; `*` stands for a last part of any name.
        fallback: Starlette, for everything else.
    """

    def __init__(
        self,
        services: Services,
        endpoints: Mapping[str, Endpoint],
        fallback: ASGIApp,
        metrics: Metrics,
        lifecycle: Lifecycle,
        *,
        access_log: bool = False,
    ) -> None:
        self._services = services
        self._endpoints = endpoints
        self._fallback = fallback
        self._metrics = metrics
        self._lifecycle = lifecycle
        self._access_log = access_log
        self._hosts = _hosts_of(services.base_url)
        self._random: Random = services.random
        self._of_pages: Headers = [_HSTS] if services.secure else []
        self._common: Headers = [*self._of_pages, (b"x-content-type-options", b"nosniff"), _POLICY]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._fallback(scope, receive, send)
            return
        began = time.perf_counter()
        ident = self._random.token(9)
        request_id.set(ident)
        caller.set(Caller(scope, ident))
        path: str = scope["path"]
        pool, _, below = path[1:].partition("/")
        endpoint = self._endpoints.get(below) or self._endpoints.get(f"{below.rpartition('/')[0]}/*")
        if path not in _FOR_PROBES and not self._is_ours(scope):
            log.info("another host", path=path)
            await self._send(Answer(400, JSON, _OTHER_HOST), ident, send)
            return
        if endpoint is not None and pool[:1] != ".":
            answer = await self.answer(endpoint, pool, Request(scope, receive, ident, below))
            if answer is None:
                return
            await self._send(answer, ident, send)
            name, status = endpoint.name, answer.status
        else:
            name, status = "other", await self._through_starlette(scope, receive, send, ident)
        seconds = time.perf_counter() - began
        self._metrics.request(name, scope["method"], status, seconds)
        if self._access_log:
            log.info("request", method=scope["method"], path=path, status=status, milliseconds=round(seconds * 1e3, 2))

    def _is_ours(self, scope: Scope) -> bool:
        """Whether the Host header names us, if there is one (DESIGN 4): else a page of another name, pointed at our
        address, would share our origin (DNS rebinding).
        """
        hosts = self._hosts
        for name, value in scope["headers"]:
            if name == b"host" and value not in hosts and value.lower() not in hosts:
                return False
        return True

    async def answer(self, endpoint: Endpoint, pool: str, request: Request) -> Answer | None:
        """Run an endpoint; None if the peer has gone."""
        services, issuer = self._services, None
        try:
            handler = endpoint.methods.get(request.method)
            if handler is None:
                if request.method == "OPTIONS" and endpoint.cors:
                    return Answer(204, _PREFLIGHT)
                raise MethodNotAllowed(", ".join(endpoint.methods))
            issuer = await services.issuers.get(pool)
            return await handler(services, issuer, request)
        except Refusal as refusal:
            if refusal.detail is not None:
                log.info("refused", endpoint=endpoint.name, code=refusal.code, detail=refusal.detail)
            answer = endpoint.refuse(services, request, issuer, refusal)
            if isinstance(refusal, MethodNotAllowed):
                answer.headers = [*answer.headers, (b"allow", refusal.allowed.encode())]
            return answer
        except Gone:
            return None
        except asyncio.CancelledError:
            if not self._lifecycle.draining:
                raise
            # The time to finish is over: who waits hears of it, rather than that something went wrong.
            return endpoint.refuse(services, request, issuer, Busy(detail="stopped"))
        except Exception:
            log.exception("failed", endpoint=endpoint.name)
            return endpoint.refuse(services, request, issuer, Unexpected())

    async def _send(self, answer: Answer, ident: str, send: Send) -> None:
        headers = [
            *answer.headers,
            *(self._of_pages if HTML in answer.headers else self._common),
            (b"x-request-id", ident.encode()),
            (b"content-length", b"%d" % len(answer.body)),
        ]
        if self._lifecycle.draining:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _through_starlette(self, scope: Scope, receive: Receive, send: Send, ident: str) -> int:
        status = 500
        started = False

        async def with_headers(message: Message) -> None:
            nonlocal status, started
            if message["type"] == "http.response.start":
                started = True
                status = message["status"]
                present = {name for name, _ in message["headers"]}
                extra = [*self._common, (b"x-request-id", ident.encode())]
                if self._lifecycle.draining:
                    extra.append((b"connection", b"close"))
                message["headers"] = [*message["headers"], *(h for h in extra if h[0] not in present)]
            await send(message)

        try:
            await self._fallback(scope, receive, with_headers)
        except Exception:
            log.exception("failed", path=scope["path"])
            if not started:
                request = Request(scope, receive, ident)
                await self._send(self._services.show_error(self._services, request, None, Unexpected()), ident, send)
        return status
