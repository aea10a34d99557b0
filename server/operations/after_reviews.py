"""Reviews after the fact, as people close them: what a break-glass policy permitted, and what somebody found.

The admin socket and the console call it. What is owed is opened by `server/execution/executor.py`, in the commit that
lets the action go.
"""

from dataclasses import replace

from contracts.errors import AilyusError
from policies.principal import Person
from policies.receipt_policy import DECISIONS
from receipts.store.transaction import Conflict
from receipts.tables import after_reviews
from receipts.tables.after_reviews import AfterReview
from server.actions.runner import ActionRunner

MAX_COMMENT = 2_000
"""Characters of what a reviewer writes."""


class AfterReviews:
    """The reviews that are owed."""

    def __init__(self, runner: ActionRunner) -> None:
        self._runner = runner

    async def open(self, tenant: str) -> list[AfterReview]:
        """Those of a tenant that nobody has closed, the oldest first."""
        return await self._runner.journal.store.read_aside(lambda read: after_reviews.open_reviews(read, tenant))

    async def why_not(self, review: AfterReview, person: Person) -> AilyusError | None:
        """Why this person cannot close it; None where they can."""
        journal, release = self._runner.journal, self._runner.release
        action = await journal.get(review.action_id)
        # INVARIANT 9: a foreign id is not found, as anywhere
        if action is None or person.tenant != review.tenant:
            return _unknown(review.id)
        # INVARIANT 2: nobody looks after what they did themselves, or asked for
        if person.name in (action.request.person, action.request.owner):  # guard: who reviews was not part of it
            return AilyusError("self_approval", "somebody else must review it: it was done for you, or by your agent")
        roles = await journal.roles.fresh(person)
        if review.role not in roles:  # guard: who reviews holds the role
            return AilyusError("wrong_role", f"`{review.role}` reviews it, a role that you do not hold")
        deciding = replace(person, roles=roles)
        if not release.decider.bundle.receipts.permits(DECISIONS, deciding, review.tenant):
            hint = "`policies/receipts.cedar` says who decides"
            return AilyusError("no_authority", "you may look, and decide nothing", hint=hint)
        return None

    async def close(self, review_id: str, name: str, comment: str) -> None:
        """A person says what they found. Raises `AilyusError`; then it stays open."""
        journal, person = self._runner.journal, self._runner.release.people.get(name)
        if person is None:
            raise AilyusError("unknown_person", f"`{name}` is no declared person")
        review = await journal.store.read_aside(lambda read: after_reviews.find(read, review_id))
        if review is None:
            raise _unknown(review_id)
        if (why := await self.why_not(review, person)) is not None:
            raise why
        said = comment.strip()
        if not said or len(said) > MAX_COMMENT:
            hint = f"at most {MAX_COMMENT} characters"
            raise AilyusError("bad_form", "a review says what was found, in a comment", hint=hint)
        try:
            await journal.write((), lambda txn: after_reviews.close(txn, journal.notary, review, name, said))
        except Conflict:
            raise AilyusError("not_waiting", "somebody closed this review already") from None


def _unknown(review: str) -> AilyusError:
    return AilyusError("not_found", f"no review `{review}` is open", hint="`ailyus escalation list`")
