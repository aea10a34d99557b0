"""Real witnesses on free ports, and rounds over them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from adapters.credentials.cache import Credentials
from receipts.journal.journal import Journal
from receipts.log.log_keys import LogKeys
from receipts.statement.gateway_facts import StateFacts
from receipts.witness.witness import Witness
from receipts.witness.witness_store import WitnessStore
from server.listener.witness_endpoint import application
from server.operations.witness_rounds import WitnessRounds
from server.workspace.settings.notification import EscalationPart
from server.workspace.settings.witness import CosignerPart, WitnessPart
from tests.receipts.making import SIGNER
from tests.world import app_serving

ORIGIN = "ailyus.test"


def witness_at(folder: Path, name: str) -> Witness:
    key = Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32, b"-"))
    return Witness(name, key, {ORIGIN: LogKeys.of(SIGNER)}, WitnessStore(folder / f"{name[-1]}.db"))


def part_of(ports: dict[str, int], folder: Path, quorum: int = 1, **more: object) -> WitnessPart:
    asked = []
    for name, port in ports.items():
        witness = witness_at(folder, name)
        witness.store.close()
        asked.append(CosignerPart(url=f"http://127.0.0.1:{port}/", key=witness.cosigner.verifier_key))
    return WitnessPart.model_validate({"quorum": quorum, "cosigners": asked, **more})


def rounds_of(journal: Journal, part: WitnessPart, hook: str = "") -> WitnessRounds:
    routes = {"on-call": EscalationPart(webhook=hook)} if hook else {}
    return WitnessRounds(journal, part, routes, Credentials({}))


@asynccontextmanager
async def serving(folder: Path, name: str, port: int) -> AsyncIterator[Witness]:
    witness = witness_at(folder, name)
    try:
        async with app_serving(application(witness), port):
            yield witness
    finally:
        witness.store.close()


async def log_one(journal: Journal) -> str:
    facts = StateFacts(running=0, waiting=0, actions=())
    receipt = f"rcp_{journal.store.size}"
    sealed = journal.notary.sign_gateway_statement(facts, receipt, "", {"ailyus": "0" * 64}, journal.store.now_ms())
    await journal.store.write(sealed.insert)
    return receipt
