"""A coverage names a connection and an escalation that are declared; the check of the settings tells of each that is not."""

from pathlib import Path

from server.workspace.settings.check import check_folder
from server.workspace.settings.file import FILE


def test_a_coverage_of_what_is_not_declared_is_told(tmp_path: Path) -> None:
    text = 'origin = "a"\nroles = ["Support"]\n'
    for name in ("one", "two"):
        text += f'[coverage.{name}]\nconnection = "{name}"\nsource = "okta"\nactors = ["a"]\n'
    (tmp_path / FILE).write_text(text)
    faults = [(fault.field, fault.sentence) for fault in check_folder(tmp_path, {}).faults]
    assert faults == [(f"coverage.{n}.connection", f"there is no connection `{n}`") for n in ("one", "two")]
