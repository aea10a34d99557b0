"""The key of a recorded decision: all that the policies of its action can read. Equal keys have equal outcomes.

A log holds the same question many times: the same roles, the same kind of record, another user. Policies that look at
no name and no id decide all of them alike, so that each is asked of Cedar once. What a policy could read is in the key,
and of what it does not read the form is: whether a request fits a schema hangs on that.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import orjson
from cedarpy import pst

from policies.cedar_expression import children, walk
from policies.compared_text import compared_texts, comparisons_of
from policies.recorded_request import Entity, RecordedRequest

Use = Literal["identity", "whole"]
_PRINCIPALS: Final = ("Agent", "Person")


@dataclass(frozen=True, slots=True)
class DecisionReads:
    """What some policies read: attributes and keys by name, wherever they are; `whole`: records as such.

    `identities`: they ask who a principal or which record it is. Cedar only tells entities apart, so that those which
    no policy names (`named`) can change places: the key then says which of them are the same.

    A name counts wherever it is read, of a principal, a record or the context: the key is then larger than it must be,
    and never smaller. Where a name is compared with written texts and with nothing else (`compared`), texts that no
    policy writes can change places too: all of them are unequal to those that are written.
    """

    names: frozenset[str]
    whole: bool
    identities: bool = False
    named: frozenset[tuple[str, str]] = frozenset()
    compared: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, policies: Iterable[pst.Template]) -> "DecisionReads":
        """What these policies read."""
        names: set[str] = set()
        reads: Counter[str] = Counter()
        comparisons: list[tuple[str, frozenset[str]]] = []
        named: set[tuple[str, str]] = set()
        whole = identities = False
        for policy in policies:
            literals = {(str(uid.type), str(uid.id)) for uid in pst.entity_uids(policy)}
            named |= {uid for uid in literals if not _is_declared(uid[0]) and uid[0] != "Action"}
            identities = identities or _names_one(policy.principal) or _names_one(policy.resource)
            for clause in policy.clauses:
                for node in walk(clause.expr):
                    match node:
                        case pst.GetAttr(attr=name):
                            names.add(name)
                            reads[name] += 1
                        case pst.HasAttr(attrs=path):
                            names.update(path)
                        case pst.BinaryOp():
                            comparisons += comparisons_of(node)
                        case _:
                            pass
                    use = _use_of(node)
                    whole, identities = whole or use == "whole", identities or use == "identity"
        return cls(
            frozenset(names), whole, identities or bool(named), frozenset(named), compared_texts(comparisons, reads)
        )

    def key(self, asked: RecordedRequest, connection: str) -> bytes | None:
        """The key of a request; None where every request is one of its own."""
        # an early denial was about who asks, by name, and about nothing that was read
        if self.whole or asked.is_early:
            return None
        agent, person, *others = asked.known
        # by first use in this request; what a policy names keeps its name
        places: dict[tuple[str, str], int] = {}
        parts = [
            asked.action,
            connection,
            sorted(asked.approvals.items()),
            asked.oldest_seconds,
            [self._entity(one, places) for one in (agent, person)],
            [self._entity(one, places) for one in others],
            self._value(dict(asked.plain), places, is_read=True),
            # whichever was counted: another release may count what this one does not read
            asked.plain.get("budget"),
        ]
        return orjson.dumps(parts, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)

    def _entity(self, entity: Entity, places: dict[tuple[str, str], int]) -> object:
        uid, parents = entity["uid"], entity["parents"]
        kind = uid["type"] if isinstance(uid, Mapping) else None
        own = [self._place(one, places) for one in (uid, *_list(parents)) if isinstance(one, Mapping)]
        attributes = self._value(entity["attrs"], places, is_read=True)
        return [kind, own[:1], sorted(_text(one) for one in own[1:]), attributes]

    def _place(self, uid: Mapping[str, object], places: dict[tuple[str, str], int]) -> object:
        """Which entity it is, as far as policies can tell it from others."""
        kind, name = str(uid.get("type")), str(uid.get("id"))
        if _is_declared(kind) or (kind, name) in self.named:
            return [kind, name]
        return [kind, places.setdefault((kind, name), len(places))] if self.identities else kind

    def _value(self, value: object, places: dict[tuple[str, str], int], *, is_read: bool) -> object:
        """A value that is read; of any other one its form, and what a schema could refuse."""
        if isinstance(value, list) and not is_read:
            return sorted({type(one).__name__ for one in value})
        if not isinstance(value, Mapping):
            return value if is_read else type(value).__name__
        if "__entity" in value:
            reference = value["__entity"]
            # a person is known by attributes alone; an enum's value has to be one that is declared
            if isinstance(reference, Mapping) and reference.get("type") in _PRINCIPALS:
                return self._place(reference, places)
            return value
        if "__extn" in value:
            return value if is_read else "__extn"
        return {name: self._named(name, one, places) for name, one in sorted(value.items())}

    def _named(self, name: str, value: object, places: dict[tuple[str, str], int]) -> object:
        """The value of an attribute or a key; None for a text that policies can tell from no other one."""
        written = self.compared.get(name)
        # None and not its form, which could be the text that a policy writes
        if written is not None and isinstance(value, str) and value not in written:
            return None
        return self._value(value, places, is_read=name in self.names)


def _names_one(scope: pst.PrincipalOrResourceConstraint) -> bool:
    """Does a scope name one principal or one record?"""
    match scope:
        case pst.ScopeIn(entity=uid) | pst.ScopeIsIn(entity=uid):
            return not (isinstance(uid, pst.EntityUid) and str(uid.type) == "Role")
        case pst.ScopeEq():
            return True
        case _:
            return False


def _is_declared(kind: str) -> bool:
    """Is it a type whose entities the settings or a contract's enum declare, so that it names no one and no record?"""
    return kind in ("Role", "Environment") or kind.endswith("Value")


def _use_of(node: pst.Expr) -> Use | None:
    """Does an expression use a principal or a record as such, or a part of the context as a whole?"""
    match node:
        case pst.GetAttr() | pst.HasAttr():
            return None
        # no schema of ours has tags; their values are in no key
        case pst.BinaryOp(op="has_tag" | "get_tag"):
            return "whole"
        case pst.BinaryOp(op="in", left=pst.Var(name="principal"), right=right) if _is_role(right):
            return None
        case pst.Is(base=pst.Var(), in_expr=right) if right is None or _is_role(right):
            return None
        case _:
            used = children(node)
    if any(_is_record(one) for one in used):
        return "whole"
    # the action is in the key as it is
    subjects = [one for one in used if _is_person(one) or (isinstance(one, pst.Var) and one.name != "action")]
    return "identity" if subjects else None


def _is_role(node: pst.Expr) -> bool:
    match node:
        case pst.EntityLit(value=uid):
            return str(uid.type) == "Role"
        case pst.Set(elements=elements):
            return all(_is_role(one) for one in elements)
        case _:
            return False


def _is_person(node: pst.Expr) -> bool:
    return isinstance(node, pst.GetAttr) and node.base == pst.Var("context") and node.attr == "person"


def _is_record(node: pst.Expr) -> bool:
    """The context, or a record of it."""
    match node:
        case pst.Var(name="context"):
            return True
        case pst.GetAttr(base=pst.Var(name="context"), attr=name):
            return name not in ("guarded", "repeat", "resourceOpenIncident", "person")
        case _:
            return False


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()


def _text(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
