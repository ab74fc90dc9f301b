"""Names of LDAP as pool files write them: servers, and distinguished names (RFC 4514)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from authserver.model.users import fold

PORTS = {"ldaps": 636, "ldap": 389}

_URL = re.compile(
    r"(?P<scheme>ldaps?)://(?:\[(?P<literal>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?))"
    r"(?::(?P<port>[0-9]{1,5}))?/?",
    re.ASCII,
)
_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)*", re.ASCII)
_ATTRIBUTE = re.compile(r"(?:[A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)+)(?:;[A-Za-z0-9-]+)*", re.ASCII)
_ESCAPED = re.compile(r"((?:\\[0-9A-Fa-f]{2})+)|\\(.)", re.DOTALL)
_LONGEST = 1024

Dn = tuple[frozenset[tuple[str, str]], ...]
"""A distinguished name as it is compared: the parts of each step, types and values folded."""


@dataclass(frozen=True, slots=True)
class Server:
    scheme: str
    host: str
    port: int


def server_of(url: str) -> Server:
    """The server that an LDAP URL names. Raises ValueError unless it names just that."""
    matched = _URL.fullmatch(url)
    port = int(matched["port"] or PORTS[matched["scheme"]]) if matched is not None else 0
    if matched is None or not 0 < port < 65536:
        raise ValueError("must be ldaps://host or ldap://host, with a port or without, and nothing behind it")
    return Server(matched["scheme"], (matched["name"] or matched["literal"]).lower(), port)


def attribute_type_fault(name: str) -> str | None:
    """What keeps this from being the name of an attribute in a directory (RFC 4512 2.5)."""
    fine = _ATTRIBUTE.fullmatch(name) is not None and len(name) <= 128
    return None if fine else "must be the name of an attribute of the directory, such as givenName"


def dn_fault(text: str) -> str | None:
    """What keeps this from being a distinguished name."""
    try:
        normal_dn(text)
    except ValueError as error:
        return str(error)
    return None


def normal_dn(text: str) -> Dn:
    """The name in the form in which it is compared: two spellings of one name are equal. Raises ValueError if it is none.

    Case and surrounding space never count. Some directories have attributes where case does; then a name is taken for
    another that an operator of the directory made differ by case alone.
    """
    if not text.strip() or len(text) > _LONGEST:
        raise ValueError("must be a distinguished name, such as ou=people,dc=example,dc=com")
    return tuple(frozenset(_part(part) for part in _split(step, "+")) for step in _split(text, ","))


def _split(text: str, at: str) -> Iterator[str]:
    """The pieces between separators that no backslash stands before."""
    begin = place = 0
    while place < len(text):
        if text[place] == "\\":
            place += 1
        elif text[place] == at:
            yield text[begin:place]
            begin = place + 1
        place += 1
    yield text[begin:]


def _part(text: str) -> tuple[str, str]:
    type_, equals, value = text.partition("=")
    type_ = type_.strip()
    if not equals or _TYPE.fullmatch(type_) is None or not value.strip():
        raise ValueError(f"has a part {text.strip()[:60]!r}, which is not of the form type=value")
    return type_.lower(), " ".join(fold(_unescaped(value)).split())


def _unescaped(value: str) -> str:
    def decoded(found: re.Match[str]) -> str:
        return bytes.fromhex(found[1].replace("\\", "")).decode(errors="replace") if found[1] else found[2]

    return _ESCAPED.sub(decoded, value)
