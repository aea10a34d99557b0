"""The retention of a store: closed actions go to a file, and then leave the store, beside a running gateway.

In this order, so that whoever is killed in between loses nothing, and whoever comes again goes on:

1. The file is written under another name, read again whole, made durable, and given its name.
2. An `archive` statement with its digest is logged. A file that stands there without one is taken up.
3. The rows leave the store, some in each commit, each group only if it is still what the file holds.
4. The archive is done. One that is not is finished before another one is begun.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Final, Protocol, TypeVar

from contracts.canonical import new_id
from contracts.errors import AilyusError
from receipts.archive.action_group import ActionGroup, read_groups
from receipts.archive.archive_file import ArchiveWriter, open_archive
from receipts.archive.manifest import Manifest
from receipts.journal.journal import Journal
from receipts.retention.removal import RemovalCount, remove
from receipts.retention.selection import COUNTED_MS, RetentionLine, closed_roots, hold_of
from receipts.retention.soundness import is_sound
from receipts.retention.threaded_lock import holding
from receipts.statement.archive_leaves import LABEL, LeafRanges
from receipts.statement.gateway_facts import ArchiveFacts
from receipts.store.backup import new_file
from receipts.store.data_keys import opening
from receipts.store.row import Read, integer
from receipts.store.transaction import Txn
from receipts.tables import archives
from receipts.tables.archives import Archive

T = TypeVar("T")
SEARCH: Final = "archive"
"""The search value of every statement of an archive."""
_SECONDS: Final = 0.02
"""What one commit of a removal is to take; the next takes more groups or fewer by it."""
_MOST: Final = 64


@dataclass(frozen=True, slots=True)
class RetentionSummary:
    """What became of it: the archive, what left the store, and how many closed actions stay, by what holds them."""

    archive: Archive | None
    removed: RemovalCount
    held: Mapping[str, int] = field(default_factory=dict)
    finished: tuple[str, ...] = ()


class Retention:
    """Archives the closed actions of one store. Only one runs at a time, whichever replica or process it is in."""

    def __init__(self, journal: Journal, folders: tuple[Path, ...] = ()) -> None:
        self._journal = journal
        self._store = journal.store
        self._folders = folders

    async def archive(self, out: Path, before_ms: int) -> RetentionSummary:
        """Archive what is older than a time into a new file. Raises `AilyusError`; then no row has left.

        An archive that was broken off is finished first, from its file beside `out` or in one of the folders.
        """
        async with holding(self._store.archiving()):
            return await self._archive(out, before_ms)

    async def _archive(self, out: Path, before_ms: int) -> RetentionSummary:
        if before_ms > self._store.now_ms() - COUNTED_MS:  # guard: what rates count is not archived
            hint = "policies count what was sent within a day, which may have 25 hours: say `--before 2d` or more"
            raise AilyusError("bad_settings", "only what closed 26 hours ago, or earlier, is archived", hint=hint)
        finished, removed = [], RemovalCount()
        for known in await self._store.read_aside(archives.archives):
            if known.is_done:
                continue
            removed = removed.plus(await self._finish(self._path_of(known, out), known))
            finished.append(known.name)
        if out.name in finished:
            return RetentionSummary(None, removed, finished=tuple(finished))
        held: Counter[str] = Counter()
        if not await asyncio.to_thread(out.exists):
            loop = asyncio.get_running_loop()

            def ask(work: Callable[[Read], T]) -> T:
                return asyncio.run_coroutine_threadsafe(self._store.read_sealed(work), loop).result()

            if not await asyncio.to_thread(self._write, out, before_ms, ask, held):
                return RetentionSummary(None, removed, held, tuple(finished))
        archive = await self._log(out)
        removed = removed.plus(await self._finish(out, archive))
        return RetentionSummary(archive, removed, held, tuple(finished))

    # -- the file ---------------------------------------------------------------------------------------------------

    def _write(self, out: Path, before_ms: int, ask: "Asker", held: "Counter[str]") -> bool:
        """Write the file, read it again and give it its name; False where there is nothing to archive."""
        line = ask(lambda read: RetentionLine.read(read, before_ms, self._store.now_ms()))
        pages = _pages(ask, partial(self._page, line=line, held=held))
        first = next(pages, None)
        if first is None:
            return False
        with new_file(out) as fresh:
            writer = ArchiveWriter(fresh)
            actions, leaves = 0, list[int]()
            try:
                for groups in chain((first,), pages):
                    writer.add(groups)
                    actions += sum(len(group.ids) for group in groups)
                    leaves += [leaf for group in groups for leaf in group.leaves]
                manifest = Manifest(
                    digest=writer.digest(),
                    before_ms=line.before_ms,
                    made_ms=line.now_ms,
                    actions=actions,
                    statements=len(leaves),
                    first_leaf=min(leaves),
                    last_leaf=max(leaves),
                )
                writer.sign(manifest.note(self._store.signer, self._store.origin))
            finally:
                writer.close()
            # INVARIANT 10: nothing leaves the store for a file that was not read again
            self._require_whole(fresh)
        return True

    def _page(self, read: Read, after: str, line: RetentionLine, held: "Counter[str]") -> "_Page":
        """The groups of one page that may go, and the last action that was looked at."""
        roots = closed_roots(read, line, after)
        keys, tenants = self._store.keys, self._journal.registry.tenant_keys
        # what goes into the file stays sealed: whoever erases it later need not have the file
        going, plain = [], opening(read, self._journal.data_keys)
        for group in read_groups(read, roots):
            opened = group.opened(self._journal.data_keys, read)
            hold = hold_of(group, line) or ("" if is_sound(plain, opened, keys, tenants) else "unsound")
            if hold:
                held[hold] += len(group.ids)
            else:
                going.append(group)
        return _Page(going, roots[-1] if roots else "")

    def _require_whole(self, path: Path) -> None:
        with open_archive(path, self._store.origin, self._store.keys.public) as file:
            for fault in file.faults():  # guard: an archive is read again
                raise AilyusError("store_corrupt", fault, hint="look at the disk, and say it again")

    def _path_of(self, known: Archive, out: Path) -> Path:
        places = [folder / known.name for folder in (out.parent, *self._folders)]
        found = next((path for path in places if path.is_file()), None)
        if found is None:
            sentence = f"the archive `{known.name}` was broken off, and is in none of the folders"
            raise AilyusError("archived", sentence, hint=f"put it into `{places[-1].parent}`, and say this again")
        return found

    # -- the log, and the rows --------------------------------------------------------------------------------------

    async def _log(self, out: Path) -> Archive:
        """Log what the file holds, unless the log says so already. Raises where it is an archive that is done."""
        manifest, leaves = await asyncio.to_thread(self._read_leaves, out)
        known = await self._store.read_aside(lambda read: archives.find(read, manifest.digest))
        if known is not None:
            raise AilyusError("bad_settings", f"`{out}` exists already", hint="name a file that is not there yet")
        facts = ArchiveFacts(
            event="written",
            archive=manifest.digest,
            name=out.name,
            before_ms=manifest.before_ms,
            actions=manifest.actions,
            statements=manifest.statements,
            first_leaf=manifest.first_leaf,
            last_leaf=manifest.last_leaf,
        )
        at_ms = self._store.now_ms()
        sealed = self._journal.notary.sign_gateway_statement(
            facts, new_id("rcp"), "", {out.name: manifest.digest}, at_ms, {LABEL: leaves.encoded()}, (SEARCH,)
        )
        archive = Archive(
            manifest.digest, out.name, sealed.index.id, manifest.actions, manifest.statements, at_ms, False
        )

        def work(txn: Txn) -> None:
            archives.add(txn, archive)
            sealed.insert(txn)

        await self._store.write(work)
        return archive

    def _read_leaves(self, path: Path) -> tuple[Manifest, LeafRanges]:
        self._require_whole(path)
        with open_archive(path, self._store.origin, self._store.keys.public) as file:
            rows = file.read("SELECT leaf_index FROM statements")
            return file.manifest, LeafRanges.of(integer(leaf) for (leaf,) in rows)

    async def _finish(self, path: Path, archive: Archive) -> RemovalCount:
        """Take what the file holds out of the store."""
        groups = await asyncio.to_thread(self._groups, path, archive)
        done, most = RemovalCount(), 4
        while groups:
            part, groups = dict(groups[:most]), groups[most:]
            took, count = await self._store.write(partial(self._timed, archive=archive.digest, part=part))
            done = done.plus(count)
            most = max(1, min(_MOST, most * 2 if took < _SECONDS / 2 else most // 2 if took > _SECONDS else most))
            await asyncio.sleep(took)  # the writer is for whoever acts, half of the time at least
        await self._store.write(lambda txn: archives.finish(txn, archive.digest))
        return done

    def _timed(self, txn: Txn, archive: str, part: Mapping[str, str]) -> tuple[float, RemovalCount]:
        begun = time.perf_counter()
        count = remove(txn, archive, part, lambda tenant, who: self._journal.notary.pseudonym(tenant, "person", who))
        return time.perf_counter() - begun, count

    def _groups(self, path: Path, archive: Archive) -> list[tuple[str, str]]:
        with open_archive(path, self._store.origin, self._store.keys.public) as file:
            if file.manifest.digest != archive.digest:  # guard: the file that the log names
                sentence = f"`{path}` is another archive than the log names"
                raise AilyusError("store_corrupt", sentence, hint="take the file from where it was backed up")
            for fault in file.faults():
                raise AilyusError("store_corrupt", fault, hint="take the file from where it was backed up")
            return list(file.groups())


@dataclass(frozen=True, slots=True)
class _Page:
    groups: list[ActionGroup]
    last: str


class Asker(Protocol):
    """Reads one snapshot of the store, from another thread than the loop's."""

    def __call__(self, work: Callable[[Read], T]) -> T:
        """What the work gives."""


class _Pager(Protocol):
    def __call__(self, read: Read, after: str) -> _Page: ...


def _pages(ask: Asker, page: _Pager) -> Iterator[list[ActionGroup]]:
    """The groups that go, a snapshot for each page of them: none is held for long."""
    last = ""
    while (found := ask(partial(page, after=last))).last:
        if found.groups:
            yield found.groups
        last = found.last
