"""Whether the gateway is ready does not hang on its witnesses; what is not sent because of them is said."""

from pathlib import Path

import pytest

from server.admin.health.witness_check import witness_check
from server.operations.witness_rounds import WitnessStanding
from tests.receipts.making import journal_at
from tests.server.operations.witnesses import part_of, rounds_of

STOPPED = "; actions of risk high or more are not sent"
SAYS = {
    WitnessStanding(1): "nothing is cosigned yet by enough of 1 witnesses" + STOPPED,
    WitnessStanding(1, 0, 1, 4): "1 of 1 witnesses refuse the log: see `ailyus audit`" + STOPPED,
    WitnessStanding(1, 0, 0, 4): "4 statements are witnessed; 0 of 1 witnesses are up to date" + STOPPED,
    WitnessStanding(1, 1, 0, 5): "5 statements are witnessed; 1 of 1 witnesses are up to date",
}


@pytest.mark.parametrize("synchronous", ["high", None])
async def test_what_is_said(tmp_path: Path, synchronous: str | None) -> None:
    journal = await journal_at(tmp_path / "store.db")
    rounds = rounds_of(journal, part_of({"w.test/1": 1}, tmp_path, synchronous=synchronous))
    for standing, says in SAYS.items():
        rounds.standing = standing
        found = await witness_check(rounds).look()
        assert (found.ok, found.says) == (True, says if synchronous else says.removesuffix(STOPPED))
    await rounds.close()
    await journal.store.aclose()
