"""What people give at the terminal: passwords, attributes, and a yes before something goes that cannot come back."""

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from authserver.cli._context import Run
from authserver.errors import Invalid

if TYPE_CHECKING:
    from authserver.model.pools import Pool


_SUBJECT = re.compile(r"^`([^`]*)`", re.MULTILINE)


@contextmanager
def named_by_option(options: Mapping[str, str]) -> Iterator[None]:
    """Of what is refused within, sentences about a field speak of the option that gave it. Takes options by field."""
    try:
        yield
    except Invalid as error:
        error.sentence = _SUBJECT.sub(lambda found: f"`{options.get(found[1], found[1])}`", error.sentence)
        raise


def confirm(question: str, *, yes: bool) -> None:
    """Ask on a terminal; elsewhere --yes is needed. Raises Invalid, or ends the command if the answer is no."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Invalid(f"{question} Say so with --yes.")
    typer.confirm(question, abort=True)


def new_password(run: Run, *, from_stdin: bool, generate: bool) -> str:
    """A password that is made, read or asked for. Raises Invalid."""
    if generate and from_stdin:
        raise typer.BadParameter("give --generate-password or --password-stdin, not both")
    if generate:
        # The suffix satisfies every composition rule; the 144 bits before it do the work.
        return f"{run.random.token(18)}-Aa1"
    if not from_stdin:
        if sys.stdin.isatty():
            return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
        raise Invalid("Give the password with --password-stdin, or have one made with --generate-password.")
    password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise Invalid("Standard input held no password.", field="password")
    return password


def read_attributes(pool: "Pool", given: Sequence[str], where: str) -> dict[str, object]:
    """`NAME=VALUE` texts as values of the types that the pool defines. Raises typer.BadParameter, which names `where`: the
    option that they were given by.
    """
    types = {d.name: d.type for d in pool.attributes}
    values: dict[str, object] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise typer.BadParameter(f"`{text}` is not NAME=VALUE", param_hint=where)
        kind = types.get(name, "string")
        if kind == "boolean" and value in {"true", "false"}:
            values[name] = value == "true"
        elif kind == "number":
            values[name] = _number(value)
        else:
            values[name] = value
    return values


def _number(text: str) -> object:
    """The number that is meant; what is none stays text, and the pool's definition refuses it."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
