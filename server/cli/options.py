"""Options and arguments that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

AllowWiderOption = Annotated[
    bool,
    typer.Option("--allow-wider", help="Accept that contracts leave guards that hold for them in the live release."),
]


NameArgument = Annotated[str, typer.Argument(help="A contract's name.")]
ReceiptArgument = Annotated[str, typer.Argument(help="The receipt's id, which starts with `rcp_`.")]
EitherArgument = Annotated[str, typer.Argument(metavar="ID", help="The id of a receipt (`rcp_…`) or action (`act_…`).")]
ArchiveOption = Annotated[
    list[Path] | None, typer.Option(help="An archive to read too; those in the folder of the settings are read anyway.")
]
