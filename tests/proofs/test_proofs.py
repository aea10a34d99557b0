"""Proof files before both verifiers: named vectors, mutants, whose names a file carries, and every receipt of a plan."""

import base64
from pathlib import Path
from typing import Any

import orjson
import pytest

from contracts.canonical import digest, sha256
from contracts.errors import AilyusError
from receipts.audit.roots import read_roots
from receipts.audit.verify import verify
from tests.proofs.judges import browser, python
from tests.proofs.mutants import Genuine, campaign
from tests.proofs.worlds import file_of, proofs_of
from tests.world import LEO, MARIA, ROOT, World, cli

VECTORS = ROOT / "tests" / "vectors" / "proofs"
BAD = {
    "approval-for-another-record": "is for another action",
    "approval-moved-to-another-action": "is for another action",
    "approval-that-the-intent-does-not-name": "is not the one that its statement names",
    "approval-under-another-contract": "is for another action",
    "approval-with-other-params": "is for another action",
    "disclosure-twice": "is in the file twice",
    "envelope-not-canonical": "is not in its canonical form",
    "intent-of-another-action": "the outcome's intent is not in the log before it",
    "key-named-twice": "names the key",
    "key-named-twice-by-an-escape": "names the key",
    "key-named-twice-inside": "names the key",
    "key-that-was-revoked": "linked",
    "key-under-another-id": "key",
    "refusal-as-an-approval": "is not the one that its statement names",
    "salt-border-moved-into-the-data": "is not what was committed to",
    "salt-border-moved-into-the-salt": "is not what was committed to",
    "salt-of-fifteen-bytes": "is not what was committed to",
    "statement-twice": "a statement is in the file twice",
    "unknown-key": "the file is no ailyus-proof-v1",
}


def test_every_named_vector_in_both_verifiers() -> None:
    roots = read_roots(VECTORS / "roots.json")
    names = sorted(path.stem for path in VECTORS.glob("*.json") if path.stem != "roots")
    files = [(VECTORS / f"{name}.json").read_bytes() for name in names]
    assert {n for n in names if not n.startswith("good")} == set(BAD)
    for name, data, other in zip(names, files, browser(files, roots), strict=True):
        for verdict in (python(data, roots), other):
            assert verdict.ok is name.startswith("good"), (name, verdict)
            assert verdict.ok or BAD[name] in verdict.says, (name, verdict)


async def test_changed_files_mislead_neither_verifier(world: World) -> None:
    """A short form of `python -m tests.proofs --mutants 5000`."""
    files = await proofs_of(world)
    genuine = Genuine(files, read_roots(world.workspace.root / "roots.json"))
    counts, misled = campaign(genuine, 450, 18)
    assert misled == []
    assert counts["python refused"] > 300 < counts["browser refused"]
    assert counts["python accepted"] > 10 < counts["browser accepted"]


async def test_a_proof_carries_nobody_elses_people_and_no_other_policies(world: World) -> None:
    read = await world.call("find_user", {"email": "leo@example.com"})
    file = orjson.loads(file_of(world, read["receipt_id"]))
    assert not [label for _, label, _ in _opened(file) if label in ("person", "words")]
    assert b"lead" not in b"".join(data for _, label, data in _opened(file) if not label.startswith("cedar/"))
    approved = await world.reset(MARIA)
    file = orjson.loads(file_of(world, approved["receipt_id"]))
    opened = _opened(file)
    assert [data for _, label, data in opened if label in ("person", "words")] == [b"lead"]
    assert {label for _, label, _ in opened if label.startswith(("policy/", "slice/", "contract/", "plan/"))} == {
        "contract/reset_user_mfa", "slice/reset_user_mfa",
    }  # fmt: skip
    # the policies that are shown are the ones that decided
    (shown,) = (orjson.loads(data) for _, label, data in opened if label.startswith("slice/"))
    source = {name: sha256(orjson.dumps(policy, option=orjson.OPT_SORT_KEYS)) for name, policy in shown.items()}
    intent = next(p for p in _predicates(file) if p["kind"] == "intent")
    assert digest(source) == intent["decision"]["slice"]


async def test_every_receipt_of_an_approved_plan_verifies(world: World) -> None:
    steps = [
        {"id": name, "contract": "reset_user_mfa", "inputs": {k: v for k, v in who.items() if k != "reason"}}
        for name, who in (("one", MARIA), ("two", LEO))
    ]
    asked = await world.call("run_plan", {"steps": steps, "reason": "both phones were stolen"})
    assert asked["status"] == "approval_required", asked
    await world.approve(asked["action_id"])
    assert (await world.get(asked["action_id"]))["status"] == "confirmed"
    roots = read_roots(world.workspace.root / "roots.json")
    receipts = [str(r[0]) for r in world.rows("SELECT id FROM statements ORDER BY leaf_index")]
    files = [file_of(world, receipt) for receipt in receipts]
    for receipt, data, other in zip(receipts, files, browser(files, roots), strict=True):
        assert python(data, roots).says == "authentic", receipt
        assert other.ok, (receipt, other)
    # the approval of the plan counts for a step only beside the plan's own statement
    carrying = next(f for f in files if any(label == "approval/0" for _, label, _ in _opened(orjson.loads(f))))
    content = orjson.loads(carrying)
    step = next(p for p in _predicates(content) if "approval/0" in p["commitments"])
    content["receipt"] = step["receipt"]
    kept = [s for s in content["statements"] if _predicate(s)["action"] != step["plan"]["action"]]
    gone = {_predicate(s)["receipt"] for s in content["statements"] if s not in kept}
    content["statements"] = kept
    content["disclosures"] = [d for d in content["disclosures"] if d["receipt"] not in gone]
    assert "is for another action" in python(orjson.dumps(content), roots).says
    assert "is for another action" in browser([orjson.dumps(content)], roots)[0].says


NONSENSE = {
    "no hex": '{"origin":"ailyus.test","keys":{"KEY":"zz"}}',
    "too short": '{"origin":"ailyus.test","keys":{"KEY":"00"}}',
    "another id": '{"origin":"ailyus.test","keys":{"00":"VALUE"}}',
    "a key twice": '{"origin":"ailyus.test","origin":"ailyus.test","keys":{"KEY":"VALUE"}}',
    "a list": "[]",
    "a number for a key": '{"origin":"ailyus.test","keys":{"KEY":7}}',
    "deep": "[" * 100_000,
    "no text": "\x00\xff",
    "empty": "",
}


@pytest.mark.parametrize("what", NONSENSE)
def test_roots_with_nonsense_are_a_sentence(tmp_path: Path, what: str) -> None:
    ((keyid, key),) = orjson.loads((VECTORS / "roots.json").read_bytes())["keys"].items()
    text = NONSENSE[what].replace("KEY", keyid).replace("VALUE", key)
    path = tmp_path / "roots.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(AilyusError) as caught:
        read_roots(path)
    assert caught.value.code == "bad_proof"
    said = cli("receipt", "verify", str(VECTORS / "good-key-file.json"), "--trust", str(path), ok=False)
    assert said.startswith("error: ")
    assert "Traceback" not in said


def test_the_verdict_says_what_leaving_out_can_hide() -> None:
    roots = read_roots(VECTORS / "roots.json")
    content = orjson.loads((VECTORS / "good-key-file.json").read_bytes())
    whole = [python(orjson.dumps(content), roots), *browser([orjson.dumps(content)], roots)]
    for verdict in whole:
        assert any("left statements out" in what for what in verdict.unseen)
        assert not any("not opened" in what or "not in the file" in what for what in verdict.unseen)
    content["disclosures"] = [d for d in content["disclosures"] if d["label"] not in ("approval/0", "reason")]
    for verdict in (python(orjson.dumps(content), roots), *browser([orjson.dumps(content)], roots)):
        assert any("1 of 1 approvals that the intents name are not in the file" in what for what in verdict.unseen)
        assert any("not opened" in what and "approval/0" in what for what in verdict.unseen)
    said = cli("receipt", "verify", str(VECTORS / "good-key-file.json"), "--trust", str(VECTORS / "roots.json"))
    assert "not shown: whoever wrote the file can have left statements out" in said


def test_a_proof_that_names_no_text_is_a_sentence() -> None:
    roots = read_roots(VECTORS / "roots.json")
    for data in (b"", b"\xff\xfe{\x00}\x00", b"[" * 100_000, b'{"a":1e999}', b"\xef\xbb\xbf{}"):
        with pytest.raises(AilyusError):
            verify(data, roots)


def _predicate(proven: Any) -> Any:
    return orjson.loads(base64.b64decode(orjson.loads(proven["envelope"])["payload"]))["predicate"]


def _predicates(file: Any) -> list[Any]:
    return [_predicate(proven) for proven in file["statements"]]


def _opened(file: Any) -> list[tuple[str, str, bytes]]:
    return [(d["receipt"], d["label"], base64.b64decode(d["data"])) for d in file["disclosures"]]
