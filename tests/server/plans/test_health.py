"""The health of a plan: read before it, between the waves of a list, and at its end."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contracts.action.observation import Observation
from contracts.hiding import Hiding
from server.plans.health import PlanHealth, health_checks
from server.plans.run import Run
from tests.server.engine import Engine, engine
from tests.server.plans.runs import begun, both, plan_action, step, watched


async def run_of(made: Engine) -> tuple[Run, Observation]:
    run = await begun(made, both(made))
    before = await PlanHealth(made.executor).read(run.planned)
    assert before is not None
    return run, before


@pytest.fixture
async def plain(tmp_path: Path) -> AsyncIterator[Engine]:
    async with engine(tmp_path, contracts=watched(tmp_path / "contracts")) as made:
        yield made


async def test_it_is_read_where_the_author_declared_it(plain: Engine, tmp_path_factory: Any) -> None:
    _, before = await run_of(plain)
    assert before.scope("before")["before.watched"] == plain.records["watched"]
    async with engine(tmp_path_factory.mktemp("own")) as made:
        run = await begun(made, plan_action(made, step("one", "r1")))
        assert await PlanHealth(made.executor).read(run.planned) is None
        assert not await PlanHealth(made.executor).is_worse(run, None, same_list=True)


@pytest.mark.parametrize(("value", "worse"), [("fine", False), ("broken", True)])
async def test_between_waves_of_a_list_what_was_met_before_must_be_met(plain: Engine, value: str, worse: bool) -> None:
    run, before = await run_of(plain)
    plain.records["watched"]["value"] = value
    health = PlanHealth(plain.executor)
    assert await health.is_worse(run, before, same_list=True) is worse
    assert not await health.is_worse(run, before, same_list=False)  # only `worse` tells elsewhere


async def test_what_was_not_met_before_makes_nothing_worse(plain: Engine) -> None:
    run, _ = await run_of(plain)
    plain.records["watched"]["value"] = "broken"
    before = await PlanHealth(plain.executor).read(run.planned)
    assert before is not None
    health = PlanHealth(plain.executor)
    assert not await health.is_worse(run, before, same_list=True)
    # begun by another process with digests alone: what held at first is not known, so it must hold now
    assert await health.is_worse(run, replace(before, hiding=Hiding(b"k" * 32)), same_list=True)


async def test_what_cannot_be_read_counts_as_worse(plain: Engine) -> None:
    run, before = await run_of(plain)
    plain.fault("503", "watched", reads=True, times=9)
    assert await PlanHealth(plain.executor).is_worse(run, before, same_list=True)


async def test_worse_is_what_its_author_says(tmp_path: Path) -> None:
    contracts = watched(tmp_path / "contracts", worse='"after.watched.version != before.watched.version"')
    async with engine(tmp_path, contracts=contracts) as made:
        run, before = await run_of(made)
        health = PlanHealth(made.executor)
        assert not await health.is_worse(run, before, same_list=False)
        made.records["watched"]["version"] = "2"
        assert await health.is_worse(run, before, same_list=False)
        del made.records["watched"]["version"]
        assert await health.is_worse(run, before, same_list=False)  # what cannot be told is worse


async def test_half_a_list_is_no_health(tmp_path: Path) -> None:
    contracts = watched(tmp_path / "contracts", worse='"size(after.watched.events) > size(before.watched.events)"')
    async with engine(tmp_path, contracts=contracts) as made:
        run, before = await run_of(made)
        health = PlanHealth(made.executor)
        assert not await health.is_worse(run, before, same_list=False)
        made.records["watched"]["has_more"] = True
        assert await health.is_worse(run, before, same_list=False)


@pytest.mark.parametrize(("value", "met"), [("fine", True), ("broken", False)])
async def test_the_whole_is_read_until_it_holds_or_the_settle_time_is_over(
    plain: Engine, value: str, met: bool
) -> None:
    run, before = await run_of(plain)
    plain.records["watched"]["value"] = value
    (check,), after = await PlanHealth(plain.executor).settled(run, before)
    assert (check.met, check.fault) == (met, None)
    assert after is not None


async def test_expectations_that_were_not_read_are_neither_met_nor_unmet(plain: Engine) -> None:
    run, before = await run_of(plain)
    for now, fault in (
        (None, "the record does not exist"),
        (replace(before, fault="503"), "503"),
        (replace(before, missing=True), "the record does not exist"),
    ):
        (check,) = health_checks(run.planned.program, {}, before, now)
        assert (check.met, check.unmet, check.fault) == (False, False, fault)
