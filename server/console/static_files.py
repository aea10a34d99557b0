"""The static files of the console."""

from functools import cache
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response

STATIC = {
    "console.css": "text/css",
    "console.js": "text/javascript",
    "encoding.js": "text/javascript",
    "verify.js": "text/javascript",
    "policy-editor.js": "text/javascript",
    "icon.svg": "image/svg+xml",
    "icon-waiting.svg": "image/svg+xml",
}


async def static_file(request: Request) -> Response:
    """One of them by its name; no path leads to anything else."""
    name = request.path_params["name"]
    if name not in STATIC:
        return Response("not found", 404, media_type="text/plain")
    return Response(_content(name), media_type=STATIC[name], headers={"cache-control": "no-cache"})


@cache
def _content(name: str) -> bytes:
    return files("server.console").joinpath("static", name).read_bytes()
