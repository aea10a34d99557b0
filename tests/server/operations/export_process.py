"""An export in a process of its own, so that it can be killed: `python -m … STORE FILE`, its key on stdin."""

import asyncio
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from receipts.journal.journal import Journal
from receipts.log.signing import Signer
from receipts.store.sqlite import SqliteStore
from server.operations.export_sender import ExportSender
from server.operations.export_sink import FileSink
from server.workspace.settings.export import ExportPart


async def nobody(name: str, says: str) -> bool:
    """In place of whoever would be told."""
    return True


async def export(path: Path, out: Path, key: bytes) -> None:
    """Send everything, two statements at a time."""
    signer = Signer(Ed25519PrivateKey.from_private_bytes(key))
    journal = Journal(SqliteStore(path, signer, "ailyus.test"), signer)
    await journal.load()
    part = ExportPart(file=str(out), begin="first", batch=2)
    await ExportSender(journal, "siem", part, FileSink(out, 10**9), nobody, "1.0").sweep()
    await journal.store.aclose()


if __name__ == "__main__":
    asyncio.run(export(Path(sys.argv[1]), Path(sys.argv[2]), bytes.fromhex(sys.stdin.read())))
