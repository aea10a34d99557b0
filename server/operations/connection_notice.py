"""The notice that a connection needs a person: which there are, whom they are for, and what they say.

`ApprovalNotifications` delivers them as it delivers all others. One is due for each sign-in that was lost, once.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from contracts.action.target import Target
from receipts.store.store import Store
from receipts.tables import grants
from receipts.tables.grants import StoredGrant
from server.operations.connections.grants import is_of
from server.workspace.settings.notification import NoticePart

EVENT: Final[Literal["connection"]] = "connection"


@dataclass(frozen=True, slots=True)
class ConnectionNotice:
    """What is told: the connection, and the page on which somebody connects it; nothing of its tokens or account."""

    connection: str
    tenant: str
    link: str

    @property
    def title(self) -> str:
        """The sentence that people read."""
        return f"The connection {self.connection} must be connected again"

    def document(self) -> dict[str, str]:
        """What a webhook gets."""
        return {"event": EVENT, "title": self.title, "connection": self.connection, "link": self.link}

    def slack_text(self) -> str:
        """The same in Slack's mrkdwn."""
        return f"{self.title}. <{self.link}|Look and connect>"


async def lost(store: Store, targets: Iterable[Target]) -> list[StoredGrant]:
    """The grants of these connections that need a person."""
    own = {target.name: target for target in targets if target.oauth2 is not None}
    rows = await grants.needing_person(store) if own else []
    return [row for row in rows if row.connection in own and is_of(row, own[row.connection])]


def events(
    rows: Iterable[StoredGrant],
    routes: Mapping[str, NoticePart],
    admins: Collection[str],
    targets: Mapping[str, Target],
) -> list[tuple[str, Literal["connection"], str]]:
    """Who is told of which: every notice without roles, and those for roles of admins, who alone can connect it."""
    found: list[tuple[str, Literal["connection"], str]] = []
    following = {route.next for route in routes.values()}
    for row in rows:
        for name, route in routes.items():
            if name in following:
                continue
            channel = targets.get(route.connection or "")
            # INVARIANT 9: a channel of another tenant would learn of it
            is_others = route.tenant not in (None, row.tenant) or (
                route.connection is not None and (channel is None or channel.tenant != row.tenant)
            )
            if (not route.roles or set(route.roles) & set(admins)) and not is_others:
                found.append((subject(row), EVENT, name))
    return found


def subject(row: StoredGrant) -> str:
    """What such a notice is about: a grant, with the version of its tokens that was lost."""
    return f"{row.id}@{row.version}"


async def notice(store: Store, about: str, console: str) -> ConnectionNotice | None:
    """What a notice says; None where somebody signed in meanwhile."""
    grant, _, version = about.rpartition("@")
    row = await grants.find(store, grant)
    if row is None or row.state != "needs_person" or str(row.version) != version:
        return None
    return ConnectionNotice(row.connection, row.tenant, f"{console}/connections/{row.connection}")
