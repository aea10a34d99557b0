"""An archive in a process of its own, so that it can be killed: `python -m … STORE OUT NOW_MS`, its key on stdin."""

import asyncio
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from receipts.journal.journal import Journal
from receipts.log.signing import Signer
from receipts.retention.retention import Retention
from receipts.store.sqlite import SqliteStore
from tests.receipts.closed import ago


async def archive(path: Path, out: Path, now_ms: int, key: bytes) -> None:
    signer = Signer(Ed25519PrivateKey.from_private_bytes(key))
    journal = Journal(SqliteStore(path, signer, "ailyus.test", lambda: now_ms), signer)
    await journal.load()
    await Retention(journal).archive(out, ago(journal, 90))
    await journal.store.aclose()


if __name__ == "__main__":
    asyncio.run(archive(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), bytes.fromhex(sys.stdin.read())))
