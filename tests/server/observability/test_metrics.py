"""What is counted: bounded whatever comes, the same for a scrape and for a collector, and nothing while nobody watches."""

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from server.observability import metric_catalog as catalog
from server.observability import metrics
from server.observability.metric_catalog import METRICS
from server.observability.openmetrics import OpenMetrics
from server.observability.otlp_meter import OtlpMeter

ACCEPT = "application/openmetrics-text;version=1.0.0"


@pytest.fixture
def scraped() -> Iterator[OpenMetrics]:
    kept = OpenMetrics({"service_name": "ailyus"})
    metrics.use(kept)
    yield kept
    metrics.off()


def families(kept: OpenMetrics) -> dict[str, Any]:
    """The families of a page, as the strict parser of OpenMetrics reads it."""
    page, content_type = kept.page(ACCEPT)
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    return {family.name: family for family in text_string_to_metric_families(page.decode())}


def test_labels_have_a_bound(scraped: OpenMetrics) -> None:
    for number in range(metrics.MAX_SERIES + 50):
        metrics.record_decision(f"contract{number}", "denied")
    samples = families(scraped)["ailyus_decisions"].samples
    assert len(samples) == metrics.MAX_SERIES + 1
    (other,) = [sample for sample in samples if sample.labels["ailyus_contract"] == metrics.OTHER]
    assert (other.value, other.labels["ailyus_decision"]) == (50, metrics.OTHER)


def test_a_step_is_timed_also_where_it_raises(scraped: OpenMetrics) -> None:
    with pytest.raises(ValueError, match="x"), metrics.time_step("look", "okta"):
        raise ValueError("x")
    (count,) = [s for s in families(scraped)["ailyus_step_duration_seconds"].samples if s.name.endswith("_count")]
    assert (count.labels, count.value) == ({"ailyus_step": "look", "ailyus_connection": "okta"}, 1)


def test_what_is_rare_begins_at_zero(scraped: OpenMetrics) -> None:
    metrics.declare_series(["reset"], ["okta"])
    found = families(scraped)
    doubtful = {
        (s.labels["ailyus_contract"], s.labels["ailyus_status"]): s.value for s in found["ailyus_outcomes"].samples
    }
    assert doubtful == {("reset", "unknown"): 0, ("reset", "diverged"): 0}
    assert len(found["ailyus_reads_unavailable"].samples) == 7
    assert all(sample.value == 0 for sample in found["ailyus_requests_refused"].samples)
    metrics.record_outcome("reset", "unknown")
    assert {s.value for s in families(scraped)["ailyus_outcomes"].samples} == {0, 1}


def test_a_source_that_names_something_no_more_has_no_series_of_it(scraped: OpenMetrics) -> None:
    there = [(3.0, ("okta",)), (1.0, ("slack",))]
    scraped.read(catalog.INTENTS, lambda: there)
    assert len(families(scraped)["ailyus_intents_open"].samples) == 2
    there.pop()
    (sample,) = families(scraped)["ailyus_intents_open"].samples
    assert (sample.labels, sample.value) == ({"ailyus_connection": "okta"}, 3)


def test_a_collector_and_a_scrape_are_told_the_same() -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    kept, meter = OpenMetrics({}), OtlpMeter(provider.get_meter("ailyus"))
    metrics.use(kept, meter)
    try:
        for metric in METRICS:
            labels = tuple(f"x{n}" for n, _ in enumerate(metric.attributes))
            for recorder in (kept, meter):
                if metric.read:
                    recorder.read(metric, lambda labels=labels: [(7, labels)])  # type: ignore[misc]
                elif metric.kind == "counter":
                    recorder.count(metric, labels, 7)
                else:
                    recorder.measure(metric, 0.3, labels)
        data = reader.get_metrics_data()
    finally:
        metrics.off()
        provider.shutdown()
    assert data is not None
    (scope,) = data.resource_metrics[0].scope_metrics
    sent = {metric.name: metric for metric in scope.metrics}
    page = families(kept)
    assert sent.keys() == {metric.name for metric in METRICS}
    for metric in METRICS:
        family, own = page[metric.family], sent[metric.name]
        assert (family.type, family.unit) == (metric.kind, metric.suffix), metric
        assert (own.unit, own.description) == (metric.unit, family.documentation), metric
        (point,) = own.data.data_points
        sample = next(s for s in family.samples if s.name in (metric.series, f"{metric.series}_sum"))
        assert {name.replace(".", "_"): value for name, value in point.attributes.items()} == sample.labels
        value = point.sum if metric.kind == "histogram" else point.value
        assert value == sample.value, metric
        if metric.kind == "histogram":
            assert point.explicit_bounds == metric.bounds


def test_nothing_is_recorded_while_nobody_watches() -> None:
    kept = OpenMetrics({})
    metrics.use(kept)
    metrics.off()
    assert metrics.time_step("look") is metrics.time_step("send", "okta")
    metrics.record_call("x", "confirmed", 1.0)
    metrics.record_refusal(401)
    metrics.record_outcome("x", "confirmed")
    metrics.record_group(3, 0.1)
    metrics.record_lag(0.1)
    metrics.declare_series(["x"], ["y"])
    assert [name for name, family in families(kept).items() if name.startswith("ailyus") and family.samples] == [
        # a metric without labels has its one series from the beginning
        "ailyus_store_commit_duration_seconds",
        "ailyus_store_group_size",
        "ailyus_loop_lag_seconds",
    ]
