"""Commands about the settings: whether they are right, and what is in force."""

from pathlib import Path
from typing import Annotated

import typer

from contracts.text.visible_text import visible
from server.cli.output import Format, FormatOption, report_errors, show, table
from server.cli.workspace_option import WorkspaceOption

settings = typer.Typer(help="The settings: `ailyus.toml` and the variables `AILYUS_…`.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    settings.command("check")(report_errors(check))
    settings.command("show")(report_errors(show_settings))
    app.add_typer(settings, name="settings")


def check(workspace: WorkspaceOption = ".", format: FormatOption = Format.text) -> None:
    """Tell every fault of the settings, and the variables `AILYUS_…` that no setting reads; exit 1 for a fault."""
    import os

    from server.workspace.settings.check import check_folder

    checked = check_folder(Path(workspace).resolve(), os.environ)
    document = {
        "faults": [{"field": one.field, "sentence": one.sentence, "hint": one.hint} for one in checked.faults],
        "unread": list(checked.unread),
        "sources": dict(checked.sources),
    }
    said = ", ".join(f"{count} keys from {source}" for source, count in checked.sources.items())
    lines = [f"warning: no setting is read from `{name}`" for name in checked.unread]
    if not checked.faults:
        lines.append(f"the settings are right: {said}")
    show(format, document, lines)
    for one in checked.faults:
        typer.echo("\n".join(visible(line) for line in f"error: {one}".split("\n")), err=True)
    if checked.faults:
        raise typer.Exit(1)


def show_settings(
    changed: Annotated[bool, typer.Option("--changed", help="Only what the file or a variable says.")] = False,
    workspace: WorkspaceOption = ".",
    format: FormatOption = Format.text,
) -> None:
    """Show every setting in force, with where it was said; secrets are masked."""
    import os

    from server.workspace.settings.effective import DEFAULT, effective_settings
    from server.workspace.settings.keys import toml

    found = effective_settings(Path(workspace).resolve(), os.environ)
    if changed:
        found = [one for one in found if one.source != DEFAULT]
    rows = [
        {"setting": one.name, "value": "" if one.value is None else toml(one.value), "source": one.source}
        for one in found
    ]
    document = [{"setting": one.name, "value": one.value, "source": one.source} for one in found]
    show(format, document, table(rows, ("setting", "value", "source")))
