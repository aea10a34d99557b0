"""The verifier of the browser, and what it is given."""

from typing import Any

import orjson

from receipts.audit.proof import write_proof
from receipts.store.sqlite_file import connect
from tests.console.people import People, Person
from tests.sealed import opened_reader


def proof_of(people: People, receipt: str) -> dict[str, Any]:
    store = people.world.workspace.store
    connection = connect(store, readonly=True)
    try:
        return dict(orjson.loads(write_proof(opened_reader(connection, store), receipt, None, True).encoded()))
    finally:
        connection.close()


def roots_of(people: People) -> Any:
    return orjson.loads((people.world.workspace.root / "roots.json").read_bytes())


async def in_browser(lead: Person, proof: dict[str, Any], roots: Any) -> dict[str, Any]:
    return dict(
        await lead.page.evaluate("([proof, roots]) => verifyProof(proof, roots)", [orjson.dumps(proof).decode(), roots])
    )
