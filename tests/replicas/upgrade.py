"""What must hold while replicas of two adjacent versions use one database, and what where its tables differ."""

import asyncio
from pathlib import Path
from typing import Any

from receipts.store.postgres_schema import VERSION
from server.workspace.workspace import Workspace
from tests.journeys.served import call_tool
from tests.replicas.database import with_database
from tests.replicas.pair import copied
from tests.replicas.rolling import port_of, ready
from tests.replicas.versions import Checkout, Older
from tests.until import until
from tests.world import LEO, MARIA, Sandbox, Served, add_records, cli


class Versions:
    """Two replicas, the older first, and what is done at either."""

    def __init__(self, sandbox: Sandbox, older: Older, newer: Served) -> None:
        self.sandbox = sandbox
        self.both = (older, newer)
        self.urls: dict[Served, str] = {}
        self.token = ""

    async def start(self, one: Served) -> None:
        self.urls[one] = await asyncio.to_thread(one.start)
        self.token = self.token or await asyncio.to_thread(one.token)
        await ready(port_of(one.workspace))

    async def call(self, one: Served, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        return await call_tool(self.urls[one], self.token, tool, arguments)

    async def get(self, one: Served, action: str) -> dict[str, Any]:
        return await self.call(one, "get_action", {"action_id": action, "wait_seconds": 25})

    async def stop(self) -> None:
        for one in self.both:
            await asyncio.to_thread(one.stop)

    async def taken_over(self, here: Served, there: Served, value: str) -> str:
        """One replica dies with a write out, whose effect is there; the other one finds it. The receipt."""
        self.sandbox.fault("hang_after_effect", "records/r1", "records")
        call = asyncio.create_task(self.call(here, "set_value", {"record": "r1", "value": value}))
        await until(lambda: self.sandbox.state()["acme"]["records"]["records"]["r1"]["value"] == value)
        effects = self.sandbox.effects("records/r1")
        await asyncio.to_thread(here.kill)
        self.sandbox.heal()
        await asyncio.gather(call, return_exceptions=True)
        answer = await self.call(there, "set_value", {"record": "r1", "value": value})
        while answer["status"] == "running":
            answer = await self.get(there, answer["action_id"])
        assert answer["status"] == "confirmed", answer
        assert self.sandbox.effects("records/r1") == effects
        return str(answer["receipt_id"])


async def side_by_side(folder: Path, sandbox: Sandbox, database: str, checkout: Checkout) -> None:
    """Everything that a rolling upgrade from this checkout relies on."""
    workspace = with_database(add_records(folder / "w", sandbox), database)
    older, newer = Older(workspace, checkout), Served(copied(workspace, folder / "newer"))
    at = Versions(sandbox, older, newer)
    try:
        await at.start(older)
        await asyncio.to_thread(older.token)
        share(workspace, newer.workspace)
        if checkout.schema != VERSION:
            await upgraded_apart(at, checkout)
            return
        await at.start(newer)
        await ready(port_of(older.workspace))  # what the newer one released, the older one has taken
        receipts = [await asked_there(at, here, there) for here, there in (at.both, at.both[::-1])]
        receipts.append(await at.taken_over(older, newer, "taken"))
        await at.start(older)
        receipts.append(await at.taken_over(newer, older, "back"))
        await read_by_both(at, checkout, receipts[1:3])
    finally:
        await at.stop()


def share(first: Workspace, second: Workspace) -> None:
    """What the first start of a workspace made, and all replicas have: keys, tokens, trusted roots."""
    for path in (*first.private.glob("*.pem"), *first.private.glob("*.secrets"), *first.private.glob("*.token")):
        (second.private / path.name).write_bytes(path.read_bytes())
        (second.private / path.name).chmod(0o600)


async def asked_there(at: Versions, here: Served, there: Served) -> str:
    """A write at one, and its repetition at the other; a request that one made and a person approves at the other."""
    value, user = ("one", MARIA) if here is at.both[0] else ("two", LEO)
    done = await at.call(here, "set_value", {"record": "r1", "value": value})
    assert done["status"] == "confirmed", done
    assert await at.get(there, done["action_id"]) == done
    at.sandbox.reset()
    asked = await at.call(here, "reset_user_mfa", user)
    assert asked["status"] == "approval_required", asked
    approve = ("approval", "approve", asked["action_id"], "--as", "lead")
    if isinstance(there, Older):
        await asyncio.to_thread(there.checkout.run, *approve, cwd=there.workspace.root)
    else:
        await asyncio.to_thread(cli, *approve, cwd=there.workspace.root)
    for one in (there, here):
        assert (await at.get(one, asked["action_id"]))["status"] == "confirmed"
    assert at.sandbox.effects("reset_factors") == 1
    return str(done["receipt_id"])


async def read_by_both(at: Versions, checkout: Checkout, receipts: list[str]) -> None:
    """Every statement is audited by either version; what one proves of the newer one's statements, the other verifies."""
    older, newer = (one.workspace.root for one in at.both)
    assert "nothing is missing" in await asyncio.to_thread(checkout.run, "audit", cwd=older)
    assert "nothing is missing" in await asyncio.to_thread(cli, "audit", cwd=newer)
    for receipt in receipts:
        proof = newer / f"{receipt}.json"
        await asyncio.to_thread(cli, "receipt", "proof", receipt, "-o", str(proof), cwd=newer)
        await asyncio.to_thread(checkout.run, "receipt", "verify", str(proof), cwd=older)
        proof.unlink()
        await asyncio.to_thread(checkout.run, "receipt", "proof", receipt, "-o", str(proof), cwd=older)
        await asyncio.to_thread(cli, "receipt", "verify", str(proof), cwd=newer)


async def upgraded_apart(at: Versions, checkout: Checkout) -> None:
    """Where the tables differ, the newer one neither starts nor migrates beside the older one; after it, both say so."""
    older, newer = at.both
    asked = await at.call(older, "reset_user_mfa", MARIA)
    for command in (("serve",), ("store", "migrate")):
        said = await asyncio.to_thread(cli, *command, cwd=newer.workspace.root, ok=False)
        assert "end every" in said, said
    await asyncio.to_thread(older.stop)
    await asyncio.to_thread(cli, "store", "migrate", cwd=newer.workspace.root)
    assert "newer ailyus" in await asyncio.to_thread(checkout.run, "serve", cwd=older.workspace.root, ok=False)
    await at.start(newer)
    await asyncio.to_thread(cli, "approval", "approve", asked["action_id"], "--as", "lead", cwd=newer.workspace.root)
    assert (await at.get(newer, asked["action_id"]))["status"] == "confirmed"
    assert "nothing is missing" in await asyncio.to_thread(cli, "audit", cwd=newer.workspace.root)
