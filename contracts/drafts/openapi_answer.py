"""What an operation documents of its answers, in words for whoever fills the draft: statuses, and fields with types.

They are notes and no lines of the contract. Only a person knows after which status nothing was done, and an answer
that lacks a field or has a new value would break outputs that a description promised.
"""

import re
from collections.abc import Iterator
from typing import Final

from pydantic import JsonValue

from contracts.drafts.openapi_parameter import Part
from contracts.drafts.openapi_schema import Schemas
from contracts.errors import AilyusError

_SAID_ELSEWHERE: Final = frozenset({400, 401, 403, 408, 422, 429})
"""What a draft declines already, and what says something of the credential, the rate or the way there."""
_MOST: Final = 12


def refusal_note(answers: JsonValue) -> str:
    """The other refusals (4xx) that an operation documents; empty where there are none."""
    known = sorted(int(code) for code in _answers(answers) if re.fullmatch("4[0-9]{2}", code))
    others = [str(code) for code in known if code not in _SAID_ELSEWHERE]
    if not others:
        return ""
    return (
        f"the description documents {', '.join(others)} too: add to `declined` those after which nothing was done,"
        " and to `stale` what tells an old version"
    )


def fields_note(answers: JsonValue, schemas: Schemas) -> str:
    """The fields of the record, or of each record of a list, that a read documents; empty where it documents none."""
    try:
        fields = _fields(answers, schemas)
    except AilyusError:  # a reference that leads nowhere: no word of the answer is needed for a draft
        return ""
    if not fields:
        return ""
    more = f" and {len(fields) - _MOST} more" if len(fields) > _MOST else ""
    return f"name under `outputs` what agents need; the answer documents {', '.join(fields[:_MOST])}{more}"


def _fields(answers: JsonValue, schemas: Schemas) -> list[str]:
    good = next((part for code, part in sorted(_answers(answers).items()) if code.startswith("2")), None)
    answer = schemas.flat(good, frozenset())[0]
    content = answer.get("content")
    media = next((m for k, m in content.items() if "json" in k), None) if isinstance(content, dict) else answer
    schema = schemas.flat(media.get("schema") if isinstance(media, dict) else None, frozenset())[0]
    if isinstance(schema.get("items"), dict):
        schema = schemas.flat(schema["items"], frozenset())[0]
    properties = schema.get("properties")
    return list(_named(properties, schemas)) if isinstance(properties, dict) else []


def _named(properties: Part, schemas: Schemas) -> Iterator[str]:
    for name, given in properties.items():
        kind = schemas.flat(given, frozenset())[0].get("type")
        yield f"{name} ({kind})" if isinstance(kind, str) else name


def _answers(answers: JsonValue) -> Part:
    return {str(code): part for code, part in answers.items()} if isinstance(answers, dict) else {}
