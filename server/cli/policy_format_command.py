"""The command `ailyus policy format`: Cedar's own layout for the files of policies."""

from dataclasses import dataclass
from typing import Annotated

import typer

from contracts.errors import AilyusError
from server.cli.answer import Answer
from server.cli.exit_code import DONE, INVALID, REFUSED
from server.cli.output import fail
from server.cli.workspace_option import WorkspaceOption, open_workspace


@dataclass(frozen=True, slots=True)
class FormattedPolicies:
    """How many files there are, and those whose layout is another one: with `--check` they are as they were."""

    files: int
    changed: list[str]


def format_policies(
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 where a layout differs.")] = False,
    workspace: WorkspaceOption = ".",
) -> Answer[FormattedPolicies]:
    """Lay out the `.cedar` files of `policies/` as Cedar's formatter does; comments stay, and nothing is decided anew.

    Exit 1: with `--check`, a file is laid out otherwise; 3: a file does not parse, and then none is written.
    """
    from policies.policy_layout import laid_out

    space = open_workspace(workspace)
    try:
        texts = {file: text for file, text in space.policies().items() if file.endswith(".cedar")}
        # all of them before the first is written: a folder is never half done
        others = {file: new for file, text in texts.items() if (new := laid_out(file, text)) != text}
    except AilyusError as error:
        fail(error, INVALID)
    if not check:
        for file, text in others.items():
            (space.root / "policies" / file).write_text(text, encoding="utf-8")
    word = "would be laid out" if check else "laid out"
    names = [f"policies/{file}" for file in sorted(others)]
    says = [] if names else [f"{len(texts)} files are laid out already"]
    document = FormattedPolicies(len(texts), names)
    return Answer(document, [f"{word}: {name}" for name in names], says, REFUSED if check and names else DONE)
