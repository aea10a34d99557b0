"""One action as a timeline: every signed statement of it, what it says, and the evidence at each."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import Any, Final

import orjson
from pydantic import JsonValue
from starlette.responses import Response

from contracts.errors import AilyusError
from policies.receipt_policy import EVIDENCE, RECEIPTS
from policies.signed_resolution import SignedResolution
from receipts.action.action import Action
from receipts.action.action_result import ActionResult
from receipts.action.sentence import ActionSentence
from receipts.audit.denials import reason_of
from receipts.audit.questions import approved_by
from receipts.log.signing import Envelope
from receipts.statement import entries, evidence
from receipts.statement.entries import LogEntry
from receipts.store.row import Read, integer
from receipts.tables import incidents
from server.admin import access
from server.approvals.inbox import Inbox
from server.console.action_list import ActionLists
from server.console.action_rows import check_row, steps_of, verified_of
from server.console.changes import changes_of, pretty
from server.console.record_links import links_of
from server.console.redirection import redirect
from server.console.session import passkeys_of
from server.console.visit import ConsoleRequest, Page, View, action_of
from server.operations.resolutions import OPEN, Resolutions
from server.results.answers import halt_line
from server.results.receipt_summary import summarize
from server.results.text import text_of

_READABLE: Final = 12_000
"""Characters of evidence that one page shows, over all its pieces; the files hold all of it."""
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
        self._lists = ActionLists(inbox)

    def views(self) -> list[View]:
        """Where they are reached."""
        return [
            *self._lists.views(),
            View("GET", "/actions/{action}", self.action, access=RECEIPTS),
            View("GET", "/actions/{action}/changes", self.changes, access=EVIDENCE),
            View("POST", "/actions/{action}/recheck", self.recheck),
            View("POST", "/actions/{action}/resolve", self.resolve),
            View("GET", "/evidence/{receipt}/{label:path}", self.evidence, access=EVIDENCE),
        ]

    async def action(self, visit: ConsoleRequest) -> Page:
        """The timeline of one action, with its steps where it is a plan."""
        # before anything is read: a change meanwhile makes the page look again, and never miss it
        mark = await self._mark(visit.tenant, visit.named("action"))
        action = await action_of(visit, self._inbox.runner.journal)
        journal = self._inbox.runner.journal
        open_now = await journal.open_intent(action.id)
        keys = passkeys_of((await journal.registry.keys()).values(), visit.person)
        doubtful = await self._is_open(action)
        timeline, decided = await self._timeline(action, with_words=self._opens(visit))
        said = action.sentence or ActionSentence.of(self._inbox.title(action.request.contract))
        runner = self._inbox.runner
        halt = runner.halt_of(action) if action.state == "ready" else None
        told = action.result
        if halt is not None:
            told = await runner.held(action, halt)
        # nobody says for themselves that what they asked for happened; the gateway refuses it too
        barred = visit.person.name in (action.request.person, action.request.owner)
        return Page(
            "action.html",
            said.quoted,
            {
                "action": action.id,
                "parts": [[text, is_value] for text, is_value in said.parts],
                "title": self._inbox.title(action.request.contract),
                "risk": action.request.risk,
                "kind": action.request.kind,
                "connection": action.request.connection,
                "plan": action.step.plan_id if action.step else None,
                "created_ms": action.created_ms,
                "ended_ms": action.updated_ms if action.state == "ended" else None,
                "approvals": decided,
                "verified": verified_of(told, action.request.kind) if told else "",
                "observed": any(e["label"].startswith("before/") for m in timeline for e in m["evidence"]),
                "mark": mark,
                "contract": action.request.contract,
                "state": action.state,
                "status": action.status,
                "agent": action.request.agent,
                "person": action.request.person,
                **self._content(visit, action, told),
                "halt": halt_line(halt) if halt else "",
                "held": told.summary if told and halt else "",
                "timeline": timeline,
                "why": timeline[-1]["why"] if timeline else "",
                "steps": steps_of(
                    (told.steps if told else None) or (), await journal.steps(action.id), await self._waves(action)
                ),
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

    def _opens(self, visit: ConsoleRequest) -> bool:
        return access.may(self._inbox.runner.release, EVIDENCE, visit.person)

    def _content(self, visit: ConsoleRequest, action: Action, told: ActionResult | None) -> dict[str, list[Any] | str]:
        """What was asked with and what was answered: nothing for whoever reads no evidence."""
        if not self._opens(visit):  # guard: inputs are evidence
            return {"links": [], "reason": "", "params": [], "told": []}
        return {
            "links": links_of(self._inbox.runner.release, action),
            "reason": action.request.reason or "",
            "params": [[name, _text(value)] for name, value in action.request.params.items()],
            "told": text_of(told).split("\n") if told else [],
        }

    async def _waves(self, action: Action) -> dict[str, int]:
        return await self._inbox.runner.plans.waves(action) if action.plan is not None else {}

    async def _timeline(
        self, action: Action, *, with_words: bool
    ) -> tuple[list[dict[str, Any]], list[dict[str, JsonValue]]]:
        """Each statement with the time since the one before it; and what people decided."""
        store = self._inbox.runner.journal.store
        found = await entries.of_action(store, action.id)
        decided = await store.read_aside(lambda read: approved_by(read, found[0].receipt)) if found else []
        words = {str(d["receipt"]): f"{d['person']} as {d['role']}, {d['key']} key" for d in decided}
        comments = {str(d["receipt"]): str(d["comment"]) for d in decided if with_words}
        moments = [await self._moment(one, words.get(one.receipt), comments.get(one.receipt, "")) for one in found]
        last = action.created_ms
        for moment in moments:
            moment["after_ms"], last = max(0, moment["at_ms"] - last), moment["at_ms"]
        return moments, [{k: v for k, v in one.items() if k != "saw"} for one in decided if with_words]

    async def changes(self, visit: ConsoleRequest) -> Page:
        """What was observed before and after: where they differ, and each piece of evidence to be read."""
        action = await action_of(visit, self._inbox.runner.journal)
        journal = self._inbox.runner.journal
        found = await entries.of_action(journal.store, action.id)

        def look(read: Read) -> list[tuple[str, str, bytes]]:
            return [(one.receipt, e.label, e.data) for one in found for e in evidence.pieces(read, one.receipt)]

        pieces = await journal.store.read_aside(look)
        # INVARIANT: who read evidence is in the log before it is given
        for receipt in dict.fromkeys(receipt for receipt, _, _ in pieces):
            await access.record(journal, receipt, "everything", visit.person.name)  # guard: who looks at what changed
        before = {label.removeprefix("before/"): data for _, label, data in pieces if label.startswith("before/")}
        after = {label.removeprefix("after/"): data for _, label, data in pieces if label.startswith("after/")}
        said = action.sentence or ActionSentence.of(self._inbox.title(action.request.contract))
        body = {
            "action": action.id,
            "parts": [[text, is_value] for text, is_value in said.parts],
            "changes": [asdict(one) for one in changes_of(before, after)],
            "both": bool(before and after),
            "pieces": _readable([piece for piece in pieces if not piece[1].startswith("page/")]),
        }
        return Page("changes.html", f"What changed: {said.quoted}", body)

    async def _moment(self, entry: LogEntry, who: str | None, comment: str) -> dict[str, Any]:
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


def _readable(pieces: Sequence[tuple[str, str, bytes]]) -> list[dict[str, JsonValue]]:
    """Pieces of evidence with their first lines, as far as one page has room for them."""
    room, told = _READABLE, list[dict[str, JsonValue]]()
    for receipt, label, data in pieces:
        # what nobody shows whole is not parsed either
        text = pretty(data) if len(data) <= _READABLE else data[:_READABLE].decode("utf-8", "replace")
        lines: list[JsonValue] = list(text[:room].split("\n")) if room else []
        told.append(
            {"receipt": receipt, "label": label, "bytes": len(data), "lines": lines, "is_whole": len(text) <= room}
        )
        room = max(0, room - len(text))
    return told
