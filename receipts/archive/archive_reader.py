"""Reading of archived actions: by the store's rows to the file, and in the file only what is as it was signed."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from contracts.errors import AilyusError
from receipts.archive.archive_file import ArchiveFile, open_archive
from receipts.store.row import Read, Row, Value
from receipts.store.store import Store
from receipts.tables.archives import ArchivePlace, find_place

T = TypeVar("T")


class ArchiveReader:
    """Reads the archives of a running gateway's store, which lie in one folder."""

    def __init__(self, store: Store, folder: Path) -> None:
        self._store = store
        self._folder = folder

    async def place(self, id_: str) -> ArchivePlace | None:
        """The archive of an action or a receipt; None where it is in none."""
        return await find_place(self._store, id_)

    async def read(self, place: ArchivePlace, work: Callable[[Read], T]) -> T:
        """Reading of one archived action. Raises `archived` where its file is not in the folder."""
        keys, origin = self._store.keys.public, self._store.origin

        opens = self._store.data_keys

        def run(kept: Read) -> T:
            with action_archive(self._folder / place.name, place, origin, keys) as file:
                return work(file.read if opens is None else file.opened(opens, kept).read)

        return await self._store.read_sealed(run)


@contextmanager
def action_archive(path: Path, place: ArchivePlace, origin: str, keys: Mapping[str, bytes]) -> Iterator[ArchiveFile]:
    """The archive of one action, in which that is whole. Raises `archived` where there is no such file."""
    if not path.is_file():
        sentence = f"`{place.action_id}` is in the archive `{place.name}`, which is not in `{path.parent.name}`"
        raise AilyusError("archived", sentence)
    with open_archive(path, origin, keys) as file:
        if file.manifest.digest != place.digest:
            raise AilyusError("store_corrupt", f"`{place.name}` is another archive than the store names")
        file.require_action(place.action_id)
        yield file


def both(archive: Read, store: Read) -> Read:
    """The rows of an archive, then those of the store that it came from: no row is in both."""

    def read(sql: str, *values: Value) -> list[Row]:
        return [*archive(sql, *values), *store(sql, *values)]

    return read
