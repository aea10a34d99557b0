"""Stories 3 and 5: a failed CRM sync, and the accounting sync with its exports. Confirmed downstream, never by a 202."""

import asyncio
from pathlib import Path
from typing import Any

from tests.journeys.rotation import states
from tests.world import Sandbox, World, cli, gateway, make_workspace

SYNC = {"connection_name": "crm-main", "job_name": "nightly", "reason": "the nightly sync failed, see the alert"}


def crm(world: World) -> dict[str, Any]:
    return dict(world.sandbox.state()["acme"]["crm"])


def invoices(world: World) -> list[dict[str, Any]]:
    return list(world.sandbox.state()["acme"]["xero"]["invoices"].values())


async def test_diagnosed_by_reads_then_reauthenticated_and_restarted(world: World) -> None:
    status = await world.call("get_sync_status", {"connection_name": "crm-main", "job_name": "nightly"})
    assert (status["data"]["job"]["state"], status["data"]["connection"]["health"]) == ("Failed", "expired")
    too_early = await world.call("restart_sync", SYNC)
    assert too_early["status"] == "not_applied"
    assert "would fail again" in too_early["summary"]
    answer = await world.call("recover_sync", SYNC)
    assert answer["status"] == "confirmed", answer
    assert states(answer) == {"reauthenticate": "done", "restart": "done"}
    job = crm(world)["jobs"]["nightly"]
    assert (job["state"], job["error"]) == ("JobComplete", "")
    assert job["last_success_at"] > "2026-11-19T02:00:00.000Z"


async def test_a_202_confirms_nothing(world: World) -> None:
    world.sandbox.fault("lying_200", "runs", "crm", times=9)
    answer = await world.call("recover_sync", SYNC)
    assert answer["status"] == "unknown", answer
    assert states(answer)["restart"] == "unknown"
    assert crm(world)["jobs"]["nightly"]["state"] == "Failed"


async def test_what_is_already_healthy_is_left_alone(world: World) -> None:
    state = world.sandbox.state()
    state["acme"]["crm"]["connections"]["crm-main"]["health"] = "connected"
    world.sandbox.put(state)
    answer = await world.call("recover_sync", SYNC)
    assert answer["status"] == "confirmed"
    assert states(answer) == {"reauthenticate": "already_so", "restart": "done"}
    assert world.sandbox.writes("reauthenticate") == 0


async def failed(world: World) -> list[str]:
    listed = await world.call("list_failed_exports", {})
    return [e["number"] for e in listed["data"]["exports"]]


async def test_failed_exports_are_booked_once_and_the_totals_agree(world: World) -> None:
    numbers = await failed(world)
    assert len(numbers) == 4
    world.sandbox.fault("lost_reply", "Invoices", "xero", times=2)
    world.sandbox.fault("retrying_proxy", "Invoices", "xero")
    answer = await world.call("recover_accounting", {"numbers": numbers, "reason": "the exports of November failed"})
    assert answer["status"] == "confirmed", answer
    assert [c["met"] for c in answer["checks"]] == [True, True, True]
    booked = [i["InvoiceNumber"] for i in invoices(world)]
    assert len(booked) == len(set(booked)) == 12
    billed = world.sandbox.state()["acme"]["billing"]["exports"].values()
    assert round(sum(i["Total"] for i in invoices(world)) * 100) == sum(e["amount_cents"] for e in billed)
    assert await failed(world) == []
    again = await world.call("book_export", {"number": numbers[0], "reason": "once more, to be sure"})
    assert (again["status"], again["changed"]) == ("confirmed", False)
    assert len(invoices(world)) == 12


async def test_the_template_is_that_workspace(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox, template="accounting-sync")
    async with gateway(workspace, sandbox) as world:
        found = await world.call("find_xero_invoice", {"number": "INV-1003"})
        assert found["data"]["invoices"] == []
        answer = await world.call(
            "recover_accounting", {"numbers": await failed(world), "reason": "the exports failed"}
        )
        assert answer["status"] == "confirmed", answer
        assert "0 failed" in await asyncio.to_thread(cli, "policy", "test", cwd=workspace.root)
        assert await asyncio.to_thread(cli, "contract", "check", "-q", cwd=workspace.root) == ""


async def test_an_invoice_of_somebody_else_stops_the_next_wave(world: World) -> None:
    numbers = await failed(world)
    state = world.sandbox.state()
    # Xero already has an invoice of this number, and it is another one
    books = state["acme"]["xero"]["invoices"]
    other = dict(next(iter(books.values())))
    books["00000000-0000-4000-8000-000000000001"] = other | {"InvoiceNumber": numbers[0], "Total": 1.0}
    world.sandbox.put(state)
    answer = await world.call("recover_accounting", {"numbers": numbers, "reason": "the exports of November failed"})
    assert answer["status"] == "not_applied", answer
    stood = list(states(answer).values())
    assert stood[0] == "not_applied"
    assert stood.count("untouched") == 7
    assert world.sandbox.writes("Invoices") == 0


async def test_one_approval_gives_an_account_back(world: World) -> None:
    """Story 7: unlock if locked, then reset the MFA."""
    leo = {"user_id": "00u2leo000001", "ticket": "4712", "reason": "locked out and lost the phone"}
    asked = await world.call("restore_account_access", leo)
    assert asked["status"] == "approval_required", asked
    await world.approve(asked["action_id"])
    answer = await world.get(asked["action_id"], 45)
    assert answer["status"] == "confirmed", answer
    assert states(answer) == {"unlock": "done", "reset_mfa": "done"}
    okta = world.sandbox.state()["acme"]["okta"]
    assert (okta["users"]["00u2leo000001"]["status"], okta["factors"]["00u2leo000001"]) == ("ACTIVE", [])
    assert world.rows("SELECT count(*) FROM approvals") == [(1,)]
    assert world.rows("SELECT count(*) FROM approval_uses") == [(1,)]
    assert world.proof(answer["receipt_id"]).statements


async def test_an_account_that_is_not_locked_only_loses_its_factors(world: World) -> None:
    maria = {"user_id": "00u1maria0001", "ticket": "4711", "reason": "lost the phone, see the ticket"}
    answer = await world.approved("restore_account_access", maria)
    assert answer["status"] == "confirmed", answer
    assert states(answer) == {"unlock": "already_so", "reset_mfa": "done"}
    assert world.sandbox.writes() == 1


async def test_a_record_that_changed_after_the_approval_is_drift(world: World) -> None:
    leo = {"user_id": "00u2leo000001", "ticket": "4712", "reason": "locked out and lost the phone"}
    asked = await world.call("restore_account_access", leo)
    signed = await world.sign(asked["action_id"])
    state = world.sandbox.state()
    state["acme"]["okta"]["factors"]["00u2leo000001"].append(
        {"id": "opfnew", "factorType": "push", "provider": "OKTA", "status": "ACTIVE"}
    )
    world.sandbox.put(state)
    from contracts.errors import AilyusError

    try:
        await world.app.inbox.decide(signed)
        code = "accepted"
    except AilyusError as error:
        code = error.code
    assert code == "state_changed"
    assert world.sandbox.writes() == 0
