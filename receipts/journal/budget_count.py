"""The count of a budget: what other actions took from it within its window, by the rows of the journal.

The decision counts it, and the commit of the intent counts it again. What is in flight or in doubt counts, so that a
gateway that dies loses nothing; what provably did not happen (`not_applied`, `unavailable`) gives its share back by its
status alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from policies.budget import Budget
from receipts.action.action import Action
from receipts.action.action_form import unpack_caller
from receipts.store.row import Row, Value, blob, integer


@dataclass(frozen=True, slots=True)
class BudgetCount:
    """One budget as a decision counted it: what others had taken. `time_zone` is that of its calendar windows."""

    budget: Budget
    time_zone: str
    used: int = 0

    def query(self, action: Action, now_ms: int) -> tuple[str, tuple[Value, ...]]:
        """SQL and its values: calls and sums of what others sent, a row for each caller where roles count.

        The action itself is left out: it may be sent again.
        """
        request, text = action.request, self.budget.text
        actions = sorted(self.budget.actions)
        # by roles as they were when it was sent: the caller is in the row, and few callers differ
        who = "caller" if text.per == "role" else "NULL"
        sql = (
            f"SELECT {who}, count(*), CAST(coalesce(sum(spent), 0) AS BIGINT) FROM actions"
            f" WHERE tenant = ? AND contract IN ({', '.join('?' for _ in actions)}) AND sent_ms >= ? AND sent_ms > 0"
            " AND status NOT IN ('not_applied', 'unavailable') AND undoes IS NULL AND id <> ?"
        )
        values: list[Value] = [request.tenant, *actions]
        values += [self.budget.since_ms(now_ms, self.time_zone), action.id]
        if text.per in ("agent", "connection"):
            sql += f" AND {text.per} = ?"
            values.append(request.agent if text.per == "agent" else request.connection)
        return sql + (" GROUP BY caller" if text.per == "role" else ""), tuple(values)

    def used_in(self, rows: Sequence[Row], action: Action) -> int:
        """What the rows of its query come to; of several roles of the agent, the one that took most."""
        counted = [(caller, integer(calls if self._counts_calls else spent)) for caller, calls, spent in rows]
        if self.budget.text.per != "role":
            return sum(count for _, count in counted)
        by_role: dict[str, int] = {}
        for caller, count in counted:
            # those without a role count together
            for role in unpack_caller(blob(caller)).roles or {""}:
                by_role[role] = by_role.get(role, 0) + count
        return max((by_role.get(role, 0) for role in action.caller.roles or {""}), default=0)

    @property
    def _counts_calls(self) -> bool:
        return self.budget.text.counts == "calls"
