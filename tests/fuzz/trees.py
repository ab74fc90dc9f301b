"""Changes to what an input stands for: elements of XML moved, doubled, emptied; members of JSON of another kind.

Bytes that are changed at random are no XML any more, nine times in ten, and so never reach what reads it.
"""

import copy
import json
import random
from collections.abc import Sequence
from typing import Any

from lxml import etree

from tests.fuzz.target import InBytes, Mutate

_TEXTS = (
    "",
    " ",
    "0",
    "-1",
    "true",
    "ada",
    "mallory",
    "\\u0000",
    "\U0001f600",
    "\u202eada",
    "a" * 3000,
    "9999-12-31T23:59:59Z",
    "0000-00-00T00:00:00Z",
    "2027-01-15T08:00:00.0000000000000001Z",
    "2027-01-15T08:00:00+99:99",
    "P99999999999999999999Y",
    "#_assertion1",
    "urn:oasis:names:tc:SAML:2.0:nameid-format:transient",
    "http://www.w3.org/TR/1999/REC-xslt-19991116",
    "http://www.w3.org/2000/09/xmldsig#sha1",
    "https://[::1",
    "javascript:alert(1)",
)
_PARSER = etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True)
_KEEP_BYTES = 0.35
_MOST_CHANGES = 4


def xml_mutator(head: int) -> Mutate:
    """A mutator of inputs whose first `head` bytes say how the rest is sent, and whose rest is XML."""

    def mutate(data: bytes, most: int, seed: int, in_bytes: InBytes) -> bytes:
        chance = random.Random(seed)
        how, rest = data[:head].ljust(head, b"\0"), data[head:]
        if chance.random() < 0.05:
            return in_bytes(data, most)
        try:
            if chance.random() < _KEEP_BYTES:
                raise ValueError
            root = etree.fromstring(rest, _PARSER)
            for _ in range(chance.randint(1, _MOST_CHANGES)):
                root = _changed(root, chance)
            changed = etree.tostring(root)
        except (etree.LxmlError, ValueError, TypeError, AttributeError, AssertionError):
            changed = in_bytes(rest, max(1, most - head))
        return (how + changed)[:most]

    return mutate


def _changed(root: Any, chance: random.Random) -> Any:
    """The tree with one change; the root may be another one then."""
    nodes = [node for node in root.iter() if isinstance(node.tag, str)]
    node, other = chance.choice(nodes), chance.choice(nodes)
    parent = node.getparent()
    match chance.randrange(12):
        case 0 if parent is not None:
            parent.remove(node)
        case 1:
            other.insert(chance.randint(0, len(other)), copy.deepcopy(node))
        case 2 if parent is not None and node not in other.iterancestors() and node is not other:
            other.insert(chance.randint(0, len(other)), node)
        case 3:
            node.text = chance.choice(_TEXTS)
        case 4 if node.attrib:
            node.set(chance.choice(list(node.attrib)), chance.choice(_TEXTS))
        case 5 if node.attrib:
            del node.attrib[chance.choice(list(node.attrib))]
        case 6 if other.attrib:
            name = chance.choice(list(other.attrib))
            node.set(name, other.attrib[name])
        case 7:
            node.tag = other.tag
        case 8:
            node.append(chance.choice((etree.Comment("x"), etree.ProcessingInstruction("x", "y"))))
        case 9:
            node.text = etree.CDATA((node.text or "x") + chance.choice(("", "]]", "<x/>")))
        case 10 if parent is not None:
            around = etree.Element(other.tag)
            parent.replace(node, around)
            around.append(node)
        case 11:
            return copy.deepcopy(node)
        case _:
            node[:] = list(node)[::-1]
    return root


_VALUES: Sequence[Any] = (
    None,
    True,
    False,
    0,
    -1,
    1.5,
    1e308,
    2**31,
    2**63,
    2**64,
    10**400,
    "",
    "ada",
    "\u0000",
    "\U0001f600",
    "a" * 3000,
    [],
    {},
    [[]],
    [None],
    ["ada", 1, {}],
    {"": ""},
)


def json_mutator(head: int, *, kinds: bytes) -> Mutate:
    """A mutator of inputs whose first `head` bytes say how the rest is sent, and whose rest is mostly JSON.

    Args:
        kinds: what the first byte may be; sometimes another is taken.
    """

    def mutate(data: bytes, most: int, seed: int, in_bytes: InBytes) -> bytes:
        chance = random.Random(seed)
        how, rest = data[:head].ljust(head, b"\0"), data[head:]
        if chance.random() < 0.05:
            return (bytes([chance.choice(kinds)]) + how[1:] + rest)[:most]
        try:
            if chance.random() < _KEEP_BYTES:
                raise ValueError
            value = json.loads(rest)
            for _ in range(chance.randint(1, _MOST_CHANGES)):
                value = _other(value, chance)
            changed = json.dumps(value, ensure_ascii=chance.random() < 0.5).encode(errors="surrogatepass")
        except (ValueError, RecursionError):
            changed = in_bytes(rest, max(1, most - head))
        return (how + changed)[:most]

    return mutate


def _other(value: Any, chance: random.Random) -> Any:
    """The value with one change somewhere inside."""
    if isinstance(value, dict) and value and chance.random() < 0.9:
        name = chance.choice(list(value))
        match chance.randrange(6):
            case 0:
                return {k: v for k, v in value.items() if k != name}
            case 1:
                return {**value, chance.choice(list(value)): value[name]}
            case 2:
                return {**value, chance.choice(("iss", "sub", "aud", "exp", "crit", "kid", "email", "x")): value[name]}
            case _:
                return {**value, name: _other(value[name], chance)}
    if isinstance(value, list) and value and chance.random() < 0.8:
        at = chance.randrange(len(value))
        return [*value[:at], _other(value[at], chance), *value[at + chance.randint(0, 1) :]]
    if chance.random() < 0.1:
        for _ in range(chance.choice((10, 260, 390))):
            value = [value] if chance.random() < 0.5 else {"a": value}
        return value
    return chance.choice(_VALUES)
