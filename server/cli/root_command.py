"""The command `ailyus` itself: its help, and what it says where no command is named."""

import typer

from server.cli.command_tree import Root
from server.cli.exit_code import MEANINGS
from server.cli.main import FIRST_STEPS

app = typer.Typer(
    name="ailyus",
    cls=Root,
    help="Agent action control plane: let AI agents act, under policy, and prove what happened.",
    epilog=f"Exit codes: {'; '.join(f'{code} {meaning}' for code, meaning in MEANINGS.items())}.",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,  # what it draws costs 0.3 s for each help and each wrong option
    subcommand_metavar="COMMAND [ARGS]...",
)


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
) -> None:
    """Say the first steps where no command is named."""
    if context.invoked_subcommand is None:
        typer.echo(FIRST_STEPS, nl=False)
