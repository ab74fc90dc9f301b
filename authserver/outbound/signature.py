"""How a webhook call is signed: so that its receiver knows that it comes from us, and when it was made."""

import hashlib
import hmac
from typing import Final

SIGNATURE: Final = "X-Poolgate-Signature"
ID: Final = "X-Poolgate-Id"
"""The id of what is delivered: the same at every try, so that what arrives twice can be told."""

TOLERANCE: Final = 300
"""Seconds that a receiver should allow between the time in a signature and its own clock."""


def sign(secret: bytes, at: int, body: bytes) -> str:
    """The value of the signature header: `t=<seconds>,v1=<hex>`, HMAC-SHA256 over "<seconds>." and the body."""
    return f"t={at},v1={hmac.new(secret, b'%d.' % at + body, hashlib.sha256).hexdigest()}"
