"""A job that a target starts and ends later: how it is named, found and watched."""

from pydantic import Field

from contracts.schema.fields import Cel, Duration, Strict


class Job(Strict):
    """The answer to the request names a job; its end is the end of the action.

    Reads whose texts hold `${job.id}` are made once the job is known. `settle` is how long it is watched.
    """

    id: Cel = Field(description="its id, out of the answer, for example `response.body.id`")
    found: Cel | None = Field(
        None,
        description="where no answer came: a list of the ids of the jobs that can only be ours",
    )
    done: Cel = Field(description="true when it has ended and did its work, or a part of it")
    failed: Cel = Field(description="true when it has ended without doing its work")
    every: Duration = Field(2_000, ge=100, le=60_000, description="how often it is asked for")
