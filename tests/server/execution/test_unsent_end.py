"""Ends that send nothing: each with its answer, its signed statement and how long the same call meets it."""

from dataclasses import replace
from pathlib import Path

import pytest

from contracts.compiler.expressions import Fault
from policies.decision import Denied, Unavailable
from server.execution.attempt import PendingEnd, PermittedAction
from tests.receipts import making
from tests.server.engine import CONTRACTS, LEAD, PERMIT, Engine, engine

RECORD = replace(making.RECORD, slice_digest="a" * 64, schema_digest="b" * 64)


async def end_of(made: Engine, ready: PermittedAction, permitted: bool = True) -> PendingEnd | None:
    facts, record = ready.permitted.facts, ready.permitted.record
    return made.executor.ends.end_without_sending(ready.resolved, ready.before, facts, record, permitted)


async def ready_of(made: Engine, **arguments: str) -> PermittedAction:
    """A permitted action, whatever stands in the record."""
    action = made.action(**arguments)
    resolved = made.executor.resolve(action)
    assert not isinstance(resolved, Denied)
    before = await made.executor.observe(resolved.permit)
    decided = await made.executor.decisions.decide(resolved, before)
    assert not isinstance(decided, Denied)
    return PermittedAction(resolved, before, decided, (), made.executor.basis)  # type: ignore[arg-type]


async def test_what_already_is_so_is_confirmed_and_held(permissive: Engine) -> None:
    permissive.records["r1"]["value"] = "new"
    ended = await end_of(permissive, await ready_of(permissive))
    assert ended is not None
    assert (ended.status, ended.unsent, ended.result.changed) == ("confirmed", True, False)
    await permissive.executor.end(ended)
    row = await permissive.journal.get(ended.action.id)
    assert row is not None
    assert (row.state, row.sent_ms) == ("ended", 0)
    window = permissive.release.catalog.programs["set_value"].contract.repeat_window
    assert row.held_until_ms >= permissive.journal.store.now_ms() + window - 60_000


async def test_that_it_already_is_so_is_said_only_of_what_is_permitted(permissive: Engine) -> None:
    permissive.records["r1"]["value"] = "new"
    assert await end_of(permissive, await ready_of(permissive), permitted=False) is None


async def test_what_is_not_so_yet_has_no_such_end(permissive: Engine) -> None:
    assert await end_of(permissive, await ready_of(permissive)) is None


@pytest.mark.parametrize("permitted", [False, True])
async def test_a_condition_comes_first_and_its_end_is_not_held(tmp_path: Path, permitted: bool) -> None:
    contracts = tmp_path / "contracts"
    contracts.mkdir()
    text = (CONTRACTS / "set_value.yaml").read_text()
    require = 'require:\n  - {that: "before.record.events == []", else: "the record has events"}\n'
    (contracts / "set_value.yaml").write_text(text + require)
    async with engine(tmp_path, contracts=contracts) as made:
        made.records["r1"] |= {"value": "new", "events": [{"id": 1}]}  # already so, and not allowed
        ended = await end_of(made, await ready_of(made), permitted)
        assert ended is not None
        assert (ended.status, ended.because) == ("not_applied", "the record has events")
        await made.executor.end(ended)
        row = await made.journal.get(ended.action.id)
        assert row is not None
        assert row.held_until_ms == 0


async def test_a_denial_tells_its_agent_nothing_and_people_why(permissive: Engine) -> None:
    action = permissive.action()
    ended = permissive.executor.ends.deny(action, Denied("the record is locked by ann", RECORD))
    assert "ann" not in ended.result.packed.decode()
    await permissive.executor.end(ended)
    (why,) = await permissive.rows("SELECT data FROM evidence WHERE label = 'why'")
    assert bytes(why[0]) == b"the record is locked by ann"  # type: ignore[arg-type]
    row = await permissive.journal.get(action.id)
    assert row is not None
    held = permissive.executor.ends.held_ms(action.request)
    assert held == permissive.release.catalog.programs["set_value"].contract.refused_hold
    assert row.held_until_ms > permissive.journal.store.now_ms()


async def test_a_drift_is_named_and_may_be_asked_anew_at_once(permissive: Engine) -> None:
    action = permissive.action()
    ended = permissive.executor.ends.deny(action, Denied("it changed", RECORD), "state_changed")
    assert ended.result.error is not None
    assert ended.result.error.code == "state_changed"
    await permissive.executor.end(ended)
    row = await permissive.journal.get(action.id)
    assert row is not None
    assert row.held_until_ms == 0
    unknown = replace(action, request=replace(action.request, contract="gone"))
    assert permissive.executor.ends.held_ms(unknown.request) == 0


async def test_an_outage_is_no_refusal_and_is_not_held(permissive: Engine) -> None:
    action = permissive.action()
    ended = permissive.executor.ends.deny(action, Unavailable("503", RECORD, "target_failed", "records"))
    assert (ended.status, ended.result.changed) == ("unavailable", False)
    await permissive.executor.end(ended)
    row = await permissive.journal.get(action.id)
    assert row is not None
    assert (row.status, row.held_until_ms) == ("unavailable", 0)


@pytest.mark.parametrize("observe_only", [False, True])
async def test_a_preview_says_what_would_be_sent_and_whom_it_needs(tmp_path: Path, observe_only: bool) -> None:
    async with engine(tmp_path, PERMIT, LEAD) as made:
        action = made.action()
        caller = replace(action.caller, observe_only=observe_only)
        answer = await made.live.pipeline.act(replace(action, caller=caller, preview=not observe_only))
        assert answer.status == "previewed"
        assert answer.would is not None
        assert (answer.would.says, answer.would.needs) == ("Set the record r1 from old", "1 Lead")
        assert made.writes() == []
        row = await made.journal.get(action.id)
        assert row is not None
        assert (row.held_until_ms > 0) is observe_only  # an agent that may only look is told the same again


async def test_a_read_gives_its_outputs_or_says_that_it_cannot(permissive: Engine) -> None:
    ready = await ready_of(permissive, contract="get_record", record="r1")
    ended = permissive.executor.ends.read(ready.resolved, ready.before, ready.permitted)
    assert isinstance(ended, PendingEnd)
    assert ended.result.data == {"record": permissive.records["r1"]}
    assert ended.result.from_outside == ("data",)
    empty = replace(ready.before, readings={})
    assert isinstance(permissive.executor.ends.read(ready.resolved, empty, ready.permitted), Fault)
