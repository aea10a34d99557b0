"""Commands for shells and programs: the completion of command lines, and the schema of what commands print."""

from collections.abc import Mapping
from typing import Annotated, Literal

import orjson
import typer

from contracts.errors import AilyusError
from contracts.text.nearest import did_you_mean
from server.cli.answer import Answer, document_of, group, verb

run = group("Commands for shells and programs.")


@verb(run, "completion")
def completion(shell: Annotated[Literal["bash", "zsh"], typer.Argument(help="The shell.")]) -> None:
    """Print the completion of a shell: put `eval "$(ailyus completion bash)"` into its start file."""
    from server.cli.completion_script import script_of

    typer.echo(script_of(shell), nl=False)


@verb(run, "schema")
def schema(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="COMMAND", help="A command's words; without any, all are listed.")
    ] = None,
) -> Answer[Mapping[str, object] | list[str]]:
    """Print the JSON Schema of what a command prints with `--format json`."""
    from server.cli.command_tree import load, words_of
    from server.cli.document_schema import schema_of

    every = {" ".join(own): document_of(command.callback) for own, command in words_of(load())}
    known = {name: document for name, document in every.items() if document is not None}
    if not words:
        return Answer(list(known), list(known))
    name = " ".join(words)
    if name not in known:
        hint = did_you_mean(name, known, where="`ailyus schema` lists the commands that print documents")
        raise AilyusError("not_found", f"no document of a command `{name}` is described", hint=hint)
    found = schema_of(known[name])
    return Answer(found, [orjson.dumps(found, option=orjson.OPT_INDENT_2).decode()])
