"""Shared by all tests."""

import pytest


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes minutes begins first, so that at the end nobody waits for it alone."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
