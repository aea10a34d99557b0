"""The comparison of releases: what a candidate changes against the live one, and what each logged one changed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import orjson
from pydantic import JsonValue, TypeAdapter, ValidationError

from contracts.canonical import sha256
from contracts.errors import AilyusError
from contracts.text.document import read_document
from contracts.text.source import MalformedSource
from policies.budget import FILE as BUDGET_FILE
from policies.budget import parsed
from policies.release import Release
from policies.release_content import Facts, Noun, ReleaseContent, policy_facts, reach_of
from policies.release_diff import ReleaseChange, release_changes
from receipts.log.log_keys import LogKeys
from receipts.statement import releases
from receipts.statement.releases import ReleaseRecord, opened
from receipts.store.row import Read
from server.results.timestamp import iso
from server.workspace.release_settings import SETTINGS, ReleaseSettings
from server.workspace.release_statement import release_evidence
from server.workspace.roots import trusted_keys
from server.workspace.stores import is_made, reading
from server.workspace.workspace import Workspace

T = TypeVar("T")
_FACTS: Final[TypeAdapter[Facts]] = TypeAdapter(Facts)
_LABELS: Final = ("contract/", "plan/", "policy/", "slice/", releases.FILE, SETTINGS)
_TESTS: Final = ".test.yaml"
_SHARED: Final = re.compile(rb"^(system|flow):", re.MULTILINE)
"""How a file begins that contracts share: a system's declarations, or a flow through pages."""


@dataclass(frozen=True, slots=True)
class ReleaseEntry:
    """One release of the history, and what it changed against the one before; None where that one is not known."""

    record: ReleaseRecord
    changes: tuple[ReleaseChange, ...] | None

    @property
    def says(self) -> str:
        """Who released what, when and why."""
        record = self.record
        by = f" by {record.author}" if record.author else ""
        signed = "signed" if record.signed else "unsigned"
        signed += f", approved by {', '.join(self.approvers)}" if self.approvers else ""
        reason = record.signed.document.reason if record.signed else ""
        return f"{iso(record.at_ms)} release {record.digest[:12]}{by}, {signed}" + (f": {reason}" if reason else "")

    @property
    def approvers(self) -> list[str]:
        """Who approved it beside its author."""
        return [one.document.approver for one in self.record.signed.approvals] if self.record.signed else []

    @property
    def changed(self) -> tuple[str, ...]:
        """What it changed, in sentences."""
        if self.changes is None:
            return ("the first release",)
        return tuple(change.says for change in self.changes) or ("nothing changed",)

    @property
    def document(self) -> dict[str, JsonValue]:
        """The same for programs."""
        record = self.record
        return {
            "release": record.digest,
            "author": record.author,
            "at_ms": record.at_ms,
            "leaf": record.leaf,
            "signed": record.signed is not None,
            "keyid": record.signed.keyid if record.signed else None,
            "reason": record.signed.document.reason if record.signed else "",
            "approvers": list(self.approvers),
            "changes": None if self.changes is None else [change.document for change in self.changes],
        }


def is_content(label: str) -> bool:
    """Is evidence under this label what a release consists of?"""
    return label.startswith(_LABELS)


def content_of(evidence: Mapping[str, bytes]) -> ReleaseContent:
    """The content of a release from the evidence of its statement. Raises `AilyusError`."""
    parts: dict[Noun, dict[str, Facts]] = {
        noun: {} for noun in ("contract", "plan", "system", "flow", "policy", "tests")
    }
    slices: dict[str, Mapping[str, object]] = {}
    budgets: dict[str, Facts] = {}
    try:
        for label, data in evidence.items():
            what, _, name = label.partition("/")
            if what == "contract" or what == "plan":
                parts["contract" if what == "contract" else "plan"][name] = _FACTS.validate_json(data)
            elif what == "policy" and name == BUDGET_FILE:
                budgets = {f"budget {one.name}": one.facts for one in parsed(data.decode())}
            elif what == "policy":
                parts["policy"] |= policy_facts(name, data.decode())
            elif what == "slice":
                slices[name] = orjson.loads(data)
            elif label.endswith(_TESTS):
                parts["tests"][name] = {"digest": sha256(data)}
            elif what == "file" and (found := _SHARED.search(data)):
                # what contracts share is in their digests, and not in what is kept of each
                noun: Noun = "system" if found[1] == b"system" else "flow"
                facts = _FACTS.validate_python(read_document(data.decode())[1])
                parts[noun][str(facts[noun])] = facts
    except (ValidationError, ValueError, MalformedSource):
        raise AilyusError("store_corrupt", "the evidence of a release cannot be read") from None
    if SETTINGS in evidence:
        parts |= _settings(ReleaseSettings.decode(evidence[SETTINGS]))
        parts["setting"] |= budgets
    return ReleaseContent(parts, reach_of(slices))


def _settings(settings: ReleaseSettings) -> dict[Noun, dict[str, Facts]]:
    said = settings.model_dump(mode="json")
    names = ("roles", "environments", "releasers", "change_freeze", "incident", "time_zone", "session_hours")
    single: dict[str, Facts] = {name: {"value": said[name]} for name in names}
    return {"connection": said["connections"], "person": said["people"], "setting": single}


def changes_against_live(
    workspace: Workspace, release: Release, sources: Mapping[str, bytes]
) -> tuple[ReleaseRecord | None, tuple[ReleaseChange, ...]]:
    """The live release, if there is one, and everything that a candidate changes. Raises `AilyusError`."""
    after = content_of(release_evidence(release, sources, None))
    record, before = None, ReleaseContent({noun: {} for noun in after.parts})
    if workspace.settings.has_database or workspace.store.exists():
        with reading(workspace) as read:
            keys = trusted_keys(workspace, read)
            record = releases.newest(read, keys) if is_made(workspace, read) else None
            if record is not None:
                before = recorded_content(read, record, keys)
    return record, release_changes(before, after)


def history_of(read: Read, keys: LogKeys, most: int, tenant: str | None = None) -> list[ReleaseEntry]:
    """The last releases, the newest first, each with what it changed, for one tenant or all. Raises `AilyusError`."""
    records = releases.history(read, keys, most + 1)
    contents = [recorded_content(read, record, keys) for record in records]
    if tenant is not None:
        contents = [content.of_tenant(tenant) for content in contents]
    is_first = len(records) <= most
    found = [
        ReleaseEntry(record, release_changes(contents[place + 1], contents[place]))
        for place, record in enumerate(records[:-1])
    ]
    return [*found, ReleaseEntry(records[-1], None)] if is_first and records else found


def recorded_content(read: Read, record: ReleaseRecord, keys: LogKeys) -> ReleaseContent:
    """What a logged release consists of. Raises `AilyusError`."""
    return content_of(opened(read, record, keys, is_content))


def count_of(changes: Sequence[ReleaseChange]) -> str:
    """How many changes there are, in words."""
    if not changes:
        return "nothing changes"
    wider = sum(change.widens != "no" for change in changes)
    return f"{len(changes)} changes, {wider} of which let more through or may do so"
