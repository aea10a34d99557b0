"""Halts, the breaker, incidents, escalations, resolutions and later looks."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import AilyusError
from policies.principal import keyid_of
from policies.signed_resolution import Resolution, SignedResolution, sign_resolution
from receipts.log.signing import load_key
from tests.plans.records import each, run, seeded, values
from tests.slowness import scaled
from tests.until import until
from tests.world import Sandbox, World, add_records, ailyus, gateway, warmed


def signed(world: World, action: str, person: str = "lead", asserted: Any = "applied") -> SignedResolution:
    key = load_key(world.workspace.key_file(person))
    said = Resolution(
        purpose="ailyus-resolution-v1",
        origin=world.workspace.settings.origin,
        action_id=action,
        asserted=asserted,
        comment="looked at the record",
        person=person,
        at_ms=int(time.time() * 1000),
    )
    return sign_resolution(said, key, keyid_of(key.public_key().public_bytes_raw()))


async def unknown(world: World) -> dict[str, Any]:
    world.sandbox.fault("lost_request", "events", "records")
    answer = await world.call("add_event_once", {"record": "r1", "name": "paid"})
    assert answer["status"] == "unknown"
    return answer


async def test_a_halt_during_a_plan_of_two_hundred_and_on_again(records: World) -> None:
    await warmed()
    names = [f"n{n}" for n in range(200)]
    seeded(records, *names)
    step = each(names)
    records.sandbox.fault(
        "slow", "records/", "records", times=10_000, ms=int(scaled(20))
    )  # the command comes while it runs
    task = asyncio.create_task(run(records, [step]))
    await until(lambda: records.sandbox.effects() >= 20)
    await ailyus(records, "halt", "add", "connection", "records", "--reason", "an incident")
    sent = records.sandbox.writes()
    await asyncio.sleep(1.0)
    assert records.sandbox.writes() == sent
    begun = await task
    answer = await records.get(begun["action_id"], 1)  # on a busy machine the call itself was answered before the halt
    assert begun["status"] == answer["status"] == "running", answer
    assert "halted" in answer["summary"]
    words = [s["state"] for s in answer["steps"]]
    assert words.count("done") == sent
    assert words.count("untouched") == 200 - sent
    assert "an incident" in await ailyus(records, "halt", "list")
    blocked = await records.call("set_value", {"record": "n0", "value": "other"})
    assert (blocked["status"], blocked["error"]["code"]) == ("denied", "halted")
    await asyncio.sleep(0.7)
    assert records.sandbox.writes() == sent
    await ailyus(records, "halt", "lift", "connection", "records")
    done = await records.get(answer["action_id"], 45)
    assert done["status"] == "confirmed", done
    assert records.sandbox.effects() == 200
    assert set(values(records).values()) >= {"new"}
    kinds = records.rows("SELECT count(*) FROM statements WHERE kind = 'halt'")
    assert kinds == [(2,)]


async def test_three_lies_in_a_row_trip_the_breaker(records: World) -> None:
    seeded(records, "a", "b", "c", "d")
    records.sandbox.fault("lying_200", "records", "records", times=9)
    for name in ("a", "b", "c"):
        answer = await records.call("set_value", {"record": name, "value": "x"})
        assert answer["status"] == "not_applied"
    blocked = await records.call("set_value", {"record": "d", "value": "x"})
    # nobody halted it: it is told as what it is
    assert (blocked["status"], blocked["error"]["code"]) == ("denied", "breaker_open")
    assert "the breaker stopped it, after three bad outcomes in a row" in blocked["summary"]
    assert "person" not in blocked["summary"]
    assert {(h.scope, h.by) for h in records.app.journal.controls.halts} == {
        ("contract", "breaker"),
        ("connection", "breaker"),
    }
    records.sandbox._client.delete("/faults")
    await ailyus(records, "halt", "lift", "contract", "set_value")
    await ailyus(records, "halt", "lift", "connection", "records")
    assert (await records.call("set_value", {"record": "d", "value": "x"}))["status"] == "confirmed"


async def test_after_an_unknown_outcome_the_resource_waits_for_a_person(records: World) -> None:
    answer = await unknown(records)
    blocked = await records.call("put_record", {"record": "r1", "value": "new"})
    assert blocked["status"] == "denied"
    assert answer["action_id"] in await ailyus(records, "action", "list", "--in-doubt")
    for person, code in (("requester", "self_approval"),):
        with pytest.raises(AilyusError) as caught:
            await records.app.resolutions.resolve(signed(records, answer["action_id"], person))
        assert caught.value.code == code
    forged = signed(records, answer["action_id"]).model_copy(update={"signature": "00" * 64})
    with pytest.raises(AilyusError, match="signature"):
        await records.app.resolutions.resolve(forged)
    said = await ailyus(records, "action", "resolve", answer["action_id"], "--asserted", "not_applied", "--as", "lead")
    assert "asserted_not_applied" in said
    rows = records.rows("SELECT status FROM statements WHERE kind = 'resolution'")
    assert rows == [("asserted_not_applied",)]
    assert "nothing is in doubt" in await ailyus(records, "action", "list", "--in-doubt")
    # the denial is held for the same call, another one goes
    assert (await records.call("put_record", {"record": "r1", "value": "other"}))["status"] == "confirmed"


async def test_an_escalation_is_delivered_goes_on_and_is_acknowledged(records: World) -> None:
    answer = await unknown(records)
    await until(lambda: len(records.sandbox.notices()) >= 1)
    first = records.sandbox.notices()[0]
    assert (first["route"], first["action"], first["status"]) == ("records-oncall", answer["action_id"], "unknown")
    assert set(first) == {"escalation", "route", "action", "contract", "risk", "status", "receipt"}
    await until(lambda: any(n["route"] == "security-oncall" for n in records.sandbox.notices()))
    listed = await ailyus(records, "escalation", "list")
    assert first["escalation"] in listed
    for notice in records.sandbox.notices():
        await ailyus(records, "escalation", "ack", notice["escalation"], "--as", "lead")
    assert "nobody is waited for" in await ailyus(records, "escalation", "list")
    again = await ailyus(records, "escalation", "ack", first["escalation"], ok=False)
    assert "acknowledged it already" in again
    events = records.rows("SELECT count(*) FROM statements WHERE kind = 'escalation'")
    assert events[0][0] >= 4


async def test_a_later_look_says_whether_it_still_holds(records: World) -> None:
    seeded(records, "a")
    done = await records.call("set_value", {"record": "a", "value": "x"})
    assert "holds" in await ailyus(records, "receipt", "recheck", done["receipt_id"])
    state = records.sandbox.state()
    state["acme"]["records"]["records"]["a"]["value"] = "theirs"
    records.sandbox.put(state)
    assert "drifted" in await ailyus(records, "receipt", "recheck", done["receipt_id"], ok=False)
    rows = records.rows("SELECT status FROM statements WHERE kind = 'recheck' ORDER BY leaf_index")
    assert rows == [("holds",), ("drifted",)]
    await ailyus(records, "audit")


async def test_a_contract_can_ask_for_later_looks(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = add_records(tmp_path / "w", sandbox)
    path = workspace.root / "contracts" / "records" / "set_value.yaml"
    path.write_text(path.read_text() + "recheck: [500ms, 2s]\n")
    async with gateway(workspace, sandbox) as world:
        seeded(world, "a")
        done = await world.call("set_value", {"record": "a", "value": "x"})
        assert done["status"] == "confirmed"
        looks = "SELECT status FROM statements WHERE kind = 'recheck' ORDER BY leaf_index"
        await until(lambda: world.rows(looks) == [("holds",)])
        state = sandbox.state()
        state["acme"]["records"]["records"]["a"]["value"] = "theirs"
        sandbox.put(state)
        await until(lambda: world.rows(looks) == [("holds",), ("drifted",)])
        assert world.rows("SELECT count(*) FROM rechecks WHERE done_ms IS NULL") == [(0,)]
        await until(lambda: any(n["action"] == done["action_id"] for n in sandbox.notices()))


async def test_a_plan_can_be_cancelled_at_a_steps_border(records: World) -> None:
    names = [f"n{n}" for n in range(200)]
    seeded(records, *names)
    step = each(names)
    task = asyncio.create_task(run(records, [step]))
    await until(lambda: records.sandbox.effects() >= 5)
    (action,) = (a for a in await records.app.journal.resumable() if a.plan)
    progress = await records.call("get_action", {"action_id": action.id})
    assert progress["status"] == "running"
    assert 0 < progress["progress"]["done"] < 200
    assert progress["progress"]["total"] == 200
    await records.app.inbox.cancel(action.id)
    answer = await task
    assert answer["status"] == "partial", answer
    assert "cancelled" in answer["summary"]
    assert records.sandbox.effects() == [s["state"] for s in answer["steps"]].count("done")
