"""The copy of the bundled library in a new workspace: contracts, policies and their tests."""

import re
import shutil
from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path

from contracts.text.source import files_of
from server.workspace.schemas import with_line, write_schemas


def copy_library(folder: Path, systems: Sequence[str], policies: Sequence[str], without: Sequence[str] = ()) -> None:
    """Copy the contracts of these systems and these policy files, without the contracts that are named."""
    with as_file(files("contracts").joinpath("library")) as library:
        for system in systems:
            (folder / "contracts" / system).mkdir(parents=True)
            if (library / system).is_dir():  # a back office is nobody else's: its contracts are drafted
                shutil.copytree(library / system, folder / "contracts" / system, dirs_exist_ok=True)
            for name in without:
                (folder / "contracts" / system / f"{name}.yaml").unlink(missing_ok=True)
    (folder / "policies").mkdir(exist_ok=True)
    with as_file(files("policies").joinpath("library")) as library:
        for name in policies:
            shutil.copy(library / f"{name}.cedar", folder / "policies" / f"{name}.cedar")
            # a case about a contract that is not here would fail, and keep the first release from being signed
            tests = _tests_of((library / f"{name}.test.yaml").read_text(), folder / "contracts")
            if tests:
                (folder / "policies" / f"{name}.test.yaml").write_text(tests)
    write_schemas(folder)
    for path in (*files_of(folder / "contracts", "*.yaml"), *files_of(folder / "policies", "*.yaml")):
        path.write_text(with_line(folder, path, path.read_text(encoding="utf-8")), encoding="utf-8")


def _tests_of(text: str, contracts: Path) -> str:
    """The cases about contracts and tags that are here, and those about every contract."""
    head, *cases = re.split(r"^(?=  - name:)", text, flags=re.MULTILINE)
    files = {path.stem: path.read_text(encoding="utf-8") for path in files_of(contracts, "*.yaml")}
    lists = (re.search(r"^tags: \[(.*)\]", file, re.MULTILINE) for file in files.values())
    tags = {tag.strip() for found in lists if found for tag in found[1].split(",")}

    def is_here(case: str) -> bool:
        about = re.search(r"^    action: (?:(\w+)|\{every: tag_(\w+)\})", case, re.MULTILINE)
        return about is None or about[1] in files or about[2] in tags

    kept = [case for case in cases if is_here(case)]
    return head + "".join(kept) if kept else ""


def remove_policies(path: Path, ids: list[str]) -> None:
    """Take policies out of a file by their `@id`, with the comment line above each."""
    # by text: Cedar's own printer would lose every comment of the file
    text = path.read_text()
    for name in ids:
        text = re.sub(rf'(// [^\n]*\n)?@id\("{name}"\)[^;]*;\n*', "", text)
    path.write_text(text)
