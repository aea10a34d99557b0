"""What programs ask of receipts: a list with filters, one receipt, one action, and a bundle that proves it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import orjson
from pydantic import BaseModel

from contracts.action.request import Caller
from contracts.errors import AilyusError
from policies.receipt_policy import EVIDENCE
from receipts.audit.bundle import PICTURES, write_bundle
from receipts.audit.denials import reason_of
from receipts.log.signing import Envelope
from receipts.statement import entries, evidence
from receipts.tables.receipt_search import ReceiptFilter, find_receipts
from server.actions.runner import ActionRunner
from server.admin import access
from server.console.api.documents import ApiAction, ApiReceiptDetail, ApiReceiptPage, receipt_detail
from server.console.list_query import instant
from server.console.receipt_list import FILTERS
from server.results.receipt_summary import summarize

LIMIT: Final = 100
MAX_LIMIT: Final = 500
"""Receipts of one page."""
MAX_TEXT: Final = 300
"""Characters of one filter."""
_PLACES: Final = ("before", "after", "limit")


@dataclass(frozen=True, slots=True)
class ApiQuestion:
    """Who asks, about what the path names, with which filters."""

    caller: Caller
    named: str
    asked: Mapping[str, str]


class ReceiptQueries:
    """Answers for one tenant: an id of another one is not found, exactly as one that nobody ever had."""

    def __init__(self, runner: ActionRunner) -> None:
        self._runner = runner
        # all about an action: one at a time, so that nobody keeps every thread busy
        self._one_at_a_time = asyncio.Lock()

    async def receipts(self, question: ApiQuestion) -> BaseModel:
        """Receipts, newest first."""
        asked, store = question.asked, self._runner.journal.store
        if unknown := sorted(asked.keys() - {*FILTERS, *_PLACES}):
            hint = f"there are {', '.join((*FILTERS, *_PLACES))}"
            raise AilyusError("bad_form", f"there is no filter `{unknown[0][:40]}`", hint=hint)
        before, after, limit = (_number(asked, name) for name in _PLACES)
        if before is not None and after is not None:
            raise AilyusError("bad_form", "a page is `before` a place or `after` one", hint="leave one of them out")
        texts = {name: text for name, text in asked.items() if name not in (*_PLACES, "since", "until")}
        # guard: the tenant of a search
        wanted = ReceiptFilter(tenant=question.caller.tenant, **texts)  # type: ignore[arg-type]  # all texts
        since, until = (instant(asked.get(name, ""), store.now_ms()) for name in ("since", "until"))
        wanted = replace(wanted, since_ms=since, until_ms=until)
        most = min(LIMIT if limit is None else max(1, limit), MAX_LIMIT)
        search = partial(find_receipts, wanted=wanted, before=before, after=after, limit=most)
        return ApiReceiptPage.of(await store.read_aside(search))

    async def receipt(self, question: ApiQuestion) -> BaseModel:
        """One receipt: its sentences, and what was signed."""
        await self._must_see(question)
        store, receipt = self._runner.journal.store, question.named
        entry = await entries.get(store, receipt)
        said = orjson.loads(entry.envelope)
        statement = orjson.loads(Envelope.decode(entry.envelope).payload)
        why = await store.read_aside(lambda read: reason_of(read, receipt))
        sizes = await evidence.sizes(store, entry.leaf_index)
        found: ApiReceiptDetail = receipt_detail(entry, summarize(statement["predicate"], why), statement, sizes, said)
        return found

    async def action(self, question: ApiQuestion) -> BaseModel:
        """One action, and every statement about it."""
        journal = self._runner.journal
        action = await journal.get(question.named)
        # INVARIANT 9: a foreign id is not found
        # guard: actions of one's own tenant, for programs
        if action is None or action.request.tenant != question.caller.tenant:
            raise _not_found("action")
        opened = access.may(self._runner.release, EVIDENCE, question.caller)
        return ApiAction.of(action, await entries.of_action(journal.store, action.id), opened=opened)

    async def bundle(self, question: ApiQuestion) -> BaseModel:
        """The file that proves a receipt, with its evidence but for pictures."""
        access.require(self._runner.release, EVIDENCE, question.caller)  # guard: a bundle holds evidence
        await self._must_see(question)
        journal, receipt = self._runner.journal, question.named
        # INVARIANT: who read evidence is in the log before it is given
        # guard: who fetches a bundle
        await access.record(journal, receipt, access.PROOF, question.caller.person)
        async with self._one_at_a_time:
            return await journal.store.read_aside(lambda read: write_bundle(read, receipt, receipt, (PICTURES,)))

    async def _must_see(self, question: ApiQuestion) -> None:
        store = self._runner.journal.store
        # guard: receipts of one's own tenant, for programs
        if await entries.tenant_of(store, question.named) != question.caller.tenant:
            raise _not_found("receipt")


def _not_found(noun: str) -> AilyusError:
    # the same words for what is another tenant's and for what never was
    return AilyusError("not_found", f"there is no such {noun} that you may read", hint="search for it: /api/receipts")


def _number(asked: Mapping[str, str], name: str) -> int | None:
    text = asked.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise AilyusError("bad_form", f"`{name}` is a number", hint="take `older` or `newer` of a page")
    return int(text)
