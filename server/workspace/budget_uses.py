"""What the budgets of a contract have come to now, for a question about it that nobody calls."""

from policies.budget import UNKNOWN_COST, cost_of, share_of
from policies.case import Case
from policies.release import Release
from receipts.journal.budget_count import BudgetCount, BudgetScope, BudgetUse
from receipts.store.row import Read
from server.workspace.clock import now_ms
from server.workspace.stores import is_made, reading
from server.workspace.workspace import Workspace


def scope_of(case: Case, connection: str) -> BudgetScope:
    """Whose count the situation of a case is about."""
    return BudgetScope(case.agent.tenant, connection, case.agent.name, frozenset(case.agent.roles))


def budget_uses(read: Read, release: Release, case: Case, scope: BudgetScope, at_ms: int) -> tuple[BudgetUse, ...]:
    """Of each budget that covers the action of a case, where a policy of it reads budgets."""
    bundle, action = release.decider.bundle, str(case.action)
    sliced = bundle.slices.get(action)
    if sliced is None or "budget" not in sliced.reads:
        return ()
    program = release.catalog.programs[action]
    cost = cost_of(program, case.params, case.agent.tenant)
    # what an input that was left out spends, nobody can say: the case has the plain value, which is nothing
    spends = case.rate.spends if cost == UNKNOWN_COST else cost
    return tuple(
        BudgetCount(one, release.time_zone).use_of(
            read, scope, share_of(one, is_write=program.is_write, spends=spends), at_ms
        )
        for one in bundle.budgets.of(action)
    )


def stored_uses(workspace: Workspace, release: Release, case: Case, connection: str = "") -> tuple[BudgetUse, ...]:
    """The same by the store of a workspace; nothing where there is none yet. Raises `AilyusError`."""
    if not workspace.settings.has_database and not workspace.store.exists():
        return ()
    with reading(workspace) as read:
        if not is_made(workspace, read):
            return ()
        return budget_uses(read, release, case, scope_of(case, connection), now_ms())


def counted(case: Case, uses: tuple[BudgetUse, ...]) -> Case:
    """The case with what its budgets have come to."""
    budgets = {use.budget.name: use.used + use.share for use in uses}
    return case.model_copy(update={"budget": {**budgets, **case.budget}})
