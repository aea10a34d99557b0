"""What a job says of itself comes before what the record says, and only its end can confirm."""

from typing import Any

import pytest

from contracts.action.observation import Delivery, Execution, Observation, Reading, Response
from receipts.reconciliation.reconciliation import reconcile
from receipts.reconciliation.verdict import Reason
from tests.contracts.making import WRITE, program

PROGRAM = program(
    observe={**WRITE["observe"], "job": {"get": "/jobs/${job.id}"}},
    job={
        "id": "response.body.id",
        "done": "after.job.state == 'Complete'",
        "failed": "after.job.state == 'Failed'",
    },
    execute=[{"http": {"post": "/records/${inputs.record}"}, "ok": "response.status == 200"}],
    expect=[
        {"that": "after.job.bad == 0", "else": "some rows failed"},
        {"that": "after.record.value == inputs.value", "else": "another value"},
    ],
)
BASE = {"inputs.record": "r1", "inputs.value": "new", "connection.tenant": "a", "connection.environment": "prod"}


def seen(value: str, job: dict[str, Any] | None = None) -> Observation:
    values: dict[str, Any] = {"record": {"value": value}} | ({"job": job} if job is not None else {})
    return Observation({n: Reading(n, 200, v, b"", 1) for n, v in values.items()}, 1, "separate_credential")


@pytest.mark.parametrize(
    ("delivery", "job", "value", "verdict", "reason"),
    [
        ("answered", {"state": "Complete", "bad": 0}, "new", "confirmed", Reason.MET),
        ("in_doubt", {"state": "Complete", "bad": 0}, "new", "confirmed", Reason.MET),
        ("answered", {"state": "Complete", "bad": 1}, "new", "diverged", Reason.OTHERWISE),
        ("answered", {"state": "Complete", "bad": 0}, "old", "contended", Reason.ACCEPTED_AND_UNSEEN),
        ("answered", {"state": "Running", "bad": 0}, "new", "contended", Reason.JOB_RUNNING),
        ("answered", {"bad": 0}, "new", "contended", Reason.JOB_UNREAD),
        ("answered", {"state": "Failed", "bad": 1}, "old", "not_applied", Reason.JOB_FAILED),
        ("in_doubt", {"state": "Failed", "bad": 1}, "old", "not_applied", Reason.JOB_FAILED),
        ("answered", {"state": "Failed", "bad": 1}, "half", "diverged", Reason.OTHERWISE),
        ("answered", {"state": "Failed", "bad": 0}, "new", "contended", Reason.REFUSED_YET_SO),
        ("answered", None, "new", "contended", Reason.JOB_UNNAMED),
        ("in_doubt", None, "new", "contended", Reason.UNSAID),
        ("in_doubt", None, "old", "contended", Reason.UNSAID),
        ("rejected", None, "old", "not_applied", Reason.REFUSED),
        ("rejected", None, "half", "contended", Reason.UNSAID),
        ("declined", None, "old", "not_applied", Reason.REFUSED),
    ],
)
def test_verdicts(delivery: Delivery, job: dict[str, Any] | None, value: str, verdict: str, reason: str) -> None:
    response = None if delivery == "in_doubt" else Response(200, {}, {}, b"{}")
    sent = Execution(0, 1, delivery, 1, 2, "POST", "u", "d", response)
    outcome = reconcile(PROGRAM, BASE, seen("old"), sent, seen(value, job))
    assert (outcome.verdict, outcome.reason) == (verdict, reason)
