"""The references of the settings: where each stands, and that what it names is declared."""

from collections.abc import Iterator

from adapters.credentials.reference import CredentialReference
from contracts.errors import AilyusError
from server.workspace.settings.connection import ConnectionPart
from server.workspace.settings.part import TEXT
from server.workspace.settings.settings import Settings


def references_in(settings: Settings) -> Iterator[tuple[str, str]]:
    """Each reference with the key that holds it; not those that are not given."""
    found: list[tuple[str, str | None]] = [("log.key", settings.log.key), ("log.passphrase", settings.log.passphrase)]
    found += ((f"log.signers.{name}.pin", one.pin) for name, one in settings.log.signers.items())
    if settings.store is not None:
        found += (("store.url", settings.store.url), ("store.secrets", settings.store.secrets))
    if settings.metrics is not None:
        found.append(("metrics.token", settings.metrics.token))
    if settings.credentials.vault is not None:
        found.append(("credentials.vault", settings.credentials.vault.opener))
    if settings.console.oidc is not None:
        found.append(("console.oidc.client_secret", settings.console.oidc.client_secret))
    found += ((f"notices.{name}.secret", one.secret) for name, one in settings.notices.items())
    found += ((f"export.{name}.token", one.token) for name, one in settings.export.items())
    found += ((f"escalations.{name}.secret", one.secret) for name, one in settings.escalations.items())
    for name, connection in settings.connections.items():
        found += ((f"connections.{name}.{key}", text) for key, text in _of_connection(connection))
    yield from ((key, text) for key, text in found if text)


def variables_in(settings: Settings) -> Iterator[str]:
    """The environment variables that settings refer to as credentials."""
    named = (CredentialReference.parse(text) for _, text in references_in(settings))
    return (one.name for one in named if one.kind == "env")


def check_references(settings: Settings) -> None:
    """Raise `bad_settings` for a reference to a program, or to a Vault, that is not declared."""
    for key, text in references_in(settings):
        reference = CredentialReference.parse(text)
        if reference.kind == "exec" and reference.name not in settings.credentials.exec:
            hint = f"declare its `command` under [credentials.exec.{reference.name}]"
            sentence = f"there is no program `{reference.name}` that prints a secret"
            raise AilyusError("bad_settings", sentence, hint=hint, field=key)
        if reference.kind == "vault" and settings.credentials.vault is None:
            hint = "declare its `address` and `auth` under [credentials.vault]"
            raise AilyusError("bad_settings", "there is no Vault to read a secret from", hint=hint, field=key)


def _of_connection(part: ConnectionPart) -> Iterator[tuple[str, str | None]]:
    yield from (("read", part.read), ("write", part.write))
    if part.oauth2 is not None:
        yield from (("oauth2.client_secret", part.oauth2.client_secret), ("oauth2.key", part.oauth2.key))
    if part.browser is not None:
        yield from (("browser.login", part.browser.login), ("browser.read_login", part.browser.read_login))
    if part.mcp is not None:
        yield from ((f"mcp.variables.{n}", one) for n, one in part.mcp.variables.items() if not one.startswith(TEXT))
