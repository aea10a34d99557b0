"""What may be a credential, by its name or its form: it belongs to a connection, never into a contract."""

import re
from typing import Final

HARMLESS: Final = frozenset(
    {
        "accept",
        "accept-language",
        "api-version",
        "consistencylevel",
        "content-language",
        "content-type",
        "intercom-version",
        "notion-version",
        "odata-maxversion",
        "odata-version",
        "prefer",
        "stripe-version",
        "x-api-version",
        "x-github-api-version",
        "x-requested-with",
    }
)
"""Headers whose values say how to talk, never who talks. Every other header is named, and its value is not kept."""
OF_THE_CLIENT: Final = frozenset(
    {
        "accept-encoding",
        "cache-control",
        "connection",
        "content-length",
        "dnt",
        "pragma",
        "priority",
        "te",
        "upgrade-insecure-requests",
        "user-agent",
    }
)
"""Headers that each client sets for itself, so that they are no part of the request that is asked for."""
IDEMPOTENCY: Final = frozenset({"idempotency-key", "x-idempotency-key", "idempotent-key", "paypal-request-id"})
_SECRET_WORDS: Final = (
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "authkey",
    "appkey",
    "subscriptionkey",
    "signingkey",
    "credential",
    "authorization",
    "bearer",
    "sessionid",
    "jwt",
)
_WHOLE_WORDS: Final = frozenset({"auth", "pwd", "sig", "signature", "hmac", "csrf", "xsrf", "sid", "cookie", "session"})
# `next_token` or `page_token` is a place in a list, and no credential
_PAGING: Final = frozenset({"page", "next", "previous", "sync", "continuation", "cursor", "tokens", "max"})
# prefixes that issuers give their credentials so that scanners find them
_FORMS: Final = re.compile(
    r"gh[opsru]_|github_pat_|glpat-|xox[abeprs]-|xapp-|[rs]k_(?:live|test)_|sk-|(?:AKIA|ASIA)[A-Z0-9]{12}|eyJ[A-Za-z0-9_-]{8}"
    r"|-----BEGIN|shp[a-z]{2}_|npm_|pypi-|AIza|ya29\.|dop_v1_|hv[sb]\.|lin_api_|SG\.[A-Za-z0-9_-]{8}"
    r"|(?:Bearer|Basic|SSWS|Token|GenieKey) [A-Za-z0-9+/=_.-]{6}|(?:bot)?[0-9]{6,}:[A-Za-z0-9_-]{30}"
)
_PLAIN: Final = re.compile(r"[\x20-\x7e]{0,200}")
# a long word with a digit in it is more often a key than a version
_LONG: Final = re.compile(r"(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{20,}")
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9_-]{0,24})[ \t]+\S")


def names_a_secret(name: str) -> bool:
    """Does a header, a query's name or a field's name say that its value is a credential?"""
    words = [word for word in re.split(r"[^a-z0-9]+", re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()) if word]
    # a word such as `secret` beside it still counts
    if _PAGING & set(words):
        return any(word in "".join(words) for word in ("password", "secret", "apikey"))
    return bool(_WHOLE_WORDS & set(words)) or any(word in "".join(words) for word in _SECRET_WORDS)


def looks_secret(value: str) -> bool:
    """Has a value the form of a credential that some system issues?"""
    return _FORMS.match(value) is not None


def is_harmless(name: str, value: str) -> bool:
    """May a header be written into a contract with its value?"""
    plain = _PLAIN.fullmatch(value) is not None and "${" not in value
    # guard: headers by a list of harmless ones
    return name.lower() in HARMLESS and plain and not looks_secret(value) and _LONG.search(value) is None


def scheme_of(name: str, value: str) -> str:
    """The word before a credential in its header: `Bearer` of `Authorization: Bearer …`; empty without one."""
    found = _SCHEME.match(value.strip())
    return found[1] if found else ""
