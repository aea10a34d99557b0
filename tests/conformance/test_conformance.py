"""The official suite: every scenario that a revision scores, and every one of the tasks extension."""

import asyncio
from pathlib import Path

import pytest

from tests.conformance.suite import REVISIONS, UNSCORED, profile, run
from tests.world import Sandbox

LEAST = {"2025-11-25": 30, "2026-07-28": 47}
"""How many scenarios must have run: those that the revision scores, and ten of tasks in the newer one."""


@pytest.mark.parametrize("revision", REVISIONS)
async def test_every_scored_scenario_and_every_one_of_tasks(tmp_path: Path, sandbox: Sandbox, revision: str) -> None:
    async with profile(tmp_path / "w", sandbox) as url:
        report = await asyncio.to_thread(run, url, revision, tmp_path / "results")
    scored = report.scenarios - UNSCORED.keys()
    assert len(scored) >= LEAST[revision], report.text
    assert report.missed == [], report.text
    assert {name for name in scored if name.startswith("tasks-")} == (TASKS if revision == "2026-07-28" else set())


TASKS = {
    f"tasks-{name}"
    for name in (
        "lifecycle",
        "capability-negotiation",
        "wire-fields",
        "request-state-removal",
        "mrtr-input",
        "request-headers",
        "dispatch-and-envelope",
        "status-notifications",
        "required-task-error",
        "mrtr-composition",
    )
}
