"""The process that runs an adapter in Python: one connection, one credential, calls on its standard input.

Each message is one line of JSON. First `{"entry_point", "digest", "base_url", "principal", "credential"}`, answered by
`{"ready": true}` or `{"fault": SENTENCE, "hint"}`. Then calls and their answers, in any order; `deadline` is in seconds
of the machine's monotonic clock:

    {"id": 1, "do": "write", "operation": "add", "arguments": {"user": "ci"}, "key": "01J…", "deadline": 5120.25}
    {"id": 1, "end": "answer", "value": {"ok": true}}       # or end: not_sent, refused, failed
"""

import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import orjson
from pydantic import JsonValue

from adapters.plugin import Connection, NotSent, Plugin, Refused, load
from contracts.errors import AilyusError

Say = Callable[[dict[str, JsonValue]], None]
_AT_ONCE: Final = 8


def main() -> None:
    """Serve until the input ends."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what an adapter prints is no answer
    told = threading.Lock()

    def say(message: dict[str, JsonValue]) -> None:
        with told:
            out.write(orjson.dumps(message) + b"\n")
            out.flush()

    lines = sys.stdin.buffer
    plugin = _loaded(orjson.loads(lines.readline()))
    if isinstance(plugin, AilyusError):
        say({"fault": plugin.sentence, "hint": plugin.hint})
        return
    say({"ready": True})
    pool = ThreadPoolExecutor(_AT_ONCE)
    for line in lines:
        pool.submit(_answer, plugin, orjson.loads(line), say)
    os._exit(0)  # nobody hears the answers any more, and what has not begun must not begin


def _loaded(first: dict[str, str]) -> Plugin | AilyusError:
    at = Connection(first["base_url"], first["principal"], first["credential"])
    try:
        return load(first["entry_point"], first["digest"], at)
    except AilyusError as error:
        return error
    except Exception as error:
        sentence = f"`{first['entry_point']}` cannot be made: it raised `{type(error).__name__}`"
        return AilyusError("no_adapter", sentence, hint="try it without the gateway")


def _answer(plugin: Plugin, call: dict[str, JsonValue], say: Say) -> None:
    said: dict[str, JsonValue] = {"id": call["id"]}
    try:
        if time.monotonic() >= float(str(call["deadline"])):  # it waited for a thread  # guard: too late to begin
            raise NotSent
        value = _called(plugin, call)
        orjson.dumps(value)  # what is no JSON is no answer
        said |= {"end": "answer", "value": value}
    except NotSent:
        said["end"] = "not_sent"
    except Refused:
        said["end"] = "refused"
    except BaseException:  # also `exit()`: whatever it was, the order is in doubt, and its text is not ours to keep
        said["end"] = "failed"
    say(said)


def _called(plugin: Plugin, call: dict[str, JsonValue]) -> JsonValue:
    arguments = call["arguments"]
    if not isinstance(arguments, dict):
        raise NotSent
    operation = str(call["operation"])
    if call["do"] == "read":
        return plugin.read(operation, arguments)
    return plugin.write(operation, arguments, str(call["key"]))


if __name__ == "__main__":
    main()
