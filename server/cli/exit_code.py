"""The exit codes of all commands, and what each means."""

from collections.abc import Mapping
from typing import Final

DONE: Final = 0
REFUSED: Final = 1
MISUSED: Final = 2
INVALID: Final = 3
FAILED: Final = 4
WIDER: Final = 5
MEANINGS: Final[Mapping[int, str]] = {
    DONE: "done; for a question: what was looked for holds",
    REFUSED: "not done, and standard error says why; or what was looked for does not hold",
    MISUSED: "the command line was not understood, or files that `release` compares do not load",
    INVALID: "`policy`: files do not load, so nothing was compared or tested",
    FAILED: "`policy`: a test of the policies fails",
    WIDER: "`policy`: more is let through than is allowed",
}
