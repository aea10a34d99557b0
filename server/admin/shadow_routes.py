"""The routes of the local door about the shadow: a candidate that decides beside the live release."""

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request

from contracts.errors import AilyusError
from receipts.tables.shadows import ShadowRecord
from server.admin.release_routes import TERMINAL
from server.operations.shadow import Shadow
from server.workspace.clock import now_ms
from server.workspace.release_package import MAX_PACKAGE, ReleasePackage


class NewShadow(BaseModel):
    """What `policy shadow on` sends. `milliseconds` is for how long; without it, until somebody ends it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=200)
    by: str
    package: ReleasePackage
    milliseconds: int | None = Field(None, gt=0)


class ShadowRoutes:
    """Begins and ends the shadow; what came of it stands in the store."""

    def __init__(self, shadow: Shadow) -> None:
        self._shadow = shadow

    async def begin(self, request: Request) -> object:
        """Let a candidate decide beside the live release."""
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_PACKAGE:
                raise AilyusError("not_an_object", f"a release has at most {MAX_PACKAGE >> 20} MiB")
        try:
            wanted = NewShadow.model_validate_json(bytes(body))
        except ValidationError:  # its text would quote what was sent
            raise AilyusError("not_an_object", "the package of the shadow is malformed") from None
        now = now_ms()
        record = ShadowRecord(
            name=wanted.name,
            by=wanted.by,
            digest=wanted.package.digest,
            began_ms=now,
            package=wanted.package.model_dump_json(),
            until_ms=None if wanted.milliseconds is None else now + wanted.milliseconds,
        )
        await self._shadow.begin(record)
        return {"digest": record.digest}

    async def end(self, request: Request) -> object:
        """End the shadow; false where none is on. A command line of the version before names nobody."""
        return {"ended": await self._shadow.end(request.query_params.get("by") or TERMINAL)}
