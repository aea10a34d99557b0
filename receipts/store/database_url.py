"""The URL of a database, and where it is read anew when the server refuses the password in it."""

import asyncio
from collections.abc import Callable

import asyncpg

from contracts.errors import AilyusError


class DatabaseUrl:
    """A URL that all connections of one store share; it changes when the password of the database has changed."""

    def __init__(self, text: str, renewed: Callable[[], str] | None = None) -> None:
        self._text = text
        self._renewed = renewed

    @classmethod
    def of(cls, url: "str | DatabaseUrl") -> "DatabaseUrl":
        """The URL itself, or one that stays as it is."""
        return cls(url) if isinstance(url, str) else url

    async def connect(self, *, seconds: float, server_settings: dict[str, str]) -> "asyncpg.Connection[asyncpg.Record]":
        """A new connection. A refused password is looked up once more, and tried again where it is another."""
        tried = self._text
        try:
            return await asyncpg.connect(tried, timeout=seconds, server_settings=server_settings)
        except asyncpg.InvalidAuthorizationSpecificationError:
            if not await self._is_another(tried):  # guard: a password of the database that changed
                raise
        return await asyncpg.connect(self._text, timeout=seconds, server_settings=server_settings)

    async def _is_another(self, tried: str) -> bool:
        if self._renewed is not None and self._text == tried:
            try:
                self._text = await asyncio.to_thread(self._renewed)
            except AilyusError:  # its source cannot tell: what the server says is told
                return False
        return self._text != tried
