"""The page that shows each part of the design system, so that a page is made of them and a test can look at all."""

from server.console.visit import ConsoleRequest, Page, View

STATUSES = (
    "confirmed",
    "approval_required",
    "running",
    "unknown",
    "denied",
    "unavailable",
    "not_applied",
    "compensated",
)
"""Statuses whose badges must be told apart without their colours."""


class DesignPages:
    """What pages are made of."""

    def views(self) -> list[View]:
        """Where it is reached."""
        return [View("GET", "/design", self.design)]

    async def design(self, visit: ConsoleRequest) -> Page:
        """Each part once, with words of no record."""
        return Page(
            "design.html", "Design", {"statuses": list(STATUSES), "risks": ["low", "medium", "high", "critical"]}
        )
