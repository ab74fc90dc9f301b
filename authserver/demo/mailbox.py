"""The dev mailbox: what `dev` would have mailed and texted, kept in memory to be read by people and by tests.

    {base_url}/dev/mailbox        for people
    {base_url}/dev/mailbox.json   {"messages": [...]}, the newest first; ?to= is matched exactly; DELETE empties

Both hold codes and links that log people in, so they answer on loopback names only, and change nothing for other sites.
"""

import re
from collections import deque
from dataclasses import asdict, dataclass
from typing import Final, Literal

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from authserver.demo.origin import local_only
from authserver.demo.render import Pages, page_policy, static_routes
from authserver.messages import Envelope

CAPACITY: Final = 500
"""Messages that are kept; older ones give way."""

Kind = Literal["email", "sms"]

# A mail is somebody else's HTML: its own document of no origin, without scripts, that loads nothing from elsewhere.
_MAIL_POLICY: Final = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src 'self' data:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)
_HEAD = re.compile(r"<head(\s[^>]*)?>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Message:
    """One mail or text message, with the members of the JSON form.

    Attributes:
        id: unique for as long as the server runs.
        at: when it was sent, in seconds since the epoch.
        kind: "email" or "sms".
        pool: id of the pool that sent it.
        to: the address or number.
        subject: None for a text message.
        text: the plain form.
        html: None where there is none.
        code: the code that it carries, if any.
        link: the link that it carries, if any.
    """

    id: str
    at: float
    kind: Kind
    pool: str
    to: str
    subject: str | None
    text: str
    html: str | None
    code: str | None
    link: str | None


class Mailbox:
    """The messages of one process.

    Args:
        capacity: how many are kept.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._messages: deque[Message] = deque(maxlen=capacity)
        self._last = 0

    def add(
        self,
        kind: Kind,
        pool: str,
        to: str,
        subject: str | None,
        text: str,
        html: str | None,
        code: str | None,
        link: str | None,
        at: float,
    ) -> Message:
        """Keep a message, and give it its id. See `Message` for the values."""
        self._last += 1
        message = Message(str(self._last), at, kind, pool, to, subject, text, html, code, link)
        self._messages.append(message)
        return message

    async def deliver(self, envelope: Envelope) -> None:
        """Keep what a mail server or a gateway would have been given: the mailbox is a transport of both media."""
        self.add(
            envelope.medium,
            envelope.pool,
            envelope.to,
            envelope.subject,
            envelope.text,
            envelope.html,
            envelope.code,
            envelope.link,
            envelope.at,
        )

    def messages(self, to: str | None = None) -> list[Message]:
        """The messages, the newest first; only those to exactly `to` if it is given."""
        return [message for message in reversed(self._messages) if to is None or message.to == to]

    def find(self, message_id: str) -> Message | None:
        return next((message for message in self._messages if message.id == message_id), None)

    def empty(self, to: str | None = None) -> None:
        """Drop all messages, or only those to exactly `to`."""
        kept = [] if to is None else [message for message in self._messages if message.to != to]
        self._messages.clear()
        self._messages.extend(kept)


def mailbox_routes(mailbox: Mailbox, *, path: str = "/dev/mailbox") -> list[Route]:
    """The routes of the page, its files, and the JSON form.

    Args:
        mailbox: what to show.
        path: where the page stands below `base_url`.
    """
    pages = Pages(f"{path}/static", app_name="poolgate dev", icon="mailbox.svg", home=path, links={})

    async def as_json(request: Request) -> Response:
        to = _to(request)
        if request.method == "DELETE":
            mailbox.empty(to)
            return Response(status_code=204)
        messages = [asdict(message) for message in mailbox.messages(to)]
        return JSONResponse({"messages": messages}, headers=_PRIVATE)

    async def page(request: Request) -> Response:
        to = _to(request)
        if request.method == "DELETE":
            mailbox.empty(to)
            return Response(status_code=204)
        if request.method == "POST":  # a form cannot DELETE
            mailbox.empty(to)
            return RedirectResponse(path, 303)
        shown = {
            "messages": mailbox.messages(to),
            "to": to,
            "path": path,
            "json_url": f"{request.url.scheme}://{request.headers['host']}{path}.json",
        }
        return pages.page("mailbox.html", page_policy(frames=True), shown)

    async def mail(request: Request) -> Response:
        message = mailbox.find(request.path_params["message_id"])
        if message is None or message.html is None:
            raise HTTPException(404)
        # Links open beside the mailbox: inside the frame there is no room for them, and no origin.
        document = _HEAD.sub(r'\g<0><base target="_blank">', message.html, count=1)
        return Response(document, media_type="text/html", headers={**_PRIVATE, "Content-Security-Policy": _MAIL_POLICY})

    return [
        Route(f"{path}.json", local_only(as_json), methods=["GET", "DELETE"]),
        Route(path, local_only(page), methods=["GET", "POST", "DELETE"]),
        Route(f"{path}/mail/{{message_id}}", local_only(mail)),
        *static_routes(f"{path}/static"),
    ]


_PRIVATE: Final = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}


def _to(request: Request) -> str | None:
    """The `to` of the query; an empty one, as the page's own form sends it, asks for all."""
    return request.query_params.get("to") or None
