"""The owner's local door to exports: send one statement as a trial, and let one go on that stopped."""

from collections.abc import Callable

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request

from contracts.errors import AilyusError
from policies.release import Release
from server.operations.exports import Exports


class NewResume(BaseModel):
    """What `export resume` sends; `after` is the leaf after which it goes on, None: where it stopped."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    by: str
    after: int | None = None


class ExportRoutes:
    """Routes of the local door."""

    def __init__(self, exports: Exports, release: Callable[[], Release]) -> None:
        self._exports = exports
        self._release = release

    async def test(self, request: Request) -> object:
        """Send the newest statement; why it was not taken, empty where it was."""
        return {"fault": await self._exports.test(request.path_params["name"])}

    async def resume(self, request: Request) -> object:
        """Let it go on, by a person's word."""
        asked = NewResume.model_validate_json(await request.body())
        person = self._release().people.get(asked.by)
        if person is None:
            raise AilyusError("unknown_person", f"`{asked.by}` is no declared person")
        state = await self._exports.resume(request.path_params["name"], asked.after, person)
        return {"cursor": state.cursor}
