"""`uv run python -m tests.newest [PYTEST ARGUMENT ...]`: the whole suite with the newest packages that fit, and what broke.

`pyproject.toml` pins every package of the two README commands by exact version (`[tool.uv] constraint-dependencies`).
This command copies the checkout without those pins, resolves the newest versions there, prints what differs and runs
the suite. `--write` runs no test: it resolves anew and writes the versions into `pyproject.toml`; `--keep` with it
changes no version that is pinned already (for a package that was added).
"""

import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
_PINS = re.compile(r"(?<=^constraint-dependencies = \[\n).*?(?=^\]$)", re.DOTALL | re.MULTILINE)
_EXPORT = ("--no-hashes", "--no-header", "--no-annotate", "--no-emit-project", "--all-extras", "--all-groups")


def _uv(*words: str, folder: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    command = ("uv", *words)
    return subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout


def pinned(project: str) -> dict[str, str]:
    """Return each pin of a `pyproject.toml`: the package and its marker, and the version."""
    lines: Sequence[str] = tomllib.loads(project)["tool"]["uv"]["constraint-dependencies"]
    pins = {}
    for line in lines:
        requirement, _, marker = line.partition(";")
        name, _, version = requirement.strip().partition("==")
        pins[f"{name} ; {marker.strip()}" if marker else name] = version
    return pins


def with_pins(project: str, requirements: Sequence[str]) -> str:
    """Return a `pyproject.toml` whose pins are these requirements, one a line."""
    lines = "".join(f'  "{requirement}",\n' for requirement in requirements)
    return _PINS.sub(lambda _: lines, project, count=1)


def resolve(folder: Path) -> list[str]:
    """Resolve a checkout for all platforms. Returns `name==version ; marker`, all extras and groups, sorted by name."""
    _uv("lock", "-q", "--upgrade", folder=folder)
    return _uv("export", "-q", "--frozen", *_EXPORT, folder=folder).split("\n")[:-1]


def copy(folder: Path, project: str) -> None:
    """Copy what git knows, and what it does not ignore, with another `pyproject.toml`."""
    listed = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    names = subprocess.run(listed, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
    (folder / "pyproject.toml").write_text(project)


def main(words: Sequence[str]) -> int:
    """Resolve the newest packages; then write them, or run the suite with them. Returns the suite's exit code."""
    project = (ROOT / "pyproject.toml").read_text()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy(folder, project if "--keep" in words else with_pins(project, ()))
        requirements = resolve(folder)
        before, after = pinned(project), pinned(with_pins(project, requirements))
        for package in sorted(before.keys() | after.keys()):
            if before.get(package) != after.get(package):
                print(f"{package}: {before.get(package, 'not pinned')} -> {after.get(package, 'gone')}", flush=True)
        if "--write" in words:
            (ROOT / "pyproject.toml").write_text(with_pins(project, requirements))
            return 0
        if before == after:
            print("the pinned versions are the newest")
        environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
        command = ("uv", "run", "pytest", "--deselect", "tests/test_pins.py", *words)
        return subprocess.run(command, cwd=folder, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
