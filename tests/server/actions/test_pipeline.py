"""The pipeline reads like the table of ten steps in server/ARCHITECTURE.md, and nothing goes around it."""

import ast
import inspect
from pathlib import Path

from server.actions.pipeline import Pipeline
from server.execution.executor import ActionExecutor
from server.execution.resolved_action import resolve
from tests.world import ROOT

DECIDE = ["resolve", "observe", "decide", "_approved"]
ACT = ["decide", "send", "_finish"]
SEND = ["intend", "_execute"]
FINISH = ["_judged", "_retry", "outcome"]
JUDGE = ["settled", "reconcile"]
AGAIN = ["current", "halted", "resolve", "observe_patiently", "is_as_before", "permit"]


def calls(function: object) -> list[str]:
    tree = ast.parse(inspect.getsource(function).lstrip())  # type: ignore[arg-type]
    found = [
        (
            node.lineno,
            node.col_offset,
            node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", ""),
        )
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
    ]
    return [name for _, _, name in sorted(found)]


def in_order(function: object, names: list[str]) -> bool:
    seen = [name for name in calls(function) if name in names]
    return list(dict.fromkeys(seen)) == names


def test_the_order_of_the_path() -> None:
    assert in_order(resolve, ["may_observe"])
    assert in_order(Pipeline.decide, DECIDE)
    assert in_order(Pipeline.act, ACT)
    assert in_order(ActionExecutor.send, SEND)
    assert in_order(ActionExecutor.finish, FINISH)
    assert in_order(ActionExecutor._judged, JUDGE)
    assert in_order(ActionExecutor._still_permitted, AGAIN)
    for function in (Pipeline.act, Pipeline.decide, ActionExecutor.finish):
        assert len(inspect.getsource(function).splitlines()) <= 60


def test_orders_are_made_only_where_they_may_be() -> None:
    made: dict[str, set[str]] = {"Dispatch": set(), "ReadPermit": set()}
    for package in ("contracts", "policies", "adapters", "receipts", "server"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in made:
                    made[node.func.id].add(_relative(path))
    assert made == {
        "Dispatch": {"receipts/journal/journal.py"},
        "ReadPermit": {"receipts/journal/journal.py", "policies/decider.py"},
    }


def _relative(path: Path) -> str:
    return str(path.relative_to(ROOT))
