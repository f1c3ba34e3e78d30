"""What Prometheus reads: counters that others keep, written out when somebody asks.

Nothing here runs for a request, and no label comes from a client. prometheus_client is imported when
metrics are first asked for.
"""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from registry.server.observing.meter import BUCKETS

if TYPE_CHECKING:
    from registry.server.observing.observing import Observing

__all__ = ["CONTENT_TYPE", "render"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_PREFIX = "wasmbuild_registry"
_GAUGES = frozenset({"waiting", "dead", "last", "seconds"})


def render(observing: "Observing", facts: Mapping[str, float]) -> bytes:
    """All metrics; ``facts`` are gauges that had to be looked up, by name."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Counters(observing, facts))
    for collector in _process():
        registry.register(collector)
    return generate_latest(registry)


@functools.cache
def _process() -> tuple[Any, ...]:
    return ProcessCollector(registry=None), PlatformCollector(registry=None)


class _Counters:
    """What one server has counted, as Prometheus has it."""

    def __init__(self, observing: "Observing", facts: Mapping[str, float]) -> None:
        self._observing, self._facts = observing, facts

    def collect(self) -> Iterator[Any]:
        """All families."""
        yield from self._requests()
        yield from self._writes()
        yield from self._logs()
        for name, value in self._facts.items():
            yield GaugeMetricFamily(f"{_PREFIX}_{name}", name.replace("_", " "), value=value)
        for part, counters in self._observing.counters.items():
            yield from _numbers(part, counters)

    def _requests(self) -> Iterator[Any]:
        meter = self._observing.meter
        requests = CounterMetricFamily(
            f"{_PREFIX}_requests", "Requests that were answered.", labels=("route", "method", "status")
        )
        seconds = HistogramMetricFamily(
            f"{_PREFIX}_request_seconds", "How long answers took.", labels=("route", "method")
        )
        together: dict[tuple[str, str], tuple[list[int], float]] = {}
        for (route, method, status), series in list(meter.requests.items()):
            requests.add_metric((route, method, str(status)), series.count)
            counts, before = together.get((route, method), ([0] * len(series.buckets), 0.0))
            counts = [one + other for one, other in zip(counts, series.buckets, strict=True)]
            together[route, method] = counts, before + series.seconds
        for labels, (counts, total) in together.items():
            seconds.add_metric(labels, _cumulated(counts), total)
        yield requests
        yield seconds
        active = len(self._observing.tasks)
        yield GaugeMetricFamily(f"{_PREFIX}_requests_active", "Requests that are being answered.", value=active)
        yield CounterMetricFamily(f"{_PREFIX}_received_bytes", "Bytes of bodies that came.", value=meter.received)
        yield CounterMetricFamily(f"{_PREFIX}_sent_bytes", "Bytes of bodies that left.", value=meter.sent)

    def _writes(self) -> Iterator[Any]:
        meter = self._observing.meter
        family = HistogramMetricFamily(f"{_PREFIX}_write_seconds", "How long writes of rows waited and took.")
        family.add_metric((), _cumulated(meter.write_buckets), meter.write_seconds)
        yield family

    def _logs(self) -> Iterator[Any]:
        family = CounterMetricFamily(f"{_PREFIX}_log_lines_dropped", "Lines that no log has.", labels=("log",))
        for name, journal in (("access", self._observing.access), ("audit", self._observing.audit)):
            if journal is not None:
                family.add_metric((name,), journal.dropped)
        yield family
        dropped = self._observing.events.dropped
        yield CounterMetricFamily(f"{_PREFIX}_webhooks_dropped", "Events that found the queue full.", value=dropped)


def _cumulated(counts: list[int]) -> list[tuple[str, float]]:
    total, pairs = 0, list[tuple[str, float]]()
    for bound, count in zip([*map(str, BUCKETS), "+Inf"], counts, strict=True):
        total += count
        pairs.append((bound, total))
    return pairs


def _numbers(part: str, counters: object) -> Iterator[Any]:
    """The public numbers of an object, by attribute; those that may fall are gauges."""
    names = [each.name for each in fields(counters)] if is_dataclass(counters) else list(vars(counters))
    for name in names:
        value = getattr(counters, name)
        if name.startswith("_") or isinstance(value, bool) or not isinstance(value, int | float):
            continue
        family = GaugeMetricFamily if name in _GAUGES else CounterMetricFamily
        yield family(f"{_PREFIX}_{part}_{name}", f"{part}: {name.replace('_', ' ')}.", value=value)
