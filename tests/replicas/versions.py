"""A replica of the version before, beside one of today, over one database: what a rolling upgrade is.

The version before is the newest commit whose five packages differ from the files that are here: a commit of documents
or tests alone changes no gateway, and comparing with it would say nothing. With changes that are not committed yet it
is the last commit. `AILYUS_OLDER` names another one.
"""

import itertools
import os
import re
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pytest

from server.workspace.workspace import Workspace
from tests.guards import PACKAGES
from tests.world import COMMAND, ROOT, Served

NAME = "AILYUS_OLDER"
_DEEPEN = "`git fetch --deepen 50` (or `git fetch --unshallow`)"


@dataclass(frozen=True)
class Checkout:
    """The packages of a commit in a folder of their own."""

    commit: str
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """In which its packages are found before the installed ones."""
        return {**os.environ, "PYTHONPATH": str(self.folder)}

    @property
    def schema(self) -> int:
        """The version of its tables on PostgreSQL."""
        return schema_in(self.folder)

    def init(self, folder: Path, template: str) -> None:
        """A workspace as this version writes it: an upgrade finds the files of the version before."""
        program = (
            "import pathlib, sys; from server.workspace.templates import init_sandbox;"
            " init_sandbox(pathlib.Path(sys.argv[1]), sys.argv[2])"
        )
        command = [sys.executable, "-P", "-c", program, str(folder), template]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def run(self, *arguments: str, cwd: Path, ok: bool = True) -> str:
        """One run of its command line."""
        done = subprocess.run(
            [*COMMAND, *arguments], cwd=cwd, env=self.environment, capture_output=True, text=True, check=False
        )
        assert (done.returncode == 0) is ok, done.stdout + done.stderr
        return done.stdout + done.stderr


class ServedCheckout(Served):
    """A gateway that runs the code of a checkout."""

    def __init__(self, workspace: Workspace, checkout: Checkout) -> None:
        super().__init__(workspace)
        self.checkout = checkout

    def launch(self) -> None:
        with (self.workspace.private / "serve.log").open("ab") as log:
            command = [*COMMAND, "serve", "-w", str(self.workspace.root)]
            environment = self.checkout.environment
            self.process = subprocess.Popen(  # type: ignore[assignment]  # used like one of ours
                command, cwd=self.checkout.folder, env=environment, stdout=log, stderr=log
            )


def schema_in(folder: Path) -> int:
    found = re.search(r"^VERSION: Final = (\d+)$", (folder / "receipts/store/postgres_schema.py").read_text(), re.M)
    assert found is not None
    return int(found[1])


def checked_out(folder: Path, commit: str = "") -> Checkout:
    """A commit, or the version before, in this folder. It fails with the command that helps where there is none."""
    commit = commit or os.environ.get(NAME) or versions_before(1)[0]
    packed = _git("archive", commit, *PACKAGES)
    if packed.returncode != 0:
        pytest.fail(f"the commit {commit} is not here: run {_DEEPEN}", pytrace=False)
    folder.mkdir()
    with tarfile.open(fileobj=BytesIO(packed.stdout)) as archive:
        archive.extractall(folder, filter="data")
    made = Checkout(commit, folder)
    where = [sys.executable, "-P", "-c", "import server; print(server.__file__)"]
    said = subprocess.run(where, env=made.environment, capture_output=True, text=True, check=True)
    assert said.stdout.startswith(str(folder)), said.stdout
    return made


def versions_before(count: int) -> list[str]:
    """The newest of the commits whose packages are not those that are here, so many of them, the newest first."""
    listed = _git("log", "--format=%H", "--", *PACKAGES)
    if listed.returncode != 0:
        pytest.fail(f"this is no git checkout, and has no version before: clone it, or set {NAME}", pytrace=False)
    commits = listed.stdout.decode().split()
    # a commit further back may hold the same as this one, so each is compared
    found = (one for one in commits if _git("diff", "--quiet", one, "--", *PACKAGES).returncode == 1)
    if not (versions := list(itertools.islice(found, count))):
        pytest.fail(f"no version before this one is here: run {_DEEPEN}", pytrace=False)
    return versions


def _git(*arguments: str) -> "subprocess.CompletedProcess[bytes]":
    command = ["git", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
