"""Load a folder of contracts: YAML with file and line for every complaint, compiled into programs."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from contracts.canonical import sha256
from contracts.compiler.compile import compile_contract, flows_of
from contracts.compiler.plan import Plan, PlanProgram, StepProgram, compile_plan
from contracts.compiler.program import Program
from contracts.errors import AilyusError
from contracts.schema.contract import Contract, System
from contracts.schema.flow import Flow
from contracts.text.document import read_document
from contracts.text.source import MAX_SOURCE, Malformed, files_of, read_bytes, read_source
from contracts.text.todo import todos

_SYSTEM_FILE = "_system.yaml"
_REFERRED_TO_BY_NOTHING = frozenset(
    {"request", "require", "says", "shows", "execute", "expect", "foreign", "unchanged", "disclose", "evidence", "undo"}
)
"""Parts of a contract or plan without which the rest can still be looked at."""
MAX_FAULTS = 50
"""Faults of one file that are told at once."""
_MOST_LOADED = 8
_LOADED: dict[str, "Catalog"] = {}
M = TypeVar("M", bound=BaseModel)
P = TypeVar("P", Program, PlanProgram)


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
    if files_of(folder, "*.py"):
        return None
    content = hashlib.sha256()
    try:
        for path in files_of(folder, "*.yaml"):
            told = f"{path.relative_to(folder).as_posix()}\0{sha256(read_bytes(path, MAX_SOURCE))}\0"
            content.update(told.encode("utf-8", "surrogateescape"))
    except Malformed:
        return None
    return content.hexdigest()


def _loaded(folder: Path) -> Catalog:
    faults: list[AilyusError] = []
    programs: dict[str, Program] = {}
    for path in files_of(folder, "*.py"):
        faults.append(AilyusError("bad_contract", "a folder of contracts holds no code", field=_place(path, folder, 1)))
    systems = {path.parent: _load_system(path, folder, faults) for path in files_of(folder, _SYSTEM_FILE)}
    files = [path for path in files_of(folder, "*.yaml") if path.name != _SYSTEM_FILE]
    flows = _load_flows([path for path in files if _begins(path, "flow")], folder, faults)
    for path in files:
        if _begins(path, "plan") or _begins(path, "flow"):
            continue
        program = _load_contract(path, folder, systems.get(path.parent), flows, faults)
        if program is None:
            continue
        if program.name in programs:
            fault = f"the contract `{program.name}` exists twice"
            faults.append(AilyusError("bad_contract", fault, field=_place(path, folder, 1)))
        programs[program.name] = program
    plans: dict[str, PlanProgram] = {}
    for path in (p for p in files if _begins(p, "plan")):
        plan = _load_plan(path, folder, programs, flows, faults)
        if plan is not None and (plan.name in programs or plan.name in plans):
            fault = f"the tool `{plan.name}` exists twice"
            faults.append(AilyusError("bad_plan", fault, field=_place(path, folder, 1)))
        elif plan is not None:
            plans[plan.name] = plan
    faults.extend(_unknown_finders(programs))
    faults.extend(_bad_undos(programs))
    if faults:
        raise Complaints(faults)
    warnings = (*_warnings(programs), *_plan_warnings(programs, plans), *_flow_warnings(programs, plans, flows))
    return Catalog(programs, warnings, plans)


class Complaints(AilyusError):
    """Several faults at once, so that one look shows all of them."""

    def __init__(self, faults: Sequence[AilyusError]) -> None:
        super().__init__(faults[0].code, faults[0].sentence, hint=faults[0].hint, field=faults[0].field)
        self.faults = tuple(faults)

    def __str__(self) -> str:
        return "\n".join(str(fault) for fault in self.faults)


def _load_system(path: Path, folder: Path, faults: list[AilyusError]) -> System | None:
    loaded = _load(path, folder, System, faults)
    return loaded[0] if loaded else None


def _load_flows(files: Sequence[Path], folder: Path, faults: list[AilyusError]) -> dict[str, Flow]:
    flows: dict[str, Flow] = {}
    for path in files:
        loaded = _load(path, folder, Flow, faults)
        if loaded is None:
            continue
        if loaded[0].flow in flows:
            fault = f"the flow `{loaded[0].flow}` exists twice"
            faults.append(AilyusError("bad_contract", fault, field=_place(path, folder, 1)))
        flows[loaded[0].flow] = loaded[0]
    return flows


def _load_contract(
    path: Path, folder: Path, system: System | None, flows: Mapping[str, Flow], faults: list[AilyusError]
) -> Program | None:
    loaded = _load(path, folder, Contract, faults)
    if loaded is None:
        return None
    contract, node, content = loaded
    return _compiled(
        Contract, contract, node, content, lambda c: compile_contract(c, system, flows), path, folder, faults
    )


def _compiled(
    model: type[M],
    written: M,
    node: yaml.Node,
    content: Mapping[str, object],
    compile_: Callable[[M], P],
    path: Path,
    folder: Path,
    faults: list[AilyusError],
) -> P | None:
    """The program, or every fault of the file: after each, what was faulty is left out and the rest looked at again."""
    rest: object = content
    clean = True
    for _ in range(MAX_FAULTS):
        try:
            program = compile_(written)
            return program if clean else None
        except AilyusError as error:
            clean = False
            where = (error.field or "").split(".")
            fault = AilyusError(
                error.code, error.sentence, hint=error.hint, field=_place(path, folder, _line(node, where))
            )
            if any(str(known) == str(fault) for known in faults):
                return None
            faults.append(fault)
            rest, node = _without(rest, node, where)
            left = rest.get(where[0]) if isinstance(rest, dict) else None
            if where[0] not in _REFERRED_TO_BY_NOTHING or (where[0] in ("expect", "execute") and not left):
                return None  # what refers to it, or needs it, would only be a fault because it was left out
            try:
                written = model.model_validate(rest)
            except ValidationError:
                return None  # what was faulty cannot be left out
    return None


def _without(content: object, node: yaml.Node, where: Sequence[str]) -> tuple[object, yaml.Node]:
    """The same object without what stands at a path, or as much of the path as there is."""
    name, deeper = where[0], where[1:]
    known = _child(node, name)
    if known is None:
        return content, node
    if isinstance(content, dict) and isinstance(node, yaml.MappingNode):
        key = next(k for k in content if str(k) == name)
        inner, child = _without(content[key], known, deeper) if deeper else (None, known)
        gone = not deeper or child is known
        pairs = [(k, child if v is known else v) for k, v in node.value if not (gone and v is known)]
        left = {k: inner if k == key else v for k, v in content.items() if not (gone and k == key)}
        return left, yaml.MappingNode(node.tag, pairs, node.start_mark, node.end_mark)
    if isinstance(content, list) and isinstance(node, yaml.SequenceNode):
        index = int(name)
        items, nodes = list(content), list(node.value)
        del items[index], nodes[index]  # an entry of a list is left out whole
        return items, yaml.SequenceNode(node.tag, nodes, node.start_mark, node.end_mark)
    return content, node


def _begins(path: Path, key: str) -> bool:
    """A plan's file begins with the key `plan`, a flow's with `flow`, a contract's with `contract`."""
    try:
        with path.open(encoding="utf-8") as file:
            return next((line for line in file if line.strip() and line[0] not in "#-"), "").startswith(f"{key}:")
    except (OSError, UnicodeDecodeError):
        return False


def _load_plan(
    path: Path, folder: Path, programs: Mapping[str, Program], flows: Mapping[str, Flow], faults: list[AilyusError]
) -> PlanProgram | None:
    loaded = _load(path, folder, Plan, faults)
    if loaded is None:
        return None
    plan, node, content = loaded
    return _compiled(Plan, plan, node, content, lambda p: compile_plan(p, programs, flows), path, folder, faults)


def _load(
    path: Path, folder: Path, model: type[M], faults: list[AilyusError]
) -> tuple[M, yaml.Node, Mapping[str, object]] | None:
    try:
        node, content = read_document(read_source(path))
        if node is None or not isinstance(content, dict):
            raise AilyusError("bad_contract", "the file holds no YAML object", field=_place(path, folder, 1))
        if open_ends := [
            AilyusError(
                "bad_contract",
                f"`{'.'.join(where)}` is still to do{': ' if what else ''}{what}",
                field=_place(path, folder, _line(node, where)),
            )
            for where, what in todos(content)  # guard: what is still to do
        ]:
            faults.extend(open_ends)
            return None
        return model.model_validate(content), node, content
    except Malformed as error:
        faults.append(AilyusError("bad_contract", f"no YAML: {error}", field=_place(path, folder, error.line)))
    except ValidationError as error:
        faults.extend(_explained(problem, path, folder, node) for problem in _tried(error.errors(), node))
    except AilyusError as error:
        faults.append(error)
    return None


_KINDS: Mapping[str, str] = {
    "extra_forbidden": "is not a key that exists here",
    "missing": "is missing",
    "string_type": "must be a text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "dict_type": "must be an object of names and values",
    "tuple_type": "must be a list",
    "model_type": "must be an object of names and values",
    "model_attributes_type": "must be an object of names and values",
}


def _explained(problem: ErrorDetails, path: Path, folder: Path, node: yaml.Node | None) -> AilyusError:
    loc = _written(node, problem)
    where = ".".join(loc)
    message = _KINDS.get(problem["type"], problem["msg"].removeprefix("Value error, "))
    code = "not_supported_yet" if message.endswith("is not supported yet") else "bad_contract"
    sentence = f"`{where}`: {message[:1].lower()}{message[1:]}" if where else message
    return AilyusError(code, sentence, field=_place(path, folder, _line(node, loc)))


def _written(node: yaml.Node | None, problem: ErrorDetails) -> list[str]:
    """The keys of a fault as they stand in the file: the validator also names the shapes that it tried."""
    out: list[str] = []
    for index, part in enumerate(problem["loc"]):
        child = _child(node, str(part)) if node is not None else None
        if child is not None:
            node = child
            out.append(str(part))
        elif index == len(problem["loc"]) - 1 and problem["type"] == "missing":
            out.append(str(part))
    return out or [str(part) for part in problem["loc"]]


def _tried(problems: Sequence[ErrorDetails], node: yaml.Node | None) -> Iterator[ErrorDetails]:
    """The faults of a file without those of shapes that it does not have: each place is told once, at its deepest."""
    places = [_written(node, problem) for problem in problems]
    for number, (problem, place) in enumerate(zip(problems, places, strict=True)):
        others = [other for index, other in enumerate(places) if index != number]
        deeper = any(len(other) > len(place) and other[: len(place)] == place for other in others)
        if not (deeper and len(problem["loc"]) > len(place)) and place not in places[:number]:
            yield problem


def _line(node: yaml.Node | None, path: Sequence[object]) -> int:
    if node is None:
        return 1
    line = node.start_mark.line + 1
    for part in path:
        child = _child(node, str(part))
        if child is None:
            break
        node = child
        line = node.start_mark.line + 1
    return line


def _child(node: yaml.Node, part: str) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == part), None)
    if isinstance(node, yaml.SequenceNode) and part.isdigit() and int(part) < len(node.value):
        found: yaml.Node = node.value[int(part)]
        return found
    return None


def _place(path: Path, folder: Path, line: int) -> str:
    return f"{path.relative_to(folder.parent)}:{line}"


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


def _plan_warnings(programs: Mapping[str, Program], plans: Mapping[str, PlanProgram]) -> Iterator[str]:
    for plan in plans.values():
        steps = [step for block in plan.blocks for step in block.steps]
        if plan.plan.on_failure in ("undo", "undo_wave"):
            yield from _stuck(programs, plan, steps)  # guard: plans that can end stuck
            yield from _stopped(programs, plan)
        for step in steps[:-1]:
            if plan.plan.on_failure in ("undo", "undo_wave") and programs[step.contract].contract.undo is None:
                yield f"`{plan.name}`: the step `{step.id}` says nothing about its undo and is not the last"


def _stopped(programs: Mapping[str, Program], plan: PlanProgram) -> Iterator[str]:
    """A list in which one item that cannot be done has the others undone."""
    for block in plan.blocks:
        asks = next((s for s in block.steps if programs[s.contract].require), None)
        if asks and block.items is not None and not block.skip_unmet:
            yield (
                f"`{plan.name}`: one item for which a `require` of `{asks.contract}` does not hold stops the list"
                f" `{block.id}` and has others undone; leave such items out with `skip_unmet: true`"
            )


def _stuck(programs: Mapping[str, Program], plan: PlanProgram, steps: Sequence[StepProgram]) -> Iterator[str]:
    """A step that took an earlier one's output and cannot be undone: if a later one fails, both stay."""
    for position, holder in enumerate(steps[:-1]):
        for kept in sorted({source for source, _ in holder.late.values()}):
            maker = next((s for s in steps[:position] if s.id == kept), None)
            if maker is None or programs[holder.contract].undo or not programs[maker.contract].undo:
                continue
            if (kept, holder.id) not in plan.plan.keeps:
                after = " or ".join(f"`{s.id}`" for s in steps[position + 1 :])
                yield (
                    f"`{plan.name}`: if {after} fails, `{kept}` is not undone: `{holder.id}` took what it made"
                    f" and has no undo; say `keep: {kept} while {holder.id}`, or give `{holder.contract}` an undo"
                )


def _flow_warnings(
    programs: Mapping[str, Program], plans: Mapping[str, PlanProgram], flows: Mapping[str, Flow]
) -> Iterator[str]:
    used = {f.flow.flow for p in programs.values() for f in flows_of(p.reads, p.routes)}
    used |= {f.flow.flow for plan in plans.values() for f in flows_of(plan.reads, ())}
    used |= {login for name in used if (login := flows[name].login)}
    for name, flow in flows.items():
        if name not in used:
            yield f"`{name}`: no contract uses this flow, so its texts were not checked"
        for index, step in enumerate(flow.steps):
            acts = step.verb in ("fill", "select", "check", "uncheck", "click")
            if acts and step.locator is not None and step.locator.css is not None:
                yield f"`{name}`: `steps.{index}` acts on what it finds by CSS; a role, a label or a text lasts longer"
        if flow.kind == "write" and flow.steps[-1].commit is not None:
            yield f"`{name}`: nothing is expected after the commit, so a page that says no is not noticed"


def _warnings(programs: Mapping[str, Program]) -> Iterator[str]:
    for program in programs.values():
        for name in program.contract.inputs:
            if name.endswith("_id") and name not in program.inputs.finders:
                yield f"`{program.name}`: no read supplies the id `{name}`; name one with `from:`"
        if program.is_write and program.contract.detect == "none":
            yield f"`{program.name}`: `detect: none`: after a lost answer it can only be escalated"
