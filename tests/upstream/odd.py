"""An MCP server with one oddity, on its pipes: `python tests/upstream/odd.py ODDITY`. It knows the handshake era alone."""

import json
import sys
import time

SCHEMA = {"type": "object", "properties": {}}
PLAIN = [{"name": "first", "inputSchema": SCHEMA}, {"name": "second", "inputSchema": SCHEMA}]
MALFORMED = [{"name": "broken", "inputSchema": "none"}, {"inputSchema": SCHEMA}, "no tool at all", None]


def page(oddity: str, cursor: str | None) -> dict[str, object]:
    number = int(cursor or 0)
    if oddity == "repeats":
        return {"tools": PLAIN, "nextCursor": "1"}
    if oddity == "empty cursor":
        return {"tools": PLAIN, "nextCursor": ""}
    if oddity == "malformed":
        return {"tools": [*MALFORMED, *PLAIN]}
    if oddity == "twins":
        return {"tools": [*PLAIN, *PLAIN]}
    if oddity == "pages" and number < 29:
        return {"tools": [{"name": f"tool{number}", "inputSchema": SCHEMA}], "nextCursor": str(number + 1)}
    if oddity == "endless":
        return {"tools": [{"name": f"tool{number}", "inputSchema": SCHEMA}], "nextCursor": str(number + 1)}
    return {"tools": PLAIN}


def main(oddity: str) -> None:
    if oddity.startswith("slow "):
        time.sleep(float(oddity.removeprefix("slow ")))
    first = True
    for line in sys.stdin:
        message = json.loads(line)
        method, number = message.get("method"), message.get("id")
        if first and method != "initialize" and oddity == "initialize first":
            return
        first = False
        if method == "initialize":
            about = {"capabilities": {"tools": {}}, "serverInfo": {"name": "odd", "version": "1"}}
            result: dict[str, object] = {"protocolVersion": "2025-11-25", **about}
        elif method == "tools/list":
            result = page(oddity, (message.get("params") or {}).get("cursor"))
        elif method == "tools/call":
            result = {"content": [{"type": "text", "text": "done"}]}
        elif number is None:
            continue
        else:
            print(json.dumps({"jsonrpc": "2.0", "id": number, "error": {"code": -32601, "message": "no"}}), flush=True)
            continue
        print(json.dumps({"jsonrpc": "2.0", "id": number, "result": result}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
