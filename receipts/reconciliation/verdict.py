"""The verdict over one attempt: what became of it, whose the change is, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from pydantic import JsonValue

from receipts.reconciliation.checks import CheckResult

Verdict = Literal[
    "confirmed",
    "not_applied",
    "diverged",
    "contended",
    "again",
    "next_route",
    "stale",
    "stopped",
    "orphan",
    "uncosigned",
]
Attribution = Literal["ours", "state_only", "other"]


class Reason(StrEnum):
    """Why a verdict is what it is, as a sentence of ours. A verdict may also carry a fault's own sentence."""

    NOT_SENT = "not one byte of the request was written"
    UNCOSIGNED = "too few witnesses of the log cosigned its intent"
    NOT_READ_BACK = "the record could not be read back"
    DRIFT = "something else changed with it"
    ACCEPTED_AND_UNSAID = "the target accepted it, and the record does not say whether it happened"
    ACCEPTED_AND_UNSEEN = "the target accepted it, and the record does not show it yet"
    AS_IT_WAS = "the record is as it was"
    JOB_UNNAMED = "the target accepted it, and nobody can say which job it started"
    JOB_RUNNING = "the job that it started has not ended yet"
    JOB_UNREAD = "the job that it started does not say whether it has ended"
    JOB_FAILED = "the job that it started failed, and the record is as it was"
    OTHERWISE = "the record changed, but not as expected"
    REFUSED_YET_SO = "refused, yet the state is as asked for"
    UNKNOWN_PAGE = "the page is unknown"
    NO_EFFECT = "the application proved that nothing happened"
    STALE = "somebody else changed the record first, and nothing was done"
    REFUSED = "the target refused"
    UNAUTHORIZED = "the target refused the access token"
    CANNOT_TELL = "this contract cannot tell whether it happened"
    SOMEBODY_ELSE = "somebody else changed the record meanwhile"
    UNSAID = "the record does not say whether it happened"
    AS_BEFORE = "the record is as it was before"
    NEITHER = "the record is neither as before nor as expected"
    NOT_SENT_TWICE = "the record does not show it, and to send it again could do it twice"
    NOT_WHOLE = "a list was not read whole, so it proves nothing"
    LIST_NOT_READ = "the list of objects could not be read"
    NOTHING_NEW = "nothing new is there"
    PERHAPS_NOT_OURS = "something new is there that may not be ours"
    FOUND_BY_WHAT_IT_MADE = "found by what it made"
    MADE_OTHERWISE = "what was made is not as expected"
    MET = "met when read back"
    NO_EVIDENCE = "the evidence is missing"
    OUTPUTS_LOST = "it was made, but its outputs are lost"


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What became of one attempt. `changed` is None when it cannot be known.

    `orphan`: an object that we made and whose outputs are lost, as the outputs that can still be read from it.
    """

    verdict: Verdict
    changed: bool | None
    attribution: Attribution | None
    checks: tuple[CheckResult, ...]
    outputs: Mapping[str, JsonValue]
    reason: str
    orphan: Mapping[str, JsonValue] | None = None
