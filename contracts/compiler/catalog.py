"""Load a folder of contracts: YAML with file and line for every complaint, compiled into programs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from contracts.canonical import sha256
from contracts.compiler.cache import Cache
from contracts.compiler.catalog_warnings import warnings_of
from contracts.compiler.compile import compile_contract
from contracts.compiler.contract_folder import ContractFolder
from contracts.compiler.plan_compiler import compile_plan
from contracts.compiler.plan_program import PlanProgram
from contracts.compiler.program import Program
from contracts.errors import AilyusError
from contracts.schema.contract import Contract
from contracts.schema.plan import Plan
from contracts.text.document import read_document
from contracts.text.draft_mark import DRAFT, is_draft
from contracts.text.node import line_of
from contracts.text.source import MAX_SOURCE, MalformedSource, files_of, read_bytes, read_source
from contracts.text.todo import todos

SYSTEM_FILE = "_system.yaml"
# each holds a whole compiled set, so only the latest few stay
_LOADED: Cache["Catalog"] = Cache(8)
# the library has about a hundred contracts
_COMPILED: Cache[Program] = Cache(512)


@dataclass(frozen=True, slots=True, eq=False)
class Catalog:
    """All programs and plans by name, and what `contract check` warns of. Two are equal only where they are one."""

    programs: Mapping[str, Program]
    warnings: tuple[str, ...] = ()
    plans: Mapping[str, PlanProgram] = field(default_factory=dict)
    pages: Mapping[str, str] = field(default_factory=dict)
    """Of each system that says so, where people look at a record of it (`page` of `_system.yaml`)."""


def load_catalog(folder: Path) -> Catalog:
    """Load every `*.yaml` below `folder`. Raises `Complaints` that names each fault with its file and line.

    The same files give the same catalog, which is compiled once, so a change of policies alone is quick to release. Of
    files that are not the same, those contracts are compiled that changed.
    """
    digests = _digests(folder)
    if digests is None:
        return _loaded(folder, {}, {})
    # a name has no NUL, so no two lists of files have the same bytes
    mark = sha256(
        "".join(f"{name}\0{content}\0" for name, content in digests.items()).encode("utf-8", "surrogateescape")
    )
    known = _LOADED.get(mark)
    if known is not None:
        return known
    compiled: dict[str, Program] = {}
    catalog = _loaded(folder, digests, compiled)
    if digests == _digests(folder):  # what was written meanwhile is loaded again the next time
        _LOADED.keep({mark: catalog})
        _COMPILED.keep(compiled)
    return catalog


def _digests(folder: Path) -> Mapping[str, str] | None:
    """The digest of the content of each file that is loaded, or None where a file cannot be read or is code."""
    # a folder with code in it is refused by `_loaded`, and never remembered
    if files_of(folder, "*.py"):
        return None
    try:
        files = files_of(folder, "*.yaml")
        return {path.relative_to(folder).as_posix(): sha256(read_bytes(path, MAX_SOURCE)) for path in files}
    except MalformedSource:
        return None


def _loaded(path: Path, digests: Mapping[str, str], compiled: dict[str, Program]) -> Catalog:
    """Load a folder. `compiled` gets each program that was not compiled before, by its key."""
    folder = ContractFolder(path)
    programs: dict[str, Program] = {}
    for file in files_of(path, "*.py"):
        folder.refuse("bad_contract", "a folder of contracts holds no code", file)
    drafts = [file for file in files_of(path, "*.yaml") if _is_draft(file)]
    systems = {file.parent: folder.system(file) for file in files_of(path, SYSTEM_FILE) if file not in drafts}
    # flows before contracts, contracts before plans: each names what was loaded before it
    files = [file for file in files_of(path, "*.yaml") if file.name != SYSTEM_FILE and file not in drafts]
    of_flows = [file for file in files if _begins(file, "flow")]
    flows = folder.flows(of_flows)
    for file in files:
        if _begins(file, "plan") or _begins(file, "flow"):
            continue
        key = _key(path, (file, file.parent / SYSTEM_FILE, *of_flows), digests)
        program = _COMPILED.get(key) if key else None
        if program is None:
            compile_ = partial(compile_contract, system=systems.get(file.parent), flows=flows)
            program = folder.compiled(file, Contract, compile_)
            if program is None:
                continue
            if key:
                compiled[key] = program
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
    faults = [*folder.faults, *_unknown_finders(programs, folder.missing), *_bad_undos(programs, folder.missing)]
    if faults:
        raise Complaints(faults)
    left = [line for file in drafts for line in _left_to_do(path, file)]
    pages = {system.system: system.page for system in systems.values() if system is not None and system.page}
    return Catalog(programs, (*left, *warnings_of(programs, plans, flows)), plans, pages)


def _key(folder: Path, files: Iterable[Path], digests: Mapping[str, str]) -> str:
    """What a contract's program is made of: its file, its system's and those of the flows; empty if it is not known."""
    names = [file.relative_to(folder).as_posix() for file in files]
    # INVARIANT: a program is only handed out again where every byte that it was compiled from is the same
    return " ".join(digests.get(name, "-") for name in names) if digests else ""


class Complaints(AilyusError):
    """Several faults at once, so that one look shows all of them."""

    def __init__(self, faults: Sequence[AilyusError]) -> None:
        super().__init__(faults[0].code, faults[0].sentence, hint=faults[0].hint, field=faults[0].field)
        self.faults = tuple(faults)

    def __str__(self) -> str:
        return "\n".join(str(fault) for fault in self.faults)


def _is_draft(path: Path) -> bool:
    try:
        return is_draft(read_source(path))
    except MalformedSource:  # it is loaded, and refused with its line
        return False


def _left_to_do(folder: Path, path: Path) -> Iterator[str]:
    """What `contract check` says of a draft: that it does not count, and what is still to do in it."""
    name = path.relative_to(folder.parent)
    try:
        node, content = read_document(read_source(path))
    except MalformedSource as error:
        yield f"`{name}` is a draft and does not count; line {error.line}: {error}"
        return
    left = list(todos(content)) if isinstance(content, dict) else []
    # a draft that is done and still marked is the likeliest reason for a tool that does not appear
    told = "" if left else f": when it is done, take the line `{DRAFT}` away"
    yield f"`{name}` is a draft and does not count{told}"
    for where, what in left:
        line = line_of(node, where) if node is not None else 1
        yield f"{name}:{line}: `{'.'.join(where)}` is still to do{': ' if what else ''}{what}"


def _begins(path: Path, key: str) -> bool:
    """A plan's file begins with the key `plan`, a flow's with `flow`, a contract's with `contract`."""
    try:
        with path.open(encoding="utf-8") as file:
            return next((line for line in file if line.strip() and line[0] not in "#-"), "").startswith(f"{key}:")
    except (OSError, UnicodeDecodeError):
        return False


def _unknown_finders(programs: Mapping[str, Program], faulty: Set[str]) -> Iterator[AilyusError]:
    for program in programs.values():
        for name, finder in program.inputs.finders.items():
            if finder not in faulty and (finder not in programs or programs[finder].is_write):
                yield AilyusError("bad_contract", f"`{program.name}`: `{name}` is from `{finder}`, which is no read")


def _bad_undos(programs: Mapping[str, Program], faulty: Set[str]) -> Iterator[AilyusError]:
    for program in programs.values():
        if program.undo is None or program.undo.contract in faulty:
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
