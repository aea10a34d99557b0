"""`ailyus serve` that is killed at one named point around the refresh of a token: `AILYUS_KILL=point`."""

import asyncio
import os
import signal
import sys
from typing import Any

POINTS = (
    "before_claim",  # the refresh is due, and nobody has it
    "after_claim",  # it is this replica's turn, nothing was asked
    "during_refresh",  # the question is on the wire
    "after_answer",  # the new tokens are here, and nowhere else
    "before_keep",  # in the writer thread, before the COMMIT that keeps them
    "after_commit",  # in the writer thread, after that COMMIT, before anybody is told
    "after_keep",  # they are kept, and nobody has used them
)
MAY_LOSE = ("during_refresh", "after_answer", "before_keep")
"""Where the only copy of the new tokens dies: a server without a grace interval takes the former one no more."""


def main() -> None:
    if point := os.environ.get("AILYUS_KILL", ""):
        arm(point)
    from server.cli.main import main as ailyus

    ailyus()


def arm(point: str) -> None:
    """Wrap our own functions so that the process kills itself at the point."""
    from adapters.oauth.authorization_servers import AuthorizationServers
    from receipts.store.postgres import PostgresStore
    from receipts.store.sqlite import SqliteStore
    from receipts.tables import grants
    from server.operations.connections.token_refresh import TokenRefresh

    def hit(here: str) -> None:
        if here == point:
            sys.stderr.write(f"killed at {here}\n")
            sys.stderr.flush()
            os.kill(os.getpid(), signal.SIGKILL)

    claim, refresh, keep = TokenRefresh._is_claimed, AuthorizationServers.refresh, TokenRefresh._keep
    replace = grants.replace_tokens
    holds = [False]

    async def claimed(self: TokenRefresh, *args: Any) -> bool:
        hit("before_claim")
        is_claimed = await claim(self, *args)
        if is_claimed:
            hit("after_claim")
        return is_claimed

    async def refreshed(self: AuthorizationServers, *args: Any) -> Any:
        if point == "during_refresh":
            asyncio.get_running_loop().call_later(0.005, hit, point)
        answer = await refresh(self, *args)
        hit("after_answer")
        return answer

    async def kept(self: TokenRefresh, *args: Any) -> None:
        await keep(self, *args)
        hit("after_keep")

    def replaced(*args: Any) -> None:
        replace(*args)
        holds[0] = True

    TokenRefresh._is_claimed = claimed  # type: ignore[method-assign]
    AuthorizationServers.refresh = refreshed  # type: ignore[method-assign]
    TokenRefresh._keep = kept  # type: ignore[method-assign]
    grants.replace_tokens = replaced
    for store in (SqliteStore, PostgresStore):

        def committed(self: Any, commit: Any = store._durably_commit) -> None:
            is_of_tokens, holds[0] = holds[0], False
            if is_of_tokens:
                hit("before_keep")
            commit(self)
            if is_of_tokens:
                hit("after_commit")

        store._durably_commit = committed  # type: ignore[method-assign]
