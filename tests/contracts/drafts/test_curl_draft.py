"""Two curl lines as a contract: what differs from call to call is an input, and what no contract can say is named."""

from pathlib import Path

import pytest
import yaml

from contracts.compiler.catalog import load_catalog
from contracts.drafts.curl_draft import draft_lines
from contracts.drafts.draft import DraftInput
from contracts.errors import AilyusError
from tests.contracts.drafts.making import (
    FILLED,
    READ,
    TODOS,
    drafted,
    faults,
    left,
)


def test_two_curl_lines_become_a_contract(tmp_path: Path) -> None:
    draft, base_url = draft_lines(
        """curl -sS -X PATCH 'https://admin.example.com/api/v2/users/u-42' -H 'Authorization: Bearer s3cret' \\
           -H 'Content-Type: application/json' -d '{"locked": true, "reason_code": "left", "notify": {"days": 3}}'""",
        "curl https://admin.example.com/api/v2/users/u-42 -u me:s3cret",
        "lock_user",
        "admin",
        {"locked": True},
    )
    assert base_url == "https://admin.example.com"
    text = draft.text(DraftInput())
    assert "s3cret" not in text
    complaints = "\n".join(faults(tmp_path, text))
    for key in TODOS:
        assert f"`{key}` is still to do" in complaints
    assert "draft.yaml:5: " in complaints
    (tmp_path / "draft.yaml").write_text(draft.text(FILLED))
    program = load_catalog(tmp_path).programs["lock_user"]
    content = yaml.safe_load(draft.text(FILLED))
    assert content["execute"][0]["declined"] == "response.status in [400, 422]"
    assert content["execute"][0]["http"] == {
        "patch": "/api/v2/users/${inputs.user_id}",
        "json": {"locked": True, "reason_code": "${inputs.reason_code}", "notify": {"days": "${inputs.days}"}},
    }
    assert content["observe"]["state"] == {"get": "/api/v2/users/${inputs.user_id}"}
    assert {name: field.type for name, field in program.contract.inputs.items()} == {
        "user_id": "string",
        "reason_code": "string",
        "days": "integer",
    }


def test_lines_that_do_not_belong_together() -> None:
    for write, read, words in (
        ("curl -X POST https://a.example/x", "curl https://b.example/x", "to one system"),
        ("curl https://a.example/x", "curl https://a.example/x", "--read alone"),
        ("curl -X POST https://a.example/x", "curl -X POST https://a.example/x", "no GET"),
    ):
        with pytest.raises(AilyusError) as found:
            draft_lines(write, read, "", "a", {})
        assert words in str(found.value)


def test_a_name_that_is_there_twice_is_a_list() -> None:
    found = drafted(
        "curl https://d.example/api/users/u-7 -d role=reader -d role=auditor",
        "curl 'https://d.example/api?day[]=mon&day[]=tue'",
    )
    assert found["execute"][0]["http"]["form"] == {"role": "${inputs.role}"}
    assert found["observe"]["state"]["query"] == {"day[]": "${inputs.day}"}
    assert {name: part["type"] for name, part in found["inputs"].items()} == {
        "user_id": "string",
        "role": "array",
        "day": "array",
    }


@pytest.mark.parametrize(
    "given",
    [
        "-F a=b",
        "-H 'Content-Type: text/plain' -d hello",
        "-H 'Content-Type: application/xml' -d '<a/>'",
        "-d '{\"a\": 1.5}'",
    ],
)
def test_a_body_that_no_contract_can_say_is_named(given: str) -> None:
    draft, _ = draft_lines(f"curl https://d.example/a {given}", READ, "do", "d", {})
    assert [where for where in left(draft) if where.startswith("execute.0.http.json")]


def test_two_places_of_one_line_are_two_inputs() -> None:
    line = """curl https://d.example/orders/5/parts/5 -d '{"shipping": {"city": "a"}, "billing": {"city": "b"}, "ids": [1, 2], "rows": [{"n": 1}, {"n": 2}]}'"""
    found = drafted(line, "curl https://d.example/orders/5/parts/5")
    http = found["execute"][0]["http"]
    assert http["post"] == "/orders/${inputs.order_id}/parts/${inputs.part_id}" == found["observe"]["state"]["get"]
    assert http["json"] == {
        "shipping": {"city": "${inputs.shipping_city}"},
        "billing": {"city": "${inputs.billing_city}"},
        "ids": "${inputs.ids}",
        "rows": [{"n": "${inputs.rows_1_n}"}, {"n": "${inputs.rows_2_n}"}],
    }


def test_what_is_set_must_stand_somewhere() -> None:
    with pytest.raises(AilyusError, match="stands nowhere"):
        drafted("curl https://d.example/a -d b=1", fixed={"c": 1})
