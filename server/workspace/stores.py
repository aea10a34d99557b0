"""Which store a workspace has: a file of its own, or a database that several replicas share."""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from contracts.errors import AilyusError

if TYPE_CHECKING:  # asyncpg is an extra, and nothing here is needed for a command's first line
    from pathlib import Path

    from receipts.journal.journal import Journal
    from receipts.log.head import Head
    from receipts.log.signing import Signer
    from receipts.log.signing_key import SigningKey
    from receipts.store.data_keys import DataKeys
    from receipts.store.postgres_acceptance import PostgresAcceptance
    from receipts.store.row import Read
    from receipts.store.sqlite_acceptance import SqliteAcceptance
    from receipts.store.store import Store
    from server.workspace.workspace import Workspace


def open_store(workspace: "Workspace", signer: "Signer") -> "Store":
    """Open it for writing. Raises `AilyusError`."""
    from receipts.store.sqlite import SqliteStore

    origin = workspace.settings.origin
    if not workspace.settings.has_database:
        return _with_keys(SqliteStore(workspace.store, signer, origin), workspace)
    url = database_url(workspace)  # before the import, which fails without the extra and cannot say so
    from receipts.store.database_url import DatabaseUrl
    from receipts.store.postgres import PostgresStore

    store = PostgresStore(DatabaseUrl(url, lambda: database_url(workspace)), workspace.store, signer, origin)
    return _with_keys(store, workspace)


@asynccontextmanager
async def opened_journal(workspace: "Workspace", *, make_key: bool = False) -> "AsyncIterator[Journal]":
    """The journal of a store that is there, for a command that writes to it itself. Raises `AilyusError`.

    Of a file while no gateway runs, of a database as one of its replicas. `make_key`: make the log's key if there is
    none.
    """
    from receipts.journal.journal import Journal
    from receipts.log.signing import Signer
    from server.workspace.log_key import open_log_key

    if not workspace.settings.has_database and not workspace.store.exists():
        raise AilyusError("not_found", "there is no store yet", hint="start the gateway with `ailyus serve`")
    signer = Signer(await asyncio.to_thread(open_log_key, workspace, make=make_key))
    store = await asyncio.to_thread(open_store, workspace, signer)
    try:
        journal = Journal(store, signer, sealing_key(workspace))
        await journal.load()
        yield journal
    finally:
        await store.aclose()


def _with_keys(store: "Store", workspace: "Workspace") -> "Store":
    """Let it look for the key that signs the log where the settings say, once another replica has rotated it."""
    from server.workspace.log_key import held_log_keys

    def held() -> "tuple[SigningKey, ...]":
        try:
            return held_log_keys(workspace)
        except AilyusError:
            return ()  # its source may be there again the next time

    store.successors = held
    return store


def migrate_store(workspace: "Workspace") -> tuple[int, int]:
    """The versions before and after. Raises `AilyusError`."""
    if not workspace.settings.has_database:
        from receipts.store.sqlite_schema import migrate

        if not workspace.store.exists():
            raise AilyusError("not_found", "there is no store yet", hint="start the gateway with `ailyus serve`")
        return migrate(workspace.store)
    url = database_url(workspace)
    from receipts.store.postgres_schema import migrate as migrate_database

    return migrate_database(url)


def open_acceptance(workspace: "Workspace", signer: "Signer") -> "SqliteAcceptance | PostgresAcceptance":
    """Open it for whoever accepts what was lost, although no gateway may start on it. Raises `AilyusError`."""
    origin = workspace.settings.origin
    if not workspace.settings.has_database:
        from receipts.store.sqlite_acceptance import SqliteAcceptance

        return SqliteAcceptance(workspace.store, signer, origin)
    url = database_url(workspace)
    from receipts.store.postgres_acceptance import PostgresAcceptance

    return PostgresAcceptance(url, workspace.store, signer, origin)


async def accept_clock(workspace: "Workspace", person: str, reason: str) -> tuple[int, int]:
    """Take the store's time back to the clock's, while no gateway uses it. Raises `AilyusError`."""
    from receipts.journal.clock import accept_clock as accept
    from receipts.journal.journal import Journal
    from receipts.log.signing import Signer
    from server.workspace.log_key import open_log_key

    await require_alone(workspace)
    signer = Signer(open_log_key(workspace))
    store = await asyncio.to_thread(open_store, workspace, signer)
    try:
        return await accept(Journal(store, signer, sealing_key(workspace)), person, reason)
    finally:
        await store.aclose()


async def require_alone(workspace: "Workspace") -> None:
    """Raise unless there is a store, and no gateway has the database; a file is locked when it is opened."""
    if workspace.settings.has_database:
        from receipts.store.replica_lock import alone

        def look() -> None:
            with alone(database_url(workspace)):
                pass

        await asyncio.to_thread(look)
    elif not workspace.store.exists():
        raise AilyusError("not_found", "there is no store yet", hint="start the gateway with `ailyus serve`")


@contextmanager
def reading(workspace: "Workspace") -> "Iterator[Read]":
    """One snapshot of it, while the gateway writes; what is sealed in it is opened. Raises `AilyusError`."""
    from receipts.store.data_keys import opening

    with reading_sealed(workspace) as read:
        yield opening(read, data_keys(workspace, read))


def data_keys(workspace: "Workspace", read: "Read") -> "DataKeys":
    """What opens the values that are sealed in a store; without the key of `[store] secrets` they stay sealed."""
    from receipts.journal.secret_vault import DATA_KEYS, MARK, derived_key, mark_of
    from receipts.store.data_keys import DataKeys

    def master() -> bytes | None:
        held = held_sealing_keys(workspace)
        if not isinstance(held, tuple):
            held = (held.read_bytes(),) if held.exists() else ()
        rows = read(MARK) if is_made(workspace, read) else []
        found = [key for key in held if not rows or mark_of(key) == rows[0][0]]
        return derived_key(found[0], DATA_KEYS) if found else None

    return DataKeys(master)


@contextmanager
def reading_sealed(workspace: "Workspace") -> "Iterator[Read]":
    """The same, of rows as they are kept."""
    if not workspace.settings.has_database:
        from receipts.store.sqlite_file import snapshot

        if not workspace.store.exists():
            raise AilyusError("not_found", "there is no store yet", hint="start the gateway with `ailyus serve`")
        with snapshot(workspace.store) as read:
            yield read
        return
    url = database_url(workspace)
    from receipts.store.postgres_readers import snapshot as snapshot_of

    with snapshot_of(url) as read:
        yield read


def remembered_head(workspace: "Workspace") -> "Head | None":
    """What the head file of a workspace remembers. Read it before the store, which may only have grown since."""
    from receipts.log.head import remembered

    suffix = ".db.head" if not workspace.settings.has_database else ".head"
    return remembered(workspace.store.with_suffix(suffix))


def database_url(workspace: "Workspace") -> str:
    """The URL of the settings' database. Raises `bad_settings` without the extra."""
    try:
        import asyncpg  # noqa: F401  # is it there?
    except ImportError:
        hint = "install the extra: `uv tool install '.[postgres]'`"
        raise AilyusError("bad_settings", "a store on PostgreSQL needs asyncpg", hint=hint) from None
    from server.workspace.credentials import credentials_of

    part = workspace.settings.store
    return credentials_of(workspace).read((part and part.url) or "none") or ""


def sealing_key(workspace: "Workspace") -> "Path | bytes":
    """The key that seals secrets: the file that is to hold it, or the key itself. Raises `AilyusError`."""
    held = held_sealing_keys(workspace)
    if isinstance(held, tuple):
        return held[0] if len(held) == 1 else _marked(workspace, held)
    return held


def held_sealing_keys(workspace: "Workspace") -> "Path | tuple[bytes, ...]":
    """Every key where `[store] secrets` is read from: one, or two while one is rotated; a file that is not there yet.

    Raises `AilyusError`.
    """
    from adapters.credentials.reference import CredentialReference
    from server.workspace.credentials import credentials_of
    from server.workspace.settings.store import StorePart

    text = (workspace.settings.store or StorePart()).secrets
    reference = CredentialReference.parse(text)
    if reference.kind == "file":
        from receipts.journal.secret_vault import KEY_BYTES

        path = workspace.root / reference.name
        data = path.read_bytes() if path.exists() else b""
        # one that is damaged is told by whoever opens it
        return (data[:KEY_BYTES], data[KEY_BYTES:]) if len(data) == 2 * KEY_BYTES else path
    try:
        texts = credentials_of(workspace).material(text).split() or [b""]
        return tuple(base64.b64decode(one, validate=True) for one in texts)
    except ValueError:
        hint = "make one: `openssl rand -base64 32`"
        raise AilyusError("bad_settings", f"the key at `{text}` is no Base64", hint=hint) from None


def sealing_file(workspace: "Workspace") -> "Path | None":
    """The file of the key that seals secrets; None where its source is another one."""
    from adapters.credentials.reference import CredentialReference
    from server.workspace.settings.store import StorePart

    reference = CredentialReference.parse((workspace.settings.store or StorePart()).secrets)
    return workspace.root / reference.name if reference.kind == "file" else None


def _marked(workspace: "Workspace", held: tuple[bytes, ...]) -> bytes:
    """Of several keys the one that the store is sealed with; the first where it does not say."""
    from receipts.journal.secret_vault import MARK, mark_of

    def look() -> str:
        if not workspace.settings.has_database and not workspace.store.exists():
            return ""
        with reading_sealed(workspace) as read:
            rows = read(MARK) if is_made(workspace, read) else []
            return str(rows[0][0]) if rows else ""

    with ThreadPoolExecutor(1) as pool:  # a database is read by a loop of its own
        mark = pool.submit(look).result()
    return next((key for key in held if mark_of(key) == mark), held[0])


def is_made(workspace: "Workspace", read: "Read") -> bool:
    """Are there tables? The first gateway makes those of a database."""
    from receipts.store.health import has_table

    return not workspace.settings.has_database or has_table(read, "search")
