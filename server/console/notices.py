"""The page of notices: who is told of what waits and of what is in doubt, how that went, and a test of each route."""

from collections.abc import Callable, Mapping
from typing import Literal
from urllib.parse import urlsplit

from contracts.errors import AilyusError
from policies.principal import Person
from receipts.tables import routes
from receipts.tables.routes import RouteUse
from server.actions.runner import ActionRunner
from server.console.visit import ConsoleRequest, Page, View
from server.operations.approval_notifications import ApprovalNotifications
from server.operations.escalations import Escalations
from server.workspace.settings.notification import EscalationPart, NoticePart

Noun = Literal["notices", "escalations"]


class NoticePages:
    """The routes as the settings have them. Everybody sees those of their tenant; an admin sends a test."""

    def __init__(
        self,
        runner: ActionRunner,
        notifications: ApprovalNotifications,
        escalations: Escalations,
        is_admin: Callable[[Person], bool],
    ) -> None:
        self._runner = runner
        self._notifications = notifications
        self._escalations = escalations
        self._is_admin = is_admin

    def views(self) -> list[View]:
        """Where they are reached."""
        return [View("GET", "/notices", self.notices), View("POST", "/notices/test", self.test)]

    async def notices(self, visit: ConsoleRequest) -> Page:
        """Every route, and when somebody was last told by it."""
        return await self._page(visit, None)

    async def test(self, visit: ConsoleRequest) -> Page:
        """One message by one route, which says that it is a test; was it taken?"""
        # a pager wakes somebody: whoever may have that done is named by the settings
        if not self._is_admin(visit.person):  # guard: tests of notices are an admin's
            hint = "an admin does it: somebody with a role of `[console] admins`"
            raise AilyusError("no_authority", "the routes of notices are not yours to test", hint=hint)
        noun, name = visit.form["noun"], visit.form["name"]
        if noun == "notices" and name in self._notifications.routes_of(visit.tenant):
            taken = await self._notifications.test(name, visit.tenant)
        elif noun == "escalations" and name in self._escalations.routes_of(visit.tenant):
            taken = await self._escalations.test(name)
        else:
            raise AilyusError("not_found", "there is no such route", hint="see the list of routes")
        return await self._page(visit, {"name": f"[{noun}.{name}]", "taken": taken})

    async def _page(self, visit: ConsoleRequest, tested: Mapping[str, object] | None) -> Page:
        store, tenant = self._runner.journal.store, visit.tenant
        of_notices = {one.route: one for one in await routes.of_notices(store, tenant)}
        of_escalations = {one.route: one for one in await routes.of_escalations(store, tenant)}
        own, called = self._notifications.routes_of(tenant), self._escalations.routes_of(tenant)
        following = {route.next for route in own.values()}
        return Page(
            "notices.html",
            "Notices",
            {
                "notices": [
                    _row(name, route, of_notices) | {"roles": list(route.roles), "second": name in following}
                    for name, route in sorted(own.items())
                ],
                "escalations": [
                    _row(name, route, of_escalations) | {"after_ms": route.after}
                    for name, route in sorted(called.items())
                ],
                # contracts name a route that the settings may lack: then nobody is told, and nobody notices
                "unrouted": sorted(set(of_escalations) - set(called)),
                "tested": tested,
                "admin": self._is_admin(visit.person),
            },
        )


def _row(name: str, route: NoticePart | EscalationPart, used: Mapping[str, RouteUse]) -> dict[str, object]:
    if isinstance(route, NoticePart) and route.webhook is None:
        where = f"{route.channel} by the connection {route.connection}"
    else:
        # the host alone: the path of a webhook is a secret with many receivers
        where = urlsplit(route.webhook or "").netloc.rpartition("@")[2]
    use = used.get(name, RouteUse(name, None, 0, 0))
    return {
        "name": name,
        "where": where,
        "signed": route.secret is not None,
        "sentence": route.sentence,
        "next": route.next,
        "delivered_ms": use.delivered_ms,
        "open": use.open,
        "failed": use.failed,
    }
