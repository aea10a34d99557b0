"""The exports of a gateway: each sends by itself, and people list, test and resume them."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import orjson

from adapters.credentials.cache import Credentials
from contracts.canonical import new_id, sha256
from contracts.errors import AilyusError
from contracts.text.nearest import did_you_mean
from policies.principal import Person
from receipts.export.standing import ExportStanding
from receipts.journal.journal import Journal
from receipts.statement.gateway_facts import EscalationFacts
from receipts.statement.statement import SignedStatement
from receipts.tables.export_states import ExportState
from server.actions.chore import Chore
from server.operations.export_sender import ExportSender
from server.operations.export_sink import BatchDeferred, BatchRefused, FileSink, HttpSink, Sink
from server.operations.webhooks import client, posted
from server.workspace.settings.export import ExportPart
from server.workspace.settings.notification import EscalationPart


class Exports:
    """Every export of the settings; `root` is the workspace's folder, `version` the gateway's."""

    def __init__(
        self,
        journal: Journal,
        parts: Mapping[str, ExportPart],
        routes: Mapping[str, EscalationPart],
        credentials: Credentials,
        root: Path,
        version: str,
    ) -> None:
        self._journal = journal
        self._parts = parts
        self._routes = routes
        self._credentials = credentials
        self._http = client()
        for name, part in parts.items():
            if part.escalate is not None and part.escalate not in routes:
                hint = f"add [escalations.{part.escalate}], or name another one as `escalate` under [export.{name}]"
                raise AilyusError("bad_settings", f"there is no escalation `{part.escalate}`", hint=hint)
        self._senders = {
            name: ExportSender(journal, name, part, self._sink(part, root), self._told, version)
            for name, part in parts.items()
        }

    def _sink(self, part: ExportPart, root: Path) -> Sink:
        if part.url is None:
            return FileSink(root / (part.file or ""), part.rotate)
        return HttpSink.of(part.url, part.header, part.scheme, self._credentials, part.token)

    async def close(self) -> None:
        """Give connections back."""
        await self._http.aclose()
        for sender in self._senders.values():
            await sender.close()

    @property
    def chores(self) -> tuple[Chore, ...]:
        """One for each export: a receiver that hangs delays no other."""
        parts = self._parts
        return tuple(Chore("export", one.sweep, parts[name].interval / 1000) for name, one in self._senders.items())

    @property
    def standings(self) -> Mapping[str, ExportStanding]:
        """How each export stands, as of the last look at it."""
        return {name: sender.standing for name, sender in self._senders.items()}

    async def sweep(self, name: str) -> None:
        """Send what one export has to send now."""
        await self._sender(name).sweep()

    async def test(self, name: str) -> str:
        """Send the newest statement by one export, whose cursor stays; the statement's place is in it anyway.

        Returns why it was not taken; empty where it was. Raises `not_found` where there is nothing to send.
        """
        answer = await self._sender(name).test()
        if answer is None:
            raise AilyusError("not_found", "the log has no statement yet that this export may send")
        return answer.says if isinstance(answer, BatchDeferred | BatchRefused) else ""

    async def resume(self, name: str, after: int | None, by: Person) -> ExportState:
        """Let a stopped export go on, by a person's word: with the same batch, or after a leaf that they name."""
        return await self._sender(name).resume(after, partial(self._resumed, by=by))

    def _resumed(self, facts: EscalationFacts, by: Person) -> SignedStatement:
        notary = self._journal.notary
        said = facts.also({"by": notary.pseudonym(by.tenant, "person", by.name)})
        subject = {facts.escalation: sha256(facts.escalation.encode())}
        return notary.sign_gateway_statement(said, new_id("rcp"), "", subject, self._journal.store.now_ms())

    def _sender(self, name: str) -> ExportSender:
        sender = self._senders.get(name)
        if sender is None:
            hint = did_you_mean(name, self._senders, where="ailyus.toml names them under [export]")
            raise AilyusError("not_found", f"there is no export `{name}`", hint=hint)
        return sender

    async def _told(self, name: str, says: str) -> bool:
        """Tell people that an export stopped: names and numbers only, as in every notice."""
        route = self._routes[self._parts[name].escalate or ""]
        body = orjson.dumps({"event": "export", "export": name, "status": "stopped", "says": says})
        return await posted(self._http, self._credentials, route, body, self._journal.store.now_ms())
