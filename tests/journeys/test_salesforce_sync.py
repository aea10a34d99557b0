"""A CRM sync that failed, on Salesforce's shapes: a job that hangs, rows that failed, and each row read back by itself."""

from typing import Any

from tests.journeys.rotation import states
from tests.world import World

FAILED, HANGS = "7505g00000D00001AA", "7505g00000D00002AA"
ROWS = ["ext-2", "ext-4"]
WHY = "the nightly sync failed, see the alert"


def salesforce(world: World) -> dict[str, Any]:
    return dict(world.sandbox.state()["acme"]["salesforce"])


def newer(world: World) -> set[str]:
    failed = salesforce(world)["ingest"][FAILED]["createdDate"]
    return {a["External_Id__c"] for a in salesforce(world)["Account"].values() if a["SystemModstamp"] > failed}


async def test_diagnosed_by_reads_then_recovered_row_by_row(world: World) -> None:
    jobs = await world.call("list_salesforce_jobs", {})
    assert {j["job_id"]: j["state"] for j in jobs["data"]["jobs"]} == {FAILED: "JobComplete", HANGS: "InProgress"}
    rows = await world.call("get_salesforce_failed_rows", {"job_id": FAILED})
    assert [r["external_id"] for r in rows["data"]["rows"]] == ROWS
    world.sandbox.fault("lost_reply", "composite", "salesforce")
    plan = {"hanging_job": HANGS, "failed_job": FAILED, "external_ids": ROWS, "reason": WHY}
    answer = await world.call("recover_salesforce_sync", plan)
    assert answer["status"] == "confirmed", answer
    assert states(answer) == {"abort": "done", "rerun": "done"}
    assert salesforce(world)["ingest"][HANGS]["state"] == "Aborted"
    assert newer(world) >= set(ROWS)
    writes = world.sandbox.writes("composite")
    again = await world.call("rerun_salesforce_rows", {"job_id": FAILED, "external_ids": ROWS, "reason": "to be sure"})
    assert (again["status"], again["changed"]) == ("confirmed", False)
    assert world.sandbox.writes("composite") == writes == 1


async def test_a_success_of_some_rows_is_no_success(world: World) -> None:
    state = world.sandbox.state()
    locked = next(a for a in state["acme"]["salesforce"]["Account"].values() if a["External_Id__c"] == "ext-4")
    locked["locked"] = True
    world.sandbox.put(state)
    asked = {"job_id": FAILED, "external_ids": ROWS, "reason": WHY}
    answer = await world.call("rerun_salesforce_rows", asked)
    assert answer["status"] not in ("confirmed", "not_applied"), answer
    assert "ext-4" not in newer(world)
    assert "ext-2" in newer(world)


async def test_a_row_that_did_not_fail_is_not_written(world: World) -> None:
    asked = {"job_id": FAILED, "external_ids": ["ext-1"], "reason": WHY}
    answer = await world.call("rerun_salesforce_rows", asked)
    assert (answer["status"], answer["changed"]) == ("not_applied", False), answer
    assert world.sandbox.writes("composite") == 0
