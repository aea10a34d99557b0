"""Where the settings ask for no witness, no request waits for one."""

from contracts.schema.contract import RISKS
from receipts.witness.witness_quorum import NoQuorum


async def test_nothing_waits() -> None:
    quorum = NoQuorum()
    assert [quorum.need(risk) for risk in RISKS] == [0, 0, 0, 0]
    assert await quorum.outage() is None
    assert await quorum.reach(1_000_000, 0.0)
