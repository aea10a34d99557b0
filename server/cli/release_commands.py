"""Commands about releases: what the files would change, who signs it, and what was released."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import quote

import typer

from contracts.errors import AilyusError
from server.cli.answer import Answer, group, verb
from server.cli.choice import person_of, require_person
from server.cli.confirmation import YesOption, confirm
from server.cli.exit_code import DONE, REFUSED
from server.cli.options import AllowWiderOption
from server.cli.output import note
from server.cli.owner import asked, decoded
from server.cli.release_candidate import (
    AuthorOption,
    CandidateOption,
    KeyOption,
    ReasonOption,
    SignatureWish,
    candidate_at,
    signed_candidate,
)
from server.cli.release_proposal import propose, withdraw
from server.cli.release_signing import require_releasable, sign_as
from server.cli.workspace_option import WorkspaceOption, open_workspace

if TYPE_CHECKING:
    from server.workspace.release_package import ReleasePackage
    from server.workspace.workspace import Workspace

release = group("Releases: what the files would change, make it live, and take it back.")


@dataclass(frozen=True, slots=True)
class CheckedRelease:
    """A set of files that can be released."""

    release: str


@dataclass(frozen=True, slots=True)
class ChangedField:
    """A field of a part, before and after."""

    field: str
    before: object
    after: object


@dataclass(frozen=True, slots=True)
class ChangedPart:
    """One part of a release that differs; `risk` is the highest of the contracts that it is about."""

    noun: str
    name: str
    event: str
    risk: str
    widens: Literal["no", "maybe", "yes"]
    fields: list[ChangedField]


@dataclass(frozen=True, slots=True)
class ReleaseRow:
    """One release of the history; `changes` is null where the release before is not known."""

    release: str
    author: str | None
    at_ms: int
    leaf: int
    signed: bool
    keyid: str | None
    reason: str
    approvers: list[str]
    changes: list[ChangedPart] | None


@dataclass(frozen=True, slots=True)
class ReleaseDiff:
    """What a release of the files would change, each with its risk; `wider`: what leaves guards that hold now."""

    live: str | None
    candidate: str
    changes: list[ChangedPart]
    wider: list[str]


@dataclass(frozen=True, slots=True)
class SignedFiles:
    """A release that its author signed; `needs`: the sets of approvals of which one is enough."""

    release: str
    author: str
    keyid: str
    file: str
    permitted: bool
    needs: list[Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class ApprovedRelease:
    """An approval that stands beside the author's signature."""

    release: str
    approver: str
    role: str
    permitted: bool
    file: str


@dataclass(frozen=True, slots=True)
class ReleaseState:
    """The release that is live; `changed`: it is since now."""

    release: str
    author: str | None
    governed: bool
    changed: bool


@verb(release, "check")
def check(
    candidate: CandidateOption = None, allow_wider: AllowWiderOption = False, workspace: WorkspaceOption = "."
) -> Answer[CheckedRelease]:
    """Check that the files load, pass their policy tests, fit, and widen nothing; exit 2 if they do not load."""
    space = open_workspace(workspace)
    made, package = candidate_at(space, candidate)
    require_releasable(space, made, package.files, allow_wider)
    return Answer(CheckedRelease(made.digest), says=[f"release {made.digest[:12]} can be released"])


@verb(release, "diff")
def diff(candidate: CandidateOption = None, workspace: WorkspaceOption = ".") -> Answer[ReleaseDiff]:
    """Show what a release of the files would change, each with its risk; exit 1 if anything, 2 if they do not load."""
    from server.workspace.release_comparison import changes_against_live, count_of
    from server.workspace.widening import wider_than_live

    space = open_workspace(workspace)
    made, package = candidate_at(space, candidate)
    live, changes = changes_against_live(space, made, package.files)
    wider = [one.says for one in wider_than_live(space, made)]
    before = live.digest[:12] if live else "nothing"
    lines = [f"{before} → {made.digest[:12]}: {count_of(changes)}", *(change.says for change in changes), *wider]
    document = ReleaseDiff(
        live.digest if live else None, made.digest, [decoded(ChangedPart, change.document) for change in changes], wider
    )
    return Answer(document, lines, code=REFUSED if changes else DONE)


@verb(release, "sign")
def sign_release(
    as_: AuthorOption = None,
    key: KeyOption = None,
    reason: ReasonOption = "",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Where to; else release.json.")] = None,
    allow_wider: AllowWiderOption = False,
    workspace: WorkspaceOption = ".",
) -> Answer[SignedFiles]:
    """Test what the files say and sign it with your key, for a gateway that takes it from the files."""
    from server.cli.release_approval import decision_of
    from server.workspace.release_files import sources_of, write_signed

    space = open_workspace(workspace)
    author = person_of(space, as_, signs=key is None)
    # whatever `release.json` holds by now is replaced, and so it is not read
    made, sources = space.release(author), sources_of(space.root)
    require_releasable(space, made, sources, allow_wider)
    signed = sign_as(space, made, author, key, reason)
    path = write_signed(space.root, signed, output)
    document, left = signed.document, decision_of(space, made, sources, signed)
    following = "next: ailyus release apply, or start the gateway: ailyus serve"
    if not left.permitted:
        following = f"{left.says}\nnext: another person runs ailyus release approve --as PERSON"
    return Answer(
        SignedFiles(
            document.release, author, signed.keyid, str(path), left.permitted, [dict(need) for need in left.needs]
        ),
        says=[
            f"{author} signed release {document.release[:12]}: {len(document.contracts)} contracts, "
            f"{len(document.plans)} plans, {len(document.policies)} policy files",
            f"wrote {path}\n{following}",
        ],
    )


@verb(release, "approve")
def approve(
    as_: Annotated[str | None, typer.Option("--as", help="The person who approves; not who signed.")] = None,
    role: Annotated[str, typer.Option(help="The role in which they approve; else one that is asked for.")] = "",
    key: KeyOption = None,
    comment: Annotated[str, typer.Option(help="A word about it; signed with the approval.")] = "",
    yes: YesOption = False,
    workspace: WorkspaceOption = ".",
) -> Answer[ApprovedRelease]:
    """Show what another person signed in `release.json`, ask, and put your approval beside their signature."""
    from server.cli.release_approval import ApprovalWish, decision_of, sign_approval_as
    from server.workspace.release_files import write_signed

    space = open_workspace(workspace)
    made, package = candidate_at(space, None)
    who = person_of(space, as_, signs=key is None)
    signed = sign_approval_as(
        space, made, package, ApprovalWish(who, role, key, comment), lambda question: confirm(question, yes)
    )
    path = write_signed(space.root, signed)
    left = decision_of(space, made, package.files, signed)
    given = signed.approvals[-1].document
    return Answer(
        ApprovedRelease(made.digest, who, given.role, left.permitted, str(path)),
        says=[
            f"{who} approved release {made.digest[:12]} as {given.role}",
            f"wrote {path}",
            "next: ailyus release apply" if left.permitted else left.says,
        ],
    )


@verb(release, "apply")
def apply(
    as_: Annotated[
        str | None, typer.Option("--as", help="The person who releases; else `release.json` is their signature.")
    ] = None,
    key: KeyOption = None,
    reason: ReasonOption = "",
    candidate: CandidateOption = None,
    proposed: Annotated[
        str, typer.Option("--proposed", help="How the digest of what `propose` put before people begins.")
    ] = "",
    allow_wider: AllowWiderOption = False,
    workspace: WorkspaceOption = ".",
) -> Answer[ReleaseState]:
    """Make what the files say the live release of the running gateway, and of all its replicas, without a restart."""
    space = open_workspace(workspace)
    if proposed:
        if as_ is not None or candidate is not None:
            sentence = "`--proposed` is signed already, and takes neither `--as` nor `--candidate`"
            raise AilyusError("bad_settings", sentence, hint="leave one of them out")
        return _live(asked(space, "POST", f"/candidates/{quote(proposed, safe='')}", ReleaseState))
    author = None if as_ is None else require_person(space, as_)
    _, package = signed_candidate(space, candidate, SignatureWish(author, key, reason, allow_wider))
    return _send(space, package.model_copy(update={"allow_wider": allow_wider}))


@verb(release, "history")
def history(
    most: Annotated[int, typer.Option("--limit", min=1, max=200, help="How many.")] = 10,
    workspace: WorkspaceOption = ".",
) -> Answer[list[ReleaseRow]]:
    """List the last releases, the newest first: who, when, why, and what each changed."""
    from server.workspace.release_comparison import history_of
    from server.workspace.roots import trusted_keys
    from server.workspace.stores import reading

    space = open_workspace(workspace)
    with reading(space) as read:
        entries = history_of(read, trusted_keys(space, read), most)
    lines = [line for entry in entries for line in (entry.says, *(f"  {said}" for said in entry.changed))]
    return Answer([decoded(ReleaseRow, entry.document) for entry in entries], lines or ["nothing is released yet"])


@verb(release, "rollback")
def rollback(
    digest: Annotated[
        str, typer.Argument(help="How the release's digest begins, as `history` lists it; else the one before.")
    ] = "",
    as_: AuthorOption = None,
    key: KeyOption = None,
    reason: ReasonOption = "",
    allow_wider: AllowWiderOption = False,
    workspace: WorkspaceOption = ".",
) -> Answer[ReleaseState]:
    """Release a former release again, as the log keeps it; the files on disk stay as they are."""
    from server.workspace.release_archive import former
    from server.workspace.release_package import ReleasePackage

    space = open_workspace(workspace)
    kept = former(space, digest)
    made = kept.rebuilt(space)
    require_releasable(space, made, kept.sources, allow_wider)
    author = person_of(space, as_, signs=key is None)
    signed = sign_as(space, made, author, key, reason or f"back to release {kept.record.digest[:12]}")
    done = _send(space, ReleasePackage.of(made, kept.sources).model_copy(update={"signed": signed}))
    note("the files on disk are not changed: correct them before the next release")
    return done


verb(release, "propose")(propose)
verb(release, "withdraw")(withdraw)


def _send(space: "Workspace", package: "ReleasePackage") -> Answer[ReleaseState]:
    return _live(asked(space, "POST", "/releases", ReleaseState, package.model_dump(mode="json")))


def _live(found: ReleaseState) -> Answer[ReleaseState]:
    by = f" by {found.author}" if found.author else ""
    said = "is live" if found.changed else "was live already"
    governed = "" if found.governed else ", receipts say `governed: false`"
    return Answer(found, says=[f"release {found.release[:12]}{by} {said}{governed}"])
