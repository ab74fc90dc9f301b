"""Filters of an LDAP directory as pool files write them (RFC 4515), with places for a name.

A template is parsed once, with its placeholders as text; a name is put into the parsed value, which travels as a string of
counted length. So no name can be read as a part of the filter, whatever it holds.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sansldap import LDAPFilter

USERNAME, DN = "{username}", "{dn}"

MISSING_EXTRA = "needs the extra `ldap`: pip install 'poolgate[ldap]'"


def parsed(template: str) -> "LDAPFilter":
    """The template as a tree. Raises ValueError with what is wrong with it, or that the extra is missing."""
    try:
        from sansldap import LDAPFilter
    except ImportError:
        raise ValueError(MISSING_EXTRA) from None
    try:
        return LDAPFilter.from_string(template)
    except ValueError as error:
        raise ValueError(f"is no filter: {error}") from None
    except RecursionError:
        raise ValueError("is no filter: its parts are nested too deeply") from None


def filter_fault(template: str, *, person: bool) -> str | None:
    """What is wrong with a template, as the end of a sentence.

    Args:
        person: it finds the person of a name: `{username}` must be in it, where a whole value is compared. The other kind
            finds a person's groups, by `{dn}` or `{username}`.
    """
    try:
        parts = list(_leaves(parsed(template)))
    except ValueError as error:
        return str(error)
    from sansldap import FilterEquality, FilterExtensibleMatch

    known = (USERNAME,) if person else (USERNAME, DN)
    found = False
    for part in parts:
        for text in _texts(part):
            if not any(mark in text for mark in known):
                if "{" in text or "}" in text:
                    return f"has {text!r}, where only {' or '.join(known)} means something in braces"
                continue
            whole = isinstance(part, FilterEquality) or (isinstance(part, FilterExtensibleMatch) and not person)
            if not whole or text != getattr(part, "value", b"").decode(errors="replace"):
                return f"must compare {' or '.join(known)} by =, with no * beside it"
            found = True
    return None if found else f"must hold {' or '.join(known)}"


def filled(tree: "LDAPFilter", values: Mapping[str, str]) -> "LDAPFilter":
    """The filter with each placeholder replaced by its value."""
    from sansldap import FilterAnd, FilterEquality, FilterExtensibleMatch, FilterNot, FilterOr

    if isinstance(tree, FilterAnd | FilterOr):
        return replace(tree, filters=[filled(part, values) for part in tree.filters])
    if isinstance(tree, FilterNot):
        return replace(tree, filter=filled(tree.filter, values))
    if isinstance(tree, FilterEquality | FilterExtensibleMatch):
        return replace(tree, value=_put_in(tree.value, values))
    return tree


def compared(tree: "LDAPFilter", username: str) -> tuple[tuple[str, str], ...]:
    """What is compared with the name: each attribute, and the value that it must have."""
    from sansldap import FilterEquality

    return tuple(
        (leaf.attribute, _put_in(leaf.value, {USERNAME: username}).decode())
        for leaf in _leaves(tree)
        if isinstance(leaf, FilterEquality) and USERNAME.encode() in leaf.value
    )


def _put_in(template: bytes, values: Mapping[str, str]) -> bytes:
    """In one pass, so that a name that looks like a placeholder stays a name."""
    filled_in = b""
    while True:
        at = {mark: place for mark in values if (place := template.find(mark.encode())) >= 0}
        if not at:
            return filled_in + template
        mark = min(at, key=lambda mark: at[mark])
        filled_in += template[: at[mark]] + values[mark].encode()
        template = template[at[mark] + len(mark) :]


def _leaves(tree: "LDAPFilter") -> "Iterator[LDAPFilter]":
    from sansldap import FilterAnd, FilterNot, FilterOr

    if isinstance(tree, FilterAnd | FilterOr):
        for part in tree.filters:
            yield from _leaves(part)
    elif isinstance(tree, FilterNot):
        yield from _leaves(tree.filter)
    else:
        yield tree


def _texts(leaf: "LDAPFilter") -> Iterator[str]:
    """All the texts of a comparison."""
    from sansldap import FilterSubstrings

    for name in ("attribute", "rule"):
        text = getattr(leaf, name, None)
        if isinstance(text, str):
            yield text
    if isinstance(leaf, FilterSubstrings):
        pieces = [leaf.initial, *leaf.any, leaf.final]
    else:
        pieces = [getattr(leaf, "value", None)]
    for piece in pieces:
        if piece is not None:
            yield piece.decode(errors="replace")
