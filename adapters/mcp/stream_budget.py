"""The talk with an MCP server: what it says is counted, and why it ended is a sentence of ours."""

import asyncio
from enum import StrEnum

from contracts.errors import AilyusError

MAX_UNASKED = 1_000
"""Messages that a server may send after the last one of ours."""


class Loss(StrEnum):
    """Why no answer came from an MCP server, as a sentence of ours: it holds no word of the server."""

    ENDED = "the server ended"
    CLOSED = "the session was closed"
    SILENT = "the server does not answer"
    UNREACHABLE = "the server cannot be reached"
    REFUSED = "the server refused the credential"
    FORGOTTEN = "the server no longer knows the session"
    DEAF = "the server reads no more"
    FLOODS = "the server floods"
    TOO_LARGE = "the server sent more than 4 MiB at once"
    ERROR = "the server answered with an error"
    UNDECLARED = "the server's answer is not what its tool declares"


class StreamBudget:
    """Counts what a server says: one that floods is cut. `over` is set when nothing more can come."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self.reason = Loss.ENDED
        self._unasked = 0

    def asked(self) -> None:
        """We said something."""
        self._unasked = 0

    def heard(self) -> bool:
        """The server said something; False when that was too much."""
        self._unasked += 1
        if self._unasked > MAX_UNASKED:  # guard: floods
            self.end(Loss.FLOODS)
        return not self.over.is_set()

    def end(self, reason: Loss) -> None:
        """Nothing more comes."""
        if not self.over.is_set():
            self.reason = reason
            self.over.set()


class Lost(Exception):
    """No answer came whole."""

    def __init__(self, loss: Loss) -> None:
        super().__init__(loss)
        self.loss = loss

    @property
    def sentence(self) -> str:
        """Why, in our words."""
        return str(self.loss)

    @property
    def refused(self) -> bool:
        """Did the server refuse the credential?"""
        return self.loss is Loss.REFUSED


def refusal_in(error: BaseException) -> AilyusError | None:
    """The refusal of ours inside of whatever a task group makes of it."""
    if isinstance(error, AilyusError):
        return error
    if isinstance(error, BaseExceptionGroup):
        return next((found for one in error.exceptions if (found := refusal_in(one))), None)
    return None
