"""Prometheus metrics, counted in plain dictionaries and turned into the exposition format when somebody looks.

A label look-up in prometheus-client costs more than a microsecond on a path that has thirty in all; a dictionary of
integers costs a tenth of that. With several workers each writes its numbers to a file now and then, and whoever serves
the page adds them up; a worker that ended keeps its file, so that counters never fall.
"""

import os
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson

from authserver.events import Event

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Upper bounds of the latency buckets, in seconds."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""What may be a label: anybody can make up a method, and every new one would be a series that stays."""

MOST_PROVIDERS = 1000

_SIGN_INS = {"sign_in.succeeded": "succeeded", "sign_in.failed": "failed", "sign_in.throttled": "throttled"}


class Histogram:
    """Counts by bucket, and the sum, of one series."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds


class Metrics:
    """The numbers of this process."""

    def __init__(self) -> None:
        self.requests: dict[tuple[str, str, int], int] = {}
        self.latency: dict[str, Histogram] = {}
        self.stores: dict[tuple[str, str], Histogram] = {}
        self.providers: dict[tuple[str, str, str], Histogram] = {}
        self.events: dict[tuple[str, str], int] = {}
        self.tokens: dict[tuple[str, str], int] = {}
        self.sign_ins: dict[tuple[str, str], int] = {}
        self.gauges: dict[str, Callable[[], float]] = {}

    def request(self, endpoint: str, method: str, status: int, seconds: float) -> None:
        """One request answered."""
        key = (endpoint, method if method in METHODS else "other", status)
        self.requests[key] = self.requests.get(key, 0) + 1
        histogram = self.latency.get(endpoint)
        if histogram is None:
            histogram = self.latency[endpoint] = Histogram()
        histogram.observe(seconds)

    def store(self, role: str, call: str, seconds: float) -> None:
        """One call of a store answered."""
        histogram = self.stores.get((role, call))
        if histogram is None:
            histogram = self.stores[role, call] = Histogram()
        histogram.observe(seconds)

    def provider(self, pool: str, name: str, outcome: str, seconds: float) -> None:
        """One return from an identity provider was judged, or a departure failed. Beyond a thousand series the rest share
        one a pool: an installation may have any number of providers.
        """
        key = (pool, name, outcome)
        if key not in self.providers and len(self.providers) >= MOST_PROVIDERS:
            key = (pool, "other", outcome)
        histogram = self.providers.get(key)
        if histogram is None:
            histogram = self.providers[key] = Histogram()
        histogram.observe(seconds)

    def event(self, event: Event) -> None:
        """One event; those of sign-ins and tokens have series of their own."""
        if event.kind == "token.issued":
            key = (event.pool, str(event.details.get("grant_type", "")))
            self.tokens[key] = self.tokens.get(key, 0) + 1
            return
        outcome = _SIGN_INS.get(event.kind)
        if outcome is not None:
            key = (event.pool, outcome)
            self.sign_ins[key] = self.sign_ins.get(key, 0) + 1
        key = (event.pool, event.kind)
        self.events[key] = self.events.get(key, 0) + 1

    def snapshot(self) -> dict[str, Any]:
        """Everything as JSON values."""
        return {
            "requests": [[*k, v] for k, v in self.requests.items()],
            "latency": [[k, h.counts, h.total] for k, h in self.latency.items()],
            "stores": [[*k, h.counts, h.total] for k, h in self.stores.items()],
            "providers": [[*k, h.counts, h.total] for k, h in self.providers.items()],
            "events": [[*k, v] for k, v in self.events.items()],
            "tokens": [[*k, v] for k, v in self.tokens.items()],
            "sign_ins": [[*k, v] for k, v in self.sign_ins.items()],
            "gauges": [[k, read()] for k, read in self.gauges.items()],
        }

    def write(self, folder: Path) -> None:
        """Leave the snapshot where `collect` finds it; whole or not at all."""
        path = folder / f"{os.getpid()}.json"
        scratch = path.with_suffix(".new")
        scratch.write_bytes(orjson.dumps(self.snapshot()))
        scratch.replace(path)


def exposition(snapshots: Iterable[dict[str, Any]]) -> bytes:
    """The Prometheus text of the snapshots added up."""
    from prometheus_client import CollectorRegistry, generate_latest

    class Collector:
        def collect(self) -> Iterator[Any]:
            return _families(list(snapshots))

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collector())
    return generate_latest(registry)


def read_snapshots(folder: Path) -> Iterator[dict[str, Any]]:
    """What workers left behind, ended ones included."""
    for path in sorted(folder.glob("*.json")):
        yield orjson.loads(path.read_bytes())


def _families(snapshots: list[dict[str, Any]]) -> Iterator[Any]:
    from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

    counters: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
        ("requests", "poolgate_requests", "Requests answered.", ("endpoint", "method", "status")),
        ("tokens", "poolgate_tokens_issued", "Token responses by grant.", ("pool", "grant_type")),
        ("sign_ins", "poolgate_sign_ins", "Password sign-ins by outcome.", ("pool", "outcome")),
        ("events", "poolgate_events", "Events by kind.", ("pool", "kind")),
    )
    for member, name, words, labels in counters:
        counter = CounterMetricFamily(name, words, labels=labels)
        sums: dict[tuple[str, ...], float] = {}
        for snapshot in snapshots:
            for *key, value in snapshot[member]:
                named = tuple(str(k) for k in key)
                sums[named] = sums.get(named, 0) + value
        for named, value in sums.items():
            counter.add_metric(named, value)
        yield counter
    histograms: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
        ("latency", "poolgate_request_seconds", "Time to answer.", ("endpoint",)),
        ("stores", "poolgate_store_seconds", "Time of store calls.", ("role", "call")),
        ("providers", "poolgate_provider_seconds", "Time of identity providers.", ("pool", "provider", "outcome")),
    )
    for member, name, words, labels in histograms:
        family = HistogramMetricFamily(name, words, labels=labels)
        merged: dict[tuple[str, ...], tuple[list[int], float]] = {}
        for snapshot in snapshots:
            for *key, counts, total in snapshot.get(member, ()):  # of another version, which did not count it
                named = tuple(str(k) for k in key)
                before, sum_before = merged.get(named, ([0] * len(counts), 0.0))
                merged[named] = ([a + b for a, b in zip(before, counts, strict=True)], sum_before + total)
        for named, (counts, total) in merged.items():
            running, buckets = 0, []
            for bound, count in zip((*map(str, BOUNDS), "+Inf"), counts, strict=True):
                running += count
                buckets.append((bound, running))
            family.add_metric(named, buckets, total)
        yield family
    gauges: dict[str, float] = {}
    for snapshot in snapshots:
        for name, value in snapshot["gauges"]:
            gauges[name] = gauges.get(name, 0) + value
    for name, value in gauges.items():
        yield GaugeMetricFamily(f"poolgate_{name}", name.replace("_", " ").capitalize() + ".", value=value)
