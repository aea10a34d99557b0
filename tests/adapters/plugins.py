"""Adapters in Python, installed as distributions into an environment of their own beside the gateway's packages."""

import os
import shutil
import site
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from functools import partial
from importlib.metadata import distributions
from pathlib import Path

from adapters.plugin import GROUP, digest_of
from adapters.python.pool import Hosts
from server.cli.main import main
from tests.forks import Forked
from tests.slowness import scaled
from tests.world import ROOT

CONTRACT = """\
contract: add_to_group
version: 1
title: Add an IAM user to a group
summary: Add one IAM user to one group of the account.
use_when: a user needs what a group of the account may do
kind: write
risk: medium
verified_against: moto 5.2
target: aws_groups
inputs:
  user: {type: string, pattern: "^[a-z0-9-]{1,40}$", description: The IAM user's name.}
  group: {type: string, pattern: "^[a-z0-9-]{1,40}$", description: The group's name.}
observe:
  groups: {python: {operation: groups_of, arguments: {user: "${inputs.user}"}}}
resource: {type: IamUser, id: "${inputs.user}"}
says: "Add ${inputs.user} to the group ${inputs.group}"
shows: [before.groups]
execute:
  - python: {operation: add, arguments: {user: "${inputs.user}", group: "${inputs.group}"}, timeout: 5s}
    ok: response.body.done
detect: state
settle: 2s
idempotent: the same values are written again
expect:
  - {that: "inputs.group in after.groups.names", else: "the user is not in the group"}
evidence: {python: [before, after, response]}
undo: none
"""
SETTINGS = """
[adapters.groups]
entry_point = "iam_groups"
digest = "{digest}"

[connections.aws_groups]
kind = "aws_groups"
adapter = "groups"
base_url = "{url}"
tenant = "acme"
environment = "{environment}"
read = "file:.ailyus/secrets/aws-read"
write = "file:.ailyus/secrets/aws-write"
max_timeout = "{timeout}"
max_settle = "300ms"
"""
POLICY = """
@id("support-may-add-to-groups")
permit (principal in Role::"Support", action == Action::"add_to_group", resource);
"""


def example() -> str:
    """The adapter that the README shows."""
    return (ROOT / "adapters" / "README.md").read_text().split("```python\n")[1].split("```")[0]


@dataclass
class Environment:
    """A virtual environment that sees the gateway's packages, and what a test installs into it."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> "Environment":
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        made = cls(folder)
        below = sysconfig.get_path("purelib")
        (made.site / "beside.pth").write_text(f"{ROOT}\nimport site; site.addsitedir({below!r})\n")
        return made

    @property
    def python(self) -> str:
        return str(self.folder / "bin" / "python")

    @property
    def site(self) -> Path:
        return next((self.folder / "lib").glob("python*/site-packages"))

    def install(
        self,
        text: str,
        module: str = "acme_groups",
        name: str = "acme-groups",
        editable: bool = False,
        entry: str = "iam_groups = {module}:Groups",
    ) -> None:
        """What an installer leaves of a wheel (its files, METADATA, entry points, RECORD)."""
        info = self.site / f"{name.replace('-', '_')}-1.0.dist-info"
        shutil.rmtree(info, ignore_errors=True)
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[ailyus.adapters]\n{entry.format(module=module)}\n")
        place = self.folder / "elsewhere" if editable else self.site
        place.mkdir(exist_ok=True)
        (place / f"{module}.py").write_text(text)
        shutil.rmtree(place / "__pycache__", ignore_errors=True)  # byte code of the same second and size looks current
        if editable:
            (self.site / f"{module}.pth").write_text(f"{place}\n")
        files = [f"{info.name}/METADATA", f"{info.name}/entry_points.txt", f"{info.name}/RECORD"]
        files.append(f"{module}.pth" if editable else f"{module}.py")
        (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))

    def cli(self, *arguments: str, cwd: Path, ok: bool | None = True) -> str:
        """Run `ailyus` beside what is installed here, in a fork of a process that has imported everything once.

        `ok` None: it may succeed or not.
        """
        entry = partial(_beside, self.python, str(self.site))
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            code = Forked(arguments, cwd, out, err, os.environ, entry).wait(scaled(120))
            said = b"".join(file.read() for file in (out, err) if not file.seek(0)).decode()
        assert ok is None or (code == 0) is ok, said
        return said

    def cold(self, *arguments: str, cwd: Path) -> str:
        """Run `ailyus` by the interpreter of this environment, as a person does; it takes seconds to start."""
        command = [self.python, "-P", "-c", "from server.cli.main import main; main()", *arguments]
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=scaled(120), check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def digest(self) -> str:
        """The digest of what is installed, as `ailyus adapter list` says it."""
        found = [d for d in distributions(path=[str(self.site)]) if d.entry_points.select(group=GROUP)]
        return digest_of(found[0])


def _beside(python: str, place: str) -> None:
    """The command line, as the interpreter of an environment runs it."""
    sys.executable = python
    sys.path.insert(0, place)
    site.addsitedir(place)
    Hosts.__init__.__defaults__ = (python,)  # it was `sys.executable` when this process began
    main()


def add(root: Path, digest: str, url: str, environment: str = "prod", timeout: str = "1s") -> None:
    """The contract, the connection and the policy."""
    path = root / "ailyus.toml"
    path.write_text(
        path.read_text() + SETTINGS.format(digest=digest, url=url, environment=environment, timeout=timeout)
    )
    (root / "contracts" / "aws_groups").mkdir()
    (root / "contracts" / "aws_groups" / "add_to_group.yaml").write_text(CONTRACT)
    (root / "policies" / "groups.cedar").write_text(POLICY)
