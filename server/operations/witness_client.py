"""The client of a witness: one request after the other until it cosigns, refuses, or cannot be asked."""

from collections.abc import Callable
from functools import partial
from typing import Final, Protocol, TypeVar

import httpx2

from receipts.log.add_checkpoint import AddCheckpoint
from receipts.log.checkpoint import Checkpoint
from receipts.log.cosignature import Cosigner
from receipts.store.row import Read
from receipts.witness.submission import NoAnswer, Reply, SeenSize, reply_of, submission

T = TypeVar("T")
MAX_ANSWER: Final = 64 * 1024
"""Bytes of an answer that are read: some lines of signatures."""
_ASKED: Final = 3
"""Requests of one round: the size that it has seen, and once more where another gateway was quicker."""


class Look(Protocol):
    """Reads one snapshot of the store, aside from the loop."""

    async def __call__(self, work: Callable[[Read], T], /) -> T:
        """What the work makes of it."""


async def ask(http: httpx2.AsyncClient, look: Look, url: str, cosigner: Cosigner, note: str, old: int) -> Reply:
    """Ask for a cosignature on a checkpoint; `old` is the size that the witness has seen as far as is known."""
    size = Checkpoint.of_note(note).size
    reply: Reply = SeenSize(min(old, size))
    for _ in range(_ASKED):
        if not isinstance(reply, SeenSize):
            break
        asked = await look(partial(submission, note=note, old=reply.size))
        reply = await _sent(http, url, asked, cosigner)
    return NoAnswer("it names another size each time") if isinstance(reply, SeenSize) else reply


async def _sent(http: httpx2.AsyncClient, url: str, asked: AddCheckpoint, cosigner: Cosigner) -> Reply:
    body = bytearray()
    try:
        async with http.stream("POST", f"{url.rstrip('/')}/add-checkpoint", content=asked.encoded()) as answer:
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > MAX_ANSWER:  # whoever answers without an end would fill the memory
                    return NoAnswer("its answer is too long")
    except httpx2.HTTPError:
        return NoAnswer("it was not reached")
    return reply_of(asked, cosigner, answer.status_code, body.decode("utf-8", "replace"))
