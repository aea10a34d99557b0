"""The story of the demo in three parts: a locked-out user, a key rotation, broken syncs."""

from pydantic import JsonValue

from receipts.action.action_result import ActionResult
from server.cli.demo_stage import Stage
from server.results.json_value import list_of, object_of

MARIA = {"user_id": "00u1maria0001", "ticket": "4711", "reason": "Maria's phone was stolen, see the ticket."}

ROTATION = "rotate_api_key_and_update_integration"

ROTATE: dict[str, JsonValue] = {
    "account_name": "slack-alerts",
    "integration_name": "alerts",
    "reason": "The key is due for its rotation.",
}

WHY: dict[str, JsonValue] = {"reason": "The nightly sync failed, see the alert."}

ADA = {"user_id": "00u3ceo000001", "ticket": "4714", "reason": "Ada has a new phone, see the ticket."}

LEO = {"user_id": "00u2leo000001", "ticket": "4712", "reason": "Leo has a new phone, see the ticket."}


async def tell_story(stage: Stage) -> None:
    """The scenes, in order."""
    await stage.call("find the user by e-mail", "find_user", {"email": "maria@example.com"}, "confirmed")
    foreign = {**MARIA, "connection": "okta-globex"}
    await stage.call("the same reset in another tenant", "reset_user_mfa", foreign, "denied")
    waiting = await stage.call("reset the MFA in production", "reset_user_mfa", MARIA, "approval_required")
    action = str(waiting.action_id)
    await stage.self_approval(action)
    await stage.approve(action)
    done = await stage.wait("a second person approved: reset and read back", action, "confirmed")
    stage.offline(str(done.receipt_id))
    again = await stage.client.call_tool("reset_user_mfa", dict(MARIA))
    same = ActionResult.of(again.structured_content or {}).action_id == action
    stage.expect(f"the same call again is the same action: {action[:12]}…, nothing is sent", same)
    await stage.fault("lying_200")
    lied_to = "a lying 200 for a VIP, whom two leads approve: the target says yes and does nothing"
    await stage.approved(lied_to, ADA, "unknown", ("lead", "second-lead"))
    await stage.fault("lost_reply")
    await stage.approved("a lost reply: done, but the answer never comes", LEO, "confirmed")
    effects = [e for e in (await stage.control.get("/log")).json() if e["effect"] and "reset_factors" in e["path"]]
    stage.expect("two users were reset, each exactly once", len(effects) == 2)
    await _rotation(stage)
    await _syncs(stage)


async def _rotation(stage: Stage) -> None:
    """Part 2: three steps over two systems; the second fails, so the first is undone. Then all of them."""
    stage.say("\n-- part 2: rotate an API key and update an integration: one plan, one approval, confirmed by use")
    found = await stage.call("which keys are there?", "get_api_keys", {"account_name": "slack-alerts"}, "confirmed")
    keys = list_of((found.data or {})["keys"])
    rotate = {**ROTATE, "old_key_id": object_of(keys[0])["id"]}
    # nine times: every attempt of the step fails, so that the plan gives up and undoes what it did
    await stage.fault("503", "integrations", "credential", times=9)
    await stage.planned("it is down: the new key is taken back, the old one works", ROTATION, rotate, "compensated")
    await stage.control.delete("/faults")
    await stage.planned("it is up: the new key is in use, then the old one goes", ROTATION, rotate, "confirmed")
    alerts = (await stage.control.get("/state")).json()["acme"]["integrations"]["integrations"]["alerts"]
    stage.expect("the integration's last call was accepted by the issuer", alerts["last_call"]["ok"])
    secret = alerts["credential"].encode()
    files = [p for p in stage.app.workspace.root.rglob("*") if p.is_file() and secret in p.read_bytes()]
    stage.expect("the new secret stands in no file of the gateway", not files)


async def _syncs(stage: Stage) -> None:
    """Part 3: a CRM sync that failed in Salesforce, and the accounting exports that failed with it, booked in Xero."""
    stage.say("\n-- part 3: broken syncs: abort, run the failed rows again, reconcile downstream")
    found = await stage.call("why does the CRM sync not run?", "list_salesforce_jobs", {}, "confirmed")
    jobs = {str(one["state"]): one["job_id"] for one in map(object_of, list_of((found.data or {})["jobs"]))}
    failed_job: dict[str, JsonValue] = {"job_id": jobs["JobComplete"]}
    rows = await stage.call("which of its rows failed?", "get_salesforce_failed_rows", failed_job, "confirmed")
    ids = [object_of(row)["external_id"] for row in list_of((rows.data or {})["rows"])]
    sync: dict[str, JsonValue] = {
        "hanging_job": jobs["InProgress"],
        "failed_job": jobs["JobComplete"],
        "external_ids": ids,
    }
    await stage.planned("abort what hangs, write the failed rows again", "recover_salesforce_sync", {**sync, **WHY})
    listed = await stage.call("which exports failed?", "list_failed_exports", {}, "confirmed")
    numbers = [object_of(e)["number"] for e in list_of((listed.data or {})["exports"])]
    # only a key of idempotency or a look before the next attempt keeps an export from being booked twice
    await stage.fault("lost_reply", "xero", "Invoices", times=2)
    await stage.planned(
        "book each export in Xero once, compare the totals", "recover_accounting", {"numbers": numbers, **WHY}
    )
    books = (await stage.control.get("/state")).json()["acme"]["xero"]
    invoices = [invoice["InvoiceNumber"] for invoice in books["invoices"].values()]
    stage.expect(f"{len(invoices)} invoices are booked, none of them twice", len(set(invoices)) == len(invoices) == 12)
