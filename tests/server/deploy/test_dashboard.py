"""After the demo's actions: what is scraped is what METRICS.md says, the dashboard finds series, nobody is named anywhere.

One run of the story is looked at by all tests here: a gateway with `[metrics]` and with a log at its lowest level, a real
Prometheus that scrapes it, and the demo's own scenes.
"""

import asyncio
import base64
import contextlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

import orjson
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from contracts.action.observation import Delivery, Outage
from policies.release import Release
from receipts.action.status import Status
from receipts.journal.halt import Scope
from server.cli.demo_stage import Stage
from server.cli.demo_story import tell_story
from server.cli.output import Format
from server.observability.metric_catalog import CERTIFICATE, METRICS, REFUSING, WITNESSED
from server.observability.metrics import REFUSALS, SHADOW_OUTCOMES, Step
from server.workspace.free_port import free_port
from server.workspace.workspace import Workspace
from tests.log_lines import secrets_of
from tests.metrics_reference import PROCESS
from tests.prometheus import SCRAPES, Prometheus, prometheus, promtool
from tests.web import web
from tests.world import ROOT, Sandbox, gateway, make_workspace

FILE = ROOT / "server" / "deploy" / "grafana-dashboard.json"
ACCEPT = {"accept": "application/openmetrics-text;version=1.0.0"}
PERSONAL = re.compile(
    r"\b(?:maria|leo|ada|(?:second-)?lead|requester|stolen|phone|ticket|47\d\d)\b|@|example\.com", re.IGNORECASE
)
"""People, their addresses, and what the story's agent writes."""
_IDS = re.compile(r"\b(?:act|rcp|req|hlt|apr|esc|agt)_[0-9A-Za-z]{8,}|00u[0-9a-z]{5,}")
PARTS = """
[metrics]
port = {port}

[logs]
level = "debug"

[export.kept]
file = "kept.jsonl"

[connections.partner]
kind = "partner"
base_url = "http://127.0.0.1:9"
tenant = "acme"
environment = "staging"
read = "file:.ailyus/secrets/partner"
write = "none"
"""


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(FILE.read_bytes())
    return found


def queries() -> dict[str, str]:
    """Each query of the dashboard by its panel, with what Grafana puts in its place."""
    found = {}
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", []):
            expression = target["expr"].replace("$__rate_interval", "2m").replace("$instance", ".*")
            found[f"{panel['title']} {target['refId']}"] = expression
    return found


@dataclass(frozen=True)
class Told:
    """What was told during and after the story."""

    pages: tuple[str, str]
    series: dict[str, int]
    log: str
    release: Release
    secrets: frozenset[str]


@pytest.fixture(scope="module")
def told(sandbox_process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    sandbox_process.reset()
    folder, port = tmp_path_factory.mktemp("story"), free_port()
    workspace = make_workspace(folder / "w", sandbox_process, extra=PARTS.format(port=port))
    claims = base64.urlsafe_b64encode(b'{"exp":4102444800}').decode().rstrip("=")
    (workspace.private / "secrets" / "partner").write_text(f"eyJhbGciOiJub25lIn0.{claims}.AAAA")
    log = io.StringIO()
    with contextlib.redirect_stderr(log), prometheus(folder / "prometheus", port) as server:
        pages, series, release = asyncio.run(_story(workspace, sandbox_process, port, server))
    yield Told(pages, series, log.getvalue(), release, secrets_of(workspace))
    sandbox_process.reset()


async def _story(
    workspace: Workspace, sandbox: Sandbox, port: int, server: Prometheus
) -> tuple[tuple[str, str], dict[str, int], Release]:
    async with gateway(workspace, sandbox) as world:
        async with (
            world.client() as client,
            web(base_url=f"http://127.0.0.1:{sandbox.port}/_sandbox", timeout=60.0) as control,
            web(base_url=f"http://127.0.0.1:{port}") as http,
        ):
            stage = Stage(world.app, client, control, Format.json, interactive=False)
            await tell_story(stage)
            wrong = [scene for scene in stage.scenes if scene.status != scene.expected]
            assert not wrong, wrong
            sampler = world.app.monitor._sampler
            assert sampler is not None
            await sampler.sample()
            await asyncio.to_thread(server.wait_for, f"ailyus_log_statements >= {world.app.store.size}")
            await asyncio.sleep(3 * SCRAPES)  # a rate needs two scrapes
            series = {panel: len(await asyncio.to_thread(server.query, query)) for panel, query in queries().items()}
            pages = [
                (await http.get("/metrics", headers=headers)).text for headers in (ACCEPT, {"accept": "text/plain"})
            ]
            return (pages[0], pages[1]), series, world.app.runner.release


def test_every_query_of_the_dashboard_finds_series(told: Told) -> None:
    assert len(told.series) >= 40
    assert [panel for panel, found in told.series.items() if not found] == []


def test_promtool_takes_what_is_scraped(told: Told) -> None:
    promtool("check", "metrics", given=told.pages[1])


def test_what_is_scraped_is_what_the_document_says(told: Told) -> None:
    page = {family.name: family for family in text_string_to_metric_families(told.pages[0])}
    ours = {metric.family: metric for metric in METRICS}
    of_process = {name.removesuffix("_total") for name in PROCESS}
    assert page.keys() == {*ours, *of_process, "target"}
    for name, metric in ours.items():
        assert (page[name].type, page[name].unit) == (metric.kind, metric.suffix), metric
        assert page[name].documentation == metric.meaning
        # the story has no TLS of its own, and no witness
        assert page[name].samples or metric in (CERTIFICATE, WITNESSED, REFUSING), (
            f"the story brings no sample of {name}"
        )
        for sample in page[name].samples:
            assert set(sample.labels) - {"le"} == set(metric.labels), sample
    for name, (kind, *_) in PROCESS.items():
        assert page[name.removesuffix("_total")].type == kind


def test_no_label_is_unbounded_or_personal(told: Told) -> None:
    catalog = told.release.catalog
    contracts = {*catalog.programs, *catalog.plans, "run_plan"}
    allowed: dict[str, set[str]] = {
        "ailyus_contract": contracts,
        "gen_ai_tool_name": contracts | {"get_action", "find_receipts", "other"},
        "ailyus_connection": {*told.release.targets, ""},
        "ailyus_status": {*get_args(Status), "error"},
        "ailyus_decision": {"permitted", "approval", "denied", "unavailable"},
        "ailyus_approval_verdict": {"approve", "refuse"},
        "ailyus_step": set(get_args(Step)),
        "ailyus_attempt": {"1", "2", "3"},
        "ailyus_delivery": set(get_args(Delivery)),
        "ailyus_outage": set(get_args(Outage)),
        "http_response_status_code": {str(code) for code in REFUSALS},
        "ailyus_halt_scope": set(get_args(Scope)),
        "ailyus_halt_by": {"breaker", "person"},
        "ailyus_pool": {"browser_tabs", "mcp_servers", "adapter_processes", "store_readers"},
        "ailyus_session": {"console", "mcp"},
        "ailyus_credential": {"read", "write"},
        "ailyus_shadow_outcome": set(SHADOW_OUTCOMES),
        "ailyus_export": {"kept"},
    }
    seen: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(told.pages[0]):
        for sample in family.samples if family.name.startswith("ailyus") else ():
            for label, value in sample.labels.items():
                seen.setdefault(label, set()).add(value)
    seen.pop("le")
    assert {label: wrong for label, values in seen.items() if (wrong := values - allowed[label])} == {}
    assert seen["ailyus_step"] == allowed["ailyus_step"] - {"cosign"}  # nothing of the story waits for witnesses
    values = "\n".join(value for values in seen.values() for value in values)
    assert PERSONAL.findall(values) == []
    assert not _IDS.search(told.pages[0])


def test_the_log_of_the_story_names_nobody_and_no_secret(told: Told) -> None:
    found = [orjson.loads(line) for line in told.log.splitlines()]
    carried = [line for line in found if line["event"] == "action_carried"]
    assert len(carried) >= 15
    assert {"action", "receipt", "request", "status", "contract"} <= set(carried[0])
    assert PERSONAL.findall(told.log) == []
    assert len(told.secrets) >= 10
    assert [secret for secret in told.secrets if secret in told.log] == []
    assert str(ROOT) not in told.log


def test_the_dashboard_can_be_imported() -> None:
    board = dashboard()
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    assert {panel["datasource"]["uid"] for panel in panels} == {"${datasource}"}
    assert {variable["name"] for variable in board["templating"]["list"]} == {"datasource", "instance"}
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        for target in panel["targets"]:
            assert target["legendFormat"], panel["title"]
    taken = [(p["gridPos"]["x"], p["gridPos"]["y"]) for p in board["panels"]]
    assert len(set(taken)) == len(taken)
    assert "/" not in board["title"]
