"""The compiler of jobs: the reads that need a job's id, told from the others, and the tests of its end."""

import re
from collections.abc import Iterable, Mapping

from contracts.compiler.expressions import Names
from contracts.compiler.job_program import JobProgram
from contracts.compiler.phase_names import PhaseNames
from contracts.compiler.read_program import Read
from contracts.compiler.text_compiler import TextCompiler
from contracts.errors import AilyusError
from contracts.schema.contract import Contract
from contracts.schema.route import Observe

_JOB = re.compile(r"\bjob\.id\b")


def job_reads(contract: Contract, observe: Mapping[str, Observe]) -> frozenset[str]:
    """The reads that are made once the job is known: those whose texts hold its id."""
    if contract.job is None:
        return frozenset()
    return frozenset(name for name, one in observe.items() if _JOB.search(one.model_dump_json(by_alias=True)))


def compile_job(
    texts: TextCompiler, contract: Contract, names: PhaseNames, later: Iterable[tuple[str, Observe]]
) -> JobProgram | None:
    """The job of a contract, or None where it starts none."""
    job = contract.job
    if job is None:
        return None
    early = Names.of({**dict(names.early.types), "job.id": "string"})
    reads = tuple(texts.read(name, one, contract.target, early) for name, one in later)
    made = tuple(read for read in reads if isinstance(read, Read))
    if len(made) != len(reads) or not made:
        hint = "for example `observe: {job: {get: '/jobs/${job.id}'}}`"
        raise AilyusError("bad_contract", "no read by `get` or `post` asks for `${job.id}`", hint=hint, field="job")
    program = JobProgram(
        id=texts.expression("job.id", job.id, names.answer),
        found=texts.expression("job.found", job.found, names.after) if job.found else None,
        done=texts.expression("job.done", job.done, names.after),
        failed=texts.expression("job.failed", job.failed, names.after),
        every_ms=job.every,
        reads=made,
    )
    for key, test in (("done", program.done), ("failed", program.failed)):
        if not any(program.shows(path) for path in test.paths()):
            raise AilyusError("bad_contract", "it reads nothing of the job", field=f"job.{key}")
    if program.found is not None and any(program.shows(path) for path in program.found.paths()):
        raise AilyusError("bad_contract", "it reads the job before its id is known", field="job.found")
    return program
