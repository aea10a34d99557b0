"""How much agents and contracts were used: by status, of the newest actions, of one tenant."""

import pytest

from receipts.journal.journal import Journal
from receipts.tables import uses
from receipts.tables.uses import Use
from tests.receipts.making import action, intend

pytestmark = pytest.mark.both_stores


async def test_actions_are_counted_by_agent_contract_and_status(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [action("r1"), action("r2")]
    for one in made:
        await intend(journal, one)
    # ids of one millisecond stand in no order
    known = await journal.get(max(one.id for one in made))
    assert known is not None
    read, agent, contract = journal.store.read_aside, known.request.agent, known.request.contract
    assert await read(lambda r: uses.of_agents(r, "acme", 0)) == [Use(agent, known.status, 2)]
    assert await read(lambda r: uses.of_contracts(r, "acme", 0)) == [Use(contract, known.status, 2)]
    assert await read(lambda r: uses.last_call(r, "acme", agent)) == known.created_ms
    assert await read(lambda r: uses.last_call(r, "acme", "nobody")) is None
    assert await read(lambda r: uses.of_agents(r, "umbrella", 0)) == []
    assert await read(lambda r: uses.of_contracts(r, "acme", known.created_ms + 60_000)) == []
    monkeypatch.setattr(uses, "MAX_COUNTED", 1)
    assert [use.count for use in await read(lambda r: uses.of_agents(r, "acme", 0))] == [1]
