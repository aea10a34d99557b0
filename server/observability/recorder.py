"""The port of whoever keeps metrics: `OpenMetrics` for a scrape, `OtlpMeter` for a collector."""

from typing import Protocol

from server.observability.metric import Label, Metric, Source


class Recorder(Protocol):
    """Keeps what is counted and measured, and reads the rest when it is asked. From any thread."""

    def count(self, metric: Metric, labels: tuple[Label, ...], amount: int = 1) -> None:
        """So many more of a counter; 0 begins its series."""

    def measure(self, metric: Metric, amount: float, labels: tuple[Label, ...]) -> None:
        """One measurement of a histogram."""

    def read(self, metric: Metric, source: Source) -> None:
        """Read this metric here from now on, when somebody asks."""
