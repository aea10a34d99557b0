"""Commands about releases: what the files would change, who signs it, and what was released."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from contracts.errors import AilyusError
from server.cli.options import AllowWiderOption
from server.cli.output import Format, FormatOption, report_errors, show
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
    from collections.abc import Mapping

    from pydantic import JsonValue

    from server.workspace.release_package import ReleasePackage
    from server.workspace.workspace import Workspace

release = typer.Typer(
    help="Releases: what the files would change, make it live, and take it back.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for name, command in (
        ("check", check),
        ("diff", diff),
        ("sign", sign_release),
        ("approve", approve),
        ("propose", propose),
        ("withdraw", withdraw),
        ("apply", apply),
        ("history", history),
        ("rollback", rollback),
    ):
        release.command(name)(report_errors(command))
    app.add_typer(release, name="release")


def check(
    candidate: CandidateOption = None, allow_wider: AllowWiderOption = False, workspace: WorkspaceOption = "."
) -> None:
    """Check that the files load, pass their policy tests, fit, and widen nothing; exit 2 if they do not load."""
    space = open_workspace(workspace)
    made, package = candidate_at(space, candidate)
    require_releasable(space, made, package.files, allow_wider)
    typer.echo(f"release {made.digest[:12]} can be released")


def diff(
    candidate: CandidateOption = None, workspace: WorkspaceOption = ".", format: FormatOption = Format.text
) -> None:
    """Show what a release of the files would change, each with its risk; exit 1 if anything, 2 if they do not load."""
    from server.workspace.release_comparison import changes_against_live, count_of
    from server.workspace.widening import wider_than_live

    space = open_workspace(workspace)
    made, package = candidate_at(space, candidate)
    live, changes = changes_against_live(space, made, package.files)
    wider = [one.says for one in wider_than_live(space, made)]
    before = live.digest[:12] if live else "nothing"
    lines = [f"{before} → {made.digest[:12]}: {count_of(changes)}", *(change.says for change in changes), *wider]
    document = {
        "live": live.digest if live else None,
        "candidate": made.digest,
        "changes": [change.document for change in changes],
        "wider": wider,
    }
    show(format, document, lines)
    if changes:
        raise typer.Exit(1)


def sign_release(
    as_: AuthorOption,
    key: KeyOption = None,
    reason: ReasonOption = "",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Where to; else release.json.")] = None,
    allow_wider: AllowWiderOption = False,
    workspace: WorkspaceOption = ".",
    format: FormatOption = Format.text,
) -> None:
    """Test what the files say and sign it with your key, for a gateway that takes it from the files."""
    from server.cli.release_approval import decision_of
    from server.workspace.release_files import sources_of, write_signed

    space = open_workspace(workspace)
    # whatever `release.json` holds by now is replaced, and so it is not read
    made, sources = space.release(as_), sources_of(space.root)
    require_releasable(space, made, sources, allow_wider)
    signed = sign_as(space, made, as_, key, reason)
    path = write_signed(space.root, signed, output)
    document, left = signed.document, decision_of(space, made, sources, signed)
    following = "next: ailyus release apply, or start the gateway: ailyus serve"
    if not left.permitted:
        following = f"{left.says}\nnext: another person runs ailyus release approve --as PERSON"
    show(
        format,
        {
            "release": document.release,
            "author": as_,
            "keyid": signed.keyid,
            "file": str(path),
            "permitted": left.permitted,
            "needs": [dict(need) for need in left.needs],
        },
        [
            f"{as_} signed release {document.release[:12]}: {len(document.contracts)} contracts, "
            f"{len(document.plans)} plans, {len(document.policies)} policy files",
            f"wrote {path}\n{following}",
        ],
    )


def approve(
    as_: Annotated[str, typer.Option("--as", help="The person who approves; not who signed.")],
    role: Annotated[str, typer.Option(help="The role in which they approve; else one that is asked for.")] = "",
    key: KeyOption = None,
    comment: Annotated[str, typer.Option(help="A word about it; signed with the approval.")] = "",
    workspace: WorkspaceOption = ".",
    format: FormatOption = Format.text,
) -> None:
    """Show what another person signed in `release.json`, and put your approval beside their signature."""
    from server.cli.release_approval import ApprovalWish, decision_of, sign_approval_as
    from server.workspace.release_files import write_signed

    space = open_workspace(workspace)
    made, package = candidate_at(space, None)
    signed = sign_approval_as(space, made, package, ApprovalWish(as_, role, key, comment))
    path = write_signed(space.root, signed)
    left = decision_of(space, made, package.files, signed)
    given = signed.approvals[-1].document
    show(
        format,
        {"release": made.digest, "approver": as_, "role": given.role, "permitted": left.permitted, "file": str(path)},
        [
            f"{as_} approved release {made.digest[:12]} as {given.role}",
            f"wrote {path}",
            "next: ailyus release apply" if left.permitted else left.says,
        ],
    )


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
    format: FormatOption = Format.text,
) -> None:
    """Make what the files say the live release of the running gateway, and of all its replicas, without a restart."""
    from server.admin.client import ask_owner

    space = open_workspace(workspace)
    if proposed:
        if as_ is not None or candidate is not None:
            sentence = "`--proposed` is signed already, and takes neither `--as` nor `--candidate`"
            raise AilyusError("bad_settings", sentence, hint="leave one of them out")
        _show_live(ask_owner(space, "POST", f"/candidates/{quote(proposed, safe='')}"), format)
        return
    wish = SignatureWish(as_, key, reason, allow_wider)
    _, package = signed_candidate(space, candidate, wish)
    _send(space, package.model_copy(update={"allow_wider": allow_wider}), format)


def history(
    most: Annotated[int, typer.Option("--limit", min=1, max=200, help="How many.")] = 10,
    workspace: WorkspaceOption = ".",
    format: FormatOption = Format.text,
) -> None:
    """List the last releases, the newest first: who, when, why, and what each changed."""
    from server.workspace.release_comparison import history_of
    from server.workspace.roots import trusted_keys
    from server.workspace.stores import reading

    space = open_workspace(workspace)
    with reading(space) as read:
        entries = history_of(read, trusted_keys(space, read), most)
    lines = [line for entry in entries for line in (entry.says, *(f"  {said}" for said in entry.changed))]
    show(format, [entry.document for entry in entries], lines or ["nothing is released yet"])


def rollback(
    as_: AuthorOption,
    digest: Annotated[
        str, typer.Argument(help="How the release's digest begins, as `history` lists it; else the one before.")
    ] = "",
    key: KeyOption = None,
    reason: ReasonOption = "",
    allow_wider: AllowWiderOption = False,
    workspace: WorkspaceOption = ".",
    format: FormatOption = Format.text,
) -> None:
    """Release a former release again, as the log keeps it; the files on disk stay as they are."""
    from server.workspace.release_archive import former
    from server.workspace.release_package import ReleasePackage

    space = open_workspace(workspace)
    kept = former(space, digest)
    made = kept.rebuilt(space)
    require_releasable(space, made, kept.sources, allow_wider)
    signed = sign_as(space, made, as_, key, reason or f"back to release {kept.record.digest[:12]}")
    _send(space, ReleasePackage.of(made, kept.sources).model_copy(update={"signed": signed}), format)
    typer.echo("the files on disk are not changed: correct them before the next release", err=True)


def _send(space: "Workspace", package: "ReleasePackage", format_: Format) -> None:
    from server.admin.client import ask_owner

    _show_live(ask_owner(space, "POST", "/releases", package.model_dump(mode="json")), format_)


def _show_live(answer: object, format_: Format) -> None:
    facts: Mapping[str, JsonValue] = answer if isinstance(answer, dict) else {}
    by = f" by {facts['author']}" if facts.get("author") else ""
    said = "is live" if facts.get("changed") else "was live already"
    governed = "" if facts.get("governed") else ", receipts say `governed: false`"
    show(format_, facts, [f"release {str(facts.get('release'))[:12]}{by} {said}{governed}"])
