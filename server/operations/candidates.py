"""Candidates for a release: proposed by their author, signed by further people at the console, and then made live.

The admin socket and the console call it. It makes nothing live itself: `Releases` does, which checks every signature
again. What was proposed, and each word about it, stands in the log (`receipts/statement/candidates.py`).

- What is signed MUST be what was shown, about this candidate and this live release (invariant 2).
- A candidate that was compared with another release than the live one MUST NOT become live (invariant 8).
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from contracts.errors import AilyusError
from policies.passkey import Assertion
from policies.principal import Person
from policies.release_approval import CandidateApprovalDocument, ReleaseApproval, check_word
from receipts.statement.candidates import CandidateRecord, End
from receipts.statement.gateway_facts import CandidateFacts
from receipts.tables import shadows
from receipts.tables.shadows import ShadowRecord
from server.operations.candidate_review import VALID_MS, CandidateReview, CandidateReviews, with_approvals
from server.operations.form_signature import FormSignature, signing_key
from server.operations.releases import Releases
from server.operations.shadow import Shadow
from server.workspace.release_acceptance import accept
from server.workspace.release_approvals import decide_release
from server.workspace.release_checks import require_sound
from server.workspace.release_display import release_display
from server.workspace.release_files import run_tests_of
from server.workspace.release_package import ReleasePackage
from server.workspace.workspace import Workspace

MAX_WAITING: Final = 5
"""How many candidates may wait at once."""
_BUILT: Final = 4
"""How many candidates are kept built."""
Standing = Literal["waiting", "stale", "expired"] | End


class CandidateWord(BaseModel):
    """A person's word about a candidate, as the console sends it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    document: CandidateApprovalDocument
    keyid: str
    assertion: Assertion


class Candidates:
    """What waits to become the live release."""

    def __init__(self, workspace: Workspace, releases: Releases, console: Callable[[], str], shadow: Shadow) -> None:
        self.workspace = workspace
        self.releases = releases
        self.shadow = shadow
        self._journal = releases.runner.journal
        self._console = console
        self.reviews = CandidateReviews(workspace, self._journal)

    def page(self, digest: str) -> str:
        """Where people sign it; empty while the console is not served."""
        return f"{self._console()}/releases/{digest}" if self._console() else ""

    async def propose(self, package: ReleasePackage) -> CandidateReview:
        """Put a signed package before people. Raises `AilyusError` for what could not be released."""
        signed, journal = package.signed, self._journal
        if signed is None:
            raise AilyusError("not_released", "nobody has signed what is proposed")
        release = await asyncio.to_thread(package.built, self.workspace)
        accepted = await accept(journal, release, signed)
        live = await self.reviews.live()
        if accepted.again:
            raise AilyusError("not_released", "this is the live release already", hint="nothing needs to be done")
        await asyncio.to_thread(require_sound, self.workspace, release, True)
        await asyncio.to_thread(run_tests_of, release, package.files)
        others = await self.reviews.newest()
        if sum(standing == "waiting" for _, standing in others) >= MAX_WAITING:
            hint = "withdraw one: `ailyus release withdraw DIGEST`"
            raise AilyusError("overloaded", f"{MAX_WAITING} candidates wait already", hint=hint)
        facts = CandidateFacts(
            event="proposed",
            candidate=package.digest,
            release=release.digest,
            live=live.digest,
            after=live.leaf,
            by=signed.document.author,
            keyid=signed.keyid,
            signed=signed.document.digest,
            comment=signed.document.reason,
            expires_ms=journal.store.now_ms() + VALID_MS,
        )
        # what nobody could be shown, or nobody's approval would lift, waits for nobody
        release_display(facts, (await self.reviews.compared(package, release, live)).changes)
        decision = await decide_release(journal, release, signed, package.files)
        if not (decision.permitted or decision.needs):
            raise AilyusError("not_approved", f"nobody can approve it now: {decision.says}")
        over = [record for record, standing in others if standing in ("stale", "expired")]
        await self.reviews.log.propose(facts, package.model_dump_json().encode(), over)
        return await self.reviews.review(package.digest)

    async def decide(self, person: Person, word: CandidateWord) -> None:
        """Take a person's signed approval or refusal. Raises `AilyusError`; then it does not count."""
        document, journal = word.document, self._journal
        review = await self.reviews.review(document.candidate)
        # asked first: the passkey has counted on since then, and that says less to whoever sends it again
        if document.digest in review.record.taken_back:
            raise AilyusError("used", "this approval was taken back", hint="look at it again and sign anew")
        signature = FormSignature(document.approver, document.at_ms, word.keyid, word.assertion)
        key, now = await signing_key(journal, person, signature), journal.store.now_ms()
        approval = ReleaseApproval(document=document, public=key.public.hex(), assertion=word.assertion)
        development = self.releases.runner.release.development
        check_word(approval, review.subject, key, now, development=development)
        expected = (review.display.digest, review.record.proposed.expires_ms)
        # guard: what is signed was shown
        if (document.display_digest, document.expires_ms) != expected:
            raise AilyusError("state_changed", "what was signed is not what is shown now", hint="open the page again")
        if (why := review.why_ineligible(person.name)) is not None:
            raise why
        held = review.roles & await journal.roles.fresh(person)
        if document.role not in held:
            raise AilyusError("wrong_role", f"the role `{document.role}` is not asked for, or not yours")
        refused = document.verdict == "refuse"
        if refused and not document.comment:
            raise AilyusError("bad_form", "a refusal needs a reason", hint="say why in the comment")
        facts = _word(review.record, "refused" if refused else "approved", person.name, document.comment)
        facts = facts.also({"role": document.role, "keyid": word.keyid, "signed": document.digest})
        await self.reviews.log.say(review.record, facts, approval, review.display.model_dump_json().encode())

    async def take_back(self, digest: str, person: str) -> None:
        """Take one's own approval back before the candidate is live."""
        record = await self.reviews.waiting(digest)
        mine = [one for one in record.approvals if one.document.approver == person]
        if not mine:
            raise AilyusError("unknown_approval", "there is no approval of yours for this candidate")
        document = mine[0].document
        facts = _word(record, "taken_back", person, "")
        await self.reviews.log.say(
            record, facts.also({"role": document.role, "keyid": mine[0].keyid, "signed": document.digest})
        )

    async def withdraw(self, digest: str, by: str, comment: str) -> None:
        """End a candidate without making it live; `by` is its author, or `terminal`."""
        record = await self.reviews.waiting(digest)
        await self.reviews.log.say(record, _word(record, "withdrawn", by, comment[:500]))

    async def apply(self, digest: str, by: str) -> bool:
        """Make it the live release with the approvals that it has. Raises `AilyusError`, and it goes on to wait."""
        record = await self.reviews.waiting(digest)
        package, _ = await self.reviews.candidate(record)
        bare = package.signed
        signed = None if bare is None else with_approvals(bare, record.approvals)
        changed = await self.releases.apply(package.model_copy(update={"signed": signed}))
        # it is live: who said something meanwhile came too late
        latest = await self.reviews.log.find(digest)
        if latest is not None and latest.end is None:
            await self.reviews.log.say(latest, _word(latest, "applied", by, ""))
        await self._end_shadow(digest, by)
        return changed

    async def begin_shadow(self, digest: str, by: str) -> None:
        """Let a candidate that waits decide beside the live release, in place of another one. Raises `AilyusError`."""
        record = await self.reviews.waiting(digest)
        package, _ = await self.reviews.candidate(record)
        shadow = ShadowRecord(
            name=f"candidate {digest[:12]}",
            by=by,
            digest=digest,
            began_ms=self._journal.store.now_ms(),
            package=package.model_dump_json(),
        )
        await self.shadow.begin(shadow)

    async def _end_shadow(self, digest: str, by: str) -> None:
        """What is live decides, and is no shadow any more."""
        with contextlib.suppress(AilyusError):  # it is live, whatever becomes of its shadow, which permits nothing
            found = await self._journal.store.read_aside(shadows.current)
            if found is not None and found.digest == digest:
                await self.shadow.end(by)


def _word(
    record: CandidateRecord,
    event: Literal["approved", "taken_back", "refused", "withdrawn", "applied"],
    by: str,
    comment: str,
) -> CandidateFacts:
    said = record.proposed
    return CandidateFacts(
        event=event,
        candidate=said.candidate,
        release=said.release,
        live=said.live,
        after=said.after,
        by=by,
        comment=comment,
    )
