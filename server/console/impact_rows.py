"""The rows of an impact: what an edit or a candidate would have made of recorded decisions."""

from typing import Final

from server.operations.policy_impact import PolicyImpact

SHOWN: Final = 50
"""Kinds of decisions in the table; `ailyus policy simulate` prints all of them."""


def impact_rows(impact: PolicyImpact) -> dict[str, object]:
    """What it makes of recorded decisions: wider ones first, then those that are most."""
    tally = impact.tally
    kinds = sorted(tally.flips.items(), key=lambda one: (one[0].kind != "wider", -one[1].count, one[0].action))
    return {
        "read": impact.read,
        "is_whole": impact.is_whole,
        "same": tally.same,
        "wider": tally.wider,
        "narrower": impact.narrower,
        "unfit": tally.unfit + tally.unplaced,
        "flips": [
            {
                "kind": kind.kind,
                "action": kind.action,
                "who": f"{kind.agent} for {kind.person}",
                "before": kind.before,
                "after": kind.after,
                "policies": list(kind.policies),
                "count": flips.count,
                "receipt": flips.receipts[0],
            }
            for kind, flips in kinds[:SHOWN]
        ],
        "more": max(0, len(kinds) - SHOWN),
    }
