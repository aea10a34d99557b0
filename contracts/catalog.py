"""Load a folder of contracts: YAML with file and line for every complaint, compiled into programs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from contracts.compile import compile_contract, flows_of
from contracts.contract import Contract, System
from contracts.document import read_document
from contracts.draft import todos
from contracts.errors import AilyusError
from contracts.flow import Flow
from contracts.plan import Plan, PlanProgram, StepProgram, compile_plan
from contracts.program import Program
from contracts.source import Malformed, read_source

_SYSTEM_FILE = "_system.yaml"
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Catalog:
    """All programs and plans by name, and what `contract check` warns of."""

    programs: Mapping[str, Program]
    warnings: tuple[str, ...] = ()
    plans: Mapping[str, PlanProgram] = field(default_factory=dict)


def load_catalog(folder: Path) -> Catalog:
    """Load every `*.yaml` below `folder`. Raises `Complaints` that names each fault with its file and line."""
    faults: list[AilyusError] = []
    programs: dict[str, Program] = {}
    for path in sorted(folder.rglob("*.py")):
        faults.append(AilyusError("bad_contract", "a folder of contracts holds no code", field=_place(path, folder, 1)))
    systems = {path.parent: _load_system(path, folder, faults) for path in sorted(folder.rglob(_SYSTEM_FILE))}
    files = [path for path in sorted(folder.rglob("*.yaml")) if path.name != _SYSTEM_FILE]
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
    contract, node = loaded
    try:
        return compile_contract(contract, system, flows)
    except AilyusError as error:
        line = _line(node, (error.field or "").split("."))
        faults.append(AilyusError(error.code, error.sentence, hint=error.hint, field=_place(path, folder, line)))
        return None


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
    plan, node = loaded
    try:
        return compile_plan(plan, programs, flows)
    except AilyusError as error:
        line = _line(node, (error.field or "").split("."))
        faults.append(AilyusError(error.code, error.sentence, hint=error.hint, field=_place(path, folder, line)))
        return None


def _load(path: Path, folder: Path, model: type[M], faults: list[AilyusError]) -> tuple[M, yaml.Node] | None:
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
            for where, what in todos(content)
        ]:
            faults.extend(open_ends)
            return None
        return model.model_validate(content), node
    except Malformed as error:
        faults.append(AilyusError("bad_contract", f"no YAML: {error}", field=_place(path, folder, error.line)))
    except ValidationError as error:
        faults.extend(_explained(problem, path, folder, node) for problem in error.errors())
    except AilyusError as error:
        faults.append(error)
    return None


def _explained(problem: ErrorDetails, path: Path, folder: Path, node: yaml.Node | None) -> AilyusError:
    where = ".".join(str(part) for part in problem["loc"])
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        message = "is not a key that exists here"
    code = "not_supported_yet" if message.endswith("is not supported yet") else "bad_contract"
    sentence = f"`{where}`: {message[:1].lower()}{message[1:]}" if where else message
    return AilyusError(code, sentence, field=_place(path, folder, _line(node, problem["loc"])))


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
            yield from _stuck(programs, plan, steps)
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
