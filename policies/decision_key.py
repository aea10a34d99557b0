"""The key of a recorded decision: all that the policies of its action can read. Equal keys have equal outcomes.

A log holds the same question many times: the same roles, the same kind of record, another user. Policies that look at
no name and no id decide all of them alike, so that each is asked of Cedar once. What a policy could read is in the key,
and of what it does not read the form is: whether a request fits a schema hangs on that.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import orjson
from cedarpy import pst

from policies.cedar_expression import children, walk
from policies.recorded_request import Entity, RecordedRequest

_PRINCIPALS: Final = ("Agent", "Person")


@dataclass(frozen=True, slots=True)
class DecisionReads:
    """What some policies read: attributes and keys by name, wherever they are; `whole`: identities, or records whole.

    A name counts wherever it is read, of a principal, a record or the context: the key is then larger than it must be,
    and never smaller.
    """

    names: frozenset[str]
    whole: bool

    @classmethod
    def of(cls, policies: Iterable[pst.Template]) -> "DecisionReads":
        """What these policies read."""
        names: set[str] = set()
        whole = False
        for policy in policies:
            whole = whole or _names_one(policy.principal) or _names_one(policy.resource)
            for clause in policy.clauses:
                for node in walk(clause.expr):
                    match node:
                        case pst.GetAttr(attr=name):
                            names.add(name)
                        case pst.HasAttr(attrs=path):
                            names.update(path)
                        case pst.EntityLit(value=uid) if not _is_declared(str(uid.type)):
                            whole = True
                        case _:
                            pass
                    whole = whole or _is_whole(node)
        return cls(frozenset(names), whole)

    def key(self, asked: RecordedRequest, connection: str) -> bytes | None:
        """The key of a request; None where every request is one of its own."""
        # an early denial was about who asks, by name, and about nothing that was read
        if self.whole or asked.is_early:
            return None
        agent, person, *others = asked.known
        parts = [
            asked.action,
            connection,
            sorted(asked.approvals.items()),
            asked.oldest_seconds,
            [self._entity(one) for one in (agent, person)],
            [self._entity(one) for one in others],
            self._value(dict(asked.plain), is_read=True),
            # whichever was counted: another release may count what this one does not read
            asked.plain.get("budget"),
        ]
        return orjson.dumps(parts, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)

    def _entity(self, entity: Entity) -> object:
        uid, parents = entity["uid"], entity["parents"]
        kind = uid["type"] if isinstance(uid, Mapping) else None
        attributes = entity["attrs"]
        return [kind, sorted(_text(one) for one in _list(parents)), self._value(attributes, is_read=True)]

    def _value(self, value: object, *, is_read: bool) -> object:
        """A value that is read; of any other one its form, and what a schema could refuse."""
        if isinstance(value, list) and not is_read:
            return sorted({type(one).__name__ for one in value})
        if not isinstance(value, Mapping):
            return value if is_read else type(value).__name__
        if "__entity" in value:
            reference = value["__entity"]
            # a person is known by attributes alone; an enum's value has to be one that is declared
            if isinstance(reference, Mapping) and reference.get("type") in _PRINCIPALS:
                return reference["type"]
            return value
        if "__extn" in value:
            return value if is_read else "__extn"
        return {name: self._value(one, is_read=name in self.names) for name, one in value.items()}


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


def _is_whole(node: pst.Expr) -> bool:
    """Does an expression use a principal, a record or a part of the context as such, and not one value of it?"""
    match node:
        case pst.GetAttr() | pst.HasAttr():
            return False
        case pst.BinaryOp(op="in", left=pst.Var(name="principal"), right=right):
            return not _is_role(right)
        case pst.Is(base=pst.Var(), in_expr=right):
            return right is not None and not _is_role(right)
        case _:
            return any(isinstance(one, pst.Var) or _is_record(one) for one in children(node))


def _is_role(node: pst.Expr) -> bool:
    match node:
        case pst.EntityLit(value=uid):
            return str(uid.type) == "Role"
        case pst.Set(elements=elements):
            return all(_is_role(one) for one in elements)
        case _:
            return False


def _is_record(node: pst.Expr) -> bool:
    """A reference to a person, or a record of the context."""
    match node:
        case pst.GetAttr(base=pst.Var(name="context"), attr=name):
            return name not in ("guarded", "repeat", "resourceOpenIncident")
        case _:
            return False


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()


def _text(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
