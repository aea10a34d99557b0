"""The routes of the local door about releases: what is live, what was refused, and a candidate to be made live."""

from dataclasses import asdict

from pydantic import ValidationError
from starlette.requests import Request

from contracts.errors import AilyusError
from server.operations.releases import Releases
from server.workspace.release_package import MAX_PACKAGE, ReleasePackage


class ReleaseRoutes:
    """Answers about releases."""

    def __init__(self, releases: Releases) -> None:
        self._releases = releases

    async def status(self, request: Request) -> object:
        """What is live, the last candidate that did not become it, and a live release that is not taken here."""
        runner, refused, behind = self._releases.runner, self._releases.refused, self._releases.behind
        release = runner.release
        return {
            "release": release.digest,
            "governed": release.governed,
            "author": release.author,
            "contracts": len(release.catalog.programs),
            "active": len(await runner.journal.open()),
            "checkpoint": await runner.journal.store.newest(),
            "refused": None if refused is None else asdict(refused),
            "behind": None if behind is None else asdict(behind),
        }

    async def apply(self, request: Request) -> object:
        """Make a package the live release."""
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_PACKAGE:
                raise AilyusError("not_an_object", f"a release has at most {MAX_PACKAGE >> 20} MiB")
        try:
            package = ReleasePackage.model_validate_json(bytes(body))
        except ValidationError:  # its text would quote what was sent
            raise AilyusError("not_an_object", "the package of the release is malformed") from None
        changed = await self._releases.apply(package)
        live = self._releases.runner.release
        return {"release": live.digest, "author": live.author, "governed": live.governed, "changed": changed}
