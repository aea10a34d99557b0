"""`verified_against` is a promise: each contract, and its undo, runs on what it names."""

from pathlib import Path

import pytest

from contracts.compiler.catalog import load_catalog
from contracts.schema.contract import Undo
from tests.aws import Aws, aws_workspace
from tests.journeys.directory import directory
from tests.journeys.rotation import states
from tests.journeys.scim import Scim
from tests.wire_between import between
from tests.world import ROOT, Sandbox, gateway

REASON = "the team changes this week"
AWS = ("tests/journeys/test_aws_keys.py", "tests/journeys/test_doubt.py")
PAGES = ("tests/helpdesk/test_pages.py", "tests/helpdesk/test_fallback.py", "tests/helpdesk/test_secrets.py")
RUN: dict[str, tuple[str, ...]] = {
    "scim2-server": (
        "tests/journeys/test_directories.py",
        "tests/journeys/test_group_membership.py",
        "tests/journeys/test_scim_users.py",
    ),
    "moto": AWS,
    "django-helpdesk": (*PAGES, "tests/helpdesk/desk.py"),
    "the admin of Django": (*PAGES, "tests/helpdesk/desk.py"),
}
"""Which tests run the contracts that were verified against a program that is not ours."""
UNDONE = {
    "add_group_member",
    "remove_group_member",
    "activate_scim_user",
    "deactivate_scim_user",
    "create_access_key",
    "activate_access_key",
    "deactivate_access_key",
}
"""Whose undo is run below, or in the tests of AWS, on the program itself."""


def test_every_contract_that_names_a_program_is_run_on_it() -> None:
    programs = load_catalog(ROOT / "contracts" / "library").programs
    for name, program in programs.items():
        against = program.contract.verified_against
        if "sandbox" in against or against.startswith(("description ", "documentation ")):
            continue  # tests/library runs those on their twins
        files = next((files for known, files in RUN.items() if against.startswith(known)), None)
        assert files is not None, f"`{name}` was verified against `{against}`, which no test runs"
        if program.is_write:
            assert any(f'"{name}"' in (ROOT / file).read_text() for file in (*files, __file__)), name
            assert not isinstance(program.contract.undo, Undo) or name in UNDONE, f"no test runs the undo of `{name}`"


async def test_who_was_added_is_taken_out_again(tmp_path: Path, sandbox: Sandbox, scim: Scim) -> None:
    async with directory(tmp_path / "w", sandbox, scim) as (world, proxy):
        other = scim.group("other")
        proxy.refuse, proxy.refuse_only = (422, "{}"), f"/Groups/{other}"
        member = {"user_id": scim.maria}
        steps = [
            {"id": "one", "contract": "add_group_member", "inputs": {**member, "group_id": scim.engineering}},
            {"id": "two", "contract": "add_group_member", "inputs": {**member, "group_id": other}},
        ]
        answer = await world.approved("run_plan", {"steps": steps, "reason": REASON})
        assert states(answer) == {"one": "undone", "two": "not_applied"}
        assert scim.members(scim.engineering) == {scim.leo}


async def test_who_was_taken_out_is_not_let_in_again_by_an_undo(tmp_path: Path, sandbox: Sandbox, scim: Scim) -> None:
    async with directory(tmp_path / "w", sandbox, scim) as (world, proxy):
        other = scim.group("other")
        proxy.refuse, proxy.refuse_only = (422, "{}"), f"/Groups/{other}"
        steps = [
            {
                "id": "one",
                "contract": "remove_group_member",
                "inputs": {"user_id": scim.leo, "group_id": scim.engineering},
            },
            {"id": "two", "contract": "add_group_member", "inputs": {"user_id": scim.maria, "group_id": other}},
        ]
        answer = await world.approved("run_plan", {"steps": steps, "reason": REASON})
        assert states(answer) == {"one": "done", "two": "not_applied"}
        assert "right back" in next(s["kept"] for s in answer["steps"] if s["id"] == "one")
        assert scim.members(scim.engineering) == set()


@pytest.mark.parametrize("first", ["activate_access_key", "create_access_key"])
async def test_a_key_is_put_back(tmp_path: Path, sandbox: Sandbox, aws: Aws, first: str) -> None:
    if first == "activate_access_key":
        aws.iam.update_access_key(UserName="ci", AccessKeyId=aws.old[0], Status="Inactive")
    before = aws.keys()
    aws.iam.create_user(UserName="other")
    async with (
        between(aws.port) as proxy,
        gateway(aws_workspace(tmp_path / "w", sandbox, aws, proxy.port), sandbox) as world,
    ):
        proxy.refuse, proxy.refuse_only = (400, "<E/>"), "UserName=other"
        inputs = {"user_name": "ci"} | ({"key_id": aws.old[0]} if first == "activate_access_key" else {})
        steps = [
            {"id": "one", "contract": first, "inputs": inputs},
            {"id": "two", "contract": "create_access_key", "inputs": {"user_name": "other"}},
        ]
        answer = await world.approved("run_plan", {"steps": steps, "reason": REASON})
        assert states(answer) == {"one": "undone", "two": "not_applied"}, answer
        assert aws.keys() == before
