"""A job is known by its answer, or found where it can only be ours; it has ended where its own reads say so."""

from typing import Any

import pytest

from contracts.compiler.job_program import JobProgram
from contracts.compiler.program import Program
from tests.contracts.making import WRITE, program, refused

JOB: dict[str, Any] = {
    "id": "response.body.id",
    "found": "after.record.jobs.filter(j, j.by == inputs.value).map(j, j.id)",
    "done": "after.job.state == 'Complete'",
    "failed": "after.job.state in ['Failed', 'Aborted']",
}
READS = {**WRITE["observe"], "job": {"get": "/jobs/${job.id}"}}
EXPECT = [{"that": "after.job.state == 'Complete'", "else": "it is not complete"}]
CUT = frozenset({"after.record"})


def started(**changes: Any) -> Program:
    return program(**{"observe": READS, "job": JOB, "expect": EXPECT, **changes})


def job(**changes: Any) -> JobProgram:
    made = started(job={**JOB, **changes}).job
    assert made is not None
    return made


def scope(*jobs: tuple[Any, str], state: Any = "Running") -> dict[str, Any]:
    found = [{"id": name, "by": by} for name, by in jobs]
    return {"inputs.value": "us", "after.record": {"jobs": found}, "after.job": {"state": state}}


def test_its_reads_are_made_only_once_it_is_known() -> None:
    made = started()
    assert [read.name for read in made.reads] == ["record"]
    assert [read.name for read in job().reads] == ["job"]
    assert made.probed == ()
    assert program().job is None


@pytest.mark.parametrize(
    ("body", "named"),
    [({"id": "j1"}, "j1"), ({"id": 7}, "7"), ({"id": ""}, ""), ({"id": True}, ""), ({"id": "x" * 201}, ""), ({}, ""), ("j1", "")],
)  # fmt: skip
def test_the_id_is_a_short_text_or_a_number(body: Any, named: str) -> None:
    assert job().named({"response.body": body}) == named


def test_it_is_found_where_one_alone_can_be_ours_in_a_whole_list() -> None:
    one, two = scope(("j1", "us"), ("j2", "other")), scope(("j1", "us"), ("j2", "us"))
    assert (job().search(one, frozenset()), job().search(two, frozenset())) == ("j1", "")
    assert job().search(one, CUT) == ""
    assert job(found=None).search(one, frozenset()) == ""


def test_none_is_found_only_in_a_whole_list() -> None:
    none = scope(("j2", "other"))
    assert job().finds_none(none, frozenset())
    assert not job().finds_none(none, CUT)
    assert not job().finds_none(scope(("j1", "us")), frozenset())
    assert job(found=None).finds_none(none, frozenset())


@pytest.mark.parametrize(
    ("state", "means"),
    [("Complete", "done"), ("Failed", "failed"), ("Aborted", "failed"), ("Running", "running"), (None, "running")],
)
def test_what_its_state_means(state: Any, means: str) -> None:
    assert job().state(scope(state=state)) == means


def test_a_job_that_cannot_be_read_or_contradicts_itself_is_unknown() -> None:
    assert job().state({}) == "unknown"
    assert job(failed="after.job.state != 'Running'").state(scope(state="Complete")) == "unknown"


@pytest.mark.parametrize(
    ("changes", "field", "why"),
    [
        ({"observe": WRITE["observe"], "expect": WRITE["expect"]}, "job", "asks for `${job.id}`"),
        ({"job": {**JOB, "done": "after.record.jobs.exists(j, j.done)"}}, "job.done", "nothing of the job"),
        ({"job": {**JOB, "failed": "response.status == 500"}}, "job.failed", "nothing of the job"),
        ({"job": {**JOB, "found": "[after.job.id]"}}, "job.found", "before its id is known"),
        ({"unchanged": ["job.state"]}, "unchanged.0", "observed nowhere"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], field: str, why: str) -> None:
    with refused(field, why):
        started(**changes)


@pytest.mark.parametrize(
    ("changes", "field", "name"),
    [
        ({"expect": [{"that": "before.job.state == 'x'", "else": "no"}]}, "expect.0.that", "before.job"),
        ({"job": None}, "observe.job.get", "job.id"),
    ],
)
def test_before_it_is_started_nothing_is_known_of_it(changes: dict[str, Any], field: str, name: str) -> None:
    with refused(field, name, "bad_expression"):
        started(**changes)
