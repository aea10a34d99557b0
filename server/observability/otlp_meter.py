"""The metrics of this process as OpenTelemetry exports them, by its own meter."""

from collections.abc import Callable, Iterator

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from server.observability.metric import Label, Metric, Source
from server.observability.metric_catalog import METRICS

_Callback = Callable[[CallbackOptions], Iterator[Observation]]


class OtlpMeter:
    """The instruments of a meter, one for each metric."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        counted = [metric for metric in METRICS if not metric.read]
        self._counters = {
            m.name: meter.create_counter(m.name, m.unit, m.meaning) for m in counted if m.kind == "counter"
        }
        self._histograms = {
            m.name: meter.create_histogram(m.name, m.unit, m.meaning, explicit_bucket_boundaries_advisory=m.bounds)
            for m in counted
            if m.kind == "histogram"
        }

    def count(self, metric: Metric, labels: tuple[Label, ...], amount: int = 1) -> None:
        """So many more of a counter; 0 begins its series."""
        self._counters[metric.name].add(amount, _attributes(metric, labels))

    def measure(self, metric: Metric, amount: float, labels: tuple[Label, ...]) -> None:
        """One measurement of a histogram."""
        self._histograms[metric.name].record(amount, _attributes(metric, labels))

    def read(self, metric: Metric, source: Source) -> None:
        """Read this metric here from now on, when the exporter asks."""
        counts = metric.kind == "counter"
        create = self._meter.create_observable_counter if counts else self._meter.create_observable_gauge
        create(metric.name, [_callback(metric, source)], metric.unit, metric.meaning)


def _callback(metric: Metric, source: Source) -> _Callback:
    def observe(options: CallbackOptions) -> Iterator[Observation]:
        for amount, labels in source():
            yield Observation(amount, _attributes(metric, labels))

    return observe


def _attributes(metric: Metric, labels: tuple[Label, ...]) -> dict[str, str | int]:
    return dict(zip(metric.attributes, labels, strict=True))
