"""Files that are no description, however large they would become."""

from pathlib import Path

import pytest

from contracts.drafts.openapi import Description
from contracts.drafts.openapi_file import MAX_ALIASES, read_description
from contracts.errors import AilyusError


@pytest.mark.parametrize(
    "bomb",
    [
        "a: &a [x,x,x,x,x,x,x,x,x]\n" + "\n".join(f"k{n}: [*a,*a,*a,*a]" for n in range(300)) + "\npaths: {}\n",
        "paths: !!python/object/apply:os.system ['true']\n",
        "paths: [",
        "paths: " + "[" * 1_000_000,
        "paths:\n" + "\n".join("  " * n + "a:" for n in range(1, 300)),
        "just words",
        "",
    ],
)
def test_a_file_that_is_no_description(tmp_path: Path, bomb: str) -> None:
    (tmp_path / "api.yaml").write_text(bomb)
    with pytest.raises(AilyusError, match=r"is no OpenAPI"):
        Description.load(tmp_path / "api.yaml")


@pytest.mark.parametrize(
    "text", ['{"paths": {}}', "paths: {}\n", "# a comment\npaths: {/a: {get: {}}}\n", "a: &a [1]\nb: *a\npaths: {}\n"]
)
def test_a_description_is_json_or_yaml(tmp_path: Path, text: str) -> None:
    (tmp_path / "api").write_text(text)
    assert isinstance(read_description(tmp_path / "api")["paths"], dict)


def test_an_error_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(AilyusError) as caught:
        read_description(tmp_path / "missing.yaml")
    assert (caught.value.code, caught.value.field) == ("bad_description", str(tmp_path / "missing.yaml"))
    (tmp_path / "api.json").write_text('{"paths": []}')
    with pytest.raises(AilyusError) as caught:
        read_description(tmp_path / "api.json")
    assert "api.json` is no OpenAPI description" in caught.value.sentence


def test_aliases_and_depth_have_a_bound(tmp_path: Path) -> None:
    path = tmp_path / "api.yaml"
    path.write_text("a: &a 1\nb: [" + "*a," * MAX_ALIASES + "]\npaths: {}\n")
    assert read_description(path)
    path.write_text("a: &a 1\nb: [" + "*a," * (MAX_ALIASES + 1) + "]\npaths: {}\n")
    with pytest.raises(AilyusError):
        read_description(path)
