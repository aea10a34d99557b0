"""The runs of the archive in a gateway: one at a time, in a task of its own, whose end is asked for."""

import asyncio
import contextlib
from dataclasses import asdict, dataclass
from pathlib import Path

import structlog
from pydantic import BaseModel, ConfigDict, JsonValue

from contracts.errors import AilyusError
from receipts.journal.journal import Journal
from receipts.retention.retention import Retention, RetentionSummary

log = structlog.get_logger()


class NewArchive(BaseModel):
    """What `store archive` sends: the file, and the time in milliseconds before which an action must have closed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str
    before_ms: int


@dataclass(frozen=True, slots=True)
class ArchiveState:
    """How the last run stands: on its way, done with a summary, or failed with an error."""

    running: bool
    summary: RetentionSummary | None = None
    fault: AilyusError | None = None


class ArchiveRuns:
    """Begins runs, and tells how the last one stands."""

    def __init__(self, journal: Journal, folder: Path) -> None:
        self._retention = Retention(journal, (folder,))
        self._task: asyncio.Task[None] | None = None
        self.state = ArchiveState(running=False)

    def begin(self, new: NewArchive) -> None:
        """Begin a run. Raises `owner_elsewhere` while there is one."""
        if self.state.running:
            raise AilyusError("owner_elsewhere", "this gateway archives already", hint="wait until it has ended")
        self.state = ArchiveState(running=True)
        self._task = asyncio.create_task(self._run(new))

    async def _run(self, new: NewArchive) -> None:
        try:
            summary = await self._retention.archive(Path(new.file), new.before_ms)
            self.state = ArchiveState(running=False, summary=summary)
            log.info("archive_written", actions=summary.removed.actions)
        except AilyusError as fault:
            self.state = ArchiveState(running=False, fault=fault)
        except asyncio.CancelledError:
            raise
        except Exception as fault:  # whoever asked must not wait for ever; the text could hold what is private
            log.error("archive_failed", exception=type(fault).__name__)
            self.state = ArchiveState(running=False, fault=AilyusError("internal", "the archive was broken off"))

    async def stop(self) -> None:
        """Break a run off; the next one goes on from where it is."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task


def summary_document(summary: RetentionSummary) -> dict[str, JsonValue]:
    """A summary as JSON."""
    return {
        "archive": None if summary.archive is None else asdict(summary.archive),
        "removed": summary.removed.actions,
        "changed": summary.removed.changed,
        "held": dict(summary.held),
        "finished": list(summary.finished),
    }
