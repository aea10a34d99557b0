"""The look at what an action started: the record first, and the job too once its id is known."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from contracts.action.dispatch import ReadPermit
from contracts.action.observation import Execution, Observation
from contracts.compiler.program import Program
from receipts.reconciliation.scope import scope_of

Observe = Callable[[ReadPermit], Awaitable[Observation]]


async def look_with_job(
    observe: Observe,
    permit: ReadPermit,
    program: Program,
    base: Mapping[str, object],
    before: Observation,
    execution: Execution,
) -> Observation:
    """One look, with the job that the answer names, else with the one that is found to be ours."""
    job = program.job
    if job is None:
        return await observe(permit)
    # the body of an error names no job of ours
    answered = execution.delivery == "answered" or not job.id.reads_answer
    named = job.named(scope_of(program, base, before, before, execution)) if answered else ""
    after = await observe(replace(permit, job=named))
    if named or not after.ok:
        return after
    scope = scope_of(program, base, before, after, execution)
    found = job.search(scope, before.cut("before") | after.cut("after"))
    return await observe(replace(permit, job=found)) if found else after
