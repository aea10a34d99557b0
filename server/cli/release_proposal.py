"""Commands that put a release before people: it waits until enough of them have signed it at the console."""

from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from server.cli.options import AllowWiderOption
from server.cli.output import Format, FormatOption, show
from server.cli.release_approval import require_signed
from server.cli.release_candidate import CandidateOption, KeyOption, ReasonOption, SignatureWish, signed_candidate
from server.cli.workspace_option import WorkspaceOption, open_workspace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue


def propose(
    as_: Annotated[
        str | None, typer.Option("--as", help="The person who proposes; else `release.json` is their signature.")
    ] = None,
    key: KeyOption = None,
    reason: ReasonOption = "",
    candidate: CandidateOption = None,
    allow_wider: AllowWiderOption = False,
    workspace: WorkspaceOption = ".",
    format: FormatOption = Format.text,
) -> None:
    """Put what the files say before people, who sign it at the console with their passkeys; nothing becomes live."""
    from server.admin.client import ask_owner
    from server.results.timestamp import iso

    space = open_workspace(workspace)
    made, package = signed_candidate(space, candidate, SignatureWish(as_, key, reason, allow_wider))
    if package.signed is None:
        require_signed(made, package)
    answer = ask_owner(space, "POST", "/candidates", package.model_dump(mode="json"))
    facts: Mapping[str, JsonValue] = answer if isinstance(answer, dict) else {}
    short, until = str(facts.get("candidate"))[:12], facts.get("expires_ms")
    page = facts.get("page") or "the console"
    says = facts.get("says") or "nobody else needs to approve it"
    show(
        format,
        facts,
        [
            f"{facts.get('author')} proposes release {made.digest[:12]} as {short}: {says}",
            f"people sign it until {iso(until if isinstance(until, int) else 0)} at {page}",
            f"next: ailyus release apply --proposed {short}",
        ],
    )


def withdraw(
    proposed: Annotated[str, typer.Argument(help="How the digest of what `propose` put before people begins.")],
    comment: Annotated[str, typer.Option(help="Why; kept with it.")] = "",
    workspace: WorkspaceOption = ".",
) -> None:
    """End a proposed release that is not live yet."""
    from server.admin.client import ask_owner

    ask_owner(open_workspace(workspace), "DELETE", f"/candidates/{quote(proposed, safe='')}", comment=comment)
    typer.echo(f"{proposed} was withdrawn")
