"""Patience with what cannot be asked just now: for a few seconds, and only where nobody has to do something first."""

import shutil
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.http.rate_budget import write_keys
from adapters.router import AdapterRouter
from contracts.action.observation import Outage
from contracts.compiler.route_program import HttpProgram
from receipts.action.action import Action
from server.execution import patience
from server.execution.patience import Patience, observe_patiently
from server.execution.resolved_action import ResolvedAction
from server.plans.runner import Plans
from tests.server.engine import CONTRACTS, LEAD, PERMIT, Engine, engine
from tests.server.plans.runs import plan_action, step


@pytest.mark.parametrize(
    ("outage", "bears"),
    [
        ("no_credential", True),
        ("credential_refused", True),
        ("unreachable", True),
        ("target_failed", True),
        ("not_connected", False),
        ("no_open_route", False),
        (None, False),
    ],
)
async def test_only_what_may_pass_is_borne(permissive: Engine, outage: Outage | None, bears: bool) -> None:
    assert await Patience(permissive.release.targets["records"]).bears(outage) is bears


async def test_it_ends_when_reads_may_lag_behind_no_longer(permissive: Engine) -> None:
    target, began = permissive.release.targets["records"], time.monotonic()
    borne = Patience(target)
    while await borne.bears("unreachable"):
        pass
    assert time.monotonic() - began >= target.max_settle_ms / 1000
    none = Patience(replace(target, max_settle_ms=0))
    assert not await none.bears("unreachable")


async def test_a_look_that_was_taken_is_the_last(permissive: Engine) -> None:
    resolved = permissive.executor.resolve(permissive.action())
    assert isinstance(resolved, ResolvedAction)
    permissive.fault("503", reads=True)
    slow = replace(resolved.target, max_settle_ms=60_000)
    assert (await observe_patiently(permissive.executor.observe, resolved.permit, slow)).ok
    assert permissive.sandbox.faults[0]["times"] == 0
    del permissive.records["r1"]
    assert (await observe_patiently(permissive.executor.observe, resolved.permit, slow)).missing


async def test_a_write_waits_for_a_limit_that_soon_frees_and_for_no_other(tmp_path: Path) -> None:
    folder = tmp_path / "records"
    shutil.copytree(CONTRACTS, folder)
    rates = "rates: [{remaining: ratelimit-remaining, reset: ratelimit-reset}]\n"
    (folder / "_system.yaml").write_text(f"system: records\n{rates}")
    async with engine(tmp_path, contracts=folder) as made:
        made.seed("r1")
        route, target = made.release.catalog.programs["set_value"].routes[0], made.release.targets["records"]
        assert isinstance(route, HttpProgram)
        assert isinstance(made.executor.adapter, AdapterRouter)
        limits = made.executor.adapter._http._budgets
        for reset, value, status in (("1", "first", "confirmed"), ("900", "second", "unavailable")):
            limits.note(write_keys(route, target, ""), 200, {"ratelimit-remaining": "0", "ratelimit-reset": reset})
            answer = await made.live.pipeline.act(made.action(record="r1", value=value))
            assert (answer.status, len(made.writes())) == (status, 1), answer


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Engine]:
    async with engine(tmp_path, PERMIT, LEAD) as made:
        yield made


async def approved(made: Engine) -> Action:
    """An action that people have just approved."""
    action = await made.waiting()
    await made.inbox.decide(await made.signed(action.id))
    return await made.row(action.id)


def without_credential(made: Engine) -> None:
    (made.root / "write").rename(made.root / "away")


def with_credential(made: Engine) -> None:
    (made.root / "away").rename(made.root / "write")


async def test_what_people_approved_waits_for_a_system_that_answers_again(guarded: Engine) -> None:
    action = await approved(guarded)
    guarded.fault("503", reads=True, times=2)
    assert (await guarded.live.pipeline.act(action)).status == "confirmed"
    assert guarded.writes() == ["PUT /records/r1"]


@pytest.mark.parametrize("lacks", ["a look", "a credential"])
async def test_an_outage_that_lasts_takes_no_approval_away(
    guarded: Engine, monkeypatch: pytest.MonkeyPatch, lacks: str
) -> None:
    monkeypatch.setattr(patience, "APPROVED_SECONDS", 0.01)
    action = await approved(guarded)
    if lacks == "a look":
        guarded.fault("503", reads=True, times=99)
    else:
        without_credential(guarded)
    for _ in range(2):
        assert (await guarded.live.pipeline.act(action)).status == "running"
        assert (await guarded.row(action.id)).state == "ready"
    assert guarded.writes() == []
    guarded.sandbox.faults.clear()
    if lacks == "a credential":
        with_credential(guarded)
    # decided again, with the approval that it had
    assert (await guarded.live.pipeline.act(action)).status == "confirmed"
    assert len(guarded.writes()) == 1


async def test_an_approval_that_ended_meanwhile_is_used_no_more(guarded: Engine) -> None:
    action = await approved(guarded)
    guarded.fault("503", reads=True, times=99)
    late = replace(action, expires_ms=guarded.executor.now())
    assert (await guarded.live.pipeline.act(late)).status == "unavailable"
    assert (await guarded.row(action.id)).state == "ended"


async def test_what_nobody_has_approved_does_not_wait(permissive: Engine) -> None:
    permissive.fault("503", reads=True, times=1)
    assert (await permissive.live.pipeline.act(permissive.action())).status == "unavailable"
    assert permissive.sandbox.faults[0]["times"] == 0


async def test_a_plan_that_people_approved_waits_too(guarded: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    action = plan_action(guarded, step("one", "r1"))
    await Plans(guarded.executor).perform(action)
    await guarded.inbox.decide(await guarded.signed(action.id))
    guarded.fault("503", reads=True, times=99)
    row = await guarded.row(action.id)
    with monkeypatch.context() as soon:
        soon.setattr(patience, "APPROVED_SECONDS", 0.01)
        assert (await Plans(guarded.executor).perform(row)).status == "running"
    assert (await guarded.row(action.id)).state == "ready"
    guarded.sandbox.faults[0]["times"] = 1
    assert (await Plans(guarded.executor).perform(row)).status == "confirmed"
