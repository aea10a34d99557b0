"""Secrets: whole, in what is sent, and in nothing that is kept, shown or given out again."""

from typing import Any

import pytest

from contracts.compiler.compile import compile_contract
from contracts.compiler.secret_places import unphased
from tests.contracts.making import PAGES, SECRET, WRITE, contract, flow, program, refused

WHOLE = "${inputs.key}"
BOTH = ["before", "after"]


def secret(**changes: Any) -> None:
    program(**{**SECRET, **changes})


def http(method: str = "put", **more: Any) -> dict[str, Any]:
    return {"execute": [{"http": {method: "/records/${inputs.record}", **more}, "ok": "response.status == 200"}]}


@pytest.mark.parametrize(
    "changes",
    [
        http(json={"key": WHOLE}),
        http(json={"deep": [{"key": WHOLE}]}),
        http(form={"key": WHOLE}),
        http(headers={"X-Key": WHOLE}),
        {"execute": [{"mcp": {"tool": "t", "definition": "c" * 64, "arguments": {"key": WHOLE}}}], "evidence": {"mcp": BOTH}},
        {"execute": [{"python": {"operation": "o", "arguments": {"key": WHOLE}}, "ok": "response.body.ok"}], "evidence": {"python": BOTH}},
    ],
)  # fmt: skip
def test_a_secret_stands_whole_in_what_is_sent(changes: dict[str, Any]) -> None:
    secret(**changes)


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("execute", http(json={"key": f"k={WHOLE}"})),
        ("execute", http(json={"key": "${inputs.key + 'x'}"})),
        ("execute.0", http(query={"key": WHOLE})),
        ("execute.0", http(json={"key": WHOLE}, if_match=WHOLE)),
        ("execute.0", {"execute": [{"http": {"put": f"/{WHOLE}"}, "ok": "response.status == 200"}]}),
        (
            "execute.0",
            {"execute": [{"http": {"put": "/a", "json": {"k": WHOLE}}, "ok": "response.body.k == inputs.key"}]},
        ),
        ("expect", {"expect": [{"that": "after.record.value == inputs.key", "else": "no"}]}),
        ("require", {"require": [{"that": "before.record.value == inputs.key", "else": "no"}]}),
        ("outputs", {"outputs": {"was": WHOLE}}),
        ("says", {"says": f"Set {WHOLE}"}),
        ("foreign", {"foreign": "after.record.value == inputs.key"}),
        ("foreign", {"ours": "response.body.value == inputs.key"}),
        ("undo", {"undo": {"contract": "set_value", "inputs": {"value": WHOLE}}}),
    ],
)
def test_a_secret_stands_nowhere_else(field: str, changes: dict[str, Any]) -> None:
    with refused(field, "the secret `key` stands in "):
        secret(**changes)


def test_a_secret_is_typed_whole_into_pages_and_stands_in_no_other_step() -> None:
    pages = {**SECRET, "execute": [{"browser": {"flow": "press"}}], "evidence": {"browser": BOTH}}

    def typed(**step: Any) -> None:
        steps = [*PAGES["steps"][:2], step, *PAGES["steps"][3:]]
        compile_contract(contract(**pages), None, {"press": flow(steps=steps)})

    typed(fill={"label": "Key"}, with_=WHOLE)
    for bad in ({"fill": {"label": "Key"}, "with_": f"x{WHOLE}"}, {"expect": {"text": f"x{WHOLE}"}}):
        with pytest.raises(Exception, match="the secret `key` stands in"):
            typed(**bad)
    for picture in ("screenshot", "snapshot"):
        with refused("evidence", "no screenshot or snapshot is taken"):
            program(**{**pages, "evidence": {"browser": [*BOTH, picture]}})


def test_nothing_that_could_carry_a_secret_out_is_left() -> None:
    with refused("refusal", "a refusal could carry a secret out"):
        secret(refusal="response.body.message")
    for output in ("${after.record.version}", {"value": "${after.record.version}"}):
        with refused("outputs.is", "the output `is` could carry a secret out"):
            secret(outputs={"is": output}, not_secret=["record.version"])
    for form in ({"pattern": "^[0-9]+$"}, {"enum": ["1", "2"]}, {"secret": {"to": []}}):
        secret(outputs={"is": {"value": "${after.record.version}", **form}})


def test_an_idempotency_key_would_give_the_secret_out_again() -> None:
    giving = {"outputs": {"key": {"value": "${response.body.key}", "secret": {"to": []}}}}
    keyed = http("post", json={}, idempotency_key="Idempotency-Key")
    with refused("execute.0", "an idempotency key would give the secret out again"):
        secret(**giving, **keyed)
    secret(**giving, **http("post", json={}))
    secret(**http("post", json={"key": WHOLE}, idempotency_key="Idempotency-Key"))


def test_what_must_be_known_in_clear_is_named_as_holding_no_secret() -> None:
    needs = {"expect": [{"that": "after.record.n == before.record.n + 1", "else": "not one more"}]}
    with refused("expect", "needs the value of `before.record.n` to be kept in clear"):
        secret(**needs)
    secret(**needs, not_secret=["record.n"])
    with refused("shows", "needs the value of `before.record.n` to be kept in clear"):
        secret(shows=["record.n"])
    with refused("not_secret", "`record.key` is named like the field that carries the secret"):
        secret(not_secret=["before.record.key"])
    with refused("not_secret", "`record.token` is named like the field that carries the secret"):
        secret(not_secret=["record.token"], outputs={"k": {"value": "${after.record.token}", "secret": {"to": []}}})


def test_a_contract_without_secrets_is_left_alone() -> None:
    assert program(refusal="response.body.message", outputs={"is": "${after.record.key}"}, shows=["record.n"])
    assert WRITE["outputs"]


def test_a_path_without_its_phase() -> None:
    assert [unphased(path) for path in ("before.a.b", "after.a.b", "a.b")] == ["a.b", "a.b", "a.b"]
