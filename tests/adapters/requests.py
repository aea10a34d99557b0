"""One order for the HTTP adapter."""

import time
from dataclasses import replace
from pathlib import Path

from adapters.credentials.cache import Credentials
from adapters.http.adapter import HttpAdapter
from contracts.action.dispatch import Dispatch
from contracts.action.http_request import HttpRequest, render_route
from contracts.action.observation import Execution, Reading
from contracts.action.request import ActionRequest
from contracts.action.target import Target
from contracts.compiler.catalog import load_catalog
from contracts.compiler.expressions import Fault
from contracts.compiler.read_program import Read
from policies.candidate import Candidate
from policies.principal import People
from policies.release import Release
from tests.slowness import scaled
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


def adapter_for(release: Release, gate: object = None) -> HttpAdapter:
    """The adapter of a release, at the wall clock."""
    return HttpAdapter(release, gate or Open(), Credentials(Path("/nonexistent")), lambda: int(time.time() * 1000))  # type: ignore[arg-type]


def order_for(release: Release, seconds: float = 1.0, http: HttpRequest | None = None) -> Dispatch:
    """An order to put a record, or to send this request."""
    request = request_for(release)
    program, target = release.catalog.programs["put_record"], release.targets["records"]
    rendered = http or render_route(
        program.routes[0], target.base_url,
        {"inputs.record": "r1", "inputs.value": "new", "before.record": {"version": "1"}}, frozenset(),
    )  # fmt: skip
    assert not isinstance(rendered, Fault)
    return Dispatch(
        "act_1", request, request.action_digest, request.target_digest, 1, 1, 0, 1, 1, 0, time.monotonic() + seconds,
        "act_1-1", 100, rendered,
    )  # fmt: skip


async def execute(
    release: Release, gate: object = None, seconds: float = 1.0, http: HttpRequest | None = None
) -> Execution:
    """Send one order by an adapter of its own."""
    adapter = adapter_for(release, gate)
    try:
        return await adapter.execute(order_for(release, seconds, http))
    finally:
        await adapter.close()


async def look(adapter: HttpAdapter, release: Release) -> Reading | Fault:
    """Read the record once."""
    read = release.readable("put_record").reads[0]
    assert isinstance(read, Read)
    return await adapter.read(read, release.targets["records"], {"inputs.record": "r1"}, time.monotonic() + scaled(5))
