"""The words of the log about rows: what the statements say that a row repeats."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

from receipts.audit.grants import GrantWords
from receipts.statement.words import LedgerEntry, Words
from receipts.tables.after_reviews import ASKED, REVIEWED

Predicate = Mapping[str, JsonValue]


@dataclass(slots=True)
class ActionWords:
    """What the statements about one action say, as far as its row repeats it."""

    digest: str
    tenant: str
    agent: str
    contract: str
    connection: str
    person: str
    boundary: str
    ended: set[str] = field(default_factory=set)
    answer: str = ""
    asked: str = ""
    says: str = ""
    says_at: int = 0
    receipts: set[str] = field(default_factory=set)


class RowWords(Words):
    """What the whole log says of rows."""

    def __init__(self) -> None:
        super().__init__()
        self.approved: dict[str, Predicate] = {}
        self.used: dict[str, str] = {}
        self.actions: dict[str, ActionWords] = {}
        self.erased: set[str] = set()
        """Actions of which everything personal was erased."""
        self.grants = GrantWords()
        self.shadow: LedgerEntry | None = None
        """The newest word about a shadow."""
        self.reviews: dict[str, bool] = {}
        """The reviews after the fact by their ids, and whether somebody closed them."""

    def hear(self, leaf: int, statement: Mapping[str, JsonValue]) -> None:
        """Take in a statement of the log."""
        predicate = statement["predicate"]
        if not isinstance(predicate, dict):
            return
        self.learn(leaf, predicate)
        about = predicate.get("about")
        if predicate["kind"] == "connection" and isinstance(about, dict):
            self.grants.hear(about)
        if predicate["kind"] == "escalation" and isinstance(about, dict) and about.get("event") in (ASKED, REVIEWED):
            self.reviews[str(about["escalation"])] = about["event"] == REVIEWED
        if predicate["kind"] == "shadow" and isinstance(about, dict) and isinstance(at_ms := predicate["atMs"], int):
            self.shadow = LedgerEntry(leaf, str(about.get("event", "")), "", at_ms, about)
        if predicate["kind"] == "erasure" and isinstance(about, dict):
            named = about.get("actions")
            self.erased |= {str(one) for one in named} if isinstance(named, list) else set()
        if isinstance(predicate.get("action"), str):
            self._hear_action(leaf, predicate, statement)

    def _hear_action(self, leaf: int, predicate: Predicate, statement: Mapping[str, JsonValue]) -> None:
        action, kind, status = str(predicate["action"]), predicate["kind"], str(predicate["status"])
        known = self.actions.get(action)
        if known is None:
            known = self.actions[action] = _words(predicate, statement)
        known.receipts.add(str(predicate["receipt"]))
        approval, used, committed = predicate.get("approval"), predicate.get("approvals"), predicate["commitments"]
        if kind == "decision" and status == "approved":
            self.approved[str(approval)] = predicate
            return
        if kind == "intent" and isinstance(used, list):
            plan = predicate.get("plan")
            # INVARIANT 2: the steps of a plan use the approvals of their plan, once for all of them
            user = str(plan["action"]) if isinstance(plan, dict) else action
            self.used |= {str(one): user for one in used}
        if isinstance(committed, dict) and "says" in committed:
            known.says, known.says_at = str(committed["says"]), leaf
        if status == "approval_required" and isinstance(committed, dict):
            known.asked = str(committed.get("asked", ""))
        elif kind != "intent" and status != "withdrawn":
            known.ended.add(status)
            # what says nothing of the answer (a later look, a person's word) leaves it as it is
            known.answer = str(predicate.get("answer") or known.answer)


def _words(predicate: Predicate, statement: Mapping[str, JsonValue]) -> ActionWords:
    subject, contract = statement["subject"], predicate["contract"]
    first = subject[0] if isinstance(subject, list) else {}
    digests = first.get("digest") if isinstance(first, dict) else {}
    return ActionWords(
        str(digests.get("sha256")) if isinstance(digests, dict) else "",
        str(predicate["tenant"]),
        str(predicate["agent"]),
        str(contract.get("id")) if isinstance(contract, dict) else "",
        str(predicate.get("connection", "")),
        str(predicate.get("person", "")),
        str(predicate.get("boundary", "")),
    )
