"""A tab: a context of its own with one page, and the one that is made ahead."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # heavy: imported where the first browser starts
    from playwright.async_api import BrowserContext, CDPSession, Page, StorageState


@dataclass(frozen=True, slots=True)
class Tab:
    """A context of its own with one page, still empty, and the protocol session of that page."""

    context: "BrowserContext"
    page: "Page"
    session: "CDPSession"


@dataclass(frozen=True, slots=True)
class Spare:
    """A tab that is made while nobody waits for it. It is used once, like any other."""

    state: "StorageState"
    making: "asyncio.Task[Tab]"
    expiry: asyncio.TimerHandle
