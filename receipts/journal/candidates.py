"""Candidates for a release in the log: proposed to people, approved, refused, withdrawn, applied.

Each word about one is a statement of its own. One that has ended, or is past its time, gives up its files: an `erasure`
says so.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from contracts.canonical import new_id, sha256
from contracts.errors import AilyusError
from policies.passkey import sign_count
from policies.release_approval import ReleaseApproval
from receipts.journal.journal import Journal
from receipts.journal.registry import count_use
from receipts.statement import candidates
from receipts.statement.candidates import CandidateRecord
from receipts.statement.gateway_facts import CandidateFacts, ErasureFacts
from receipts.statement.statement import SignedStatement
from receipts.store.transaction import Conflict, Txn

KEPT: Final = 50
"""How many of the last candidates are looked at."""


class CandidateLog:
    """The candidates of one log."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def find(self, digest: str) -> CandidateRecord | None:
        """A candidate by its digest."""
        trusted = self._journal.store.keys
        return await self._journal.store.read_aside(lambda read: candidates.find(read, digest, trusted))

    async def newest(self, since_ms: int = 0) -> list[CandidateRecord]:
        """The last candidates that were proposed since then, the newest first."""
        trusted = self._journal.store.keys
        return await self._journal.store.read_aside(lambda read: candidates.newest(read, trusted, KEPT, since_ms))

    async def package(self, record: CandidateRecord) -> bytes:
        """All that was proposed; raises `not_found` where it is erased."""
        trusted = self._journal.store.keys
        return await self._journal.store.read_aside(lambda read: candidates.package_of(read, record, trusted))

    async def propose(self, facts: CandidateFacts, package: bytes, over: Sequence[CandidateRecord]) -> None:
        """Log a candidate with its files; those that are `over` give theirs up. Raises `used` for one that is known."""
        sealed = self._sealed(facts, {candidates.PACKAGE: package}, (candidates.MARK, facts.candidate))

        def work(txn: Txn) -> None:
            if candidates.newest_leaf(txn, facts.candidate) != -1:
                raise Conflict
            sealed.insert(txn)
            for one in over:
                self._erase(txn, one)

        try:
            await self._journal.write((), work)
        except Conflict:
            hint = "sign it anew, and propose that: `ailyus release propose --as PERSON`"
            raise AilyusError("used", "this signed release was proposed already", hint=hint) from None

    async def say(
        self,
        record: CandidateRecord,
        facts: CandidateFacts,
        signed: ReleaseApproval | None = None,
        shown: bytes | None = None,
    ) -> None:
        """Log a word about a candidate as it is known; raises `used` where somebody said something meanwhile.

        `signed` is what a person signed, `shown` what they were shown. What ends it takes its files.
        """
        evidence = {candidates.APPROVAL: signed.model_dump_json().encode()} if signed is not None else {}
        if shown is not None:
            evidence["shown"] = shown
        sealed = self._sealed(facts, evidence, (facts.candidate,))
        ends = facts.event in ("refused", "withdrawn", "applied")

        def work(txn: Txn) -> None:
            # INVARIANT 2: everybody counts once, whatever two requests at once have read
            # guard: one word at a time
            if candidates.newest_leaf(txn, record.digest) != record.newest:
                raise Conflict
            if signed is not None and signed.assertion is not None:
                count_use(txn, signed.keyid, sign_count(signed.assertion))
            sealed.insert(txn)
            if ends:
                self._erase(txn, record)

        try:
            await self._journal.write((), work)
        except Conflict:
            raise AilyusError("used", "somebody said something about it meanwhile", hint="look at it again") from None

    def _erase(self, txn: Txn, record: CandidateRecord) -> None:
        if not candidates.erase_package(txn, record):
            return
        erased, subject = ErasureFacts(receipt=record.receipt, labels=(candidates.PACKAGE,)), record.receipt
        notary, digest = self._journal.notary, sha256(subject.encode())
        notary.sign_gateway_statement(erased, new_id("rcp"), "", {subject: digest}, txn.now_ms).insert(txn)

    def _sealed(
        self, facts: CandidateFacts, evidence: Mapping[str, bytes] = MappingProxyType({}), search: tuple[str, ...] = ()
    ) -> SignedStatement:
        at_ms, subject = self._journal.store.now_ms(), {"candidate": facts.candidate}
        return self._journal.notary.sign_gateway_statement(facts, new_id("rcp"), "", subject, at_ms, evidence, search)
