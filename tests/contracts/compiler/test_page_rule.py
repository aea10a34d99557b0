"""The rule by which pages are followed, and the name that a read must send for it."""

from typing import Any

import pytest

from contracts.compiler.page_rule import page_rule
from contracts.compiler.read_program import Read
from contracts.errors import AilyusError
from contracts.schema.pages import Pages
from tests.contracts.making import READ, program


def compiled(**observe: Any) -> Read:
    read = program(READ, observe={"record": {"get": "/records/${inputs.record}", **observe}}).reads[0]
    assert isinstance(read, Read)
    return read


def test_a_rule_says_how_the_first_page_is_asked_for() -> None:
    assert page_rule(Pages.model_validate({"number": 1})).first == {"page.number": 1}
    assert page_rule(Pages.model_validate({"cursor": "next"})).first == {}
    assert page_rule(Pages.model_validate({"next": ["@odata.nextLink"]})).where == ("@odata.nextLink",)


def test_a_read_that_does_not_send_its_cursor_is_refused() -> None:
    with pytest.raises(AilyusError, match="every page would be the first") as caught:
        compiled(pages={"cursor": "next"})
    assert caught.value.field == "observe.record.pages"
    assert compiled(pages={"cursor": "next"}, query={"after": "${page.cursor}"}).pages is not None


@pytest.mark.parametrize("text", ["${page.cursor}", "x ${page.offset}"])
def test_a_name_of_another_way_is_unknown(text: str) -> None:
    with pytest.raises(AilyusError):
        compiled(pages={"number": 1}, query={"page": "${page.number}", "other": text})


def test_only_what_we_count_may_stand_inside_a_text() -> None:
    assert compiled(pages={"offset": 1}, query={"query": "select * startposition ${page.offset}"})
    with pytest.raises(AilyusError, match="another grammar"):
        compiled(pages={"cursor": "next"}, query={"query": "after ${page.cursor}"})
