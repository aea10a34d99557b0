"""A metric's names in OpenMetrics follow from those of OpenTelemetry."""

import pytest

from server.observability.metric import Kind, Metric


@pytest.mark.parametrize(
    ("kind", "unit", "family", "series"),
    [
        ("counter", "{action}", "ailyus_actions", "ailyus_actions_total"),
        ("gauge", "By", "ailyus_actions_bytes", "ailyus_actions_bytes"),
        ("histogram", "s", "ailyus_actions_seconds", "ailyus_actions_seconds"),
        ("counter", "s", "ailyus_actions_seconds", "ailyus_actions_seconds_total"),
    ],
)
def test_a_unit_and_a_kind_end_its_name_as_prometheus_wants_it(kind: Kind, unit: str, family: str, series: str) -> None:
    metric = Metric("ailyus.actions", kind, unit, ("ailyus.action.status", "error.type"), "actions")
    assert (metric.family, metric.series) == (family, series)
    assert metric.labels == ("ailyus_action_status", "error_type")
