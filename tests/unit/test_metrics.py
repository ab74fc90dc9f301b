"""Counting in dictionaries, adding up over processes, and what Prometheus reads of it."""

from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from authserver.errors import StoreUnavailable
from authserver.events import Event, ignore
from authserver.metrics import BOUNDS, Metrics, exposition, read_snapshots
from authserver.store.memory import memory_stores
from authserver.timed import timed, timed_stores

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(*snapshots: dict[str, Any]) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(exposition(snapshots).decode())
        for sample in family.samples
    }


def named(**labels: str) -> frozenset[tuple[str, str]]:
    return frozenset(labels.items())


def test_nothing_counted_is_a_valid_page() -> None:
    assert read(Metrics().snapshot()) == {}
    assert read() == {}


def test_a_histogram_counts_each_value_once_and_adds_up() -> None:
    metrics = Metrics()
    for seconds in (0.0005, 0.001, 0.002, 1.0, 60.0):
        metrics.request("token", "POST", 200, seconds)
    found = read(metrics.snapshot())
    at = named(endpoint="token")
    assert found["poolgate_request_seconds_count", at] == 5
    assert found["poolgate_request_seconds_sum", at] == pytest.approx(61.0035)
    buckets = [found["poolgate_request_seconds_bucket", at | named(le=str(bound))] for bound in (*BOUNDS, "+Inf")]
    assert buckets == sorted(buckets)
    assert buckets[:2] == [2, 3]  # a value at the bound is within it
    assert buckets[-2:] == [4, 5]


def test_events_go_to_the_series_they_belong_to() -> None:
    metrics = Metrics()
    for event in (
        Event("token.issued", "p", details={"grant_type": "refresh_token"}),
        Event("token.issued", "p"),
        Event("sign_in.failed", "p"),
        Event("sign_in.throttled", "q"),
        Event("grant.created", "p"),
    ):
        metrics.event(event)
    found = read(metrics.snapshot())
    assert found["poolgate_tokens_issued_total", named(pool="p", grant_type="refresh_token")] == 1
    assert found["poolgate_tokens_issued_total", named(pool="p", grant_type="")] == 1
    assert found["poolgate_sign_ins_total", named(pool="q", outcome="throttled")] == 1
    assert found["poolgate_events_total", named(pool="p", kind="sign_in.failed")] == 1
    assert found["poolgate_events_total", named(pool="p", kind="grant.created")] == 1
    assert ("poolgate_events_total", named(pool="p", kind="token.issued")) not in found
    ignore(Event("x", "p"))


def test_the_numbers_of_all_processes_are_added_up() -> None:
    one, two = Metrics(), Metrics()
    for metrics, count in ((one, 2), (two, 3)):
        for _ in range(count):
            metrics.request("token", "POST", 200, 0.01)
            metrics.store("grants", "rotate", 0.02)
        metrics.gauges["waiting"] = lambda count=count: float(count)
    found = read(one.snapshot(), two.snapshot())
    assert found["poolgate_requests_total", named(endpoint="token", method="POST", status="200")] == 5
    assert found["poolgate_store_seconds_count", named(role="grants", call="rotate")] == 5
    assert found["poolgate_waiting", named()] == 5


def test_labels_that_need_escaping_are_escaped() -> None:
    metrics = Metrics()
    metrics.event(Event('a"b\\c\nd', "p"))
    assert read(metrics.snapshot())["poolgate_events_total", named(pool="p", kind='a"b\\c\nd')] == 1


def test_a_process_leaves_its_numbers_whole(tmp_path: Path) -> None:
    metrics = Metrics()
    metrics.request("token", "GET", 405, 0.1)
    metrics.write(tmp_path)
    metrics.request("token", "GET", 405, 0.1)
    metrics.write(tmp_path)
    (tmp_path / "ended.json").write_bytes((next(tmp_path.glob("*.json"))).read_bytes())
    assert not list(tmp_path.glob("*.new"))
    assert (
        read(*read_snapshots(tmp_path))["poolgate_requests_total", named(endpoint="token", method="GET", status="405")]
        == 4
    )


@pytest.mark.anyio
async def test_every_call_of_a_store_is_timed_failed_ones_too() -> None:
    metrics = Metrics()
    stores = timed_stores(memory_stores(lambda: 0.0), metrics)
    await stores.registry.pools()
    await stores.one_time.spend("p", "code", "x")

    class Down:
        async def call(self) -> None:
            raise StoreUnavailable

        async def _private(self) -> None: ...

        def plain(self) -> None: ...

    down = timed(Down(), "down", metrics)
    with pytest.raises(StoreUnavailable):
        await down.call()
    assert not hasattr(down, "_private")
    assert not hasattr(down, "plain")
    assert {key: sum(h.counts) for key, h in metrics.stores.items()} == {
        ("registry", "pools"): 1,
        ("one_time", "spend"): 1,
        ("down", "call"): 1,
    }
