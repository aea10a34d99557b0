"""Printing: text for people (never markup from data), JSON for programs, and errors with their hint."""

import sys
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from functools import wraps
from typing import Annotated, NoReturn, ParamSpec, TypeVar

import typer

from contracts.errors import AilyusError
from contracts.text.visible_text import visible

P = ParamSpec("P")
R = TypeVar("R")


class Format(StrEnum):
    """How to print."""

    text = "text"
    json = "json"


FormatOption = Annotated[Format, typer.Option("--format", help="Print text for people or JSON for programs.")]


def show(format_: Format, data: object, lines: Iterable[str]) -> None:
    """Print the data as JSON, or the lines, in which nothing is hidden and nothing commands the terminal."""
    if format_ is Format.json:
        import orjson

        sys.stdout.write(orjson.dumps(data, option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        for line in lines:
            for row in line.split("\n"):
                # not by `rich`: its markup would make instructions of what a record says
                sys.stdout.write(visible(row) + "\n")
    sys.stdout.flush()


def table(rows: Iterable[Mapping[str, object]], columns: Iterable[str]) -> list[str]:
    """Aligned columns; every value with its control and invisible characters escaped."""
    columns = list(columns)
    cells = [columns, *([visible(str(row.get(c, ""))) for c in columns] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def fail(error: AilyusError) -> NoReturn:
    """Say what is wrong and what to change, in which nothing commands the terminal; exit 1."""
    # an error may quote a file or a target: escapes in it would command the terminal
    for line in f"error: {error}".split("\n"):
        typer.echo(visible(line), err=True)
    raise typer.Exit(1)


def report_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Turn an `AilyusError` into its sentence and hint."""

    @wraps(command)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except AilyusError as error:
            fail(error)

    return wrapper
