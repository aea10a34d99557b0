"""The review after the fact: whose word an action still needs that only a break-glass policy permits.

A permit says it with the annotation `@review("ROLE")`. The action is not held back for it; the review that it owes is
opened beside what it sends (`receipts/tables/after_reviews.py`) and closed by a person in this role.
"""

from policies.decision import DecisionRecord
from policies.policy_slice import Slice
from policies.policy_words import REVIEW


def after_review_roles(sliced: Slice, record: DecisionRecord) -> frozenset[str]:
    """The roles that review what this decision permits; none where the agent and the person need no such permit."""
    found: set[str] = set()
    for ids in record.policies.values():
        roles = {sliced.nodes[name].annotations.get(REVIEW, "") for name in ids}
        # another permit beside it would have let the same through, with nobody looking after it
        if "" not in roles:
            found |= roles
    return frozenset(found)
