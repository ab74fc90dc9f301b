"""Shared by the system tests: one installation with two workers on each database."""

from collections.abc import Iterator

import pytest

from tests import postgres
from tests.system.installation import Installation, installation


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """`poolgate serve --workers 2` with the embedded Valkey. Whoever uses it leaves it running."""
    url = None
    if request.param == "postgresql":
        postgres.require()
        url = postgres.shared_server().create_database()
    with installation(tmp_path_factory.mktemp(request.param), workers=2, database_url=url) as at:
        yield at
