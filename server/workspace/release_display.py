"""What people are shown of a proposed release before they sign it: the document whose digest they sign."""

from collections.abc import Iterator, Sequence

from contracts.errors import AilyusError
from policies.approval_document import Display, Line
from policies.release_diff import ReleaseChange
from receipts.statement.gateway_facts import CandidateFacts
from server.results.timestamp import iso
from server.workspace.release_comparison import count_of


def release_display(proposed: CandidateFacts, changes: Sequence[ReleaseChange]) -> Display:
    """The document of a candidate. Raises `too_large` where it cannot be shown whole."""
    display = Display(lines=tuple(_lines(proposed, changes)))
    if not display.fits:
        hint = "approve it with key files: `ailyus release approve --as PERSON`"
        raise AilyusError("too_large", "what the release changes is too long to be shown whole", hint=hint)
    return display


def _lines(proposed: CandidateFacts, changes: Sequence[ReleaseChange]) -> Iterator[Line]:
    before, after = proposed.live[:12], proposed.release[:12]
    yield Line(label="what will change", value=f"{before} → {after}: {count_of(changes)}", origin="gateway")
    for number, change in enumerate(changes, 1):
        yield Line(label=f"change {number}", value=change.says, origin="gateway")
    yield Line(label="who proposes", value=f"{proposed.by}, with the key {proposed.keyid}", origin="gateway")
    yield Line(label="reason", value=proposed.comment or "none given", origin="caller")
    yield Line(label="until", value=iso(proposed.expires_ms), origin="gateway")
    yield Line(label="live release", value=proposed.live, origin="gateway")
    yield Line(label="proposed release", value=proposed.release, origin="gateway")
    yield Line(label="everything proposed", value=proposed.candidate, origin="gateway")
