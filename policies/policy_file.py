"""The file of policies: its text, and each policy in it with its own `@id`."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cedarpy
import orjson
from cedarpy import pst

from contracts.errors import AilyusError
from contracts.text.source import MalformedSource, read_source
from policies.parser_limits import MAX_BRACKETS, MAX_DEPTH, too_deep

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


def policies_of(file: str, text: str, schema: cedarpy.Schema) -> Iterator[tuple[str, pst.Template, bytes]]:
    """Each policy of a file: its `@id`, its tree, and its source in Cedar's JSON form."""
    if line := too_deep(text):
        sentence = f"line {line} nests deeper than {MAX_BRACKETS} brackets or {MAX_DEPTH} parts of a condition"
        hint = "write several policies, or a set with `contains`"
        raise AilyusError("bad_policy", sentence, hint=hint, field=file)
    try:
        parsed = cedarpy.policies_to_pst(text)
        sources = orjson.loads(cedarpy.policies_to_json_str(text))["staticPolicies"]
    except ValueError as error:
        raise AilyusError("bad_policy", f"the file does not parse: {_lower(str(error))}", field=file) from None
    # a slot is filled by a link, and nothing here writes links
    if parsed.templates:
        raise AilyusError("bad_policy", "templates with slots are not used here; write policies", field=file)
    # it returns errors only; what Cedar merely warns of is looked for in `policy_check`
    result = cedarpy.validate_policies(text, schema)
    for fault in result.errors:
        name = result.id_annotations_by_policy_id.get(fault.policy_id, "")
        raise AilyusError("bad_policy", _lower(re.sub(r"policy `?policy\d+`?", f"`{name}`", fault.error)), field=file)
    for position, node in parsed.static_policies.items():
        name = node.annotations.get("id", "")
        # INVARIANT: an id by position shifts when the file is edited; only the written @id is ever recorded.
        if not _ID.fullmatch(name):  # guard: stable ids
            hint = 'put a line such as @id("prod-needs-lead") before the policy'
            raise AilyusError("bad_policy", f"a policy has no plain `@id` (`{name}`)", hint=hint, field=file)
        yield name, replace(node, id=name), orjson.dumps(sources[position], option=orjson.OPT_SORT_KEYS)


def _lower(sentence: str) -> str:
    first = sentence.split("\n")[0].strip()
    return first[:1].lower() + first[1:]
