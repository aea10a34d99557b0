"""The routes of the local door about releases: what is live, what was refused, and a candidate to be made live."""

from dataclasses import asdict

from pydantic import JsonValue, ValidationError
from starlette.requests import Request

from contracts.errors import AilyusError
from server.operations.candidates import Candidates
from server.workspace.release_package import MAX_PACKAGE, ReleasePackage

TERMINAL = "terminal"
"""Who did it, where it came from the command line."""


class ReleaseRoutes:
    """Answers about releases."""

    def __init__(self, candidates: Candidates) -> None:
        self._candidates = candidates
        self._releases = candidates.releases

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
        return self._live(await self._releases.apply(await _package(request)))

    async def propose(self, request: Request) -> object:
        """Put a signed package before people."""
        review = await self._candidates.propose(await _package(request))
        facts = review.record.proposed
        return {
            "candidate": facts.candidate,
            "release": facts.release,
            "author": facts.by,
            "expires_ms": facts.expires_ms,
            "permitted": review.decision.permitted,
            "needs": [dict(need) for need in review.decision.needs],
            "says": "" if review.decision.permitted else review.decision.says,
            "page": self._candidates.page(facts.candidate),
        }

    async def apply_proposed(self, request: Request) -> object:
        """Make a candidate the live release, with the approvals that it has."""
        digest = await self._candidates.reviews.named(request.path_params["candidate"])
        return self._live(await self._candidates.apply(digest, TERMINAL))

    async def withdraw(self, request: Request) -> object:
        """End a candidate without making it live."""
        digest = await self._candidates.reviews.named(request.path_params["candidate"])
        await self._candidates.withdraw(digest, TERMINAL, request.query_params.get("comment", ""))
        return {"candidate": digest}

    def _live(self, changed: bool) -> dict[str, JsonValue]:
        live = self._releases.runner.release
        return {"release": live.digest, "author": live.author, "governed": live.governed, "changed": changed}


async def _package(request: Request) -> ReleasePackage:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_PACKAGE:
            raise AilyusError("not_an_object", f"a release has at most {MAX_PACKAGE >> 20} MiB")
    try:
        return ReleasePackage.model_validate_json(bytes(body))
    except ValidationError:  # its text would quote what was sent
        raise AilyusError("not_an_object", "the package of the release is malformed") from None
