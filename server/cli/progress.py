"""What is worked on and how far it is, on a terminal only, for whatever takes longer than a second."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from server.cli.output import is_silent

Step = Callable[[int, int], None]
"""Say how much is done, of how much."""
_PATIENCE: Final = 1.0
"""Seconds after which somebody wants to see that something happens."""


def _ignored(done: int, total: int) -> None:
    """Nobody looks."""


@contextmanager
def working(what: str) -> Iterator[Step]:
    """Draw a bar on standard error until the end of the block, if that is a terminal and takes more than a second."""
    if is_silent() or not sys.stderr.isatty():
        yield _ignored
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from contracts.text.visible_text import visible
    from receipts.store.progress import watched

    # `markup=False`: what is worked on may be named by a file or a record
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task(visible(what), total=None)

    def step(done: int, total: int) -> None:
        bar.update(task, completed=done, total=total)

    soon = threading.Timer(_PATIENCE, bar.start)
    soon.daemon = True
    soon.start()
    try:
        # what works below the command says how far it is by itself
        with watched(step):
            yield step
    finally:
        soon.cancel()
        soon.join()  # one that starts the bar just now has started it, and it is stopped
        bar.stop()
