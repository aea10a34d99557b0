"""The literals of Cedar's extension types as numbers of their smallest unit (docs.cedarpolicy.com, "Operators")."""

import re
from datetime import UTC, datetime, timedelta, timezone

from policies.proof.formula import GREATEST, LEAST, Unmodelled

DAY_MS = 86_400_000
_DECIMAL = re.compile(r"(-?)(\d+)\.(\d{1,4})")
_DATETIME = re.compile(r"(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d:\d\d)(?:\.(\d{3}))?(?:Z|([+-])(\d\d)(\d\d)))?")
_DURATION = re.compile(r"(-?)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?")
_UNITS_MS = (DAY_MS, 3_600_000, 60_000, 1000, 1)


def number_of(constructor: str, text: str) -> int:
    """The number that a literal such as `decimal("1.5")` stands for. Raises `Unmodelled` for what is none."""
    parsers = {"decimal": _decimal, "datetime": _datetime, "duration": _duration}
    number = parsers[constructor](text) if constructor in parsers else None
    # validation refuses such a literal before; where it did not, nothing is guessed
    if number is None or not LEAST <= number <= GREATEST:
        raise Unmodelled(f'`{constructor}("{text}")`')
    return number


def _decimal(text: str) -> int | None:
    if not (found := _DECIMAL.fullmatch(text)):
        return None
    number = int(found[2]) * 10_000 + int(found[3].ljust(4, "0"))
    return -number if found[1] else number


def _datetime(text: str) -> int | None:
    if not (found := _DATETIME.fullmatch(text)):
        return None
    day, time, thousandths, sign, hours, minutes = found.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{time or '00:00:00'}")
        ahead = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
        zone = timezone(-ahead if sign == "-" else ahead)
    except ValueError:
        return None
    since = moment.replace(tzinfo=zone) - datetime.fromtimestamp(0, UTC)
    return since // timedelta(milliseconds=1) + int(thousandths or 0)


def _duration(text: str) -> int | None:
    found = _DURATION.fullmatch(text)
    if not found or not any(found.groups()[1:]):
        return None
    number = sum(int(count or 0) * unit for count, unit in zip(found.groups()[1:], _UNITS_MS, strict=True))
    return -number if found[1] else number
