"""What a client learns of the server itself, in either era of the protocol."""

import pytest

from tests.web import web
from tests.world import World


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_server_names_its_console_and_an_icon_that_anybody_may_fetch(world: World, mode: str) -> None:
    async with world.client(mode) as client:
        info = client.server_info
    assert info is not None
    assert info.website_url == world.app.console.url
    (icon,) = info.icons or ()
    assert icon.src == f"{info.website_url}/static/icon.svg"
    async with web() as http:
        found = await http.get(icon.src)
    assert (found.status_code, found.headers["content-type"].split(";")[0]) == (200, icon.mime_type)
