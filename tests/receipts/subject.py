"""An action about somebody whose values stand nowhere else, so that a search of raw bytes means something."""

from dataclasses import replace

from contracts.canonical import canonical, new_id
from receipts.action.action import Action
from receipts.action.sentence import ActionSentence
from receipts.journal.journal import Journal
from receipts.journal.outcome import OutcomeCommit
from receipts.statement.statement import StatementSubject
from tests.receipts.making import CALLER, free, intend, request, told
from tests.receipts.stages import stored

MAIL, ID, NAME = "zoë.subject@erasure.example", "00uSUBJECT7f3a", "Zoë Subjectsdottir"


async def done_about(journal: Journal, mail: str, name: str, record: str = ID) -> tuple[Action, str]:
    """A confirmed action with everything that one keeps, and the receipt of its outcome."""
    asked = request(params={"user": mail, "note": name}, reason=f"{name} called")
    sentence = ActionSentence.of(f"Remove 2 MFA factors of {mail}", [name])
    of = Action(new_id("act"), asked, CALLER, created_ms=1, sentence=sentence, names=frozenset({mail, record}))
    about = StatementSubject(
        of.request, of.id, "release-1", True, "User", record, mail, {"user": mail}, sentence=of.sentence
    )
    seen = canonical({"profile": {"email": mail, "name": name}})

    def seal(kind: str, status: str, **evidence: bytes):  # type: ignore[no-untyped-def]
        return journal.notary.seal(
            free(kind), new_id("rcp"), about, status=status, changed=None, at_ms=journal.store.now_ms(),  # type: ignore[arg-type]
            evidence={**evidence, "before/user": seen},
        )  # fmt: skip

    order = await intend(journal, of, sealed=seal("intent", "running", request=seen))
    result = replace(told("confirmed"), data={"user": mail, "name": name})
    outcome = seal("outcome", "confirmed", response=seen)
    ended = replace(await stored(journal, of), fence=order.fence)
    await journal.record_outcome(OutcomeCommit(ended, outcome, "confirmed", result, 0))
    return of, outcome.index.id
