"""A decision in the log, by policies that a test names."""

from contracts.canonical import new_id
from receipts.journal.journal import Journal
from receipts.statement.action_facts import CedarDecision, DecisionFacts
from receipts.statement.statement import StatementSubject
from tests.receipts.making import action


async def decided(journal: Journal, status: str, at_ms: int, *policies: str) -> None:
    of = action()
    digest = "0" * 64
    decision = CedarDecision(
        policies={"agent": policies, "person": policies}, errors=0, slice=digest, schema=digest, entities=digest,
        requests=digest, engine="cedar",
    )  # fmt: skip
    facts = DecisionFacts(called_ms=1, decision=decision)
    about = StatementSubject(of.request, of.id, "release-1", True)
    sealed = journal.notary.seal(facts, new_id("rcp"), about, status=status, changed=None, at_ms=at_ms, evidence={})
    await journal.store.write(sealed.insert)
