"""Releases: tested and signed by their author, checked by the gateway that takes them, or taken from the log again."""

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.errors import AilyusError
from policies.release import Release
from policies.signed_release import SignedRelease
from receipts.log.log_keys import LogKeys
from receipts.log.signing import Signer
from receipts.statement.releases import ReleaseRecord, newest, newest_signed
from receipts.store.key_history import keys_to
from receipts.store.row import Read
from server.workspace.clock import now_ms
from server.workspace.log_key import open_log_key
from server.workspace.release_approvals import needs_of
from server.workspace.release_archive import adopted, archived
from server.workspace.release_files import read_signed, sources_of
from server.workspace.release_package import released_by
from server.workspace.stores import is_made, reading
from server.workspace.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Start:
    """What a gateway starts with: a release, its author's signature if it is new, its files, and what to say of it."""

    release: Release
    signed: SignedRelease | None
    sources: Mapping[str, bytes]
    says: tuple[str, ...] = ()


def last_released(workspace: Workspace, signer: Signer) -> ReleaseRecord | None:
    """The last release in the workspace's log; None where there is no store yet."""
    if not workspace.settings.has_database and not workspace.store.exists():
        return None
    with reading(workspace) as read:
        return newest(read, _keys(workspace, read, signer)) if is_made(workspace, read) else None


def has_signed_release(workspace: Workspace) -> bool:
    """Has anybody signed a release of this workspace's store?"""
    if not workspace.settings.has_database and not workspace.store.exists():
        return False
    signer = Signer(open_log_key(workspace))
    with reading(workspace) as read:
        if not is_made(workspace, read):
            return False
        return newest_signed(read, _keys(workspace, read, signer)) is not None


def _keys(workspace: Workspace, read: Read, signer: Signer) -> LogKeys:
    return keys_to(read, signer, workspace.settings.origin)


def begin(
    workspace: Workspace, signer: Signer, author: str | None = None, *, dev: bool = False, signed_only: bool = False
) -> Start:
    """What the gateway starts with: what the files say if it is released, else the last release in the log.

    Raises `AilyusError` when there is neither. In a development workspace nobody needs to release what files say,
    unless `signed_only`.
    """
    if dev and not workspace.settings.development:
        hint = "release what you change: `ailyus release apply --as PERSON`"
        raise AilyusError("bad_settings", "`--dev` is for workspaces with `development = true`", hint=hint)
    try:
        fresh = workspace.release(author, dev=dev)
        sources = sources_of(workspace.root)
    except AilyusError as error:
        return _last(workspace, signer, error, signed_only)
    # nothing to compare with: in a development workspace the files themselves are what is live
    if workspace.settings.development and not signed_only:
        return Start(fresh, None, sources)
    signed, last = read_signed(workspace.root), last_released(workspace, signer)
    why = AilyusError("not_released", "what the files say is not released")
    if signed is not None and signed.document.release == fresh.digest and not _is_old(signed, last):
        decision = needs_of(workspace, fresh, sources, signed, now_ms())
        # what waits for a second person must not end a gateway that starts meanwhile
        if decision.permitted:
            return Start(released_by(fresh, signed), signed, sources)
        why = AilyusError("not_released", f"what the files say is not approved: {decision.says}")
    if last is not None and last.signed is not None and last.digest == fresh.digest:
        return Start(adopted(fresh, last), None, sources)
    return _last(workspace, signer, why, signed_only)


def _is_old(signed: SignedRelease, last: ReleaseRecord | None) -> bool:
    return last is not None and last.signed is not None and signed.document.at_ms <= last.signed.document.at_ms


def _last(workspace: Workspace, signer: Signer, why: AilyusError, signed_only: bool) -> Start:
    """The last release, of the files and settings that the log keeps of it."""
    last = last_released(workspace, signer)
    if last is None or (last.signed is None and (signed_only or not workspace.settings.development)):
        if why.code == "not_released":
            raise AilyusError("no_author", "nobody has released this set of contracts and policies")
        raise why
    try:
        with reading(workspace) as read:
            kept = archived(read, last, _keys(workspace, read, signer))
        release = kept.built(workspace)
    except AilyusError as error:
        if error.code != "not_released":
            raise
        raise AilyusError(why.code, f"{why.sentence}; and {error.sentence}", hint=error.hint, field=why.field) from None
    what = f"release {last.digest[:12]}" + (f" by {last.author}" if last.author else "")
    said = str(why).replace("\n", "\n  ")
    return Start(
        release,
        None,
        kept.sources,
        (f"NOT what the files say: the gateway serves the last release in its log, {what}", f"because: {said}"),
    )
