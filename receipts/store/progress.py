"""How far a long piece of work is, told to whoever watches: an audit, a check, a copy, a backup.

The command line watches; a gateway does not. A watcher belongs to one context (PEP 567), so that the works of several
callers do not mix. It is no result and no proof: what is told may be left out, and nothing depends on it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

Watcher = Callable[[int, int], None]
"""Is told how much is done, of how much."""
_watcher: Final[ContextVar[Watcher | None]] = ContextVar("watcher", default=None)


def tell(done: int, total: int) -> None:
    """Say how much is done, of how much; nobody may be there to hear it."""
    if (watcher := _watcher.get()) is not None:
        watcher(done, total)


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Have a watcher told of what is done in this block."""
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)
