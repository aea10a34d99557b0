"""The URL of a curl line: the base URL of the system, the path below it, and the query."""

import re
from typing import Final
from urllib.parse import unquote, urlsplit

from contracts.drafts.curl_line import HOLE, CurlLine
from contracts.drafts.curl_value import pairs_of, shown
from contracts.errors import AilyusError

_GLOB: Final = re.compile(r"\{[^{}]*\}|\[(?:[0-9]+-[0-9]+|[A-Za-z]-[A-Za-z])(?::[0-9]+)?\]")


def place(line: CurlLine, url: str, more: str, *, glob: bool) -> bool:
    """Write the parts of the URL into the line, `more` behind its query; True where the URL names a user."""
    if any(c <= " " or c == "\x7f" for c in url):
        raise AilyusError(
            "bad_curl", "the URL holds a blank", hint="write `%20`, or give the value by --data-urlencode"
        )
    for several in _GLOB.findall(url) if glob else ():
        if not HOLE.fullmatch(several):  # guard: several requests in one line
            sentence = f"curl makes several requests of `{shown(several)}`"
            raise AilyusError("bad_curl", sentence, hint="one action is about one record: name it, or write {name}")
    text = HOLE.sub(lambda hole: f"{{{hole[1] or hole[2]}}}", url)
    try:
        parts = urlsplit(text)
        # only this raises for a port that is no number
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise AilyusError("bad_curl", f"`{shown(url.partition('?')[0])}` is no http(s) URL")
    # a user and a password in the URL are a credential, and dropped
    host = parts.netloc.rpartition("@")[2]
    base = f"{line.base_url.rstrip('/')}/"
    if line.base_url and parts._replace(netloc=host).geturl().startswith(base):
        line.path = f"/{parts.path.removeprefix(urlsplit(base).path)}"
    else:
        line.base_url, line.path = f"{parts.scheme}://{host}", parts.path or "/"
    # clients resolve these even when they are encoded, so another path would be sent
    if any(unquote(segment) in (".", "..") for segment in line.path.split("/")):
        raise AilyusError("bad_curl", "the path holds `.` or `..`", hint="write the path that is meant")
    line.query = pairs_of("&".join(part for part in (parts.query, more) if part), "the query")
    return parts.username is not None
