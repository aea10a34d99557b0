"""The page on which an admin writes policies: what is wrong, what it means, and the proposal that a passkey signs.

It works without JavaScript but for that signature: the files of an edit travel in its form, and nothing is kept of
them here. It makes nothing live: people approve the proposal on its own page, as any other.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Final

from pydantic import JsonValue
from starlette.responses import Response

from contracts.errors import AilyusError
from policies.outcome import OutcomeChange
from policies.policy_finding import PolicyFinding
from policies.principal import Person
from server.console.editor import PolicyEditor
from server.console.estate import is_alone
from server.console.impact_rows import impact_rows
from server.console.redirection import redirect
from server.console.session import passkeys_of
from server.console.visit import ConsoleRequest, Page, View
from server.operations.policy_edit import AuthorWord, PolicyEdit, PolicyEdits
from server.workspace.policy_review import FOLDER

FIELD: Final = "edit:"
"""How the fields are named that hold a file of an edit; the rest of the name is the file's."""
SHOWN: Final = 50
"""Outcomes in the table; `ailyus policy diff` prints all of them."""


class PolicyEditPages:
    """The live policies in a form, for admins of a gateway with one tenant."""

    def __init__(self, edits: PolicyEdits, is_admin: Callable[[Person], bool], editor: PolicyEditor) -> None:
        self._edits = edits
        self._editor = editor
        self._is_admin = is_admin

    def views(self) -> list[View]:
        """Where they are reached."""
        return [
            View("GET", "/policy-edits", self.edit),
            View("POST", "/policy-edits", self.check),
            View("POST", "/policy-edits/propose", self.propose),
        ]

    async def edit(self, visit: ConsoleRequest) -> Page:
        """The form, with the file that the address names, or with the policies of the former release that it names."""
        self._require_right(visit)
        texts, digest = await self._edits.texts(), visit.asked("release")
        mine = await self._edits.former(digest) if digest else {}
        file = visit.asked("file") or next((name for name in mine if name.endswith(".cedar")), next(iter(mine), ""))
        body = {**_form(texts, mine, file), "has_editor": self._editor.is_there}
        if digest:
            body |= {"again": digest, "reason": f"the policies of release {digest[:12]} again"}
        return Page("policy_edit.html", "Edit policies", body)

    async def check(self, visit: ConsoleRequest) -> Page:
        """The form again, with another file of the edit, or with what the edit means."""
        self._require_right(visit)
        texts, mine = await self._edits.texts(), _edits_of(visit.form)
        mine = {name: text for name, text in mine.items() if text != texts.get(name, "")}
        file = visit.form.get("new", "").strip() or visit.form.get("open", "") or visit.form.get("file", "")
        reason = visit.form.get("reason", "").strip()
        body = {**_form(texts, mine, file), "has_editor": self._editor.is_there, "reason": reason}
        if visit.form.get("do") != "check":
            return Page("policy_edit.html", "Edit policies", body)
        found = await self._edits.check(mine)
        body["found"] = _found(found, {**texts, **mine})
        if found.made is not None and found.differs:
            body["proposal"] = await self._proposal(visit, found, reason)
        return Page("policy_edit.html", "Edit policies", body)

    async def propose(self, visit: ConsoleRequest) -> Response:
        """Put the edit before people, signed by its author."""
        self._require_right(visit)
        word = AuthorWord.model_validate_json(visit.form["signed"])
        review = await self._edits.propose(_edits_of(visit.form), visit.person, word)
        return redirect(f"/releases/{review.record.digest}")

    async def _proposal(self, visit: ConsoleRequest, found: PolicyEdit, reason: str) -> dict[str, object]:
        keys = passkeys_of(await self._edits.keys(visit.person), visit.person)
        try:
            document = await self._edits.document(found, visit.person, reason)
        except AilyusError as error:
            return {"why_not": {"sentence": error.sentence, "hint": error.hint}, "keys": keys, "document": None}
        return {"why_not": None, "keys": keys, "document": document.model_dump(mode="json")}

    def _require_right(self, visit: ConsoleRequest) -> None:
        if not self._is_admin(visit.person):  # guard: who edits policies at the console
            raise AilyusError("no_authority", "only an admin edits policies here", hint="see `[console] admins`")
        # INVARIANT 9: a policy is about every tenant, and nobody sees what is another tenant's
        if not is_alone(self._edits.live, visit.tenant):  # guard: policies of one tenant are edited
            hint = "change the files, and put them before people: `ailyus release propose`"
            raise AilyusError("no_authority", "this gateway has several tenants, and policies are about all", hint=hint)


def _edits_of(form: Mapping[str, str]) -> dict[str, str]:
    """The files of the form; a browser sends the ends of lines as `\\r\\n` (WHATWG HTML, form submission)."""
    files = {name.removeprefix(FIELD): text for name, text in form.items() if name.startswith(FIELD)}
    return {name: text.replace("\r\n", "\n") for name, text in files.items()}


def _form(texts: Mapping[str, str], mine: Mapping[str, str], file: str) -> dict[str, object]:
    names = sorted({*texts, *mine})
    # without a name, the first file of policies, and none where a folder has tests alone
    file = file or next((name for name in names if name.endswith(".cedar")), f"{FOLDER}new.cedar")
    return {
        "files": names if file in names else [*names, file],
        "file": file,
        "text": mine.get(file, texts.get(file, "")),
        "others": {name: text for name, text in mine.items() if name != file},
        "edited": sorted(mine),
        "again": "",
        "reason": "",
        "found": None,
        "proposal": None,
    }


def _found(edit: PolicyEdit, texts: Mapping[str, str]) -> dict[str, object]:
    outcomes = edit.outcomes
    return {
        "findings": [_finding(one, texts) for one in edit.findings],
        "differs": edit.differs,
        "files": [asdict(one) for one in edit.files],
        "tests": edit.tests,
        "changes": [change.says for change in edit.changes],
        "outcomes": [_row(one) for one in outcomes.changes[:SHOWN]] if outcomes else [],
        "more": max(0, len(outcomes.changes) - SHOWN) if outcomes else 0,
        "wider": sum(one.widens for one in outcomes.changes) if outcomes else 0,
        "situations": outcomes.situations if outcomes else 0,
        "is_whole": outcomes is not None and outcomes.is_whole,
        "impact": None if edit.impact is None else impact_rows(edit.impact),
    }


def _finding(one: PolicyFinding, texts: Mapping[str, str]) -> dict[str, JsonValue]:
    return {"lines": list[JsonValue](one.lines(texts)), "file": one.position.file if one.position else ""}


def _row(one: OutcomeChange) -> dict[str, JsonValue]:
    return {
        "wider": one.widens,
        "who": one.who,
        "action": one.action,
        "where": one.place.says,
        "before": one.before.says,
        "after": one.after.says,
        "policies": list[JsonValue](one.policies),
    }
