"""An HTML document as a flat list of elements, for tests that ask what a page holds."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"meta", "link", "input", "img", "wbr", "circle", "path", "rect", "ellipse"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    parents: list["Element"] = field(repr=False)
    own_text: str = ""
    text: str = ""

    def __getitem__(self, name: str) -> str:
        return self.attributes[name]

    def get(self, name: str) -> str | None:
        return self.attributes.get(name)


class Outline(HTMLParser):
    """`Outline(html).elements`; a document whose tags do not match is refused."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(html)
        self.close()
        assert not self._open, f"left open: {self._open}"

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"an attribute twice: <{tag} {attrs}>"
        element = Element(tag, {name: value or "" for name, value in attrs}, list(self._open))
        self.elements.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag):
        assert self._open, f"</{tag}> closes nothing"
        assert self._open[-1].tag == tag, f"</{tag}> closes <{self._open[-1].tag}>"
        self._open.pop()

    def handle_data(self, data):
        for element in self._open:
            element.text += data
        if self._open:
            self._open[-1].own_text += data

    def all(self, tag: str) -> list[Element]:
        return [element for element in self.elements if element.tag == tag]

    def one(self, tag: str) -> Element:
        (element,) = self.all(tag)
        return element

    def id(self, value: str) -> Element:
        (element,) = [element for element in self.elements if element.get("id") == value]
        return element

    def has_id(self, value: str) -> bool:
        return any(element.get("id") == value for element in self.elements)

    def inside(self, outer: Element, tag: str) -> list[Element]:
        return [element for element in self.all(tag) if outer in element.parents]


def form_of(element: Element) -> Element:
    """The form that an element is in."""
    (form,) = [parent for parent in element.parents if parent.tag == "form"]
    return form


def submits(document: Outline, form: Element) -> list[Element]:
    """The buttons that send a form, first the one that Enter presses."""
    return [button for button in document.inside(form, "button") if button["type"] == "submit"]
