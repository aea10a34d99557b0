"""The fault that a YAML model finds in a file, told in our words with the key and the line as they are written."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import yaml
from pydantic_core import ErrorDetails

from contracts.errors import AilyusError
from contracts.text.node import child_of, line_of

# the validator's own sentences speak of Python types
_KINDS: Mapping[str, str] = {
    "extra_forbidden": "is not a key that exists here",
    "missing": "is missing",
    "string_type": "must be a text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "dict_type": "must be an object of names and values",
    "tuple_type": "must be a list",
    "model_type": "must be an object of names and values",
    "model_attributes_type": "must be an object of names and values",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "string_too_short": "must have {min_length} or more characters",
    "string_too_long": "must have {max_length} or fewer characters",
    "too_short": "must have {min_length} or more entries",
    "too_long": "must have {max_length} or fewer entries",
    "string_pattern_mismatch": "must have the form `{pattern}`",
    "literal_error": "must be {expected}",
}


def explained(problem: ErrorDetails, node: yaml.Node | None, place: Callable[[int], str]) -> AilyusError:
    """One fault in our words; `place` gives the file with a line."""
    loc = written(node, problem)
    where = ".".join(loc)
    known = _KINDS.get(problem["type"])
    message = known.format_map(problem.get("ctx", {})) if known else problem["msg"].removeprefix("Value error, ")
    code = "not_supported_yet" if message.endswith("is not supported yet") else "bad_contract"
    sentence = f"`{where}`: {message[:1].lower()}{message[1:]}" if where else message
    return AilyusError(code, sentence, field=place(line_of(node, loc)))


def written(node: yaml.Node | None, problem: ErrorDetails) -> list[str]:
    """The keys of a fault as they stand in the file: the validator also names the shapes that it tried."""
    out: list[str] = []
    for index, part in enumerate(problem["loc"]):
        child = child_of(node, str(part)) if node is not None else None
        if child is not None:
            node = child
            out.append(str(part))
        elif index == len(problem["loc"]) - 1 and problem["type"] == "missing":
            out.append(str(part))
    return out or [str(part) for part in problem["loc"]]


def tried(problems: Sequence[ErrorDetails], node: yaml.Node | None) -> Iterator[ErrorDetails]:
    """The faults of a file without those of shapes that it does not have: each place is told once, at its deepest."""
    places = [written(node, problem) for problem in problems]
    # the validator tries every shape of a union and reports each of them
    for number, (problem, place) in enumerate(zip(problems, places, strict=True)):
        others = [other for index, other in enumerate(places) if index != number]
        deeper = any(len(other) > len(place) and other[: len(place)] == place for other in others)
        # it counts an entry that has a fault of its own as none, and so calls its list too short
        shape = len(problem["loc"]) > len(place) or problem["type"] == "too_short"
        if not (deeper and shape) and place not in places[:number]:
            yield problem
