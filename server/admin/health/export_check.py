"""The check of the exports: which are behind, which stopped. It keeps no gateway from serving."""

from server.admin.health.check import HealthCheck, HealthResult
from server.operations.exports import Exports


def export_check(exports: Exports) -> HealthCheck:
    """Tell what the last looks found; no name of an export, since anybody may read it."""

    async def look() -> HealthResult:
        now = exports.standings.values()
        stopped, failing = sum(one.stopped for one in now), sum(bool(one.fault) and not one.stopped for one in now)
        if stopped:
            # agents are served all the same: what an export has not sent stays in the log
            return HealthResult(True, f"{stopped} of {len(now)} exports are stopped: see `ailyus export list`")
        if failing:
            return HealthResult(True, f"{failing} of {len(now)} exports are not taken now, and are tried again")
        behind = max((one.behind for one in now), default=0)
        return HealthResult(True, f"{len(now)} exports go on, {behind} statements behind at most")

    return HealthCheck("export", look)
