"""The command that releases: test what the files say, and sign it as their author."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from contracts.errors import AilyusError
from server.cli.output import Format, FormatOption, report_errors, show
from server.cli.passphrase import ask_passphrase
from server.cli.workspace_option import WorkspaceOption, open_workspace

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from policies.signed_release import SignedRelease
    from server.workspace.workspace import Workspace


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(report_errors(release))


def release(
    as_: Annotated[str, typer.Option("--as", help="The person who releases.")],
    key: Annotated[Path | None, typer.Option(help="Their key file, if it is not the workspace's.")] = None,
    reason: Annotated[str, typer.Option(help="Why; signed with the release.")] = "",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Where to; else release.json.")] = None,
    allow_wider: Annotated[
        bool, typer.Option("--allow-wider", help="Release although contracts leave guards that hold for them now.")
    ] = False,
    workspace: WorkspaceOption = ".",
    format: FormatOption = Format.text,
) -> None:
    """Test what the files say and sign it with your key; the gateway takes it at its next start."""
    from server.workspace.release_files import write_signed

    space = open_workspace(workspace)
    signed = sign(space, as_, key, reason, allow_wider)
    path = write_signed(space, signed, output)
    document = signed.document
    show(
        format,
        {"release": document.release, "author": as_, "keyid": signed.keyid, "file": str(path)},
        [
            f"{as_} signed release {document.release[:12]}: {len(document.contracts)} contracts, "
            f"{len(document.plans)} plans, {len(document.policies)} policy files",
            f"wrote {path}\nnext: restart the gateway: ailyus serve",
        ],
    )


def sign(
    workspace: "Workspace", author: str, key: Path | None, reason: str, allow_wider: bool = False
) -> "SignedRelease":
    """Test what the files say, and sign it by the author's key. Raises `AilyusError`; nothing is written."""
    from policies.signed_release import check_author, document_of, sign_release
    from server.workspace.release_checks import require_sound
    from server.workspace.release_files import run_release_tests
    from server.workspace.releases import now_ms

    made = workspace.release(author)
    person = made.people.get(author)
    # whose roles an identity provider tells, the gateway asks for when it takes the release
    oidc = workspace.settings.console.oidc
    if person is not None and not (oidc and person.issuer == oidc.issuer):
        check_author(author, person.roles, made.releasers)
    # before a passphrase is asked for: nobody types one for what cannot be released
    said = require_sound(workspace, made, allow_wider)
    count = run_release_tests(made, workspace.root)
    for line in (*said, *(f"{at.target.name}: {at.says}" for at in made.guards()), f"{count} policy tests pass"):
        typer.echo(line, err=True)
    private = _key(workspace, author, key)
    return sign_release(document_of(made, author, reason, now_ms()), private)


def _key(workspace: "Workspace", author: str, path: Path | None) -> "Ed25519PrivateKey":
    from receipts.log.signing import is_encrypted, load_key

    path = path or workspace.key_file(author)
    if not path.exists():
        hint = "make one: `ailyus approval enrol --as PERSON`, or name yours with --key"
        raise AilyusError("not_released", f"there is no key of `{author}` to sign the release with", hint=hint)
    encrypted = is_encrypted(path)
    # INVARIANT 8: whoever copies an open key file releases in its owner's name
    if not encrypted and not workspace.settings.development:
        hint = "make one with a passphrase: `ailyus approval enrol --as PERSON`"
        raise AilyusError("weak_key", f"the key file `{path.name}` has no passphrase", hint=hint)
    return load_key(path, ask_passphrase("passphrase: ").encode() if encrypted else None)
