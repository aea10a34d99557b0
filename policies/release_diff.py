"""What differs between two releases, part by part: its risk, and whether it lets more through than before.

It judges one part at a time, and says `no` only of what cannot let more through: what it cannot judge is `maybe`.
`policies.widening` answers another question: which guards a contract or a connection has left.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from pydantic import JsonValue

from contracts.schema.contract import RISKS
from policies.policy_words import REVIEW
from policies.release_content import Facts, Noun, ReleaseContent

Event = Literal["added", "removed", "changed"]
Widening = Literal["yes", "maybe", "no"]
_ORDER: Final = ("", *RISKS)
_LIMITS: Final = frozenset({"max_timeout_ms", "max_settle_ms", "max_in_flight", "per_minute"})
_WITHOUT: Final = frozenset({"max_in_flight", "per_minute"})
"""The limits of which 0 is no limit."""
_TEXTS: Final = frozenset(
    {"title", "summary", "use_when", "not_for", "version", "verified_against", "escalate", "annotations"}
)
"""The fields of contracts, plans and policies by which nothing is decided or sent."""
_SHOWN: Final = 100
"""Characters of two values in a sentence."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field of a part, before and after; None is a field that is not there."""

    name: str
    before: JsonValue
    after: JsonValue

    @property
    def says(self) -> str:
        """Its name, with both values where they are short."""
        before, after = self.before, self.after
        if isinstance(before, list) and isinstance(after, list) and all(isinstance(v, str) for v in (*before, *after)):
            came = [f"+{v}" for v in after if v not in before]
            return " ".join([self.name, *came, *(f"-{v}" for v in before if v not in after)])
        plain = all(isinstance(v, str | int | float) for v in (before, after))
        short = len(str(before)) + len(str(after)) <= _SHOWN
        return f"{self.name} {before} → {after}" if plain and short else self.name


@dataclass(frozen=True, slots=True)
class ReleaseChange:
    """One part that differs. `risk` is the highest of the contracts that it is about, empty where there are none."""

    noun: Noun
    name: str
    event: Event
    risk: str
    widens: Widening
    fields: tuple[FieldChange, ...] = ()

    @property
    def says(self) -> str:
        """One sentence for people."""
        risk = f", risk {self.risk}" if self.risk else ""
        wider = {"yes": ", lets more through", "maybe": ", may let more through", "no": ""}[self.widens]
        told = f": {', '.join(f.says for f in self.fields)}" if self.fields else ""
        return f"{self.event} {self.noun} {self.name}{risk}{wider}{told}"

    @property
    def document(self) -> dict[str, JsonValue]:
        """The same for programs."""
        fields: list[JsonValue] = [{"field": f.name, "before": f.before, "after": f.after} for f in self.fields]
        return {
            "noun": self.noun,
            "name": self.name,
            "event": self.event,
            "risk": self.risk,
            "widens": self.widens,
            "fields": fields,
        }


def release_changes(before: ReleaseContent, after: ReleaseContent) -> tuple[ReleaseChange, ...]:
    """Everything that differs, by noun and name. What is not known of one of the two is not compared."""
    found = []
    for noun, judge in _JUDGES.items():
        if noun not in before.parts or noun not in after.parts:
            continue
        was, is_now = before.parts[noun], after.parts[noun]
        for name in sorted(was.keys() | is_now.keys()):
            old, new = was.get(name), is_now.get(name)
            if old == new:
                continue
            event: Event = "added" if old is None else "removed" if new is None else "changed"
            risk = max(before.risk_of(noun, name), after.risk_of(noun, name), key=_ORDER.index)
            found.append(ReleaseChange(noun, name, event, risk, judge(name, old, new), _fields(old, new)))
    return tuple(found)


def _fields(old: Facts | None, new: Facts | None) -> tuple[FieldChange, ...]:
    if old is None or new is None:
        return ()
    names = sorted(old.keys() | new.keys())
    return tuple(FieldChange(n, old.get(n), new.get(n)) for n in names if old.get(n) != new.get(n))


# -- what lets more through --------------------------------------------------------------------------------------------


def _tests(name: str, old: Facts | None, new: Facts | None) -> Widening:
    return "no"


def _contract(name: str, old: Facts | None, new: Facts | None) -> Widening:
    if old is None or new is None:
        return "no" if new is None else "yes"
    return "no" if {f.name for f in _fields(old, new)} <= _TEXTS else "maybe"


def _part(name: str, old: Facts | None, new: Facts | None) -> Widening:
    # a new plan, flow or system is no certain gain: what uses it is decided as the action that it is
    return "maybe" if new is not None and old is None else _contract(name, old, new)


def _policy(name: str, old: Facts | None, new: Facts | None) -> Widening:
    if old is None or new is None:
        is_permit = (old or new or {}).get("effect") == "permit"
        return "yes" if is_permit == (old is None) else "no"
    if {f.name for f in _fields(old, new)} <= _TEXTS and _review_in(old) in ("", _review_in(new)):
        return "no"
    return "yes" if (old.get("effect"), new.get("effect")) == ("forbid", "permit") else "maybe"


def _review_in(policy: Facts) -> str:
    """The role that reviews afterwards what a policy permits; '' for nobody."""
    said = policy.get("annotations")
    return str(said.get(REVIEW, "")) if isinstance(said, dict) else ""


def _connection(name: str, old: Facts | None, new: Facts | None) -> Widening:
    if old is None or new is None:
        return "no" if new is None else "yes"
    return "no" if all(_is_tighter(f) for f in _fields(old, new)) else "maybe"


def _is_tighter(change: FieldChange) -> bool:
    """Is it a limit, and lower than before?"""
    before, after = change.before, change.after
    if change.name not in _LIMITS or not isinstance(before, int) or not isinstance(after, int):
        return False
    if change.name in _WITHOUT and 0 in (before, after):
        return before == 0
    return after < before


def _person(name: str, old: Facts | None, new: Facts | None) -> Widening:
    if old is None or new is None:
        return "no" if new is None else "yes"
    # whoever loses a role may have lost one that a forbid names
    return "yes" if _members(new, "roles") - _members(old, "roles") else "maybe"


def _setting(name: str, old: Facts | None, new: Facts | None) -> Widening:
    if name in ("change_freeze", "incident"):
        return "yes" if (old or {}).get("value") and not (new or {}).get("value") else "no"
    if name == "releasers":
        return "yes" if _members(new, "value") - _members(old, "value") else "no"
    if name.startswith("budget "):
        # a new one holds nothing back by itself, and no policy reads one that is gone
        return "no" if old is None or new is None else "yes"
    if name == "session_hours":
        # what was seen longer ago counts no more: a forbid on it holds for a shorter time
        return "yes" if int(str((new or {}).get("value"))) < int(str((old or {}).get("value"))) else "maybe"
    # nobody holds a role that is only declared, and an environment lets nothing through by itself
    return "no" if name == "roles" else "maybe"


def _members(facts: Facts | None, name: str) -> set[str]:
    found = (facts or {}).get(name)
    return {str(one) for one in found} if isinstance(found, list) else set()


_JUDGES: Final[Mapping[Noun, Callable[[str, Facts | None, Facts | None], Widening]]] = {
    "contract": _contract,
    "plan": _part,
    "system": _part,
    "flow": _part,
    "policy": _policy,
    "tests": _tests,
    "connection": _connection,
    "person": _person,
    "setting": _setting,
}
