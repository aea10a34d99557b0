"""The standby of a database: whether a commit waits for it."""

from typing import Final

from contracts.errors import AilyusError
from receipts.store.row import Read

# who takes a backup streams too, and is promoted by nobody
_UNWITNESSED: Final = (
    "SELECT current_setting('synchronous_standby_names') = '' AND EXISTS (SELECT 1 FROM pg_stat_replication"
    " WHERE application_name NOT IN ('pg_basebackup', 'pg_receivewal'))"
)


def is_unwitnessed(read: Read) -> bool:
    """Does a standby stream from the database, and no commit waits for it? Its promotion would lose what was said."""
    return read(_UNWITNESSED) == [(True,)]


def refuse_unwitnessed(read: Read) -> None:
    """Raise `bad_settings` where a promoted standby could lack what was acknowledged."""
    # INVARIANT 10: where a standby may be promoted, what was acknowledged is there
    if is_unwitnessed(read):
        hint = "set `synchronous_standby_names` on the server"
        raise AilyusError("bad_settings", "a standby streams from the database, and no commit waits for it", hint=hint)
