"""What an agent is told has a type: no code of ours reads or writes it by key again."""

import ast
from collections.abc import Iterator

import pytest

from tests.world import ROOT

WORDS = ROOT / "server" / "results" / "answers.py", ROOT / "server" / "plans" / "plan_results.py"
MODULES = sorted(path for package in ("receipts", "server") for path in (ROOT / package).rglob("*.py"))
UNTYPED = {f"{kind}[str, {value}]" for kind in ("dict", "Mapping") for value in ("JsonValue", "object", "Any")}
NAMES = {"answer", "result", "Answer", "Result"}
KEYS = {"status", "summary", "next", "action_id", "receipt_id", "changed", "outputs", "steps", "escalated_to"}
ELSEWHERE = {
    "server/mcp/tasks.py: result": "a whole tool result, as the protocol writes it into a task",
}


def is_untyped(annotation: ast.expr | None) -> bool:
    return annotation is not None and any(ast.unparse(node) in UNTYPED for node in ast.walk(annotation))


def faults(name: str, tree: ast.AST, words: bool = False) -> Iterator[str]:
    """Every result without a type: by its name, by a key of it, or by what a module of words gives."""
    for node in ast.walk(tree):
        match node:
            case ast.AnnAssign(target=ast.Name(id=named), annotation=kind) | ast.arg(arg=named, annotation=kind):
                if named in NAMES and is_untyped(kind):
                    yield f"{name}: {named}"
            case ast.Assign(targets=[ast.Name(id=named)], value=kind) if named in NAMES:
                if ast.unparse(kind) in UNTYPED:
                    yield f"{name}: {named}"
            case ast.Subscript(value=ast.Name(id=named), slice=ast.Constant(value=str(key))):
                if named in NAMES and key in KEYS:
                    yield f'{name}: {named}["{key}"]'
            case ast.FunctionDef(returns=kind) if words and not node.name.startswith("_"):
                if is_untyped(kind):
                    yield f"{name}: {node.name}"


def test_a_result_has_a_type() -> None:
    found = {
        fault
        for path in MODULES
        for fault in faults(str(path.relative_to(ROOT)), ast.parse(path.read_text()), words=path in WORDS)
    }
    assert found == ELSEWHERE.keys()


@pytest.mark.parametrize(
    "line",
    [
        "Answer = dict[str, JsonValue]",
        "answer: dict[str, JsonValue] = {}",
        "def end(result: Mapping[str, JsonValue] | None) -> None: ...",
        "answer['next'] = 'wait'",
        "if answer['status'] == 'denied': ...",
        "def denied(action: Action) -> dict[str, JsonValue]: ...",
    ],
)
def test_a_result_without_one_is_found(line: str) -> None:
    assert len(list(faults("m", ast.parse(line), words=True))) == 1


def test_a_result_with_one_is_not() -> None:
    assert list(faults("m", ast.parse("def denied(result: ActionResult) -> ActionResult: ..."), words=True)) == []
