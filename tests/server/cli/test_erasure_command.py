"""The command `erase`: a reason that names the subject is refused, since a statement is never erased."""

from pathlib import Path

from tests.world import Sandbox, cli, make_workspace


def test_the_reason_must_not_name_the_subject(tmp_path: Path, sandbox: Sandbox) -> None:
    root = make_workspace(tmp_path / "w", sandbox).root
    said = cli("erase", "Maria", "--reason", "maria asked", "--as", "lead", cwd=root, ok=False)
    assert "the reason names the subject" in said
    said = cli("erase", "Maria", "--reason", "asked to be forgotten", "--as", "lead", cwd=root, ok=False)
    assert "there is no store yet" in said
