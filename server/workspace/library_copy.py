"""The copy of the bundled library in a new workspace: contracts, policies and their tests."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path

from contracts.text.source import files_of
from server.workspace.schemas import with_line, write_schemas


def copy_library(folder: Path, systems: Sequence[str], policies: Sequence[str]) -> None:
    """Copy the contracts of these systems and these policy files."""
    contracts: dict[Path, str] = {}
    for system in systems:
        place = folder / "contracts" / system
        place.mkdir(parents=True)
        # a back office is nobody else's: its contracts are drafted
        contracts |= {place / name: text for name, text in _bundled("contracts", system).items()}
    (folder / "policies").mkdir(exist_ok=True)
    library = _bundled("policies", ".")
    written = dict(contracts)
    for name in policies:
        (folder / "policies" / f"{name}.cedar").write_text(library[f"{name}.cedar"], encoding="utf-8")
        # a case about a contract that is not here would fail, and keep the first release from being signed
        tests = _tests_of(library[f"{name}.test.yaml"], contracts)
        if tests:
            written[folder / "policies" / f"{name}.test.yaml"] = tests
    write_schemas(folder)
    for path, text in written.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(with_line(folder, path, text), encoding="utf-8")


@cache
def _bundled(package: str, name: str) -> Mapping[str, str]:
    """The files below a folder of a package's library. They do not change while a process runs."""
    with as_file(files(package).joinpath("library", name)) as folder:
        found = [path for path in files_of(folder, "*.*") if path.is_file()]
        return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in found}


def _tests_of(text: str, contracts: Mapping[Path, str]) -> str:
    """The cases about contracts and tags that are here, and those about every contract."""
    head, *cases = re.split(r"^(?=  - name:)", text, flags=re.MULTILINE)
    names = {path.stem for path in contracts}
    lists = (re.search(r"^tags: \[(.*)\]", file, re.MULTILINE) for file in contracts.values())
    tags = {tag.strip() for found in lists if found for tag in found[1].split(",")}

    # a case about every contract holds in any workspace
    def is_here(case: str) -> bool:
        about = re.search(r"^    action: (?:(\w+)|\{every: tag_(\w+)\})", case, re.MULTILINE)
        return about is None or about[1] in names or about[2] in tags

    kept = [case for case in cases if is_here(case)]
    return head + "".join(kept) if kept else ""
