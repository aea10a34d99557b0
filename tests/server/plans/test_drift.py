"""What the plan's own steps wrote, and what somebody else changed since it was approved."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from contracts.action.observation import Observation
from contracts.action.request import ActionRequest
from policies.decision import ResourceFacts
from server.execution.approval_request import pinned
from server.execution.attempt import PermittedAction
from server.plans.drift import PlanWrites
from tests.server.engine import CONTRACTS, Engine, engine


def writes_of(made: Engine) -> PlanWrites:
    return PlanWrites(made.release, made.journal.hiding)


def pins_of(made: Engine, ready: PermittedAction) -> dict[str, str]:
    resolved, before = ready.resolved, ready.before
    return pinned(resolved.program, ready.permitted.facts, resolved.scope(before), made.journal.hiding)


def drift(made: Engine, pins: Mapping[str, str], ready: PermittedAction, touched: dict[str, object]) -> str | None:
    facts: ResourceFacts = ready.permitted.facts
    return writes_of(made).drift(pins, touched, ready.resolved, ready.before, facts)  # type: ignore[arg-type]


async def looks(made: Engine) -> tuple[PermittedAction, PermittedAction]:
    """The record as it was approved, and after somebody wrote to it."""
    first = await made.permitted(made.action())
    made.records["r1"] |= {"value": "theirs", "version": "7"}
    return first, await made.permitted(made.action())


async def test_nothing_was_approved_and_nothing_changed_is_no_drift(permissive: Engine) -> None:
    first, later = await looks(permissive)
    assert drift(permissive, {}, later, {}) is None
    assert drift(permissive, pins_of(permissive, first), first, {}) is None


async def test_what_somebody_else_changed_is_named(permissive: Engine) -> None:
    first, later = await looks(permissive)
    assert drift(permissive, pins_of(permissive, first), later, {}) == "before.record.version"


@pytest.mark.parametrize(("version", "drifted"), [("7", None), ("8", "before.record.version")])
async def test_only_what_the_plan_itself_left_there_is_no_drift(
    permissive: Engine, version: str, drifted: str | None
) -> None:
    first, later = await looks(permissive)
    request: ActionRequest = first.action.request
    left = later.before.readings["record"]
    touched = writes_of(permissive).reads_after(request, later.before)
    assert list(touched.values()) == [left.value]
    touched = {place: {**permissive.records["r1"], "version": version} for place in touched}
    assert drift(permissive, pins_of(permissive, first), later, touched) == drifted


async def test_a_write_elsewhere_explains_nothing_here(permissive: Engine) -> None:
    permissive.seed("r2")
    other = await permissive.permitted(permissive.action(record="r2", value="new"))
    elsewhere = writes_of(permissive).reads_after(other.action.request, other.before)
    first, later = await looks(permissive)
    assert writes_of(permissive).expected_reads(first.action.request, elsewhere) == {}
    assert drift(permissive, pins_of(permissive, first), later, elsewhere) == "before.record.version"


async def test_what_was_left_is_found_again_under_the_names_of_the_next_read(permissive: Engine) -> None:
    ready = await permissive.permitted(permissive.action())
    writes, request = writes_of(permissive), ready.action.request
    touched = writes.reads_after(request, ready.before)
    assert writes.expected_reads(request, touched) == {"before.record": permissive.records["r1"]}
    assert writes.reads_after(request, None) == {}
    assert writes.reads_after(request, Observation({}, 0, "same_channel")) == {}


async def test_an_attribute_that_changed_is_a_drift_unless_it_follows_from_the_plan(tmp_path: Path) -> None:
    contracts = tmp_path / "contracts"
    contracts.mkdir()
    attribute = """attributes: {changed: {type: Bool, value: "${before.record.value != 'old'}"}}"""
    text = (CONTRACTS / "set_value.yaml").read_text().replace("type: Record,", f"type: Record, {attribute},")
    (contracts / "set_value.yaml").write_text(text)
    async with engine(tmp_path, contracts=contracts) as made:
        first = await made.permitted(made.action())
        made.records["r1"]["value"] = "theirs"
        later = await made.permitted(made.action())
        pins = pins_of(made, first)
        assert drift(made, pins, later, {}) == "resource.changed"
        touched: dict[str, object] = {**writes_of(made).reads_after(first.action.request, later.before)}
        assert drift(made, pins, later, touched) is None
