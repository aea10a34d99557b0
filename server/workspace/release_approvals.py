"""The approvals that a release needs before it becomes live, under the policies and people of the live one.

`Activation` asks when a signed release is to become live, and the command line when one is signed or approved. It
verifies each approval that a release brings: one that does not count is an error, and not left out.

- What decides is live already: its `release.cedar`, its people and their roles (invariant 8). A release that brings
  weaker policies, or new people, is decided by the former ones.
- Nobody approves what they signed, and everybody counts once.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from contracts.errors import AilyusError
from policies.principal import Key, Person
from policies.receipt_policy import FILE as RECEIPTS_FILE
from policies.receipt_policy import ReceiptPolicies
from policies.release import Release
from policies.release_approval import CandidateApprovalDocument, ReleaseApproval, ReleaseSubject, check_approval
from policies.release_diff import release_changes
from policies.release_policy import FILE, RISK, ReleaseDecision, ReleasePolicies, ReleaseRequest
from policies.signed_release import SignedRelease
from receipts.journal.journal import Journal
from receipts.log.log_keys import LogKeys
from receipts.statement import candidates
from receipts.statement.releases import ReleaseRecord, authors, newest, opened
from receipts.store.row import Read
from server.workspace.release_acceptance import AHEAD_MS
from server.workspace.release_comparison import content_of, is_content
from server.workspace.release_package import ReleasePackage
from server.workspace.release_settings import SETTINGS, ReleaseSettings
from server.workspace.release_statement import release_evidence
from server.workspace.roots import trusted_keys
from server.workspace.stores import is_made, reading
from server.workspace.workspace import Workspace

_POLICY = "policy/" + FILE
_READERS = "policy/" + RECEIPTS_FILE
_PERMITTED = ReleaseDecision(True, (), ())


@dataclass(frozen=True, slots=True)
class LiveRules:
    """What the live release says about the next one: its policies, its people, and what it consists of."""

    policies: ReleasePolicies
    settings: ReleaseSettings
    receipts: ReceiptPolicies
    evidence: Mapping[str, bytes] = field(repr=False)

    @classmethod
    def read(cls, read: Read, record: ReleaseRecord, keys: LogKeys) -> "LiveRules | None":
        """As the log keeps them; None where an earlier version kept no people. Raises `AilyusError`."""
        evidence = opened(read, record, keys, is_content)
        if SETTINGS not in evidence:
            return None
        settings = ReleaseSettings.decode(evidence[SETTINGS])
        policies = ReleasePolicies.of(evidence.get(_POLICY, b"").decode(), settings.roles)
        readers = evidence.get(_READERS)
        receipts = ReceiptPolicies.of(readers.decode() if readers is not None else None, settings.roles)
        return cls(policies, settings, receipts, evidence)

    def person(self, name: str) -> Person | None:
        """A person as the live release declares them."""
        found = self.settings.people.get(name)
        if found is None:
            return None
        return found.person(name)

    def decide(
        self, following: "NextRelease", approvals: Mapping[str, int], oldest_seconds: int = 0
    ) -> ReleaseDecision:
        """May it become live with these verified approvals?"""
        release = following.release
        after = content_of(release_evidence(release, following.sources, None))
        changes = release_changes(content_of(self.evidence), after)
        author = self.person(following.author) or release.people.by_name[following.author]
        request = ReleaseRequest(
            author.name,
            author.tenant,
            author.roles,
            release.origin,
            risk=max((change.risk for change in changes), key=lambda risk: RISK[risk], default=""),
            widens=any(change.widens != "no" for change in changes),
            rollback=following.rollback,
            parts=frozenset(change.noun for change in changes),
            change_freeze=self.settings.change_freeze,
            at_ms=following.at_ms,
        )
        return self.policies.decide(request, approvals, oldest_seconds)


@dataclass(frozen=True, slots=True)
class NextRelease:
    """A release that its author wants to make live at a time; `rollback`: the log says that it was live before."""

    release: Release
    sources: Mapping[str, bytes]
    author: str
    at_ms: int
    rollback: bool


def needs_of(
    workspace: Workspace, release: Release, sources: Mapping[str, bytes], signed: SignedRelease, at_ms: int
) -> ReleaseDecision:
    """What the live release still asks for, with the approvals that are there taken at their word.

    For whoever signs, approves or starts, so that they know it before: `require_approved` decides. Raises
    `AilyusError`.
    """
    nothing = _PERMITTED
    if not workspace.settings.has_database and not workspace.store.exists():
        return nothing
    with reading(workspace) as read:
        keys = trusted_keys(workspace, read)
        last = newest(read, keys) if is_made(workspace, read) else None
        rules = LiveRules.read(read, last, keys) if last is not None else None
        if rules is None or not rules.policies.nodes:
            return nothing
        is_former = bool(authors(read, release.digest, keys))
    following = NextRelease(release, sources, signed.document.author, at_ms, is_former)
    return rules.decide(following, Counter(one.document.role for one in signed.approvals))


async def require_approved(
    journal: Journal, release: Release, signed: SignedRelease, sources: Mapping[str, bytes]
) -> None:
    """Raise `AilyusError` unless the live release permits this one with the approvals that it brings."""
    decision = await decide_release(journal, release, signed, sources)
    if not decision.permitted:  # guard: approvals of a release
        hint = (
            "people sign it at the console: `ailyus release propose --as PERSON`; or with key files:"
            " `ailyus release approve --as PERSON` on the signed files, and then apply them again"
        )
        raise AilyusError("not_approved", f"the release is not approved: {decision.says}", hint=hint)


async def decide_release(
    journal: Journal, release: Release, signed: SignedRelease, sources: Mapping[str, bytes]
) -> ReleaseDecision:
    """What the live release says of this one with the approvals that it brings. Raises for one that does not count."""
    store, last = journal.store, await journal.registry.newest()
    trusted, now = store.keys, store.now_ms()
    if last is None:
        return _PERMITTED

    def look(read: Read) -> tuple[LiveRules | None, bool]:
        return LiveRules.read(read, last, trusted), bool(authors(read, release.digest, trusted))

    rules, is_former = await store.read_aside(look)
    if rules is None or not (rules.policies.nodes or signed.approvals):
        return _PERMITTED
    subject = subject_of_release(release, signed, sources, last)
    counts = await _counted(journal, rules, release, signed, subject)
    oldest = max((now - one.document.at_ms for one in signed.approvals), default=0) // 1000
    following = NextRelease(release, sources, signed.document.author, now, is_former)
    return await asyncio.to_thread(rules.decide, following, counts, max(0, oldest))


def subject_of_release(
    release: Release, signed: SignedRelease, sources: Mapping[str, bytes], live: ReleaseRecord
) -> ReleaseSubject:
    """What approvals of this release are bound to, now that another one is live."""
    package = ReleasePackage.of(release, sources).model_copy(update={"signed": signed})
    return ReleaseSubject(release.origin, signed.document.digest, package.digest, live.digest, live.leaf)


async def _counted(
    journal: Journal, rules: LiveRules, release: Release, signed: SignedRelease, subject: ReleaseSubject
) -> dict[str, int]:
    """How many people approved in each role. Raises `AilyusError` for an approval that does not count."""
    keys: Mapping[str, Key] = await journal.registry.keys()
    counts: dict[str, int] = {}
    seen, now = {signed.document.author}, journal.store.now_ms()
    for approval in signed.approvals:
        document = approval.document
        if document.approver in seen:  # guard: everybody approves once, and no author
            sentence = f"`{document.approver}` signed or approved this release already"
            raise AilyusError("self_approval", sentence, hint="another person approves it")
        seen.add(document.approver)
        _check_time(approval, signed, now)
        if approval.keyid not in keys:
            hint = "link it while the gateway runs: `ailyus person enrol --as PERSON`"
            raise AilyusError("unlinked_key", f"the key of `{document.approver}` is not linked", hint=hint)
        check_approval(approval, subject, keys[approval.keyid], now, development=release.development)
        await _check_logged(journal, approval)
        # INVARIANT 8: who approves is somebody already, and not by what is being released
        person = rules.person(document.approver)
        if person is None:
            raise AilyusError("unknown_person", f"`{document.approver}` is nobody under the live release")
        held = await journal.roles.fresh(person)
        # guard: who only reads approves no release
        rules.receipts.require_decider(replace(person, roles=held))
        if document.role not in held:  # guard: roles that approve a release
            raise AilyusError("wrong_role", f"`{document.approver}` does not hold the role `{document.role}`")
        counts[document.role] = counts.get(document.role, 0) + 1
    return counts


async def _check_logged(journal: Journal, approval: ReleaseApproval) -> None:
    """What was signed at the console counts as long as its candidate waits, and nobody took it back."""
    document, trusted = approval.document, journal.store.keys
    if not isinstance(document, CandidateApprovalDocument):
        return
    record = await journal.store.read_aside(lambda read: candidates.find(read, document.candidate, trusted))
    # INVARIANT 2: the bytes of an approval that was taken back, or of a candidate that was refused, never count again
    # guard: an approval of a candidate that waits
    if record is None or record.lost or record.end is not None or approval not in record.approvals:
        hint = "propose it anew: `ailyus release propose --as PERSON`"
        raise AilyusError("used", f"the approval of `{document.approver}` was taken back, or is over", hint=hint)


def _check_time(approval: ReleaseApproval, signed: SignedRelease, now_ms: int) -> None:
    at_ms = approval.document.at_ms
    if at_ms > now_ms + AHEAD_MS or at_ms < signed.document.at_ms - AHEAD_MS:
        hint = "correct the clock and approve again"
        raise AilyusError("not_released", "the approval has a time that cannot be right", hint=hint)
