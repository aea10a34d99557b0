"""The demo in a browser: its world stays open, and a person decides one more request with a passkey of their own."""

import asyncio
import os
import signal
import sys
import webbrowser

from receipts.action.action_result import ActionResult
from server.cli.choice import PLAYED
from server.cli.demo_stage import Stage
from server.cli.demo_story import ROTATE, ROTATION
from server.results.json_value import list_of, object_of

_WAITS = ("approval_required", "running")


async def decide_in_browser(stage: Stage) -> None:
    """Ask for one more rotation, hand the approver a link, say what became of it; ends when the process is told to."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    waiting = await _ask(stage)
    link = await stage.app.console.introduce(PLAYED)
    stage.say(f"\n-- you are `{PLAYED}`, who approves: {waiting.summary}\n")
    stage.say(f"  this link brings a passkey for {PLAYED}, once, within 10 minutes; then sign in with it:")
    stage.say(f"  {link}")
    stage.say(f"  the request: {stage.app.console.url}/approvals/{waiting.action_id}")
    if _has_browser():
        await asyncio.to_thread(webbrowser.open, link)
    stage.say("\nthe gateway and its twins run on; Ctrl-C ends them")
    told = asyncio.create_task(_tell_end(stage, waiting))
    await stop.wait()
    told.cancel()
    stage.say("\nthe demo has ended, and its keys are removed")


async def _ask(stage: Stage) -> ActionResult:
    found = await stage.call("which keys are there now?", "get_api_keys", {"account_name": "slack-alerts"}, "confirmed")
    old = object_of(list_of((found.data or {})["keys"])[0])["id"]
    # another reason than in the story: the same call would be the same action, which is done
    rotate = {**ROTATE, "old_key_id": old, "reason": "You decide this one: look at it and approve or refuse."}
    return await stage.call("one more rotation, for you to decide", ROTATION, rotate, "approval_required")


async def _tell_end(stage: Stage, answer: ActionResult) -> None:
    """What the person decided, as the agent hears of it."""
    action = str(answer.action_id)
    while answer.status in _WAITS:
        waited = await stage.client.call_tool("get_action", {"action_id": action, "wait_seconds": 45})
        answer = ActionResult.of(waited.structured_content or {})
    await stage.tell("you decided", answer, answer.status)


def _has_browser() -> bool:
    """Is there one with a window? One for terminals would take this terminal for itself."""
    return sys.platform in ("darwin", "win32") or any(map(os.environ.get, ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")))
