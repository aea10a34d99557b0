"""Connecting an account with a real browser: the console's button, the vendor's own page, and back."""

from pathlib import Path

from tests.connected import connected
from tests.console.people import browsing
from tests.world import Sandbox


async def test_an_admin_connects_tests_and_ends_a_connection_by_buttons(
    tmp_path: Path, sandbox: Sandbox, browser_part: str
) -> None:
    async with connected(tmp_path / "w", sandbox) as house, browsing(house.world) as people:
        house.server.set(automatic=False)
        lead = await people.person("lead")
        await lead.go("/connections")
        async with lead.page.expect_navigation():
            await lead.page.get_by_role("link", name="books").click()
        assert "not connected" in await lead.text()
        await lead.press("connect", exact=True)
        assert "You sign in at" in await lead.text()
        async with lead.page.expect_navigation():
            await lead.page.get_by_role("link", name="continue at").click()
        assert lead.page.url.startswith(house.server.url)
        async with lead.page.expect_navigation(url=f"{lead.url}/connections/books"):
            await lead.page.get_by_role("button", name="Allow").click()
        shown = await lead.text()
        assert "maria@example.com" in shown
        assert "connect anew" in shown
        await lead.press("test", exact=True)
        assert "the test passed" in await lead.text()
        await lead.press("disconnect")
        assert "not connected" in await lead.text()
        assert house.server.state()["refresh_tokens"] == 0
        assert [fault for fault in lead.faults if not fault.startswith(house.server.url)] == []
