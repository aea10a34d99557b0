"""The signature of a release: what the files say is tested, and signed by its author's key."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from contracts.errors import AilyusError
from server.cli.passphrase import ask_passphrase

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from policies.release import Release
    from policies.signed_release import SignedRelease
    from server.workspace.workspace import Workspace


def sign(
    workspace: "Workspace", author: str, key: Path | None, reason: str, allow_wider: bool = False
) -> "SignedRelease":
    """Test what the files say, and sign it by the author's key. Raises `AilyusError`; nothing is written."""
    from server.workspace.release_files import sources_of

    sources = sources_of(workspace.root)
    release = workspace.release(author)
    require_releasable(workspace, release, sources, allow_wider)
    return sign_as(workspace, release, author, key, reason)


def require_releasable(
    workspace: "Workspace", release: "Release", sources: "Mapping[str, bytes]", allow_wider: bool
) -> None:
    """Raise `AilyusError` unless it fits and its tests pass; what people must know of it is printed."""
    from server.workspace.release_checks import require_sound
    from server.workspace.release_files import run_tests_of

    said = require_sound(workspace, release, allow_wider)
    count = run_tests_of(release, sources)
    for line in (*said, *(f"{at.target.name}: {at.says}" for at in release.guards()), f"{count} policy tests pass"):
        typer.echo(line, err=True)


def sign_as(workspace: "Workspace", release: "Release", author: str, key: Path | None, reason: str) -> "SignedRelease":
    """Sign a release that is tested already by its author's key. Raises `AilyusError`."""
    from policies.signed_release import check_author, document_of, sign_release
    from server.workspace.clock import now_ms

    person = release.people.get(author)
    if person is None:
        raise AilyusError("unknown_person", f"`{author}` releases this set and is no declared person")
    # whose roles an identity provider tells, the gateway asks for when it takes the release
    oidc = workspace.settings.console.oidc
    if not (oidc and person.issuer == oidc.issuer):
        check_author(author, person.roles, release.releasers)
        release.decider.bundle.receipts.require_decider(person)
    return sign_release(document_of(release, author, reason, now_ms()), key_of(workspace, author, key))


def key_of(workspace: "Workspace", author: str, path: Path | None) -> "Ed25519PrivateKey":
    """A person's private key, from the workspace or from a file of theirs. Raises `AilyusError`."""
    from receipts.log.signing import is_encrypted, load_key

    path = path or workspace.key_file(author)
    if not path.exists():
        hint = "make one: `ailyus person enrol --as PERSON`, or name yours with --key"
        raise AilyusError("not_released", f"there is no key of `{author}` to sign with", hint=hint)
    encrypted = is_encrypted(path)
    # INVARIANT 8: whoever copies an open key file signs in its owner's name
    if not encrypted and not workspace.settings.development:
        hint = "make one with a passphrase: `ailyus person enrol --as PERSON`"
        raise AilyusError("weak_key", f"the key file `{path.name}` has no passphrase", hint=hint)
    return load_key(path, ask_passphrase("passphrase: ").encode() if encrypted else None)
