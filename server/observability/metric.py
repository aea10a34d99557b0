"""A metric: one definition, from which its name, unit and labels follow in OTLP and in OpenMetrics.

`name`, `unit` and `attributes` are OpenTelemetry's. What Prometheus reads follows from them by OpenTelemetry's rules
for Prometheus, so that a collector that passes our OTLP on to Prometheus makes the same names as `/metrics`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]
Label = str | int
Sample = tuple[float, tuple[Label, ...]]
"""A value, and what its attributes are, in the order of the definition."""
Source = Callable[[], Iterable[Sample]]
"""What gives the values of a metric that is read. It is called in any thread, and waits for nothing."""
_SUFFIXES = {"s": "seconds", "By": "bytes"}


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `unit` is written as UCUM writes it; what stands in braces is an annotation, and no unit.

    `read`: its values are read when somebody asks, and not counted as they happen. `bounds` are those of a histogram.
    """

    name: str
    kind: Kind
    unit: str
    attributes: tuple[str, ...]
    meaning: str
    bounds: tuple[float, ...] = ()
    read: bool = False

    @property
    def suffix(self) -> str:
        """The unit as Prometheus writes it; empty where there is none."""
        return _SUFFIXES.get(self.unit, "")

    @property
    def family(self) -> str:
        """Its name in OpenMetrics."""
        name = self.name.replace(".", "_")
        return f"{name}_{self.suffix}" if self.suffix else name

    @property
    def series(self) -> str:
        """The name by which PromQL knows it; a histogram's has `_bucket`, `_sum` or `_count` behind it."""
        return f"{self.family}_total" if self.kind == "counter" else self.family

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of its labels in OpenMetrics."""
        return tuple(attribute.replace(".", "_") for attribute in self.attributes)
