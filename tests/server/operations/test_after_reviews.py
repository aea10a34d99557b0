"""What only a break-glass policy permits is done, and reviewed afterwards by somebody who was not part of it."""

import json
import re
from pathlib import Path

import pytest

from contracts.errors import AilyusError
from receipts.tables import after_reviews
from server.operations.after_reviews import AfterReviews
from server.workspace.workspace import Workspace
from tests.console.visitor import visitor
from tests.world import FILE, Sandbox, World, add_records, ailyus, gateway


async def open_ids(world: World) -> list[str]:
    return [one.id for one in await world.app.store.read_aside(after_reviews.open_reviews)]


async def test_a_break_glass_action_is_listed_until_its_role_reviewed_it(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = add_records(tmp_path / "w", sandbox)
    policies = workspace.root / "policies" / "records.cedar"
    glass = re.sub(r"^permit", '@review("SecurityLead")\npermit', policies.read_text(), flags=re.MULTILINE)
    policies.write_text(glass)
    with (workspace.root / FILE).open("a") as settings:
        settings.write('\n[[people]]\nname = "colleague"\ntenant = "acme"\nroles = ["Support"]\n')
    async with gateway(Workspace.open(workspace.root), sandbox) as world:
        done = await world.call("set_value", {"record": "r1", "value": "new"})
        assert done["status"] == "confirmed", done
        (review,) = await open_ids(world)
        reviews, action = AfterReviews(world.app.runner), done["action_id"]
        async with visitor(world, "requester") as requester, visitor(world, "lead") as lead:
            close = f"/escalations/{review}/close"
            assert action in (await requester.get("/")).partition("To be reviewed")[2]
            # it was done for them, so they close nothing, and the page says why
            assert "somebody else must review it" in await requester.get("/inbox")
            listed = json.loads(await ailyus(world, "escalation", "list", "--format", "json"))
            assert [(one["escalation"], one["route"]) for one in listed] == [(review, "review:SecurityLead")]
            assert "closed with a comment" in await ailyus(world, "escalation", "ack", review, "--as", "lead", ok=False)
            for who, comment, code in (
                ("requester", "fine", "self_approval"),
                ("colleague", "fine", "wrong_role"),
                ("lead", " ", "bad_form"),
                ("x", "y", "unknown_person"),
            ):
                with pytest.raises(AilyusError) as refused:
                    await reviews.close(review, who, comment)
                assert refused.value.code == code
            assert await open_ids(world) == [review]
            answer = await lead.submit("/inbox", close, {"comment": "the page was down, and it was right"})
            assert answer.headers["location"] == "/inbox"
            assert "To be reviewed" not in await lead.get("/")
        assert await open_ids(world) == []
        assert "no review" in await ailyus(
            world, "escalation", "close", review, "--comment", "x", "--as", "lead", ok=False
        )
        # what another policy permits as well needs no review
        (policies.parent / "plain.cedar").write_text(
            glass.replace('@review("SecurityLead")\n', "").replace('@id("', '@id("plain-')
        )
        await ailyus(world, "release", "apply")
        assert (await world.call("set_value", {"record": "r1", "value": "newer"}))["status"] == "confirmed"
        assert await open_ids(world) == []


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        ('@id("a") @review("Nobody") permit (principal, action, resource);', "no role"),
        ('@id("a") @review("SecurityLead") forbid (principal, action, resource);', "needs no review"),
    ],
)
async def test_a_review_that_nobody_could_close_is_refused(
    tmp_path: Path, sandbox: Sandbox, policy: str, says: str
) -> None:
    workspace = add_records(tmp_path / "w", sandbox)
    (workspace.root / "policies" / "own.cedar").write_text(policy)
    with pytest.raises(AilyusError, match=says):
        Workspace.open(workspace.root).release()
