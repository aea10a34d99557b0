"""The gate: asked directly before the first byte of a write, whether this order may still leave.

It knows, in memory, which fence of which action is this process's, and which orders were used. After a restart it knows
of none, so that no order of an earlier life ever passes.
"""

import time
from collections.abc import Collection

from contracts.action.dispatch import Dispatch
from receipts.action.action import Action
from receipts.journal.controls import Controls


class DispatchGate:
    """The fences that this process owns, and the orders that it has used."""

    def __init__(self, controls: Controls) -> None:
        self._controls = controls
        self._fences: dict[str, int] = {}
        self._entered: dict[str, set[tuple[int, int]]] = {}
        self._plans: dict[str, int] = {}
        self._uncosigned: set[str] = set()

    def own(self, action_id: str, fence: int) -> None:
        """A commit made this process the owner of an action, under this fence."""
        self._fences[action_id] = fence

    def owns(self, action: Action) -> bool:
        """Is this process the owner of an action, under the fence that it has now?"""
        return self._fences.get(action.id) == action.fence

    def hold(self, action_id: str) -> None:
        """The order of this action waits until enough witnesses have cosigned its intent."""
        self._uncosigned.add(action_id)

    def let_pass(self, action_id: str) -> None:
        """Enough witnesses have cosigned the intent of this action."""
        self._uncosigned.discard(action_id)

    def track_plan(self, plan_id: str, fence: int | None) -> None:
        """A plan is under way here, under this fence; None: no longer."""
        if fence is None:
            self._plans.pop(plan_id, None)
        else:
            self._plans[plan_id] = fence

    def held(self, running: Collection[str]) -> list[tuple[str, int]]:
        """Those of the running actions and plans that this process owns, each with its fence."""
        fences = {**self._fences, **self._plans}
        return [(action, fences[action]) for action in running if action in fences]

    def void(self, action_id: str) -> None:
        """Nothing of this action is sent any more: its orders are void."""
        self._fences.pop(action_id, None)
        self._entered.pop(action_id, None)
        self._uncosigned.discard(action_id)

    def enter(self, dispatch: Dispatch) -> str | None:
        """Use an order up; the reason why it may not act, or None."""
        entered = self._entered.setdefault(dispatch.action_id, set())
        # INVARIANT: an order is used once, by the owner of the fence, under the live epoch, before its deadline.
        if (dispatch.step, dispatch.attempt) in entered:  # guard: single use of an order
            return "this order was used already"
        if self._fences.get(dispatch.action_id) != dispatch.fence:
            return "another owner holds this action"
        if dispatch.epoch != self._controls.epoch:  # guard: control epoch
            return "the control epoch moved on"
        if not self._controls.is_fresh:  # guard: an epoch that is not known any more
            return "whether it was stopped meanwhile is not known"
        # INVARIANT: where the settings say so, nothing leaves that too few witnesses know of
        if dispatch.action_id in self._uncosigned:  # guard: an intent that witnesses know
            return "too few witnesses have cosigned its intent"
        if time.monotonic() >= dispatch.deadline_monotonic:  # guard: deadline
            return "the deadline has passed"
        entered.add((dispatch.step, dispatch.attempt))
        return None
