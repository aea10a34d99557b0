"""The log for everybody: `/log/checkpoint` and `/log/tile/…` as C2SP tlog-tiles has them, where the settings say so.

What is there are hashes, signatures and sizes. Who mirrors them sees how much is logged and when, and nothing else.
"""

from typing import Final

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from receipts.log.tile import Tile
from receipts.store.log_tables import note_over
from receipts.store.store import Store
from receipts.tables.log_tiles import tile_data

PREFIX: Final = "/log/"
_FRESH: Final = "public, max-age=2"
_FOR_EVER: Final = "public, max-age=31536000, immutable"


class LogEndpoint:
    """Stands before another application, and answers below its prefix. Anybody may read, also pages of others."""

    def __init__(self, store: Store, app: ASGIApp) -> None:
        self._store = store
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI 3."""
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        answer = await self._answer(scope["method"], scope["path"].removeprefix(PREFIX))
        await answer(scope, receive, send)

    async def _answer(self, method: str, path: str) -> Response:
        headers = {"x-content-type-options": "nosniff", "access-control-allow-origin": "*"}
        if method not in ("GET", "HEAD"):
            return Response("", 405, {"allow": "GET, HEAD"})
        if path == "checkpoint":
            # a witnessed one, so that who mirrors the log can tell that others see the same
            note = await self._store.read_aside(lambda read: note_over(read, 0))
            if note:
                return Response(note, 200, {**headers, "cache-control": _FRESH}, media_type="text/plain")
        tile = Tile.parse(path)
        data = await self._store.read_aside(lambda read: tile_data(read, tile)) if tile is not None else None
        if data is None:
            # what is not there yet may come: nobody is to remember that it was not
            return Response("there is no such part of the log\n", 404, {"cache-control": "no-store"})
        headers["cache-control"] = _FOR_EVER
        return Response(data, 200, headers, media_type="application/octet-stream")
