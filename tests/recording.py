"""A pytest plugin for runs under coverage: the test processes are recorded, the programs they start are not.

Those run as users run them: what is measured of them, or listed of their imports, is theirs and not the recorder's.
"""

import os

import pytest


def pytest_sessionstart(session: pytest.Session) -> None:
    config = session.config
    starts_workers = bool(getattr(config.option, "numprocesses", None)) and not hasattr(config, "workerinput")
    if not starts_workers:
        os.environ.pop("COVERAGE_PROCESS_CONFIG", None)
