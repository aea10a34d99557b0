"""The tree of commands: what `ailyus --help` lists, and the module of each, which is imported when it is asked for.

A help text and a wrong word load nothing but what they tell of: whoever types waits for each import.
"""

import importlib
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn, Protocol

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

from contracts.text.nearest import did_you_mean
from contracts.text.visible_text import visible
from server.cli.exit_code import DONE, MISUSED
from server.cli.main import VERSION
from server.cli.old_spellings import moved

if TYPE_CHECKING:
    from typer._click import Context, Parameter

Command = TyperCommand | TyperGroup
HELP: Final = ("-h", "--help")


class Formatter(Protocol):
    """What writes a help text."""

    def section(self, name: str) -> AbstractContextManager[None]:
        """A part with a heading."""

    def write_dl(self, rows: Sequence[tuple[str, str]]) -> None:
        """WordGroup, each with its explanation."""


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """A word after `ailyus`: the module and group that have it, and its line in the list of all commands."""

    module: str
    group: str
    help: str
    is_hidden: bool = False


TREE: Final[Mapping[str, TreeEntry]] = {
    "demo": TreeEntry("run_commands", "run", "Play the locked-out user on local twins: no account, no network."),
    "init": TreeEntry("run_commands", "run", "Write a workspace: settings, contracts, policies with tests, people."),
    "serve": TreeEntry("run_commands", "run", "Run the gateway of a workspace until it is ended."),
    "stdio": TreeEntry("run_commands", "run", "Bridge an MCP client on standard input and output to the gateway."),
    "connect": TreeEntry("run_commands", "run", "Connect an MCP client to this workspace."),
    "doctor": TreeEntry("run_commands", "run", "Look at every layer; on failure, say the exact next command."),
    "sandbox": TreeEntry("run_commands", "run", "Run the local twins.", is_hidden=True),
    "audit": TreeEntry("receipt_commands", "run", "Is anything missing, was anything changed?"),
    "erase": TreeEntry("receipt_commands", "run", "Erase what actions hold about somebody; proofs still hold."),
    "audit coverage": TreeEntry("receipt_commands", "run", "Did our credential change anything without a receipt?"),
    "release": TreeEntry(
        "release_commands", "release", "Releases: what the files would change, make it live, take it back."
    ),
    "contract": TreeEntry("contract_commands", "contract", "Action contracts: what may be done."),
    "policy": TreeEntry("policy_commands", "policy", "Cedar policies: whether it may be done."),
    "agent": TreeEntry("agent_commands", "agent", "Agents and their tokens."),
    "approval": TreeEntry("approval_commands", "approval", "What waits for people, and their decisions."),
    "person": TreeEntry("person_commands", "person", "People, and the keys and passkeys that they sign with."),
    "connection": TreeEntry("connection_commands", "connection", "Connections: accounts, and their tokens."),
    "action": TreeEntry("action_commands", "action", "What is on its way, and what became of it."),
    "receipt": TreeEntry("receipt_commands", "receipt", "Receipts: find, read, prove, verify, and ask about them."),
    "export": TreeEntry("export_commands", "export", "Exports: statements that other systems get."),
    "halt": TreeEntry("halt_commands", "halt", "Halts: what is stopped, by whom and why."),
    "escalation": TreeEntry("escalation_commands", "escalation", "Calls for help, and who took them on."),
    "adapter": TreeEntry("adapter_commands", "adapter", "Adapters in Python: what is installed, how they bear faults."),
    "store": TreeEntry("store_commands", "store", "The store: its version, its place, its backups."),
    "key": TreeEntry("key_commands", "key", "The gateway's own keys: of the log, and of sealed secrets."),
    "witness": TreeEntry("witness_commands", "witness", "A witness of logs: its key, its server, what it has seen."),
    "settings": TreeEntry("settings_commands", "settings", "The settings: `ailyus.toml` and the variables `AILYUS_…`."),
    "completion": TreeEntry("shell_commands", "run", "Print the completion of a shell: bash or zsh."),
    "schema": TreeEntry("shell_commands", "run", "Print the JSON Schema of what a command prints."),
}


def load() -> dict[str, Command]:
    """Every command and group by its first word, imported."""
    return {name: _loaded(entry, name) for name, entry in TREE.items()}


def _loaded(entry: TreeEntry, name: str) -> Command:
    own: typer.Typer = getattr(importlib.import_module(f"server.cli.{entry.module}"), entry.group)
    if entry.group == "run":  # commands of one word, several of a module
        found = get_group(own).commands[name]
    else:
        found = get_command(own)
        found.name = name
    return _command(found)


def _command(found: object) -> Command:
    if not isinstance(found, Command):
        raise TypeError("a command of another library")
    return found


class WordGroup(TyperGroup):
    """A group that names what a wrong word may be meant for, and refuses old spellings."""

    def get_params(self, ctx: object) -> "list[Parameter]":
        """None: the library reads each option by what only commands need, `--help` too. `parse_args` reads these."""
        return []

    def parse_args(self, ctx: "Context", args: list[str]) -> list[str]:
        """The words after these; a help text where it is asked for, or where nothing is."""
        first = args[0] if args else ""
        if first in HELP or (not args and self.no_args_is_help):
            typer.echo(ctx.get_help())
            raise typer.Exit(DONE)
        if first.startswith("-"):
            spelt = " ".join(["ailyus", *self.before()])
            _refuse(f"`{spelt}` takes no option `{visible(first[:60])}`", f"`{spelt} -h` says what it takes")
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: object, args: list[str]) -> tuple[str | None, Command | None, list[str]]:
        """The command of the first word. Exit code 2 where there is none."""
        before = self.before()
        if found := moved([*before, *args]):
            _refuse(f"`ailyus {found[0]}` has another name now", f"`ailyus {found[1]}`")
        command = self.get_command(ctx, args[0])
        if command is None:
            spelt = " ".join(["ailyus", *before])
            known = [name for name in self.list_commands(ctx) if not self.is_hidden(name)]
            hint = did_you_mean(args[0], known, where=f"`{spelt} -h` lists the commands")
            _refuse(f"there is no command `{spelt} {visible(args[0][:60])}`", hint)
        return args[0], command, args[1:]

    def get_command(self, ctx: object, cmd_name: str) -> Command | None:
        """The command of one word."""
        found = self.commands.get(cmd_name)
        return None if found is None else _command(found)

    def list_commands(self, ctx: object) -> list[str]:
        """The words, in their order."""
        return list(self.commands)

    def before(self) -> list[str]:
        """The words between `ailyus` and these."""
        return [self.name] if self.name else []

    def is_hidden(self, name: str) -> bool:
        """Is it left out of the lists?"""
        return self.commands[name].hidden

    def told(self) -> list[tuple[str, str]]:
        """Every word that is not hidden, with its line in the list."""
        return [(name, (one.help or "").split("\n")[0]) for name, one in self.commands.items() if not one.hidden]

    def options(self) -> list[tuple[str, str]]:
        """Every option, with its explanation."""
        return [(", ".join(HELP), "Print this.")]

    def format_options(self, ctx: object, formatter: Formatter) -> None:
        """Write the options, then the list of commands."""
        with formatter.section("Options"):
            formatter.write_dl(self.options())
        self.format_commands(ctx, formatter)

    def format_commands(self, ctx: object, formatter: Formatter) -> None:
        """Write the list: whole sentences, of which none is cut."""
        with formatter.section("Commands"):
            formatter.write_dl(self.told())


class Root(WordGroup):
    """`ailyus` itself: its commands are imported when they are asked for."""

    def get_command(self, ctx: object, cmd_name: str) -> Command | None:
        """The command of one word."""
        entry = TREE.get(cmd_name)
        return _loaded(entry, cmd_name) if entry else None

    def resolve_command(self, ctx: object, args: list[str]) -> tuple[str | None, Command | None, list[str]]:
        """The same; two words that are a command of their own go before the command of the first one."""
        both = " ".join(args[:2])
        if len(args) > 1 and both in TREE:
            return both, self.get_command(ctx, both), args[2:]
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: object) -> list[str]:
        """The words, in their order."""
        return list(TREE)

    def is_hidden(self, name: str) -> bool:
        """Is it left out of the lists?"""
        return TREE[name].is_hidden

    def options(self) -> list[tuple[str, str]]:
        """The same, and what `main` answers by itself."""
        return [(", ".join(VERSION), "Print the version."), *super().options()]

    def before(self) -> list[str]:
        """There are none."""
        return []

    def told(self) -> list[tuple[str, str]]:
        """The same out of the tree, for which nothing is imported."""
        return [(name, entry.help) for name, entry in TREE.items() if not entry.is_hidden]


def _refuse(sentence: str, hint: str) -> NoReturn:
    typer.echo(f"error: {sentence}\n  hint: {hint}", err=True)
    raise typer.Exit(MISUSED)


def words_of(tree: Mapping[str, Command]) -> Sequence[tuple[tuple[str, ...], TyperCommand]]:
    """Every command that is not hidden, with its words after `ailyus`."""
    found: list[tuple[tuple[str, ...], TyperCommand]] = []
    for name, one in tree.items():
        if isinstance(one, TyperGroup):
            below = {word: own for word, own in one.commands.items() if isinstance(own, Command)}
            found += [((name, *words), own) for words, own in words_of(below)]
        elif not one.hidden:
            found.append((tuple(name.split()), one))
    return found
