"""The question before a person signs or ends something: y or N at a terminal, `--yes` anywhere else."""

import sys
from typing import Annotated

import typer

from contracts.errors import AilyusError

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; needed where there is no terminal.")]


def confirm(question: str, yes: bool) -> None:
    """Go on only if a person wants it. Raises `AilyusError` where nobody can be asked."""
    if yes:
        return
    # a pipe's answer is nobody's: what is signed has been read by whoever sits at the terminal
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        hint = "read what is shown, then run it again with --yes"
        raise AilyusError("bad_settings", "nobody can be asked here: this is no terminal", hint=hint)
    if not typer.confirm(question, default=False, err=True):
        raise AilyusError("bad_settings", "nothing was done: the answer was no", hint="run it again to decide anew")
