"""A file of policy tests that is none says what to change, and where."""

from pathlib import Path

import pytest

from contracts.errors import AilyusError
from policies.testing import load_tests

BAD = {
    "no_yaml": (b"tests:\n  - {name: x", "line 3: did not find expected"),
    "too_deep": (b"tests: " + b"[" * 9_000, "line 1: more than 64"),
    "no_tests": (b"cases: []\n", "`tests`: field required"),
    "a_case_without_its_action": (b"tests:\n  - {name: x, expect: denied}\n", "`tests.0.action`: field required"),
    "no_text": (b"\xff", "line 1: the file is no UTF-8"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_of_tests(tmp_path: Path, name: str) -> None:
    content, words = BAD[name]
    (tmp_path / "x.test.yaml").write_bytes(content)
    with pytest.raises(AilyusError, match=words) as caught:
        load_tests(tmp_path)
    assert caught.value.field == "x.test.yaml"
    assert caught.value.hint
