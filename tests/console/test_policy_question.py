"""What would be decided, asked at the console by hand or by receipt: why, what would turn it, who could approve."""

from pathlib import Path
from urllib.parse import urlencode

from tests.console.visitor import Visitor, visitor
from tests.world import LEO, MARIA, Sandbox, World, ailyus, gateway, make_workspace

FOREIGN = """
@id("globex-is-closed")
forbid (principal, action in Action::"write", resource)
when { principal.tenant == "globex" };
"""
OUTSIDER = '\n[[people]]\nname = "outsider"\ntenant = "globex"\nroles = ["SecurityLead"]\n'


async def ask(visiting: Visitor, **fields: str) -> dict[str, object]:
    """The answer to a question; the page itself is read, too."""
    query = urlencode(fields)
    page = await visiting.get(f"/questions/policies?{query}")
    body: dict[str, object] = await visiting.json(f"/questions/policies.json?{query}")
    assert ("Policy by policy" in page) is (body["answer"] is not None)
    return body


async def test_a_question_is_answered_as_a_call_would_be(world: World) -> None:
    async with visitor(world, "requester") as requester:
        body = await ask(requester, agent="support-bot", action="reset_user_mfa")
        answer = body["answer"]
        assert isinstance(answer, dict)
        assert answer["says"] == "asks 1 SecurityLead"
        assert [one["person"] for one in answer["givers"]] == ["lead", "second-lead"]
        turned = {one["change"]: one["after"] for one in answer["flips"]}
        assert turned["`resource.attributes.vip: true`"] == "asks 2 SecurityLead"
        guard = next(one for one in answer["verdicts"] if one["policy"] == "prod-high-needs-lead")
        assert (guard["holds"], guard["effect"]) == (True, "forbid")
        approved = await ask(requester, agent="support-bot", action="reset_user_mfa", approvals="SecurityLead: 1")
        assert isinstance(approved["answer"], dict)
        assert approved["answer"]["says"] == "permitted"
        lifted = next(one for one in approved["answer"]["verdicts"] if one["policy"] == "prod-high-needs-lead")
        assert lifted["failing"].endswith("is so")
        # what is wrong with a question is said on its page
        for wrong in ({"attributes": "vipp: true"}, {"attributes": "- a"}, {"connection": "none"}, {"person": "none"}):
            told = await ask(requester, agent="support-bot", action="reset_user_mfa", **wrong)
            assert (told["answer"], bool(told["fault"])) == (None, True), wrong


async def test_a_receipt_and_a_policy_of_another_tenant_are_not_told_of(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox, extra=OUTSIDER)
    (workspace.root / "policies" / "foreign.cedar").write_text(FOREIGN)
    async with gateway(workspace, sandbox) as world:
        done = await world.call("get_user", {"user_id": MARIA["user_id"]})
        assert done["status"] == "confirmed", done
        ((receipt,),) = world.rows("SELECT id FROM statements WHERE contract = 'get_user' LIMIT 1")
        async with visitor(world, "lead") as lead, visitor(world, "outsider") as outsider:
            found = (await ask(lead, receipt=str(receipt)))["answer"]
            assert isinstance(found, dict)
            assert (found["says"], found["agent"]) == ("permitted", "support-bot")
            assert MARIA["user_id"] not in str(found)
            # the evidence that it rests on was read, and the log says by whom
            assert world.rows("SELECT id FROM statements WHERE kind = 'access'")
            assert (await ask(outsider, receipt=str(receipt)))["answer"] is None
            # a denial before the record was looked at is explained as well
            token = await world.app.agents.add("idle-bot", "acme", "requester", None, frozenset(), False)
            early = await world.call("find_user", {"email": "maria@example.com"}, token)
            assert early["status"] == "denied", early
            ((refused,),) = world.rows("SELECT id FROM statements WHERE contract = 'find_user' LIMIT 1")
            why = (await ask(lead, receipt=str(refused)))["answer"]
            assert isinstance(why, dict)
            assert (why["says"], why["agent"]) == ("denied", "idle-bot")
            assert {"change": "the role Support of agent", "after": "permitted"} in why["flips"]
            about = (await ask(lead, agent="support-bot", action="reset_user_mfa"))["answer"]
            assert about is not None
            assert "globex" not in str(about)


BUDGET = "budgets:\n  - {name: unlocks, action: unlock_user, window: 1h}\n"
UNLOCK = {"user_id": LEO["user_id"], "reason": "locked out since this morning"}
FULL = """
@id("one-unlock")
forbid (principal, action == Action::"unlock_user", resource)
when { context.budget.unlocks > 1 };
"""


async def test_a_budget_that_is_full_is_named_with_its_use_and_when_it_frees(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox)
    (workspace.root / "policies" / "budgets.yaml").write_text(BUDGET)
    (workspace.root / "policies" / "full.cedar").write_text(FULL)
    async with gateway(workspace, sandbox) as world, visitor(world, "lead") as lead:
        assert (await world.call("unlock_user", UNLOCK))["status"] == "confirmed"
        looked = len(sandbox.log())
        denied = await world.call("unlock_user", {**UNLOCK, "user_id": MARIA["user_id"]})
        # no request reached the target
        assert (denied["status"], len(sandbox.log())) == ("denied", looked)
        line = (
            "the budget `unlocks` (calls per tenant within 1h): others took 1, and this takes 1; it begins to free at"
        )
        receipt = str(denied["receipt_id"])
        for fields in ({"receipt": receipt}, {"agent": "support-bot", "action": "unlock_user"}):
            answer = (await ask(lead, **fields))["answer"]
            assert isinstance(answer, dict)
            assert (answer["says"], answer["budgets"][0].startswith(line)) == ("denied", True), answer
            assert {"change": "`budget.unlocks: 1`", "after": "permitted"} in answer["flips"]
        for asked in (receipt, "unlock_user"):
            told = await ailyus(world, "policy", "explain", asked)
            assert line in told
            assert "agent: decided by `one-unlock`" in told
