"""What must hold while replicas of two adjacent versions use one database, and what where its tables differ."""

import asyncio
import shutil
from pathlib import Path
from typing import Any

from receipts.store.postgres_schema import VERSION
from server.workspace.workspace import Workspace
from tests.guards import PACKAGES
from tests.journeys.served import call_tool
from tests.replicas.database import with_database
from tests.replicas.pair import copied
from tests.replicas.rolling import port_of, ready
from tests.replicas.versions import Checkout, ServedCheckout
from tests.until import until
from tests.world import LEO, MARIA, ROOT, Sandbox, Served, add_records, cli


class Versions:
    """Two replicas, the older first, and what is done at either."""

    def __init__(self, sandbox: Sandbox, older: Served, newer: Served) -> None:
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

    async def command(self, one: Served, *arguments: str, ok: bool = True) -> str:
        """A command of the version that this replica runs, in its workspace."""
        run = one.checkout.run if isinstance(one, ServedCheckout) else cli
        return await asyncio.to_thread(run, *arguments, cwd=one.workspace.root, ok=ok)

    async def approve(self, one: Served, action: str) -> None:
        """As lead, by the words that this version's command line takes: an older one asks nobody."""
        asks = "--yes" in await self.command(one, "approval", "approve", "--help")
        await self.command(one, "approval", "approve", action, "--as", "lead", *(["--yes"] if asks else []))

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
    workspace = with_database(add_records(folder / "w", sandbox, init=checkout.init), database)
    older, newer = ServedCheckout(workspace, checkout), Served(copied(workspace, folder / "newer"))
    at = Versions(sandbox, older, newer)
    try:
        await at.start(older)
        await asyncio.to_thread(older.token)
        share(workspace, newer.workspace)
        if checkout.schema != VERSION:
            await upgraded_apart(at)
            return
        await at.start(newer)
        await ready(port_of(older.workspace))  # what the newer one released, the older one has taken
        receipts = [await asked_there(at, here, there) for here, there in (at.both, at.both[::-1])]
        receipts.append(await at.taken_over(older, newer, "taken"))
        await at.start(older)
        receipts.append(await at.taken_over(newer, older, "back"))
        await read_by_both(at, receipts[1:3])
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
    await at.approve(there, asked["action_id"])
    for one in (there, here):
        assert (await at.get(one, asked["action_id"]))["status"] == "confirmed"
    assert at.sandbox.effects("reset_factors") == 1
    return str(done["receipt_id"])


async def read_by_both(at: Versions, receipts: list[str]) -> None:
    """Every statement is audited by either version; what one proves of the newer one's statements, the other verifies."""
    for one in at.both:
        assert "nothing is missing" in await at.command(one, "audit")
    for receipt in receipts:
        for proves, verifies in (at.both, at.both[::-1]):
            proof = proves.workspace.root / f"{receipt}.json"
            await at.command(proves, "receipt", "proof", receipt, "-o", str(proof))
            await at.command(verifies, "receipt", "verify", str(proof))


async def upgraded_apart(at: Versions) -> None:
    """Where the tables differ, the newer one neither starts nor migrates beside the older one; after it, both say so."""
    older, newer = at.both
    asked = await at.call(older, "reset_user_mfa", MARIA)
    assert "end every replica, then `ailyus store migrate`" in await at.command(newer, "serve", ok=False)
    assert "end every gateway of this database first" in await at.command(newer, "store", "migrate", ok=False)
    await asyncio.to_thread(older.stop)
    await at.command(newer, "store", "migrate")
    for command in (("serve",), ("store", "migrate")):
        assert "use a newer ailyus" in await at.command(older, *command, ok=False)
    await at.start(newer)
    await at.approve(newer, asked["action_id"])
    assert (await at.get(newer, asked["action_id"]))["status"] == "confirmed"
    assert "nothing is missing" in await at.command(newer, "audit")


async def with_other_tables(folder: Path, sandbox: Sandbox, database: str) -> None:
    """This version, and the next one as it would be with one table more."""
    workspace = with_database(add_records(folder / "w", sandbox), database)
    next_one = ServedCheckout(copied(workspace, folder / "next"), with_a_table_more(folder / "code"))
    at = Versions(sandbox, Served(workspace), next_one)
    try:
        await at.start(at.both[0])
        share(workspace, next_one.workspace)
        await upgraded_apart(at)
    finally:
        await at.stop()


def with_a_table_more(folder: Path) -> Checkout:
    """The packages that are here, as a version whose tables differ."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    store = folder / "receipts" / "store"
    text = (store / "postgres_schema.py").read_text()
    assert f"VERSION: Final = {VERSION}\n" in text
    (store / "postgres_schema.py").write_text(text.replace(f"Final = {VERSION}\n", f"Final = {VERSION + 1}\n"))
    (store / "migrations" / "postgres" / f"{VERSION + 1}.sql").write_text("CREATE TABLE of_the_next (id TEXT);\n")
    return Checkout("the next version", folder)
