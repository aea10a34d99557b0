"""Drafts of contracts: what an importer could find out, and `TODO` where only a person can say it."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import yaml
from pydantic import JsonValue

from contracts.errors import AilyusError
from contracts.program import RESERVED

TODO: Final = "TODO"
"""A text that begins with this word is still to do; `contract check` refuses it."""
MAX_PROPERTIES: Final = 60
_COMMENT: Final = 300
_RESOURCE = re.compile(r"([A-Z][A-Za-z0-9]{0,63})=(\$\{.+\}|[A-Za-z0-9_.-]{1,100})")


@dataclass(frozen=True, slots=True)
class Said:
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
    else, so that nothing of it reaches an agent unless a person writes it down.
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

    def text(self, said: Said) -> str:
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
        return "\n".join(comments) + "\n" + body


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
    return [{"that": that, "else": f"not so: {that}"[:400]} for that in expect]


def _escaped(text: str) -> str:
    """Words from outside on one line, in ASCII, as a JSON string."""
    return json.dumps(text[:_COMMENT])


def todos(content: JsonValue, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Where something is still to do, and what."""
    if isinstance(content, str) and content.startswith(TODO):
        yield path, content.removeprefix(TODO).strip()
    elif isinstance(content, Mapping):
        for key, value in content.items():
            yield from todos(value, (*path, str(key)))
    elif isinstance(content, list):
        for index, value in enumerate(content):
            yield from todos(value, (*path, str(index)))


def identifier(text: str) -> str:
    """A name of ours out of a name from outside: `createUser` and `Create-User` are `create_user`."""
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", text)
    name = re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")
    return (name if name[:1].isalpha() else f"x_{name}")[:64].strip("_")


class Inputs:
    """Turns JSON Schema from outside into inputs, and arguments that take them.

    One call is one bounded action: a list of objects becomes one object. What our inputs cannot say (floats, free
    objects, deep nesting) becomes a TODO. `fixed` are arguments that agents do not choose, as JSON.
    """

    def __init__(self, fixed: Mapping[str, JsonValue]) -> None:
        self.fields: dict[str, dict[str, JsonValue]] = {}
        self._fixed = fixed

    @staticmethod
    def described(name: str) -> dict[str, JsonValue]:
        """A description in words of ours: those from outside reach no agent."""
        return {"description": f"{identifier(name).replace('_', ' ').capitalize()}."}

    def arguments(
        self, schema: Mapping[str, JsonValue], prefix: str = "", depth: int = 0, *, needed_only: bool = False
    ) -> dict[str, JsonValue]:
        """The arguments for an object schema."""
        properties, required = schema.get("properties"), schema.get("required")
        out: dict[str, JsonValue] = {}
        if not isinstance(properties, Mapping):
            return out
        needed = set(required) if isinstance(required, list) else set()
        for name, part in list(properties.items())[:MAX_PROPERTIES]:
            if prefix + name in self._fixed:
                out[name] = self._fixed[prefix + name]
            elif isinstance(part, Mapping) and (name in needed or not needed_only):
                out[name] = self._argument(name, part, name in needed, prefix, depth)
        return {name: value for name, value in out.items() if value is not None}

    def _argument(self, name: str, part: Mapping[str, JsonValue], needed: bool, prefix: str, depth: int) -> JsonValue:
        part = _plain(part)
        kind, items = part.get("type"), part.get("items")
        if kind == "array" and isinstance(items, Mapping) and items.get("type") == "object" and depth < 3:
            return [self.arguments(items, f"{prefix}{name}.", depth + 1)] if needed else None
        if kind == "object" and isinstance(part.get("properties"), Mapping) and depth < 3:
            return self.arguments(part, f"{prefix}{name}.", depth + 1) if needed else None
        field_ = _input(name, part)
        if field_ is None:
            return f"{TODO} no input can hold this: write it out" if needed else None
        own = identifier(name)
        if own in RESERVED or (own in self.fields and self.fields[own] != field_ and prefix):
            own = identifier(f"{prefix}{name}" if prefix else f"{name}_value")
        if not needed and field_.get("default") is None:
            field_["optional"] = True
        known = self.fields.setdefault(own, field_)
        if needed:
            known.pop("optional", None)
        return f"${{inputs.{own}}}"


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
                return {**part, **real[0]}
    kinds = part.get("type")
    if isinstance(kinds, list):
        named = [k for k in kinds if k != "null"]
        return {**part, "type": named[0]} if len(named) == 1 else part
    return part


def _input(name: str, part: Mapping[str, JsonValue]) -> dict[str, JsonValue] | None:
    """One input with the bounds that its schema gives; None for what is no string, integer, boolean or list."""
    out = Inputs.described(name)
    kind, items = part.get("type"), part.get("items")
    if kind == "array" and isinstance(items, Mapping) and items.get("type") in ("string", "integer"):
        return {"type": "array", "items": {"type": items["type"]}, **out}
    if kind not in ("string", "integer", "boolean"):
        return None
    out = {"type": kind, **out}
    choices = part.get("enum")
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
