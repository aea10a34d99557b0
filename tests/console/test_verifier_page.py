"""The verifier that is one file: it works from a folder, by its own scripts alone, and sends nothing."""

import asyncio
import re
from pathlib import Path
from typing import Any

import orjson
from playwright.async_api import async_playwright

from server.console.verifier_page import verifier_page
from tests.browsers import shared_browser
from tests.console.axe import no_faults
from tests.slowness import scaled
from tests.world import ROOT, cli

VECTORS = ROOT / "tests" / "vectors" / "proofs"


def test_the_page_allows_its_own_scripts_and_nothing_else() -> None:
    page = verifier_page("1.0")
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy.startswith("default-src &#39;none&#39;; script-src &#39;sha256-")
    assert page.count("<script") == page.count("</script") == 1
    # neither an address nor a file beside it
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!$)""", page)
    assert "fetch(form.dataset" in page  # of the console's form, which this page has not, and may not do here


async def test_it_verifies_from_a_folder_and_says_what_it_does_not_check(tmp_path: Path, browser_part: str) -> None:
    assert browser_part is not None
    file = tmp_path / "verifier.html"
    said = await asyncio.to_thread(cli, "receipt", "verifier", str(file))
    assert "open it in a browser" in said
    good = orjson.loads((VECTORS / "good-key-file.json").read_bytes())
    bundle: dict[str, Any] = {
        "format": "ailyus-bundle-v1",
        "kind": "receipt",
        "id": good["receipt"],
        "proof": good,
        "withheld": [],
    }
    (tmp_path / "bundle.json").write_bytes(orjson.dumps(bundle))
    asked: list[str] = []
    async with async_playwright() as library:
        browser = await library.chromium.connect_over_cdp((await asyncio.to_thread(shared_browser)).url)
        context = await browser.new_context()
        context.set_default_timeout(scaled(30) * 1000)
        page = await context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        await page.goto(file.as_uri())
        verdict, answers = page.locator("#verdict"), page.locator("#answers")
        await page.set_input_files("#proof", tmp_path / "bundle.json")
        await page.get_by_text("Now the trusted roots").wait_for()
        await page.set_input_files("#roots", VECTORS / "roots.json")
        await page.get_by_text("Authentic, under the keys that you brought.").wait_for()
        text = await answers.inner_text()
        assert "authentic: yes" in text
        assert "authorised: not checked here" in text
        assert "effect confirmed: not evaluated here" in text
        await page.set_input_files("#proof", VECTORS / "approval-for-another-record.json")
        await page.get_by_text("Not authentic.").wait_for()
        assert "is for another action" in await answers.inner_text()
        assert await verdict.get_attribute("class") == "fails"
        assert [one for one in asked if not one.startswith("file:")] == []
        # what is dropped on it cannot leave it
        refused = await page.evaluate("fetch('http://127.0.0.1:9/').then(() => 'sent', (error) => error.name)")
        assert refused == "TypeError"
        await page.set_viewport_size({"width": 390, "height": 844})  # a phone
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await page.set_input_files("#proof", tmp_path / "bundle.json")
        await page.get_by_text("Authentic, under the keys that you brought.").wait_for()
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await no_faults(page, "the verifier on a phone")
        await context.close()
