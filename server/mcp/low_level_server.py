"""The low-level MCP server of the SDK, with what it leaves to us: who hears of changed tools, and which faults leak."""

from typing import Any

import mcp_types as types
import structlog
from mcp.server.context import CallNext, HandlerResult
from mcp.server.lowlevel.server import NotificationOptions, Server
from mcp.server.models import InitializationOptions
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError

from contracts.errors import AilyusError
from server.mcp.tasks import METHODS, Context
from server.observability import tracing

log = structlog.get_logger()


class LowLevelServer(Server[dict[str, Any]]):
    """The SDK's server; `tells` says whether clients of the handshake era hear that the tools changed."""

    tells = False

    def create_initialization_options(
        self,
        notification_options: NotificationOptions | None = None,
        experimental_capabilities: dict[str, dict[str, Any]] | None = None,
        extensions: dict[str, dict[str, Any]] | None = None,
    ) -> InitializationOptions:
        """What `initialize` is answered with. The tasks extension belongs to the modern era."""
        # over HTTP the SDK always advertises `listChanged: false` in the handshake era, whoever tells what
        options = notification_options or NotificationOptions(tools_changed=self.tells)
        return super().create_initialization_options(options, experimental_capabilities, extensions or {})


async def shielded(ctx: Context, call_next: CallNext) -> HandlerResult:
    """Around every request: in the handshake era the SDK tells a client the text of whatever is raised."""
    try:
        return await call_next(ctx)
    except (MCPError, ValidationError):
        raise
    except AilyusError as error:
        raise MCPError(types.INVALID_PARAMS, f"{error.sentence}; {error.hint}") from None
    except Exception:  # nothing of an exception leaks
        log.exception("request_fault", method=tracing.known_method(ctx.method, METHODS))
        raise MCPError(types.INTERNAL_ERROR, "the gateway met a fault of its own") from None
