"""A TOML file read once: its data, the line of every key, and the pydantic faults said in words."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from authserver.tomlfile.faults import BadConfig, Fault, nearest, unknown
from authserver.tomlfile.lines import KeyPath, key_lines

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic_core import ErrorDetails

Model = TypeVar("Model", bound="BaseModel")

_AT_LINE = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)$")
_QUOTED = re.compile("'([^']*)'")
_MOST = 4 * 1024 * 1024
_LONGEST_WORD = 64

_SENTENCES = {
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
}


@dataclass(frozen=True, slots=True)
class Document:
    """One file: where it is, how messages call it, what it says, and on which line."""

    path: Path
    name: str
    data: Mapping[str, Any]
    lines: Mapping[KeyPath, int]

    @property
    def folder(self) -> Path:
        """What relative paths in the file start from."""
        return self.path.parent

    def line(self, path: KeyPath) -> int:
        """The line of the key, or of the nearest table around it; 0 if even that has none."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 0)

    def place(self, path: KeyPath) -> str:
        """`in pools/demo.toml line 3`."""
        line = self.line(path)
        return f"in {self.name} line {line}" if line else f"in {self.name}"

    def fault(self, path: KeyPath, sentence: str) -> Fault:
        """The fault of one key, as a whole sentence with its place."""
        return Fault(f"`{dotted(path)}` {self.place(path)} {sentence}", self.name, self.line(path))


def read_document(path: Path, name: str | None = None) -> Document:
    """Read and parse a TOML file. Raises BadConfig if it cannot be read or is not TOML."""
    name = name or str(path)
    try:
        with path.open("rb") as file:
            data = file.read(_MOST + 1)
    except OSError as error:
        raise BadConfig([Fault(f"{name} cannot be read: {error.strerror}", name)]) from None
    if len(data) > _MOST:
        raise BadConfig([Fault(f"{name} is larger than 4 MiB", name)])
    try:
        text = data.decode().replace("\r\n", "\n")
        parsed = tomllib.loads(text)
    except UnicodeDecodeError:
        raise BadConfig([Fault(f"{name} is not UTF-8 text", name)]) from None
    except tomllib.TOMLDecodeError as error:
        raise BadConfig([_syntax_fault(name, str(error), text)]) from None
    except RecursionError:
        raise BadConfig([Fault(f"{name} is nested too deeply", name)]) from None
    return Document(path, name, parsed, key_lines(text))


def _syntax_fault(name: str, message: str, text: str) -> Fault:
    found = _AT_LINE.search(message)
    line = int(found[1]) if found is not None and found[1] else text.count("\n") + 1
    what = _AT_LINE.sub("", message)
    return Fault(f"{name} line {line} is not valid TOML: {what[:1].lower()}{what[1:]}", name, line)


def dotted(path: KeyPath) -> str:
    """`clients.redirect_uris`: the names of a path without its indexes."""
    return ".".join(part for part in path if isinstance(part, str))


def validated(
    model: type[Model],
    document: Document,
    path: KeyPath,
    data: object,
    context: Mapping[str, object],
    homes: Mapping[str, str],
) -> tuple[Model | None, list[Fault]]:
    """The data at `path` of the document as a model, or None with every fault in words.

    Args:
        model: what the data must be.
        document: where the data stands.
        path: where in the document.
        data: the TOML value.
        context: handed to the model's validators.
        homes: where a key belongs that may stand elsewhere by mistake ("in [log]").
    """
    from pydantic import ValidationError

    try:
        return model.model_validate(data, context=dict(context)), []
    except ValidationError as error:
        # The input stays out of messages: it may be a secret.
        found = error.errors(include_url=False, include_input=False)
        return None, [_in_words(model, document, path, data, detail, homes) for detail in found]


def _in_words(
    model: "type[BaseModel]",
    document: Document,
    path: KeyPath,
    data: object,
    error: "ErrorDetails",
    homes: Mapping[str, str],
) -> Fault:
    where = (*path, *error["loc"])
    if error["type"] == "extra_forbidden":
        known = tuple(_fields(model, error["loc"][:-1]))
        return unknown_key(document, where, known, homes.get(str(error["loc"][-1])))
    return document.fault(where, sentence_of(error, data))


def _at(data: Any, loc: tuple[int | str, ...]) -> object:
    for part in loc:
        data = data[part]
    return data


def _which(value: object, expected: str) -> str:
    """Which word is none of those that are expected, and the one that was probably meant. No secret is such a word."""
    if not isinstance(value, str) or len(value) > _LONGEST_WORD or not value.isprintable():
        return ""
    near = nearest(value, _QUOTED.findall(expected))
    return f"; `{value}` is none of them" + (f", did you mean `{near}`?" if near is not None else "")


def sentence_of(error: "ErrorDetails", data: object) -> str:
    """What pydantic found in the data, in our words, without its subject: "must be a whole number"."""
    kind = error["type"]
    if kind == "missing":
        return "is missing"
    if kind == "value_error":
        return str(error["ctx"]["error"])
    if kind == "literal_error":
        expected = error["ctx"]["expected"]
        return f"must be {expected}{_which(_at(data, error['loc']), expected)}"
    return _SENTENCES.get(kind) or error["msg"].replace("Input should be", "must be")


def unknown_key(document: Document, path: KeyPath, known: tuple[str, ...], elsewhere: str | None = None) -> Fault:
    """The fault of a key that no model has."""
    table = dotted(path[:-1])
    place = f"of [{table}] {document.place(path)}" if table else document.place(path)
    return Fault(unknown("key", str(path[-1]), place, known, elsewhere), document.name, document.line(path))


def _fields(model: "type[BaseModel]", loc: tuple[int | str, ...]) -> Iterator[str]:
    """The field names of the model that `loc` leads to."""
    from pydantic import BaseModel

    current: type[BaseModel] = model
    for part in loc:
        if isinstance(part, str) and part in current.model_fields:
            inner = next(inner_models(current.model_fields[part].annotation), None)
            if inner is not None:
                current = inner
    yield from (field.alias or name for name, field in current.model_fields.items())


def inner_models(annotation: Any) -> "Iterator[type[BaseModel]]":
    """The models inside a field's annotation."""
    from pydantic import BaseModel

    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from inner_models(inner)
