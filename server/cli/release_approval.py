"""The approval of a release by a further person, at the command line: what changes is shown, and then signed."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from contracts.errors import AilyusError
from contracts.text.visible_text import visible
from server.cli.release_signing import key_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policies.release import Release
    from policies.release_policy import ReleaseDecision
    from policies.signed_release import SignedRelease
    from server.workspace.release_package import ReleasePackage
    from server.workspace.workspace import Workspace


def require_signed(release: "Release", package: "ReleasePackage") -> "SignedRelease":
    """The author's signature of the package. Raises `not_released` where it is missing, or about other files."""
    hint = "sign what the files say now: `ailyus release sign --as PERSON`"
    if package.signed is None:
        raise AilyusError("not_released", "nobody has signed these files", hint=hint)
    if package.signed.document.release != release.digest:
        raise AilyusError("not_released", "`release.json` is about other files", hint=hint)
    return package.signed


@dataclass(frozen=True, slots=True)
class ApprovalWish:
    """Who wants to approve a release, in which role (empty: one that is asked for), with which key and words."""

    approver: str
    role: str
    key: Path | None
    comment: str


def sign_approval_as(
    workspace: "Workspace",
    release: "Release",
    package: "ReleasePackage",
    wish: ApprovalWish,
    ask: Callable[[str], None],
) -> "SignedRelease":
    """The signed release with one more approval, which `ask` lets happen. Raises `AilyusError`; nothing is written."""
    from policies.release_approval import approval_document, sign_approval
    from server.workspace.clock import now_ms
    from server.workspace.release_comparison import changes_against_live

    signed, approver = require_signed(release, package), wish.approver
    author = signed.document.author
    if approver == author:
        raise AilyusError("self_approval", f"`{author}` signed this release", hint="another person approves it")
    person = release.people.get(approver)
    if person is None:
        raise AilyusError("unknown_person", f"`{approver}` is no declared person")
    release.decider.bundle.receipts.require_decider(person)
    asked = [name for need in decision_of(workspace, release, package.files, signed).needs for name, _ in need]
    held = sorted(person.roles, key=lambda name: (name not in asked, name))
    if not wish.role and not held:
        raise AilyusError("wrong_role", f"`{approver}` holds no role", hint="name one with --role")
    # what is signed is shown first
    typer.echo(f"{author} signed release {release.digest[:12]}", err=True)
    for change in changes_against_live(workspace, release, package.files)[1]:
        typer.echo(visible(change.says), err=True)
    role = wish.role or held[0]
    ask(f"approve this as {approver}, {role}?")
    key = key_of(workspace, approver, wish.key)
    document = approval_document(release.origin, signed.document.digest, approver, role, wish.comment, now_ms())
    return signed.approved(sign_approval(document, key))


def decision_of(
    workspace: "Workspace", release: "Release", sources: "Mapping[str, bytes]", signed: "SignedRelease"
) -> "ReleaseDecision":
    """What the live release still asks for."""
    from server.workspace.clock import now_ms
    from server.workspace.release_approvals import needs_of

    return needs_of(workspace, release, sources, signed, now_ms())
