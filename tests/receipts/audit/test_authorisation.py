"""Cedar is run again over what a proof opens, and approvals are counted; what is not opened leaves the answer open."""

from dataclasses import replace
from typing import Any

from receipts.audit.authorisation import authorised
from receipts.audit.verify import AuthenticProof
from tests.receipts.audit.answered import approved, of_kind, opened, planned, said, without
from tests.world import MARIA, World


def answer(proof: AuthenticProof) -> tuple[str, bool, str]:
    found = authorised(proof)
    return found.verdict, found.contradicts, found.why


def _no_approvals(asked: Any) -> None:
    for one in asked:
        one["context"]["approvals"]["SecurityLead"] = 0


def _other(asked: Any) -> None:
    for one in asked:
        one["action"]["id"] = "unlock_user"


def _other_ticket(asked: Any) -> None:
    for one in asked:
        one["context"]["params"]["ticket"] = "9999"


async def test_an_approved_action(world: World) -> None:
    proof = await approved(world)
    verdict, _, why = answer(proof)
    assert verdict == "yes", why
    assert "Cedar permits it again (1 decisions" in why
    assert "1 approvals of people hold" in why
    # what is not in the file leaves the answer open
    for label in ("cedar/requests", "cedar/entities", "slice/reset_user_mfa", "schema", "approval/0"):
        assert answer(without(proof, label))[:2] == ("unknown", False), label
    assert answer(replace(proof, statements=tuple(s for s in proof.statements if s["kind"] != "release"))) == (
        "unknown", False, "the release that decided is not in the file",
    )  # fmt: skip
    # whoever holds the log's key can sign that it was permitted, and Cedar still does not permit it
    assert answer(opened(proof, "cedar/requests", _no_approvals, "requests")) == (
        "no", True, "Cedar denies what the intent says was `running`",
    )  # fmt: skip
    assert answer(opened(proof, "cedar/requests", _no_approvals))[2] == (
        "the intent names another `requests` than the file opens"
    )
    assert answer(opened(proof, "cedar/requests", _other, "requests"))[:2] == ("no", True)
    assert answer(opened(proof, "cedar/requests", _other_ticket, "requests")) == (
        "no", True, "Cedar was asked about other parameters",
    )  # fmt: skip
    assert answer(said(proof, "intent", lambda one: one["decision"].update(policies={"agent": [], "person": []})))[
        2
    ].startswith("other policies decide than the intent names")
    # an approval that Cedar was told of, and that nobody gave
    bare = without(said(proof, "intent", lambda one: one.update(approvals=[])), "approval/0")
    assert answer(bare) == ("no", True, "Cedar was told of 1 of `SecurityLead`, and the intents name fewer")
    late = said(proof, "intent", lambda one: one.update(atMs=one["atMs"] + 10**10))
    assert answer(late) == ("no", True, "the approval of `lead` had expired")
    selfish = opened(
        proof, "approval/0", lambda one: one["binding"].update(approver=one["binding"]["subject"]["person"])
    )
    assert "approved what they asked for themselves" in answer(selfish)[2]


async def test_what_was_read_denied_or_is_about_the_gateway(world: World) -> None:
    read = await world.call("get_user", {"user_id": MARIA["user_id"]})
    assert answer(world.proof(read["receipt_id"]))[0] == "yes"
    denied = await world.call("get_user", {"user_id": "00u9nobody00001"})
    assert answer(world.proof(denied["receipt_id"])) == ("no", False, "nothing was let through: it ended `denied`")
    waiting = await world.call("reset_user_mfa", MARIA)
    (asked,) = world.rows("SELECT id FROM statements WHERE action_id = ?", waiting["action_id"])
    assert answer(world.proof(asked[0]))[0] == "unknown"
    (released, *_) = world.rows("SELECT id FROM statements WHERE kind = 'release'")
    assert answer(world.proof(released[0])) == ("unknown", False, "it is about the gateway itself, and no action")


async def test_a_plan_with_all_of_its_steps(world: World) -> None:
    proof = await planned(world)
    verdict, _, why = answer(proof)
    assert (verdict, "2 decisions" in why) == ("yes", True), why
    gone = of_kind(proof, "intent")["action"]
    cut = replace(proof, statements=tuple(one for one in proof.statements if one["action"] != gone))
    assert answer(cut)[:2] == ("unknown", False)
    assert "of the plan is not in the file" in answer(cut)[2]
