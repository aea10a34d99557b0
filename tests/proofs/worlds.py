"""Proofs of a real gateway: a write, an approved write, a read, a denial, and a plan with one of its steps."""

from pathlib import Path

from receipts.audit.proof import write_proof
from receipts.audit.roots import Roots, read_roots
from tests.world import LEO, MARIA, Sandbox, World, gateway, make_workspace


async def lived(folder: Path, sandbox: Sandbox) -> tuple[list[bytes], Roots]:
    """The files, and the roots by which they are trusted."""
    async with gateway(make_workspace(folder / "w", sandbox), sandbox) as world:
        return await proofs_of(world), read_roots(world.workspace.root / "roots.json")


async def proofs_of(world: World) -> list[bytes]:
    approved = await world.reset(MARIA)
    read = await world.call("find_user", {"email": "leo@example.com"})
    refused = await world.call("reset_user_mfa", LEO)
    await world.app.inbox.decide(await world.sign(refused["action_id"], verdict="refuse"))
    ended = await world.get(refused["action_id"])
    denied = await world.call("get_user", {"user_id": "00u9nobody00001"})
    receipts = [r["receipt_id"] for r in (approved, read, ended, denied)]
    rows = world.rows("SELECT id FROM statements WHERE kind IN ('intent', 'decision') ORDER BY leaf_index")
    receipts += [str(row[0]) for row in rows if str(row[0]) not in receipts][:2]
    return [file_of(world, receipt) for receipt in receipts]


def file_of(world: World, receipt: str) -> bytes:
    """The proof file of one receipt."""
    return world._reading(lambda read: write_proof(read, receipt, None, disclose=True).encoded())
