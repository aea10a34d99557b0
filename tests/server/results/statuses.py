"""A result of every status."""

from typing import Any

from contracts.action.observation import Execution, Response
from contracts.action.request import ActionRequest, Caller
from contracts.compiler.catalog import load_catalog
from contracts.compiler.plan_program import Unit
from contracts.errors import AilyusError
from receipts.action.action import Action
from receipts.action.action_result import ActionResult
from receipts.action.result_parts import Would, WouldStep
from receipts.action.status import Status
from receipts.journal.halt import Halt
from receipts.reconciliation.checks import CheckResult
from receipts.reconciliation.verdict import Reason, Reconciliation
from server.mcp.pending_result import result_of
from server.plans import plan_results
from server.plans.stop_reason import StopReason
from server.plans.tally import StepEnd, Tally
from server.results import answers
from server.results.conclusion import Send, closed, concluded
from tests.world import ROOT

PROGRAM = load_catalog(ROOT / "contracts" / "library").programs["reset_user_mfa"]


CALLER = Caller("support-bot", "acme", "requester", "requester", frozenset(), frozenset())


REQUEST = ActionRequest(
    "reset_user_mfa", 1, "d", "write", "high", "acme", "support-bot", "requester", "requester", "okta", "t",
    {"user_id": "00u1maria0001", "ticket": "4711"}, None, None,
)  # fmt: skip


ACTION = Action("act_" + "0" * 26, REQUEST, CALLER)


SCOPE = {
    "inputs.user_id": "00u1maria0001",
    "before.user": {"profile": {"email": "maria@example.com"}, "status": "ACTIVE"},
    "before.factors": [{"id": "a", "factorType": "push"}],
}


RECEIPT = "rcp_" + "0" * 26


MET, NOT_MET = (
    CheckResult("a factor seen before is still enrolled", True),
    CheckResult("a factor seen before is still enrolled", False),
)


def ended(
    status: Status,
    *checks: CheckResult,
    changed: bool | None,
    reason: str = "",
    answered: int | None = 200,
    **outputs: Any,
) -> ActionResult:
    outcome = Reconciliation("confirmed", changed, "ours", checks, outputs, reason)
    response = Response(answered, {}, None, b"") if answered else None
    execution = Execution(0, 1, "answered", 0, 0, "POST", "", "", response)
    return concluded(ACTION, PROGRAM, RECEIPT, status, outcome, Send(execution=execution, attempts=1, settle_ms=5000))


UNITS = tuple(
    Unit(key, key, key, wave, "set_value", None, {}, {}, False)
    for key, wave in (("rotate", 1), ("slack", 1), ("revoke[0]", 2), ("revoke[1]", 2))
)


def done(position: int, status: Status = "confirmed", undone: bool = False, kept: str = "") -> StepEnd:
    ids = f"act_{position:026}", f"rcp_{position:026}"
    return StepEnd(UNITS[position].key, status, *ids, {}, status == "confirmed", undone, kept)


def plan(status: plan_results.PlanStatus, reason: StopReason | None, *ended: StepEnd) -> ActionResult:
    tally = Tally(UNITS, dict(enumerate(ended)), {})
    told = "security-oncall" if tally.needs_a_person(status) else None
    return plan_results.concluded(ACTION, RECEIPT, status, tally, reason, [MET] if not reason else [], told)


RESULTS: dict[str, ActionResult] = {
    "confirmed": ended("confirmed", MET, changed=True, factors_removed=2),
    "confirmed_already": answers.already(ACTION, RECEIPT, [MET]),
    "confirmed_read": answers.read(ACTION, RECEIPT, {"users": [{"user_id": "00u1"}]}, 1_767_000_000_000),
    "approval_required": answers.waiting(ACTION, RECEIPT, [(("SecurityLead", 1),)], 1_767_000_000_000),
    "running": answers.running(ACTION.id, RECEIPT),
    "not_applied": ended("not_applied", NOT_MET, changed=False),
    "not_applied_refused": ended("not_applied", NOT_MET, changed=False, reason=Reason.REFUSED, answered=403),
    "not_applied_require": answers.unmet(ACTION, RECEIPT, CheckResult("the user is not active", False, "the user is active")),
    "diverged": ended("diverged", MET, changed=True),
    "unknown": ended("unknown", NOT_MET, changed=None, answered=None),
    "denied": answers.denied(ACTION, RECEIPT),
    "unavailable": answers.unavailable(ACTION, RECEIPT),
    "unavailable_unconnected": answers.unconnected(ACTION, RECEIPT, "notes"),
    "unavailable_unexchanged": answers.unexchanged(ACTION, RECEIPT, "notes"),
    "denied_drift": answers.denied(ACTION, RECEIPT, "state_changed"),
    "running_held": answers.held(ACTION, RECEIPT, Halt("hlt_1", "connection", "okta", False, "lead", "an incident", 0), 1_767_000_000_000),
    "denied_breaker": answers.denied(ACTION, RECEIPT, "breaker_open"),
    "refused": closed(ACTION, RECEIPT, "refused", "not without a call back"),
    "expired": closed(ACTION, RECEIPT, "expired"),
    "cancelled": closed(ACTION, RECEIPT, "cancelled"),
    "previewed": answers.previewed(ACTION, RECEIPT, [(("SecurityLead", 1),)], PROGRAM, SCOPE, "it cannot be undone by ailyus"),
    "plan_confirmed": plan("confirmed", None, done(0), done(1), done(2)),
    "plan_compensated": plan("compensated", StopReason("the step slack ended not_applied"), done(0, undone=True), done(1, "not_applied")),
    "plan_partial": plan("partial", StopReason("the health got worse in wave 2"), done(0), done(1, undone=True)),
    "plan_unavailable": plan("unavailable", StopReason("the step rotate ended unavailable"), done(0, "unavailable")),
    "plan_unknown": plan("unknown", StopReason("the step slack ended unknown"), done(0, kept="a later step in doubt may use it"), done(1, "unknown")),
    "plan_running": plan_results.running(ACTION, Tally(UNITS, {0: done(0)}, {}), "slack"),
    "plan_waiting": plan_results.waiting(ACTION, RECEIPT, [(("SecurityLead", 1),)], 1_795_348_800_000, Tally(UNITS, {}, {"revoke[0]": "gone"})),
    "plan_previewed": plan_results.previewed(ACTION, RECEIPT, [], Tally(UNITS, {}, {}), Would(says="Rotate the key", needs="", undo="what was done is undone, in reverse order", checks=(), steps=(WouldStep(id="rotate", says="Make a key"),))),
    "invalid": answers.invalid(AilyusError("wrong_format", "`/user_id` does not have the expected form", hint="expected: string", field="/user_id"), "reset_user_mfa", "find_user"),
}  # fmt: skip


def encoded(answer: ActionResult) -> bytes:
    return result_of(answer).model_dump_json(by_alias=True, indent=1, exclude_none=True).encode() + b"\n"
