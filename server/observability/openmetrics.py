"""The metrics of this process as Prometheus scrapes them, in OpenMetrics or its older text, by prometheus-client."""

from collections.abc import Iterable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from server.observability.metric import Label, Metric, Source
from server.observability.metric_catalog import METRICS


class OpenMetrics:
    """A registry of our metrics and of Prometheus's own about the process. `about` tells what is watched."""

    def __init__(self, about: dict[str, str]) -> None:
        # one series more for each other one, and a restart shows in `process_start_time_seconds`
        disable_created_metrics()  # type: ignore[no-untyped-call] # the library types none of it
        self._registry = CollectorRegistry(target_info=about)
        counted = [metric for metric in METRICS if not metric.read]
        self._counters = {
            m.name: Counter(m.family, m.meaning, m.labels, registry=self._registry)
            for m in counted
            if m.kind == "counter"
        }
        self._histograms = {
            m.name: Histogram(m.family, m.meaning, m.labels, unit=m.suffix, registry=self._registry, buckets=m.bounds)
            for m in counted
            if m.kind == "histogram"
        }
        # a child is found by its labels in a dictionary of our own, which takes a third of the library's time
        self._counting: dict[tuple[str, tuple[Label, ...]], Counter] = {}
        self._measuring: dict[tuple[str, tuple[Label, ...]], Histogram] = {}
        self._sources = _Sources()
        self._registry.register(self._sources)
        ProcessCollector(registry=self._registry)

    def count(self, metric: Metric, labels: tuple[Label, ...], amount: int = 1) -> None:
        """So many more of a counter; 0 begins its series."""
        child = self._counting.get((metric.name, labels))
        if child is None:
            parent = self._counters[metric.name]
            child = self._counting[metric.name, labels] = parent.labels(*labels) if labels else parent
        child.inc(amount)

    def measure(self, metric: Metric, amount: float, labels: tuple[Label, ...]) -> None:
        """One measurement of a histogram."""
        child = self._measuring.get((metric.name, labels))
        if child is None:
            parent = self._histograms[metric.name]
            child = self._measuring[metric.name, labels] = parent.labels(*labels) if labels else parent
        child.observe(amount)

    def read(self, metric: Metric, source: Source) -> None:
        """Read this metric here from now on, when somebody asks."""
        self._sources.known.append((metric, source))

    def page(self, accept: str) -> tuple[bytes, str]:
        """All metrics in the best format that a scraper accepts, and its content type. Takes milliseconds."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type


class _Sources(Collector):
    """What is read when somebody asks: whatever a source does not name any more has no series any more."""

    def __init__(self) -> None:
        self.known: list[tuple[Metric, Source]] = []

    def collect(self) -> Iterable[Family]:
        """The families, with what their sources say now."""
        for metric, source in self.known:
            kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
            family = kind(metric.family, metric.meaning, labels=metric.labels, unit=metric.suffix)
            for amount, labels in source():
                family.add_metric([str(label) for label in labels], amount)
            yield family
