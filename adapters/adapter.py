"""The port of every adapter: look, say what is missing, act once, close. Nothing else.

`Pipeline` and `ActionExecutor` reach target systems only through `Adapter`; `AdapterRouter` combines HTTP, pages, MCP
servers and adapters in Python. It is not what third parties write: that is `Plugin` in `adapters/plugin.py`,
which `PythonAdapter` calls in another process. An adapter decides nothing and commits nothing.

- `observe` MUST change nothing, and MUST use the credential for reading.
- `execute` MUST send exactly what the order names, once, before its deadline, and MUST ask the gate directly before the
  first byte (invariants 1 and 3).
- A fault of a target MUST be a value (`Observation`, `Execution`), and what is not certain MUST be `in_doubt`.
- `lacks` MUST say before an intent is signed that a credential gives no value.
"""

from typing import Protocol

from contracts.action.dispatch import Dispatch, ReadPermit
from contracts.action.observation import Execution, Observation, ReadOutage
from contracts.action.request import ActionRequest


class Adapter(Protocol):
    """A way to reach target systems."""

    async def observe(self, look: ReadPermit) -> Observation:
        """Read the source of truth with the read-only credential. Faults are values."""
        ...

    async def lacks(self, request: ActionRequest, route: int) -> ReadOutage | None:
        """Why nothing could be sent by this route: its credential gives no value. Asked before an intent is signed."""
        ...

    async def execute(self, dispatch: Dispatch) -> Execution:
        """Send exactly what the order names, once, before its deadline. Faults are values."""
        ...

    async def close(self) -> None:
        """Give connections back."""
        ...
