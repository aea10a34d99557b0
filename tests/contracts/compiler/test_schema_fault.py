"""Faults of files: in our words, at the key and line as they are written, each place once."""

import pytest
from pydantic import BaseModel, ValidationError

from contracts.compiler.schema_fault import explained, tried
from contracts.errors import AilyusError
from contracts.schema.contract import Contract
from contracts.schema.plan import Plan
from contracts.text.document import read_document


def faults(text: str, model: type[BaseModel] = Contract) -> list[AilyusError]:
    node, content = read_document(text)
    with pytest.raises(ValidationError) as caught:
        model.model_validate(content)
    problems = caught.value.errors()
    return [explained(problem, node, lambda line: f"x.yaml:{line}") for problem in tried(problems, node)]


def told(text: str, model: type[BaseModel] = Contract) -> dict[str | None, str]:
    return {fault.field: fault.sentence for fault in faults(text, model) if "is missing" not in fault.sentence}


def test_a_fault_has_our_words_and_its_line() -> None:
    found = told(
        "contract: x\ncolour: blue\ntitle: [a]\nversion: '1.x'\n"
        "inputs:\n  a: {type: string, description: d, optional: 7}\nobserve: [a]\ntags: a\nsays: 7\n"
    )
    assert found == {
        "x.yaml:2": "`colour`: is not a key that exists here",
        "x.yaml:3": "`title`: must be a text",
        "x.yaml:4": "`version`: must be a whole number",
        "x.yaml:6": "`inputs.a.optional`: must be true or false",
        "x.yaml:7": "`observe`: must be an object of names and values",
        "x.yaml:8": "`tags`: must be a list",
        "x.yaml:9": "`says`: must be a text",
    }


def test_a_missing_key_is_told_at_the_nearest_key_above() -> None:
    missing = {fault.sentence: fault.field for fault in faults("contract: x\nexpect:\n  - that: a\n")}
    assert missing["`expect.0.else`: is missing"] == "x.yaml:3"
    assert missing["`title`: is missing"] == "x.yaml:1"


def test_no_word_of_the_validator_is_told() -> None:
    text = (
        "contract: x\nresource: {id: 7}\nobserve: {a: 7}\nsettle: soon\nexecute: [{http: {post: x}}]\nundo: perhaps\n"
    )
    said = " ".join(fault.sentence for fault in faults(text))
    for word in (
        "nput should",
        "tuple",
        "Value error",
        "literal[",
        "function-after",
        "model_type",
        "Resource",
        "Observe",
    ):
        assert word not in said, said
    assert "`settle`: expected a duration" in said


def test_each_place_is_told_once_and_at_its_deepest() -> None:
    places = [fault.sentence.split(":")[0] for fault in faults("contract: x\nresource: {type: A, id: b, label: 7}\n")]
    assert places.count("`resource.label`") == 1
    assert "`resource`" not in places
    # a text or a list of texts: what is neither is told as one fault, at its key
    query = "contract: x\nobserve:\n  a: {get: /x, query: {filter: {state: x}}}\n"
    assert told(query) == {"x.yaml:3": "`observe.a.query.filter`: must be a text"}


def test_a_list_with_a_faulty_entry_is_not_also_too_short() -> None:
    steps = "plan: x\nsteps:\n  - {id: a, contract: b, waves: [0]}\n"
    assert told(steps, Plan) == {"x.yaml:3": "`steps.0.waves.0`: must be at least 1"}
    assert told("plan: x\nsteps: []\n", Plan) == {"x.yaml:2": "`steps`: must have 1 or more entries"}


def test_a_bound_is_told_with_its_number() -> None:
    steps = "steps: [{id: a, contract: b, for_each: x, waves: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]}]\n"
    assert told(f"plan: X\nversion: 1000001\nsummary: ''\ntitle: {'t' * 81}\non_failure: x\n{steps}", Plan) == {
        "x.yaml:1": "`plan`: must have the form `^[a-z][a-z0-9_]{0,63}$`",
        "x.yaml:2": "`version`: must be at most 1000000",
        "x.yaml:3": "`summary`: must have 1 or more characters",
        "x.yaml:4": "`title`: must have 80 or fewer characters",
        "x.yaml:5": "`on_failure`: must be 'undo', 'undo_wave', 'continue', 'stop' or 'escalate'",
        "x.yaml:6": "`steps.0.waves`: must have 10 or fewer entries",
    }


def test_what_is_not_supported_yet_has_a_code_of_its_own() -> None:
    text = "contract: x\ninputs: {a: {type: string, description: d, secret: true}}\n"
    found = next(fault for fault in faults(text) if "inputs.a.secret" in fault.sentence)
    assert (found.code, found.field) == ("not_supported_yet", "x.yaml:2")
    assert {fault.code for fault in faults(text) if fault is not found} <= {"bad_contract", "not_supported_yet"}


def test_a_fault_of_the_whole_file_names_no_key() -> None:
    text = "plan: x\ntitle: a\nsummary: a\nuse_when: a\nsteps: [{id: a, contract: b}, {id: a, contract: b}]\n"
    assert told(text, Plan) == {"x.yaml:1": "the step id `a` is used twice"}
