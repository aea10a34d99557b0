"""The targets of a release: what the settings say of each connection."""

from typing import Literal

from contracts.action.oauth_client import OAuthClient, TokenReference
from contracts.action.target import Mcp, PluginRef, Target, Ui
from server.workspace.settings.connection import ConnectionPart
from server.workspace.settings.settings import Settings


def targets_of(settings: Settings) -> dict[str, Target]:
    """The connections as targets."""
    return {
        name: Target(
            name=name,
            kind=c.kind,
            base_url=c.base_url,
            tenant=c.tenant,
            environment=c.environment,
            read=_reference(name, c, "read"),
            write=_reference(name, c, "write"),
            principal=c.principal,
            header=c.header,
            scheme=c.scheme,
            direct=c.direct,
            origin_trusted=c.origin_trusted,
            max_timeout_ms=c.max_timeout,
            max_settle_ms=c.max_settle,
            auth=c.auth,
            region=c.region,
            service=c.service,
            max_in_flight=c.max_in_flight,
            per_minute=c.per_minute,
            exclusive=c.exclusive,
            rights=c.rights,
            # sorted: the digest of a connection must not depend on the order in which somebody wrote them
            headers=tuple(sorted((n.lower(), v) for n, v in c.headers.items())),
            ui=_ui(c),
            mcp=_mcp(c),
            plugin=_plugin(settings, c),
            oauth2=_client(c),
            check=c.check,
        )
        for name, c in settings.connections.items()
    }


def _reference(name: str, connection: ConnectionPart, use: Literal["read", "write"]) -> str:
    client = _client(connection)
    if client is None:
        return (connection.read if use == "read" else connection.write) or "none"
    place = connection.base_url or (connection.mcp.url if connection.mcp else "")
    return TokenReference.of(name, place, connection.tenant, client, client.side(use)).text


def _client(connection: ConnectionPart) -> OAuthClient | None:
    part = connection.oauth2
    if part is None:
        return None
    return OAuthClient(
        grant=part.grant,
        client_id=part.client_id,
        client_auth=part.proof,
        issuer=part.issuer,
        authorize_url=part.authorize_url,
        token_url=part.token_url,
        revoke_url=part.revoke_url,
        client_secret=part.client_secret or "",
        key=part.key or "",
        key_id=part.key_id,
        subject=part.subject,
        audience=part.audience,
        resource=part.resource,
        read_scopes=part.read_scopes,
        write_scopes=part.write_scopes,
        per_person=part.per_person or part.grant == "token_exchange",
        account=part.account,
        expect_account=part.expect_account,
        authorize_parameters=tuple(sorted(part.authorize_parameters.items())),
        timeout_ms=part.timeout,
    )


def _plugin(settings: Settings, connection: ConnectionPart) -> PluginRef | None:
    part = settings.adapters.get(connection.adapter)
    return PluginRef(part.entry_point, part.digest) if part else None


def _mcp(connection: ConnectionPart) -> Mcp | None:
    part = connection.mcp
    if part is None:
        return None
    # sorted: the digest of a connection must not depend on the order in which somebody wrote them
    variables = tuple(sorted(part.variables.items()))
    return Mcp(part.url, part.command, variables, part.directory, part.start_timeout / 1000)


def _ui(connection: ConnectionPart) -> Ui | None:
    part = connection.browser
    if part is None:
        return None
    return Ui(
        base_url=part.base_url or connection.base_url,
        login=part.login,
        principal=part.principal,
        read_login=part.read_login or "",
        read_principal=part.read_principal or part.principal,
        origins=part.origins,
        rights=part.rights,
        max_timeout_ms=part.max_timeout,
    )
