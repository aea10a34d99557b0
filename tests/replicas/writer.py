"""A process that writes to the log as fast as it can, and says of each statement that it was acknowledged."""

import os
import sys
from pathlib import Path

from contracts.canonical import new_id
from receipts.log.signing import Signer, load_key
from receipts.statement.statement import Notary
from receipts.store.postgres import PostgresStore
from receipts.store.transaction import Txn
from tests.free import free

ORIGIN = "ailyus.test"


def main() -> None:
    url, key, head = sys.argv[1:4]
    signer = Signer(load_key(Path(key)))
    store = PostgresStore(url, Path(head), signer, ORIGIN)
    notary = Notary(signer, ORIGIN, lambda tenant: bytes(32))
    while True:
        name = new_id("rcp")
        sealed = notary.sign_gateway_statement(free("state"), name, "", {"open": "0" * 64}, store.now_ms())

        def work(txn: Txn, sealed: object = sealed) -> int:
            return sealed.insert(txn)  # type: ignore[attr-defined, no-any-return]

        position = store.submit(work).result()
        os.write(1, f"{position} {name}\n".encode())
