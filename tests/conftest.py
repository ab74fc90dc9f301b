"""Shared by all tests."""

import pytest


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes minutes begins first, so that at the end nobody waits for it alone. And all of a group runs in one process,
    and so with one server of each kind: pytest-xdist 3.8 writes the group into a place where pytest 9.2 no longer reads it.
    """
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
    if not getattr(config.option, "loadgroup", False):
        return
    for item in items:
        mark = item.get_closest_marker("xdist_group")
        if mark is not None:
            item._id = type(item._id).parse(f"{item.nodeid}@{mark.args[0]}")
