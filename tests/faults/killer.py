"""`ailyus serve` that ends at one named point: `AILYUS_KILL=point[:nth][:stop|:cut=PORT]`. Only tests start it.

It is killed, is frozen (`stop`), or loses its way to the database (`cut`: by word to whoever holds that way).
"""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Any

POINTS = (
    "during_request",  # the call has come in, nothing is known of it yet
    "before_intent",  # decided, nothing is committed
    "before_commit",  # in the writer thread, before COMMIT
    "after_commit",  # in the writer thread, after COMMIT, before anybody is answered
    "after_intent",  # the intent is durable, nothing was sent
    "between_check_and_write",  # after the last check, before the first byte
    "during_send",  # the request is on the wire
    "after_send",  # the answer came, nothing was read back
    "before_outcome",  # read back, nothing is committed
    "after_outcome",  # the outcome is durable, nobody was answered
    "before_undo",  # about to take back
    "during_undo",  # the undo's intent is durable
)


def _by(number: signal.Signals) -> Callable[[str], Callable[[], None]]:
    return lambda how: lambda: os.kill(os.getpid(), number)


def _cut(how: str) -> Callable[[], None]:
    def cut() -> None:
        with socket.create_connection(("127.0.0.1", int(how.partition("=")[2]))) as control:
            control.recv(1)

    return cut


ENDS = {"": _by(signal.SIGKILL), "stop": _by(signal.SIGSTOP), "cut": _cut}


def main() -> None:
    point, _, rest = os.environ.get("AILYUS_KILL", "").partition(":")
    nth, _, how = rest.partition(":")
    if point:
        arm(point, int(nth or 1), ENDS[how.partition("=")[0]](how))
    from server.cli.main import main as ailyus

    ailyus()


def arm(point: str, nth: int, end: Callable[[], None]) -> None:
    """Wrap our own functions so that the process ends itself at the point."""
    from adapters.http.adapter import HttpAdapter
    from receipts.journal.journal import Journal
    from receipts.store.postgres import PostgresStore
    from receipts.store.sqlite import SqliteStore
    from server.actions.runner import ActionRunner
    from server.execution.undo import Compensation

    left = [nth]
    quiet = [True]

    def hit(here: str) -> None:
        if here == point and not quiet[0]:
            left[0] -= 1
            if left[0] == 0:
                sys.stderr.write(f"killed at {here}\n")
                sys.stderr.flush()
                end()

    def around(
        cls: type,
        inner: Callable[..., Awaitable[Any]],
        before: str = "",
        after: str = "",
        only: Callable[..., bool] | None = None,
    ) -> None:
        async def wrapper(self: Any, *args: Any, **named: Any) -> Any:
            counts = only is None or only(*args)
            if before and counts:
                hit(before)
            result = await inner(self, *args, **named)
            if after and counts:
                hit(after)
            return result

        setattr(cls, inner.__name__, wrapper)

    around(ActionRunner, ActionRunner.call, "during_request", only=lambda call, *_: waking(quiet))
    undoing: set[str] = set()

    def intending(intention: Any, *_: Any) -> bool:
        if intention.action.undoes:
            undoing.add(intention.action.id)
        return waking(quiet)

    around(Journal, Journal.intend, "before_intent", "after_intent", only=intending)
    around(Journal, Journal.commit, "before_outcome", "after_outcome")
    around(HttpAdapter, HttpAdapter.execute, after="after_send")
    around(Compensation, Compensation.take_back, "before_undo")

    enter = Journal.enter

    def entered(self: Journal, dispatch: Any) -> str | None:
        refusal = enter(self, dispatch)
        if refusal is None:
            hit("between_check_and_write")
            if dispatch.action_id in undoing:
                hit("during_undo")
        return refusal

    Journal.enter = entered  # type: ignore[method-assign]
    send = HttpAdapter._send

    async def sent(self: HttpAdapter, http: Any, headers: Any, body: Any) -> Any:
        if http.method != "GET" and point == "during_send":
            asyncio.get_running_loop().call_later(0.002, hit, "during_send")
        return await send(self, http, headers, body)

    HttpAdapter._send = sent  # type: ignore[method-assign]
    for store in (SqliteStore, PostgresStore):

        def committed(self: Any, commit: Callable[[Any], None] = store._durably_commit) -> None:
            hit("before_commit")
            commit(self)
            hit("after_commit")

        store._durably_commit = committed  # type: ignore[method-assign]


def waking(quiet: list[bool]) -> bool:
    """What the gateway does before anybody calls it, or before it sends again, is not what the points are about."""
    quiet[0] = False
    return True
