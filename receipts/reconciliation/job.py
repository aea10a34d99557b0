"""The verdict over an action that starts a job: what the job says of itself, before what the record says."""

from collections.abc import Mapping, Sequence

from contracts.action.observation import Execution, Observation
from contracts.compiler.check import Check
from contracts.compiler.job_program import JobProgram
from receipts.reconciliation.checks import CheckResult
from receipts.reconciliation.verdict import Reason, Reconciliation


def is_known(job: JobProgram, after: Observation) -> bool:
    """Was the job looked at?"""
    return all(read.name in after.readings for read in job.reads)


def unknown_job(
    job: JobProgram,
    scope: Mapping[str, object],
    cut: frozenset[str],
    execution: Execution,
    checks: tuple[CheckResult, ...],
    steady: bool,
) -> Reconciliation | None:
    """Of a job that nobody knows: what the answer alone leaves; None where the record must tell."""
    if execution.delivery == "answered":
        return Reconciliation("contended", None, None, checks, {}, Reason.JOB_UNNAMED)
    # what a refused request would have started is in no list, and the record is as it was
    if execution.delivery == "rejected" and steady and job.finds_none(scope, cut):
        return Reconciliation("not_applied", False, None, checks, {}, Reason.REFUSED)
    return None


def unfinished_job(
    job: JobProgram,
    scope: Mapping[str, object],
    expect: Sequence[Check],
    checks: tuple[CheckResult, ...],
    steady: bool,
) -> Reconciliation | None:
    """Of a job that was looked at: why nothing can be confirmed; None where it is done and the record must tell."""
    state = job.state(scope)
    if state in ("running", "unknown"):  # guard: a job that has not ended
        reason = Reason.JOB_RUNNING if state == "running" else Reason.JOB_UNREAD
        return Reconciliation("contended", None, None, checks, {}, reason)
    if state == "failed":  # guard: a job that failed
        if all(check.met for check in checks):
            return Reconciliation("contended", None, "state_only", checks, {}, Reason.REFUSED_YET_SO)
        if steady:
            return Reconciliation("not_applied", False, None, checks, {}, Reason.JOB_FAILED)
        return Reconciliation("diverged", True, None, checks, {}, Reason.OTHERWISE)
    # what the job itself says of its rows does not lag behind its end
    for check, result in zip(expect, checks, strict=True):
        if result.unmet and all(job.shows(path) for path in check.expression.paths()):
            return Reconciliation("diverged", True, None, checks, {}, Reason.OTHERWISE)
    return None
