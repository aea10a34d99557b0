"""Changed proof files, and what a verdict on one may still say: never anything that the unchanged files do not."""

import base64
import binascii
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from receipts.audit.roots import Roots
from tests.proofs.judges import Verdict, browser, python

BATCH = 250


class Genuine:
    """What unchanged files of one log say."""

    def __init__(self, files: Sequence[bytes], roots: Roots) -> None:
        self.files = files
        self.roots = roots
        verdicts = [python(f, roots) for f in files]
        assert all(v.ok for v in verdicts), [v.says for v in verdicts]
        self.receipts = {v.receipt["receipt"] for v in verdicts}
        self.pieces = {piece for v in verdicts for piece in v.disclosed}
        self.predicates = {p["receipt"]: p for f in files for p in map(_predicate, orjson.loads(f)["statements"])}

    def is_misled(self, mutant: bytes, base: bytes, verdict: Verdict) -> str:
        """'' where the verdict on a mutant is no other than that on its base; else what is wrong with it."""
        if not verdict.ok:
            return ""
        receipt = verdict.receipt["receipt"]
        if self.predicates.get(receipt) != verdict.receipt:
            return "the receipt says what no genuine statement says"
        if receipt != orjson.loads(base)["receipt"] and receipt.encode() not in mutant:
            return "the verdict is about another receipt"
        if not set(verdict.disclosed) <= self.pieces:
            return "evidence that was not committed to"
        was = python(base, self.roots)
        gone = {name for name, _ in was.disclosed} - {name for name, _ in verdict.disclosed}
        own = {name for name in gone if self.predicates[name.split(" ")[0]].get("action")}
        shown = {p["receipt"] for p in map(_predicate, orjson.loads(mutant)["statements"])}
        silent = {name for name in own if name.split(" ")[0] in shown}
        if silent and not any("not opened" in what for what in verdict.unseen):
            return "evidence was left out and the verdict does not say so"
        return "" if any("left statements out" in what for what in verdict.unseen) else "leaving out is not named"


def _predicate(proven: Mapping[str, str]) -> Any:
    return orjson.loads(base64.b64decode(orjson.loads(proven["envelope"])["payload"]))["predicate"]


# -- ways to change a file ---------------------------------------------------------------------------------------------


def flip(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


def splice(data: bytes, rng: random.Random) -> bytes:
    at, size = rng.randrange(len(data)), rng.randrange(4)
    new = rng.choice([b"", b'"', b"0", b"\\", b",", b"\x00", b"\xef\xbb\xbf", b"null", b"{}", "é".encode(), b"1e9"])
    return data[:at] + new + data[at + size :]


def border(data: bytes, rng: random.Random) -> bytes:
    """Bytes move from evidence to its salt, or back."""

    def change(content: Any) -> None:
        piece = rng.choice(content["disclosures"])
        salt, value = base64.b64decode(piece["salt"]), base64.b64decode(piece["data"])
        whole, at = salt + value, rng.choice([0, 1, 8, 15, 17, 24, len(salt) + len(value), rng.randrange(200)])
        piece["salt"], piece["data"] = _b64(whole[:at]), _b64(whole[at:])

    return _changed(data, change)


def twice(data: bytes, rng: random.Random) -> bytes:
    """A key that an object names twice, with another value, before or behind the first."""
    content = orjson.loads(data)
    place = rng.choice([content, rng.choice(content["statements"]), rng.choice(content["disclosures"])])
    key = rng.choice(list(place))
    old = orjson.dumps(place)
    name = key if rng.random() < 0.5 else f"\\u{ord(key[0]):04x}{key[1:]}"
    other = rng.choice([place[key], "", None, [], "x", rng.choice(content["disclosures"])["data"]])
    extra = b'"%s":%s' % (name.encode(), orjson.dumps(other))
    new = b"{" + extra + b"," + old[1:] if rng.random() < 0.5 else old[:-1] + b"," + extra + b"}"
    return orjson.dumps(content).replace(old, new, 1)


def drop(data: bytes, rng: random.Random) -> bytes:
    def change(content: Any) -> None:
        part = content[rng.choice(["statements", "disclosures"])]
        for _ in range(rng.randint(1, min(3, len(part)))):
            del part[rng.randrange(len(part))]

    return _changed(data, change)


def lengthen(data: bytes, rng: random.Random, other: bytes) -> bytes:
    """Statements and disclosures of another genuine file of the log, or of this one again."""

    def change(content: Any) -> None:
        part = rng.choice(["statements", "disclosures"])
        content[part].insert(rng.randrange(len(content[part]) + 1), rng.choice(orjson.loads(other)[part]))

    return _changed(data, change)


def exchange(data: bytes, rng: random.Random) -> bytes:
    """Two parts of the file change places, or one takes the other's."""

    def change(content: Any) -> None:
        part = rng.choice(["statements", "disclosures"])
        one, two = rng.choice(content[part]), rng.choice(content[part])
        for key in rng.sample(list(one), rng.randint(1, len(one) - 1)):
            one[key], two[key] = two[key], one[key] if rng.random() < 0.5 else two[key]

    return _changed(data, change)


def reword(data: bytes, rng: random.Random) -> bytes:
    """A signed body, its signature, key id or a line of its proof."""

    def change(content: Any) -> None:
        proven = rng.choice(content["statements"])
        if rng.random() < 0.4:
            lines = proven["proof"].split("\n")
            at = rng.randrange(len(lines))
            lines[at] = rng.choice([flip(lines[at].encode() or b"x", rng).decode("latin-1"), "", lines[-2], "index 0"])
            proven["proof"] = "\n".join(lines)
            return
        outer = orjson.loads(proven["envelope"])
        where = rng.choice(["payload", "sig"])
        place = outer if where == "payload" else outer["signatures"][0]
        place[where] = _b64(flip(base64.b64decode(place[where]), rng))
        proven["envelope"] = orjson.dumps(outer).decode()

    return _changed(data, change)


def retype(data: bytes, rng: random.Random) -> bytes:
    """A value of another kind, another receipt, another format, a key more or less."""

    def change(content: Any) -> None:
        place = rng.choice([content, rng.choice(content["statements"]), rng.choice(content["disclosures"])])
        value = rng.choice([None, 1, -1, True, [], {}, "", "rcp_other", rng.choice(list(_receipts(content))), 1e300])
        key = rng.choice([*place, "verdict", "__proto__", "constructor"])
        if rng.random() < 0.2:
            place.pop(key, None)
        else:
            place[key] = value

    return _changed(data, change)


def _receipts(content: Any) -> Iterator[str]:
    yield from (_predicate(proven)["receipt"] for proven in content["statements"])


def _changed(data: bytes, change: Callable[[Any], None]) -> bytes:
    content = orjson.loads(data)
    change(content)
    return orjson.dumps(content)


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


WAYS: tuple[Callable[..., bytes], ...] = (flip, splice, border, twice, drop, lengthen, exchange, reword, retype)


def mutants(genuine: Genuine, count: int, seed: int) -> Iterator[tuple[str, bytes, bytes]]:
    """So many changed files: the way, the file that it was, and what became of it."""
    rng = random.Random(seed)
    for number in range(count):
        way, base = WAYS[number % len(WAYS)], rng.choice(genuine.files)
        try:
            made = way(base, rng, rng.choice(genuine.files)) if way is lengthen else way(base, rng)
        except (binascii.Error, ValueError):
            made = flip(base, rng)
        yield way.__name__, base, made


def campaign(genuine: Genuine, count: int, seed: int) -> tuple[dict[str, int], list[str]]:
    """Verdicts counted (`python refused`, …), and every mutant by which a verifier was misled."""
    counts = {f"{who} {what}": 0 for who in ("python", "browser") for what in ("refused", "accepted")}
    misled: list[str] = []
    todo = list(mutants(genuine, count, seed))
    for start in range(0, len(todo), BATCH):
        part = todo[start : start + BATCH]
        theirs = browser([m for _, _, m in part], genuine.roots)
        for (way, base, mutant), other in zip(part, theirs, strict=True):
            for who, verdict in (("python", python(mutant, genuine.roots)), ("browser", other)):
                counts[f"{who} {'accepted' if verdict.ok else 'refused'}"] += 1
                if why := genuine.is_misled(mutant, base, verdict):
                    misled.append(f"{who}, {way}: {why}")
    return counts, misled
