"""The retry of a write that a target refused with 401: once more, with another access token."""

from dataclasses import replace

from receipts.reconciliation.verdict import Reason
from server.execution.outcome_builder import Judgement


def with_another_token(judged: Judgement) -> Judgement:
    """What a target refused with 401 because of an access token may be sent once more, where another token can be had.

    INVARIANT 4: a 401 is an answer, and it says that the request was not even looked at; the record agrees. A second
    one is final.
    """
    sent, target = judged.sent, judged.target
    is_refused = sent.execution.delivery == "refused" and sent.execution.renewable  # guard: the same token twice
    once = sum(one.delivery == "refused" for one in sent.attempts) == 1  # guard: one other token for a write
    if target is None or judged.outcome.verdict != "not_applied" or not (is_refused and once):
        return judged
    again = replace(judged.outcome, verdict="again", changed=False, reason=Reason.UNAUTHORIZED)
    return replace(judged, outcome=again)
