"""The files of a release: what it is made of, its tests, and the signature beside them."""

from pathlib import Path

import pytest

from contracts.errors import AilyusError
from server.workspace.release_files import (
    SIGNED_FILE,
    read_signed,
    run_tests_of,
    sources_of,
    write_signed,
    written_files,
)
from tests.server.workspace.places import signed_of, workspace_at

CASE = """tests:
  - name: support may
    action: set_value
    agent: {{roles: [Support]}}
    person: {{roles: [Support]}}
    expect: {expect}
"""


def test_a_release_is_made_of_contracts_policies_and_their_tests(tmp_path: Path) -> None:
    workspace = workspace_at(tmp_path / "w")
    (workspace.root / "policies" / "test.test.yaml").write_text("cases: []\n")
    (workspace.root / "policies" / "notes.txt").write_text("not a part of it")
    (workspace.root / "contracts" / "deep").mkdir()
    (workspace.root / "contracts" / "deep" / "more.yaml").write_text("a: 1\n")
    (workspace.root / "contracts" / "half.yaml").write_text("contract: half\ndraft: true\n")
    assert set(sources_of(workspace.root)) == {
        "contracts/set_value.yaml",
        "contracts/deep/more.yaml",
        "policies/test.cedar",
        "policies/test.test.yaml",
    }


def test_a_file_that_cannot_be_kept_is_named(tmp_path: Path) -> None:
    workspace = workspace_at(tmp_path / "w")
    (workspace.root / "contracts" / "broken.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(AilyusError) as fault:
        sources_of(workspace.root)
    assert (fault.value.code, fault.value.field) == ("bad_contract", "contracts/broken.yaml")


def test_what_was_kept_makes_the_same_release_again(tmp_path: Path) -> None:
    workspace = workspace_at(tmp_path / "w")
    with written_files(sources_of(workspace.root)) as root:
        assert workspace.release(files=root).digest == workspace.release().digest
    assert not root.exists()


@pytest.mark.parametrize("name", ["../outside.yaml", "contracts/../../outside.yaml", "/outside.yaml"])
def test_a_path_that_leads_out_of_the_folder_writes_nothing(name: str) -> None:
    with pytest.raises(AilyusError, match="a path that leads elsewhere") as fault, written_files({name: b"x"}):
        pass
    assert fault.value.code == "store_corrupt"


def test_a_signature_is_found_where_it_was_written(tmp_path: Path) -> None:
    workspace = workspace_at(tmp_path / "w")
    assert read_signed(workspace.root) is None
    signed = signed_of(workspace)
    assert write_signed(workspace.root, signed) == workspace.root / SIGNED_FILE
    assert read_signed(workspace.root) == signed
    assert write_signed(workspace.root, signed, tmp_path / "elsewhere.json") == tmp_path / "elsewhere.json"


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b"x" * (4 * 1024 * 1024 + 1)])
def test_what_is_no_signature_is_told_as_that(tmp_path: Path, content: bytes) -> None:
    workspace = workspace_at(tmp_path / "w")
    (workspace.root / SIGNED_FILE).write_bytes(content)
    with pytest.raises(AilyusError, match="holds no signed release") as fault:
        read_signed(workspace.root)
    assert fault.value.code == "not_released"


def test_the_tests_of_a_release_are_run_by_its_own_policies(tmp_path: Path) -> None:
    workspace = workspace_at(tmp_path / "w")
    file, release = workspace.root / "policies" / "test.test.yaml", workspace.release()
    with pytest.raises(AilyusError):
        run_tests_of(release, sources_of(workspace.root))  # there is none
    file.write_text(CASE.format(expect="permitted"))
    assert run_tests_of(release, sources_of(workspace.root)) == 1
    file.write_text(CASE.format(expect="denied"))
    with pytest.raises(AilyusError) as fault:
        run_tests_of(release, sources_of(workspace.root))
    assert fault.value.code == "tests_failed"
