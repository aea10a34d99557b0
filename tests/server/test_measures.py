"""The size of what people read: lines of modules and functions, parameters, comments. Complexity is ruff's."""

import ast
import io
import tokenize
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from tests.project import PACKAGES, PROJECT, ROOT

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def sources() -> dict[str, str]:
    """The text of each module of the wheel, by its path."""
    files = [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]
    return {str(file.relative_to(ROOT)): file.read_text() for file in files}


def functions(source: str) -> Iterator[Function]:
    """Every function of a module, those inside of others too."""
    return (node for node in ast.walk(ast.parse(source)) if isinstance(node, Function))


def length(function: Function) -> int:
    """The lines of a function, decorators left out."""
    return (function.end_lineno or 0) - function.lineno + 1


def parameters(function: Function) -> int:
    """How many things its caller may give; `self` and `cls` are given by nobody."""
    args = function.args
    names = [arg.arg for arg in (*args.posonlyargs, *args.args)]
    bound = 1 if names[:1] in (["self"], ["cls"]) else 0
    return len(names) - bound + len(args.kwonlyargs) + bool(args.vararg) + bool(args.kwarg)


def comments(source: str) -> int:
    """How many comments a module has."""
    return sum(token.type == tokenize.COMMENT for token in tokenize.generate_tokens(io.StringIO(source).readline))


def at(values: Sequence[int], share: float) -> int:
    """The value below which this share of all values is."""
    return sorted(values)[int(len(values) * share)]


def every_function() -> dict[str, Function]:
    """Every function, by its place."""
    return {f"{path}:{f.lineno} {f.name}": f for path, source in sources().items() for f in functions(source)}


def test_modules_are_short() -> None:
    lines = {path: len(text.splitlines()) for path, text in sources().items() if Path(path).name != "__init__.py"}
    assert {path: n for path, n in lines.items() if n > 450} == {}
    assert at(list(lines.values()), 0.5) <= 126
    assert at(list(lines.values()), 0.9) <= 215


def test_functions_are_short() -> None:
    lines = {place: length(function) for place, function in every_function().items()}
    assert {place: n for place, n in lines.items() if n > 64} == {}
    assert at(list(lines.values()), 0.5) <= 8
    assert at(list(lines.values()), 0.9) <= 22


def test_few_functions_take_more_than_six_things() -> None:
    many = [place for place, function in every_function().items() if parameters(function) > 6]
    assert len(many) <= len(every_function()) / 100, many


def test_comments_say_why_often_enough() -> None:
    lines = sum(len(text.splitlines()) for text in sources().values())
    assert sum(map(comments, sources().values())) >= lines * 25 / 1000


def test_ruff_refuses_what_branches_more_than_twenty_times() -> None:
    lint = PROJECT["tool"]["ruff"]["lint"]
    assert "C901" in lint["select"]
    assert lint["mccabe"]["max-complexity"] <= 20
    assert [path for path, codes in lint["per-file-ignores"].items() if "C901" in codes] == []


def test_what_is_counted() -> None:
    source = "class A:\n    def f(self, a, /, b, *c, d=1, **e):\n        # why\n        return '# no comment'\n"
    (function,) = functions(source)
    assert (length(function), parameters(function), comments(source)) == (3, 5, 1)
    assert [at([3, 1, 2, 4], share) for share in (0.0, 0.5, 0.9)] == [1, 3, 4]
