"""The unit and its socket: by systemd's own analysis where this machine has it, and by rules of our own anywhere."""

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.world import ROOT

FOLDER = ROOT / "server" / "deploy" / "systemd"
ANALYSIS = shutil.which("systemd-analyze")


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string((FOLDER / name).read_text())
    return parser


def test_the_service_is_nobodys_root_and_writes_in_one_place() -> None:
    service = unit("ailyus.service")["Service"]
    assert service["User"] == "ailyus"
    assert service["ProtectSystem"] == "strict"
    assert service["ReadWritePaths"] == "/etc/ailyus/.ailyus"
    assert service["CapabilityBoundingSet"] == ""
    for name in ("NoNewPrivileges", "PrivateTmp", "ProtectHome", "ProtectKernelModules", "RestrictSUIDSGID"):
        assert service[name] == "true", name


def test_the_socket_is_a_loopback_address() -> None:
    assert unit("ailyus.socket")["Socket"]["ListenStream"] == "127.0.0.1:8420"
    assert unit("ailyus.service")["Unit"]["Requires"] == "ailyus.socket"


if ANALYSIS:

    def test_systemd_takes_both_files(tmp_path: Path) -> None:
        program = tmp_path / "ailyus"
        program.touch(mode=0o755)
        for file in FOLDER.iterdir():
            (tmp_path / file.name).write_text(file.read_text().replace("/opt/ailyus/bin/ailyus", str(program)))
        names = [str(tmp_path / name) for name in ("ailyus.service", "ailyus.socket")]
        done = subprocess.run([ANALYSIS, "verify", *names], capture_output=True, text=True, check=False)
        about_ours = [line for line in done.stderr.splitlines() if "ailyus" in line]
        assert (about_ours, done.returncode) == ([], 0)

    def test_systemd_calls_the_service_hardly_exposed() -> None:
        command = [ANALYSIS, "security", "--offline=true", "--no-pager", FOLDER / "ailyus.service"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        found = re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)
        if found is None:
            pytest.fail(f"systemd-analyze says no level: {done.stdout[-300:]}{done.stderr[-300:]}")
        assert float(found[1]) <= 2.0
