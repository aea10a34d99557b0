"""The newest words of the log: what the latest statement says of each key, agent, halt, tenant and told role.

Beside them: what was taken back, and what was open when a person accepted a loss, which both hold for ever.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pydantic import JsonValue

CONTROL_KINDS = ("key", "agent", "halt", "role", "tenant", "loss")
"""The kinds of statement by which a row counts, or no longer does."""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """The newest statement about one thing: its leaf, its own facts, and the tenant that it is of."""

    leaf: int
    event: str
    tenant: str
    at_ms: int
    facts: Mapping[str, JsonValue]

    def text(self, name: str) -> str:
        """One fact as text, '' when it is not there."""
        value = self.facts.get(name)
        return value if isinstance(value, str) else ""


class Words:
    """The newest word about every key, agent, halt, tenant and told role, and every approval that was taken back."""

    def __init__(self) -> None:
        self.keys: dict[str, LedgerEntry] = {}
        self.agents: dict[str, LedgerEntry] = {}
        self.tokens: dict[str, int] = {}
        """When each agent was given the token that it has."""
        self.halts: dict[tuple[str, str], LedgerEntry] = {}
        self.roles: dict[str, LedgerEntry] = {}
        self.tenants: dict[str, str] = {}
        self.withdrawn: set[str] = set()
        self.unsendable: set[str] = set()
        """Actions that were open in a store when its loss was accepted: it does not know what became of them."""

    def learn(self, leaf: int, predicate: Mapping[str, JsonValue]) -> None:
        """Take in a statement whose signature was checked; one that controls nothing says nothing here."""
        kind, about, at_ms = predicate["kind"], predicate.get("about"), predicate["atMs"]
        # kept for ever: the same signed bytes of an approval that was taken back may be sent again
        if predicate["status"] == "withdrawn" and kind == "decision":
            self.withdrawn.add(str(predicate["approval"]))
        elif kind in CONTROL_KINDS and isinstance(about, dict) and isinstance(at_ms, int):
            self._file(
                str(kind), LedgerEntry(leaf, str(about.get("event", "")), str(predicate["tenant"]), at_ms, about)
            )

    def _file(self, kind: str, said: LedgerEntry) -> None:
        if kind == "key":
            _over(self.keys, said.text("keyid"), said)
        elif kind == "agent":
            _over(self.agents, said.text("agent"), said)
            # who is promoted keeps the token that they were registered with
            if said.event == "added":
                self.tokens[said.text("agent")] = said.at_ms
        elif kind == "halt":
            # the end of a halt too: its statement says `lifted`, and only the newest one counts
            self.halts[said.text("scope"), said.text("name")] = said
        elif kind == "role":
            self.roles[said.text("holder")] = said
        elif kind == "loss":
            actions = said.facts.get("actions")
            self.unsendable |= {str(one) for one in actions} if isinstance(actions, list) else set()
        else:
            self.tenants[said.text("tenant")] = said.text("keyDigest")


def _over(known: dict[str, LedgerEntry], name: str, said: LedgerEntry) -> None:
    """What a later statement does not repeat is what the earlier one said."""
    earlier = known.get(name)
    known[name] = replace(said, facts={**earlier.facts, **said.facts}) if earlier else said
