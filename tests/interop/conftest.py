"""The server, and a person to sign in."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dev_server import DevServer, dev_server
from tests.interop.person import Person

__all__ = ["dev_server"]  # a fixture


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """All of a group in one process, and so with one server of each kind: pytest-xdist 3.8 writes the group into a place
    where pytest 9.2 no longer reads it.
    """
    if not getattr(config.option, "loadgroup", False):
        return
    for item in items:
        mark = item.get_closest_marker("xdist_group")
        if mark is not None and Path(__file__).parent in item.path.parents:
            item._id = type(item._id).parse(f"{item.nodeid}@{mark.args[0]}")


@pytest.fixture(scope="module")
def person(dev_server: DevServer) -> Iterator[Person]:
    """Ada at a browser of her own."""
    with Person("ada", dev_server.base_url) as ada:
        yield ada
