"""What Cedar is told beside the request: approvals, rates, incidents, what a plan's earlier steps take, the budget."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from contracts.action.observation import Observation
from policies.budget import UNKNOWN_COST
from policies.decision import ApprovalRequired, Denied, Permitted, Rate, Unavailable
from receipts.action.action import Action, PlanStep
from server.execution.decisions import NO_APPROVALS, ApprovalCount, EarlierUse
from server.execution.resolved_action import ResolvedAction
from tests.server.engine import BOT, CONTRACTS, LEAD, PERMIT, Engine, engine

RATED = (
    '@id("one-an-hour") forbid (principal, action == Action::"set_value", resource) when { context.rate.lastHour > 0 };'
)
CALM = '@id("calm") forbid (principal, action == Action::"set_value", resource) when { context.resourceOpenIncident };'


async def looked(made: Engine, action: Action) -> tuple[ResolvedAction, Observation]:
    resolved = made.executor.resolve(action)
    assert isinstance(resolved, ResolvedAction)
    return resolved, await made.executor.observe(resolved.permit)


async def test_approvals_make_the_difference(tmp_path: Path) -> None:
    async with engine(tmp_path, PERMIT, LEAD) as made:
        resolved, before = await looked(made, made.action())
        decide = made.executor.decisions.decide
        without = await decide(resolved, before)
        assert isinstance(without, ApprovalRequired)
        assert without.needs == ((("Lead", 1),),)
        assert isinstance(await decide(resolved, before, ApprovalCount({"Lead": 1}, 5)), Permitted)


async def test_what_was_not_read_is_denied_or_unavailable_and_never_permitted(permissive: Engine) -> None:
    action = permissive.action()
    resolved, before = await looked(permissive, action)
    gone = replace(before, readings={}, missing=True)
    decide = permissive.executor.decisions.decide
    assert type(await decide(resolved, gone)) is Denied
    permissive.fault("503", reads=True, times=5)
    _, down = await looked(permissive, action)
    assert isinstance(await decide(resolved, down), Unavailable)


async def test_earlier_steps_of_a_plan_take_from_the_rate(tmp_path: Path) -> None:
    async with engine(tmp_path, PERMIT, RATED) as made:
        resolved, before = await looked(made, made.action())
        decide = made.executor.decisions.decide
        assert isinstance(await decide(resolved, before), Permitted)
        assert isinstance(await decide(resolved, before, NO_APPROVALS, EarlierUse(Rate(1, 1, 0))), Denied)


async def test_a_rate_that_no_policy_reads_is_not_counted(permissive: Engine, tmp_path: Path) -> None:
    await permissive.live.pipeline.act(permissive.action())
    later = permissive.action(record="r1", value="newer")
    context = await permissive.executor.decisions.context(later, earlier=EarlierUse(Rate(9, 9, 9)))
    assert context.rate == Rate()
    (tmp_path / "rated").mkdir()
    async with engine(tmp_path / "rated", PERMIT, RATED) as made:
        await made.live.pipeline.act(made.action())
        later = made.action(record="r1", value="newer")
        assert (await made.executor.decisions.context(later)).rate == Rate(1, 1, 0)
        assert (await made.live.pipeline.act(later)).status == "denied"


async def test_an_open_incident_counts_at_its_resource_alone(tmp_path: Path) -> None:
    async with engine(tmp_path, PERMIT, CALM) as made:
        made.seed("r2")
        made.fault("lying_200")
        assert (await made.live.pipeline.act(made.action())).status == "unknown"
        decisions = made.executor.decisions
        for record, kind in (("r1", Denied), ("r2", Permitted)):
            resolved, before = await looked(made, made.action(record=record, value="other"))
            assert isinstance(await decisions.decide(resolved, before), kind), record


async def test_a_step_says_how_large_its_plan_is(permissive: Engine) -> None:
    action = permissive.action()
    step = replace(action, step=PlanStep("act_p", 1, 4, 7, "one", wave=3))
    assert (await permissive.executor.decisions.context(action)).plan_size == 0
    context = await permissive.executor.decisions.context(step)
    assert (context.plan_size, context.wave) == (7, 3)


@pytest.mark.parametrize(
    ("spends", "cost"), [("", 0), ("7", 7), ("size(inputs.value)", 3), ("-1", UNKNOWN_COST), ("1.5", UNKNOWN_COST)]
)
async def test_a_cost_that_cannot_be_told_is_more_than_any_budget(tmp_path: Path, spends: str, cost: int) -> None:
    contracts = tmp_path / "contracts"
    contracts.mkdir()
    shutil.copy(CONTRACTS / "put_record.yaml", contracts)
    text = (contracts / "put_record.yaml").read_text()
    (contracts / "put_record.yaml").write_text(text + (f'spends: "{spends}"\n' if spends else ""))
    async with engine(tmp_path, contracts=contracts) as made:
        action = made.action("put_record", record="r1", value="new")
        assert made.executor.decisions.budget_cost(action.request) == cost
        assert (await made.executor.decisions.context(action)).spends == cost


async def test_a_resource_is_known_by_a_pseudonym_of_its_tenant(permissive: Engine) -> None:
    action = permissive.action()
    ready = await permissive.permitted(action)
    name = permissive.executor.decisions.resource(action.request, ready.permitted.facts)
    assert "r1" not in name
    elsewhere = replace(action.request, connection="other")
    assert permissive.executor.decisions.resource(elsewhere, ready.permitted.facts) != name


READ_FIRST = '@id("look") forbid (principal, action == Action::"set_value", resource) unless { context.session.saw.contains("get_record") };'


async def test_what_an_agent_was_shown_for_its_person_is_known_within_its_hours(tmp_path: Path) -> None:
    async with engine(tmp_path, PERMIT, READ_FIRST) as made:
        act, saw = made.live.pipeline.act, made.executor.decisions.context
        assert (await act(made.action())).status == "denied"
        # a denial showed nothing
        assert (await saw(made.action())).saw == frozenset()
        assert (await act(made.action("get_record", record="r1"))).status == "confirmed"
        assert {"get_record", "read"} <= ((await saw(made.action())).saw or set())
        # by another agent, or for another person, nothing was seen
        for other in (replace(BOT, agent="other"), replace(BOT, person="lead")):
            assert (await saw(made.action(caller=other))).saw == frozenset()
        # what a step of a plan before it reads, it may pass on
        assert "read" in (
            (
                await saw(
                    made.action(caller=replace(BOT, agent="other")),
                    earlier=EarlierUse(contracts=frozenset({"get_record"})),
                )
            ).saw
            or ()
        )
        assert (await act(made.action())).status == "confirmed"
        hours = 9 * 3_600_000
        assert await made.journal.shown(made.action(), made.journal.store.now_ms() + hours) == frozenset()
