"""One table of a TOML file: put in, changed and taken out, and everything else stays as it is."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.cli.toml_table import table_text, with_table

TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
VALUES = st.dictionaries(
    st.text("abc_", min_size=1, max_size=4), st.one_of(TEXTS, st.lists(TEXTS, max_size=3)), max_size=3
)
BEFORE = '# mine\nmodel = "large"  # the best\n\n[mcp_servers.other]\ncommand = "x"\n\n# about the next\n[tools]\nweb = true\n'


@given(TEXTS.filter(bool), VALUES)
def test_a_table_is_read_again_as_it_was_given(name: str, values: dict[str, object]) -> None:
    text = table_text("mcp_servers", name, values)  # type: ignore[arg-type]  # JSON of this test
    assert tomllib.loads(text) == {"mcp_servers": {name: values}}


@given(VALUES, VALUES, st.sampled_from(["", BEFORE, BEFORE.rstrip("\n")]))
def test_putting_in_changing_and_taking_out_leaves_the_rest(
    first: dict[str, object], second: dict[str, object], before: str
) -> None:
    was = tomllib.loads(before)
    once = with_table(before, "mcp_servers", "ailyus", first)  # type: ignore[arg-type]  # JSON of this test
    assert tomllib.loads(once) == {**was, "mcp_servers": {**was.get("mcp_servers", {}), "ailyus": first}}
    assert with_table(once, "mcp_servers", "ailyus", first) == once  # type: ignore[arg-type]  # JSON of this test
    twice = with_table(once, "mcp_servers", "ailyus", second)  # type: ignore[arg-type]  # JSON of this test
    assert tomllib.loads(twice)["mcp_servers"]["ailyus"] == second
    without = with_table(twice, "mcp_servers", "ailyus", None)
    assert {key: value for key, value in tomllib.loads(without).items() if value} == was
    assert all(line in without for line in before.splitlines() if "#" in line)


@pytest.mark.parametrize(
    "text",
    [
        'mcp_servers = "none"\n',
        'mcp_servers.ailyus.command = "x"\n',
        '[mcp_servers]\nailyus = {command = "x"}\n',
        '[mcp_servers.ailyus]\ncommand = "x"\n\nmore = 1\n',
    ],
)
def test_a_table_that_stands_there_in_another_way_is_left_alone(text: str) -> None:
    with pytest.raises(ValueError, match="mcp_servers"):
        with_table(text, "mcp_servers", "ailyus", {"command": "y"})
