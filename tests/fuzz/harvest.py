"""The documents of the attack tests, as seeds: what they are parametrized with is what they try."""

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from tests.federation.saml.standin import Say, response


def attempts(module: str) -> Iterator[str | bytes]:
    """Every response that the tests of a module of tests/federation/saml try, however they are told of it."""
    tests = import_module(f"tests.federation.saml.{module}")
    for name, test in vars(tests).items():
        if not name.startswith("test_"):
            continue
        for mark in getattr(test, "pytestmark", ()):
            if mark.name == "parametrize":
                for value in mark.args[1]:
                    yield from _responses(getattr(value, "values", (value,)))


def _responses(value: Any) -> Iterator[str | bytes]:
    """What can be sent of a parameter: a document, what a response shall say, changes to that, or a change to a document."""
    if isinstance(value, str | bytes):
        if b"<" in (value.encode() if isinstance(value, str) else value):
            yield value
    elif isinstance(value, Say):
        yield from _made(lambda: response(value))
    elif isinstance(value, dict) and value and set(value) <= set(Say.__dataclass_fields__):
        yield from _made(lambda: response(Say(**value)))
    elif isinstance(value, tuple | list):
        for inner in value:
            yield from _responses(inner)
    elif callable(value):
        yield from _made(lambda: value(response()))


def _made(make: Callable[[], Any]) -> Iterator[str | bytes]:
    try:
        made = make()
    except Exception:
        return  # it changes something else than a response
    if isinstance(made, str | bytes):
        yield made
