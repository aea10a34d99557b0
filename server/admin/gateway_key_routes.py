"""The routes of the local door about the gateway's own keys: to rotate one while the gateway runs."""

from dataclasses import asdict

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from receipts.journal.journal import Journal
from receipts.journal.log_rotation import MAX_REASON
from server.workspace.log_key_rotation import rotate_log
from server.workspace.workspace import Workspace


class NewRotation(BaseModel):
    """What `key rotate` sends."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    by: str
    reason: str = Field(min_length=3, max_length=MAX_REASON)


class GatewayKeyRoutes:
    """Answers about the gateway's own keys."""

    def __init__(self, workspace: Workspace, journal: Journal) -> None:
        self._workspace = workspace
        self._journal = journal

    async def rotate_log(self, request: Request) -> object:
        """Let a new key sign the log from now on."""
        asked = NewRotation.model_validate_json(await request.body())
        return asdict(await rotate_log(self._workspace, self._journal, asked.by, asked.reason))
