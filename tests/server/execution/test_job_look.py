"""Jobs: started once, watched to their end, found again after a lost answer or a crash, and never taken for another."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from receipts.reconciliation.verdict import Reason
from server.execution.attempt import PendingEnd, SentAttempt, interrupted_attempt
from server.operations.rechecks import Recheck
from tests.server.engine import Engine, engine
from tests.server.execution.job_server import JobServer, contracts, job_server


@asynccontextmanager
async def jobs_at(tmp_path: Path, server: JobServer, settle_ms: int = 20_000) -> AsyncIterator[Engine]:
    async with (
        job_server(server) as base_url,
        engine(
            tmp_path, contracts=contracts(tmp_path / "contracts"), base_url=base_url, max_settle_ms=settle_ms
        ) as made,
    ):
        yield made


async def begun(made: Engine) -> SentAttempt:
    return await made.sent(made.action("run_import", name="contacts"))


async def finished(made: Engine, sent: SentAttempt) -> PendingEnd:
    return await made.executor.finish(sent, made.live.pipeline.reviews)


def reason(ended: PendingEnd) -> str:
    assert ended.outcome is not None
    return ended.outcome.reason


@pytest.mark.parametrize(
    ("server", "status", "changed", "why"),
    [
        ({}, "confirmed", True, Reason.MET),
        ({"rows_failed": 2}, "diverged", True, Reason.OTHERWISE),
        ({"end": "Failed", "rows_failed": 2}, "not_applied", False, Reason.JOB_FAILED),
        ({"end": "Aborted"}, "unknown", None, Reason.REFUSED_YET_SO),
        ({"fault": "lost"}, "confirmed", True, Reason.MET),
        ({"fault": "lost", "rows_failed": 2}, "diverged", True, Reason.OTHERWISE),
        ({"fault": "refused"}, "not_applied", False, Reason.REFUSED),
    ],
)
async def test_how_a_job_ends_is_how_the_action_ends(
    tmp_path: Path, server: dict[str, Any], status: str, changed: bool | None, why: str
) -> None:
    at = JobServer(**server)
    async with jobs_at(tmp_path, at) as made:
        ended = await finished(made, await begun(made))
        assert (ended.status, ended.result.changed, reason(ended)) == (status, changed, why)
        assert at.starts == 1


async def test_rows_that_failed_are_read_one_by_one(tmp_path: Path) -> None:
    text = contracts(tmp_path / "contracts") / "run_import.yaml"
    async with jobs_at(tmp_path, JobServer(rows_failed=2)) as made:
        sent = await begun(made)
        ended = await finished(made, sent)
        assert ended.after is not None
        assert ended.after.readings["failed"].value == [{"id": "0", "error": "bad"}, {"id": "1", "error": "bad"}]
        assert set(sent.before.readings) == {"jobs"}  # of a job that does not exist yet nothing is read
    assert "decode: csv" in text.read_text()


@pytest.mark.parametrize(
    ("server", "why"),
    [
        ({"polls": 999}, Reason.JOB_RUNNING),
        ({"end": "Unheard", "polls": 1}, Reason.JOB_RUNNING),
        ({"fault": "nameless", "doubles": True}, Reason.JOB_UNNAMED),
        ({"fault": "lost", "doubles": True}, Reason.CANNOT_TELL),
    ],
)
async def test_what_has_not_ended_or_may_be_another_job_is_unknown(
    tmp_path: Path, server: dict[str, Any], why: str
) -> None:
    at = JobServer(**server)
    async with jobs_at(tmp_path, at, settle_ms=700) as made:
        ended = await finished(made, await begun(made))
        assert (ended.status, reason(ended), at.starts) == ("unknown", why, 1)


@pytest.mark.parametrize("fault", ["", "lost"])
async def test_a_later_look_finds_the_end(tmp_path: Path, fault: str) -> None:
    server = JobServer(polls=999, fault=fault)
    async with jobs_at(tmp_path, server, settle_ms=300) as made:
        ended = await finished(made, await begun(made))
        await made.executor.end(ended)
        assert ended.status == "unknown"
        server.polls = 1
        program, target = made.release.catalog.programs["run_import"], made.release.targets["records"]
        answer = await Recheck(made.runner).look(await made.row(ended.action.id), program, target)
        assert (answer.status, server.starts) == ("confirmed", 1)


async def test_after_a_crash_the_job_is_found_and_watched_on(tmp_path: Path) -> None:
    server = JobServer(polls=4)
    async with jobs_at(tmp_path, server) as made:
        sent = await begun(made)
        await made.journal.end_leases()
        row = await made.row(sent.action.id)
        intent = await made.executor.take_over(row)
        ended = await finished(made, interrupted_attempt(replace(row, fence=intent.fence), intent))
        assert (ended.status, server.starts, server.jobs[0]["asked"]) == ("confirmed", 1, 4)
