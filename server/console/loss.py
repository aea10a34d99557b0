"""The page on which a person accepts with a passkey what a restored store has lost; it is served only for that.

No gateway runs on such a store, and so nobody is signed in: the page has an address of its own, which the terminal
says, and it is at the console's origin, where the person's passkey answers. Whoever has the address sees what was lost,
and does nothing without the passkey.
"""

import asyncio
import hmac
import secrets
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, JsonValue
from starlette.responses import Response

from contracts.errors import AilyusError
from policies.passkey import Assertion
from policies.principal import Person
from policies.receipt_policy import Access
from policies.signed_loss import LossDocument, SignedLoss
from server.console.session import ConsoleSession
from server.console.visit import ConsoleRequest, Page, View
from server.console.web import Web
from server.listener.certificate import Certificate
from server.listener.front import Front
from server.listener.http_server import serving
from server.listener.listener import open_listener
from server.workspace.clock import now_ms
from server.workspace.loss import AcceptedLoss, LossAcceptance, loss_acceptance
from server.workspace.public_address import public_address

if TYPE_CHECKING:
    from server.workspace.workspace import Workspace

WAIT_SECONDS: Final = 900.0
"""For how long the page is served."""


class LossWord(BaseModel):
    """What the page sends."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    word: LossDocument
    keyid: str
    assertion: Assertion


class LossPage:
    """One loss, and the one person who may accept it here."""

    def __init__(self, acceptance: LossAcceptance) -> None:
        self._acceptance = acceptance
        self._one = asyncio.Lock()
        self.link = secrets.token_urlsafe(32)
        self.accepted: asyncio.Future[AcceptedLoss] = asyncio.get_running_loop().create_future()

    def views(self) -> list[View]:
        """Where it is reached."""
        path = "/accept-loss/{link}"
        return [View("GET", path, self.page, public=True), View("POST", path, self.accept, public=True)]

    async def page(self, visit: ConsoleRequest) -> Page:
        """What was lost, and the document that is signed."""
        self._require_link(visit)
        return await self._page()

    async def accept(self, visit: ConsoleRequest) -> Page | Response:
        """Take the signed document; the store goes on."""
        self._require_link(visit)
        sent = LossWord.model_validate_json(visit.form["signed"])
        async with self._one:
            if not self.accepted.done():
                key = next((k for k in await self._acceptance.passkeys() if k.keyid == sent.keyid), None)
                if key is None:
                    raise AilyusError("unlinked_key", "the loss is not signed with a passkey of that person")
                signed = SignedLoss(document=sent.word, public=key.public.hex(), assertion=sent.assertion)
                self.accepted.set_result(await self._acceptance.accept(signed))
        return await self._page()

    async def _page(self) -> Page:
        document, done = self._acceptance.document, self.accepted.done()
        keys = [
            {"keyid": key.keyid, "credential": key.passkey.credential, "rpId": key.passkey.rp_id}
            for key in await self._acceptance.passkeys()
            if key.passkey is not None
        ]
        body = {
            "link": self.link,
            "document": document.model_dump(mode="json"),
            "open": 0 if done else await self._acceptance.open_actions(),
            "accepted": done,
            "keys": keys,
        }
        return Page("loss.html", "What the restored store has lost", body)

    def _require_link(self, visit: ConsoleRequest) -> None:
        # guard: the link of a loss
        if not hmac.compare_digest(visit.named("link").encode(), self.link.encode()):
            raise AilyusError("not_found", "there is no such page", hint="use the address that the terminal says")


class NoSessions:
    """Nobody is signed in."""

    async def find(self, secret: str) -> ConsoleSession | None:
        """None."""
        return None


async def accept_loss_here(
    workspace: "Workspace", person: str, reason: str, tell: Callable[[str], None], *, recovered: bool = False
) -> AcceptedLoss:
    """Serve the page where the gateway would listen, until the person has signed. Raises `AilyusError`.

    `tell` is given the page's address.
    """
    settings, part = workspace.settings, workspace.settings.server
    async with AsyncExitStack() as opened:
        acceptance = await opened.enter_async_context(loss_acceptance(workspace, person, reason, recovered=recovered))
        if not await acceptance.passkeys():
            hint = "sign with a key file (`--key`), or let another person accept the loss"
            raise AilyusError("unlinked_key", f"`{person}` had no passkey when the backup was taken", hint=hint)
        page = LossPage(acceptance)
        listener = open_listener(part, part.port, workspace.root)
        opened.callback(listener.close)
        address = public_address(settings, listener.bound)
        files = (workspace.root / part.certificate, workspace.root / part.key)
        tls = Certificate(*files).context if part.certificate else None
        app = Web(NoSessions(), _nowhere, now_ms, _nobody).app(address, page.views())
        front = Front(app, Response("a loss is to be accepted first\n", 503, media_type="text/plain"), part)
        async with serving(front, listener.sockets, "off", tls=tls):
            tell(f"{address.console}/accept-loss/{page.link}")
            try:
                async with asyncio.timeout(WAIT_SECONDS):
                    return await asyncio.shield(page.accepted)
            except TimeoutError:
                sentence = f"nobody signed within {WAIT_SECONDS / 60:.0f} minutes: nothing was written"
                raise AilyusError("expired", sentence, hint="run the command again") from None


async def _nowhere(session: ConsoleSession) -> Mapping[str, JsonValue]:
    return {}


def _nobody(access: Access, person: Person) -> None:
    raise AilyusError("no_authority", "nobody signs in here")
