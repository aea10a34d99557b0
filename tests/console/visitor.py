"""Somebody signed in at the console without a browser: pages by HTTP, and the forms that stand on them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

import httpx2

from tests.web import web
from tests.world import World


class _Forms(HTMLParser):
    """The fields of each form of a page, by its action."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.found.append((given.get("action") or "", {}))
        elif tag == "input" and self.found and given.get("type") == "hidden":
            self.found[-1][1][given["name"] or ""] = given.get("value") or ""


@dataclass
class Visitor:
    """A person's session. It sends only forms that a page of theirs holds, as a browser without JavaScript would."""

    client: httpx2.AsyncClient
    origin: str

    async def get(self, path: str, status: int = 200) -> str:
        answer = await self.client.get(path)
        assert answer.status_code == status, answer.text
        return answer.text

    async def json(self, path: str) -> Any:
        return (await self.client.get(path)).json()

    async def submit(self, page: str, action: str, fields: dict[str, str] | None = None, **where: str) -> Any:
        """Send the form of a page that leads to `action` and has these hidden values; the answer is not followed."""
        return await self.post(action, await self.form(page, action, **where) | (fields or {}))

    async def form(self, page: str, action: str, **where: str) -> dict[str, str]:
        """The hidden fields of that form."""
        forms = _Forms()
        forms.feed(await self.get(page))
        found = [given for to, given in forms.found if to == action and where.items() <= given.items()]
        assert len(found) == 1, (action, forms.found)
        return found[0]

    async def post(self, action: str, fields: dict[str, str]) -> Any:
        return await self.client.post(action, data=fields, headers={"origin": self.origin})


@asynccontextmanager
async def visitor(world: World, name: str) -> AsyncIterator[Visitor]:
    """A declared person, let in as by an identity provider: there is no passkey, so nothing can be signed."""
    console = world.app.console
    person = world.app.runner.release.people.get(name)
    assert person is not None
    secret = await console._sessions.open_for(person)
    async with web(base_url=console.url, headers={"cookie": f"__Host-ailyus={secret}"}, timeout=30.0) as client:
        yield Visitor(client, console.origin)
