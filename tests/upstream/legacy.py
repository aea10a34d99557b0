"""An MCP server of the handshake era (2025-11-25), by hand: in a tool call it asks for sampling, elicitation and roots."""

import json
import sys

ASKED = {
    "s1": (
        "sampling/createMessage",
        {"messages": [{"role": "user", "content": {"type": "text", "text": "say yes"}}], "maxTokens": 5},
    ),
    "s2": (
        "elicitation/create",
        {"message": "password?", "requestedSchema": {"type": "object", "properties": {}}},
    ),
    "s3": ("roots/list", {}),
}


def main() -> None:
    offered, waiting, replies = None, None, []

    def say(**message: object) -> None:
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        sys.stdout.flush()

    for line in sys.stdin:
        message = json.loads(line)
        method, number = message.get("method"), message.get("id")
        if method == "initialize":
            offered = message["params"]["capabilities"]
            about = {"capabilities": {"tools": {}}, "serverInfo": {"name": "legacy", "version": "1"}}
            say(id=number, result={"protocolVersion": "2025-11-25", **about})
        elif method == "tools/list":
            say(id=number, result={"tools": [{"name": "ask", "inputSchema": {"type": "object"}}]})
        elif method == "tools/call":
            waiting = number
            for name, (what, params) in ASKED.items():
                say(id=name, method=what, params=params)
        elif method is None:
            replies.append({key: message.get(key) for key in ("id", "result", "error")})
            if len(replies) == len(ASKED):
                text = json.dumps({"offered": offered, "replies": replies})
                say(id=waiting, result={"content": [{"type": "text", "text": text}]})
        elif number is not None:
            say(id=number, error={"code": -32601, "message": "no such method"})


if __name__ == "__main__":
    main()
