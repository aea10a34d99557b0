"""What expressions see of a tool's result: its text, its data where that is JSON, and no value that is none of ours."""

from typing import Any

import pytest
from mcp_types import CallToolResult, ImageContent, InputRequiredResult, TextContent

from adapters.mcp.adapter import _seen
from contracts.compiler.expressions import Fault


def seen(*texts: str, structured: Any = None, is_error: bool = False) -> Any:
    content = [TextContent(type="text", text=text) for text in texts]
    return _seen(CallToolResult(content=content, structured_content=structured, is_error=is_error))


def test_structured_content_is_the_data_and_the_text_stays_beside_it() -> None:
    assert seen("a", "b", structured={"n": 1}) == {"is_error": False, "text": "a\nb", "data": {"n": 1}}
    assert seen("x", is_error=True)["is_error"] is True


@pytest.mark.parametrize(
    ("text", "data"),
    [('{"a": [1, null]}', {"a": [1, None]}), ("[1]", [1]), ("7", None), ('"a"', None), ("{broken", None), ("", None), (" {}", None)],
)  # fmt: skip
def test_a_text_that_is_json_is_data_too(text: str, data: object) -> None:
    assert seen(text) == {"is_error": False, "text": text, "data": data}


def test_a_picture_is_no_text() -> None:
    picture = ImageContent(type="image", data="AAAA", mime_type="image/png")
    found: Any = _seen(CallToolResult(content=[picture, TextContent(type="text", text="a")]))
    assert found["text"] == "a"


@pytest.mark.parametrize("structured", [{"n": 2**64}, {"deep": [{"n": -(2**70)}]}])
def test_a_number_that_is_no_value_of_ours_is_a_fault_and_no_error(structured: Any) -> None:
    found = seen("done", structured=structured)
    assert isinstance(found, Fault)
    assert seen("done", structured={"n": 2**63 - 1})["data"] == {"n": 2**63 - 1}


def test_nul_in_a_text_is_no_answer_and_in_data_no_data() -> None:
    assert isinstance(seen("a\0b"), Fault)
    assert seen("a", structured={"a": "x\0y"})["data"] is None


def test_a_server_that_asks_back_gives_no_answer() -> None:
    found = _seen(InputRequiredResult(input_requests={}, request_state="x"))
    assert isinstance(found, Fault)
    assert found.sentence == "the server asked for what only a client with a person could give"
