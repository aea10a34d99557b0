"""What is wrong with settings: each fault with its key, where that key was written, and what it may be meant for."""

from collections.abc import Mapping
from difflib import get_close_matches

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from contracts.errors import AilyusError
from server.workspace.settings.keys import EACH, NAME, keys
from server.workspace.settings.settings import PREFIX
from server.workspace.settings.variables import source_of

_MANY = 8
_UNKNOWN = "extra_forbidden"


def faults_of(error: ValidationError, file: str, environ: Mapping[str, str]) -> list[AilyusError]:
    """Each fault of the settings that `error` tells of. Values are not quoted: one may be a secret."""
    found = error.errors(include_input=False, include_url=False)
    # unknown keys first: what is missing often is what was misspelt
    found.sort(key=lambda one: one["type"] != _UNKNOWN)
    return [_fault(one, file, environ) for one in found]


def _fault(one: ErrorDetails, file: str, environ: Mapping[str, str]) -> AilyusError:
    loc = one["loc"]
    where, variable = ".".join(map(str, loc)), source_of(loc, environ)
    if one["type"] == _UNKNOWN:
        return AilyusError("bad_settings", f"`{where}` is no setting", hint=_meant(loc), field=variable or file)
    message = one["msg"].removeprefix("Value error, ")
    # a credential under such a name is taken for the setting, which nobody would guess from the message
    hint = f"a name that begins with `{PREFIX}` is a setting's: give a credential another one" if variable else None
    sentence = f"`{where}`: {message[:1].lower()}{message[1:]}"
    return AilyusError("bad_settings", sentence, hint=hint, field=variable or file)


def _meant(loc: tuple[str | int, ...]) -> str:
    above, name = loc[:-1], str(loc[-1])
    at = tuple(EACH if isinstance(step, int) else step for step in above)
    # below a table of named parts the second step is a name of the file's own
    shapes = {at, (*at[:1], NAME, *at[2:]), (*at[:2], NAME, *at[3:])}
    beside = sorted({key.path[len(at)] for key in keys() if len(key.path) > len(at) and key.path[: len(at)] in shapes})
    close = get_close_matches(name, beside, 1, 0.6)
    if close:
        return f"did you mean `{'.'.join(map(str, (*above, close[0])))}`?"
    if len(beside) <= _MANY:
        return f"one of {', '.join(beside)}"
    return "`ailyus settings show` lists every setting"
