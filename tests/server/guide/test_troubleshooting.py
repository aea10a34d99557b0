"""Every status and every code has an entry in the page about what to do."""

from contracts.errors import CODES
from receipts.action.status import STATUSES
from tests.troubleshooting_reference import COMMAND, FILE, MEANINGS, text


def test_the_page_is_what_the_lists_say() -> None:
    assert FILE.read_text() == text(), f"run `{COMMAND}`"


def test_each_status_and_each_code_has_an_entry() -> None:
    assert MEANINGS.keys() == STATUSES.keys()
    statuses, codes = FILE.read_text().split("## Statuses")[1].split("## Codes")
    for names, part in ((STATUSES, statuses), (CODES, codes)):
        for name in names:
            (line,) = [line for line in part.splitlines() if line.startswith(f"| `{name}` |")]
            assert all(cell.strip() for cell in line.strip("| ").split(" | ")), line
