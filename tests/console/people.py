"""People with browsers and passkeys: real Chromium, the protocol's virtual authenticators."""

import asyncio
import base64
import contextlib
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from playwright.async_api import (
    Browser,
    BrowserContext,
    CDPSession,
    ConsoleMessage,
    Error,
    Page,
    Playwright,
    Response,
    async_playwright,
)

from adapters.browser.launch import find_browser
from tests.browsers import connected
from tests.console.authenticator import Authenticator, signed_in
from tests.slowness import scaled
from tests.web import web
from tests.world import LEO, Sandbox, World, gateway, make_workspace

SECOND_LEAD = """
[[people]]
name = "lead-two"
tenant = "acme"
roles = ["SecurityLead"]

[[people]]
name = "outsider"
tenant = "globex"
roles = ["SecurityLead"]
"""
OPTIONS = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@dataclass
class Person:
    """One person at one browser. `faults` is whatever the browser complained about."""

    world: World
    name: str
    context: BrowserContext
    page: Page
    cdp: CDPSession
    authenticator: str
    faults: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.world.app.console.url

    async def go(self, path: str) -> Page:
        for last in (False, False, False, True):
            try:
                await self.page.goto(self.url + path)
                break
            except Error as fault:  # a page that looks again by itself was first: let it end
                if last or "interrupted by another navigation" not in str(fault):
                    raise
                await self.page.wait_for_load_state()
        return self.page

    async def text(self) -> str:
        return await self.page.locator("main").inner_text()

    async def json(self, path: str) -> Any:
        answer = await self.context.request.get(f"{self.url}{path}", headers=await self.cookies())
        return orjson.loads(await answer.body())

    async def cookies(self) -> dict[str, str]:
        found = await self.context.cookies(self.url)
        return {"cookie": "; ".join(f"{c['name']}={c['value']}" for c in found)}

    async def post(self, path: str, fields: dict[str, str]) -> tuple[int, str]:
        """A form of this person's session, sent without its page."""
        secret = (await self.cookies())["cookie"].partition("=")[2]
        session = await self.world.app.console._sessions.find(secret)
        assert session is not None
        answer = await self.context.request.post(
            self.url + path,
            form={**fields, "token": session.token(path)},
            headers={**await self.cookies(), "origin": self.world.app.console.origin},
            max_redirects=0,
        )
        return answer.status, await answer.text()

    async def press(self, name: str, *, exact: bool = False) -> None:
        """Click a button and wait for the page that comes of it."""
        async with self.page.expect_navigation():
            await self.page.get_by_role("button", name=name, exact=exact).click()

    async def enrol(self) -> None:
        await self.page.goto(await self.world.app.console.introduce(self.name))
        await self.press("make a passkey here")
        assert self.page.url.endswith("/sign-in"), await self.text()

    async def sign_in(self) -> None:
        await self.go("/sign-in")
        await self.press("sign in with a passkey")
        assert self.page.url == f"{self.url}/", await self.text()

    async def admit(self) -> None:
        """What `enrol` and `sign_in` come to, by HTTP: three pages and two ceremonies of the browser less, a second of CPU.

        The passkey is made here and laid into the browser's authenticator, which signs with it from then on.
        """
        console = self.world.app.console
        passkey = Authenticator(console.origin, credential=secrets.token_bytes(16))
        trusting = {"verify": self.world.tls} if self.world.tls is not None else {}
        async with web(timeout=30.0, **trusting) as http:
            cookie = await signed_in(http, await console.introduce(self.name), passkey)
        name, _, value = cookie.partition("=")
        given = {"name": name, "value": value, "domain": passkey.rp_id, "path": "/", "httpOnly": True, "secure": True}
        await self.context.add_cookies([{**given, "sameSite": "Lax"}])  # type: ignore[list-item]  # as the server set it
        key = passkey.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        credential = {
            "credentialId": base64.b64encode(passkey.credential).decode(),
            "isResidentCredential": True,
            "rpId": passkey.rp_id,
            "privateKey": base64.b64encode(key).decode(),
            "userHandle": base64.b64encode(self.name.encode()).decode(),
            "signCount": passkey.count,
        }
        added = {"authenticatorId": self.authenticator, "credential": credential}
        await self.cdp.send("WebAuthn.addCredential", added)

    async def decide(self, action: str, verdict: str = "approve", comment: str = "") -> str:
        await self.go(f"/approvals/{action}")
        if comment:
            await self.page.get_by_label("comment").fill(comment)
        await self.press(verdict)
        return await self.text()


class People:
    """Everybody's browsers, in one Chromium process."""

    def __init__(self, browser: Browser, world: World) -> None:
        self.browser = browser
        self.world = world
        self.all: list[Person] = []

    async def person(self, name: str, *, ready: bool = True, **options: Any) -> Person:
        context = await self.browser.new_context(**options)
        context.set_default_timeout(scaled(30) * 1000)
        page = await context.new_page()
        cdp = await context.new_cdp_session(page)
        await cdp.send("WebAuthn.enable")
        added = await cdp.send("WebAuthn.addVirtualAuthenticator", {"options": OPTIONS})
        person = Person(self.world, name, context, page, cdp, added["authenticatorId"])
        listen(person, page)
        self.all.append(person)
        if ready:
            await person.admit()
        return person

    async def without_javascript(self, person: Person, **options: Any) -> Person:
        """The same person's session at a browser that runs no script: everything but a passkey's word."""
        context = await self.browser.new_context(java_script_enabled=False, **options)
        context.set_default_timeout(scaled(30) * 1000)
        await context.add_cookies(await person.context.cookies())  # type: ignore[arg-type]  # what it gave it takes
        plain = Person(self.world, person.name, context, await context.new_page(), person.cdp, person.authenticator)
        self.all.append(plain)
        return plain

    def complaints(self) -> list[str]:
        return [fault for person in self.all for fault in person.faults]


def listen(person: Person, page: Page) -> None:
    """Errors on the console, breaches of the content security policy, requests to anybody else."""

    def said(message: ConsoleMessage) -> None:
        # a page that refuses says so with its status, which Chromium also writes there
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource"):
            person.faults.append(message.text)

    def answered(answer: Response) -> None:
        if answer.status >= 400 and answer.request.resource_type != "document":
            person.faults.append(f"{answer.status} {answer.url}")

    page.on("console", said)
    page.on("pageerror", lambda e: person.faults.append(str(e)))
    page.on("request", lambda r: None if r.url.startswith(person.url + "/") else person.faults.append(r.url))
    page.on("response", answered)


async def launched(playwright: Playwright, path: str, *arguments: str) -> Browser:
    """With its sandbox where this machine allows that; the pages here are ours. As root Chromium has none."""
    given = ["--disable-gpu", *arguments]
    if os.geteuid() != 0:
        with contextlib.suppress(Error):
            return await playwright.chromium.launch(executable_path=path, args=given)
    return await playwright.chromium.launch(executable_path=path, args=[*given, "--no-sandbox"])


async def plugged(lead: Person) -> None:
    """A security key is there while a passkey is made, and gone when the first one is asked."""
    options = {**OPTIONS, "transport": "usb"}
    added = await lead.cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})

    async def unplug() -> None:
        await lead.cdp.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": added["authenticatorId"]})

    await lead.page.expose_function("unplug", unplug)
    await lead.page.evaluate(
        "() => { const get = navigator.credentials.get.bind(navigator.credentials);"
        " navigator.credentials.get = async (options) => { await unplug(); return get(options); }; }"
    )


@asynccontextmanager
async def browsing(world: World, *arguments: str) -> AsyncIterator[People]:
    """Browsers for the people of a world: contexts of the shared one, or with `arguments` a process of its own."""
    async with _started(*arguments) if arguments else connected() as browser:
        before = browser.contexts
        try:
            yield People(browser, world)
        finally:
            for context in browser.contexts:
                if context not in before:
                    await context.close()


@asynccontextmanager
async def _started(*arguments: str) -> AsyncIterator[Browser]:
    path = find_browser()
    assert path is not None
    async with async_playwright() as playwright:
        browser = await launched(playwright, str(path), *arguments)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def people_of(folder: Path, sandbox: Sandbox, extra: str = SECOND_LEAD) -> AsyncIterator[People]:
    async with gateway(make_workspace(folder, sandbox, extra=extra), sandbox) as world:
        async with browsing(world) as people:
            yield people


async def in_doubt(world: World, arguments: dict[str, str] = LEO) -> dict[str, Any]:
    """An outcome that nobody can read: no answer came, and somebody enrolled anew meanwhile."""
    asked = await world.call("reset_user_mfa", arguments)
    world.sandbox.fault("hang_after_effect", ms=2000)
    await world.approve(asked["action_id"])
    while not any(entry["method"] == "POST" and arguments["user_id"] in entry["path"] for entry in world.sandbox.log()):
        await asyncio.sleep(0.005)
    state = world.sandbox.state()
    new = {"id": "opfnewphone01", "factorType": "push", "provider": "OKTA", "status": "ACTIVE"}
    state["acme"]["okta"]["factors"][arguments["user_id"]].append(new)
    world.sandbox.put(state)
    answer = await world.get(asked["action_id"])
    assert answer["status"] == "unknown", answer
    return answer
