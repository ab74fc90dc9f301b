"""Refresh tokens: their form, how one follows from another, and the judgement of a presented one (DESIGN 5 and 6.1).

A token is `family id (12 bytes) | secret (32) | tag (16)` in base64url. The tag, under a server key, proves that we made
it: a mangled or invented token is refused without touching the store and cannot end anybody's family. The next secret
is derived from the presented token under another server key, so that it can be given again within the grace window
though only digests are stored.
"""

import base64
import hmac
import re
from dataclasses import dataclass, field
from typing import Literal

from authserver.crypto.secrets import b64url, derive, digest, mac, same
from authserver.effects import Random
from authserver.model.grants import RefreshFacts
from authserver.model.pools import TokenPolicy

_ID, _SECRET, _TAG = 12, 32, 16
_ID_LENGTH = 16  # characters of base64url for 12 bytes, which stand for them whatever follows
_TEXT = re.compile(r"[A-Za-z0-9_-]{80}", re.ASCII)  # 60 bytes: no padding, so no second spelling of any token


@dataclass(frozen=True, slots=True)
class RefreshKeys:
    """The two server keys of a pool: one proves origin, one derives successors."""

    tag: bytes
    successor: bytes

    @classmethod
    def of_pool(cls, master: bytes, pool: str) -> "RefreshKeys":
        return cls(derive(master, f"refresh tag {pool}"), derive(master, f"refresh successor {pool}"))


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A refresh token: what the client holds (`text`), its family, and the digest that is stored."""

    text: str
    family_id: str
    digest: str
    raw: bytes = field(repr=False)


def _assemble(keys: RefreshKeys, body: bytes) -> RefreshToken:
    raw = body + mac(keys.tag, body)[:_TAG]
    text = b64url(raw)
    return RefreshToken(text, text[:_ID_LENGTH], digest(text), raw)


def first_token(keys: RefreshKeys, random: Random) -> RefreshToken:
    """The first token of a new family."""
    return _assemble(keys, random.bytes(_ID + _SECRET))


def parse_token(keys: RefreshKeys, text: str) -> RefreshToken | None:
    """The token, if we made it; None for anything else."""
    if _TEXT.fullmatch(text) is None:
        return None
    raw = base64.urlsafe_b64decode(text)
    body, tag = raw[: _ID + _SECRET], raw[_ID + _SECRET :]
    if not hmac.compare_digest(mac(keys.tag, body)[:_TAG], tag):
        return None
    return RefreshToken(text, text[:_ID_LENGTH], digest(text), raw)


def successor(keys: RefreshKeys, presented: RefreshToken) -> RefreshToken:
    """The one token that follows the presented one."""
    return _assemble(keys, presented.raw[:_ID] + mac(keys.successor, presented.raw))


Verdict = Literal["rotate", "again", "reuse", "refuse"]


def judge(
    facts: RefreshFacts | None, presented: RefreshToken, client_id: str, policy: TokenPolicy, now: int
) -> Verdict:
    """What to do with a presented token. Pure.

    rotate: it is the live head. again: a retry within the grace window, whose successor is still unused. reuse: it was
    used before: the family must end (RFC 9700 4.14.2). refuse: unknown, of another client, revoked or expired; nothing
    changes.
    """
    if facts is None or not same(facts.grant.client_id, client_id):
        return "refuse"
    family = facts.family
    if facts.grant.revoked_at is not None:
        return "refuse"
    if now >= family.expires_at or now >= family.rotated_at + policy.refresh_idle:
        return "refuse"
    if same(presented.digest, family.head):
        return "rotate"
    if family.previous is not None and same(presented.digest, family.previous):
        # Another node's clock may be ahead of ours: a difference below zero is within a window, if there is one.
        grace = policy.refresh_grace
        return "again" if grace and now - family.rotated_at < grace else "reuse"
    return "reuse"
