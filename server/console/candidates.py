"""The page of one candidate for a release: what it changes, who has signed it, and a person's own word."""

import asyncio
from collections.abc import Callable
from dataclasses import asdict

from pydantic import JsonValue
from starlette.responses import Response

from contracts.errors import AilyusError
from policies.principal import Person
from policies.receipt_policy import RECEIPTS
from receipts.statement.candidates import CandidateRecord
from server.console.estate import is_alone
from server.console.impact_rows import impact_rows
from server.console.redirection import redirect
from server.console.session import passkeys_of
from server.console.shadow import may_shadow, shadow_of
from server.console.visit import ConsoleRequest, Page, View
from server.operations.candidate_review import CandidateReview, Standing
from server.operations.candidates import Candidates, CandidateWord
from server.operations.policy_assurance import assurance_of
from server.operations.policy_impact import impact_of


class CandidatePages:
    """What is proposed as the next release, and people's decisions about it."""

    def __init__(self, candidates: Candidates, is_admin: Callable[[Person], bool]) -> None:
        self._candidates = candidates
        self._is_admin = is_admin
        # it takes a processor for seconds, which agents need too
        self._one_at_a_time = asyncio.Semaphore(1)

    def views(self) -> list[View]:
        """Where they are reached."""
        return [
            View("GET", "/releases/{candidate}", self.candidate),
            View("GET", "/releases/{candidate}/impact", self.impact, access=RECEIPTS),
            View("POST", "/releases/{candidate}/decide", self.decide),
            View("POST", "/releases/{candidate}/take-back", self.take_back),
            View("POST", "/releases/{candidate}/withdraw", self.withdraw),
            View("POST", "/releases/{candidate}/apply", self.apply),
        ]

    async def candidate(self, visit: ConsoleRequest) -> Page:
        """One candidate, compared afresh with the live release, and the document that is signed."""
        digest, reviews = visit.named("candidate"), self._candidates.reviews
        record, standing = await reviews.standing(digest)
        body: dict[str, object] = {**candidate_row(record, standing), "waiting": None, "shadow": None}
        runner = self._candidates.releases.runner
        body["may_edit"] = may_shadow(self._is_admin(visit.person), is_alone(runner.release, visit.tenant))
        if standing == "waiting":
            body["shadow"] = await shadow_of(runner.journal.store, runner.release, visit.person)
            review = await reviews.review(digest, visit.tenant)
            body["waiting"] = await self._waiting(visit, review)
        return Page("candidate.html", "A release is proposed", body)

    async def _waiting(self, visit: ConsoleRequest, review: CandidateReview) -> dict[str, object]:
        person, journal = visit.person, self._candidates.releases.runner.journal
        # INVARIANT 9: nobody is shown what is another tenant's, and nobody signs what they are not shown
        whole = review.comparison.whole
        roles = sorted(review.roles & await journal.roles.last_known(person))
        why_not = review.why_ineligible(person.name) or (None if whole else _others()) or _role(review, roles)
        lines = [line.model_dump() for line in review.display.lines] if whole else []
        document: dict[str, JsonValue] | None = None
        if why_not is None:
            document = review.document(person.name, roles[0], journal.store.now_ms()).model_dump(mode="json")
        return {
            "lines": lines,
            "alone": is_alone(self._candidates.releases.runner.release, visit.tenant),
            "files": [asdict(one) for one in review.comparison.files],
            "own": [change.says for change in review.comparison.own],
            "asked": "nobody else is asked" if review.asked.permitted else review.asked.says,
            "left": "" if review.decision.permitted else review.decision.says,
            "fault": None if review.fault is None else review.fault.sentence,
            "given": [
                {"person": name, "role": role, "comment": comment, "mine": name == person.name, "here": here}
                for name, role, comment, here in _given(review)
            ],
            "roles": roles,
            "document": document,
            "why_not": None if why_not is None else {"sentence": why_not.sentence, "hint": why_not.hint},
            "keys": passkeys_of((await journal.registry.keys()).values(), person),
            "author": person.name == review.record.proposed.by,
            "admin": self._is_admin(person),
            "ready": review.fault is None and review.decision.permitted,
        }

    async def impact(self, visit: ConsoleRequest) -> Page:
        """What a candidate that waits would have made of the newest recorded decisions, for whoever may see it all."""
        digest, reviews = visit.named("candidate"), self._candidates.reviews
        package, release = await reviews.candidate(await reviews.waiting(digest))
        runner = self._candidates.releases.runner
        live = runner.release
        # INVARIANT 9: what it makes of other tenants' decisions is theirs
        if not (is_alone(live, visit.tenant) and is_alone(release, visit.tenant)):  # guard: whose decisions are told of
            raise _others()
        async with self._one_at_a_time:
            found = await impact_of(runner.journal.store, live, release)
            root = self._candidates.workspace.root
            examined = await assurance_of(root, package) if visit.asked("examine") else None
        assurance = None if examined is None else asdict(examined)
        body = {"candidate": digest, "impact": impact_rows(found), "assurance": assurance}
        return Page("candidate_impact.html", "The impact of a proposed release", body)

    async def decide(self, visit: ConsoleRequest) -> Response:
        """Take a signed approval or refusal."""
        word = CandidateWord.model_validate_json(visit.form["signed"])
        digest = visit.named("candidate")
        if word.document.candidate != digest:
            raise AilyusError("bad_form", "the decision is about another candidate")
        review = await self._candidates.reviews.review(digest, visit.tenant)
        if not review.comparison.whole:
            raise _others()
        await self._candidates.decide(visit.person, word)
        return redirect(f"/releases/{digest}")

    async def take_back(self, visit: ConsoleRequest) -> Response:
        """Take one's own approval back before it is used."""
        digest = visit.named("candidate")
        await self._candidates.take_back(digest, visit.person.name)
        return redirect(f"/releases/{digest}")

    async def withdraw(self, visit: ConsoleRequest) -> Response:
        """End one's own proposal."""
        digest = visit.named("candidate")
        record, _ = await self._candidates.reviews.standing(digest)
        if record.proposed.by != visit.person.name:
            raise AilyusError("no_authority", "who proposes a release withdraws it")
        await self._candidates.withdraw(digest, visit.person.name, visit.form.get("comment", ""))
        return redirect(f"/releases/{digest}")

    async def apply(self, visit: ConsoleRequest) -> Response:
        """Make it the live release; for admins."""
        digest = visit.named("candidate")
        if not self._is_admin(visit.person):  # guard: who makes a candidate live at the console
            raise AilyusError("no_authority", "only an admin makes a release live here", hint="see `[console] admins`")
        await self._candidates.apply(digest, visit.person.name)
        return redirect("/releases")


def candidate_row(record: CandidateRecord, standing: Standing) -> dict[str, JsonValue]:
    """What a list says of a candidate."""
    said = record.proposed
    return {
        "candidate": record.digest,
        "release": said.release,
        "live": said.live,
        "author": said.by,
        "reason": said.comment,
        "at_ms": record.at_ms,
        "expires_ms": said.expires_ms,
        "standing": standing,
        "approvers": [one.document.approver for one in record.approvals],
        "ended_by": record.ended_by,
        "ended_comment": record.ended_comment,
    }


def _given(review: CandidateReview) -> list[tuple[str, str, str, bool]]:
    """Who has approved, in which role, with which words, and whether that can be taken back here."""
    here = review.record.approvals
    return [
        (one.document.approver, one.document.role, one.document.comment, one in here) for one in review.signed.approvals
    ]


def _others() -> AilyusError:
    hint = "whoever may see it all signs with a key file: `ailyus release approve --as PERSON`"
    return AilyusError("no_authority", "some of it is about other tenants, and cannot be shown to you", hint=hint)


def _role(review: CandidateReview, roles: list[str]) -> AilyusError | None:
    if roles:
        return None
    if not review.roles:
        return AilyusError("wrong_role", "no policy asks anybody to approve it", hint="an admin makes it live")
    names = ", ".join(sorted(review.roles))
    return AilyusError("wrong_role", f"you hold none of the roles that are asked for: {names}")
