"""The editor of policies as the console serves it: CodeMirror's files, where they are; else the form's text area."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from server.workspace.policy_editor import editor_files


class PolicyEditor:
    """CodeMirror's files of one workspace."""

    def __init__(self, root: Path) -> None:
        # read once: whoever brings them later starts the gateway again
        self._files = editor_files(root)

    @property
    def is_there(self) -> bool:
        """Does the page have colours?"""
        return bool(self._files)

    async def file(self, request: Request) -> Response:
        """One of them by its name; no path leads to anything else."""
        content = self._files.get(name := request.path_params["name"])
        if content is None:
            return Response("not found", 404, media_type="text/plain")
        kind = "text/css" if name.endswith(".css") else "text/javascript"
        return Response(content, media_type=kind, headers={"cache-control": "no-cache"})
