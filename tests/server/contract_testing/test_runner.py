"""`contract test`: every fault between a contract and its twin, and a table that tells when one wins."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from contracts.errors import AilyusError
from server.contract_testing.http_proxy import FAULTS
from server.contract_testing.rehearsal_workspace import rehearsal_workspace
from server.contract_testing.runner import _given, rehearse
from server.workspace.log_key import open_log_key
from server.workspace.templates import init_sandbox
from server.workspace.workspace import Workspace
from tests.connected import connected
from tests.policies.making import PROGRAMS
from tests.world import Sandbox, cli, make_workspace


def test_the_table(tmp_path: Path) -> None:
    cli("init", str(tmp_path / "w"))
    faults = ("lost reply", "lie", "stale read", "5xx", "retrying proxy")  # all ten: the README's commands, in journeys
    assert set(faults) < set(FAULTS)
    arguments = ["--input", "user_id=00u1maria0001", "--input", 'ticket="4711"', "--format", "json"]
    arguments += [part for fault in faults for part in ("--fault", fault)]
    said = cli("contract", "test", "reset_user_mfa", *arguments, cwd=tmp_path / "w")
    rows, _ = json.JSONDecoder().raw_decode(said)  # what is logged follows, on the other stream
    assert [row["fault"] for row in rows] == list(faults)
    assert {row["verdict"] for row in rows} == {"ok"}
    status = {row["fault"]: row["status"] for row in rows}
    assert status.pop("lie") == "unknown"
    assert set(status.values()) == {"confirmed"}
    assert {row["fault"]: row["sends"] for row in rows if row["sends"] > 1} == {"5xx": 2}
    assert [row["effects"] for row in rows] == [0 if row["fault"] == "lie" else 1 for row in rows]


async def test_what_makes_something_leaves_one(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox)
    text = (workspace.root / "ailyus.toml").read_text()
    (workspace.root / "ailyus.toml").write_text(f"{text}\n[sandbox]\nport = {sandbox.port}\n")
    workspace = type(workspace).open(workspace.root)
    rows = await rehearse(workspace, "create_api_key", {"account_name": "slack-alerts"}, ["lost reply", "partial"])
    assert [(row.status, row.sends, row.effects, row.wrong) for row in rows] == [("confirmed", 2, 1, "")] * 2


async def test_faults_that_end_in_doubt_are_no_strikes(tmp_path: Path) -> None:
    init_sandbox(tmp_path / "w", "library")
    given, faults = {"user_id": "0055g00000AMar1AAA"}, ["lost reply", "late effect", "5xx after", "none"]
    rows = await rehearse(Workspace.open(tmp_path / "w"), "reset_salesforce_password", given, faults)
    assert [row.status for row in rows] == ["unknown", "unknown", "unknown", "confirmed"]


def test_a_contract_that_believes_the_answer_is_caught(tmp_path: Path) -> None:
    root = tmp_path / "w"
    cli("init", str(root))
    path = root / "contracts" / "okta" / "suspend_user.yaml"
    text = re.sub(r"expect:\n  - .*\n", 'expect:\n  - {that: "response.status == 200", else: "no"}\n', path.read_text())
    path.write_text(text)
    arguments = ("--input", "user_id=00u1maria0001", "--fault", "lie")
    said = cli("contract", "test", "suspend_user", *arguments, cwd=root, ok=False)
    assert "confirmed, and it is not so" in said


def test_what_cannot_be_tried(tmp_path: Path) -> None:
    root = tmp_path / "w"
    cli("init", str(root))
    for arguments, words in (
        (("find_user",), "there is no action `find_user`"),
        (("suspend_user", "--fault", "rain"), "there is no fault `rain`"),
        (("suspend_user", "--input", "user_id=00u9nobody9999", "--fault", "none"), "is there such a record"),
    ):
        assert words in cli("contract", "test", *arguments, cwd=root, ok=False)


async def test_a_connection_whose_tenant_nobody_has_is_told(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox)
    people = tuple(one.model_copy(update={"tenant": "main"}) for one in workspace.settings.people)
    other = replace(workspace, settings=workspace.settings.model_copy(update={"people": people}))
    with pytest.raises(AilyusError, match="nobody has the tenant `acme` of the connection `okta`; people have `main`"):
        await rehearse(other, "suspend_user", {"user_id": "00u1maria0001"}, ["none"])


@pytest.mark.parametrize(
    ("type_", "text", "given"),
    [
        ("string", "1", "1"),
        ("string", "true", "true"),
        ("string", '"1"', "1"),
        ("string", "r-{n}", "r-3"),
        ("secret", "12", "12"),
        ("integer", "{n}", 3),
        ("boolean", "true", True),
        ("array", '["a"]', ["a"]),
        ("integer", "one", "one"),
        ("", "1", "1"),
    ],
)
def test_an_input_is_read_as_the_type_that_is_declared(type_: str, text: str, given: object) -> None:
    program = PROGRAMS["reset_user_mfa"]
    declared = {"one": program.contract.inputs["ticket"].model_copy(update={"type": type_})} if type_ else {}
    changed = replace(program, contract=program.contract.model_copy(update={"inputs": declared}))
    assert _given(changed, "one", text, 3) == given
    assert _given(changed, "one", 7, 3) == 7


@pytest.mark.both_stores
async def test_a_contract_is_tried_with_the_tokens_that_somebody_connected(
    tmp_path: Path, sandbox: Sandbox, database: str
) -> None:
    async with connected(tmp_path / "w", sandbox, database=database) as house:
        house.server.set(records={"r1": {"id": "r1", "value": "old", "version": 1}})
        workspace, given = house.world.workspace, {"record": "r1", "value": "new"}
        with pytest.raises(AilyusError, match="nobody signed in to `records`"):
            await rehearse(workspace, "set_value", given, ["none"])
        for side in ("read", "write"):
            assert (await house.connect("requester", "records", side)).status_code == 303
        kept = house.world.rows("SELECT access, refresh, version FROM grants ORDER BY id")
        (row,) = await rehearse(workspace, "set_value", given, ["lost reply"])
        assert (row.status, row.wrong) == ("confirmed", ""), row
        assert house.server.state()["records"]["r1"]["by"] == "maria@example.com"
        # what could renew them was not used: the gateway goes on with what it has
        assert house.server.log("refresh_token") == []
        assert house.world.rows("SELECT access, refresh, version FROM grants ORDER BY id") == kept


async def test_a_rehearsal_is_no_part_of_the_workspace_that_it_rehearses(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox, database="postgresql://nobody@127.0.0.1:1/none")
    assert workspace.settings.has_database
    async with rehearsal_workspace(workspace) as (other, _):
        assert not other.settings.has_database
        assert other.store.parent != workspace.store.parent
        open_log_key(other)
        assert not (workspace.private / "log.pem").exists(), "it has a key of its own"
