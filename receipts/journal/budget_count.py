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
from receipts.store.row import Read, Row, Value, blob, integer


@dataclass(frozen=True, slots=True)
class BudgetScope:
    """Whose count of a budget is asked for: what this agent with these roles takes by this connection.

    `action` is left out of the count: it may be sent again. It is empty where nothing was called.
    """

    tenant: str
    connection: str
    agent: str
    roles: frozenset[str]
    action: str = ""

    @classmethod
    def of(cls, action: Action) -> "BudgetScope":
        """That of an action."""
        request = action.request
        return cls(request.tenant, request.connection, request.agent, action.caller.roles, action.id)


@dataclass(frozen=True, slots=True)
class BudgetUse:
    """What others took from a budget, what a call takes (`share`), and when the oldest of it leaves the window."""

    budget: Budget
    used: int
    share: int
    frees_ms: int | None


@dataclass(frozen=True, slots=True)
class BudgetCount:
    """One budget as a decision counted it: what others had taken. `time_zone` is that of its calendar windows."""

    budget: Budget
    time_zone: str
    used: int = 0

    def query(self, scope: BudgetScope, now_ms: int) -> tuple[str, tuple[Value, ...]]:
        """SQL and its values: calls, sums and the oldest of what others sent; by roles, a row for each caller."""
        text = self.budget.text
        actions = sorted(self.budget.actions)
        # by roles as they were when it was sent: the caller is in the row, and few callers differ
        who = "caller" if text.per == "role" else "NULL"
        sql = (
            f"SELECT {who}, count(*), CAST(coalesce(sum(spent), 0) AS BIGINT), min(sent_ms) FROM actions"
            f" WHERE tenant = ? AND contract IN ({', '.join('?' for _ in actions)}) AND sent_ms >= ? AND sent_ms > 0"
            " AND status NOT IN ('not_applied', 'unavailable') AND undoes IS NULL AND id <> ?"
        )
        values: list[Value] = [scope.tenant, *actions]
        values += [self.budget.since_ms(now_ms, self.time_zone), scope.action]
        if text.per in ("agent", "connection"):
            sql += f" AND {text.per} = ?"
            values.append(scope.agent if text.per == "agent" else scope.connection)
        return sql + (" GROUP BY caller" if text.per == "role" else ""), tuple(values)

    def used_in(self, rows: Sequence[Row], scope: BudgetScope) -> int:
        """What the rows of its query come to; of several roles of the agent, the one that took most."""
        return self._fullest(rows, scope)[0]

    def use_of(self, read: Read, scope: BudgetScope, share: int, now_ms: int) -> BudgetUse:
        """What others took of it until now, and when it begins to have room again."""
        sql, values = self.query(scope, now_ms)
        used, oldest_ms = self._fullest(read(sql, *values), scope)
        frees_ms = None if not oldest_ms else self.budget.frees_ms(now_ms, self.time_zone, oldest_ms)
        return BudgetUse(self.budget, used, share, frees_ms)

    def _fullest(self, rows: Sequence[Row], scope: BudgetScope) -> tuple[int, int]:
        """What was taken, and when the oldest of it was sent (milliseconds since the epoch; 0 for nothing)."""
        of_calls = self.budget.text.counts == "calls"
        # one row without any: nobody took anything, and nothing is the oldest
        counted = [
            (caller, integer(calls if of_calls else spent), integer(oldest))
            for caller, calls, spent, oldest in rows
            if oldest is not None
        ]
        if self.budget.text.per != "role":
            return sum(count for _, count, _ in counted), min((oldest for *_, oldest in counted), default=0)
        by_role: dict[str, tuple[int, int]] = {}
        for caller, count, oldest in counted:
            # those without a role count together
            for role in unpack_caller(blob(caller)).roles or {""}:
                before = by_role.get(role, (0, oldest))
                by_role[role] = (before[0] + count, min(before[1], oldest))
        return max((by_role.get(role, (0, 0)) for role in scope.roles or {""}), default=(0, 0))
