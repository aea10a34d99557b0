"""Drafts of contracts: what an importer could find out, and `TODO` where only a person can say it."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import yaml
from pydantic import JsonValue

from contracts.errors import AilyusError
from contracts.text.todo import TODO

DECLINED: Final = "response.status in [400, 422]"
"""Answers that mean no for good: what was sent is malformed or not acceptable (RFC 9110 sections 15.5.1, 15.5.21)."""
# enough to recognise an operation by
_COMMENT: Final = 300
_RESOURCE = re.compile(r"([A-Z][A-Za-z0-9]{0,63})=(\$\{.+\}|[A-Za-z0-9_.-]{1,100})")


@dataclass(frozen=True, slots=True)
class DraftInput:
    """What a person said already; whatever is missing becomes a TODO.

    `resource` is `Type=${CEL}`; `expect` are conditions in CEL.
    """

    risk: str = ""
    resource: str = ""
    summary: str = ""
    says: str = ""
    expect: tuple[str, ...] = ()


@dataclass(slots=True)
class Draft:
    """One contract to be: `inputs` and `observe` as they stand in the file, and `route`, the one entry of `execute`.

    `heard` is what the other side says of itself. It comes from outside: it stands in comments, escaped, and nowhere
    else, so that nothing of it reaches an agent unless a person writes it down. `notes` are sentences of ours for
    whoever fills the draft. `credential` is the header that the credential stands
    in, and the word before it there. `unused` are names that were set or left out, but stand nowhere.
    """

    name: str
    target: str
    verified_against: str
    way: str
    inputs: dict[str, dict[str, JsonValue]] = field(default_factory=dict)
    observe: dict[str, dict[str, JsonValue]] = field(default_factory=dict)
    route: dict[str, JsonValue] | None = None
    outputs: dict[str, str] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    credential: tuple[str, str] | None = None
    unused: dict[str, str] = field(default_factory=dict)

    def text(self, said: DraftInput) -> str:
        """The draft as YAML."""
        title = self.name.replace("_", " ").capitalize()
        content: dict[str, JsonValue] = {
            "contract": self.name,
            "version": 1,
            "title": f"{title} ({self.target})"[:80],
            "summary": said.summary or f"{TODO} what it does, in one sentence that agents read",
            "use_when": said.summary or f"{TODO} when an agent should use it",
            "kind": "write" if self.route else "read",
            "risk": said.risk or f"{TODO} low, medium, high or critical",
            "verified_against": re.sub(r"[^A-Za-z0-9 .,()+/=@:-]", "", self.verified_against)[:120] or "nothing yet",
            "target": self.target,
            "inputs": dict(self.inputs),
            "observe": dict(self.observe),
            "resource": _resource(said.resource),
        }
        if self.route is None:
            content["outputs"] = dict(self.outputs)
        else:
            content |= {
                "says": said.says or _says(said) or f"{TODO} what will change, in one sentence that approvers read",
                "execute": [self.route],
                "detect": "state",
                "expect": _conditions(said.expect),
                "evidence": {self.way: ["before", "after", "response"]},
                "undo": "none",
            }
        # comments and not a `description`: agents read those
        comments = ["# A draft. Look at every line; `ailyus contract check` names what is still to do."]
        comments += [f"# it says of itself: {_escaped(text)}" for text in self.heard]
        # in ASCII, so that no invisible character of outside stands in a contract
        body = yaml.safe_dump(content, sort_keys=False, allow_unicode=False, width=118)
        notes = "".join(f"# note: {_commented(text)}\n" for text in self.notes)
        return "\n".join(comments) + "\n" + body + notes


def _resource(said: str) -> JsonValue:
    if not said:
        return {"type": f"{TODO} what Cedar decides about, for example GitRepository", "id": f"{TODO} its id"}
    match = _RESOURCE.fullmatch(said)
    if match is None:
        hint = "for example 'GitRepository=${inputs.repo}'"
        raise AilyusError("bad_contract", f"`{said}` names no resource", hint=hint)
    return {"type": match[1], "id": match[2]}


def _says(said: DraftInput) -> str:
    """The summary with the record's id, so that whoever approves it sees which one it is."""
    # an id that is a plain word is the same for every call, and tells an approver nothing
    _, _, id_ = said.resource.partition("=")
    return f"{said.summary.rstrip('.')}: {id_}" if said.summary and id_.startswith("${") else said.summary


def _conditions(expect: tuple[str, ...]) -> JsonValue:
    if not expect:
        return [{"that": f"{TODO} what is true when it is done, in CEL over before and after", "else": TODO}]
    return [{"that": that, "so": that[:400], "else": f"not so: {that}"[:400]} for that in expect]


def _escaped(text: str) -> str:
    """Words from outside on one line, in ASCII, as a JSON string."""
    return json.dumps(text[:_COMMENT])  # guard: words from outside are comments


def _commented(text: str) -> str:
    return re.sub(r"[^\x20-\x7e]", "?", text)[:_COMMENT]


def identifier(text: str) -> str:
    """A name of ours out of a name from outside: `createUser` and `Create-User` are `create_user`."""
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", text)
    name = re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")
    return (name if name[:1].isalpha() else f"x_{name}")[:64].strip("_")


def refuse_unused(drafts: Sequence[Draft]) -> None:
    """Refuse a value that was set, or a part that was left out, which none of the drafts has."""
    for name, hint in drafts[0].unused.items() if drafts else ():
        if all(name in draft.unused for draft in drafts):
            raise AilyusError("bad_contract", f"`{name}` is set or left out, but stands nowhere", hint=hint)
