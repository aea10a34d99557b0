"""What the HTTP API answers, as documents; `description.py` describes them as OpenAPI."""

from pydantic import BaseModel, ConfigDict, JsonValue

from receipts.action.action import Action
from receipts.statement.entries import LogEntry
from receipts.statement.evidence import EvidenceSize
from receipts.tables.receipt_search import FoundReceipt, ReceiptPage


class ApiDocument(BaseModel):
    """An answer: it has these fields and no other."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ApiReceipt(ApiDocument):
    """One signed statement. `log_index` is its place in the log, `says` the sentence of its action."""

    receipt: str
    log_index: int
    kind: str
    status: str
    changed: bool | None
    at_ms: int
    action: str | None
    says: str
    tenant: str
    agent: str
    person: str
    contract: str

    @classmethod
    def of(cls, one: FoundReceipt) -> "ApiReceipt":
        """A receipt that was found."""
        return cls(
            receipt=one.receipt_id,
            log_index=one.leaf_index,
            kind=one.kind,
            status=one.status,
            changed=one.changed,
            at_ms=one.at_ms,
            action=one.action_id,
            says=one.sentence.quoted if one.sentence else "",
            tenant=one.tenant,
            agent=one.agent,
            person=one.person,
            contract=one.contract,
        )


class ApiReceiptPage(ApiDocument):
    """Some receipts, newest first. `older` and `newer` are the places from which the pages beside this one begin.

    `of_newest`: a search by words, a record or an approver looked at so many actions, the newest.
    """

    receipts: list[ApiReceipt]
    older: int | None
    newer: int | None
    of_newest: int | None

    @classmethod
    def of(cls, page: ReceiptPage) -> "ApiReceiptPage":
        """A page of the search."""
        found = [ApiReceipt.of(one) for one in page.rows]
        return cls(receipts=found, older=page.older, newer=page.newer, of_newest=page.of_newest)


class ApiEvidence(ApiDocument):
    """A piece of evidence: its label, and how large it is. A bundle holds what it says."""

    label: str
    bytes: int


class ApiReceiptDetail(ApiDocument):
    """One receipt: in sentences, as the signed statement, and as the DSSE envelope with its signature."""

    receipt: str
    log_index: int
    kind: str
    status: str
    at_ms: int
    action: str | None
    summary: list[str]
    statement: dict[str, JsonValue]
    envelope: dict[str, JsonValue]
    evidence: list[ApiEvidence]


class ApiStatement(ApiDocument):
    """One statement about an action."""

    receipt: str
    log_index: int
    kind: str
    status: str
    at_ms: int

    @classmethod
    def of(cls, one: LogEntry) -> "ApiStatement":
        """A statement of the log."""
        return cls(receipt=one.receipt, log_index=one.leaf_index, kind=one.kind, status=one.status, at_ms=one.at_ms)


class ApiAction(ApiDocument):
    """One action and every statement about it. `reason` and `inputs` are null for whoever reads no evidence."""

    action: str
    says: str
    state: str
    status: str
    tenant: str
    agent: str
    person: str
    contract: str
    connection: str
    kind: str
    risk: str
    plan: str | None
    created_ms: int
    statements: list[ApiStatement]
    reason: str | None
    inputs: dict[str, JsonValue] | None

    @classmethod
    def of(cls, action: Action, statements: list[LogEntry], *, opened: bool) -> "ApiAction":
        """An action; `opened`: with what is evidence."""
        request = action.request
        return cls(
            action=action.id,
            says=action.sentence.quoted if action.sentence else "",
            state=action.state,
            status=action.status,
            tenant=request.tenant,
            agent=request.agent,
            person=request.person,
            contract=request.contract,
            connection=request.connection,
            kind=request.kind,
            risk=request.risk,
            plan=action.step.plan_id if action.step else None,
            created_ms=action.created_ms,
            statements=[ApiStatement.of(one) for one in statements],
            reason=request.reason if opened else None,
            inputs=dict(request.params) if opened else None,
        )


class ApiFault(ApiDocument):
    """Why nothing is answered: a code, a sentence, and what to do."""

    code: str
    sentence: str
    hint: str


def receipt_detail(
    entry: LogEntry,
    summary: list[str],
    statement: dict[str, JsonValue],
    evidence: list[EvidenceSize],
    envelope: dict[str, JsonValue],
) -> ApiReceiptDetail:
    """One receipt with all that is said of it."""
    return ApiReceiptDetail(
        receipt=entry.receipt,
        log_index=entry.leaf_index,
        kind=entry.kind,
        status=entry.status,
        at_ms=entry.at_ms,
        action=entry.action_id,
        summary=summary,
        statement=statement,
        envelope=envelope,
        evidence=[ApiEvidence(label=one.label, bytes=one.size) for one in evidence],
    )
