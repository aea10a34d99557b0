"""An undo takes nothing away from whoever holds it now: what a later step took, and keeps, stays."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from contracts.compiler.catalog import Complaints, load_catalog
from tests.aws import Aws, aws_workspace
from tests.journeys.rotation import ROTATE, integration, keys, states, works
from tests.plans.records import seeded, values
from tests.wire import wire_to
from tests.world import ROOT, Sandbox, World, add_records, gateway

LIBRARY = ROOT / "contracts" / "library"
REASON = "the key is due for its rotation"


@pytest.mark.parametrize("said", [True, False])
async def test_the_secret_store_keeps_a_key_that_works(tmp_path: Path, sandbox: Sandbox, aws: Aws, said: bool) -> None:
    """The last step of a rotation is refused: whether or not the plan says `keep`, the new key stays with its users."""
    async with wire_to(aws.port) as wire:
        workspace = aws_workspace(tmp_path / "w", sandbox, aws, wire.port)
        path = workspace.root / "contracts" / "aws" / "rotate_access_key.yaml"
        text = await asyncio.to_thread(path.read_text)
        if not said:
            await asyncio.to_thread(path.write_text, text.replace("keep: create while store\n", ""))
        async with gateway(workspace, sandbox) as world:
            wire.add("Action=UpdateAccessKey", "refused", times=9)
            arguments = {"user_name": "ci", "old_key_id": aws.old[0], "secret_name": "ci/deploy", "reason": REASON}
            answer = await world.approved("rotate_access_key", arguments)
            assert states(answer) == {"create": "done", "store": "done", "deactivate_old": "not_applied"}, answer
            assert (answer["status"], answer["changed"]) == ("partial", True)
            (new,) = set(aws.keys()) - {aws.old[0]}
            assert aws.works(new, aws.stored())
            assert wire.sent("Action=DeleteAccessKey") == 0
            assert "create stays, because store took what it made" in answer["summary"]
            assert "A person must finish deactivate_old, or take back store and then create" in answer["summary"]
            assert "store took what it made" in next(s["kept"] for s in answer["steps"] if s["id"] == "create")
            assert answer["escalated_to"] == "security-oncall"


async def test_the_integration_keeps_a_key_that_works(world: World) -> None:
    world.sandbox.fault("refuse", "keys/key_old00001", "apikeys", times=9)
    answer = await world.approved("rotate_api_key_and_update_integration", ROTATE)
    assert states(answer) == {"rotate": "done", "integration": "done", "revoke_old": "not_applied"}, answer
    assert answer["status"] == "partial"
    assert integration(world)["credential_key"] in keys(world)
    assert works(world)
    assert "rotate stays, because integration took what it made" in answer["summary"]


async def test_what_nobody_took_is_taken_back(tmp_path: Path, sandbox: Sandbox, aws: Aws) -> None:
    """The step that would have taken it was refused: then the new key goes, and the limit of two keys is free."""
    async with wire_to(aws.port) as wire:
        async with gateway(aws_workspace(tmp_path / "w", sandbox, aws, wire.port), sandbox) as world:
            wire.add("secretsmanager.PutSecretValue", "refused", times=9)
            arguments = {"user_name": "ci", "old_key_id": aws.old[0], "secret_name": "ci/deploy", "reason": REASON}
            answer = await world.approved("rotate_access_key", arguments)
            assert answer["status"] == "compensated", answer
            assert set(aws.keys()) == {aws.old[0]}
            assert aws.works(*aws.old)
            assert "stays" not in answer["summary"]


PLAN = """\
plan: announce
version: 1
title: Announce a change
summary: Change a record, announce it, change another.
use_when: a test needs it
inputs: {}
steps:
  - {id: one, contract: set_value, inputs: {record: a, value: x}}
  - {id: two, contract: add_event, inputs: {record: b, name: said}}
  - {id: three, contract: set_value, inputs: {record: c, value: z}}
on_failure: undo
"""


@pytest.mark.parametrize("keep", ["", "keep: one while two\n", "keep: [one while two]\n"])
async def test_a_plan_says_what_is_kept(tmp_path: Path, sandbox: Sandbox, keep: str) -> None:
    """No output ties the first step to the second; only the plan knows that they belong together."""
    workspace = add_records(tmp_path / "w", sandbox)
    path = workspace.root / "contracts" / "records" / "announce.yaml"
    await asyncio.to_thread(path.write_text, PLAN + keep)
    async with gateway(workspace, sandbox) as world:
        seeded(world, "a", "b", "c")
        sandbox.fault("lying_200", "records/c", "records", times=9)
        answer = await world.approved("announce", {})
        assert states(answer) == {"one": "done" if keep else "undone", "two": "done", "three": "not_applied"}, answer
        assert values(world)["a"] == ("x" if keep else "old")
        assert ("one stays, because the plan keeps it while two is done" in answer["summary"]) is bool(keep)


def warnings(tmp_path: Path, change: Any) -> str:
    import shutil

    for system in ("apikeys", "integrations"):
        shutil.copytree(LIBRARY / system, tmp_path / "contracts" / system)
    path = tmp_path / "contracts" / "integrations" / "rotate_api_key_and_update_integration.yaml"
    path.write_text(change(path.read_text()))
    return "\n".join(load_catalog(tmp_path / "contracts").warnings)


def test_the_check_names_every_plan_that_can_end_so(tmp_path: Path) -> None:
    said = warnings(tmp_path, lambda text: text.replace("keep: rotate while integration\n", ""))
    assert "`rotate_api_key_and_update_integration`: if `revoke_old` fails, `rotate` is not undone" in said
    assert "keep: rotate while integration" in said
    assert load_catalog(LIBRARY).warnings == ()


@pytest.mark.parametrize(
    "keep", ["integration while rotate", "rotate while nobody", "rotate while", "rotate, while integration"]
)
def test_a_keep_that_means_nothing_is_refused(tmp_path: Path, keep: str) -> None:
    with pytest.raises(Complaints) as refused:
        warnings(tmp_path, lambda text: text.replace("keep: rotate while integration", f"keep: {keep}"))
    assert "keep" in str(refused.value)
