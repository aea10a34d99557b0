"""Random curl lines, and what curl sends for them: by curl's own rules, and by curl itself where it is installed."""

import json
import random
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import quote, quote_plus

from contracts.drafts.curl_draft import draft_lines
from contracts.drafts.shell import words_of
from contracts.errors import AilyusError
from tests.imports import FILLED, Request, Tally, against

SECRETS = ("PRIVATE-TOKEN", "X-Auth-Token", "apikey", "X-Api-Key", "Authorization")
CREDENTIAL = "q7Zr4tYw9sKd2mLx"
WORDS = ("users", "orders", "api", "groups", "items", "v1", "jobs")
NAMES = ("note", "role", "name", "city", "state", "tags[]", "a.b", "limit", "Größe")
TEXTS = (
    "R&D",
    "it's done",
    'say "hi"',
    "a=b",
    "1+1",
    "50%",
    "ä ö",
    "x",
    "7",
    "u-42",
    "",
    "a\\b",
    "$HOME",
    "{x",
    "line\nbreak",
    "tab\t",
    "`id`",
    "{a,b}",
    "#1",
    "é|;<>",
)


def argv(rng: random.Random, base: str) -> list[str]:
    """The arguments of one line that curl sends, its URL among them."""
    out: list[str] = []
    segments = [rng.choice(WORDS), rng.choice(("u-42", "7", "00u1ab", "a%20b", "r.2", "j-17:cancel", "x-1.json"))]
    segments += rng.choice(([], [rng.choice(WORDS)], [rng.choice(WORDS), rng.choice(("5", "7", "z9"))]))
    url = f"{base}/{'/'.join(segments)}"
    if rng.random() < 0.4:
        url += "?" + "&".join(f"{quote(n)}={quote_plus(t)}" for n, t in _some(rng, 2))
    options: list[list[str]] = []
    for name in rng.sample(("Prefer", "Idempotency-Key", "X-Odd", *SECRETS), rng.choice((0, 0, 1, 2))):
        value = {"Prefer": "return=minimal", "Idempotency-Key": "5f1e"}.get(name, CREDENTIAL)
        options.append(["-H", f"{name}: {value}"])
    form = rng.random()
    if form < 0.35:
        body = json.dumps(_json(rng, 0), ensure_ascii=rng.random() < 0.5)
        options += rng.choice(
            ([["--json", body]], [["-H", "Content-Type: application/json"], ["--data-raw", body]], [["-d", body]])
        )
    elif form < 0.85:
        for name, text in _some(rng, 3):
            options.append(
                rng.choice(
                    (
                        ["-d", f"{quote(name)}={quote_plus(text)}"],
                        ["--data-urlencode", f"{quote(name)}={text}"],
                        ["--data-raw", f"{quote(name)}={quote_plus(text)}"],
                    )
                )
            )
    if 0.35 <= form < 0.85 and rng.random() < 0.15:
        options.append(["-G"])
    if rng.random() < 0.6:
        options.append(["-X", rng.choice(("POST", "PUT", "PATCH", "DELETE"))])
    options += rng.sample(
        [["-s"], ["-sS"], ["--compressed"], ["-L"], ["-m", "5"], ["-o", "/dev/null"], ["--max-time", "9"]], 2
    )
    # with `-G`, curl 7.88 drops what its manual says it adds: such a line is refused (`test_what_a_line_may_not_be`)
    if ["-G"] not in options and rng.random() < 0.1:
        options.append(["--url-query", "extra=a b"])
    rng.shuffle(options)
    place = rng.randint(0, len(options))
    for option in [*options[:place], [url], *options[place:]]:
        out += option
    return ["-g", *out]


def _some(rng: random.Random, most: int) -> list[tuple[str, str]]:
    return [(rng.choice(NAMES), rng.choice(TEXTS)) for _ in range(rng.randint(1, most))]


def _json(rng: random.Random, depth: int) -> Any:
    names = rng.sample(("note", "city", "user_id", "on", "count", "nothing", "list", "inner"), rng.randint(1, 4))
    makers = {
        "note": lambda: rng.choice(TEXTS),
        "city": lambda: rng.choice(TEXTS),
        "user_id": lambda: rng.choice(("7", "u-42")),
        "on": lambda: rng.random() < 0.5,
        "count": lambda: rng.choice((0, -5, 12, 2**60, 1.5)) if rng.random() < 0.3 else 3,
        "nothing": lambda: None,
        "list": lambda: rng.choice(([], ["a", "b"], [1, 2], [True], [{"n": 1}, {"n": 2}], [[1], [2]])),
        "inner": lambda: _json(rng, depth + 1) if depth < 2 else {},
    }
    return {name: makers[name]() for name in names}


def shell(rng: random.Random, words: list[str], *, crlf: bool) -> str:
    """The words as somebody would type or copy them."""
    out = "curl"
    for word in words:
        out += rng.choice((" ", " ", " \\\n  ", " \\\r\n " if crlf else "  "))
        out += rng.choice((_single, _double, _ansi, _bare, _mixed))(word)
    return out


def _single(word: str) -> str:
    return "'" + word.replace("'", "'\\''") + "'"


def _double(word: str) -> str:
    return '"' + "".join(f"\\{c}" if c in '\\"$`' else c for c in word) + '"'


def _ansi(word: str) -> str:
    named = {"\n": "\\n", "\t": "\\t", "'": "\\'", "\\": "\\\\"}
    return (
        "$'"
        + "".join(named.get(c) or (c if c.isascii() else f"\\u{ord(c):04x}" if ord(c) < 0xFFFF else c) for c in word)
        + "'"
    )


def _bare(word: str) -> str:
    if not word or "\n" in word or "\t" in word:
        return _single(word)
    return "".join(c if c.isalnum() or c in "-_./:@%+," else f"\\{c}" for c in word)


def _mixed(word: str) -> str:
    half = len(word) // 2
    return _single(word[:half]) + _double(word[half:])


def by_the_rules(words: list[str]) -> Request:
    """What curl sends, after the text of its manual: https://curl.se/docs/manpage.html. Only options that `argv` makes."""
    method, url, get, is_json = "", "", False, False
    data: list[tuple[str, bool]] = []
    queries: list[str] = []
    headers: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        if word in ("-g", "-s", "-sS", "--compressed", "-L"):
            continue
        if word in ("-m", "-o", "--max-time"):
            next(rest)
        elif word == "-G":
            get = True
        elif word == "-X":
            method = next(rest)
        elif word == "-H":
            name, _, value = next(rest).partition(": ")
            headers[name] = value
        elif word in ("-d", "--data-raw"):
            data.append((next(rest), False))
        elif word == "--json":
            data.append((next(rest), True))
            is_json = True
        elif word in ("--data-urlencode", "--url-query"):
            name, _, value = next(rest).partition("=")
            (
                data.append((f"{name}={quote(value, safe='')}", False))
                if word == "--data-urlencode"
                else queries.append(f"{name}={quote(value)}")
            )
        else:
            url = word
    joined = ""
    for index, (text, glued) in enumerate(data):
        joined += ("" if glued or not index else "&") + text
    target = url.partition("//")[2].partition("/")[2]
    extra = [*queries, *([joined] if get else [])]
    for one in extra:
        target += ("&" if "?" in target else "?") + one
    body = b"" if get else joined.encode()
    kind = "application/json" if is_json else "application/x-www-form-urlencoded"
    own = {"content-type": kind, **{n.lower(): v for n, v in headers.items()}}
    return Request.of(method or ("POST" if data and not get else "GET"), f"/{target}", own, body)


@contextmanager
def listening() -> Iterator[tuple[str, list[Request]]]:
    """A server that keeps what it gets."""
    seen: list[Request] = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            seen.append(Request.of(self.command, self.path, dict(self.headers.items()), body))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def by_curl(words: list[str], seen: list[Request]) -> Request:
    """What the installed curl sends."""
    seen.clear()
    subprocess.run(
        [str(shutil.which("curl")), "-q", *words],
        check=True,
        capture_output=True,
        timeout=60,
        env={"PATH": "/usr/bin:/bin"},
    )
    return seen[0]


def by_bash(text: str) -> list[str]:
    """The words that bash makes of a line."""
    script = f"printf '%s\\0'{text.removeprefix('curl')}"
    done = subprocess.run(
        [str(shutil.which("bash")), "-c", script],
        check=True,
        capture_output=True,
        timeout=60,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
    )
    return done.stdout.decode().split("\0")[:-1]


def lines(count: int, seed: int = 18, *, real: bool = True) -> Tally:
    """Compare `count` lines; with `real`, the rules are compared with curl and the words with bash, where they are."""
    rng, tally = random.Random(seed), Tally()
    has_curl, has_bash = real and shutil.which("curl") is not None, real and shutil.which("bash") is not None
    with listening() as (base, seen):
        for number in range(count):
            words = argv(rng, base)
            text = shell(rng, words, crlf=not has_bash or number % 2 == 0)
            if has_bash and "\r" not in text and by_bash(text) != words_of(text)[1:]:
                tally.differences.append(f"{text}\n  bash reads {by_bash(text)}\n  we read {words_of(text)[1:]}")
            expected = by_the_rules(words)
            if has_curl and (own := by_curl(words, seen)) != expected:
                tally.differences.append(f"{text}\n  curl sends {own}\n  its rules {expected}")
            _compare(text, base, expected, tally)
    return tally


def _compare(text: str, base: str, expected: Request, tally: Tally) -> None:
    read = f"curl {base}/look"
    try:
        draft, _ = draft_lines(text, read, "act", "d", {})
    except AilyusError as error:
        if expected.method == "GET" and "is a GET" in error.sentence:
            tally.compared += 1
        elif CREDENTIAL in str(error):
            tally.differences.append(f"{text}\n  the error shows the credential")
        else:
            tally.refused += 1
            REFUSALS[error.sentence] = REFUSALS.get(error.sentence, 0) + 1
        return
    if CREDENTIAL in draft.text(FILLED):
        tally.differences.append(f"{text}\n  the draft holds the credential")
    named = (draft.credential[0].lower(),) if draft.credential else ()
    against(draft, expected, tally, text, named)


REFUSALS: dict[str, int] = {}
