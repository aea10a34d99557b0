"""A gateway whose log is witnessed, over both stores: readiness, metrics, doctor, audit and proofs say how far."""

import asyncio
from pathlib import Path

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from receipts.audit.roots import read_roots
from receipts.witness.witness import Witness
from receipts.witness.witness_store import WitnessStore
from server.listener.witness_endpoint import application
from server.workspace.free_port import free_port
from tests.hostile import attack
from tests.until import until
from tests.web import web
from tests.world import LEO, Sandbox, ailyus, app_serving, cli, gateway, make_workspace

SETTINGS = """
[metrics]
port = {metrics}

[witness]
interval = "200ms"
cosigners = [{{ url = "http://127.0.0.1:{port}", key = "{key}" }}]
"""


@pytest.mark.both_stores
async def test_the_gateway_says_everywhere_how_far_its_log_is_witnessed(
    tmp_path: Path, sandbox: Sandbox, database: str
) -> None:
    logs: dict[str, object] = {}
    store = WitnessStore(tmp_path / "witness.db")
    witness = Witness("w.test/1", Ed25519PrivateKey.generate(), logs, store)  # type: ignore[arg-type]
    port, metrics = free_port(), free_port()
    extra = SETTINGS.format(port=port, metrics=metrics, key=witness.cosigner.verifier_key)
    workspace = make_workspace(tmp_path / "w", sandbox, extra=extra, database=database)
    roots = workspace.root / "roots.json"
    async with app_serving(application(witness), port), gateway(workspace, sandbox) as world, web() as http:
        trusted = read_roots(roots)
        assert trusted.witness is not None
        # roots of before the settings named a witness: they are left as they are until a person says so
        roots.write_bytes(trusted.model_copy(update={"witness": None}).encoded())
        await ailyus(world, "witness", "trust")
        assert read_roots(roots) == trusted
        logs[trusted.origin] = trusted.trusted  # the witness is told of the log after its first start
        done = await world.reset(LEO)
        assert world.app.witnesses is not None
        rounds = world.app.witnesses
        await until(lambda: rounds.standing.size == world.app.store.size > 0)
        size = world.app.store.size

        def ready() -> bool:
            (line,) = [one for one in world.app.health.ready().checks if one.check == "witness"]
            return line.ok and line.says.endswith("1 of 1 witnesses are up to date")

        await until(ready)
        page = (await http.get(f"http://127.0.0.1:{metrics}/metrics")).text
        assert f"ailyus_witness_statements {float(size)}" in page or f"ailyus_witness_statements {size}\n" in page
        await ailyus(world, "receipt", "proof", done["receipt_id"], "-o", "proof.json")
        said = orjson.loads(await ailyus(world, "receipt", "verify", "proof.json", "--format", "json"))
        assert list(said["witnessed"]) == ["w.test/1"]
        audited = orjson.loads(await ailyus(world, "audit", "--format", "json"))
        assert (audited["ok"], audited["attested"], audited["findings"]) == (True, "witness", [])
        doctor = orjson.loads(await ailyus(world, "doctor", "--format", "json", ok=True))
        (finding,) = [one for one in doctor if one["layer"] == "witness"]
        assert finding["level"] == "OK"
    # somebody takes the end of the log away while nobody serves
    async with app_serving(application(witness), port):
        newest = store.head(trusted.origin).size
        await attack(workspace, "DELETE FROM checkpoints WHERE size >= ?", newest)
        found = await asyncio.to_thread(_audit, workspace.root)
        assert any(f"it has seen {newest} statements" in one for one in found)
    store.close()


def _audit(folder: Path) -> list[str]:
    said: list[str] = orjson.loads(cli("audit", "--format", "json", cwd=folder, ok=False))["findings"]
    return said
