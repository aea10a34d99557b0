"""One module for each system whose vendor publishes a description; each has one `SYSTEM`."""

import importlib
import pkgutil

from tests.vendors.system import System


def systems() -> dict[str, System]:
    """Every system by the kind that contracts name as `target`."""
    found = [importlib.import_module(f"{__name__}.{m.name}").SYSTEM for m in pkgutil.iter_modules(__path__)]
    return {system.kind: system for system in found}
