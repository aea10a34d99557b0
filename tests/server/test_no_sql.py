"""No SQL stands in `server/`: what it asks of the store and writes to it has a name in `receipts/`."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.world import ROOT

_SQL = re.compile(
    r"\bSELECT\b.+\bFROM\b|\bSELECT\s+(?:1|to_regclass)\b|\bINSERT INTO\b|\bUPDATE\b.+\bSET\b|\bDELETE FROM\b"
    r"|\bPRAGMA\b|(?<!-)\bBEGIN\b|\w+ (?:=|<>|<=|>=|<|>) \?",
    re.DOTALL,
)
"""Statements, and comparisons with a parameter. `-----BEGIN PRIVATE KEY-----` is none."""


def literals(source: str) -> Iterator[tuple[int, str]]:
    """Each string of a module with its line; what an f-string joins in is `{}`."""
    tree = ast.parse(source)
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = (str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
            yield node.lineno, "".join(parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner:
            yield node.lineno, node.value


def statements(source: str) -> list[int]:
    """The lines on which a string with SQL begins."""
    return [line for line, text in literals(source) if _SQL.search(text)]


def test_no_string_of_the_server_is_sql() -> None:
    files = sorted((ROOT / "server").rglob("*.py"))
    assert len(files) > 50
    assert [f"{file.relative_to(ROOT)}:{line}" for file in files for line in statements(file.read_text())] == []


def test_the_server_hands_no_text_to_a_transaction() -> None:
    """A transaction's `write`, `own`, `query`, `many` and `expect`, and a store's `read`, take SQL."""
    found = []
    for file in sorted((ROOT / "server").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            call = ast.unparse(node.func)
            if re.search(r"\btxn\.(?:write|own|query|many|expect)$|\bstore\.read$", call):
                found.append(f"{file.relative_to(ROOT)}:{node.lineno}")
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        'read("SELECT id FROM actions")',
        'read("SELECT id"\n" FROM actions")',
        'read("SELECT 1 WHERE x")',
        'read(f"SELECT {columns} FROM {table}")',
        'txn.write("INSERT INTO meta VALUES (?, ?)", key, value)',
        'txn.write(f"UPDATE escalations SET {columns}")',
        'txn.write("DELETE FROM sessions")',
        'execute("PRAGMA journal_mode")',
        'execute("BEGIN")',
        'execute("BEGIN IMMEDIATE")',
        'rows("name = ?", name)',
    ],
)
def test_sql_is_found(source: str) -> None:
    assert statements(source) == [1]


@pytest.mark.parametrize(
    "source",
    ['ask_owner("DELETE", "/keys")', '"""Select one from many, then update it."""', 'b"-----BEGIN PRIVATE KEY-----"',
     '"-----BEGIN PRIVATE KEY-----"', '"is it so?"'],
)  # fmt: skip
def test_words_are_no_sql(source: str) -> None:
    assert statements(source) == []
