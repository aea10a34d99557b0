"""The names of all inputs that actions ever had: a search needs them, since a pseudonym is made of name and value.

One pass over 500,000 actions takes seconds, so what was found up to an action is kept as an entry of `meta`; whoever
asks reads the newer actions. Nothing is missed: an action is passed over only once it is `SETTLED_MS` old, and no
replica makes an id that is older than that.
"""

from typing import Final

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from receipts.store.row import Read, blob, integer
from receipts.store.store import Store

PAGE: Final = 5_000
"""Actions that are read at once."""
SETTLED_MS: Final = 3_600_000
"""How old an action is before it is passed over: clocks of replicas differ by less."""
KEEP_SECONDS: Final = 60.0
"""How often a gateway keeps what was found."""
_KEY: Final = "input_names"
_SET: Final = "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
_EVER: Final = 2**62


class InputNames(BaseModel):
    """The names in all actions up to the id `through`; '' before the first."""

    model_config = ConfigDict(extra="ignore", frozen=True)  # a newer gateway may keep more

    names: frozenset[str] = frozenset()
    through: str = ""

    def with_more(self, read: Read, before_ms: int = _EVER) -> tuple["InputNames", bool]:
        """The same with those of the next actions, made before that time; are there further ones?"""
        names, through = set(self.names), self.through
        sql = "SELECT id, request, created_ms FROM actions WHERE id > ? ORDER BY id LIMIT ?"
        rows = read(sql, self.through, PAGE)
        for action, request, created_ms in rows:
            if integer(created_ms) >= before_ms:
                return InputNames(names=frozenset(names), through=through), False
            names |= orjson.loads(blob(request))["params"].keys()
            through = str(action)
        return InputNames(names=frozenset(names), through=through), len(rows) == PAGE


def input_names(read: Read) -> frozenset[str]:
    """All of them, now."""
    found, is_more = _kept(read).with_more(read)
    while is_more:
        found, is_more = found.with_more(read)
    return found.names


async def keep_input_names(store: Store) -> None:
    """Read the actions since the last time, a page at a time, and keep which inputs they have."""
    kept = found = await store.read_aside(_kept)
    before_ms, is_more = store.now_ms() - SETTLED_MS, True
    while is_more:
        found, is_more = await _next(store, found, before_ms)
    if found != kept:
        text = found.model_dump_json()
        await store.write(lambda txn: txn.write(_SET, _KEY, text, rows=None))


async def _next(store: Store, found: InputNames, before_ms: int) -> tuple[InputNames, bool]:
    return await store.read_aside(lambda read: found.with_more(read, before_ms))


def _kept(read: Read) -> InputNames:
    """What is kept; an entry that cannot be read says nothing, and everything is read again."""
    rows = read("SELECT value FROM meta WHERE key = ?", _KEY)
    try:
        return InputNames.model_validate_json(str(rows[0][0])) if rows else InputNames()
    except ValidationError:
        return InputNames()
