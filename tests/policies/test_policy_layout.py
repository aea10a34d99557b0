"""Files of policies are laid out by Cedar's formatter: comments stay, and a second time nothing changes."""

import cedarpy
import pytest

from contracts.errors import AilyusError
from policies.policy_layout import laid_out
from tests.policies.library import LIBRARY

TEXT = """// the file

@id("a")
permit(principal, // who
  action,resource)when{// inside
 context.a&&context.b};   // trailing
// the end
"""


def test_comments_stay_and_a_second_time_nothing_changes() -> None:
    found = laid_out("a.cedar", TEXT)
    assert all(f"// {word}" in found for word in ("the file", "who", "inside", "trailing", "the end"))
    assert "context.a && context.b" in found
    assert laid_out("a.cedar", found) == found
    assert cedarpy.policies_to_json_str(found) == cedarpy.policies_to_json_str(TEXT)


@pytest.mark.parametrize("path", sorted(LIBRARY.glob("*.cedar")), ids=lambda path: path.name)
def test_the_shipped_policies_can_be_laid_out(path: object) -> None:
    text = path.read_text()  # type: ignore[attr-defined]
    found = laid_out("x.cedar", text)
    assert laid_out("x.cedar", found) == found


def test_a_file_of_comments_alone_does_not_grow() -> None:
    assert laid_out("a.cedar", "// only this\n") == "// only this\n"
    assert laid_out("a.cedar", "") == ""


@pytest.mark.parametrize(
    "text", ["permit (", f"permit (principal, action, resource) when {{ {'(' * 70}true{')' * 70} }};"]
)
def test_what_does_not_parse_is_refused_with_its_file(text: str) -> None:
    with pytest.raises(AilyusError) as caught:
        laid_out("a.cedar", text)
    assert (caught.value.field or "").startswith("a.cedar")
