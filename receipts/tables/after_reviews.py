"""Reviews after the fact: opened in the commit that lets an action go, and closed by a person with a comment.

A review is a row of `escalations` that is delivered to nobody: its route names the role. `escalation` statements say
that it was asked for (`review_asked`) and who closed it (`reviewed`), with the comment as evidence beside the latter.
"""

from dataclasses import dataclass
from typing import Final

from contracts.canonical import new_id, sha256
from receipts.action.action import Action
from receipts.action.sentence import ActionSentence
from receipts.journal.outcome import REVIEW_ROUTE, Escalation, escalate
from receipts.statement.gateway_facts import EscalationFacts
from receipts.statement.statement import Notary
from receipts.store.row import Read, Row, integer
from receipts.store.transaction import Txn
from receipts.tables.escalations import IS_REVIEW, acknowledge

ASKED: Final = "review_asked"
REVIEWED: Final = "reviewed"
COMMENT: Final = "comment"
"""The label of the evidence that holds what the reviewer wrote."""
_OPEN: Final = (
    "SELECT e.id, e.action_id, e.route, a.tenant, a.contract, a.status, a.agent, a.says, e.created_ms"
    f" FROM escalations AS e JOIN actions AS a ON a.id = e.action_id WHERE e.acknowledged_ms IS NULL AND {IS_REVIEW}"
)


@dataclass(frozen=True, slots=True)
class AfterReview:
    """A review that nobody has closed: of which action, and by whom it is owed. `says` is the action's sentence."""

    id: str
    action_id: str
    role: str
    tenant: str
    contract: str
    status: str
    agent: str
    says: str
    at_ms: int


def ask(txn: Txn, notary: Notary, action: Action, role: str) -> None:
    """Inside the commit that lets an action go: somebody in this role reviews it afterwards, once."""
    route, tenant = REVIEW_ROUTE + role, action.request.tenant
    # another attempt of the same action is looked at with it
    if txn.query("SELECT 1 FROM escalations WHERE action_id = ? AND route = ?", action.id, route):
        return
    review = new_id("esc")
    escalate(txn, Escalation(review, route), action.id)
    facts = EscalationFacts(event=ASKED, escalation=review, route=route, of=action.id)
    _seal(txn, notary, facts, tenant)


def close(txn: Txn, notary: Notary, review: AfterReview, person: str, comment: str) -> None:
    """A person says what they found; raises `Conflict` when somebody did before."""
    acknowledge(txn, review.id, txn.now_ms, person)
    who = notary.pseudonym(review.tenant, "person", person)
    route = REVIEW_ROUTE + review.role
    facts = EscalationFacts(event=REVIEWED, escalation=review.id, route=route, of=review.action_id, by=who)
    _seal(txn, notary, facts, review.tenant, comment)


def open_reviews(read: Read, tenant: str | None = None) -> list[AfterReview]:
    """Those that nobody has closed, the oldest first; of one tenant, or of all."""
    sql = f"{_OPEN} AND (a.tenant = ?1 OR ?1 IS NULL) ORDER BY e.created_ms, e.id"
    return [_of(row) for row in read(sql, tenant)]


def find(read: Read, review: str) -> AfterReview | None:
    """A review that nobody has closed, by its id."""
    rows = read(f"{_OPEN} AND e.id = ?", review)
    return _of(rows[0]) if rows else None


def _seal(txn: Txn, notary: Notary, facts: EscalationFacts, tenant: str, comment: str = "") -> None:
    evidence = {COMMENT: comment.encode()} if comment else {}
    subject = {facts.escalation: sha256(facts.escalation.encode())}
    notary.sign_gateway_statement(facts, new_id("rcp"), tenant, subject, txn.now_ms, evidence).insert(txn)


def _of(row: Row) -> AfterReview:
    id_, action, route, tenant, contract, status, agent, says = map(str, row[:8])
    role = route.removeprefix(REVIEW_ROUTE)
    said = ActionSentence.unpacked(says).quoted if says else contract.replace("_", " ").capitalize()
    return AfterReview(id_, action, role, tenant, contract, status, agent, said, integer(row[8]))
