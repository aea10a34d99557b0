"""Releases: tested and signed by their author, checked by the gateway that takes them, or taken from the log again."""

import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from contracts.errors import AilyusError
from contracts.text.source import Malformed, files_of, read_bytes, read_source
from policies.bundle import ENGINE
from policies.case import load_tests
from policies.principal import Key
from policies.release import Release
from policies.signed_release import SignedRelease, check_author, check_results, check_signature
from policies.testing import run_tests
from receipts.journal.journal import Journal
from receipts.log.signing import Signer
from receipts.statement.releases import Released, files, newest, newest_signed
from server.workspace.log_key import open_log_key
from server.workspace.stores import is_made, reading
from server.workspace.workspace import FILE, Workspace

SIGNED_FILE = "release.json"
"""Where an author's signature waits for the gateway, beside the files that it is about."""
AHEAD_MS = 300_000
"""How far the clock of who signs may be ahead of the gateway's."""
_MAX_SIGNED = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Start:
    """What a gateway starts with: a release, its author's signature if it is new, its files, and what to say of it."""

    release: Release
    signed: SignedRelease | None
    sources: Mapping[str, bytes]
    says: tuple[str, ...] = ()


def sources_of(root: Path) -> dict[str, bytes]:
    """Every file that a release is made of, and its tests, by the path in the workspace. Raises `AilyusError`."""
    found = {}
    for folder, pattern in (("contracts", "*.yaml"), ("policies", "*.cedar"), ("policies", "*.test.yaml")):
        for path in files_of(root / folder, pattern):
            name = path.relative_to(root).as_posix()
            try:
                found[name] = read_source(path).encode()
            except Malformed as error:
                raise AilyusError("bad_contract", str(error), hint="correct or remove the file", field=name) from None
    return found


def run_release_tests(release: Release, root: Path) -> int:
    """Run the policy tests below a folder by the release's own decider: how many there are. Raises `tests_failed`."""
    cases = [case for _, case in load_tests(root / "policies")]
    results = run_tests(release.decider, release.catalog.programs, cases)
    check_results(results)
    return len(results)


def write_signed(workspace: Workspace, signed: SignedRelease, path: Path | None = None) -> Path:
    """Put the author's signature where the gateway finds it."""
    path = path or workspace.root / SIGNED_FILE
    path.write_text(signed.model_dump_json(indent=2) + "\n")
    return path


def read_signed(workspace: Workspace) -> SignedRelease | None:
    """The author's signature in the workspace, if there is one. Raises `AilyusError`."""
    path = workspace.root / SIGNED_FILE
    if not path.exists():
        return None
    try:
        return SignedRelease.model_validate_json(read_bytes(path, _MAX_SIGNED))
    except (Malformed, ValidationError):
        hint = "sign again: `ailyus release --as PERSON`"
        raise AilyusError("not_released", f"`{SIGNED_FILE}` holds no signed release", hint=hint) from None


def last_released(workspace: Workspace, signer: Signer) -> Released | None:
    """The last release in the workspace's log; None where there is no store yet."""
    if workspace.settings.store is None and not workspace.store.exists():
        return None
    with reading(workspace) as read:
        return newest(read, signer.trusted) if is_made(workspace, read) else None


def has_signed_release(workspace: Workspace) -> bool:
    """Has anybody signed a release of this workspace's store?"""
    if workspace.settings.store is None and not workspace.store.exists():
        return False
    signer = Signer(open_log_key(workspace))
    with reading(workspace) as read:
        return is_made(workspace, read) and newest_signed(read, signer.trusted) is not None


def begin(workspace: Workspace, signer: Signer, author: str | None = None, *, dev: bool = False) -> Start:
    """What the gateway starts with: what the files say if it is released, else the last release in the log.

    Raises `AilyusError` when there is neither. In a development workspace nobody needs to release what files say.
    """
    if dev and not workspace.settings.development:
        hint = "release what you change: `ailyus release --as PERSON`"
        raise AilyusError("bad_settings", "`--dev` is for workspaces with `development = true`", hint=hint)
    try:
        fresh = workspace.release(author, dev=dev)
        sources = sources_of(workspace.root)
    except AilyusError as error:
        return _last(workspace, signer, error)
    if workspace.settings.development:
        return Start(fresh, None, sources)
    signed, last = read_signed(workspace), last_released(workspace, signer)
    if signed is not None and signed.document.release == fresh.digest and not _is_old(signed, last):
        return Start(_by(fresh, signed.document.author), signed, sources)
    if last is not None and last.signed is not None and last.digest == fresh.digest:
        return Start(adopted(fresh, last), None, sources)
    why = AilyusError("not_released", "what the files say is not released")
    return _last(workspace, signer, why)


def _is_old(signed: SignedRelease, last: Released | None) -> bool:
    return last is not None and last.signed is not None and signed.document.at_ms <= last.signed.document.at_ms


def _by(release: Release, author: str) -> Release:
    if release.people.get(author) is None:
        raise AilyusError("unknown_person", f"`{author}` signed this release and is no declared person")
    return replace(release, author=author, governed=True)


def adopted(release: Release, last: Released) -> Release:
    """The same release, by who released it last."""
    return replace(release, author=last.author, governed=last.governed)


def _last(workspace: Workspace, signer: Signer, why: AilyusError) -> Start:
    """The last release, of the files that the log keeps of it."""
    last = last_released(workspace, signer)
    if last is None or (last.signed is None and not workspace.settings.development):
        if why.code == "not_released":
            raise AilyusError("no_author", "nobody has released this set of contracts and policies")
        raise why
    if last.engine != ENGINE:
        hint = f"correct the files and release them anew; the last release ran under {last.engine}, this is {ENGINE}"
        raise AilyusError(why.code, why.sentence, hint=hint, field=why.field)
    with reading(workspace) as read:
        kept = files(read, last, signer.trusted)
    release = adopted(_rebuilt(workspace, kept), last)
    if release.digest != last.digest:
        hint = f"correct what is said here and release it, or undo the change of {FILE} since the last release"
        sentence = f"{why.sentence}; and the last release does not fit the settings any more"
        raise AilyusError(why.code, sentence, hint=hint, field=why.field)
    what = f"release {last.digest[:12]}" + (f" by {last.author}" if last.author else "")
    said = str(why).replace("\n", "\n  ")
    return Start(
        release,
        None,
        kept,
        (f"NOT what the files say: the gateway serves the last release in its log, {what}", f"because: {said}"),
    )


@contextmanager
def _written(sources: Mapping[str, bytes]) -> Iterator[Path]:
    """The files of a release in a folder of their own."""
    with tempfile.TemporaryDirectory(prefix="ailyus-release-") as folder:
        root = Path(folder).resolve()
        for name in ("contracts", "policies"):
            (root / name).mkdir()
        for name, data in sources.items():
            path = (root / name).resolve()
            if not path.is_relative_to(root):
                raise AilyusError("store_corrupt", "a file of the last release has a path that leads elsewhere")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        yield root


def _rebuilt(workspace: Workspace, kept: Mapping[str, bytes]) -> Release:
    with _written(kept) as root:
        return workspace.release(files=root)


def run_tests_of(release: Release, sources: Mapping[str, bytes]) -> None:
    """The same, of the files that the log will keep of it."""
    with _written(sources) as root:
        run_release_tests(release, root)


@dataclass(frozen=True, slots=True)
class Accepted:
    """A release that may become the live one; `key` is its author's first, to be linked. `again`: it is so already."""

    again: bool
    key: Key | None = None


async def accept(journal: Journal, release: Release, signed: SignedRelease | None) -> Accepted:
    """Check that this release may become the live one. Raises `AilyusError`."""
    last = await journal.registry.newest()
    if not release.governed:
        # INVARIANT: outside development workspaces nothing decides that its author has not signed
        if not release.development:  # guard: somebody released it
            raise AilyusError("no_author", "nobody has released this set of contracts and policies")
        return Accepted(_is_same(release, last))
    if signed is None:
        if last is None or last.signed is None or not _is_same(release, last):  # guard: signed releases
            raise AilyusError("not_released", "nobody has signed this set of contracts and policies")
        return Accepted(True)
    if last is not None and last.signed == signed and _is_same(release, last):
        return Accepted(True)
    before = await journal.registry.newest_signed()
    _check_time(signed, before, journal.store.now_ms())
    key, is_first = await _key_of(journal, release, signed, before)
    check_signature(signed, release, key)
    await _check_right(journal, release, signed, before)
    return Accepted(False, key if is_first else None)


def _is_same(release: Release, last: Released | None) -> bool:
    return last is not None and (last.digest, last.author, last.governed) == (
        release.digest,
        release.author,
        release.governed,
    )


def _check_time(signed: SignedRelease, before: Released | None, now_ms: int) -> None:
    # INVARIANT: an older signature never brings an older set back
    at_ms = signed.document.at_ms
    # guard: older signatures
    if before is not None and before.signed is not None and at_ms <= before.signed.document.at_ms:
        raise AilyusError("not_released", "something newer was released since this was signed")
    if at_ms > now_ms + AHEAD_MS:
        hint = "correct the clock and sign again"
        raise AilyusError("not_released", "the release is signed in the future", hint=hint)


async def _key_of(
    journal: Journal, release: Release, signed: SignedRelease, before: Released | None
) -> tuple[Key, bool]:
    """The author's linked key; before anybody has signed a release, the first key of a person without one counts."""
    keys, author = await journal.registry.keys(), signed.document.author
    if signed.keyid in keys:
        return keys[signed.keyid], False
    has_one = any(k.person == author and k.kind != "passkey" and not k.revoked for k in keys.values())
    if before is not None or has_one or signed.assertion is not None:
        hint = "link it while the gateway runs: `ailyus approval enrol --as PERSON`"
        raise AilyusError("unlinked_key", f"the key that signed the release is not linked to `{author}`", hint=hint)
    public = bytes.fromhex(signed.public)
    return Key(signed.keyid, public, author, "development" if release.development else "file"), True


async def _check_right(journal: Journal, release: Release, signed: SignedRelease, before: Released | None) -> None:
    author = signed.document.author
    person = release.people.get(author)
    if person is None or release.author != author:
        raise AilyusError("unknown_person", f"`{author}` signed this release and is no declared person")
    check_author(author, await journal.roles.held(person), release.releasers)
    # INVARIANT: who may release is what is live already, not what is being released
    # guard: who may release is live already
    if before is not None and before.releasers is not None and author not in before.releasers:
        may = ", ".join(sorted(before.releasers)) or "nobody"
        sentence = f"`{author}` may not release: under the last release {may} may"
        raise AilyusError("no_authority", sentence, hint="one of them releases the change of people or roles first")


def releasers_of(release: Release) -> list[str]:
    """The people who may release what comes after this."""
    return sorted(p.name for p in release.people.by_name.values() if p.roles & release.releasers)


def now_ms() -> int:
    """The clock of who signs."""
    return time.time_ns() // 1_000_000
