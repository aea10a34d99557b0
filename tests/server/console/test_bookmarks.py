"""Bookmarks of lists: kept by the browser, shown to the person who named them, and leading to lists alone."""

from typing import Any

from server.console.bookmarks import COOKIE, Bookmark, Bookmarks
from tests.console.visitor import Visitor, visitor
from tests.world import World

HERE = "/actions?status=denied&since=12h"


async def kept(who: Visitor, name: str, to: str = HERE) -> Any:
    """Keep a bookmark by the form of the list, and hand the cookie on as a browser does."""
    page = to if to.startswith(("/actions?", "/receipts?")) else HERE
    answer = await who.post("/bookmarks", await who.form(page, "/bookmarks") | {"name": name, "to": to})
    if "set-cookie" in answer.headers:
        session = who.client.headers["cookie"].partition(";")[0]
        who.client.headers["cookie"] = f"{session}; {answer.headers['set-cookie'].partition(';')[0]}"
    return answer


async def test_filters_are_kept_under_a_name_and_removed(world: World) -> None:
    async with visitor(world, "lead") as lead, visitor(world, "requester") as requester:
        assert (await lead.json("/actions.json"))["bookmarks"] == []
        answer = await kept(lead, " denied lately ")
        assert (answer.status_code, answer.headers["location"]) == (303, HERE)
        assert "Secure; HttpOnly; SameSite=Lax" in answer.headers["set-cookie"]
        mine = {"name": "denied lately", "to": HERE}
        assert (await lead.json("/actions.json"))["bookmarks"] == [mine]
        assert (await lead.json("/receipts.json"))["bookmarks"] == []
        assert f'href="{HERE.replace("&", "&amp;")}"' in await lead.get("/actions")
        await kept(lead, "mfa", "/receipts?words=mfa")
        assert (await lead.json("/receipts.json"))["bookmarks"] == [{"name": "mfa", "to": "/receipts?words=mfa"}]
        # who signs in next at this browser reads nothing of it
        cookie = lead.client.headers["cookie"].partition("; ")[2]
        requester.client.headers["cookie"] += f"; {cookie}"
        assert (await requester.json("/actions.json"))["bookmarks"] == []
        form = await lead.form(HERE, "/bookmarks/remove")
        removed = await lead.post("/bookmarks/remove", form)
        assert form["name"] == "denied lately"
        left = removed.headers["set-cookie"].partition(";")[0]
        lead.client.headers["cookie"] = lead.client.headers["cookie"].partition(";")[0] + f"; {left}"
        assert (await lead.json("/actions.json"))["bookmarks"] == []


async def test_a_bookmark_leads_to_a_list_and_nowhere_else(world: World) -> None:
    async with visitor(world, "lead") as lead:
        for to in ("//evil.example/actions", "https://evil.example", "/people", "/actions/../people", "/\\evil"):
            assert (await kept(lead, "x", to)).status_code == 403, to
        assert (await kept(lead, "x" * 41)).status_code == 403
        assert (await kept(lead, " ")).status_code == 403
        # more than a browser keeps
        many = tuple(Bookmark(name=f"{n}", to="/actions?words=" + "x" * 500) for n in range(4))
        full = Bookmarks(person="lead", all=many).cookie().partition(";")[0]
        lead.client.headers["cookie"] += f"; {full}"
        assert (await kept(lead, "one more", "/actions?words=" + "x" * 500)).status_code == 403
        # whatever stands in the cookie is the browser's: what cannot be read is none
        lead.client.headers["cookie"] = lead.client.headers["cookie"].partition(";")[0] + f"; {COOKIE}=%%%"
        assert (await lead.json("/actions.json"))["bookmarks"] == []
