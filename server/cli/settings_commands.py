"""Commands about the settings: whether they are right, and what is in force."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from contracts.text.visible_text import visible
from server.cli.answer import Answer, group, verb
from server.cli.exit_code import DONE, REFUSED
from server.cli.output import note, table
from server.cli.workspace_option import WorkspaceOption

settings = group("The settings: `ailyus.toml` and the variables `AILYUS_…`.")


@dataclass(frozen=True, slots=True)
class SettingsFault:
    """One fault of the settings: where, what, and what to do."""

    field: str | None
    sentence: str
    hint: str


@dataclass(frozen=True, slots=True)
class SettingsVerdict:
    """Every fault, the variables that no setting reads, and how many keys come from which source."""

    faults: list[SettingsFault]
    unread: list[str]
    sources: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting in force, and where it was said; secrets are masked."""

    setting: str
    value: object
    source: str


@verb(settings, "check")
def check(workspace: WorkspaceOption = ".") -> Answer[SettingsVerdict]:
    """Tell every fault of the settings, and the variables `AILYUS_…` that no setting reads; exit 1 for a fault."""
    import os

    from server.workspace.settings.check import check_folder

    checked = check_folder(Path(workspace).resolve(), os.environ)
    faults = [SettingsFault(one.field, one.sentence, one.hint) for one in checked.faults]
    for name in checked.unread:
        note(f"warning: no setting is read from `{name}`")
    for one in checked.faults:
        typer.echo("\n".join(visible(line) for line in f"error: {one}".split("\n")), err=True)
    said = ", ".join(f"{count} keys from {source}" for source, count in checked.sources.items())
    return Answer(
        SettingsVerdict(faults, list(checked.unread), dict(checked.sources)),
        says=[] if faults else [f"the settings are right: {said}"],
        code=REFUSED if faults else DONE,
    )


@verb(settings, "show")
def show_settings(
    changed: Annotated[bool, typer.Option("--changed", help="Only what the file or a variable says.")] = False,
    workspace: WorkspaceOption = ".",
) -> Answer[list[SettingRow]]:
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
    document = [SettingRow(one.name, one.value, one.source) for one in found]
    return Answer(document, table(rows, ("setting", "value", "source")))
