"""Printing: text for people (never markup from data), JSON for programs, and errors with their hint."""

import os
import sys
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from enum import StrEnum
from typing import Final, NoReturn

import typer

from contracts.errors import AilyusError
from contracts.text.visible_text import visible
from server.cli.exit_code import REFUSED

_silent: Final = ContextVar("silent", default=False)


class Format(StrEnum):
    """How to print: for people, as one JSON document, or one JSON document a line."""

    table = "table"
    json = "json"
    jsonl = "jsonl"


def silence(quiet: bool) -> None:
    """From now on, leave out what `note` says."""
    _silent.set(quiet)


def is_silent() -> bool:
    """Is only what was asked for printed?"""
    return _silent.get()


def note(line: str) -> None:
    """Tell people something on standard error, unless they want nothing but what they asked for."""
    if not _silent.get():
        typer.echo("\n".join(visible(row) for row in line.split("\n")), err=True)


def show(format_: Format, document: object, lines: Iterable[str]) -> None:
    """Print the document as JSON, or the lines, in which nothing is hidden and nothing commands the terminal."""
    if format_ is Format.table:
        for line in lines:
            for row in line.split("\n"):
                # not by `rich`: its markup would make instructions of what a record says
                sys.stdout.write(visible(row) + "\n")
    else:
        import orjson

        if format_ is Format.json:
            sys.stdout.write(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n")
        else:
            for one in document if isinstance(document, list) else [document]:
                sys.stdout.write(orjson.dumps(one).decode() + "\n")
    sys.stdout.flush()


def table(rows: Iterable[object], columns: Iterable[str]) -> list[str]:
    """Aligned columns of documents or mappings; every value with its control and invisible characters escaped."""
    columns = list(columns)
    cells = [columns, *([_cell(_field(row, c)) for c in columns] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def _field(row: object, name: str) -> object:
    return row.get(name, "") if isinstance(row, Mapping) else getattr(row, name)


def _cell(value: object) -> str:
    """A value as people read it: a list without brackets, yes or no, nothing for what is not there."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return ", ".join(map(_cell, value))
    return visible(str(value))


def coloured(text: str, level: str) -> str:
    """A word of ours in the colour of its level, on a terminal that has colours and is not told to have none."""
    colour = {"OK": typer.colors.GREEN, "WARN": typer.colors.YELLOW, "FAIL": typer.colors.RED}.get(level)
    is_plain = not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return text if colour is None or is_plain else typer.style(text, fg=colour)


def fail(error: AilyusError, code: int = REFUSED) -> NoReturn:
    """Say what is wrong and what to change, in which nothing commands the terminal; end the command."""
    # an error may quote a file or a target: escapes in it would command the terminal
    for line in f"error: {error}".split("\n"):
        typer.echo(visible(line), err=True)
    raise typer.Exit(code)
