"""One order for the HTTP adapter."""

import time
from dataclasses import replace
from pathlib import Path

from adapters.http.adapter import HttpAdapter
from contracts.action.dispatch import Dispatch
from contracts.action.http_request import render_route
from contracts.action.observation import Execution
from contracts.action.request import ActionRequest
from contracts.action.target import Target
from contracts.compiler.catalog import load_catalog
from contracts.compiler.expressions import Fault
from policies.candidate import Candidate
from policies.principal import People
from policies.release import Release
from tests.world import ROOT


class Open:
    """A gate that lets every order pass once."""

    def __init__(self) -> None:
        self.entered = 0

    def enter(self, dispatch: Dispatch) -> str | None:
        self.entered += 1
        return None


def release_for(port: int, **more: object) -> Release:
    target = Target(
        "records", "records", f"http://127.0.0.1:{port}/v1", "acme", "prod", "none", "none", "p", direct=True
    )
    catalog = load_catalog(ROOT / "tests" / "vectors" / "records")
    target = replace(target, **more)  # type: ignore[arg-type]
    return Release.build(Candidate(catalog, {}, {"records": target}, People({}), ("Support",), origin="o"))


def request_for(release: Release, contract: str = "put_record") -> ActionRequest:
    program = release.catalog.programs[contract]
    return ActionRequest(
        contract, 1, program.digest, program.contract.kind, "low", "acme", "bot", "ann", "ann", "records",
        release.targets["records"].digest, {"record": "r1", "value": "new"}, None, None,
    )  # fmt: skip


async def execute(release: Release, gate: object = None, seconds: float = 1.0) -> Execution:
    adapter = HttpAdapter(release, gate or Open(), Path("/nonexistent"), lambda: int(time.time() * 1000))  # type: ignore[arg-type]
    request = request_for(release)
    program, target = release.catalog.programs["put_record"], release.targets["records"]
    http = render_route(
        program.routes[0], target.base_url,
        {"inputs.record": "r1", "inputs.value": "new", "before.record": {"version": "1"}}, frozenset(),
    )  # fmt: skip
    assert not isinstance(http, Fault)
    dispatch = Dispatch(
        "act_1", request, request.action_digest, request.target_digest, 1, 1, 0, 1, 1, 0, time.monotonic() + seconds,
        "act_1-1", 100, http,
    )  # fmt: skip
    try:
        return await adapter.execute(dispatch)
    finally:
        await adapter.close()
