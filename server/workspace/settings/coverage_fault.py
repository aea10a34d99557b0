"""What is wrong with a `[coverage.NAME]`: a connection or an escalation that is not there, or of another tenant."""

from collections.abc import Iterator

from contracts.errors import AilyusError
from server.workspace.settings.settings import Settings


def coverage_faults(settings: Settings, name: str) -> Iterator[AilyusError]:
    """Each fault of one entry, as `bad_settings` with its key."""
    part = settings.coverage[name]

    def fault(key: str, sentence: str, hint: str = "") -> AilyusError:
        return AilyusError("bad_settings", sentence, hint=hint, field=f"coverage.{name}.{key}")

    keys = {"connection": part.connection, "reader": part.reader or part.connection}
    absent = {key: connection for key, connection in keys.items() if connection not in settings.connections}
    for connection in dict.fromkeys(absent.values()):
        key = next(key for key, one in absent.items() if one == connection)
        known = ", ".join(f"`{one}`" for one in settings.connections) or "none"
        yield fault(key, f"there is no connection `{connection}`", f"those of ailyus.toml: {known}")
    if absent:
        return
    # INVARIANT 9: the log of another tenant's account says what that tenant does
    reader = settings.connections[keys["reader"]]
    if reader.tenant != settings.connections[part.connection].tenant:  # guard: an audit log of the same tenant
        yield fault("reader", "the reader belongs to another tenant")
    route = settings.escalations.get(part.escalate or "")
    if part.escalate is not None and (route is None or route.tenant not in (None, reader.tenant)):
        yield fault("escalate", f"there is no escalation `{part.escalate}` for the tenant `{reader.tenant}`")
