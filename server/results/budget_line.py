"""What a budget has come to, as a line for people."""

from receipts.journal.budget_count import BudgetUse
from server.results.timestamp import iso


def budget_line(use: BudgetUse) -> str:
    """The budget, what others took, what the call takes, and when the oldest of it counts no more."""
    taken = f"others took {use.used}, and this takes {use.share}"
    frees = "" if use.frees_ms is None else f"; it begins to free at {iso(use.frees_ms)}"
    return f"the budget `{use.budget.name}` ({use.budget.says}): {taken}{frees}"
