"""A bundle: one file about an action, a plan or a receipt, which both verifiers read, and whose evidence may be left out."""

import base64
from pathlib import Path
from typing import Any

import orjson
import pytest

from receipts.audit.bundle import BundleFile, write_bundle
from receipts.audit.roots import read_roots
from receipts.audit.verify import verify
from tests.proofs.judges import browser, python
from tests.world import MARIA, World, ailyus

NOT_ITS_OWN = "the bundle is about something else than its proof"


def written(world: World, receipt: str, id_: str, *without: str) -> BundleFile:
    return world._reading(lambda read: write_bundle(read, receipt, id_, without))


async def test_a_bundle_and_what_is_no_bundle_in_both_verifiers(world: World) -> None:
    done = await world.reset(MARIA)
    other = await world.call("get_user", {"user_id": MARIA["user_id"]})
    roots = read_roots(world.workspace.root / "roots.json")
    action, receipt = str(done["action_id"]), str(done["receipt_id"])
    good = written(world, receipt, action)
    whole: Any = orjson.loads(good.encoded())
    assert (whole["kind"], whole["id"]) == ("action", action)
    foreign = orjson.loads(written(world, str(other["receipt_id"]), str(other["action_id"])).encoded())
    flipped = orjson.loads(good.encoded())
    entry = flipped["proof"]["statements"][0]
    envelope = orjson.loads(entry["envelope"])
    payload = bytearray(base64.b64decode(envelope["payload"]))
    payload[50] ^= 1
    envelope["payload"] = base64.b64encode(payload).decode()
    entry["envelope"] = orjson.dumps(envelope).decode()
    vectors: list[tuple[object, str]] = [
        (whole, "authentic"),
        (orjson.loads(written(world, receipt, receipt).encoded()), "authentic"),
        (orjson.loads(written(world, receipt, action, "before/*", "cedar/*").encoded()), "authentic"),
        ({**whole, "proof": foreign["proof"]}, NOT_ITS_OWN),
        ({**whole, "id": foreign["id"]}, NOT_ITS_OWN),
        ({**whole, "kind": "plan"}, NOT_ITS_OWN),
        ({**whole, "kind": "receipt"}, NOT_ITS_OWN),
        ({**whole, "kind": "all"}, "the file is no ailyus-proof-v1"),
        ({**whole, "more": 1}, "the file is no ailyus-proof-v1"),
        ({k: v for k, v in whole.items() if k != "withheld"}, "the file is no ailyus-proof-v1"),
        (flipped, "a statement's signature does not hold under a trusted key"),
    ]
    files = [orjson.dumps(one) for one, _ in vectors]
    for (_, says), data, there in zip(vectors, files, browser(files, roots), strict=True):
        here = python(data, roots)
        assert (here.says, there.ok) == (says, says == "authentic"), (here, there)
        assert there.ok or there.says == says
    left_out = verify(files[2], roots)
    assert not [label for _, label in left_out.disclosed if label.startswith(("before/", "cedar/"))]
    # it is committed to all the same, so that it can be opened later
    assert any("before/" in said for said in left_out.not_shown)


async def test_the_commands_answer_three_questions(world: World, tmp_path: Path) -> None:
    done = await world.reset(MARIA)
    file, roots = tmp_path / "bundle.json", world.workspace.root / "roots.json"
    assert "wrote" in await ailyus(world, "receipt", "bundle", done["action_id"], "-o", str(file))
    assert [row[0] for row in world.rows("SELECT count(*) FROM statements WHERE kind = 'access'")] == [1]
    said = await ailyus(world, "receipt", "verify", str(file), "--trust", str(roots), "--strict")
    assert "authentic: yes" in said
    assert "authorised: yes: Cedar permits it again" in said
    assert "effect confirmed: yes: " in said
    assert "was not run here" not in said
    withheld = ("--without", "cedar/*", "--without", "after/*")
    await ailyus(world, "receipt", "bundle", done["action_id"], "-o", str(file), *withheld)
    said = await ailyus(world, "receipt", "verify", str(file), "--trust", str(roots))
    assert "authorised: cannot say: `cedar/requests` of the intent is not opened" in said
    assert "effect confirmed: cannot say: " in said
    await ailyus(world, "receipt", "verify", str(file), "--trust", str(roots), "--strict", ok=False)


@pytest.mark.parametrize("text", [b'"ailyus-bundle-v1"', b'{"format":"ailyus-bundle-v1"}', b'["ailyus-bundle-v1"]'])
def test_what_only_names_the_format_is_none(text: bytes) -> None:
    from contracts.errors import AilyusError
    from receipts.audit.roots import Roots

    with pytest.raises(AilyusError, match="the file is no ailyus-proof-v1"):
        verify(text, Roots(origin="a", keys={}))
