"""What a budget counts: by tenant, agent, connection or role, with what is in doubt and without what did not happen."""

from dataclasses import replace
from pathlib import Path

import pytest

from receipts.action.action import Action
from server.execution.attempt import SentAttempt
from tests.server.engine import BOT, PERMIT, Engine, engine

SHARED = """budgets:
  - {name: all, action: write, per: tenant, window: 1h}
  - {name: mine, action: write, per: agent, window: 24h}
  - {name: there, action: write, per: connection, window: day}
  - {name: team, action: write, per: role, window: hour}
"""
READS = '@id("some") forbid (principal, action == Action::"set_value", resource) when { context.budget.all > 3 };'
OTHER = replace(BOT, agent="other", roles=frozenset({"Lead"}))
BOTH = replace(BOT, agent="both", roles=frozenset({"Lead", "Support"}))


async def taken(made: Engine, action: Action) -> dict[str, int]:
    return dict((await made.executor.decisions.context(action)).budgets)


async def test_who_counts_together(tmp_path: Path) -> None:
    async with engine(tmp_path, PERMIT, READS, budgets=SHARED) as made:
        made.seed("r1", "r2", "r3", "r4", "r5")
        act = made.live.pipeline.act
        assert await taken(made, made.action()) == {"all": 1, "mine": 1, "there": 1, "team": 1}
        assert (await act(made.action(record="r1", value="a"))).status == "confirmed"
        assert (await act(made.action(record="r2", value="a", caller=OTHER))).status == "confirmed"
        assert await taken(made, made.action()) == {"all": 3, "mine": 2, "there": 3, "team": 2}
        # of several roles, the one that took most; a read takes nothing
        assert (await act(made.action(record="r3", value="a", caller=OTHER))).status == "confirmed"
        both = made.action(caller=BOTH)
        assert await taken(made, both) == {"all": 4, "mine": 1, "there": 4, "team": 3}
        assert (await act(both)).status == "denied"
        elsewhere = replace(made.action(), request=replace(made.action().request, tenant="another"))
        assert await made.journal.used(made.executor.decisions.budget_counts(elsewhere.request)[0], elsewhere) == 0


async def test_what_is_in_doubt_keeps_its_share_and_what_did_not_happen_gives_it_back(tmp_path: Path) -> None:
    async with engine(tmp_path, PERMIT, READS, budgets=SHARED) as made:
        made.seed("r1", "r2")
        doubted = await made.unknown()
        assert (await taken(made, made.action(record="r2", value="a")))["all"] == 2
        # the action itself is not counted twice, and what takes it back takes nothing
        assert (await taken(made, doubted))["all"] == 1
        assert (await taken(made, replace(made.action(), undoes=doubted.id)))["all"] == 1
        await made.journal.store.write(
            lambda txn: txn.write("UPDATE actions SET status = 'not_applied' WHERE id = ?", doubted.id)
        )
        assert (await taken(made, made.action(record="r2", value="a")))["all"] == 1


async def test_what_is_on_its_way_counts_from_its_intent_on(tmp_path: Path) -> None:
    """Its process may die at any point from there: the row is what the next one counts."""
    async with engine(tmp_path, PERMIT, READS, budgets=SHARED) as made:
        made.seed("r1", "r2")
        sent = await made.sent(made.action(record="r1", value="a"))
        other = made.action(record="r2", value="a", caller=OTHER)
        assert (await made.row(sent.action.id)).state == "running"
        assert (await taken(made, other))["all"] == 2


async def test_the_last_share_goes_to_one(tmp_path: Path) -> None:
    """Two that were decided on the same count: the commit of the second finds it taken."""
    async with engine(tmp_path, PERMIT, READS, budgets=SHARED) as made:
        made.seed("r1", "r2")
        first = await made.permitted(made.action(record="r1", value="a"))
        second = await made.permitted(made.action(record="r2", value="a", caller=OTHER))
        assert isinstance(await made.executor.send(first), SentAttempt)
        stale = await made.executor.send(second)
        assert getattr(stale, "counted", False), stale


@pytest.mark.parametrize("policy", ["", READS.replace("context.budget.all > 3", "context.repeat > 9")])
async def test_what_no_policy_reads_is_not_counted(tmp_path: Path, policy: str) -> None:
    async with engine(tmp_path, PERMIT, policy, budgets=SHARED) as made:
        assert await taken(made, made.action()) == {}


HARD = '@id("hard") forbid (principal, action == Action::"set_value", resource) when { context.budget.mine > 2 };'
SOFT = """@id("soft") forbid (principal, action == Action::"set_value", resource) when { context.budget.all > 2 }
unless { context.approvals.Lead >= 1 };"""


async def test_a_budget_that_is_full_denies_before_anything_is_read(tmp_path: Path) -> None:
    """And only then: what an approval or the record may turn is read."""
    async with engine(tmp_path, PERMIT, HARD, SOFT, budgets=SHARED) as made:
        made.seed("r1", "r2", "r3")
        act, log = made.live.pipeline.act, made.sandbox.log
        for record in ("r1", "r2"):
            assert (await act(made.action(record=record, value="a"))).status == "confirmed"
        log.clear()
        denied = await act(made.action(record="r3", value="a"))
        assert (denied.status, log) == ("denied", [])
        ((why,),) = await made.journal.store.read("SELECT data FROM evidence WHERE label = 'why'")
        assert (
            b"the budget `mine` (calls per agent within 24h): others took 2, and this takes 1; it begins to free at"
            in why
        )
        asked = await act(made.action(record="r3", value="a", caller=OTHER))
        assert asked.status == "approval_required"
        assert log
