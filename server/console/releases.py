"""What was released: who, when and why, what each release changed, what is proposed, and what was refused."""

from collections.abc import Callable

from policies.principal import Person
from server.console.candidates import candidate_row
from server.console.estate import is_alone
from server.console.visit import ConsoleRequest, Page, View
from server.operations.candidates import Candidates
from server.operations.releases import RefusedRelease
from server.workspace.release_comparison import history_of

SHOWN = 10
"""Releases on the page; `ailyus release history --limit` lists more."""


class ReleasePages:
    """The releases, as one tenant sees them."""

    def __init__(self, candidates: Candidates, is_admin: Callable[[Person], bool]) -> None:
        self._candidates = candidates
        self._is_admin = is_admin
        self._releases = candidates.releases

    def views(self) -> list[View]:
        """Where they are reached."""
        return [View("GET", "/releases", self.releases)]

    async def releases(self, visit: ConsoleRequest) -> Page:
        """The last releases, the newest first, with the changes that are about this tenant."""
        store, tenant = self._releases.runner.journal.store, visit.tenant
        entries = await store.read_aside(lambda read: history_of(read, store.keys, SHOWN, tenant))
        # sentences alone: the fields of a policy may name another tenant
        rows = [{**entry.document, "changes": list(entry.changed)} for entry in entries]
        live = self._releases.runner.release
        # a sentence about a file may name what is another tenant's
        alone = is_alone(live, tenant)
        body = {
            "live": live.digest,
            "governed": live.governed,
            "may_edit": alone and self._is_admin(visit.person),
            "releases": rows,
            "candidates": [candidate_row(*one) for one in (await self._candidates.reviews.newest())[:SHOWN]],
            "refused": _shown(self._releases.refused, whole=alone),
            "behind": _shown(self._releases.behind, whole=alone),
        }
        return Page("releases.html", "Releases", body)


def _shown(refused: RefusedRelease | None, *, whole: bool) -> dict[str, object] | None:
    if refused is None:
        return None
    return {"at_ms": refused.at_ms, "code": refused.code, "sentence": refused.sentence if whole else ""}
