"""The tables of a store on PostgreSQL: made once, brought to the newest version while no replica uses them."""

from importlib.resources import files
from typing import Final

from contracts.errors import AilyusError
from receipts.store.connection import DatabaseSession
from receipts.store.replica_lock import alone, looking
from receipts.store.row import integer

VERSION: Final = 14


def version_of(session: DatabaseSession) -> int | None:
    """The version of the tables in a database, None when there are none."""
    if session.query("SELECT to_regclass('head') IS NOT NULL") != [(True,)]:
        return None
    return integer(session.query("SELECT version FROM head")[0][0])


def create(session: DatabaseSession) -> None:
    """Make the tables. Of several that begin at once one makes them."""
    schema = files("receipts.store").joinpath("postgres.sql").read_text()
    session.execute("BEGIN")
    session.query("SELECT pg_advisory_xact_lock(8422)")
    if version_of(session) is None:
        session.execute(schema, seconds=60.0)
    session.execute("COMMIT")


def prepare(session: DatabaseSession) -> None:
    """Make the tables where there are none. Raises `store_corrupt` where they are of another version."""
    version = version_of(session)
    if version is None:
        create(session)
    elif version != VERSION:
        hint = "end every replica, then `ailyus store migrate`" if version < VERSION else "use a newer ailyus"
        raise AilyusError("store_corrupt", f"the store has version {version}, not {VERSION}", hint=hint)


def migrate(url: str) -> tuple[int, int]:
    """Bring a database that no replica uses to the newest version: the versions before and after. Forward only.

    Where it has that version already, there is nothing to do, and replicas may go on: so an upgrade may always ask.
    """
    with looking(url) as session:
        if version_of(session) == VERSION:
            return VERSION, VERSION
    with alone(url) as session:
        version = version_of(session)
        if version is None:
            create(session)
            return VERSION, VERSION
        if version > VERSION:
            sentence = f"the store has version {version}, not {VERSION}"
            raise AilyusError("store_corrupt", sentence, hint="use a newer ailyus")
        for step in range(version + 1, VERSION + 1):
            change = files("receipts.store").joinpath("migrations", "postgres", f"{step}.sql").read_text()
            session.execute(f"BEGIN;{change};UPDATE head SET version = {step};COMMIT;", seconds=600.0)
        return version, VERSION
