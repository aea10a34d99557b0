"""The log's key is held outside of the gateway: by a program, and in a token that speaks PKCS #11 (SoftHSM)."""

from pathlib import Path

import orjson
import pytest

from receipts.audit.audit import audit
from receipts.audit.proof import write_proof
from receipts.audit.roots import Roots
from receipts.audit.verify import verify
from receipts.log.signing import Signer, create_key
from receipts.store.row import Read
from server.workspace.log_key import key_file, open_log_key
from tests.log_signers import LogSigner, program_signer, token_signer, with_signers
from tests.until import until
from tests.world import Sandbox, World, add_records, ailyus, gateway

KINDS = ("program", "token")
ROTATE = ("key", "rotate", "log", "--as", "lead", "--reason", "to another kind of key", "--format", "json")


def signer_of(kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> LogSigner:
    return program_signer(folder) if kind == "program" else token_signer(folder, monkeypatch)


async def acted(world: World, name: str) -> str:
    answer = await world.call("add_event", {"record": "r1", "name": name})
    assert answer["status"] == "confirmed", answer
    return str(answer["receipt_id"])


async def proven(world: World, *receipts: str) -> None:
    """Each receipt holds by the roots of now, and so does the whole log."""
    roots = Roots.of(world.workspace.settings.origin, world.app.store.keys)

    def write(read: Read) -> list[bytes]:
        return [write_proof(read, receipt, None, disclose=True).encoded() for receipt in receipts]

    for receipt, proof in zip(receipts, world._reading(write), strict=True):
        assert verify(proof, roots).receipt["receipt"] == receipt
    assert await world.app.store.read_aside(lambda read: list(audit(read, roots, None, None))) == []


@pytest.mark.parametrize("kind", KINDS)
async def test_a_signer_that_is_gone_acts_for_nobody_and_goes_on_when_it_is_back(
    kind: str, tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    signer = signer_of(kind, tmp_path, monkeypatch)
    workspace = with_signers(add_records(tmp_path / "w", sandbox), signer)
    async with gateway(workspace, sandbox) as world:
        before = await acted(world, "before")
        assert {key.keyid for key in world.app.store.keys.keys} == {Signer(open_log_key(workspace)).keyid}
        writes = sandbox.writes()

        signer.take_away()
        size = world.app.store.size
        answer = await world.call("add_event", {"record": "r1", "name": "meanwhile"})
        assert (answer["status"], answer["error"]["code"]) == ("invalid", "store_unavailable")
        assert f"log.signers.{signer.name}" in str(answer["error"])
        assert (sandbox.writes(), world.app.store.size) == (writes, size)
        await until(lambda: not world.app.health.ready().ok)
        await until(lambda: any(one.check == "signer" and not one.ok for one in world.app.health.ready().checks))

        signer.bring_back()
        await until(lambda: world.app.health.ready().ok)
        await proven(world, before, await acted(world, "meanwhile"))
    async with gateway(workspace, sandbox) as world:  # and so it is after a restart
        await proven(world, before, await acted(world, "restarted"))


async def test_a_log_goes_from_a_file_to_a_signer_to_another_and_back(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    kms, hsm = program_signer(tmp_path), token_signer(tmp_path, monkeypatch)
    workspace = add_records(tmp_path / "w", sandbox)
    receipts, own = [], key_file(workspace)
    assert own is not None
    async with gateway(workspace, sandbox) as world:
        receipts.append(await acted(world, "file"))
    for signers, after in (((kms,), (kms,)), ((kms, hsm), (hsm,))):
        workspace = with_signers(workspace, *signers)
        async with gateway(workspace, sandbox) as world:
            receipts.append(await acted(world, f"before{signers[-1].name}"))
            done = orjson.loads(await ailyus(world, *ROTATE))
            assert done["keyid"] == world.app.store.signer.keyid
            receipts.append(await acted(world, f"after{signers[-1].name}"))
            await proven(world, *receipts)
        workspace = with_signers(workspace, *after)
    assert not own.exists()  # the file's key is kept beside, and signs no more
    async with gateway(workspace, sandbox) as world:
        listed = orjson.loads(await ailyus(world, "key", "list", "--format", "json"))
        used = [(one["state"], one["source"]) for one in listed if one["kind"] == "log"]
        assert used == [("retired", ""), ("retired", ""), ("in use", "[log.signers.hsm]")]
        refused = await ailyus(world, *ROTATE, ok=False)  # INVARIANT: no key of a file follows a signer by itself
        assert "no key to follow that of the signer" in refused
        create_key(own)
        done = orjson.loads(await ailyus(world, *ROTATE))
        assert "[log.signers.hsm]" in done["following"]
        await proven(world, *receipts, await acted(world, "last"))
    async with gateway(with_signers(workspace), sandbox) as world:
        await proven(world, await acted(world, "alone"))
