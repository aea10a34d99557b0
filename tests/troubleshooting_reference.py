"""`uv run python -m tests.troubleshooting_reference`: write `server/guide/TROUBLESHOOTING.md`.

Statuses are those of `receipts/action/status.py`, codes and hints those of `contracts/errors.py`.
`tests/server/guide/test_troubleshooting.py` fails while the file is another than this command would write.
"""

import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from contracts.errors import CODES
from receipts.action.status import STATUSES

ROOT: Final = Path(__file__).parent.parent
FILE: Final = ROOT / "server" / "guide" / "TROUBLESHOOTING.md"
COMMAND: Final = "uv run python -m tests.troubleshooting_reference"
_HEAD: Final = f"""\
# Troubleshooting by status and code

`ailyus doctor` looks at every layer and names the next command; begin there. `ailyus receipt show ID` tells people the
cause of one outcome, also where the agent is told less. The command `{COMMAND}`
writes this file.
"""
MEANINGS: Final[Mapping[str, tuple[str, str]]] = {
    "confirmed": ("It was read back and is so.", "Nothing."),
    "approval_required": ("A policy asks for people; nothing was sent.", "Decide: `ailyus approval list`."),
    "running": ("It is under way; the answer did not wait for its end.", "Let the agent ask by `get_action`."),
    "not_applied": ("It was read back, and nothing is there.", "Read the refusal; call again if it may be done."),
    "diverged": (
        "The record is neither as before nor as expected.",
        "Look at the record, then `ailyus action resolve`.",
    ),
    "unknown": (
        "It may be done or not: the answer was lost, and the reads do not tell.",
        "Look at the record, then `ailyus action resolve`. Do not do it again by hand before.",
    ),
    "compensated": ("A plan failed, and what it had done was taken back.", "Mend the step that failed; call anew."),
    "partial": ("A plan failed, and something that it did stays.", "Look at its steps; finish or undo by hand."),
    "denied": (
        "A policy forbids it, or there is no such record.",
        "`ailyus policy explain ACTION` names the policies.",
    ),
    "unavailable": (
        "The system could not be read before; nothing was sent.",
        "`ailyus doctor` and `ailyus connection test NAME` name the cause.",
    ),
    "refused": ("A person said no.", "The reason stands in the receipt."),
    "expired": ("Nobody decided in time; nothing was sent.", "Call again; see who is told: `[notices]`."),
    "cancelled": ("A person or the agent ended it.", "Nothing."),
    "invalid": ("The call does not fit the contract; nothing was sent.", "The answer names each field."),
    "previewed": ("A preview, or an agent that only observes; nothing was sent.", "Nothing."),
}
"""What each status means, and what a person does."""
QUESTIONS: Final = (
    (
        "The gateway starts, and every call is `unavailable`.",
        "A credential or an address is wrong: `ailyus doctor` tries each. Variables are read from the gateway's own "
        "environment, not from your shell's of today.",
    ),
    (
        "`connect` wrote an entry, and the client sees no tools.",
        "Restart the client. Then `ailyus agent list`: an agent sees only the tools that Cedar could ever allow it, so "
        "one without a role sees the built-in ones.",
    ),
    (
        "A call is `denied`, and the policies permit it.",
        "Both the agent and the person for whom it acts must be permitted. `ailyus policy explain ACTION` shows them apart.",
    ),
    (
        "An action waits, and nobody can approve it.",
        "Who asked, whom it is for, the agent's owner and the author of the release never can. The approval's page "
        "names who could.",
    ),
    (
        "Nothing changes after a file was edited.",
        "Files are a candidate until somebody releases them: `ailyus release diff`, then `ailyus release apply --as "
        "PERSON`. A contract with the line `draft: true` counts for nothing.",
    ),
    (
        "Outcomes are `unknown` again and again.",
        "The reads lag behind the writes for longer than `settle`, or the read credential sees less than the other one. "
        "`ailyus contract test NAME` shows which.",
    ),
    (
        "A client behind a proxy gets 421 or 403.",
        "The name by which it asks is not in `[server] hosts`, or the proxy is not in `tls_terminated_by`.",
    ),
)


def text() -> str:
    """The whole document."""
    lines = [_HEAD, "## What happens often", ""]
    for question, answer in QUESTIONS:
        lines += textwrap.wrap(f"**{question}** {answer}", 120, initial_indent="- ", subsequent_indent="  ")
    lines += ["", "## Statuses", "", "| status | what it means | what to do |", "|---|---|---|"]
    lines += [f"| `{status}` | {' | '.join(MEANINGS[status])} |" for status in STATUSES]
    lines += ["", "## Codes", "", "A code says why. Its hint is what the error shows, unless that knows more.", ""]
    lines += ["| code | what to do |", "|---|---|", *_codes()]
    return "\n".join(lines) + "\n"


def _codes() -> Iterator[str]:
    for code, hint in CODES.items():
        yield f"| `{code}` | {hint.replace('|', '/')} |"


if __name__ == "__main__":
    FILE.write_text(text())
    print(f"wrote {FILE.relative_to(ROOT)}")
