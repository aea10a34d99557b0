"""The signed-in session of an account at a connection, kept in memory and never on disk."""

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from adapters.browser.chromium import Chromium
from contracts.action.observation import ReadOutage
from contracts.action.target import Target

if TYPE_CHECKING:  # heavy: the browser's driver is loaded when the first page is opened
    from playwright.async_api import StorageState


@dataclass(slots=True)
class AccountSession:
    """What is kept of one account at one connection, in memory, never on disk: cookies, and `items` of storage."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    state: "StorageState | None" = None
    items: dict[str, dict[str, str]] = field(default_factory=dict)
    failed: ReadOutage | None = None
    failed_at: float = 0.0


class BrowserSessions:
    """Signed-in sessions by connection and account. One sign-in at a time each."""

    def __init__(self, browser: Chromium) -> None:
        self.browser = browser
        self._known: dict[tuple[str, str], AccountSession] = {}

    def of(self, target: Target, login: str) -> AccountSession:
        """The session of one account at one target instance."""
        return self._known.setdefault((target.digest, login), AccountSession())
