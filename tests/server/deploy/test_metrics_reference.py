"""`METRICS.md` says what there is, and every metric keeps to the rules of names and units."""

import re

import pytest

from server.observability.metric import Metric
from server.observability.metric_catalog import LABELS, METRICS
from tests.metrics_reference import COMMAND, FILE, text

_NAME = re.compile(r"ailyus(\.[a-z]+)+")
_UNITS = {"s", "By", ""}


def test_the_document_is_what_the_catalog_gives() -> None:
    assert FILE.read_text() == text(), f"run `{COMMAND}`"


def test_names_and_units_keep_to_the_rules() -> None:
    for metric in METRICS:
        assert _NAME.fullmatch(metric.name), metric.name
        assert metric.unit in _UNITS or re.fullmatch(r"\{[a-z]+\}", metric.unit), metric
        assert metric.meaning.endswith("."), metric
        assert metric.series.endswith("_total") is (metric.kind == "counter"), metric
        assert bool(metric.bounds) is (metric.kind == "histogram"), metric
        assert tuple(sorted(metric.bounds)) == metric.bounds, metric
        assert set(metric.attributes) <= set(LABELS), metric
    assert len({metric.series for metric in METRICS}) == len(METRICS)
    assert {label for metric in METRICS for label in metric.attributes} == set(LABELS)


@pytest.mark.parametrize(
    ("name", "kind", "unit", "series"),
    [
        ("ailyus.calls", "counter", "{call}", "ailyus_calls_total"),
        ("ailyus.call.duration", "histogram", "s", "ailyus_call_duration_seconds"),
        ("ailyus.store.size", "gauge", "By", "ailyus_store_size_bytes"),
        ("ailyus.store.readable", "gauge", "", "ailyus_store_readable"),
    ],
)
def test_prometheus_reads_the_name_that_opentelemetry_gives(name: str, kind: str, unit: str, series: str) -> None:
    """As the compatibility rules of OpenTelemetry say: dots, the unit, `_total`; an annotation in braces is no unit."""
    assert Metric(name, kind, unit, (), "", ()).series == series  # type: ignore[arg-type]
