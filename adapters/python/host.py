"""The host of an adapter in Python: one process that answers calls, until it says what we do not understand."""

import asyncio
import contextlib
import itertools
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import orjson
from pydantic import JsonValue

from adapters.child_process import process
from contracts.errors import AilyusError

START_SECONDS: Final = 20.0
_LAST_ANSWER_SECONDS: Final = 60.0
_ENDS: Final = ("answer", "not_sent", "refused", "failed")
"""How a call may end by what the process says; that it is `lost` only we can say."""
_MODULE: Final = ("-I", "-m", "adapters.python.worker")  # -I: nothing of the folder that it runs in is code


@dataclass(frozen=True, slots=True)
class Call:
    """What an adapter is asked: `deadline` in seconds of the monotonic clock."""

    do: Literal["read", "write"]
    operation: str
    arguments: dict[str, JsonValue]
    deadline: float
    key: str = ""


@dataclass(frozen=True, slots=True)
class HostReply:
    """How the call ended. `lost`: the process ended, or did not answer in time."""

    end: Literal["answer", "not_sent", "refused", "failed", "lost"]
    value: JsonValue = None


class Host:
    """One process in a task of its own. It ends when it says what we do not understand."""

    def __init__(self) -> None:
        self._waiting: dict[int, asyncio.Future[HostReply]] = {}
        self._ids = itertools.count(1)
        self._over = asyncio.Event()
        self._idle = asyncio.Event()
        self._pipe: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None
        self.pid = 0
        self.retired = False

    @property
    def usable(self) -> bool:
        """May a new call go here?"""
        return not self.retired and not self._over.is_set()

    async def open(self, python: str, first: dict[str, str], folder: Path) -> None:
        """Start it; raises `no_adapter` when its code is not the named one, or cannot be run."""
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run(python, first, folder, ready))
        try:
            async with asyncio.timeout(START_SECONDS):
                await ready
        except TimeoutError:
            await self.close()
            raise AilyusError("no_adapter", "the adapter does not start", hint="try it without the gateway") from None
        except AilyusError:
            await self.close()
            raise

    async def ask(self, call: Call) -> HostReply:
        """One call, until its deadline. Who gives up retires the process: nobody else shall wait for one that hangs."""
        if self._pipe is None or not self.usable:
            return HostReply("not_sent")
        number = next(self._ids)
        answer: asyncio.Future[HostReply] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        self._idle.clear()
        said = {
            "id": number,
            "do": call.do,
            "operation": call.operation,
            "arguments": call.arguments,
            "key": call.key,
            "deadline": call.deadline,
        }
        try:
            async with asyncio.timeout(max(0.0, call.deadline - time.monotonic())):
                self._pipe.write(orjson.dumps(said) + b"\n")
                await self._pipe.drain()
                return await answer
        except (OSError, TimeoutError):
            self.retired = True
            return HostReply("lost")
        except asyncio.CancelledError:
            self.retired = True
            raise
        finally:
            del self._waiting[number]
            if not self._waiting:
                self._idle.set()

    async def retire(self) -> None:
        """Give nobody this process any more, and end it when nobody waits for an answer."""
        self.retired = True
        if self._waiting:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), _LAST_ANSWER_SECONDS)
        await self.close()

    async def close(self) -> None:
        """End the process."""
        self._over.set()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, python: str, first: dict[str, str], folder: Path, ready: "asyncio.Future[None]") -> None:
        hearing: asyncio.Task[None] | None = None
        try:
            # guard: an adapter's environment
            async with process((python, *_MODULE), {}, folder) as (running, output, pipe):
                self.pid, self._pipe = running.pid, pipe
                pipe.write(orjson.dumps(first) + b"\n")
                hearing = asyncio.create_task(self._hear(output, ready))
                await self._over.wait()
        except AilyusError as error:
            if not ready.done():
                ready.set_exception(error)
        finally:
            self._over.set()
            if hearing is not None:
                hearing.cancel()
                await asyncio.gather(hearing, return_exceptions=True)
            if not ready.done():
                ready.set_exception(AilyusError("no_adapter", "the adapter ended", hint="try it without the gateway"))
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_result(HostReply("lost"))

    async def _hear(self, output: asyncio.StreamReader, ready: "asyncio.Future[None]") -> None:
        try:
            while line := await output.readline():
                said = orjson.loads(line)
                if "id" not in said:
                    fault = AilyusError("no_adapter", said.get("fault", ""), hint=said.get("hint", ""))
                    ready.set_result(None) if said.get("ready") else ready.set_exception(fault)
                    continue
                if said["end"] not in _ENDS:  # guard: ends of an adapter's call
                    break
                answer = self._waiting.get(said["id"])
                if answer is not None and not answer.done():
                    answer.set_result(HostReply(said["end"], said.get("value")))
        except (ValueError, asyncio.InvalidStateError):  # more than 4 MiB, or no message of ours
            pass
        finally:
            self._over.set()
