"""The file of policies: its text, and each policy in it with its own `@id`."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cedarpy
import orjson
from cedarpy import pst

from contracts.errors import AilyusError
from contracts.text.source import MalformedSource, read_source
from policies.parser_limits import MAX_BRACKETS, MAX_DEPTH, too_deep
from policies.policy_position import PolicyText, Position, policy_texts

MAX_FILE = 1024 * 1024
"""Bytes that one file of policies may have."""
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")


def read_policies(path: Path) -> str:
    """The text of one file of policies; raises `AilyusError` `bad_policy`."""
    try:
        return read_source(path, MAX_FILE)
    except MalformedSource as error:
        hint = "see policies/README.md for the format"
        raise AilyusError("bad_policy", str(error), hint=hint, field=f"{path.name}:{error.line}") from None


@dataclass(frozen=True, slots=True)
class ParsedPolicy:
    """One policy: its `@id`, its tree, its source in Cedar's JSON form, and where it stands."""

    name: str
    node: pst.Template
    source: bytes
    position: Position


def policies_of(file: str, text: str, schema: cedarpy.Schema) -> Iterator[ParsedPolicy]:
    """Each sound policy of a file. Raises `AilyusError` `bad_policy` with all faults of the others at the end."""
    if line := too_deep(text):
        sentence = f"line {line} nests deeper than {MAX_BRACKETS} brackets or {MAX_DEPTH} parts of a condition"
        hint = "write several policies, or a set with `contains`"
        raise AilyusError("bad_policy", sentence, hint=hint, field=f"{file}:{line}:1")
    faults = []
    # one by one: each has its own position, and no file holds up the other threads for as long as all of it takes
    for written in policy_texts(file, text):
        try:
            yield _parsed(written, schema)
        except AilyusError as error:
            faults.append(error)
    if faults:
        raise all_of(faults)


def all_of(faults: Sequence[AilyusError]) -> AilyusError:
    """Several faults of policies as one: the first one's code, place and hint, and a line for each of the others."""
    first, *rest = [one for fault in faults for one in (fault, *fault.also)]
    lines = [_first_line(first.sentence), *(f"{one.field}: {_first_line(one.sentence)}" for one in rest)]
    return AilyusError(first.code, "\n  ".join(lines), hint=first.hint, field=first.field, also=rest)


def _first_line(sentence: str) -> str:
    return sentence.split("\n  ")[0]


def _parsed(written: PolicyText, schema: cedarpy.Schema) -> ParsedPolicy:
    try:
        parsed = cedarpy.policies_to_pst(written.source)
        sources = orjson.loads(cedarpy.policies_to_json_str(written.source))["staticPolicies"]
    except ValueError as error:
        said = _lower(str(error))
        raise _bad(f"the file does not parse: {said}", written.of_fault(said)) from None
    # a slot is filled by a link, and nothing here writes links
    if parsed.templates:
        raise _bad("templates with slots are not used here; write policies", written.position)
    if len(parsed.static_policies) != 1:
        raise _bad("the file does not parse: a policy is expected", written.position)
    ((own, node),) = parsed.static_policies.items()
    name = node.annotations.get("id", "")
    # it returns errors only; what Cedar merely warns of is looked for in `policy_check`
    for fault in cedarpy.validate_policies(written.source, schema, release_gil=True).errors:
        sentence = _lower(re.sub(r"policy `?policy\d+`?", f"`{name}`", fault.error))
        raise _bad(sentence, written.of_fault(sentence.replace(f"`{name}`", "")))
    # INVARIANT: an id by position shifts when the file is edited; only the written @id is ever recorded.
    if not _ID.fullmatch(name):  # guard: stable ids
        hint = 'put a line such as @id("prod-needs-lead") before the policy'
        raise _bad(f"a policy has no plain `@id` (`{name}`)", written.position, hint)
    source = orjson.dumps(sources[own], option=orjson.OPT_SORT_KEYS)
    return ParsedPolicy(name, replace(node, id=name), source, written.position)


def _bad(sentence: str, position: Position, hint: str | None = None) -> AilyusError:
    return AilyusError("bad_policy", sentence, hint=hint, field=str(position))


def _lower(sentence: str) -> str:
    first = sentence.split("\n")[0].strip()
    return first[:1].lower() + first[1:]
