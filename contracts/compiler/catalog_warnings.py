"""The warnings of a catalog: what compiles and would still surprise whoever runs it."""

from collections.abc import Iterator, Mapping, Sequence

from contracts.compiler.flow_use import flows_of
from contracts.compiler.plan_program import PlanProgram, StepProgram
from contracts.compiler.program import Program
from contracts.schema.flow import Flow


def warnings_of(
    programs: Mapping[str, Program], plans: Mapping[str, PlanProgram], flows: Mapping[str, Flow]
) -> tuple[str, ...]:
    """What `contract check` warns of."""
    return (*_warnings(programs), *_plan_warnings(programs, plans), *_flow_warnings(programs, plans, flows))


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
        # a `require` that is false is `not_applied`, which counts as a failure of the plan
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
            # INVARIANT 7: what a later step took over and keeps is not undone behind its back
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
            # reading by CSS fails loudly; acting by it may hit another element
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
