"""Logs: structlog to standard error, one line each, JSON or pretty, with the request's id and without secrets.

What may be logged is an allow-list of fields: a field nobody thought about is blanked, so a new secret does not slip
into the log by being forgotten (security reference 7).
"""

import logging
import sys
from contextvars import ContextVar

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from authserver.events import Event

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request under way; the error page and the log line carry the same."""

FIELDS = frozenset(
    {
        "event", "level", "timestamp", "logger", "request_id", "exception", "exc_info", "stack_info",
        "pool", "user_id", "client_id", "address", "reason", "tries", "amr", "scope", "grant_type", "detail", "code",
        "status", "method", "endpoint", "milliseconds", "store", "role", "worker", "pid", "url", "port", "path",
        "seconds", "version", "kid", "alg", "count", "signal", "kind", "error", "restarts", "file", "changes", "advice",
        "medium", "purpose", "message", "factor", "signals", "until", "at", "credential", "left", "point", "call", "acr",
        "state", "attributes", "grants", "all", "provider", "skipped",
    }
)  # fmt: skip
"""Fields that hold no secret. `code` is an error code, `url` an address of ours, `path` a request's without its query."""

QUIET = frozenset({"token.issued", "trigger.answered", "ldap.answered"})
"""Events that are counted but not logged: thousands a second are ordinary."""

_CHATTY = (
    *("uvicorn", "uvicorn.error", "uvicorn.access", "asyncio", "httpx", "httpcore", "alembic"),
    *("authlib", "saml2", "signxml", "xmlschema"),
)
"""Libraries of which warnings alone are written: below that, those of protocols write tokens and assertions."""

_LEVELS = {"code.replayed": "warning", "refresh_token.reused": "warning", "sign_in.throttled": "warning"}


def _with_request_id(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    current = request_id.get()
    if current:
        event["request_id"] = current
    return event


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Blank every field that is not on the list."""
    for name in event:
        if name not in FIELDS and not name.startswith("_"):
            event[name] = "[redacted]"
    return event


def configure(form: str, level: str) -> None:
    """Set up logging for this process. `form` is "json" or "pretty"; the standard library's records go the same way."""
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _with_request_id,
    ]
    renderer: Processor = (
        # The default prints the local variables of every frame: passwords, codes, cookies.
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        if form == "pretty"
        else structlog.processors.JSONRenderer(sort_keys=False)
    )
    tail: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, redact]
    if form != "pretty":
        tail.append(structlog.processors.format_exc_info)
    formatter = structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[*tail, renderer])
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in _CHATTY:
        logger = logging.getLogger(chatty)
        logger.handlers[:] = []
        logger.propagate = True
        logger.setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def log_event(event: Event) -> None:
    """Write an event to the log, unless it is one of the quiet ones."""
    if event.kind in QUIET:
        return
    fields = {
        "pool": event.pool,
        "user_id": event.user_id,
        "client_id": event.client_id,
        "address": event.address,
        **event.details,
    }
    log = structlog.get_logger("events")
    getattr(log, _LEVELS.get(event.kind, "info"))(event.kind, **{k: v for k, v in fields.items() if v is not None})
