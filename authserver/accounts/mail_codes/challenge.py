"""What a challenge is made of: its code, the tag that is stored of the code, its link, and its stored form."""

import unicodedata
from dataclasses import asdict, fields
from typing import Any

import orjson

from authserver.crypto.secrets import b64url, digest, mac, same
from authserver.effects import Random
from authserver.model.credentials import CodePurpose, Medium, SentCode
from authserver.model.users import fold

DIGITS = 6
LONGEST_TYPED = 64
_EVENLY = 2**32 - 2**32 % 10**DIGITS
_FIELDS = frozenset(field.name for field in fields(SentCode))

PROVIDERS = ("gmail.com", "gmail.com", "naver.com", "outlook.com", "hotmail.com", "icloud.com", "yahoo.com")


def new_code(random: Random) -> str:
    """Six digits, each of the million equally likely."""
    while True:
        drawn = int.from_bytes(random.bytes(4))
        if drawn < _EVENLY:  # what is above would make small codes likelier
            return f"{drawn % 10**DIGITS:0{DIGITS}d}"


def typed_code(text: str) -> str | None:
    """The six digits that a person typed or pasted; None if they are not that.

    Spaces, dashes and invisible characters between them do not count, and digits of any script do: an input method may
    write full-width ones.
    """
    if len(text) > LONGEST_TYPED:
        return None
    digits: list[str] = []
    for character in unicodedata.normalize("NFKC", text):
        value = unicodedata.decimal(character, None)
        if value is not None:
            digits.append(str(value))
        elif not (character.isspace() or unicodedata.category(character) in {"Pd", "Cf"}):
            return None
    return "".join(digits) if len(digits) == DIGITS else None


def code_tag(key: bytes, pool: str, handle: str, purpose: CodePurpose, code: str) -> str:
    """What is stored of a code. There are only a million codes, so a plain digest would tell each: this one needs our
    key, and is of no use for another challenge.
    """
    return b64url(mac(key, f"{pool}\0{handle}\0{purpose}\0{code}".encode()))


def link_token(handle: str, secret: str) -> str:
    """What stands in a link: the challenge's handle and 256 random bits of which only a digest is stored."""
    return f"{handle}.{secret}"


def split_token(token: str) -> tuple[str, str] | None:
    """The handle and the digest of the secret; None for what is no token of ours."""
    handle, dot, secret = token.partition(".")
    if not dot or not handle or not secret or len(token) > 200 or not token.isascii():
        return None
    return handle, digest(secret)


def link_matches(sent: SentCode, secret_digest: str) -> bool:
    """Whether a link's secret is this challenge's. Nobody holds the link of one that was never sent."""
    return sent.link is not None and sent.user_id is not None and same(sent.link, secret_digest)


def to_stored(sent: SentCode) -> bytes:
    return orjson.dumps(asdict(sent))


def from_stored(stored: bytes | None) -> SentCode | None:
    """The challenge, or None if there is none or it cannot be read: then the person asks for another code."""
    if stored is None:
        return None
    try:
        raw: dict[str, Any] = orjson.loads(stored)
        return SentCode(**{name: value for name, value in raw.items() if name in _FIELDS})
    except (ValueError, TypeError, AttributeError):
        return None


def pretended_target(key: bytes, pool: str, identifier: str, medium: Medium) -> str:
    """An address as somebody of that name might have, to be shown masked where there is nobody: always the same for the
    same name, and the name itself where it is an address.
    """
    identifier = fold(identifier)
    if medium == "email" and "@" in identifier.strip("@"):
        return identifier
    digits = "".join(c for c in identifier if c.isdigit())
    if medium == "sms" and len(digits) >= 8:
        return identifier
    drawn = mac(key, f"pretended\0{pool}\0{identifier}\0{medium}".encode())
    if medium == "sms":
        return f"+8210{int.from_bytes(drawn[:4]) % 10**8:08d}"
    first = identifier[:1]
    initial = first if first.isascii() and first.isalpha() else "abcdefghijklmnopqrstuvwxyz"[drawn[0] % 26]
    return f"{initial}{drawn[2:10].hex()}@{PROVIDERS[drawn[1] % len(PROVIDERS)]}"
