"""The check tells all faults at once, and what nothing reads."""

from pathlib import Path

from server.workspace.settings.check import check_folder
from server.workspace.settings.file import FILE
from tests.world import cli


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('origin = "a"\nroles = ["Support"]\n[server]\nprot = 1\nrate = -1\n')
    checked = check_folder(tmp_path, {})
    assert {fault.sentence.split(":")[0] for fault in checked.faults} == {
        "`server.prot` is no setting",
        "`server.rate`",
    }


def test_what_nothing_reads_is_told(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('origin = "a"\nroles = ["Support"]\n')
    checked = check_folder(tmp_path, {"AILYUS_OTHER": "1"})
    assert (checked.faults, checked.unread) == ((), ("AILYUS_OTHER",))
    assert checked.sources[FILE] == 2


def test_the_commands(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('origin = "a"\nroles = ["Support"]\n[server]\nport = 9001\n')
    assert "the settings are right: 3 keys from ailyus.toml, " in cli("settings", "check", cwd=tmp_path)
    rows = [line.split() for line in cli("settings", "show", "--changed", cwd=tmp_path).splitlines()]
    assert ["server.port", "9001", "ailyus.toml"] in rows
    (tmp_path / FILE).write_text('origin = "a"\nroles = ["Support"]\n[server]\nprot = 9001\nrate = -1\n')
    said = cli("settings", "check", cwd=tmp_path, ok=False)
    assert "error: ailyus.toml: `server.prot` is no setting\n  hint: did you mean `server.port`?" in said
    assert said.count("error: ") == 2
