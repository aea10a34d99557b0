"""The drill of a stolen key: every command of the page, in its order, and what the thief's key is worth afterwards."""

import asyncio

import orjson
import pytest

from contracts.errors import AilyusError
from receipts.audit.proof import write_proof
from receipts.audit.roots import read_roots
from receipts.audit.verify import verify
from receipts.log.signing import Envelope, Signer
from receipts.store.row import Read
from server.workspace.log_key import open_log_key
from tests.server.guide.blocks import Reader, block
from tests.world import LEO, MARIA, World

PAGE = "server/guide/COMPROMISE.md"


def proof_of(world: World, receipt: str) -> bytes:
    def write(read: Read) -> bytes:
        return write_proof(read, receipt, None, disclose=True).encoded()

    return world._reading(write)


def forged(proof: bytes, thief: Signer) -> bytes:
    """The proof file with each statement signed by somebody else."""
    said = orjson.loads(proof)
    for one in said["statements"]:
        envelope = Envelope.decode(one["envelope"].encode())
        one["envelope"] = thief.envelope(envelope.payload).encoded().decode()
    return orjson.dumps(said)


async def test_the_drill_of_stolen_keys(world: World) -> None:
    root = world.workspace.root
    reader = Reader(root)

    async def types(begins: str, *, ok: bool | None = True) -> str:
        return await asyncio.to_thread(reader.type, block(PAGE, begins), ok=ok)

    thief, before = Signer(open_log_key(world.workspace)), await world.reset(LEO)
    await types("ailyus halt add all")
    listed = await types("ailyus audit --checkpoint")
    assert thief.keyid in listed
    roots = read_roots(root / "roots.json")
    assert len(roots.keys) == 2
    assert verify(proof_of(world, before["receipt_id"]), roots)
    after = await world.call("reset_user_mfa", MARIA)
    assert after["error"]["code"] == "halted"
    with pytest.raises(AilyusError, match="does not hold under a trusted key"):
        verify(forged(proof_of(world, after["receipt_id"]), thief), roots)

    people = orjson.loads(await asyncio.to_thread(reader.type, "ailyus person list --format json"))
    reader.names["KEYID"] = next(one["keyid"] for one in people if one["keyid"])
    await types("ailyus person list")
    await types("ailyus halt add connection", ok=None)
    assert not any("error:" in one for one in reader.said)
    await types("ailyus receipt find --agent")
