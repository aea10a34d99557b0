"""The candidate of a release at the command line: the files that are named, and their author's signature."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from contracts.errors import AilyusError
from server.cli.exit_code import MISUSED
from server.cli.output import fail
from server.cli.release_approval import require_signed
from server.cli.release_signing import require_releasable, sign_as

if TYPE_CHECKING:
    from policies.release import Release
    from server.workspace.release_package import ReleasePackage
    from server.workspace.workspace import Workspace

CandidateOption = Annotated[
    Path | None,
    typer.Option("--candidate", help="Another folder with `contracts` and `policies`; else the workspace's files."),
]
AuthorOption = Annotated[
    str | None, typer.Option("--as", help="The person who releases; else the only one who has a key here.")
]
KeyOption = Annotated[Path | None, typer.Option(help="Their key file, if it is not the workspace's.")]
ReasonOption = Annotated[str, typer.Option(help="Why; signed with the release.")]


@dataclass(frozen=True, slots=True)
class SignatureWish:
    """Who signs the candidate (None: `release.json` is their signature), with which key and why."""

    author: str | None
    key: Path | None
    reason: str
    allow_wider: bool


def signed_candidate(space: "Workspace", folder: Path | None, wish: SignatureWish) -> "tuple[Release, ReleasePackage]":
    """The candidate with its author's signature, where it has one. Raises `AilyusError`."""
    made, package = candidate_at(space, folder)
    if wish.author is not None:
        require_releasable(space, made, package.files, wish.allow_wider)
        signed = sign_as(space, made, wish.author, wish.key, wish.reason)
        return made, package.model_copy(update={"signed": signed})
    if package.signed is not None:
        require_signed(made, package)
    return made, package


def candidate_at(space: "Workspace", folder: Path | None) -> "tuple[Release, ReleasePackage]":
    """The candidate; what does not load ends the command with its own exit code."""
    from server.workspace.release_package import candidate_of

    try:
        return candidate_of(space, folder)
    except AilyusError as error:
        fail(error, MISUSED)
