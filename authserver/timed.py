"""Stores with a stopwatch: every call of a role is timed into the metrics."""

import inspect
import time
from typing import Any, TypeVar, cast

from authserver.metrics import Metrics
from authserver.store import Stores

R = TypeVar("R")


class _Timed:
    """A role's own methods, each behind a stopwatch. The role itself stays untouched."""

    def __init__(self, role: object, name: str, metrics: Metrics) -> None:
        for method_name, _ in inspect.getmembers(type(role), inspect.iscoroutinefunction):
            if not method_name.startswith("_"):
                setattr(self, method_name, _stopwatch(getattr(role, method_name), name, method_name, metrics))


def _stopwatch(call: Any, role: str, name: str, metrics: Metrics) -> Any:
    observe = metrics.store

    async def timed(*args: Any, **kwargs: Any) -> Any:
        began = time.perf_counter()
        try:
            return await call(*args, **kwargs)
        finally:
            observe(role, name, time.perf_counter() - began)

    return timed


def timed(role: R, name: str, metrics: Metrics) -> R:
    """The role, timed under `name`."""
    return cast("R", _Timed(role, name, metrics))


def timed_stores(stores: Stores, metrics: Metrics) -> Stores:
    """All roles, timed."""
    return Stores(
        registry=timed(stores.registry, "registry", metrics),
        directory=timed(stores.directory, "directory", metrics),
        credentials=timed(stores.credentials, "credentials", metrics),
        identities=timed(stores.identities, "identities", metrics),
        journal=timed(stores.journal, "journal", metrics),
        grants=timed(stores.grants, "grants", metrics),
        sessions=timed(stores.sessions, "sessions", metrics),
        one_time=timed(stores.one_time, "one_time", metrics),
        counters=timed(stores.counters, "counters", metrics),
    )
