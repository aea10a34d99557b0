"""Commands that put a release before people: it waits until enough of them have signed it at the console."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

import typer

from server.cli.answer import Answer
from server.cli.choice import require_person
from server.cli.options import AllowWiderOption
from server.cli.owner import asked, told
from server.cli.release_approval import require_signed
from server.cli.release_candidate import CandidateOption, KeyOption, ReasonOption, SignatureWish, signed_candidate
from server.cli.workspace_option import WorkspaceOption, open_workspace


@dataclass(frozen=True, slots=True)
class ProposedRelease:
    """What was put before people: until when they may sign it, what it still needs, and the page for it."""

    candidate: str
    release: str
    author: str
    expires_ms: int
    permitted: bool
    needs: list[Mapping[str, int]]
    says: str
    page: str


@dataclass(frozen=True, slots=True)
class WithdrawnRelease:
    """A proposed release that is over."""

    candidate: str


def propose(
    as_: Annotated[
        str | None, typer.Option("--as", help="The person who proposes; else `release.json` is their signature.")
    ] = None,
    key: KeyOption = None,
    reason: ReasonOption = "",
    candidate: CandidateOption = None,
    allow_wider: AllowWiderOption = False,
    workspace: WorkspaceOption = ".",
) -> Answer[ProposedRelease]:
    """Put what the files say before people, who sign it at the console with their passkeys; nothing becomes live."""
    from server.results.timestamp import iso

    space = open_workspace(workspace)
    author = None if as_ is None else require_person(space, as_)
    made, package = signed_candidate(space, candidate, SignatureWish(author, key, reason, allow_wider))
    if package.signed is None:
        require_signed(made, package)
    found = asked(space, "POST", "/candidates", ProposedRelease, package.model_dump(mode="json"))
    short = found.candidate[:12]
    says = found.says or "nobody else needs to approve it"
    return Answer(
        found,
        says=[
            f"{found.author} proposes release {made.digest[:12]} as {short}: {says}",
            f"people sign it until {iso(found.expires_ms)} at {found.page or 'the console'}",
            f"next: ailyus release apply --proposed {short}",
        ],
    )


def withdraw(
    proposed: Annotated[str, typer.Argument(help="How the digest of what `propose` put before people begins.")],
    comment: Annotated[str, typer.Option(help="Why; kept with it.")] = "",
    workspace: WorkspaceOption = ".",
) -> Answer[WithdrawnRelease]:
    """End a proposed release that is not live yet."""
    told(open_workspace(workspace), "DELETE", f"/candidates/{quote(proposed, safe='')}", comment=comment)
    return Answer(WithdrawnRelease(proposed), says=[f"{proposed} was withdrawn"])
