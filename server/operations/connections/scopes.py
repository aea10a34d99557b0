"""What an authorization server gave, held against the scopes and the account that the release declares."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from adapters.oauth.token_answer import TokenAnswer


@dataclass(frozen=True, slots=True)
class GrantRefusal:
    """Why what was given is not kept."""

    reason: Literal["wider_scopes", "missing_scopes", "other_account"]
    sentence: str
    hint: str


def scope_fault(declared: Sequence[str], told: TokenAnswer) -> GrantRefusal | None:
    """What is given beside or below the declared scopes; None where it is just these (RFC 6749, section 3.3).

    A server that says nothing gave what was asked for. `offline_access` and `openid` count as given where the refresh
    token or the identity token is there: several servers do not repeat them.
    """
    if told.expires_in is not None and not told.refresh_token:
        consent = (
            '`offline_access` with `authorize_parameters = {prompt = "consent"}` (OpenID Connect Core, section 11)'
        )
        hint = f'ask for one: the scope {consent}, or `authorize_parameters = {{access_type = "offline"}}`'
        return GrantRefusal(
            "missing_scopes", "the server gave no refresh token, so the connection would end soon", hint
        )
    if told.scopes is None:
        return None
    wider = sorted(told.scopes - set(declared))
    if wider:  # guard: wider scopes than declared
        hint = "take them away from the app at the vendor, or declare them if the gateway is meant to have them"
        return GrantRefusal("wider_scopes", f"it was given more than is declared: {_named(wider)}", hint)
    implied = {"offline_access"} if told.refresh_token else set()
    implied |= {"openid"} if told.id_token else set()
    missing = sorted(set(declared) - told.scopes - implied)
    if missing:
        hint = "give the consent to all of them, or let an admin of the vendor allow them for the app"
        return GrantRefusal("missing_scopes", f"it was given less than it needs: {_named(missing)}", hint)
    return None


def account_fault(expected: str, account: str) -> GrantRefusal | None:
    """Another account than the declared one; None where it is that, or none is declared."""
    if not expected or account == expected:  # guard: the account that may be connected
        return None
    told = f"`{account}`" if account else "an account that nothing names"
    hint = "sign out at the vendor, and connect the declared one: `expect_account`"
    return GrantRefusal("other_account", f"somebody signed in as {told}, and not as `{expected}`", hint)


def _named(scopes: Sequence[str]) -> str:
    return ", ".join(f"`{scope[:100]}`" for scope in scopes[:10])
