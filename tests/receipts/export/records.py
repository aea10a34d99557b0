"""Records of an export, and a log to export."""

from receipts.action.status import Status
from receipts.export.batch import ExportRecord, newest_leaf
from receipts.journal.journal import Journal
from receipts.statement import action_facts, gateway_facts
from receipts.statement.facts import ActionFacts, GatewayFacts
from receipts.statement.statement import Notary, StatementSubject
from tests.receipts.making import SIGNER, action, conclude, intend, request
from tests.world import ROOT

DEFINED = (action_facts, gateway_facts)
"""The modules whose models `MODELS` finds."""
MODELS = {
    model.of_kind: model
    for model in (*ActionFacts.__subclasses__(), *GatewayFacts.__subclasses__())
    if model.__module__.startswith("receipts.")
}
FACTS: dict[str, ActionFacts | GatewayFacts] = {
    path.stem: MODELS[path.stem.split("_")[0]].model_validate_json(path.read_bytes())  # type: ignore[index]
    for path in sorted((ROOT / "tests" / "vectors" / "statements").glob("*.json"))
}
NOTARY = Notary(SIGNER, "ailyus.test", lambda _: b"k" * 32)
STATUSES: dict[str, Status] = {"intent": "running", "decision_asked": "approval_required", "decision_early": "denied"}


def record_of(name: str, status: str = "confirmed") -> ExportRecord:
    """A signed statement of these facts, as it is exported."""
    facts = FACTS[name]
    if isinstance(facts, ActionFacts):
        about = StatementSubject(request(), "act_1", "release-1", True, "User", "maria@example.com", "Maria")
        said = STATUSES.get(name, status)
        sealed = NOTARY.seal(facts, "rcp_1", about, status=said, changed=True, at_ms=7, evidence={})
    else:
        sealed = NOTARY.sign_gateway_statement(facts, "rcp_1", "acme", {"x": "0" * 64}, 7)
    return ExportRecord(12, 9, "rcp_1", sealed.envelope)


async def logged(journal: Journal, count: int = 3) -> int:
    """So many actions, each with an intent and an outcome; the newest leaf."""
    for number in range(count):
        asked = action(f"r{number}")
        dispatch = await intend(journal, asked)
        await conclude(journal, asked, dispatch.fence)
    return await journal.store.read_aside(newest_leaf)
