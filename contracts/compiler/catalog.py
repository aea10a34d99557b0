"""Load a folder of contracts: YAML with file and line for every complaint, compiled into programs."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from contracts.canonical import sha256
from contracts.compiler.catalog_warnings import warnings_of
from contracts.compiler.compile import compile_contract
from contracts.compiler.contract_folder import ContractFolder
from contracts.compiler.plan_compiler import compile_plan
from contracts.compiler.plan_program import PlanProgram
from contracts.compiler.program import Program
from contracts.errors import AilyusError
from contracts.schema.contract import Contract
from contracts.schema.plan import Plan
from contracts.text.source import MAX_SOURCE, MalformedSource, files_of, read_bytes

_SYSTEM_FILE = "_system.yaml"
# each entry holds a whole compiled set, so only the latest few stay
_MOST_LOADED = 8
_LOADED: dict[str, "Catalog"] = {}


@dataclass(frozen=True, slots=True, eq=False)
class Catalog:
    """All programs and plans by name, and what `contract check` warns of. Two are equal only where they are one."""

    programs: Mapping[str, Program]
    warnings: tuple[str, ...] = ()
    plans: Mapping[str, PlanProgram] = field(default_factory=dict)


def load_catalog(folder: Path) -> Catalog:
    """Load every `*.yaml` below `folder`. Raises `Complaints` that names each fault with its file and line.

    The same files give the same catalog, which is compiled once, so a change of policies alone is quick to release.
    """
    mark = _mark(folder)
    if mark is not None and mark in _LOADED:
        return _LOADED[mark]
    catalog = _loaded(folder)
    if mark is not None and mark == _mark(folder):  # what was written meanwhile is loaded again the next time
        while len(_LOADED) >= _MOST_LOADED:
            _LOADED.pop(next(iter(_LOADED)))
        _LOADED[mark] = catalog
    return catalog


def _mark(folder: Path) -> str | None:
    """A digest of the names and contents of what is loaded, or None where a file cannot be read or is code."""
    # a folder with code in it is refused by `_loaded`, and never remembered
    if files_of(folder, "*.py"):
        return None
    content = hashlib.sha256()
    try:
        for path in files_of(folder, "*.yaml"):
            # a name has no NUL, so no two lists of files have the same bytes
            told = f"{path.relative_to(folder).as_posix()}\0{sha256(read_bytes(path, MAX_SOURCE))}\0"
            content.update(told.encode("utf-8", "surrogateescape"))
    except MalformedSource:
        return None
    return content.hexdigest()


def _loaded(path: Path) -> Catalog:
    folder = ContractFolder(path)
    programs: dict[str, Program] = {}
    for file in files_of(path, "*.py"):
        folder.refuse("bad_contract", "a folder of contracts holds no code", file)
    systems = {file.parent: folder.system(file) for file in files_of(path, _SYSTEM_FILE)}
    # flows before contracts, contracts before plans: each names what was loaded before it
    files = [file for file in files_of(path, "*.yaml") if file.name != _SYSTEM_FILE]
    flows = folder.flows([file for file in files if _begins(file, "flow")])
    for file in files:
        if _begins(file, "plan") or _begins(file, "flow"):
            continue
        compile_ = partial(compile_contract, system=systems.get(file.parent), flows=flows)
        program = folder.compiled(file, Contract, compile_)
        if program is None:
            continue
        if program.name in programs:
            folder.refuse("bad_contract", f"the contract `{program.name}` exists twice", file)
        programs[program.name] = program
    plans: dict[str, PlanProgram] = {}
    for file in (file for file in files if _begins(file, "plan")):
        plan = folder.compiled(file, Plan, partial(compile_plan, programs=programs, flows=flows))
        if plan is not None and (plan.name in programs or plan.name in plans):
            folder.refuse("bad_plan", f"the tool `{plan.name}` exists twice", file)
        elif plan is not None:
            plans[plan.name] = plan
    faults = [*folder.faults, *_unknown_finders(programs), *_bad_undos(programs)]
    if faults:
        raise Complaints(faults)
    return Catalog(programs, warnings_of(programs, plans, flows), plans)


class Complaints(AilyusError):
    """Several faults at once, so that one look shows all of them."""

    def __init__(self, faults: Sequence[AilyusError]) -> None:
        super().__init__(faults[0].code, faults[0].sentence, hint=faults[0].hint, field=faults[0].field)
        self.faults = tuple(faults)

    def __str__(self) -> str:
        return "\n".join(str(fault) for fault in self.faults)


def _begins(path: Path, key: str) -> bool:
    """A plan's file begins with the key `plan`, a flow's with `flow`, a contract's with `contract`."""
    try:
        with path.open(encoding="utf-8") as file:
            return next((line for line in file if line.strip() and line[0] not in "#-"), "").startswith(f"{key}:")
    except (OSError, UnicodeDecodeError):
        return False


def _unknown_finders(programs: Mapping[str, Program]) -> Iterator[AilyusError]:
    for program in programs.values():
        for name, finder in program.inputs.finders.items():
            if finder not in programs or programs[finder].is_write:
                yield AilyusError("bad_contract", f"`{program.name}`: `{name}` is from `{finder}`, which is no read")


def _bad_undos(programs: Mapping[str, Program]) -> Iterator[AilyusError]:
    for program in programs.values():
        if program.undo is None:
            continue
        undo = programs.get(program.undo.contract)
        if undo is None or not undo.is_write:
            sentence = f"`{program.name}`: the undo `{program.undo.contract}` is no action of this catalog"
            yield AilyusError("bad_contract", sentence)
            continue
        tree = program.undo.arguments.tree
        for name in tree if isinstance(tree, dict) else ():
            field = undo.contract.inputs.get(name)
            if field is None:
                yield AilyusError("bad_contract", f"`{program.name}`: the undo `{undo.name}` has no input `{name}`")
            elif name in program.undo.late and field.late is None:
                yield AilyusError("bad_contract", f"`{program.name}`: `{name}` of the undo `{undo.name}` is not `late`")
