"""The static files of the console: those that are named, each with its type, and nothing by a path."""

import pytest
from starlette.requests import Request

from server.console.static_files import STATIC, static_file


def asked(name: str) -> Request:
    return Request(
        {"type": "http", "method": "GET", "path": f"/static/{name}", "headers": [], "path_params": {"name": name}}
    )


@pytest.mark.parametrize("name", sorted(STATIC))
async def test_a_file_is_given_with_its_type(name: str) -> None:
    answer = await static_file(asked(name))
    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] == STATIC[name]
    assert len(answer.body) > 100


@pytest.mark.parametrize("name", ["", "other.css", "../console.py", "..", "%2e%2e/web.py", "/etc/passwd"])
async def test_no_other_name_leads_to_a_file(name: str) -> None:
    assert (await static_file(asked(name))).status_code == 404
