"""A lock that is taken and given back in a thread, since a database answers over the network."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager


@asynccontextmanager
async def holding(lock: AbstractContextManager[None]) -> AsyncIterator[None]:
    """Hold a lock during the block. Raises what taking it raises; then it is not held."""
    taking = asyncio.ensure_future(asyncio.to_thread(lock.__enter__))
    try:
        await asyncio.shield(taking)
        yield
    finally:
        # INVARIANT: whoever is cancelled while the thread still takes the lock gives it back, else nobody would
        (fault,) = await asyncio.gather(taking, return_exceptions=True)
        if not isinstance(fault, BaseException):
            await asyncio.to_thread(lock.__exit__, None, None, None)
