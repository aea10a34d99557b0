"""Redirections of the console lead into it, and nowhere else."""

import pytest

from server.console.redirection import inside


@pytest.mark.parametrize("path", ["/inbox", "/actions/act_1?x=//y", "/"])
def test_a_path_of_this_console_stands(path: str) -> None:
    assert inside(path) == path


@pytest.mark.parametrize(
    "path", ["", "https://example.com", "//example.com", "/\\example.com", "inbox", "/a\r\nset-cookie: b", "/ä"]
)
def test_another_host_a_header_or_a_scheme_leads_home(path: str) -> None:
    assert inside(path) == "/"
