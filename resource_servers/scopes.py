"""Scopes: the grammar, custom scopes, and what an endpoint requires.

A scope is an opaque word (RFC 6749 section 3.3). Two scopes are the same or they are not: no prefixes, no wildcards, no
case folding. A custom scope is `<identifier>/<name>`: the identifier of a resource server, which may itself hold
slashes, and a name, which may not.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol, Self

from resource_servers.errors import InsufficientScope

_TOKEN = r"[\x21\x23-\x5b\x5d-\x7e]+"
_SCOPE_TOKEN = re.compile(_TOKEN)
_SCOPE = re.compile(f"{_TOKEN}(?: {_TOKEN})*")


def is_scope_token(text: str) -> bool:
    """Whether `text` is one scope: printable ASCII without space, quote and backslash (RFC 6749 section 3.3)."""
    return _SCOPE_TOKEN.fullmatch(text) is not None


def parse_scope(text: str) -> frozenset[str]:
    """The scopes of a `scope` parameter or claim; the empty text grants nothing.

    Raises ValueError where the grammar does not hold: other separators, two spaces, characters out of range.
    """
    if not text:
        return frozenset()
    if _SCOPE.fullmatch(text) is None:
        raise ValueError("not a scope (RFC 6749 section 3.3)")
    return frozenset(text.split(" "))


def format_scope(scopes: Iterable[str]) -> str:
    """The scopes as one `scope` parameter, sorted. Raises ValueError if one of them is no scope."""
    words = sorted(set(scopes))
    for word in words:
        if not is_scope_token(word):
            raise ValueError(f"{word!r} is not a scope (RFC 6749 section 3.3)")
    return " ".join(words)


def custom_scope(identifier: str, name: str) -> str:
    """The full name of scope `name` of the resource server `identifier`. Raises ValueError if they do not make one."""
    scope = f"{identifier}/{name}"
    if not is_scope_token(scope) or split_custom_scope(scope) != (identifier, name):
        raise ValueError(f"{identifier!r} and {name!r} do not make a custom scope")
    return scope


def split_custom_scope(scope: str) -> tuple[str, str] | None:
    """Identifier and name of a custom scope; None for any other scope, such as `openid`."""
    identifier, slash, name = scope.rpartition("/")
    return (identifier, name) if slash and identifier and name else None


class Granted(Protocol):
    """What a token grants: an `AccessToken`, or anything else that knows its scopes and groups."""

    @property
    def scopes(self) -> frozenset[str]: ...

    @property
    def groups(self) -> frozenset[str]: ...


def has_scope(granted: Granted | Iterable[str], scope: str) -> bool:
    """Whether `scope` is granted, by a token or in a collection of scopes. A scope string must be parsed first."""
    if isinstance(granted, str):
        raise TypeError("parse the scope string first: a piece of a text is not a scope")
    either: Any = granted  # a token is itself a tuple, so whether it has scopes is asked first
    return scope in frozenset(getattr(either, "scopes", either))


@dataclass(frozen=True, slots=True)
class Requirement:
    """What an endpoint asks of a token: all of `scopes`, and at least one of `groups` if any are named."""

    scopes: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()

    @classmethod
    def of(cls, scopes: Iterable[str] = (), groups: Iterable[str] = ()) -> Self:
        """A requirement from what a developer wrote.

        Raises ValueError for a scope that no token can have, and for one bare text where a collection belongs.
        """
        if isinstance(scopes, str) or isinstance(groups, str):
            raise ValueError("give scopes and groups as collections, not as one text")  # noqa: TRY004 - a bad value
        wanted = frozenset(scopes)
        format_scope(wanted)
        return cls(wanted, frozenset(groups))

    def check(self, granted: Granted) -> None:
        """Return if `granted` reaches this far; raise InsufficientScope, naming all that is needed, if not."""
        if not self.scopes <= granted.scopes:
            raise InsufficientScope(self.scopes, self.groups)
        if self.groups and self.groups.isdisjoint(granted.groups):
            raise InsufficientScope((), self.groups)
