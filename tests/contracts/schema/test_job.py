"""A job is declared beside a request by HTTP, and asked for neither too often nor too seldom."""

from typing import Any

import pytest
from pydantic import ValidationError

from contracts.schema.job import Job
from tests.contracts.making import READ, WRITE, contract

JOB: dict[str, Any] = {"id": "response.body.id", "done": "after.job.done", "failed": "after.job.failed"}


@pytest.mark.parametrize("every", ["50ms", "2m"])
def test_how_often_it_is_asked_for_is_bounded(every: str) -> None:
    assert Job.model_validate(JOB).every == 2_000
    with pytest.raises(ValidationError):
        Job.model_validate({**JOB, "every": every})


def test_only_a_write_by_http_starts_one() -> None:
    with pytest.raises(ValidationError, match="a read has no `job`"):
        contract(READ, job=JOB)
    python = {"execute": [{"python": {"operation": "o"}, "ok": "true"}], "evidence": {"python": ["before", "after"]}}
    with pytest.raises(ValidationError, match="for routes by `http`"):
        contract(**python, job=JOB)
    # a contract without a job is written as before, so that it keeps its digest
    assert "job" not in contract(WRITE).model_dump(mode="json")
