"""The vacuous case: a test that passes whatever the policies say, so that it would hide a mistake."""

from policies.bundle import Bundle
from policies.case import Case

PROVES_NOTHING = "it proves nothing"
"""How the fault of such a case begins."""
_REFUSALS = ("denied", "not_permitted", "may_not_approve")


def vacuity_of(bundle: Bundle, case: Case) -> str:
    """Why a case that passed without a policy that decided proves nothing; '' where it proves something.

    Cedar denies what nothing permits. A refusal by nothing says something where a permit is about the action: it does
    not cover this situation. Where none is, the same refusal would come of an empty folder.
    """
    if case.release is not None:
        return "" if bundle.releases.nodes else f"{PROVES_NOTHING}: there are no policies about releases"
    # it has passed with these approvals, or for these reasons
    if case.expect not in _REFUSALS:
        return ""
    action = f"approve:{case.action}" if case.approver is not None else str(case.action)
    if any(node.effect == "permit" for node in bundle.slices[action].nodes.values()):
        return ""
    return f"{PROVES_NOTHING}: no policy permits `{action}` to anybody, so it is refused whatever else is written"
