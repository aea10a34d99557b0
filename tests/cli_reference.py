"""`uv run python -m tests.cli_reference`: write `server/cli/README.md` from the commands of the command line.

What stands there comes from the functions of `server/cli/` alone: their docstrings, their options and what these say.
Neither a terminal's width nor the version of typer has a part in it. `tests/server/test_cli_reference.py` fails while
the file is another than this command would write.
"""

import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Annotated, Literal, get_args, get_origin

import typer

from server.cli.answer import document_of
from server.cli.command_tree import load
from server.cli.exit_code import MEANINGS

ROOT = Path(__file__).parent.parent
FILE = ROOT / "server" / "cli" / "README.md"
COMMAND = "uv run python -m tests.cli_reference"
SHARED = ("workspace", "format", "quiet")
_CODES = "\n".join(f"| {code} | {meaning} |" for code, meaning in MEANINGS.items())
_HEAD = f"""\
# Commands

Every command of `ailyus`, with its arguments and options. `ailyus COMMAND --help` says the same in a terminal. The
command `{COMMAND}` writes this file: change the functions beside it, then run that.

A word in capital letters stands for a value; an option that is "repeatable" may be given several times. What was asked
for goes to standard output; notes, questions, progress and errors go to standard error. Progress is drawn on a terminal
only, and colours neither elsewhere nor where the variable `NO_COLOR` is set.

| exit code | meaning |
|---|---|
{_CODES}

`eval "$(ailyus completion bash)"` (or `zsh`) in the shell's start file completes commands, options and their values.
With `--format json` a command prints one document and with `--format jsonl` one a line; `ailyus schema COMMAND` prints
the JSON Schema of it. "JSON" below names its fields. They stay as they are within a version 0.x; more may come.

Many commands take these:

"""
_KINDS: Mapping[object, str] = {str: "TEXT", int: "NUMBER", float: "NUMBER", Path: "PATH"}


@dataclass(frozen=True, slots=True)
class Part:
    """One argument or option of a command: how it is spelt, whether it must be given, and what its help says."""

    name: str
    spelt: str
    required: bool
    note: str
    help: str


@dataclass(frozen=True, slots=True)
class Described:
    """One command: its words after `ailyus`, its docstring, its arguments and options in their order, its document."""

    words: str
    help: str
    parts: tuple[Part, ...]
    document: str


@dataclass(frozen=True, slots=True)
class Group:
    """Commands with the same first word, or, without a name, those that are one word."""

    name: str
    help: str
    commands: tuple[Described, ...]


def groups() -> tuple[Group, ...]:
    """Return all commands that are not hidden, in the order of `ailyus --help`."""
    found = load()
    single = tuple(
        _described(name, one)
        for name, one in found.items()
        if isinstance(one, typer.core.TyperCommand) and not one.hidden
    )
    several = (
        Group(name, one.help or "", tuple(_described(f"{name} {word}", own) for word, own in _members(one).items()))
        for name, one in found.items()
        if isinstance(one, typer.core.TyperGroup)
    )
    return (Group("", "", single), *several)


def _members(group: typer.core.TyperGroup) -> Mapping[str, typer.core.TyperCommand]:
    return {
        name: one for name, one in group.commands.items() if isinstance(one, typer.core.TyperCommand) and not one.hidden
    }


def _described(words: str, command: typer.core.TyperCommand) -> Described:
    assert command.callback is not None
    parameters = inspect.signature(command.callback, eval_str=True).parameters
    shown = [p for p in command.params if p.name in parameters and not getattr(p, "hidden", False)]
    parts = tuple(_part(p, parameters[p.name or ""]) for p in shown)
    return Described(words, command.help or "", parts, _fields_of(document_of(command.callback)))


def _fields_of(document: object) -> str:
    """The fields of a document, in words; empty where a command prints none, or one of which another schema tells."""
    if get_origin(document) is list:
        own = _fields_of(get_args(document)[0])
        return f"a list of {own}" if own else ""
    if not is_dataclass(document):
        return ""
    return ", ".join(f"`{field.name}`" for field in fields(document))


def _part(of: typer.core.TyperOption | typer.core.TyperArgument, parameter: inspect.Parameter) -> Part:
    kind, several = _kind(parameter.annotation)
    name = of.name or ""
    if isinstance(of, typer.core.TyperArgument):
        spelt = (of.metavar or name.upper()) + (f" ({kind})" if "|" in kind else "")
    else:
        spelt = ", ".join((*of.opts, *of.secondary_opts)) + (f" {kind}" if kind else "")
    default = parameter.default
    if of.required:
        note = "required"
    elif several:
        note = "repeatable"
    elif default is None or default == "" or isinstance(default, bool):
        note = ""
    else:
        note = f"else `{default.value if isinstance(default, Enum) else default}`"
    return Part(name, spelt, bool(of.required), note, of.help or "")


def _kind(annotation: object) -> tuple[str, bool]:
    """How a value is spelt in the reference, empty for a flag; and whether it may be given several times."""
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if isinstance(annotation, UnionType):
        annotation = next(one for one in get_args(annotation) if one is not type(None))
    if get_origin(annotation) is list:
        return _kind(get_args(annotation)[0])[0], True
    if get_origin(annotation) is Literal:
        return "|".join(map(str, get_args(annotation))), False
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return "|".join(str(one.value) for one in annotation), False
    return ("" if annotation is bool else _KINDS[annotation]), False


def reference() -> str:
    """Return what `server/cli/README.md` is to say."""
    found = groups()
    shared = {p.name: p for g in found for c in g.commands for p in c.parts if p.name in SHARED}
    lines = [_HEAD.rstrip("\n"), "", *(_item(shared[name]) for name in SHARED), "", _contents(found)]
    for group in found:
        lines += ["", f"## {f'ailyus {group.name}' if group.name else 'Run, connect, release, stop'}"]
        lines += ["", _wrapped(group.help)] if group.help else []
        for command in group.commands:
            lines += ["", f"### ailyus {command.words}", "", _wrapped(command.help)]
            own = [part for part in command.parts if shared.get(part.name) != part]
            lines += ["", f"`{_usage(command)}`"]
            lines += ["", *map(_item, own)] if own else []
            lines += ["", _wrapped(f"JSON: {command.document}.")] if command.document else []
    return "\n".join(lines) + "\n"


def _contents(found: tuple[Group, ...]) -> str:
    links = (f"[{g.name}](#ailyus-{g.name})" for g in found if g.name)
    single = ", ".join(f"[{c.words}](#ailyus-{c.words})" for c in found[0].commands)
    return _wrapped(f"Commands of one word: {single}. Groups: {', '.join(links)}.")


def _usage(command: Described) -> str:
    """The command with what it cannot do without, and the shared options that it takes."""
    words = [f"ailyus {command.words}"]
    for part in command.parts:
        text = re.sub(r", -\w\b| \(.*\)$", "", part.spelt)
        if part.required:
            words.append(text)
        elif not part.spelt.startswith("-") or part.name in SHARED:
            words.append(f"[{text}]")
    if any(part.spelt.startswith("-") and not part.required and part.name not in SHARED for part in command.parts):
        words.append("[OPTION …]")
    return " ".join(words)


def _item(part: Part) -> str:
    note = f" ({part.note})" if part.note else ""
    return _wrapped(f"- `{part.spelt}`{note}: {part.help}", "  ")


def _wrapped(text: str, indent: str = "") -> str:
    """A paragraph in lines of 120 characters at most, as the repository's other files have them."""
    return "\n\n".join(
        textwrap.fill(
            " ".join(paragraph.split()),
            120,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
        for paragraph in text.split("\n\n")
    )


def unexplained() -> Iterator[str]:
    """Yield each command without a docstring, and each argument and option of one that says nothing about itself."""
    for group in groups():
        for command in group.commands:
            if not command.help:
                yield f"ailyus {command.words}"
            for part in command.parts:
                if not part.help:
                    yield f"ailyus {command.words}: {part.spelt}"


if __name__ == "__main__":
    FILE.write_text(reference(), encoding="utf-8")
    print(f"wrote {FILE.relative_to(ROOT)}")
