"""The file `ailyus.toml`: read as TOML, and checked beyond what its model says."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from contracts.action.http_request import check_base_url
from contracts.errors import AilyusError
from contracts.text.source import MalformedSource, read_source
from server.workspace.connection_check import check_connection
from server.workspace.settings.notification import EscalationPart, NoticePart
from server.workspace.settings.references import check_references, variables_in
from server.workspace.settings.settings import PREFIX, SEPARATOR, Settings
from server.workspace.targets import targets_of

FILE = "ailyus.toml"


def read_settings(folder: Path) -> Settings:
    """The settings of a workspace. Raises `AilyusError` with what to change."""
    try:
        settings = Settings(**content_of(folder))
    except ValidationError as error:
        from server.workspace.settings.fault import faults_of  # 0.1 s, which only a fault has to wait for

        # the first alone: the others often follow from it
        raise faults_of(error, FILE, os.environ)[0] from None
    check_settings(settings)
    return settings


def content_of(folder: Path) -> dict[str, Any]:
    """What the file says, as TOML. Raises `AilyusError` where it is none."""
    path = folder / FILE
    if not path.exists():
        raise AilyusError("no_workspace", f"there is no `{FILE}` in `{folder}`")
    try:
        return tomllib.loads(read_source(path))
    except (tomllib.TOMLDecodeError, MalformedSource, RecursionError) as error:
        raise AilyusError("bad_settings", f"the file is no TOML: {error}", field=FILE) from None


def check_settings(settings: Settings) -> None:
    """Raise `AilyusError` for what no single key tells: parts that do not fit each other, and misspelt variables."""
    _check_variables(settings)
    for name, connection in settings.connections.items():
        if connection.adapter and connection.adapter not in settings.adapters:
            hint = f"name it under [adapters.{connection.adapter}]; see `ailyus adapter list`"
            sentence = f"there is no adapter `{connection.adapter}`"
            raise AilyusError("bad_settings", sentence, hint=hint, field=f"{FILE}: connections.{name}")
    for name, target in targets_of(settings).items():
        try:
            check_connection(target)
        except AilyusError as error:
            field = f"{FILE}: connections.{name}"
            raise AilyusError(error.code, error.sentence, hint=error.hint, field=field) from None
    check_references(settings)
    _check_issuers(settings)
    _check_roles(settings)
    _check_tenants(settings)
    if not settings.browser.sandbox and not settings.development:
        hint = "`sandbox = false` is for workspaces with `development = true`; see `user` under [browser]"
        raise AilyusError("bad_settings", "the browser keeps its sandbox", hint=hint, field=FILE)


def _check_variables(settings: Settings) -> None:
    if all(_is_of_a_part(name) for name in os.environ if name.upper().startswith(PREFIX)):
        return
    from server.workspace.settings.variables import unread_variables

    for one in unread_variables(os.environ, variables_in(settings)):
        if one.is_misspelt:  # guard: no variable is ignored in silence
            hint = f"did you mean `{one.nearest}`?" if one.nearest else "`ailyus settings show` lists every setting"
            raise AilyusError("bad_settings", f"no setting is read from `{one.name}`", hint=hint)


def _is_of_a_part(variable: str) -> bool:
    return variable[len(PREFIX) :].split(SEPARATOR)[0].lower() in Settings.model_fields


def _check_issuers(settings: Settings) -> None:
    oauth, oidc = settings.oauth, settings.console.oidc
    for name, one in settings.connections.items():
        if oauth is None and one.oauth2 is not None and one.oauth2.grant == "token_exchange":
            hint = "`[oauth]` names the issuer of the access tokens that agents call with; other calls bring none"
            sentence = "`token_exchange` needs `[oauth]`"
            raise AilyusError("bad_settings", sentence, hint=hint, field=f"{FILE}: connections.{name}.oauth2")
    for place, url in (
        *((("oauth", oauth.issuer), ("oauth", oauth.keys or oauth.issuer)) if oauth else ()),
        *((("console.oidc", oidc.issuer),) if oidc else ()),
    ):
        try:
            check_base_url(url)
        except AilyusError as error:
            raise AilyusError(error.code, error.sentence, hint=error.hint, field=f"{FILE}: {place}") from None


def _check_roles(settings: Settings) -> None:
    # a role that is misspelt would give nobody the right, and everybody would believe that somebody has it
    oidc = settings.console.oidc
    for where, named in (
        ("console: admins", settings.console.admins),
        ("release: roles", settings.release.roles),
        ("console.oidc: roles", tuple(oidc.roles.values()) if oidc else ()),
        *((f"notices.{name}: roles", notice.roles) for name, notice in settings.notices.items()),
    ):
        if unknown := sorted(set(named) - set(settings.roles)):
            hint = f"one of {', '.join(settings.roles)}"
            raise AilyusError(
                "bad_settings", f"`{unknown[0]}` is no declared role", hint=hint, field=f"{FILE}: {where}"
            )


def _check_tenants(settings: Settings) -> None:
    # a route of a tenant that nobody belongs to would tell nobody, and everybody would believe that somebody is told
    known = sorted({p.tenant for p in settings.people} | {c.tenant for c in settings.connections.values()})
    routes: Mapping[str, Mapping[str, NoticePart | EscalationPart]] = {
        "notices": settings.notices,
        "escalations": settings.escalations,
    }
    for noun, parts in routes.items():
        for name, part in parts.items():
            field, following = f"{FILE}: {noun}.{name}", parts.get(part.next or "")
            if part.tenant is not None and part.tenant not in known:
                hint = f"one of {', '.join(known)}" if known else "no person and no connection names a tenant yet"
                raise AilyusError("bad_settings", f"`{part.tenant}` is no tenant", hint=hint, field=f"{field}: tenant")
            if following is not None and following.tenant not in (None, part.tenant):
                sentence = f"`{part.next}` is told of the tenant `{following.tenant}` alone"
                hint = f'tenant = "{following.tenant}" here, or none there'
                raise AilyusError("bad_settings", sentence, hint=hint, field=f"{field}: next")
