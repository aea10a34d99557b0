"""Makes requests, journals and sealed statements for tests of the journal."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.action.dispatch import Dispatch
from contracts.action.http_request import HttpRequest
from contracts.action.observation import Observation
from contracts.action.request import ActionRequest, Caller
from contracts.canonical import new_id
from policies.approval import Binding, SignedApproval, Subject, sign_binding
from policies.decision import DecisionRecord, Permitted, ResourceFacts
from policies.signed_loss import LossDocument, sign_loss
from receipts.action.action import Action
from receipts.action.action_result import ActionResult
from receipts.action.status import Status
from receipts.journal.intent import Busy, DecisionBasis, IntentCommit, Stale
from receipts.journal.journal import Journal
from receipts.journal.loss import LossRecord, accept_loss
from receipts.journal.outcome import OutcomeCommit
from receipts.log.signing import Signer
from receipts.statement.facts import Kind
from receipts.statement.statement import SignedStatement, StatementSubject
from receipts.store.postgres import PostgresStore
from receipts.store.sqlite import SqliteStore
from receipts.store.store import Store
from tests.free import free

KEY = Ed25519PrivateKey.generate()
SIGNER = Signer(KEY)
CALLER = Caller("bot", "acme", "ann", "ann", frozenset(), frozenset())
HTTP = HttpRequest("POST", "http://127.0.0.1:1/x", (), b"")
BEFORE = Observation({}, 1, "separate_credential")
RECORD = DecisionRecord({"agent": (), "person": ()}, (), "s", "c", b"[]", b"[]")
PERMITTED = Permitted(ResourceFacts("T", "r", None, {}, None, "acme", "prod", False), RECORD)


def store_at(path: Path, database: str = "", clock: Any = None) -> Store:
    """The store of a file, or of a database beside which the file remembers what was seen."""
    if database:
        return PostgresStore(database, path, SIGNER, "ailyus.test", clock)
    return SqliteStore(path, SIGNER, "ailyus.test", clock)


async def journal_at(path: Path, clock: Any = None, database: str = "") -> Journal:
    journal = Journal(store_at(path, database, clock), SIGNER)
    await journal.load()
    sealed = journal.notary.sign_gateway_statement(
        free("release"), new_id("rcp"), "", {"r": "0" * 64}, journal.store.now_ms()
    )
    await journal.registry.activate("release-1", ["acme"], [], sealed)
    await journal.end_leases()
    return journal


def request(name: str = "r1", **more: Any) -> ActionRequest:
    fields: dict[str, Any] = {
        "contract": "reset", "version": 1, "contract_digest": "d", "kind": "write", "risk": "high", "tenant": "acme",
        "agent": "bot", "person": "ann", "owner": "ann", "connection": "okta", "target_digest": "t",
        "params": {"id": name}, "reason": None, "caller_key": None,
    }  # fmt: skip
    return ActionRequest(**{**fields, **more})


def action(name: str = "r1") -> Action:
    return Action(new_id("act"), request(name), CALLER, created_ms=1)


def told(status: Status) -> ActionResult:
    """What an agent would be told, in as few words as possible."""
    return ActionResult(status=status, summary="", next="", action_id=None, receipt_id=None)


def seal(journal: Journal, of: Action, kind: Kind, status: str) -> SignedStatement:
    about = StatementSubject(of.request, of.id, "release-1", True)
    return journal.notary.seal(
        free(kind), new_id("rcp"), about, status=status, changed=None, at_ms=journal.store.now_ms(), evidence={}
    )


async def intend(journal: Journal, of: Action, **how: Any) -> Dispatch:
    """The order that comes out of an intent that must be committed."""
    dispatch = await try_to_intend(journal, of, **how)
    assert isinstance(dispatch, Dispatch), dispatch
    return dispatch


async def try_to_intend(
    journal: Journal, of: Action, *, attempt: int = 1, approvals: Any = (), timeout_ms: int = 1000, **more: Any
) -> Dispatch | Busy | Stale:
    """The order, or why nothing was committed."""
    # looked at now, after whatever was written in the same millisecond
    before = more.pop("before", replace(BEFORE, at_ms=journal.store.now_ms() + 1))
    rendered = more.pop("rendered", HTTP)
    sealed = more.pop("sealed", None) or seal(journal, of, "intent", "running")
    intention = IntentCommit(
        of, PERMITTED, before, sealed, rendered, approvals,
        DecisionBasis("release-1", journal.epoch),
        route=0, attempt=attempt, timeout_ms=timeout_ms, settle_ms=100,
        deadline_ms=journal.store.now_ms() + timeout_ms, result=told("running"), **more,
    )  # fmt: skip
    return await journal.intend(intention)


async def conclude(journal: Journal, of: Action, fence: int, status: Status = "confirmed") -> None:
    await journal.record_outcome(
        OutcomeCommit(replace(of, fence=fence), seal(journal, of, "outcome", status), status, told(status), 0)
    )


def approval(of: Action, person: str = "lead", nonce: str = "n") -> SignedApproval:
    subject = Subject(
        origin="o", tenant="acme", action_id=of.id, action_digest=of.request.action_digest, contract="reset", version=1,
        contract_digest="d", target_digest="t", routes=(), resource_type="T", resource_id="r", params={}, agent="bot",
        person="ann", slice_digest="s", schema_digest="c", needs=(), pinned={}, display_digest="x",
    )  # fmt: skip
    binding = Binding(
        purpose="ailyus-approval-v1", subject=subject, approver=person, role="SecurityLead", verdict="approve",
        comment="", not_before_ms=0, expires_ms=2**50, nonce=nonce,
    )  # fmt: skip
    return sign_binding(binding, KEY, SIGNER.keyid)


async def lose(journal: Journal, remembered: int | None = None) -> LossRecord:
    """A loss as it is accepted, and the log read again as at a start."""
    document = LossDocument(
        origin="ailyus.test", remembered_size=remembered, remembered_root="a" * 64 if remembered else "",
        restored_size=journal.store.size, restored_root="b" * 64, person="lead", reason="the disk broke", at_ms=1,
        nonce="n",
    )  # fmt: skip
    record = await accept_loss(journal, sign_loss(document, KEY))
    await journal.ledger.load()
    await journal.controls.refresh()
    return record
