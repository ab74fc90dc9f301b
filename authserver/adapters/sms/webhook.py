"""A webhook of the operator's own: one signed JSON POST a message.

The signature covers the time and the body, so that neither can be changed and an old call cannot be played again by
whoever saw it: receivers recompute it and refuse a `t` more than five minutes away.
"""

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Final

import orjson

from authserver.adapters.sms.gateway import Call
from authserver.adapters.sms.url import Given, fault
from authserver.messages.transport import Envelope, TryAgain, Undeliverable
from authserver.settings.value import on_loopback

SIGNATURE: Final = "X-Poolgate-Signature"
SHORTEST_SECRET: Final = 16
_REFUSED: Final = frozenset({400, 410, 413, 415, 422})
"""Statuses about this message. Others (a wrong address, a missing key, a fault) are mended by somebody."""


def signature(secret: bytes, at: int, body: bytes) -> str:
    """`t=<seconds>,v1=<HMAC-SHA256 in hexadecimal over "<seconds>." and the body>`."""
    return f"t={at},v1={hmac.new(secret, b'%d.' % at + body, hashlib.sha256).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Webhook:
    url: str
    secret: bytes = field(repr=False)
    name: str = "the webhook"

    def call(self, envelope: Envelope, at: float, _salt: str) -> Call:
        body = orjson.dumps(
            {
                "id": envelope.id,
                "pool": envelope.pool,
                "kind": str(envelope.kind),
                "to": envelope.to,
                "text": envelope.text,
                "language": envelope.language,
                "code": envelope.code,
                "link": envelope.link,
            }
        )
        headers = {"Content-Type": "application/json", SIGNATURE: signature(self.secret, int(at), body)}
        return Call(self.url, headers, body)

    def judge(self, status: int, _body: bytes) -> None:
        if 200 <= status < 300:
            return
        if status in _REFUSED:
            raise Undeliverable(f"answers {status}")
        raise TryAgain(f"answers {status}")


def webhook(given: Given) -> Webhook:
    """`https://:secret@host/path`: the secret signs the calls and is never sent. Raises Invalid."""
    if not given.host:
        raise fault("names no host")
    if given.scheme == "http" and not on_loopback(given.host):
        raise fault("would send codes unprotected: a webhook needs https, off loopback")
    if len(given.secret) < SHORTEST_SECRET:
        raise fault(
            "needs a secret that signs the calls, of at least "
            f"{SHORTEST_SECRET} characters: https://:secret@host/path (it is never sent)"
        )
    query = f"?{given.query}" if given.query else ""
    return Webhook(f"{given.scheme}://{given.authority}{given.path or '/'}{query}", given.secret.encode())
