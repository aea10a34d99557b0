"""The layout of a file of policies, by Cedar's own formatter: comments stay, and nothing decides otherwise."""

from typing import Final

import cedarpy

from contracts.errors import AilyusError
from policies.parser_limits import too_deep

WIDTH: Final = 120
"""Characters of a line; Cedar breaks longer conditions."""
_INDENT: Final = 2


def laid_out(file: str, text: str) -> str:
    """The text as Cedar lays it out. Raises `AilyusError` `bad_policy` where it does not parse."""
    hint = "`ailyus policy check` shows where"
    if line := too_deep(text):
        raise AilyusError("bad_policy", "it nests too deeply to be parsed", hint=hint, field=f"{file}:{line}")
    try:
        # a file without any policy gets a line more at each time
        found = cedarpy.format_policies(text, WIDTH, _INDENT).strip()
        same = cedarpy.policies_to_json_str(text) == cedarpy.policies_to_json_str(found)
    except ValueError:
        raise AilyusError("bad_policy", "the file does not parse", hint=hint, field=file) from None
    # INVARIANT: a layout decides nothing; what would is not written
    if not same:
        raise AilyusError("bad_policy", "its layout would change what it says", hint="lay it out by hand", field=file)
    return f"{found}\n" if found else ""
