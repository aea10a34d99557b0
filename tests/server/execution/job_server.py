"""A target whose writes are jobs: started by POST, watched by id, with the rows that failed as CSV."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from tests.adapters.raw_server import raw_server

CONTRACT = """
contract: run_import
version: 1
title: Run an import
summary: Start one import and wait for its end.
use_when: a test needs it
kind: write
risk: low
verified_against: the server of this test
target: records
inputs: {name: {type: string, pattern: "^[a-z]{1,20}$", description: "The import's name."}}
observe:
  jobs: {get: /jobs, query: {name: "${inputs.name}"}}
  job: {get: "/jobs/${job.id}"}
  failed: {get: "/jobs/${job.id}/failed", decode: csv, headers: {Accept: text/csv}}
resource: {type: Import, id: "${inputs.name}"}
says: "Run the import ${inputs.name}"
execute:
  - http: {post: /jobs, json: {name: "${inputs.name}"}, timeout: 500ms}
    ok: response.status == 201
job:
  id: response.body.id
  found: "after.jobs.records.filter(j, j.name == inputs.name && !before.jobs.records.exists(b, b.id == j.id)).map(j, j.id)"
  done: after.job.state == 'JobComplete'
  failed: after.job.state in ['Failed', 'Aborted']
  every: 100ms
settle: 3s
expect:
  - {that: after.job.rows_failed == 0, so: every row was imported, else: some rows were not imported}
evidence: {http: [before, after, response]}
outputs: {failed: "${after.failed}"}
escalate: records-oncall
"""


@dataclass
class JobServer:
    """Its jobs. `polls` is how often a job is asked for until it has ended as `end`; `fault` spoils the next start."""

    end: str = "JobComplete"
    polls: int = 3
    rows_failed: int = 0
    fault: str = ""
    doubles: bool = False
    jobs: list[dict[str, Any]] = field(default_factory=list)
    starts: int = 0

    def start(self, name: str) -> dict[str, Any]:
        job = {"id": f"j{len(self.jobs) + 1}", "name": name, "state": "InProgress", "rows_failed": 0, "asked": 0}
        self.jobs.append(job)
        return job

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes] | None:
        """Status and body; None where the answer is lost."""
        if method == "POST":
            self.starts += 1
            fault, self.fault = self.fault, ""
            if fault == "refused":
                return 400, b'{"error": "no such object"}'
            job = self.start(orjson.loads(body)["name"])
            if self.doubles:
                self.start(job["name"])
            shown = {} if fault == "nameless" else {"id": job["id"]}
            return None if fault == "lost" else (201, orjson.dumps(shown))
        parts = path.partition("?")[0].split("/")[3:]
        if not parts:
            return 200, orjson.dumps({"records": self.jobs})
        job = next(one for one in self.jobs if one["id"] == parts[0])
        if len(parts) == 2:
            return 200, b"id,error\n" + b"".join(b"%d,bad\n" % n for n in range(job["rows_failed"]))
        job["asked"] += 1
        if job["asked"] >= self.polls:
            job |= {"state": self.end, "rows_failed": self.rows_failed}
        return 200, orjson.dumps(job)


@asynccontextmanager
async def job_server(server: JobServer) -> AsyncIterator[str]:
    """The base URL at which it listens."""

    async def handle(writer: asyncio.StreamWriter) -> None:
        head, _, body = seen[-1].partition(b"\r\n\r\n")
        method, path, _ = head.split(b"\r\n")[0].decode().split(" ")
        answered = server.answer(method, path, body)
        if answered is None:
            writer.close()
            return
        status, content = answered
        writer.write(b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n" % (status, len(content)) + content)

    async with raw_server(lambda writer: handle(writer)) as (port, seen):
        yield f"http://127.0.0.1:{port}/v1"


def contracts(folder: Path) -> Path:
    """A folder with the contract that starts a job."""
    folder.mkdir(exist_ok=True)
    (folder / "run_import.yaml").write_text(CONTRACT)
    return folder
