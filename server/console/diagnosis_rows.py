"""The rows of the page that answers what would be decided: policies, changes and approvers, at most so many."""

from typing import Final

from policies.case import Case
from policies.diagnosis import Diagnosis
from policies.policy_words import words_of
from policies.release import Release

SHOWN: Final = 60
"""Policies, and changes, that one page shows."""


def answer_of(found: Diagnosis, release: Release, case: Case) -> dict[str, object]:
    """What the page shows of a diagnosis of this case."""
    own = release.decider.bundle.slices[str(case.action)]
    titles = {words.id: words for words in words_of(own, [one.policy for one in found.verdicts])}
    rows = [
        {
            "policy": one.policy,
            "title": titles[one.policy].title,
            "why": titles[one.policy].why,
            "who": one.who,
            "effect": one.effect,
            "holds": one.holds,
            "near": one.is_near,
            "failing": one.failing,
        }
        for one in found.verdicts
    ]
    return {
        "says": found.outcome.says,
        "permitted": found.outcome.permitted,
        "asks": bool(found.outcome.needs),
        "action": str(case.action),
        "agent": case.agent.name,
        "person": case.person.name,
        "environment": case.resource.environment,
        "verdicts": rows[:SHOWN],
        "more": max(0, len(rows) - SHOWN),
        "flips": [{"change": one.change, "after": one.after.says} for one in found.flips[:SHOWN]],
        "givers": [{"person": one.person, "role": one.role} for one in found.givers],
    }
