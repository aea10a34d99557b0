"""A log with one action that a person approved, as a proof file and as its statements."""

from dataclasses import dataclass
from pathlib import Path

from contracts.canonical import new_id
from policies.approval import SignedApproval, sign_binding
from policies.principal import Key, keyid_of
from receipts.action.action import Action
from receipts.audit.proof import ProofFile, write_proof
from receipts.audit.proof_statement import ProofStatement, statement_of
from receipts.audit.roots import Roots
from receipts.journal.journal import Journal
from receipts.journal.registry import insert_key
from receipts.log.checkpoint import LogProof
from receipts.log.signing import Envelope
from receipts.statement.action_facts import DecisionFacts
from receipts.statement.gateway_facts import KeyFacts
from receipts.statement.statement import StatementSubject
from receipts.store.transaction import Txn
from tests.free import free
from tests.receipts.making import KEY, SIGNER, action, approval, intend, journal_at, told
from tests.receipts.stages import end, stored

PUBLIC = KEY.public_key().public_bytes_raw()
LEAD = Key(keyid_of(PUBLIC), PUBLIC, "lead", "file")
ROOTS = Roots(origin="ailyus.test", keys={SIGNER.keyid: SIGNER.public.hex()})


@dataclass(frozen=True, slots=True)
class Approved:
    """A journal, one action in it that was approved, sent and confirmed, and its approval."""

    journal: Journal
    action: Action
    approval: SignedApproval

    async def file(self, receipt: str | None = None, *, disclose: bool = True, since: int | None = None) -> ProofFile:
        """The proof file of a receipt; of the action's first without one."""
        wanted = receipt or await self.receipt("approval_required")
        return await self.journal.store.read_aside(lambda read: write_proof(read, wanted, since, disclose))

    async def receipt(self, status: str) -> str:
        """The receipt of the action with this status."""
        ((receipt,),) = await self.journal.store.read(
            "SELECT id FROM statements WHERE action_id = ? AND status = ?", self.action.id, status
        )
        return str(receipt)


async def approved(path: Path) -> Approved:
    """An action in a new store that `lead` approved, and that was sent and confirmed."""
    journal = await journal_at(path)
    holder = journal.notary.pseudonym("acme", "person", "lead")
    link = KeyFacts(event="linked", keyid=LEAD.keyid, public=PUBLIC.hex(), key_kind="file", holder=holder)
    linked = journal.notary.sign_gateway_statement(
        link, new_id("rcp"), "acme", {LEAD.keyid: "0" * 64}, 1, {"person": b"lead"}
    )

    def work(txn: Txn) -> None:
        insert_key(txn, LEAD)
        linked.insert(txn)

    await journal.store.write(work)
    of = action()
    about = StatementSubject(of.request, of.id, "release-1", True, "OktaUser", "00u1", "ann@acme.test")
    asked = journal.notary.seal(
        DecisionFacts(called_ms=1), new_id("rcp"), about, status="approval_required", changed=None, at_ms=1,
        evidence={"asked": b"{}"},
    )  # fmt: skip
    await journal.request_approval(of, asked, b"{}", told("approval_required"), 2**50)
    plain = approval(of).binding
    subject = plain.subject.model_copy(update={"origin": "ailyus.test", "params": dict(of.request.params)})
    signed = sign_binding(plain.model_copy(update={"subject": subject}), KEY, SIGNER.keyid)
    facts = DecisionFacts(approval=signed.id, role="SecurityLead", keyid=signed.keyid, approver=holder)
    said = journal.notary.seal(
        facts, new_id("rcp"), about, status="approved", changed=None, at_ms=2,
        evidence={"approval": signed.model_dump_json().encode()},
    )  # fmt: skip
    await journal.approve(await stored(journal, of), signed, said, True, 0)
    intent = journal.notary.seal(
        free("intent", {"approvals": [signed.id]}), new_id("rcp"), about, status="running", changed=None, at_ms=3,
        evidence={},
    )  # fmt: skip
    await intend(journal, await stored(journal, of), approvals=[signed], sealed=intent)
    await end(journal, await stored(journal, of))
    return Approved(journal, await stored(journal, of), signed)


def stated(file: ProofFile) -> list[ProofStatement]:
    """The statements of a file, whose signatures hold."""
    return [statement_of(Envelope.decode(e.envelope.encode()), LogProof.parse(e.proof).index) for e in file.statements]
