"""`ailyus policy test`, `format`, `new test`, `shadow` and `suggest` at one gateway's workspace."""

import json
from pathlib import Path
from xml.etree import ElementTree

import orjson

from receipts.log.signing import Envelope
from tests.server.operations.shadowing import flips
from tests.world import MARIA, World, ailyus

VACUOUS = "tests:\n- {name: nobody, action: reset_user_mfa, approver: {}, role: Support, expect: may_not_approve}\n"


async def told(world: World, *arguments: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(await ailyus(world, *arguments, "--format", "json"))
    return found


async def test_tests_are_reported_formatted_and_judged(world: World, tmp_path: Path) -> None:
    policies = world.workspace.root / "policies"
    report = tmp_path / "report.xml"
    document = await told(world, "policy", "test", "--junit", str(report))
    assert document["failed"] == []
    cases = list(ElementTree.parse(report).getroot().iter("testcase"))  # noqa: S314 # written by ourselves
    assert len(cases) == document["passed"]
    assert {case.get("classname") for case in cases} >= {"base.test.yaml"}
    # each condition that is named stands where it is said to
    for one in document["conditions"]:  # type: ignore[attr-defined]
        line = (world.workspace.root / one["file"]).read_text().splitlines()[one["line"] - 1]
        assert line[one["column"] - 1 :].startswith(one["text"].split()[0]), one

    laid_out = json.loads(await ailyus(world, "policy", "format", "--check", "--format", "json", ok=False))
    assert laid_out["changed"]
    await ailyus(world, "policy", "format")
    await ailyus(world, "policy", "format", "--check")

    for policy in policies.glob("*.cedar"):
        policy.write_text(policy.read_text().replace('Action::"approve"', 'Action::"approve:book_export"'))
    (policies / "vacuous.test.yaml").write_text(VACUOUS)
    assert "it proves nothing" in await ailyus(world, "policy", "test", ok=False)


async def test_a_decision_becomes_a_test_and_a_shadow_tells_what_would_be_others(world: World, tmp_path: Path) -> None:
    root = world.workspace.root
    own = root / "policies" / "own.cedar"
    own.write_text('@id("own") forbid (principal, action == Action::"get_user", resource);')
    await ailyus(world, "policy", "shadow", "on", "--for", "1h", "--as", "lead")
    own.unlink()
    read = await world.call("get_user", {"user_id": MARIA["user_id"]})
    assert read["status"] == "confirmed", read
    await flips(world)
    report = await told(world, "policy", "shadow", "report")
    assert (report["state"], report["by"], report["wider"]) == ("on", "lead", 0)
    assert [(one["action"], one["after"]) for one in report["flips"]] == [("get_user", "denied")]  # type: ignore[attr-defined]
    assert (await told(world, "policy", "shadow", "off", "--as", "requester"))["state"] == "off"
    said = world.rows("SELECT envelope FROM statements WHERE kind = 'shadow' ORDER BY leaf_index")
    words = [orjson.loads(Envelope.decode(envelope).payload)["predicate"]["about"] for (envelope,) in said]
    assert [(one["event"], one["name"], one["by"]) for one in words] == [
        ("began", "the files", "lead"), ("ended", "the files", "requester"),
    ]  # fmt: skip
    assert words[1]["narrower"] > 0

    ((receipt,),) = world.rows("SELECT id FROM statements WHERE contract = 'get_user' LIMIT 1")
    explained = (await told(world, "policy", "explain", str(receipt)))["explanation"]
    assert isinstance(explained, list)
    assert explained[0] == "permitted"
    assert any("does not apply" in one for one in explained)
    written = await ailyus(world, "policy", "new", "test", receipt)
    (path,) = (root / "policies").glob(f"get-user-{receipt[-8:].lower()}.test.yaml")
    assert "expect: permitted" in path.read_text(), written
    assert MARIA["user_id"] not in path.read_text()
    found = await told(world, "policy", "suggest", "-o", str(tmp_path / "tighter"))
    assert found["candidate"] == str(tmp_path / "tighter")
    assert "keeps what was decided" in await ailyus(world, "policy", "new", "test", "rcp_none", ok=False)
