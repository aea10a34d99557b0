"""`/livez` and `/readyz`: what load balancers and clusters ask. They need no principal, and say nothing private."""

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from server.admin.health.monitor import HealthMonitor


class HealthEndpoint:
    """Answers with the last results, 200 where all are well and 503 where one is not. It looks at nothing itself."""

    def __init__(self, monitor: HealthMonitor) -> None:
        self._monitor = monitor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI 3."""
        if scope["method"] not in ("GET", "HEAD"):
            await Response("", 405, {"allow": "GET, HEAD"})(scope, receive, send)
            return
        report = self._monitor.alive() if scope["path"] == "/livez" else self._monitor.ready()
        headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
        answer = Response(report.encoded(), 200 if report.ok else 503, headers, media_type="application/json")
        await answer(scope, receive, send)
