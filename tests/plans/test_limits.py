"""Limits of connections, fairness, rates and budgets that policies read."""

import asyncio
import re
from typing import Any

import pytest

from tests.plans.records import SHARE, SHARED, run, seeded
from tests.world import Sandbox, World, add_records, gateway


def limited(tmp_path: Any, sandbox: Sandbox, settings: str, policy: str = "") -> Any:
    workspace = add_records(tmp_path / "w", sandbox)
    toml = workspace.root / "ailyus.toml"
    toml.write_text(toml.read_text().replace("[connections.records]", f"[connections.records]\n{settings}"))
    if policy:
        path = workspace.root / "policies" / "records.cedar"
        path.write_text(path.read_text() + policy)
    return type(workspace).open(workspace.root)


def event(step: str, record: str, name: str) -> dict[str, Any]:
    return {"id": step, "contract": "add_event", "inputs": {"record": record, "name": name}}


async def test_twenty_plans_over_the_same_records_two_in_flight(tmp_path: Any, sandbox: Sandbox) -> None:
    """Never more than two, no deadlock, and no ready step is overtaken by more than 40 later ones."""
    names = [f"n{n}" for n in range(20)]
    async with gateway(limited(tmp_path, sandbox, "max_in_flight = 2"), sandbox) as world:
        seeded(world, *names)
        ready, entered = [], []
        lanes = world.app.runner.executor.limiter
        enter, follow = lanes.acquire, lanes.hand_over

        async def watched(connection: str, room: int, resource: str) -> Any:
            ticket = len(ready)
            ready.append(ticket)
            place = await enter(connection, room, resource)
            entered.append(ticket)
            return place

        def followed(held: Any, connection: str, room: int, resource: str) -> Any:
            place = follow(held, connection, room, resource)
            if place is not None:
                ticket = len(ready)
                ready.append(ticket)
                entered.append(ticket)
            return place

        lanes.acquire, lanes.hand_over = watched, followed  # type: ignore[method-assign]
        letters = "abcdefghijklmnopqrst"
        plans = [
            run(world, [{**event("each", "${item}", f"by{letter}"), "for_each": names}], on_failure="stop")
            for letter in letters
        ]
        answers = await asyncio.gather(*plans)
        for index, answer in enumerate(answers):
            while answer["status"] == "running":
                answer = await world.get(answer["action_id"], 45)
            assert answer["status"] == "confirmed", answer["summary"]
            answers[index] = answer
        records = sandbox.state()["acme"]["records"]["records"]
        for name in names:
            assert sorted(e["name"] for e in records[name]["events"]) == [f"by{letter}" for letter in letters]
        assert most_open(world) <= 2
        place = {ticket: at for at, ticket in enumerate(entered)}
        for ticket, at in place.items():
            later = sum(other > ticket for other in entered[:at])
            assert later <= 40, f"{later} later ones came first"


def most_open(world: World) -> int:
    """How many actions were out at once, from the signed times of intents and outcomes; one may be sent twice."""
    rows = world.rows(
        "SELECT min(i.at_ms), max(o.at_ms) FROM statements AS i JOIN statements AS o"
        " ON o.action_id = i.action_id AND o.kind = 'outcome' WHERE i.kind = 'intent' GROUP BY i.action_id"
    )
    marks = sorted([(start, 1) for start, _ in rows] + [(end, -1) for _, end in rows], key=lambda m: (m[0], m[1]))
    now = most = 0
    for _, step in marks:
        now += step
        most = max(most, now)
    return most


async def test_so_many_per_minute(tmp_path: Any, sandbox: Sandbox) -> None:
    async with gateway(limited(tmp_path, sandbox, "per_minute = 3"), sandbox) as world:
        seeded(world, "a")
        done = [await world.call("add_event", {"record": "a", "name": name}) for name in ("x", "y", "z", "w")]
        assert [d["status"] for d in done] == ["confirmed"] * 3 + ["invalid"]
        assert done[3]["error"]["code"] == "rate_limited"
        assert "`records` is sent 3 actions a minute" in done[3]["summary"]
        (seconds,) = re.findall(r"call again in (\d+) seconds", done[3]["error"]["hint"])
        assert 30 < int(seconds) <= 60
        assert "add_event with the same ones again" in done[3]["next"]
        assert sandbox.effects() == 3


RATE = """
@id("ten-an-hour")
forbid (principal is Agent, action == Action::"add_event", resource) when { context.rate.lastHour >= 10 };
"""


async def test_a_rate_that_a_policy_reads_holds_under_contention(tmp_path: Any, sandbox: Sandbox) -> None:
    async with gateway(limited(tmp_path, sandbox, "", RATE), sandbox) as world:
        seeded(world, *(f"n{n}" for n in range(16)))
        calls = [world.call("add_event", {"record": f"n{n}", "name": "x"}) for n in range(16)]
        answers = await asyncio.gather(*calls)
        # on a busy machine a call is answered before its action has ended
        ended = [await world.get(a["action_id"], 45) if a["status"] == "running" else a for a in answers]
        ends = [a["status"] for a in ended]
        assert ends.count("confirmed") == 10, answers
        assert set(ends) <= {"confirmed", "denied", "invalid"}
        assert sandbox.effects() == 10


async def test_an_action_does_not_stand_in_its_own_way_when_it_is_sent_again(tmp_path: Any, sandbox: Sandbox) -> None:
    async with gateway(limited(tmp_path, sandbox, "", RATE.replace(">= 10", ">= 1")), sandbox) as world:
        seeded(world, "a", "b")
        sandbox.fault("lost_request", "events", "records")
        assert (await world.call("add_event", {"record": "a", "name": "x"}))["status"] == "confirmed"
        assert sandbox.writes("events") == 2
        assert (await world.call("add_event", {"record": "b", "name": "x"}))["status"] == "denied"


async def test_a_plan_beyond_the_rate_is_denied_before_its_first_step(tmp_path: Any, sandbox: Sandbox) -> None:
    async with gateway(limited(tmp_path, sandbox, "", RATE), sandbox) as world:
        names = [f"n{n}" for n in range(11)]
        seeded(world, *names)
        too_many = await run(world, [{**event("each", "${item}", "x"), "for_each": names}])
        assert too_many["status"] == "denied", too_many
        assert sandbox.effects() == 0
        enough = await run(world, [{**event("each", "${item}", "x"), "for_each": names[:10]}])
        assert enough["status"] == "confirmed", enough


async def test_what_is_in_doubt_holds_its_part_of_the_rate(tmp_path: Any, sandbox: Sandbox) -> None:
    policy = RATE.replace("add_event", "add_event_once").replace(">= 10", ">= 1")
    async with gateway(limited(tmp_path, sandbox, "", policy), sandbox) as world:
        seeded(world, "a", "b")
        sandbox.fault("lost_request", "events", "records")
        assert (await world.call("add_event_once", {"record": "a", "name": "x"}))["status"] == "unknown"
        assert (await world.call("add_event_once", {"record": "b", "name": "x"}))["status"] == "denied"


BUDGET = """
@id("a-thousand-a-day")
forbid (principal is Agent, action == Action::"pay", resource)
when { context.rate.spentLastDay + context.rate.spends > 1000 };
"""
PAY = """\
contract: pay
version: 1
title: Pay an amount
summary: Append a payment to a record.
use_when: a test of budgets needs it
kind: write
risk: low
tags: [records]
verified_against: the sandbox's records
target: records
inputs:
  record: {type: string, pattern: "^[a-z0-9]{1,20}$", description: "Record id."}
  name: {type: string, pattern: "^[a-z]{1,20}$", description: "The payment's name."}
  cents: {type: integer, minimum: 1, maximum: 100000, description: "Amount."}
observe: {record: {get: "/records/${inputs.record}"}}
resource: {type: Record, id: "${inputs.record}"}
spends: inputs.cents
says: "Pay ${inputs.cents}"
execute:
  - http: {post: "/records/${inputs.record}/events", json: {name: "${inputs.name}"}}
    ok: response.status in [200, 201]
detect: state
settle: {within: 300ms, because: the sandbox's reads show a write at once}
expect:
  - {that: "after.record.events.exists(e, e.name == inputs.name)", else: "no payment of this name"}
evidence: {http: [before, after, response]}
escalate: records-oncall
"""


@pytest.mark.parametrize("lying", [False, True])
async def test_a_budget_is_reserved_and_given_back(tmp_path: Any, sandbox: Sandbox, lying: bool) -> None:
    workspace = limited(tmp_path, sandbox, "", BUDGET)
    (workspace.root / "contracts" / "records" / "pay.yaml").write_text(PAY)
    async with gateway(workspace, sandbox) as world:
        seeded(world, "a")
        if lying:
            sandbox.fault("lying_200", "events", "records")
        first = await world.call("pay", {"record": "a", "name": "rent", "cents": 700})
        assert first["status"] == ("not_applied" if lying else "confirmed")
        second = await world.call("pay", {"record": "a", "name": "more", "cents": 400})
        assert second["status"] == ("confirmed" if lying else "denied")


async def test_sixteen_racing_callers_never_go_over_a_budget(tmp_path: Any, sandbox: Sandbox) -> None:
    workspace = limited(tmp_path, sandbox, "", SHARE)
    (workspace.root / "policies" / "budgets.yaml").write_text(SHARED)
    async with gateway(workspace, sandbox) as world:
        seeded(world, *(f"n{n}" for n in range(16)))
        # a plan takes all its steps from it before the first one runs
        each = [{**event("each", "${item}", "x"), "for_each": [f"n{n}" for n in range(11)]}]
        assert (await run(world, each))["status"] == "denied"
        answers = await asyncio.gather(*(world.call("add_event", {"record": f"n{n}", "name": "x"}) for n in range(16)))
        ended = [await world.get(a["action_id"], 45) if a["status"] == "running" else a for a in answers]
        # whoever lost a race was decided again: nobody is told to call again while there is room
        assert sorted(a["status"] for a in ended) == ["confirmed"] * 10 + ["denied"] * 6
        assert sandbox.effects() == 10
