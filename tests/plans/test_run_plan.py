"""Plans by `run_plan`, on a plain REST store: order, references, undo, waves, previews, halts, crashes."""

from typing import Any

from tests.plans.records import changed_meanwhile_stays, each, run, seeded, set_value, states, values
from tests.world import World


async def test_two_steps_in_order_with_k_plus_one_commits(records: World) -> None:
    seeded(records, "a", "b")
    before = records.app.store.commits
    answer = await run(records, [set_value("one", "a", "x"), set_value("two", "b", "y")])
    assert (answer["status"], answer["changed"]) == ("confirmed", True), answer
    assert states(answer) == {"one": "done", "two": "done"}
    assert (values(records)["a"], values(records)["b"]) == ("x", "y")
    assert records.app.store.commits - before == 3
    assert records.rows("SELECT count(*) FROM intents WHERE state = 'intent'") == [(0,)]
    again = await run(records, [set_value("one", "a", "x"), set_value("two", "b", "y")])
    assert again["action_id"] == answer["action_id"]


async def test_an_output_of_a_step_is_the_late_input_of_another(records: World) -> None:
    seeded(records, "a", "b")
    steps = [set_value("one", "a", "x"), set_value("two", "b", "${steps.one.outputs.is}")]
    answer = await run(records, steps)
    assert answer["status"] == "confirmed", answer
    assert values(records)["b"] == "x"


async def test_a_step_that_fails_undoes_what_was_done(records: World) -> None:
    seeded(records, "a", "b")
    records.sandbox.fault("lying_200", "records/b", "records", times=9)
    answer = await run(records, [set_value("one", "a", "x"), set_value("two", "b", "y")])
    assert answer["status"] == "compensated", answer
    assert states(answer) == {"one": "undone", "two": "not_applied"}
    assert values(records)["a"] == "old"
    assert answer["escalated_to"] == "records-oncall"


async def test_what_somebody_else_changed_meanwhile_stays(records: World) -> None:
    await changed_meanwhile_stays(records)


async def test_a_step_in_doubt_is_unknown_and_what_it_used_stays(records: World) -> None:
    seeded(records, "a", "b")
    records.sandbox.fault("lost_request", "events", "records")
    steps = [
        set_value("one", "a", "x"),
        {"id": "two", "contract": "add_event_once", "inputs": {"record": "b", "name": "paid"}},
        set_value("three", "b", "z"),
    ]
    answer = await run(records, steps)
    assert answer["status"] == "unknown", answer
    assert states(answer) == {"one": "undone", "two": "unknown", "three": "untouched"}


async def test_for_each_in_waves(records: World) -> None:
    names = [f"r{n}" for n in range(12)]
    seeded(records, *names)
    step = each([*names, "missing"], waves=[1, 3, "rest"], skip_missing=True)
    answer = await run(records, [step])
    assert answer["status"] == "partial", answer
    assert list(states(answer).values()).count("done") == 12
    assert states(answer)["each[12]"] == "left_out"
    assert "12 done, 1 left out" in answer["summary"]


async def test_a_missing_record_denies_the_whole_before_anything_is_sent(records: World) -> None:
    seeded(records, "a")
    answer = await run(records, [set_value("one", "a", "x"), set_value("two", "nowhere", "y")])
    assert answer["status"] == "denied"
    assert records.sandbox.writes() == 0


async def test_a_preview_sends_nothing_and_the_call_after_it_is_its_own(records: World) -> None:
    seeded(records, "a")
    steps = [set_value("one", "a", "x")]
    answer = await run(records, steps, preview=True)
    assert answer["status"] == "previewed", answer
    assert records.sandbox.writes() == 0
    single = await records.call("set_value", {"record": "a", "value": "x", "preview": True})
    assert single["status"] == "previewed"
    done = await run(records, steps)
    assert done["status"] == "confirmed"


async def test_bad_plans_name_the_step(records: World) -> None:
    bad: list[tuple[list[dict[str, Any]], str]] = [
        ([set_value("one", "a", "UPPER")], "in the step `one`"),
        ([{"id": "one", "contract": "no_such", "inputs": {}}], "no_such"),
        ([set_value("one", "a", "${before.record}")], "means nothing"),
        ([set_value("one", "a", "x"), set_value("one", "b", "x")], "used twice"),
        ([set_value("one", "${steps.two.outputs.is}", "x")], "no earlier step"),
        ([set_value("one", "a", "x"), set_value("two", "${steps.one.outputs.is}", "x")], "takes no such output"),
    ]
    for steps, word in bad:
        answer = await run(records, steps)
        assert answer["status"] == "invalid", answer
        assert word in answer["summary"], answer
    assert records.sandbox.writes() == 0
