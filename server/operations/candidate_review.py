"""The review of a candidate for a release: how it stands, what it changes, what is asked for, and what is there.

`Candidates` and the console call it before anything is signed or shown. It writes nothing.

- What waits MUST have been compared with the live release (invariant 8).
- What is built MUST be what the log says was proposed.
"""

import asyncio
import secrets
from dataclasses import dataclass
from typing import Final, Literal

from contracts.errors import CODES, AilyusError
from policies.approval_document import Display
from policies.release import Release
from policies.release_approval import CandidateApprovalDocument, ReleaseApproval, ReleaseSubject
from policies.release_content import Noun, ReleaseContent
from policies.release_diff import ReleaseChange, release_changes
from policies.release_policy import ReleaseDecision
from policies.signed_release import SignedRelease
from receipts.journal.candidates import CandidateLog
from receipts.journal.journal import Journal
from receipts.statement.candidates import CandidateRecord, End
from receipts.statement.releases import ReleaseRecord
from receipts.store.row import Read
from server.workspace.file_comparison import FileDifference, file_differences
from server.workspace.release_approvals import decide_release, subject_of_release
from server.workspace.release_archive import archived
from server.workspace.release_comparison import content_of, recorded_content
from server.workspace.release_display import release_display
from server.workspace.release_package import ReleasePackage
from server.workspace.release_statement import release_evidence
from server.workspace.workspace import Workspace

VALID_MS: Final = 3 * 86_400_000
"""How long a candidate waits for people: three days."""
_BUILT: Final = 4
"""How many candidates are kept built."""
_OWNED: Final[tuple[Noun, ...]] = ("connection", "person")
Standing = Literal["waiting", "stale", "expired"] | End


@dataclass(frozen=True, slots=True)
class ReleaseComparison:
    """What a candidate changes; `own` is about one tenant, and `whole` says that this tenant may see all of it.

    `files` are the differences of its files, for whoever may see all of it.
    """

    changes: tuple[ReleaseChange, ...]
    own: tuple[ReleaseChange, ...]
    whole: bool
    files: tuple[FileDifference, ...]


@dataclass(frozen=True, slots=True)
class CandidateReview:
    """One candidate, compared with the live release: what it changes, what is asked for, and what is there.

    `fault` is why an approval that was given no longer counts.
    """

    record: CandidateRecord
    comparison: ReleaseComparison
    display: Display
    subject: ReleaseSubject
    signed: SignedRelease
    asked: ReleaseDecision
    decision: ReleaseDecision
    fault: AilyusError | None

    @property
    def roles(self) -> frozenset[str]:
        """The roles in which it can be approved or refused."""
        return frozenset(role for need in self.asked.needs for role, _ in need)

    @property
    def approvers(self) -> tuple[str, ...]:
        """Who has approved it, with a key file or at the console."""
        return tuple(one.document.approver for one in self.signed.approvals)

    def why_ineligible(self, person: str) -> AilyusError | None:
        """Why this person may not sign it: by code, not by policy."""
        if person == self.signed.document.author:  # guard: who proposes does not approve
            return AilyusError("self_approval", "you propose this release", hint="another person approves it")
        if person in self.approvers:
            return AilyusError("used", "you have approved it", hint="everybody counts once and for one role")
        return None

    def document(self, approver: str, role: str, at_ms: int) -> CandidateApprovalDocument:
        """What this person would sign now, as an approval without a comment."""
        return CandidateApprovalDocument(
            purpose="ailyus-release-candidate-v1",
            origin=self.subject.origin,
            signed=self.subject.signed,
            candidate=self.subject.candidate,
            live=self.subject.live,
            after=self.subject.after,
            display_digest=self.display.digest,
            approver=approver,
            role=role,
            verdict="approve",
            comment="",
            at_ms=at_ms,
            expires_ms=self.record.proposed.expires_ms,
            nonce=secrets.token_hex(16),
        )


class CandidateReviews:
    """Looks at candidates."""

    def __init__(self, workspace: Workspace, journal: Journal) -> None:
        self._workspace = workspace
        self._journal = journal
        self.log = CandidateLog(journal)
        self._built: dict[str, tuple[ReleasePackage, Release]] = {}

    async def newest(self) -> list[tuple[CandidateRecord, Standing]]:
        """The last candidates, the newest first, and how each stands."""
        live = await self.live()
        return [(record, self._standing(record, live)) for record in await self.log.newest()]

    async def open(self) -> list[CandidateRecord]:
        """The candidates that wait, the newest first; one look at the log where none was proposed of late."""
        found = await self.log.newest(self._journal.store.now_ms() - VALID_MS)
        live = await self.live() if found else None
        return [record for record in found if live is not None and self._standing(record, live) == "waiting"]

    async def named(self, beginning: str) -> str:
        """The digest of the one candidate whose digest begins so. Raises `not_found`."""
        found = [record.digest for record in await self.log.newest() if record.digest.startswith(beginning)]
        if len(found) != 1 or not beginning:
            sentence = f"{len(found)} candidates begin with `{beginning[:64]}`"
            raise AilyusError("not_found", sentence, hint="see the page Releases of the console")
        return found[0]

    async def standing(self, digest: str) -> tuple[CandidateRecord, Standing]:
        """A candidate as it stands. Raises `not_found`."""
        record = await self.log.find(digest)
        if record is None:
            raise AilyusError("not_found", "there is no such candidate", hint="see the page Releases")
        return record, self._standing(record, await self.live())

    async def review(self, digest: str, tenant: str = "") -> CandidateReview:
        """A candidate that waits, looked at afresh; `tenant` is whose changes are told apart. Raises `AilyusError`."""
        record, live = await self.waiting(digest), await self.live()
        package, release = await self.candidate(record)
        bare, journal = package.signed, self._journal
        if bare is None:
            raise AilyusError("store_corrupt", "nobody has signed what was proposed")
        signed, files = with_approvals(bare, record.approvals), package.files
        comparison = await self.compared(package, release, live, tenant)
        asked = await decide_release(journal, release, bare.model_copy(update={"approvals": ()}), files)
        decision, fault = asked, None
        try:
            decision = await decide_release(journal, release, signed, files)
        except AilyusError as error:
            fault = error
        subject = subject_of_release(release, signed, files, live)
        display = release_display(record.proposed, comparison.changes)
        return CandidateReview(record, comparison, display, subject, signed, asked, decision, fault)

    async def waiting(self, digest: str) -> CandidateRecord:
        """A candidate that waits. Raises `AilyusError` for any other."""
        record, standing = await self.standing(digest)
        if standing != "waiting":
            raise _over(record, standing)
        return record

    def _standing(self, record: CandidateRecord, live: ReleaseRecord) -> Standing:
        if record.end is not None:
            return record.end
        if self._journal.store.now_ms() >= record.proposed.expires_ms:
            return "expired"
        # in a restored store nobody knows who took an approval back after the backup
        if record.lost:  # guard: a candidate from before a loss
            return "stale"
        # guard: a candidate is against the live release
        if (record.proposed.live, record.proposed.after) != (live.digest, live.leaf):
            return "stale"
        return "waiting"

    async def live(self) -> ReleaseRecord:
        """The live release as the log says it. Raises `not_released` where there is none."""
        live = await self._journal.registry.newest()
        if live is None:
            raise AilyusError("not_released", "nothing is released yet")
        return live

    async def candidate(self, record: CandidateRecord) -> tuple[ReleasePackage, Release]:
        """What was proposed, built; it is what its statement says."""
        known = self._built.get(record.digest)
        if known is None:
            package = ReleasePackage.model_validate_json(await self.log.package(record))
            if package.digest != record.digest:
                raise AilyusError("store_corrupt", "the files of a candidate are not those that were proposed")
            known = package, await asyncio.to_thread(package.built, self._workspace)
            while len(self._built) >= _BUILT:
                self._built.pop(next(iter(self._built)))
            self._built[record.digest] = known
        return known

    async def compared(
        self, package: ReleasePackage, release: Release, live: ReleaseRecord, tenant: str = ""
    ) -> ReleaseComparison:
        """Everything that it changes, and what one tenant may see of that."""
        trusted = self._journal.store.keys

        def compare(read: Read) -> ReleaseComparison:
            before = recorded_content(read, live, trusted)
            after = content_of(release_evidence(release, package.files, None))
            changes = release_changes(before, after)
            own = release_changes(before.of_tenant(tenant), after.of_tenant(tenant))
            alone = {*_tenants(before), *_tenants(after)} == {tenant}
            # of a file of tests its name alone is told
            whole = alone or all(change in own or change.noun == "tests" for change in changes)
            files = file_differences(archived(read, live, trusted).sources, package.files) if whole else ()
            return ReleaseComparison(changes, own, whole, files)

        return await self._journal.store.read_aside(compare)


def _tenants(content: ReleaseContent) -> set[object]:
    """Whose people and connections there are."""
    return {facts.get("tenant") for noun in _OWNED for facts in content.parts.get(noun, {}).values()}


def with_approvals(signed: SignedRelease, approvals: tuple[ReleaseApproval, ...]) -> SignedRelease:
    """A signed release with further approvals."""
    for approval in approvals:
        signed = signed.approved(approval)
    return signed


def _over(record: CandidateRecord, standing: Standing) -> AilyusError:
    """Why a candidate waits no more."""
    if standing == "stale":
        return AilyusError(
            "stale", "something was released, or a loss accepted, since this was proposed", hint=CODES["stale"]
        )
    if standing == "expired":
        return AilyusError("expired", "the candidate is past its time", hint=CODES["stale"])
    by = f" by {record.ended_by}" if record.ended_by else ""
    return AilyusError("used", f"the candidate was {standing}{by}", hint="look at what is released now")
