"""The content of a release is read from the evidence that its statement keeps."""

from pathlib import Path

import pytest

from contracts.errors import AilyusError
from policies.release_diff import release_changes
from server.workspace.release_comparison import content_of
from server.workspace.release_files import sources_of
from server.workspace.release_settings import SETTINGS as LABEL
from server.workspace.release_statement import release_evidence
from server.workspace.workspace import Workspace
from tests.server.workspace.places import workspace_at

SYSTEM = "system: records\nobserve:\n  record: {get: '/records/${inputs.record}'}\n"


def evidence(workspace: Workspace) -> dict[str, bytes]:
    return release_evidence(workspace.release(), sources_of(workspace.root), None)


def test_every_part_is_found_in_the_evidence(tmp_path: Path) -> None:
    workspace = workspace_at(tmp_path / "w")
    (workspace.root / "policies" / "test.test.yaml").write_text("tests: []\n")
    content = content_of(evidence(workspace))
    assert {noun: sorted(part) for noun, part in content.parts.items()} == {
        "contract": ["set_value"],
        "plan": [],
        "system": [],
        "flow": [],
        "policy": ["permit-all"],
        "tests": ["policies/test.test.yaml"],
        "connection": ["records"],
        "person": ["ann", "lead"],
        "setting": ["change_freeze", "environments", "incident", "releasers", "roles", "session_hours", "time_zone"],
    }
    assert content.reach == {"permit-all": frozenset({"set_value"})}
    assert content.risk_of("connection", "records") == content.risk_of("policy", "permit-all") == "low"


def test_a_comment_changes_nothing_and_a_shared_file_does(tmp_path: Path) -> None:
    workspace = workspace_at(tmp_path / "w")
    before = content_of(evidence(workspace))
    with (workspace.root / "policies" / "test.cedar").open("a") as file:
        file.write("// a remark\n")
    assert release_changes(before, content_of(evidence(workspace))) == ()
    (workspace.root / "contracts" / "_system.yaml").write_text(SYSTEM)
    (change,) = release_changes(before, content_of(evidence(workspace)))
    assert (change.noun, change.name, change.event, change.risk) == ("system", "records", "added", "low")


def test_of_an_earlier_version_people_and_connections_are_not_known(tmp_path: Path) -> None:
    found = evidence(workspace_at(tmp_path / "w"))
    before = content_of({label: data for label, data in found.items() if label != LABEL})
    assert not {"person", "connection", "setting"} & before.parts.keys()
    assert release_changes(before, content_of(found)) == ()


@pytest.mark.parametrize(("label", "data"), [("contract/x", b"["), ("policy/x.cedar", b"permit ("), (LABEL, b"{}")])
def test_evidence_that_cannot_be_read_is_told(label: str, data: bytes) -> None:
    with pytest.raises(AilyusError):
        content_of({label: data})
