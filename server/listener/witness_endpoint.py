"""The witness over HTTP: `POST /add-checkpoint` and nothing else (https://c2sp.org/tlog-witness).

It needs no token: a checkpoint that its log did not sign changes nothing, and an answer holds nothing private. TLS,
where it is wanted, is a proxy's in front of it.
"""

import asyncio
import sqlite3
from typing import Final

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from receipts.log.add_checkpoint import MAX_REQUEST
from receipts.witness.witness import Witness

_BODY_SECONDS: Final = 10.0
log = structlog.get_logger()


def application(witness: Witness) -> Starlette:
    """The application of one witness (ASGI)."""

    async def add_checkpoint(request: Request) -> Response:
        data = bytearray()
        try:
            # over the whole body: who sends a byte a second would never be late
            async with asyncio.timeout(_BODY_SECONDS):
                async for chunk in request.stream():
                    data += chunk
                    if len(data) > MAX_REQUEST:
                        return Response(f"a request has at most {MAX_REQUEST} bytes\n", 413)
        except TimeoutError:
            return Response(f"the body did not come within {_BODY_SECONDS:g} s\n", 408)
        try:
            answer = await asyncio.to_thread(witness.answer, bytes(data))
        except sqlite3.Error as error:  # what cannot be kept is not cosigned
            log.error("witness_store", reason=type(error).__name__)
            return Response("the witness cannot write its store\n", 503)
        log.info("add_checkpoint", code=str(int(answer.status)))
        # as a header: Starlette would put a charset behind a media type that begins with `text/`
        headers = {"content-type": answer.media_type, "cache-control": "no-store"}
        return Response(answer.body, answer.status, headers)

    return Starlette(routes=[Route("/add-checkpoint", add_checkpoint, methods=["POST"])])
