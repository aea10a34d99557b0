"""The explanation of a decision, for agent and for person apart: which policies decided."""

from policies.decision import ApprovalRequired, Decision, Denied, Permitted


def outcome_of(decision: Decision) -> str:
    """The outcome's word."""
    match decision:
        case Permitted():
            return "permitted"
        case ApprovalRequired():
            return "approval_required"
        case Denied():
            return "denied"


def explain(decision: Decision) -> list[str]:
    """Sentences for agent and for person apart: the deciding ids, or that no policy permits."""
    lines = []
    if isinstance(decision, ApprovalRequired):
        needs = " or ".join(" and ".join(f"{n} {r}" for r, n in need) for need in decision.needs)
        lines.append(f"approval required: {needs}")
    else:
        lines.append(outcome_of(decision))
    if decision.record is not None:
        # apart, since both must be permitted and each may lack something else
        for who, ids in decision.record.policies.items():
            decided = ", ".join(f"`{name}`" for name in ids)
            lines.append(f"{who}: decided by {decided}" if ids else f"{who}: no policy permits it")
        lines.extend(f"error: {error}" for error in decision.record.errors)
    elif isinstance(decision, Denied):
        lines.append(decision.reason)
    return lines
