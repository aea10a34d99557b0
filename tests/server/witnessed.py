"""An engine whose critical requests wait for a real witness that can be switched on and off."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from starlette.types import Receive, Scope, Send

from receipts.action.action_result import ActionResult
from receipts.log.signing import Envelope
from receipts.store.row import blob
from server.listener.witness_endpoint import application
from server.operations.synchronous_rounds import SynchronousRounds
from server.operations.witness_rounds import WitnessRounds
from server.workspace.free_port import free_port
from tests.server.engine import CONTRACTS, Engine, engine
from tests.server.operations.witnesses import part_of, rounds_of, witness_at
from tests.world import app_serving

NAME = "w.test/1"
EVER = 1_000_000


def given(record: str = "r1") -> dict[str, str]:
    """The arguments of `set_value`; what is critical needs a reason."""
    return {"record": record, "value": "new", "reason": "a test of critical risk"}


def critical(record: str) -> dict[str, Any]:
    """A step of a plan."""
    return {"id": record, "contract": "set_value", "inputs": given(record)}


@dataclass
class Witnessed:
    """An engine in which `set_value` is critical and waits for one witness; `left`: requests that this one answers."""

    made: Engine
    rounds: WitnessRounds
    left: int = 0
    asked: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        if self.left <= 0:
            await send({"type": "http.response.start", "status": 503, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        self.left -= 1
        await self.witness(scope, receive, send)

    def open(self, folder: Path) -> None:
        found = witness_at(folder, NAME)
        self.store, self.witness = found.store, application(found)

    async def act(self, record: str = "r1") -> ActionResult:
        return await self.made.live.pipeline.act(self.made.action(**given(record)))

    async def said(self, kind: str) -> list[dict[str, Any]]:
        """What the statements of a kind say, in order."""
        rows = await self.made.rows("SELECT envelope FROM statements WHERE kind = ? ORDER BY leaf_index", kind)
        return [orjson.loads(Envelope.decode(blob(row[0])).payload)["predicate"] for row in rows]


@asynccontextmanager
async def witnessed(folder: Path, *policies: str, wait: str = "300ms") -> AsyncIterator[Witnessed]:
    contracts, port = folder / "contracts", free_port()
    shutil.copytree(CONTRACTS, contracts)
    path = contracts / "set_value.yaml"
    path.write_text(path.read_text().replace("risk: low", "risk: critical"))
    part = part_of({NAME: port}, folder, synchronous="critical", wait=wait)
    async with engine(folder, *policies, contracts=contracts) as made:
        found = Witnessed(made, rounds_of(made.journal, part))
        made.journal.quorum = SynchronousRounds(made.journal, part, found.rounds)
        found.open(folder)
        async with app_serving(found, port):
            yield found
            await found.rounds.close()
        found.store.close()
