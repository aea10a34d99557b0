"""The alert rules: promtool takes them, each goes off where it should and nowhere else, and they name what there is."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from server.observability.metric_catalog import METRICS
from tests.metrics_reference import PROCESS
from tests.prometheus import promtool
from tests.world import ROOT

FILE = ROOT / "server" / "deploy" / "prometheus-alerts.yaml"
_SERIES = re.compile(r"\b(?:ailyus|process)_[a-z_]+(?=[{\[ )]|$)")
_COMMANDS = re.compile(r"`ailyus ([a-z-]+(?: [a-z-]+)?)`")

# what makes each rule go off: series and their values, one a minute from 0 to 40
SERIES: dict[str, dict[str, str]] = {
    "AilyusDown": {'up{job="ailyus", instance="a"}': "0x40"},
    "AilyusStoreUnreadable": {'ailyus_store_readable{instance="a"}': "0x40"},
    "AilyusCommitsSlow": {
        'ailyus_store_commit_duration_seconds_bucket{instance="a", le="0.25"}': "0x40",
        'ailyus_store_commit_duration_seconds_bucket{instance="a", le="1"}': "0+60x40",
        'ailyus_store_commit_duration_seconds_bucket{instance="a", le="+Inf"}': "0+60x40",
    },
    "AilyusWriterBehind": {'ailyus_store_queue{instance="a"}': "2000x40"},
    "AilyusLoopLags": {
        'ailyus_loop_lag_seconds_bucket{instance="a", le="0.25"}': "0x40",
        'ailyus_loop_lag_seconds_bucket{instance="a", le="0.5"}': "0+60x40",
        'ailyus_loop_lag_seconds_bucket{instance="a", le="+Inf"}': "0+60x40",
    },
    "AilyusPoolFull": {
        'ailyus_pool_used{instance="a", ailyus_pool="browser_tabs"}': "4x40",
        'ailyus_pool_limit{instance="a", ailyus_pool="browser_tabs"}': "4+0x40",
    },
    "AilyusFilesRunOut": {
        'process_open_fds{job="ailyus"}': "900x40",
        'process_max_fds{job="ailyus"}': "1024x40",
    },
    "AilyusTokensRefused": {'ailyus_requests_refused_total{instance="a", http_response_status_code="401"}': "0+120x40"},
    "AilyusOutcomeInDoubt": {
        # it begins at 0, as a gateway begins it, and grows once
        'ailyus_outcomes_total{ailyus_contract="reset", ailyus_status="unknown"}': "0x30 1x10"
    },
    "AilyusIncidentsOpen": {"ailyus_incidents_open": "1x40"},
    "AilyusEscalationIgnored": {"ailyus_escalations_open": "1x40"},
    "AilyusWitnessRefuses": {"ailyus_witness_refusing": "1x40"},
    "AilyusWitnessBehind": {
        'ailyus_witness_statements{instance="a"}': "7x40",
        'ailyus_log_statements{instance="a"}': "7+1x40",
    },
    "AilyusExportStopped": {'ailyus_export_stopped{ailyus_export="siem"}': "1x40"},
    "AilyusExportBehind": {'ailyus_export_lag_age_seconds{ailyus_export="siem"}': "0+60x40"},
    "AilyusNoticesNotDelivered": {"ailyus_notices_open": "1x40"},
    "AilyusIntentStuck": {'ailyus_intents_open_age_seconds{ailyus_connection="okta"}': "0+60x40"},
    "AilyusApprovalWaits": {'ailyus_approvals_waiting_age_seconds{ailyus_contract="reset"}': "2000+60x40"},
    "AilyusBreakerOpen": {'ailyus_halts{ailyus_halt_scope="contract", ailyus_halt_by="breaker"}': "1x40"},
    "AilyusConnectionHalted": {'ailyus_connection_halted{ailyus_connection="okta"}': "1x40"},
    "AilyusSystemUnavailable": {
        'ailyus_reads_unavailable_total{ailyus_connection="okta", ailyus_outage="unreachable"}': "0+30x40",
        'ailyus_step_duration_seconds_count{ailyus_connection="okta", ailyus_step="look"}': "0+60x40",
    },
    "AilyusCredentialUnusable": {
        'ailyus_credential_usable{ailyus_connection="okta", ailyus_credential="read"}': "0x40"
    },
    "AilyusCertificateExpires": {'ailyus_certificate_expiry_timestamp_seconds{instance="a"}': "86400x40"},
    "AilyusCredentialExpires": {
        # the clock of the test begins at 0
        'ailyus_credential_expiry_timestamp_seconds{ailyus_connection="okta", ailyus_credential="read"}': "86400x40"
    },
}
# the same series in good order
CALM = {
    "7x40": "7+1x40",
    "7+1x40": "7+1x40",
    "0x40": "1x40",
    "1x40": "0x40",
    "0x30 1x10": "0x40",
    "0+60x40": "0x40",
    "0+120x40": "0x40",
    "0+30x40": "0x40",
    "2000x40": "0x40",
    "2000+60x40": "0x40",
    "900x40": "9x40",
    "1024x40": "1024x40",
    "4x40": "1x40",
    "4+0x40": "4+0x40",
    "86400x40": "86400000x40",
}


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(FILE.read_text())["groups"] for rule in group["rules"]]


def test_promtool_takes_the_rules() -> None:
    assert f"{len(rules())} rules found" in promtool("check", "rules", "--lint-fatal", str(FILE))


def test_every_rule_has_what_a_person_needs() -> None:
    known = (ROOT / "server" / "cli" / "README.md").read_text()
    for rule in rules():
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}, rule
        assert rule["labels"]["severity"] in ("critical", "warning", "info"), rule
        for annotation in ("summary", "description"):
            assert rule["annotations"][annotation].endswith("."), rule
        for command in _COMMANDS.findall(rule["annotations"]["description"]):
            assert f"### ailyus {command}\n" in known, command
    assert len({rule["alert"] for rule in rules()}) == len(rules())


def test_the_rules_name_only_metrics_that_there_are() -> None:
    there = {*PROCESS}
    for metric in METRICS:
        ends = ("_bucket", "_sum", "_count") if metric.kind == "histogram" else ("",)
        there |= {metric.series + end for end in ends}
    named = {name for rule in rules() for name in _SERIES.findall(rule["expr"])}
    assert len(named) >= 15
    assert named - there - {name for metric in METRICS for name in metric.labels} == set()


@pytest.mark.parametrize("calm", [False, True], ids=["goes off", "is calm"])
def test_each_rule_goes_off_where_it_should_and_nowhere_else(tmp_path: Path, calm: bool) -> None:
    assert SERIES.keys() == {rule["alert"] for rule in rules()}
    groups = []
    for rule in rules():
        series = SERIES[rule["alert"]].items()
        if calm:
            series = [(name, CALM[values]) for name, values in series]  # type: ignore[assignment]
        found = {
            "expr": f"count({rule['expr']}) or vector(0)",
            "eval_time": "35m",
            "exp_samples": [{"labels": "{}", "value": int(not calm)}],
        }
        groups.append(
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in series],
                "promql_expr_test": [found],
            }
        )
    (tmp_path / "rules.test.yaml").write_text(yaml.safe_dump({"rule_files": [str(FILE)], "tests": groups}))
    assert "SUCCESS" in promtool("test", "rules", str(tmp_path / "rules.test.yaml"))
