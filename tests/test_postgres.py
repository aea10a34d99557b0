"""The tests' own PostgreSQL, where the user that it runs as cannot reach the checkout."""

import subprocess
from pathlib import Path

from tests.postgres import copied, installed


def test_a_copy_of_the_wheel_is_whole(tmp_path: Path) -> None:
    programs = copied(installed(), tmp_path / "postgresql") / "bin"
    for program in ("initdb", "postgres"):
        done = subprocess.run([programs / program, "--version"], capture_output=True, text=True, check=True)
        assert done.stdout.startswith(f"{program} (PostgreSQL) ")
