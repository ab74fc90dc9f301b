"""The server, and a person to sign in."""

from collections.abc import Iterator

import pytest

from tests.dev_server import DevServer, dev_server
from tests.interop.person import Person

__all__ = ["dev_server"]  # a fixture


@pytest.fixture(scope="module")
def person(dev_server: DevServer) -> Iterator[Person]:
    """Ada at a browser of her own."""
    with Person("ada", dev_server.base_url) as ada:
        yield ada
