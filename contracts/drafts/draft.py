"""Drafts of contracts: what an importer could find out, and `TODO` where only a person can say it."""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import yaml
from pydantic import JsonValue

from contracts.compiler.program import RESERVED
from contracts.drafts.credentials import names_a_secret
from contracts.errors import AilyusError
from contracts.text.todo import TODO

CUT: Final = "x-ailyus-cut"
"""Marks a part of a schema that holds itself, where it was cut."""
MAX_PROPERTIES: Final = 60
MAX_NESTING: Final = 6
_COMMENT: Final = 300
_TOKEN = re.compile(r"inputs\.@(\d+)\b")
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
                "says": said.says or said.summary or f"{TODO} what will change, in one sentence that approvers read",
                "execute": [self.route],
                "detect": "state",
                "expect": _conditions(said.expect),
                "evidence": {self.way: ["before", "after", "response"]},
                "undo": "none",
            }
        comments = ["# A draft. Look at every line; `ailyus contract check` names what is still to do."]
        comments += [f"# it says of itself: {_escaped(text)}" for text in self.heard]
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

    def fill(self, draft: "Draft") -> None:
        """Give every input of the draft its name. Raises where a fixed value stands at two places."""
        for name in (*self._fixed, *self._without):
            places = sorted(self._used.get(name, ()), key=str)
            if not places and name != "*":
                draft.unused[name] = self._known()
            if len({place[0] for place in places}) > 1 and name != "*":
                both = " and ".join(f"`{'.'.join(place)}`" for place in places)
                raise AilyusError("bad_contract", f"`{name}` stands at {both}", hint="name the one that is meant")
        names = _named([leaf.place for leaf in self._leaves])
        for name, leaf in zip(names, self._leaves, strict=True):
            own = Inputs.described(name)
            said = leaf.field.get("description")
            draft.inputs[name] = {**leaf.field, "description": said or own["description"]}
        draft.observe = {name: _settled_part(part, names) for name, part in draft.observe.items()}
        draft.route = None if draft.route is None else _settled_part(draft.route, names)

    def _known(self) -> str:
        known = sorted({".".join(leaf.place[1:]) for leaf in self._leaves})[:12]
        return f"the inputs are {', '.join(known)}" if known else "there is no input"

    @staticmethod
    def described(_: str) -> dict[str, JsonValue]:
        """A description in words of ours: those from outside reach no agent, and a property's name is from outside."""
        return {"description": "A value of the request."}

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
            if value := self.fixed(here):
                out[name] = value[0]
            elif name not in needed and (needed_only or self.leaves_out(here)):
                continue
            elif not isinstance(part, Mapping) or number >= MAX_PROPERTIES:
                lost.append(_dotted(here))
            else:
                argument = self._argument(here, _plain(part), name in needed, lost)
                if argument is not None:
                    out[name] = argument
        return out, lost

    def _argument(
        self, place: tuple[str, ...], part: Mapping[str, JsonValue], needed: bool, lost: list[str]
    ) -> JsonValue:
        kind, items = part.get("type"), part.get("items")
        deep = len(place) > MAX_NESTING
        field_ = None if is_a_choice(part) else _input(part)
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


def is_a_choice(part: Mapping[str, JsonValue]) -> bool:
    """Is it one of several shapes, of which none is guessed, or a shape that holds itself?"""
    return any(key in part for key in ("oneOf", "anyOf", CUT))


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


def _is_token(value: object) -> bool:
    """A choice that is no sentence: whatever stands in a schema is read by agents."""
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_.:/-]{1,64}", value) is not None


def _plain(part: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
    """A schema without the `null` that stands beside it."""
    for key in ("anyOf", "oneOf"):
        choices = part.get(key)
        if isinstance(choices, list):
            real = [c for c in choices if isinstance(c, Mapping) and c.get("type") != "null"]
            if len(real) == 1 and isinstance(real[0], Mapping):
                return {**{k: v for k, v in part.items() if k != key}, **real[0]}
    kinds = part.get("type")
    if isinstance(kinds, list):
        named = [k for k in kinds if k != "null"]
        return {**part, "type": named[0]} if len(named) == 1 else part
    return part


def input_of(part: Mapping[str, JsonValue]) -> dict[str, JsonValue] | None:
    """One input with the bounds that its schema gives; None for what is no string, integer, boolean or list of such."""
    part = _plain(part)
    return None if is_a_choice(part) else _input(part)


def _input(part: Mapping[str, JsonValue]) -> dict[str, JsonValue] | None:
    kind, items = part.get("type"), part.get("items")
    if kind == "array" and isinstance(items, Mapping):
        return _list_of(part, _plain(items))
    choices = part.get("enum")
    if kind is None and isinstance(choices, list) and choices and all(isinstance(c, str) for c in choices):
        kind = "string"
    if kind not in ("string", "integer", "boolean") or part.get("format") == "binary":
        return None
    out: dict[str, JsonValue] = {"type": kind}
    if kind == "string" and isinstance(choices, list) and choices and all(_is_token(c) for c in choices):
        out["enum"] = choices
    for key in ("minLength", "maxLength") if kind == "string" else ("minimum", "maximum") if kind == "integer" else ():
        bound = part.get(key)
        if isinstance(bound, int) and abs(bound) <= 10**15 and (key != "maxLength" or 1 <= bound <= 20_000):
            out[key] = bound
    if kind == "string" and part.get("format") in ("email", "date", "date-time", "uuid"):
        out["format"] = part["format"]
    default = part.get("default")
    if isinstance(default, {"string": str, "integer": int, "boolean": bool}[kind]) and (
        not isinstance(default, str) or _is_token(default)
    ):
        out["default"] = default
    return out


def _list_of(part: Mapping[str, JsonValue], items: Mapping[str, JsonValue]) -> dict[str, JsonValue] | None:
    if items.get("type") not in ("string", "integer") or is_a_choice(items):
        return None
    inner: dict[str, JsonValue] = {"type": items["type"]}
    choices = items.get("enum")
    if items["type"] == "string" and isinstance(choices, list) and choices and all(_is_token(c) for c in choices):
        inner["enum"] = choices
    out: dict[str, JsonValue] = {"type": "array", "items": inner}
    for key, least in (("minItems", 0), ("maxItems", 1)):
        bound = part.get(key)
        if isinstance(bound, int) and least <= bound <= 1_000:
            out[key] = bound
    return out
