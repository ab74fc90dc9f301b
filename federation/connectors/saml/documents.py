"""From bytes to an XML tree that has no surprises: no DTD, one encoding, identifiers that name one element each.

Everything that came from outside is parsed here, and nowhere by another parser, since two parsers that read one document
differently are how signatures are got around (security reference 4.3).
"""

import re
from functools import cache
from pathlib import Path
from typing import Any

from federation.connectors.saml.names import METADATA, PROTOCOL, XENC11
from federation.errors import BadAnswer

Element = Any
"""An element of lxml, which comes without types."""

_DECLARED = re.compile(rb"""^<\?xml\s[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_NAMESPACE = re.compile(rb"""\sxmlns(?::[^\s=]+)?\s*=\s*(?:"([^"]*)"|'([^']*)')""")


_LONGEST_NAMESPACE = 512
"""Bytes. The schema's wildcards copy a namespace for each element in it: some hundred bytes became hundreds of megabytes."""

_MOST_ATTRIBUTES = 100
"""Of one element: the schema compares each with each."""


def parser() -> Any:
    """An lxml parser that loads nothing, expands nothing and knows limits (depth 256, text of 10 MB)."""
    from lxml import etree

    return etree.XMLParser(
        resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False, recover=False, encoding="utf-8"
    )


def parse(data: bytes, limit: int, *, remarks: bool = False) -> Element:
    """The root of the document.

    Args:
        limit: bytes.
        remarks: whether comments and processing instructions may be in it. In a message they have no use but to split a
            text for one reader and not for the next.

    Raises BadAnswer.
    """
    from lxml import etree

    if len(data) > limit:
        raise BadAnswer(f"the document has {len(data)} bytes; {limit} are allowed")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        raise BadAnswer("the document is not UTF-8") from None
    declared = _DECLARED.match(data)
    if declared and declared[1].lower() != b"utf-8":
        raise BadAnswer("the document says that it is in another encoding than UTF-8")
    if data.startswith(b"\xef\xbb\xbf"):
        raise BadAnswer("the document begins with a byte order mark")
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise BadAnswer("the document has a DTD")
    spaces = [a or b for a, b in _NAMESPACE.findall(data)]
    if any(b":" not in (space or b":") for space in spaces):
        raise BadAnswer("the document has a relative namespace")  # it canonicalizes to nothing, or to an error
    if any(len(space) > _LONGEST_NAMESPACE for space in spaces):
        raise BadAnswer("the document has a namespace with an endless name")
    try:
        root = etree.fromstring(data, parser())
    except (etree.XMLSyntaxError, ValueError):
        raise BadAnswer("the document is not well-formed XML") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise BadAnswer("the document has a DTD")
    if not remarks:
        _check_nodes(root)
    return root


def _check_nodes(root: Element) -> None:
    if root.getprevious() is not None or root.getnext() is not None:
        raise BadAnswer("the message has comments or processing instructions")
    seen: set[str] = set()
    for node in root.iter():
        if not isinstance(node.tag, str):
            raise BadAnswer("the message has comments or processing instructions")
        if len(node.attrib) > _MOST_ATTRIBUTES:
            raise BadAnswer("the message has an element with too many attributes")
        for name, value in node.attrib.items():
            space, _, local = name.rpartition("}")
            if local.lower() != "id":
                continue
            if space:
                raise BadAnswer("the message has an identifier in a namespace")
            if value in seen:
                raise BadAnswer("the message has two elements with one identifier")
            seen.add(value)


def only_child(parent: Element, tag: str) -> Element | None:
    """The one child of that name; None if there is none. Raises BadAnswer for several."""
    found = parent.findall(tag)
    if len(found) > 1:
        raise BadAnswer(f"there are {len(found)} elements {tag.rpartition('}')[2]} where one may be")
    return found[0] if found else None


def text_of(element: Element | None) -> str:
    """The whole text of an element; "" for none. Raises BadAnswer if there are elements in it."""
    if element is None:
        return ""
    if len(element):
        raise BadAnswer(f"there are elements in the text of {element.tag.rpartition('}')[2]}")
    return element.text or ""


def check_schema(root: Element) -> None:
    """Return if a message or an assertion is as the schemas of SAML say. Raises BadAnswer."""
    if not _schema().validate(root):
        raise BadAnswer("the message is not as the SAML schema says")  # the schema's own words quote the message


@cache
def _schema() -> Any:
    """pysaml2 brings the schemas; libxml2 checks them in a tenth of a millisecond, pysaml2 itself in six."""
    from importlib.resources import files

    from lxml import etree

    here = Path(str(files("saml2.data.schemas")))
    local = {"xmldsig-core-schema.xsd", "xenc-schema.xsd", "xml.xsd"}  # they name these by addresses of the W3C

    class Local(etree.Resolver):  # type: ignore[misc]  # lxml has no types
        def resolve(self, url: str, _public_id: str, context: Any) -> Any:
            name = url.rpartition("/")[2]
            return self.resolve_filename(str(here / name), context) if name in local else None

    reading = etree.XMLParser(no_network=True, load_dtd=False, resolve_entities=False)
    reading.resolvers.add(Local())
    imports = "".join(
        f'<import namespace="{namespace}" schemaLocation="{(here / name).as_uri()}"/>'
        for namespace, name in (
            (PROTOCOL, "saml-schema-protocol-2.0.xsd"),
            (METADATA, "saml-schema-metadata-2.0.xsd"),
            (XENC11, "xenc-schema-11.xsd"),
        )
    )
    source = f'<schema xmlns="http://www.w3.org/2001/XMLSchema">{imports}</schema>'
    return etree.XMLSchema(etree.fromstring(source.encode(), reading, base_url=here.as_uri() + "/"))
