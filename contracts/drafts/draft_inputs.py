"""The inputs of a draft: the values that agents give, collected by their places and named at the end."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

from contracts.compiler.agent_arguments import RESERVED
from contracts.drafts.credentials import names_a_secret
from contracts.drafts.draft import Draft, identifier
from contracts.drafts.input_schema import is_a_choice, plain_input, without_null
from contracts.errors import AilyusError
from contracts.text.todo import TODO

# what is beyond is named in one TODO: nobody reads through more inputs of one action
MAX_PROPERTIES: Final = 60
MAX_NESTING: Final = 6
PLACES: Final = {
    "path": "What the address of the request names.",
    "query": "A choice or filter in the query of the request.",
    "body": "A value that the body of the request sets.",
    "header": "A value in a header of the request.",
    "arguments": "An argument of the tool of the server.",
}
"""What an input is for, as far as its place tells; whoever reads the draft knows more."""
# a number stands for the input until all are known: its name depends on the others
_TOKEN = re.compile(r"inputs\.@(\d+)\b")


@dataclass(slots=True)
class _Leaf:
    """One value that an agent gives: where it stands, what may stand there, and which identity it has."""

    key: object
    place: tuple[str, ...]
    field: dict[str, JsonValue]


class Inputs:
    """Collects the values that agents give, each by its place, and names them at the end.

    Two places of one name are two inputs, named by their places. One call is one bounded action: a list of objects
    becomes one object. What our inputs cannot say (floats, free objects, deep nesting) becomes a TODO. `fixed` are
    arguments that agents do not choose, as JSON, `without` those that a person leaves out; both are named as
    `name`, `outer.name` or by their place, for example `body.outer.name`.
    """

    def __init__(self, fixed: Mapping[str, JsonValue], without: Collection[str] = ()) -> None:
        self._fixed = fixed
        self._without = without
        self._leaves: list[_Leaf] = []
        self._used: dict[str, set[tuple[str, ...]]] = {}

    # -- taking ------------------------------------------------------------------------------

    def take(self, place: tuple[str, ...], field_: Mapping[str, JsonValue], key: object = None) -> str:
        """The template of one input. What has the same `key` (else the same place) is the same input."""
        for number, leaf in enumerate(self._leaves):
            # guard: one name at two places
            if leaf.key == (key or place) and leaf.field.get("type") == field_.get("type"):
                if not field_.get("optional"):
                    leaf.field.pop("optional", None)
                return f"${{inputs.@{number}}}"
        self._leaves.append(_Leaf(key or place, place, dict(field_)))
        return f"${{inputs.@{len(self._leaves) - 1}}}"

    def fixed(self, place: tuple[str, ...]) -> tuple[JsonValue, ...]:
        """What a person fixed at this place: one value, or none."""
        for name in (".".join(place), ".".join(place[1:])):
            if name in self._fixed:
                self._used.setdefault(name, set()).add(place)
                return (self._fixed[name],)
        return ()

    def leaves_out(self, place: tuple[str, ...]) -> bool:
        """Did a person leave this optional part out?"""
        found = {".".join(place), ".".join(place[1:]), "*"} & set(self._without)
        for name in found:
            self._used.setdefault(name, set()).add(place)
        return bool(found)

    # -- naming ------------------------------------------------------------------------------

    def fill(self, draft: Draft) -> None:
        """Give every input of the draft its name. Raises where a fixed value stands at two places."""
        for name in (*self._fixed, *self._without):
            places = sorted(self._used.get(name, ()), key=str)
            if not places and name != "*":
                draft.unused[name] = self._known()
            # one value at two places could change more than the person meant
            if len({place[0] for place in places}) > 1 and name != "*":
                both = " and ".join(f"`{'.'.join(place)}`" for place in places)
                raise AilyusError("bad_contract", f"`{name}` stands at {both}", hint="name the one that is meant")
        names = _named([leaf.place for leaf in self._leaves])
        for name, leaf in zip(names, self._leaves, strict=True):
            said = leaf.field.get("description") or Inputs.described(leaf.place)
            draft.inputs[name] = {**leaf.field, "description": said}
        draft.observe = {name: _settled_part(part, names) for name, part in draft.observe.items()}
        draft.route = None if draft.route is None else _settled_part(draft.route, names)

    def _known(self) -> str:
        known = sorted({".".join(leaf.place[1:]) for leaf in self._leaves})[:12]
        return f"the inputs are {', '.join(known)}" if known else "there is no input"

    @staticmethod
    def described(place: tuple[str, ...]) -> str:
        """A description in words of ours: those from outside reach no agent, and a property's name is from outside."""
        return PLACES.get(place[0], "A value of the request.")

    # -- JSON Schema ------------------------------------------------------------------------------

    def arguments(
        self, schema: Mapping[str, JsonValue], place: tuple[str, ...], *, needed_only: bool = False
    ) -> dict[str, JsonValue]:
        """The arguments for an object schema. Optional parts that no input can hold are named in one TODO."""
        out, lost = self._object(schema, place, needed_only)
        if lost:  # guard: optional parts that are not carried
            out[TODO] = lost_parts(lost)
        return out

    def _object(
        self, schema: Mapping[str, JsonValue], place: tuple[str, ...], needed_only: bool
    ) -> tuple[dict[str, JsonValue], list[str]]:
        properties, required = schema.get("properties"), schema.get("required")
        out: dict[str, JsonValue] = {}
        lost: list[str] = []
        needed = set(required) if isinstance(required, list) else set()
        for number, (name, part) in enumerate(properties.items() if isinstance(properties, Mapping) else ()):
            here = (*place, name)
            # what a person said comes first, also over what the schema needs
            if value := self.fixed(here):
                out[name] = value[0]
            elif name not in needed and (needed_only or self.leaves_out(here)):
                continue
            elif not isinstance(part, Mapping) or number >= MAX_PROPERTIES:
                lost.append(_dotted(here))
            else:
                argument = self._argument(here, without_null(part), name in needed, lost)
                if argument is not None:
                    out[name] = argument
        return out, lost

    def _argument(
        self, place: tuple[str, ...], part: Mapping[str, JsonValue], needed: bool, lost: list[str]
    ) -> JsonValue:
        kind, items = part.get("type"), part.get("items")
        deep = len(place) > MAX_NESTING
        field_ = None if is_a_choice(part) else plain_input(part)
        if field_ is not None and field_["type"] == "string" and names_a_secret(place[-1]):
            if needed:
                return f"{TODO} a secret: the connection's, or an input of `type: secret`"
        elif field_ is not None:
            if not needed and field_.get("default") is None:
                field_["optional"] = True
            return self.take(place, field_)
        if not needed:
            lost.append(_dotted(place))
            return None
        if is_a_choice(part) or deep:
            return f"{TODO} no input can hold this: write it out"
        if kind == "array" and isinstance(items, Mapping) and isinstance(items.get("properties"), Mapping):
            inner, more = self._object(items, place, False)
            lost += more
            return [inner]
        if kind in ("object", None) and isinstance(part.get("properties"), Mapping):
            inner, more = self._object(part, place, False)
            lost += more
            return inner
        return f"{TODO} no input can hold this: write it out"


def _dotted(place: tuple[str, ...]) -> str:
    return re.sub(r"[^A-Za-z0-9_.$@-]", "?", ".".join(place[1:]))[:80]


def lost_parts(names: Sequence[str]) -> str:
    """The TODO that names optional parts which no input can hold."""
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    said = f"{', '.join(names[:20])}{more}"
    return f"{TODO} optional and not carried over: {said}. Write out what is needed, or leave them out with --without"


def _named(places: Sequence[tuple[str, ...]]) -> list[str]:
    """A name for each place: its last word, with the words before it where two would be the same."""
    lengths = [1] * len(places)
    for _ in range(12):
        names = [identifier("_".join(place[-n:])) for place, n in zip(places, lengths, strict=True)]
        twice = {name for name in names if names.count(name) > 1 or name in RESERVED}
        grown = [min(n + (name in twice), len(p)) for p, n, name in zip(places, lengths, names, strict=True)]
        if grown == lengths:
            break
        lengths = grown
    out: list[str] = []
    for name in names if places else ():
        own, number = name, 2
        while own in out or own in RESERVED:
            own, number = f"{name[:60]}_{number}", number + 1
        out.append(own)
    return out


def _settled_part(part: Mapping[str, JsonValue], names: Sequence[str]) -> dict[str, JsonValue]:
    out: dict[str, JsonValue] = {}
    for key, value in part.items():
        if 0 < len(key) <= 256 and key.isascii() and key.isprintable():
            out[key] = _settled(value, names)
        else:
            out[f"{TODO} name"] = f"{TODO} a name here is no plain ASCII, which no contract can say"
    return out


def _settled(tree: JsonValue, names: Sequence[str]) -> JsonValue:
    if isinstance(tree, str):
        return _TOKEN.sub(lambda token: f"inputs.{names[int(token[1])]}", tree)
    if isinstance(tree, Mapping):
        return _settled_part(tree, names)
    return [_settled(one, names) for one in tree] if isinstance(tree, list) else tree
