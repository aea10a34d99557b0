"""One action as a timeline: every signed statement of it, what it says, and the evidence at each."""

from collections.abc import Awaitable, Callable

import orjson
from pydantic import JsonValue
from starlette.responses import Response

from contracts.errors import AilyusError
from policies.signed_resolution import SignedResolution
from receipts.action.action import Action
from receipts.audit.denials import reason_of
from receipts.audit.questions import approved_by
from receipts.log.signing import Envelope
from receipts.statement import entries, evidence
from receipts.statement.entries import LogEntry
from receipts.store.row import integer
from receipts.tables import incidents, inventory
from server.admin import access
from server.approvals.inbox import Inbox
from server.console.action_rows import check_row, steps_of
from server.console.redirection import redirect
from server.console.session import passkeys_of
from server.console.visit import ConsoleRequest, Page, View, action_of
from server.operations.resolutions import OPEN, Resolutions
from server.results.answers import halt_line
from server.results.receipt_summary import summarize
from server.results.text import text_of

_STEPS = {
    "decision": "decided",
    "intent": "intended: signed and durable before the first byte was sent",
    "outcome": "read back and reconciled",
    "recheck": "looked at again",
    "resolution": "resolved by a person",
}
"""What each kind of statement is on the path of an action."""


class Actions:
    """What happened, and what people say about it afterwards."""

    def __init__(self, inbox: Inbox, resolutions: Resolutions, mark: Callable[[str, str], Awaitable[str]]) -> None:
        self._inbox = inbox
        self._mark = mark
        self._resolutions = resolutions

    def views(self) -> list[View]:
        """Where they are reached."""
        return [
            View("GET", "/actions", self.actions),
            View("GET", "/actions/{action}", self.action),
            View("POST", "/actions/{action}/recheck", self.recheck),
            View("POST", "/actions/{action}/resolve", self.resolve),
            View("GET", "/evidence/{receipt}/{label:path}", self.evidence),
        ]

    async def actions(self, visit: ConsoleRequest) -> Page:
        """The newest actions."""
        rows = [
            {
                "action": one.id,
                "contract": one.contract,
                "state": one.state,
                "status": one.status,
                "agent": one.agent,
                "person": one.person,
                "at_ms": one.created_ms,
            }
            for one in await inventory.newest_of(self._inbox.runner.journal.store, visit.tenant)
        ]
        return Page("actions.html", "Actions", {"actions": rows})

    async def action(self, visit: ConsoleRequest) -> Page:
        """The timeline of one action, with its steps where it is a plan."""
        # before anything is read: a change meanwhile makes the page look again, and never miss it
        mark = await self._mark(visit.tenant, visit.named("action"))
        action = await action_of(visit, self._inbox.runner.journal)
        journal = self._inbox.runner.journal
        open_now = await journal.open_intent(action.id)
        keys = passkeys_of((await journal.registry.keys()).values(), visit.person)
        doubtful = await self._is_open(action)
        timeline = await self._timeline(action)
        runner = self._inbox.runner
        halt = runner.halt_of(action) if action.state == "ready" else None
        told = action.result
        if halt is not None:
            told = await runner.held(action, halt)
        # nobody says for themselves that what they asked for happened; the gateway refuses it too
        barred = visit.person.name in (action.request.person, action.request.owner)
        return Page(
            "action.html",
            self._inbox.title(action.request.contract),
            {
                "action": action.id,
                "mark": mark,
                "contract": action.request.contract,
                "state": action.state,
                "status": action.status,
                "agent": action.request.agent,
                "person": action.request.person,
                "reason": action.request.reason or "",
                "params": [[name, _text(value)] for name, value in action.request.params.items()],
                "told": text_of(told).split("\n") if told else [],
                "halt": halt_line(halt) if halt else "",
                "held": told.summary if told and halt else "",
                "timeline": timeline,
                "why": timeline[-1]["why"] if timeline else "",
                "steps": steps_of((told.steps if told else None) or (), await journal.steps(action.id)),
                "undoes": action.undoes,
                "open": open_now is not None,
                "can_recheck": action.state == "ended"
                and action.status in ("confirmed", "unknown")
                and action.plan is None,
                "can_resolve": doubtful and not barred and bool(keys),
                "doubtful": doubtful,
                "origin": self._inbox.runner.release.origin,
                "me_name": visit.person.name,
                "now_ms": journal.store.now_ms(),
                "keys": keys,
            },
        )

    async def _timeline(self, action: Action) -> list[dict[str, JsonValue]]:
        store = self._inbox.runner.journal.store
        found = await entries.of_action(store, action.id)
        decided = await store.read_aside(lambda read: approved_by(read, found[0].receipt)) if found else []
        words = {str(d["receipt"]): f"{d['person']} as {d['role']}, {d['key']} key" for d in decided}
        comments = {str(d["receipt"]): str(d["comment"]) for d in decided}
        return [await self._moment(one, words.get(one.receipt), comments.get(one.receipt, "")) for one in found]

    async def _moment(self, entry: LogEntry, who: str | None, comment: str) -> dict[str, JsonValue]:
        store = self._inbox.runner.journal.store
        predicate = orjson.loads(Envelope.decode(entry.envelope).payload)["predicate"]
        sizes = await evidence.sizes(store, entry.leaf_index)
        # what action it was and under which set stands above the timeline, once
        why = await store.read_aside(lambda read: reason_of(read, entry.receipt))
        said: list[JsonValue] = list(summarize(predicate)[2:-1])
        checks = predicate.get("checks")
        return {
            "receipt": entry.receipt,
            "kind": entry.kind,
            "status": entry.status,
            "step": _STEPS.get(entry.kind, entry.kind),
            "at_ms": integer(predicate["atMs"]),
            "who": who,
            "comment": comment,
            "changed": predicate.get("changed") if entry.kind == "outcome" else None,
            "says": said,
            "why": why,
            "checks": [check_row(c) for c in checks if isinstance(c, dict)] if isinstance(checks, list) else [],
            "evidence": [{"label": one.label, "bytes": one.size} for one in sizes],
        }

    async def recheck(self, visit: ConsoleRequest) -> Response:
        """Look again: whether what was confirmed still holds, what became of what is unknown."""
        action = await action_of(visit, self._inbox.runner.journal)
        await self._resolutions.recheck(action.id)
        return redirect(f"/actions/{action.id}")

    async def resolve(self, visit: ConsoleRequest) -> Response:
        """A person's signed word about an outcome in doubt: asserted, never confirmed."""
        action = await action_of(visit, self._inbox.runner.journal)
        signed = SignedResolution.model_validate_json(visit.form["signed"])
        if signed.resolution.person != visit.person.name or signed.resolution.action_id != action.id:
            raise AilyusError("bad_form", "this is not your word, or about another action")
        await self._resolutions.resolve(signed)
        return redirect(f"/actions/{action.id}")

    async def evidence(self, visit: ConsoleRequest) -> Response:
        """One piece of evidence, as a file; who read it is logged before it is given."""
        receipt, label = visit.named("receipt"), visit.named("label")
        data = await evidence.piece(self._inbox.runner.journal.store, receipt, label, visit.tenant)
        if data is None:
            raise AilyusError("not_found", "there is no such evidence that you may see")
        await access.record(self._inbox.runner.journal, receipt, label, visit.person.name)
        # INVARIANT: what a target sent is never a page of this console
        headers = {
            "content-disposition": f'attachment; filename="{receipt}-{_plain(label)}"',  # guard: evidence is no page
            "content-security-policy": "sandbox; default-src 'none'",
        }
        return Response(data, media_type="application/octet-stream", headers=headers)

    async def _is_open(self, action: Action) -> bool:
        is_open = await incidents.needs_somebody(self._inbox.runner.journal.store, action.id)
        return action.state == "ended" and action.status in OPEN and is_open


def _plain(label: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in label)


def _text(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
