"""A security analyst's two jobs, without JavaScript: what was done to one person, verified; and why a call was denied."""

import asyncio
import csv
import io
import re
from typing import Any

from receipts.audit.audit import audit
from receipts.audit.roots import read_roots
from tests.console.authenticator import Authenticator, signed_in
from tests.web import web
from tests.world import LEO, MARIA, World, cli


class Analyst:
    """Somebody with a session at the console, whose browser carries nothing out."""

    def __init__(self, http: Any, origin: str, cookie: str) -> None:
        self._http, self._origin, self._headers = http, origin, {"cookie": cookie}

    async def page(self, path: str) -> str:
        answer = await self._http.get(self._origin + path, headers=self._headers)
        assert answer.status_code == 200, (path, answer.text)
        return str(answer.text)

    async def json(self, path: str, status: int = 200) -> Any:
        answer = await self._http.get(self._origin + path, headers=self._headers)
        assert answer.status_code == status, (path, answer.text)
        return answer.json()


async def test_everything_done_to_a_person_is_found_and_verified_and_a_denial_says_why(world: World) -> None:
    done = await world.reset()
    await world.call("find_user", {"email": "maria@example.com"})
    await world.call("unlock_user", {"user_id": LEO["user_id"], "reason": "locked out since morning"})
    denied = await world.call("reset_user_mfa", {**MARIA, "ticket": "4713"})
    assert denied["status"] == "denied"
    async with web(timeout=60.0) as http:
        link = await world.app.console.introduce("lead")
        origin = world.app.console.origin
        lead = Analyst(http, origin, await signed_in(http, link, Authenticator(origin)))

        # to whom, what: the sentences, by the person's address
        found = await lead.json("/actions.json?record=maria@example.com&since=12h&kind=write")
        said = {one["action"]: one for one in found["actions"]}
        # what was tried and denied is found as well
        assert set(said) == {done["action_id"], denied["action_id"]}
        assert said[done["action_id"]]["says"] == "Remove 2 MFA factors of maria@example.com"
        assert said[done["action_id"]]["verified"] == "1 of 1 check met"
        by_words = await lead.json("/actions.json?words=MFA+maria&status=confirmed")
        assert [one["action"] for one in by_words["actions"]] == [done["action_id"]]
        assert "Remove 2 MFA factors of maria@example.com" in re.sub("<[^>]+>", "", await lead.page("/actions"))
        # a read too
        reads = await lead.json("/actions.json?kind=read")
        assert "Find a user (Okta): maria@example.com" in [one["says"] for one in reads["actions"]]
        # as a file, and the same as receipts
        sheet = await lead.page("/actions.csv?record=maria@example.com&status=confirmed&kind=write")
        rows = list(csv.DictReader(io.StringIO(sheet)))
        assert [(row["action"], row["status"], row["for"]) for row in rows] == [
            (done["action_id"], "confirmed", "requester")
        ]
        receipts = await lead.json("/receipts.json?record=maria@example.com&status=confirmed&kind=outcome")
        assert done["receipt_id"] in [one["receipt_id"] for one in receipts["found"]]
        # what changed, and that somebody looked is in the log
        changed = await lead.json(f"/actions/{done['action_id']}/changes.json")
        assert {one["path"].partition("[")[0] for one in changed["changes"]} == {"factors"}
        assert all(one["after"] is None for one in changed["changes"])
        looked = world.rows("SELECT count(*) FROM statements WHERE kind = 'access'")
        assert looked[0][0] >= 2
        # verified: the proof, by whoever trusts the roots
        proof = await lead.json(f"/receipts/{done['receipt_id']}/proof")
        assert proof["receipt"] == done["receipt_id"]

        # why a call was denied: from the list to the page that says it
        no = (await lead.json("/actions.json?status=denied&since=12h"))["actions"][0]
        assert (no["action"], no["agent"]) == (denied["action_id"], "support-bot")
        page = await lead.json(f"/actions/{no['action']}.json")
        assert page["why"]
        assert page["title"] == "Reset a user's MFA (Okta)"

        # a misspelt name is told, not an empty page
        for query, near in (("agent=suport-bot", "support-bot"), ("status=confirmd", "confirmed"), ("person=requster", "requester")):  # fmt: skip
            fault = await lead.json(f"/actions.json?{query}", 409 if "agent" in query else 404)
            assert f"did you mean `{near}`?" in fault["hint"], query
    shown = await asyncio.to_thread(cli, "receipt", "show", done["receipt_id"], cwd=world.workspace.root)
    assert "confirmed" in shown
    roots = read_roots(world.workspace.root / "roots.json")
    assert await world.app.journal.store.read_aside(lambda read: list(audit(read, roots, None))) == []
