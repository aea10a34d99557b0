"""The audit of coverage: its settings, and its place."""

from pathlib import Path

import pytest

from adapters.http.adapter import HttpAdapter
from contracts.action.http_request import HttpRequest
from contracts.compiler.expressions import Fault
from contracts.errors import AilyusError
from server.operations.coverage import audit_coverage, part_of
from server.workspace.clock import now_ms
from server.workspace.credentials import credentials_of
from server.workspace.probe import ShutGate
from server.workspace.workspace import Workspace
from tests.server.operations.coverage_settings import OKTA
from tests.world import Sandbox, make_workspace


@pytest.fixture
def workspace(tmp_path: Path, sandbox: Sandbox) -> Workspace:
    return make_workspace(tmp_path / "w", sandbox, extra=OKTA.format(port=sandbox.port))


@pytest.mark.parametrize("name", ["foreign", "nowhere", "untold", "unknown"])
def test_settings_that_fit_nothing_are_refused(workspace: Workspace, name: str) -> None:
    with pytest.raises(AilyusError) as caught:
        part_of(workspace, name)
    assert caught.value.code == "bad_settings"


def test_a_window_of_which_nothing_has_settled_is_refused(workspace: Workspace) -> None:
    with pytest.raises(AilyusError, match="settled"):
        audit_coverage(workspace, "okta", now_ms() + 1_000, None, lambda _: None)


async def test_a_log_is_read_below_the_base_url_only(workspace: Workspace) -> None:
    credentials = credentials_of(workspace)
    adapter = HttpAdapter(workspace.release(), ShutGate(), credentials, now_ms)
    target = workspace.targets()["okta"]
    elsewhere = target.base_url.replace("/acme/", "/globex/")
    try:
        seen = await adapter.ask(target, HttpRequest("GET", f"{elsewhere}/api/v1/logs", (), b""), 1.0)
        own = await adapter.ask(target, HttpRequest("GET", f"{target.base_url}/api/v1/logs", (), b""), 5.0)
    finally:
        await adapter.close()
        await credentials.close()
    assert isinstance(seen, Fault)
    assert "base URL" in seen.sentence
    assert not isinstance(own, Fault)
    assert own[0] == 200
