"""Receipts as MCP resources, and the completion of their ids: of the caller's own actions, and of no other."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import mcp_types as types
import orjson
from mcp.server.lowlevel.server import Server
from mcp.shared.exceptions import MCPError
from pydantic import JsonValue

from contracts.action.request import Caller
from contracts.errors import AilyusError
from receipts.action.action import Action
from receipts.audit.query import Found, Query, find
from receipts.journal.queries import action_in
from receipts.tables.archives import ArchivePlace
from server.actions.runner import ActionRunner
from server.mcp.action_state import is_place_of
from server.mcp.tasks import Context
from server.results.timestamp import iso

SCHEME = "receipt://"
TEMPLATE = SCHEME + "{receipt_id}"
MAX_LISTED = 50
MAX_COMPLETED = 100
"""What one completion may hold (MCP, Completion)."""


class ReceiptResources:
    """The handlers of `resources/*` and `completion/complete`."""

    def __init__(self, runner: ActionRunner, caller: Callable[[Context], Awaitable[Caller]]) -> None:
        self._runner = runner
        self._caller = caller

    def serve(self, server: Server[Any]) -> None:
        """Add the handlers to a server."""
        server.add_request_handler("resources/list", types.PaginatedRequestParams, self.list)
        server.add_request_handler("resources/templates/list", types.PaginatedRequestParams, self.templates)
        server.add_request_handler("resources/read", types.ReadResourceRequestParams, self.read)
        server.add_request_handler("completion/complete", types.CompleteRequestParams, self.complete)

    async def found(
        self,
        caller: Caller,
        limit: int,
        *,
        contract: str | None = None,
        status: str | None = None,
        receipt: str | None = None,
    ) -> list[Found]:
        """The caller's own receipts, newest first."""
        query = self._query(caller, limit, contract=contract, status=status, receipt=receipt)
        return await self._runner.journal.store.read_aside(lambda read: find(read, query))

    def _query(
        self,
        caller: Caller,
        limit: int,
        *,
        contract: str | None = None,
        status: str | None = None,
        receipt: str | None = None,
    ) -> Query:
        journal = self._runner.journal
        return Query(
            tenant=caller.tenant,
            agent=caller.agent,  # guard: receipts of another agent
            person=journal.notary.pseudonym(caller.tenant, "person", caller.person),
            ends_only=True,
            limit=limit,
            contract=contract,
            status=status,
            receipt=receipt,
        )

    async def list(self, ctx: Context, params: types.PaginatedRequestParams) -> types.ListResourcesResult:
        """The newest receipts of this caller."""
        rows = await self.found(await self._caller(ctx), MAX_LISTED)
        listed = [
            types.Resource(
                uri=SCHEME + row.receipt_id,
                name=row.receipt_id,
                title=f"{row.contract}: {row.status}, {iso(row.at_ms)}",
                mime_type="application/json",
            )
            for row in rows
        ]
        return types.ListResourcesResult(resources=listed, cache_scope="private")

    async def templates(self, ctx: Context, params: types.PaginatedRequestParams) -> types.ListResourceTemplatesResult:
        """How a receipt is named."""
        template = types.ResourceTemplate(
            uri_template=TEMPLATE,
            name="receipt",
            title="A receipt",
            description="What became of one of your actions; find_receipts lists the ids.",
            mime_type="application/json",
        )
        return types.ListResourceTemplatesResult(resource_templates=[template], cache_scope="private")

    async def read(self, ctx: Context, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        """One receipt: its indexed facts, and the last answer of its action. Never proofs, never secrets."""
        uri = str(params.uri)
        caller = await self._caller(ctx)
        archived: Action | None = None
        receipt = uri.removeprefix(SCHEME) if uri.startswith(SCHEME) else ""
        rows: Sequence[Found] = await self.found(caller, 1, receipt=receipt) if receipt else ()
        place = await self._runner.archives.place(receipt) if receipt and not rows else None
        if place is not None and is_place_of(self._runner, place, caller):
            rows, archived = await self._archived(caller, receipt, place)
        # INVARIANT: nobody reads another principal's receipt; a foreign id is not found.
        if not rows:
            raise not_found(ctx, uri)
        row = rows[0]
        action = archived or (await self._runner.journal.get(row.action_id) if row.action_id else None)
        body: dict[str, JsonValue] = {
            "receipt_id": row.receipt_id,
            "action_id": row.action_id,
            "tool": row.contract,
            "status": row.status,
            "changed": row.changed,
            "at": iso(row.at_ms),
        }
        if action is not None and action.is_of(caller) and action.receipt_id == row.receipt_id and action.result:
            body["answer"] = action.result.document()
        text = types.TextResourceContents(uri=uri, mime_type="application/json", text=orjson.dumps(body).decode())
        return types.ReadResourceResult(contents=[text], cache_scope="private")

    async def _archived(
        self, caller: Caller, receipt: str, place: ArchivePlace
    ) -> tuple[Sequence[Found], Action | None]:
        """The same out of its archive. Raises where the file is not at hand."""
        query = self._query(caller, 1, receipt=receipt)
        try:
            return await self._runner.archives.read(
                place, lambda read: (find(read, query), action_in(read, place.action_id))
            )
        except AilyusError as error:
            raise MCPError(types.INTERNAL_ERROR, error.sentence, {"uri": SCHEME + receipt}) from None

    async def complete(self, ctx: Context, params: types.CompleteRequestParams) -> types.CompleteResult:
        """Receipt ids that begin as asked; nothing for what has no ids that a read can supply."""
        ref = params.ref
        if not isinstance(ref, types.ResourceTemplateReference) or ref.uri != TEMPLATE:
            return types.CompleteResult(completion=types.Completion(values=[], total=0, has_more=False))
        rows = await self.found(await self._caller(ctx), 10 * MAX_COMPLETED)
        values = [row.receipt_id for row in rows if row.receipt_id.startswith(params.argument.value)]
        first = values[:MAX_COMPLETED]
        return types.CompleteResult(
            completion=types.Completion(values=first, total=len(values), has_more=len(values) > len(first))
        )


def not_found(ctx: Context, uri: str) -> MCPError:
    """-32602 since 2026-07-28 (SEP-2164), -32002 before."""
    code = types.INVALID_PARAMS if ctx.protocol_version >= "2026-07-28" else -32002
    return MCPError(code, "there is no such resource that you may see", {"uri": uri})
