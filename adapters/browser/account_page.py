"""A page of a signed-in account: who the application says that is, what it keeps in storage, what a picture shows."""

import asyncio
from typing import TYPE_CHECKING

import orjson
from playwright.async_api import Error

from adapters.browser.screenshots import EVIDENCE_SECONDS
from adapters.browser.visit_fault import FlowHalt
from contracts.schema.flow import AccountRead

if TYPE_CHECKING:
    from playwright.async_api import Page

MAX_STORED = 256 * 1024
"""Characters of session storage that are carried over."""
_FETCH = """async url => {
  const answer = await fetch(url, {headers: {accept: 'application/json'}, redirect: 'error', cache: 'no-store'});
  return [answer.status, (await answer.text()).slice(0, 65536)];
}"""


async def told(page: "Page", base: str, account: AccountRead) -> str:
    """Who the application says in JSON is signed in, asked by the session itself."""
    try:
        status, text = await page.evaluate(_FETCH, base + account.get)
        value = orjson.loads(text) if status == 200 else None
    except orjson.JSONDecodeError:
        value = None
    for name in account.field.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if not isinstance(value, str):
        raise FlowHalt("stopped", f"`{account.get}` does not say who is signed in in `{account.field}`")
    return value


async def stored(page: "Page") -> dict[str, dict[str, str]]:
    """What the page keeps in session storage, by its origin."""
    origin, items = await page.evaluate("() => [location.origin, Object.entries(sessionStorage)]")
    if sum(len(name) + len(value) for name, value in items) > MAX_STORED:
        raise FlowHalt("stopped", "the session storage holds more than 256 KiB")
    return {origin: dict(items)}


async def holds(page: "Page", text: str) -> bool:
    """Could a picture of the page show this text? When that cannot be told, it could."""
    try:
        async with asyncio.timeout(EVIDENCE_SECONDS):
            return text in await page.content() or text in await page.locator("body").inner_text()
    except (Error, TimeoutError):
        return True
