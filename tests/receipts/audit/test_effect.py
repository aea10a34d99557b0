"""The expectations of a contract are evaluated again over the bodies that a proof opens."""

from dataclasses import replace

import orjson

from receipts.audit.effect import effect_of
from receipts.audit.verify import AuthenticProof
from tests.receipts.audit.answered import approved, labels, of_kind, opened, planned, said, without
from tests.world import LEO, MARIA, Sandbox, World


def answer(proof: AuthenticProof) -> tuple[str, bool, str]:
    found = effect_of(proof)
    return found.verdict, found.contradicts, found.why


async def test_what_was_read_back_is_judged_again(world: World) -> None:
    proof = await approved(world)
    verdict, _, why = answer(proof)
    assert (verdict, "expectations hold in what was read back through" in why) == ("yes", True), why
    after = sorted(label for label in labels(proof.disclosed) if label.startswith("after/"))
    assert after
    for label in (*after, "params", "contract/reset_user_mfa"):
        assert answer(without(proof, label))[:2] == ("unknown", False), label
    # whoever holds the log's key can sign `confirmed`, and the record that was read still says otherwise
    factors = "after/factors"
    before = orjson.loads(proof.disclosed[_key(proof, "before/factors")])
    forged = opened(proof, factors, lambda one: one.extend(before))
    assert answer(forged)[:2] == ("no", True), answer(forged)
    assert answer(said(proof, "outcome", lambda one: one.update(checks=[])))[2] == (
        "the statement names other expectations than its contract"
    )
    withheld = replace(proof, disclosed={**proof.disclosed, _key(proof, factors): b"(withheld)"})
    assert answer(withheld) == ("unknown", False, f"`{factors}` is withheld, or no JSON")
    for status, wanted in (("not_applied", "no"), ("unknown", "unknown"), ("diverged", "no")):
        assert answer(said(proof, "outcome", lambda one, s=status: one.update(status=s)))[0] == wanted  # type: ignore[misc]
    assert answer(replace(proof, statements=(of_kind(proof, "intent"),)))[2] == "it had not ended"


async def test_what_changed_nothing(world: World, sandbox: Sandbox) -> None:
    read = await world.call("get_user", {"user_id": MARIA["user_id"]})
    assert answer(world.proof(read["receipt_id"])) == ("yes", False, "it was a read, and nothing was to change")
    denied = await world.call("get_user", {"user_id": "00u9nobody00001"})
    assert answer(world.proof(denied["receipt_id"])) == ("no", False, "nothing was sent: it is `denied`")
    again = await world.reset(LEO)
    await world.call("get_user", {"user_id": LEO["user_id"]})
    assert answer(world.proof(again["receipt_id"]))[0] == "yes"


async def test_a_plan_is_confirmed_by_each_of_its_steps(world: World) -> None:
    proof = await planned(world)
    assert answer(proof) == ("yes", False, "each of 2 steps was read back, and meets what is expected of it")
    gone = of_kind(proof, "intent")["action"]
    cut = replace(proof, statements=tuple(one for one in proof.statements if one["action"] != gone))
    assert answer(cut)[0] == "unknown"


def _key(proof: AuthenticProof, label: str) -> tuple[str, str]:
    return next(key for key in proof.disclosed if key[1] == label)
